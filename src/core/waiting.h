/*
 * waiting.h - the builtin tools that ask nothing of a machine: what their arguments come to.
 *
 *   ask_user        {"question": "...", "choices": ["...", ...]}   choices may be left out
 *   sleep_until     {"at": "2026-11-25T18:00:00Z"} or {"for": "90s"}
 *   wait_for_event  {"name": "paid", "timeout": "2h"}              timeout may be left out
 *
 * Pure: the same arguments at the same time come to the same anywhere, later.
 */
#ifndef CORE_WAITING_H
#define CORE_WAITING_H

#include "base/json.h"
#include "core/event.h"

enum {
    WAITING_QUESTION_MAX = 16 * 1024, /* bytes */
    WAITING_CHOICES_MAX = 20,
    WAITING_CHOICE_MAX = 200,       /* bytes */
    WAITING_ANSWER_MAX = 64 * 1024, /* bytes of what a person answers */
    WAITING_DAYS_MAX = 366,
    SIGNAL_NAME_MAX = 128,
    SIGNAL_DATA_MAX = 64 * 1024, /* bytes of its JSON */
    /* Signals that a session keeps until a wait takes them, and the bytes of their data in all. */
    SIGNALS_KEPT_MAX = 1000,
    SIGNALS_KEPT_BYTES_MAX = 1024 * 1024,
};

/* CALL_QUESTION, CALL_SLEEP or CALL_SIGNAL for the builtin of that name; else CALL_TOOL. */
enum call_type waiting_type_of(struct slice builtin);

/*
 * Sets type, due_ms and signal_hash of *decl. A time that has passed comes to now_ms.
 * ERR_INVALID: such arguments mean nothing; the text is for the model.
 */
enum err_code waiting_read(struct call_decl *decl, enum call_type type,
                           const struct json *arguments, int64_t now_ms,
                           struct err *err) MUST_CHECK;

/* 1 to SIGNAL_NAME_MAX of the characters A-Z a-z 0-9 . _ - */
int signal_name_is_valid(struct slice name);

/* True if these arguments of a question take that answer: any, or one of its choices. */
int waiting_takes(const struct json *arguments, struct slice answer);

#endif
