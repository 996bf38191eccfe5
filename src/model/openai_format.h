/*
 * openai_format.h - the chat completions format, written. For model/ only.
 *
 * Pure. Messages are put with the comma that parts them from the one before. See openai.h for what
 * is sent to whom.
 */
#ifndef MODEL_OPENAI_FORMAT_H
#define MODEL_OPENAI_FORMAT_H

#include "base/json.h"
#include "model/model.h"

/* An assistant's message to be. Ids are unique already. */
struct openai_message {
    struct slice text;
    int is_text_null; /* written as null: what most servers write beside tool calls */
    const struct model_tool_call *calls;
    size_t calls_n;
    /* Where to keep added members from; NULL: from nowhere. kept_calls is one for each call. */
    const struct json *kept;
    const struct json *const *kept_calls;
};

void openai_put_assistant(struct buf *wire, const struct openai_message *message);

/* Is it a member of a message that openai_put_assistant() keeps? */
int openai_is_kept(const char *key);

/* "host" of "https://user@host:443/v1"; empty if there is none. */
struct slice openai_host(struct slice url);

/* The body of a request; at most openai_request_bytes() long. */
size_t openai_request_bytes(const struct model_call *call);
void openai_put_request(struct buf *body, const struct model_call *call);

#endif
