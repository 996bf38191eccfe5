/*
 * refusal.h - why a request is not taken. For api/ only.
 *
 * What checks input fills one in and answers 1; 0 means: go on. code is stable and for programs;
 * detail is for people: what is wrong, and what to send instead.
 */
#ifndef API_REFUSAL_H
#define API_REFUSAL_H

#include "base/buf.h"
#include "net/problem.h"

struct refusal {
    int status;
    const char *code; /* of static life */
    char detail[PROBLEM_DETAIL_MAX];
};

/* Always 1, so that callers can `return refuse(...)`. */
int refuse(struct refusal *ret_refusal, int status, const char *code, const char *fmt, ...)
    PRINTF(4, 5);

/* "; did you mean 'agent'?" or "": for the end of a detail. */
enum { MEANT_TEXT_MAX = 160 };
const char *meant_text(char text[MEANT_TEXT_MAX], struct slice word, const char *const *known,
                       size_t known_n);

/* Text from outside inside a detail: at most 64 bytes, made visible. */
enum { QUOTED_TEXT_MAX = 300 };
const char *quoted_text(char text[QUOTED_TEXT_MAX], struct slice from_outside);

#endif
