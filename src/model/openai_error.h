/*
 * openai_error.h - what a failed call says: its kind, a message for people, when to come back.
 * For model/ only. Pure.
 */
#ifndef MODEL_OPENAI_ERROR_H
#define MODEL_OPENAI_ERROR_H

#include "base/json.h"
#include "model/model.h"

/* The headers of a response that matter to a failure; { NULL, 0 }: absent. */
struct openai_hints {
    struct slice should_retry;       /* x-should-retry */
    struct slice retry_after_ms;     /* retry-after-ms */
    struct slice retry_after;        /* retry-after */
    struct slice remaining_requests; /* x-ratelimit-remaining-requests */
    struct slice reset_requests;     /* x-ratelimit-reset-requests */
    struct slice remaining_tokens;   /* x-ratelimit-remaining-tokens */
    struct slice reset_tokens;       /* x-ratelimit-reset-tokens */
    struct slice request_id;         /* x-request-id */
};

enum { OPENAI_RETRY_AFTER_MAX_MS = 3600 * 1000 };

/*
 * Sets error, message and retry_after_ms from a response that is no success; http_status is set
 * already. `key` is what no message may contain.
 */
void openai_error_read(struct model_result *result, struct slice body,
                       const struct openai_hints *hints, struct slice key, int64_t now_wall_ms);

/* The same from an error document in place of an answer: some say 200 and then {"error": ...}. */
void openai_error_in_answer(struct model_result *result, const struct json *error,
                            struct slice key);

/* The same from a call that ended without a response. */
void openai_error_of_call(struct model_result *result, const struct err *err, struct slice key);

/* Sets error MODEL_BAD_ANSWER and its message: `why`, and how the body begins. */
void openai_error_bad_answer(struct model_result *result, const char *why, struct slice body,
                             struct slice key);

/* The same of a chunk of a stream. */
void openai_error_bad_chunk(struct model_result *result, const char *why, struct slice chunk,
                            struct slice key);

/* MODEL_TIMED_OUT, of a stream that ended properly, but before its answer did. */
void openai_error_cut_stream(struct model_result *result);

/* The same, of one that was ended since nothing came any more. */
void openai_error_silent_stream(struct model_result *result, int64_t silent_ms);

/* When the response asks to be asked again, from now, in [0, OPENAI_RETRY_AFTER_MAX_MS]. */
int64_t openai_retry_after_ms(const struct openai_hints *hints, int status, int64_t now_wall_ms);

#endif
