/*
 * scripted_reply.h - what a script answers to a call. For model/ only. Pure.
 */
#ifndef MODEL_SCRIPTED_REPLY_H
#define MODEL_SCRIPTED_REPLY_H

#include "base/arena.h"
#include "base/json.h"
#include "model/model.h"

enum { SCRIPT_BYTES_MAX = 1 << 20, SCRIPT_LINES_DEFAULT = 32 };

/* A way of failing that is no HTTP status. */
struct script_failure {
    const char *kind; /* "timeout"; NULL ends the list */
    enum model_error error;
    const char *message;
};

extern const struct script_failure script_failures[];

/* Zeroed is empty. */
struct script_reply {
    int64_t delay_ms;
    struct model_result result; /* points into what follows */
    struct json *script;
    struct arena *texts;
    struct buf wire;
};

/* Fills in a zeroed reply: always a result, if need be one that says what is wrong. */
void script_reply_make(struct script_reply *reply, const struct model_call *call);
void script_reply_release(struct script_reply *reply);

#endif
