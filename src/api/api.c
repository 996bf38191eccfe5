#include "api/api.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/ask.h"
#include "api/page_share.h"
#include "api/stream.h"
#include "api/waiters.h"
#include "base/id.h"
#include "base/log.h"

struct api *api_new(const struct api_deps *deps)
{
    struct api *api = xcalloc(1, sizeof(*api));

    api->deps = *deps;
    api->phase = API_STARTING;
    api->waiters = waiters_new(deps->loop);
    api->pages = page_share_new(deps->store);
    api->logins.throttle = throttle_new();
    return api;
}

void api_set_phase(struct api *api, enum api_phase phase)
{
    api->phase = phase;
    if (phase == API_STOPPING)
        waiters_wake_all(api->waiters);
}

void api_on_commit(struct api *api, struct slice session, uint32_t seq)
{
    waiters_wake(api->waiters, session, seq);
}

void api_on_delta(struct api *api, struct slice session, uint32_t call, uint32_t attempt,
                  struct slice text)
{
    const struct stream_delta delta = { session, call, attempt, text };

    streams_say_delta(api->waiters, &delta);
}

void api_on_erased(struct api *api, struct slice session)
{
    waiters_wake(api->waiters, session, WAITER_ERASED);
}

/* It is in no list any more. */
static void ask_release(struct ask *ask)
{
    if (ask->free_work)
        ask->free_work(ask->work);
    free(ask);
}

void ask_end(struct ask *ask)
{
    list_remove(&ask->api->asks, &ask->link);
    ask_release(ask);
}

void api_free(struct api *api)
{
    if (!api)
        return;
    for (struct link *link; (link = list_first(&api->asks));) {
        list_remove(&api->asks, link);
        ask_release(CONTAINER_OF(link, struct ask, link));
    }
    waiters_free(api->waiters);
    page_share_free(api->pages);
    loop_timer_stop(api->deps.loop, &api->logins.timer);
    throttle_free(api->logins.throttle);
    free(api);
}

/* ---- answers ---- */

void ask_reply(struct ask *ask, int status, const struct buf *json, const char *const *extra)
{
    http_reply(ask->request, status, "application/json", buf_slice(json), extra);
    ask_end(ask);
}

/* What a client can wait out says how long. */
static const char *const retry_soon[] = { "Retry-After", "1", NULL };

void ask_refuse_with(struct ask *ask, const struct refusal *refusal, const char *const *extra)
{
    CLEANUP(buf_release) struct buf body = { .max = PROBLEM_BYTES_MAX };

    problem_put(&body, refusal->status, refusal->code, slice_of(refusal->detail));
    http_reply(ask->request, refusal->status, PROBLEM_TYPE, buf_slice(&body), extra);
    ask_end(ask);
}

void ask_refuse(struct ask *ask, const struct refusal *refusal)
{
    ask_refuse_with(ask, refusal, refusal->status == 503 ? retry_soon : NULL);
}

void ask_reply_problem(struct ask *ask, int status, const char *code, const char *fmt, ...)
{
    struct refusal refusal = { .status = status, .code = code };
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(refusal.detail, sizeof(refusal.detail), fmt, ap);
    va_end(ap);
    ask_refuse(ask, &refusal);
}

void ask_erased(struct ask *ask, enum store_erasure why)
{
    if (why == STORE_ERASURE_RETENTION)
        ask_reply_problem(ask, 410, "removed",
                          "This session had ended, and `retention` removed it; no event of it is "
                          "left.");
    else
        ask_reply_problem(ask, 410, "erased", "This session was erased; nothing of it is left.");
}

void ask_no_session(struct ask *ask)
{
    char text[QUOTED_TEXT_MAX];

    if (ask->op.kind == STORE_LOAD && ask->op.load.erased_at_ms != 0) {
        ask_erased(ask, ask->op.load.erasure);
        return;
    }

    ask_reply_problem(ask, 404, "session_not_found",
                      "There is no session '%s'. GET /v1/sessions lists those that there are.",
                      quoted_text(text, ask->match.id));
}

void ask_store_failed(struct ask *ask, const struct err *err)
{
    if (err->code == ERR_NOT_FOUND) {
        ask_no_session(ask);
        return;
    }
    log_line(LOG_ERROR, "a read failed", "path", ask->match.route->pattern, "error", err->msg,
             NULL);
    if (store_is_damage(err))
        ask_reply_problem(ask, 500, "store_damaged", "%s", err->msg);
    else if (err->code == ERR_CORRUPT)
        ask_reply_problem(ask, 500, "store_corrupt",
                          "What is stored contradicts itself: run 'pawl verify'.");
    else
        ask_reply_problem(ask, 503, "store_unavailable",
                          "The store cannot be read at the moment; try again.");
}

/* ---- the store ---- */

void ask_audit(struct ask *ask, enum audit_action action, struct slice target, struct slice tenant)
{
    struct sha256 hash = sha256_of(http_request_body(ask->request));

    ask->audit = (struct store_audit){
        .at_ms = loop_wall_ms(ask->api->deps.loop),
        .tenant = tenant,
        .actor = auth_actor_id(&ask->actor),
        .actor_name = auth_actor_name(&ask->actor),
        .address = slice_of(ask->actor.address),
        .action = audit_action_name(action),
        .target = target,
        .request_hash = slice_of(sha256_text(ask->body_hash, &hash)),
        .outcome = SLICE_LIT("done"),
    };
    ask->op.audits = &ask->audit;
    ask->op.audits_n = 1;
}

void ask_submit(struct ask *ask, store_done_fn *done)
{
    ask->op.done = done;
    ask->op.arg = ask;
    store_submit(ask->api->deps.store, &ask->op);
}

/* Another tenant's session looks like one that never was. */
static void on_session(struct store_op *op, void *arg)
{
    struct ask *ask = arg;
    int is_there = op->err.code == ERR_NONE || op->load.erased_at_ms != 0;

    if (is_there && !slice_equal(op->load.row.tenant, auth_actor_tenant(&ask->actor))) {
        op->load.erased_at_ms = 0;
        op->err = (struct err){ 0 };
        (void)err_set(&op->err, ERR_NOT_FOUND, "it is another tenant's");
    }
    ask->loaded(op, ask);
}

int ask_load_session(struct ask *ask, int with_texts, store_done_fn *done)
{
    if (!id_is_valid(ask->match.id, "ses_")) {
        ask_no_session(ask);
        return 0;
    }
    ask->op = (struct store_op){ .kind = STORE_LOAD,
                                 .load = { .id = ask->match.id, .with_texts = with_texts } };
    ask->loaded = done;
    ask_submit(ask, on_session);
    return 1;
}

/* ---- the query ---- */

static int refuse_number(struct slice value, const char *name, int64_t min, int64_t max,
                         struct refusal *ret_refusal)
{
    char text[QUOTED_TEXT_MAX];

    return refuse(ret_refusal, 400, "invalid_parameter",
                  "'%s' must be a whole number from %lld to %lld, not '%s'.", name, (long long)min,
                  (long long)max, quoted_text(text, value));
}

int ask_read_int(struct slice text, int64_t min, int64_t max, int64_t *ret_value)
{
    int64_t value = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9' ||
            __builtin_mul_overflow(value, (int64_t)10, &value) ||
            __builtin_add_overflow(value, (int64_t)(text.ptr[i] - '0'), &value))
            return 0;
    }
    if (text.len == 0 || value < min || value > max)
        return 0;
    *ret_value = value;
    return 1;
}

int ask_query_int(const struct ask *ask, const char *name, int64_t min, int64_t max,
                  int64_t *ret_value, struct refusal *ret_refusal)
{
    struct slice text = http_request_query(ask->request, name);

    if (!text.ptr || ask_read_int(text, min, max, ret_value))
        return 0;
    return refuse_number(text, name, min, max, ret_refusal);
}

static int is_known_parameter(const char *name, const char *const *known)
{
    for (; *known; known++) {
        size_t len = strlen(*known);

        if ((*known)[len - 1] == '.' ? strncmp(name, *known, len) == 0 && name[len]
                                     : strcmp(name, *known) == 0)
            return 1;
    }
    return 0;
}

static int check_query(const struct ask *ask, struct refusal *ret_refusal)
{
    const char *const *known = ask->match.route->query;
    const char *name;
    size_t known_n = 0;

    while (known[known_n])
        known_n++;
    for (size_t i = 0; (name = http_request_query_name(ask->request, i)); i++) {
        char text[QUOTED_TEXT_MAX];
        char meant[MEANT_TEXT_MAX];

        (void)quoted_text(text, slice_of(name));
        if (!is_known_parameter(name, known))
            return refuse(ret_refusal, 400, "unknown_parameter",
                          "There is no parameter '%s' here%s", text,
                          meant_text(meant, slice_of(name), known, known_n)[0] ? meant : ".");
        for (size_t k = 0; k < i; k++) {
            if (strcmp(http_request_query_name(ask->request, k), name) == 0)
                return refuse(ret_refusal, 400, "duplicate_parameter",
                              "The parameter '%s' is given twice; give it once.", text);
        }
    }
    return 0;
}

/* ---- requests ---- */

int ask_check_phase(const struct ask *ask, struct refusal *ret_refusal)
{
    if (ask->api->phase == API_STARTING)
        return refuse(ret_refusal, 503, "starting", "The server takes up its sessions; try again.");
    if (ask->api->phase != API_READY)
        return refuse(ret_refusal, 503, "draining",
                      "The server is shutting down; try again when it is back.");
    return 0;
}

static void refuse_route(struct ask *ask, enum route_verdict verdict, struct slice path)
{
    char text[QUOTED_TEXT_MAX];
    struct refusal refusal;
    const char *extra[] = { "Allow", ask->match.allow, NULL };

    (void)quoted_text(text, path);
    if (verdict == ROUTE_NO_METHOD) {
        (void)refuse(&refusal, 405, "method_not_allowed", "'%s' takes %s only.", text,
                     ask->match.allow);
        ask_refuse_with(ask, &refusal, extra);
        return;
    }
    ask_reply_problem(ask, 404, "not_found",
                      "There is nothing at '%s'. GET /openapi.json lists what there is.", text);
}

void api_on_request(struct http_request *request, void *arg)
{
    struct api *api = arg;
    struct ask *ask = xcalloc(1, sizeof(*ask));
    struct refusal refusal;

    *ask = (struct ask){ .api = api, .request = request };
    list_add(&api->asks, &ask->link);

    struct slice path = http_request_path(request);
    enum route_verdict verdict = route_find(http_request_method(request), path, &ask->match);

    if (verdict != ROUTE_FOUND) {
        refuse_route(ask, verdict, path);
        return;
    }
    if (login(ask))
        return;
    if (check_query(ask, &refusal))
        ask_refuse(ask, &refusal);
    else
        ask->match.route->fn(ask);
}
