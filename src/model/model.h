/*
 * model.h - asking a language model, as a request that is data.
 *
 * A model client is one way to get an answer: a provider over HTTP (openai.h), a script
 * (scripted.h), a simulator's. The engine knows clients only by this interface.
 *
 * Completion: each call that was started ends in exactly one call of call->done, on the loop's
 * thread, never from inside start() or cancel(). A client never retries.
 *
 * Ownership: the caller owns *call until done has run. What its slices point to is read within
 * start() only, so that a session's history may grow while a call of it is open. What call->result
 * points to is the client's and valid during done only.
 *
 * Messages are kept in the form in which the provider wants them ("wire"): rendered once, when the
 * event is recorded, and put together for each request without being parsed again. One wire may
 * hold several messages, parted by commas; none has a comma at its ends.
 */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "base/buf.h"
#include "core/event.h"
#include "core/price.h"

struct model_client;
struct model_call;

/* What went wrong, by what can be done about it. */
enum model_error {
    MODEL_OK,
    MODEL_RATE_LIMITED, /* 429: later; retry_after_ms if it said so */
    MODEL_OVERLOADED,   /* 503, 529: later */
    MODEL_SERVER_ERROR, /* other 5xx, 408, 409: later */
    MODEL_UNREACHABLE,  /* surely not received: no address, refused */
    MODEL_TIMED_OUT,    /* no answer in time, or the connection was lost: may have been received */
    MODEL_BAD_ANSWER,   /* 200 with what is no answer: garbage, cut off, empty, too large */
    MODEL_UNAUTHORIZED, /* 401, 403: the key */
    MODEL_NOT_FOUND,    /* 404: the model or the address */
    MODEL_REFUSED,      /* 400, 413, 422: this request will never pass */
    MODEL_NO_QUOTA,     /* 429 with insufficient_quota, 402: a person has to pay */
    MODEL_CANCELLED,    /* model_client_cancel() */
    MODEL_ERROR_COUNT
};

int model_error_is_retryable(enum model_error error);
/*
 * The provider may have generated something, so the reservation stays spent. What it refused before
 * it generated (any 4xx, overload) costs nothing.
 */
int model_error_may_have_cost(enum model_error error);
const char *model_error_name(enum model_error error);   /* "rate_limited", "unauthorized", ... */
const char *model_error_advice(enum model_error error); /* what a person can do; "" for MODEL_OK */

/* What an HTTP status of a provider stands for, its body unseen. 2xx is MODEL_OK. */
enum model_error model_error_of_status(int status);

/* A tool as the model is told of it. */
struct model_tool {
    struct slice name;
    struct slice description;
    struct slice parameters; /* JSON Schema, an object */
};

/* A tool call of an answer. */
struct model_tool_call {
    struct slice id;
    struct slice name;
    struct slice arguments; /* as the model wrote them: perhaps no JSON at all */
};

enum { MODEL_CALLS_MAX = 128 }; /* more are dropped from the answer, and said in `calls_dropped` */

struct model_result {
    enum model_error error;
    char message[ERR_MSG_MAX]; /* for people; never a key */
    int http_status;           /* 0: none */
    int64_t retry_after_ms;    /* what the provider asked for, or 0 */
    int has_usage;             /* false: unknown, and the reservation counts */
    struct usage usage;
    enum answer_finish finish;
    struct slice text;             /* what it said; may be empty beside calls */
    struct model_tool_call *calls; /* the client's, like every text here: until done returns */
    size_t calls_n;                /* at most MODEL_CALLS_MAX */
    size_t calls_dropped;
    struct slice wire; /* the assistant's message for the next requests */
    struct slice raw;  /* what else must be kept of the answer, JSON, or empty */
};

typedef void model_done_fn(struct model_call *call, void *arg);
/* A piece of the answer's text as it is written; valid during the call only. */
typedef void model_delta_fn(struct model_call *call, struct slice text, void *arg);

struct model_call {
    struct slice base_url; /* of the account */
    struct slice api_key;  /* secret: never logged */
    struct slice model;
    struct slice instructions;
    struct slice tools;    /* from model_format.put_tools(); empty: none */
    struct slice messages; /* wires joined by commas */
    int64_t max_output_tokens;
    int64_t timeout_ms;
    int64_t idle_timeout_ms; /* how long a stream that began may be silent; 0: to its end */
    int is_streamed;         /* ask for the answer piece by piece, if the provider can */
    uint32_t attempt;        /* 1, 2, ... */
    struct slice script;     /* scripted: its text (JSON) */
    struct slice user; /* an opaque id of the session, for the provider's abuse reports; or empty */
    model_done_fn *done;
    /*
     * NULL, or told 0..n times between start and done, on the loop's thread, never from inside
     * start() or cancel(). A client that gets answers whole need not call it, and an attempt that
     * fails may have called it: the answer is what done has.
     */
    model_delta_fn *on_delta;
    void *arg; /* of done and on_delta */
    struct model_result result;
    void *client_slot;
};

/*
 * How one provider's messages are written. Pure; every member is mandatory. Each puts the comma
 * before itself where the wire has messages already and does not end with one. A text takes up to 6
 * bytes a byte, and each call of these (put_tools: each tool) up to 128 bytes more: the caller
 * sizes the buf.
 */
struct model_format {
    const char *name; /* "openai" */
    void (*put_user)(struct buf *wire, struct slice text);
    void (*put_tool_result)(struct buf *wire, struct slice call_id, struct slice output,
                            int is_error);
    void (*put_tools)(struct buf *tools, const struct model_tool *at, size_t n); /* n 0: nothing */
};

/* Every member is mandatory. */
struct model_client_ops {
    void (*start)(struct model_client *client, struct model_call *call);
    void (*cancel)(struct model_client *client, struct model_call *call); /* done follows */
};

struct model_client {
    const struct model_client_ops *ops;
};

void model_client_start(struct model_client *client, struct model_call *call);
void model_client_cancel(struct model_client *client, struct model_call *call);

/* The bytes of a request's prompt: what a reservation is reckoned from. */
uint64_t model_prompt_bytes(const struct model_call *call);

#endif
