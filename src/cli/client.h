/*
 * client.h - the commands that speak HTTP: one call after the other, on a loop of their own.
 *
 * While a call or a pause is under way the loop runs, so a command's own timers go on.
 */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include "base/json.h"
#include "cli/args.h"
#include "loop/loop.h"
#include "net/http_client.h"

struct client {
    struct loop *loop;
    struct http_client *http;
    char *base;               /* "http://127.0.0.1:7295" */
    const char *base_source;  /* where that is from, for messages */
    struct buf authorization; /* "Bearer ...", of PAWL_API_KEY; empty: it has no key */
    struct loop_signal *sigint;
    struct http_call *open;
    int is_interrupted;
};

struct answer {
    int status;
    struct json *json;  /* of the body; NULL if it is none */
    char problem[1200]; /* of a status that is no 2xx: what the server says */
    char code[64];      /* and its stable code */
};

/*
 * The address: --server, else PAWL_SERVER, else `listen` of a good ./pawl.yaml, else
 * http://127.0.0.1:7295.
 */
enum err_code client_open(struct client *ret_client, const struct args *args,
                          struct err *err) MUST_CHECK;
void client_close(struct client *client);

/* From now on Ctrl-C ends the call or pause under way (ERR_CONFLICT) and sets is_interrupted. */
void client_catch_interrupt(struct client *client);

struct client_request {
    const char *method;
    const char *path; /* with its query */
    struct slice body;
    const char *idempotency_key; /* or NULL */
    int64_t timeout_ms;          /* 0: 30 s */
    const char *accept;          /* or NULL */
    const char *last_event_id;   /* or NULL */
    /* NULL, or told the body of a 200 piece by piece; non-zero ends the call with ERR_LIMIT. */
    int (*on_piece)(void *arg, struct slice bytes);
    void *arg;
};

/*
 * One call. ERR_NONE: there is an answer, whatever its status; end it with answer_release().
 * ERR_UNAVAILABLE: nobody answers there. ERR_TIMEOUT: the connection was lost, it may have been
 * done. ERR_CONFLICT: interrupted.
 */
enum err_code client_call(struct client *client, const struct client_request *request,
                          struct answer *ret_answer, struct err *err) MUST_CHECK;
void answer_release(struct answer *answer);

/* For a server that goes away and comes back. */
struct client_patience {
    int64_t ms;       /* how long it is looked for, from the first failure on */
    loop_fn *on_lost; /* called once, when it is gone; or NULL */
    void *arg;
};

/*
 * The same over a restart of the server: tries again while nobody answers or the answer is 503.
 * Only for what may be sent twice.
 */
enum err_code client_call_patiently(struct client *client, const struct client_request *request,
                                    const struct client_patience *patience,
                                    struct answer *ret_answer, struct err *err) MUST_CHECK;

/*
 * The same for a request with an Idempotency-Key, which changes something: what is lost on its way,
 * or meets a server that is about to go or to come, is looked after with patience. Nobody there at
 * all is no restart: that is said at once.
 */
enum err_code client_change(struct client *client, const struct client_request *request,
                            const struct client_patience *patience, struct answer *ret_answer,
                            struct err *err) MUST_CHECK;

/* Waits, with the loop running. ERR_CONFLICT: interrupted. */
enum err_code client_pause(struct client *client, int64_t ms, struct err *err) MUST_CHECK;

/* GET, for a 200; prints what is wrong otherwise. The exit code, EXIT_GOOD with *ret_answer. */
int client_get(struct client *client, const char *path, struct answer *ret_answer);

/* The same of the server that args say, for a command that asks only once. */
int client_fetch(const struct args *args, const char *path, struct answer *ret_answer);

/* For --json: prints it on a line of its own; the exit code. */
int client_print_json(const struct json *json);

/* Ends the call under way, as a lost connection does (ERR_TIMEOUT): for one that says nothing. */
void client_give_up(struct client *client);

/* Prints why a call failed, and gives the exit code. */
int client_fail(const struct client *client, const struct err *err);

/* Appends text to a URL, percent-encoded where need be. */
void client_put_escaped(struct buf *url, struct slice text);

#endif
