/*
 * ask.h - one HTTP request on its way through the api. For api/ only.
 *
 * An ask lives from api_on_request() until its answer: each handler ends, at once or in a
 * completion, in exactly one ask_reply(), ask_reply_problem() or ask_refuse(), which frees it. One
 * that answers with a stream lives as long as that and ends in ask_end().
 * A handler has one store operation or engine request under way at a time.
 */
#ifndef API_ASK_H
#define API_ASK_H

#include "api/api.h"
#include "api/handlers.h"
#include "api/login.h"
#include "api/refusal.h"
#include "auth/actor.h"
#include "base/json.h"
#include "base/list.h"

enum { IDEMPOTENCY_KEY_MAX = 255 };

struct ask {
    struct api *api;
    struct http_request *request;
    struct link link; /* in api->asks */
    struct route_match match;
    struct auth_actor actor; /* who asks; he may do what the route is for */
    /*
     * His right has gone meanwhile: what is still open for him ends. on_cut, of an ask that stays
     * open, may end it at once; else it is looked at before the next thing is given out.
     */
    int is_cut;
    void (*on_cut)(struct ask *ask);
    struct store_op op;
    struct store_audit audit; /* of it: ask_audit() */
    char body_hash[SHA256_TEXT_MAX];
    store_done_fn *loaded; /* of ask_load_session() */
    void *work;            /* the handler's own, ended with free_work() */
    void (*free_work)(void *work);
};

struct api {
    struct api_deps deps;
    enum api_phase phase;
    struct list asks; /* all that are open */
    struct logins logins;
    struct waiters *waiters;  /* events_get.c, events_stream.c */
    struct page_share *pages; /* events_stream.c */
    size_t streams_n;         /* open ones: at most limits.streams */
};

/* extra: see http_reply(). */
void ask_reply(struct ask *ask, int status, const struct buf *json, const char *const *extra);
void ask_refuse(struct ask *ask, const struct refusal *refusal);
void ask_refuse_with(struct ask *ask, const struct refusal *refusal, const char *const *extra);
void ask_reply_problem(struct ask *ask, int status, const char *code, const char *fmt, ...)
    PRINTF(4, 5);

/* Frees it. For what http_reply() and a stream have answered; the others above do it themselves. */
void ask_end(struct ask *ask);

/* A failed read of the store: NOT_FOUND is the session's. */
void ask_store_failed(struct ask *ask, const struct err *err);
void ask_no_session(struct ask *ask); /* or, if the last load says so, the next */
void ask_erased(struct ask *ask, enum store_erasure why);

/* approvals.c: answers with the row that ask->op has read, or with why there is none. */
void ask_reply_approval(struct ask *ask, const struct store_op *op, const char *const *extra);
void ask_no_approval(struct ask *ask);

/* May anything be changed now? 0, or 1 and why not. */
int ask_check_phase(const struct ask *ask, struct refusal *ret_refusal);

/* That who asks does this to the target, of that tenant: written with ask->op, which is set. */
void ask_audit(struct ask *ask, enum audit_action action, struct slice target, struct slice tenant);

/* sessions_write.c: why the engine did not do it. Whose session it was is ask->match.id. */
void ask_refuse_change(struct ask *ask, const struct engine_request *request);

/* Submits ask->op, which the caller has filled in; done gets the ask. */
void ask_submit(struct ask *ask, store_done_fn *done);

/*
 * Asks for the row that {id} names, and gives it to who it belongs to only: to others there is
 * none. False: {id} is no id, and the ask is answered.
 */
int ask_load_session(struct ask *ask, int with_texts, store_done_fn *done);

/*
 * A whole number in the query. 0 and *ret_value, `otherwise` if it is absent; 1: it is no number
 * from min to max.
 */
int ask_query_int(const struct ask *ask, const char *name, int64_t min, int64_t max,
                  int64_t *ret_value, struct refusal *ret_refusal);

/* True and *ret_value: text is a whole number, digits only, from min to max. */
int ask_read_int(struct slice text, int64_t min, int64_t max, int64_t *ret_value);

#endif
