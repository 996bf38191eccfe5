/*
 * openai_answer.h - a response of status 2xx, read. For model/ only. Pure.
 *
 * What a result points to is the answer's, until openai_answer_release().
 */
#ifndef MODEL_OPENAI_ANSWER_H
#define MODEL_OPENAI_ANSWER_H

#include "base/arena.h"
#include "base/json.h"
#include "model/model.h"

enum { OPENAI_ANSWER_BYTES_MAX = 32 << 20 };

/* Writing a value that was read makes it no longer than this: "1e9" becomes 1000000000.0. */
enum { OPENAI_GROWTH_MAX = 8 };

/* Zeroed is empty. */
struct openai_answer {
    struct json *root;
    struct arena *texts; /* what is not in the body as it stands */
    struct buf wire;
    struct buf raw;
};

/*
 * Fills in the result, http_status and done-fields of the call apart: MODEL_OK with all of the
 * answer, or another error with a message, and with usage if that could be read. What is taken and
 * what is not: openai.h. `key` is what no message may contain.
 */
void openai_answer_read(struct openai_answer *answer, struct slice body, struct slice key,
                        struct model_result *result);

/* The text of a part of a content list, or { NULL, 0 } for parts of other kinds. */
struct slice openai_text_of_part(const struct json *part);

void openai_answer_release(struct openai_answer *answer); /* repeatable */

#endif
