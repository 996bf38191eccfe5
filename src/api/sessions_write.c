/*
 * sessions_write.c - what changes a session: POST /v1/sessions, PATCH and DELETE /v1/sessions/{id},
 * POST .../messages | cancel | pause | resume | retry | fork | calls/{n}/settle | signals/{name},
 * and POST /v1/approvals/{id}.
 *
 * Each is read strictly, handed to the engine, and answered with the session after the commit.
 */
#include <stdio.h>
#include <stdlib.h>

#include "api/ask.h"
#include "api/body.h"
#include "api/json_approval.h"
#include "api/json_session.h"
#include "base/hash.h"
#include "base/id.h"
#include "core/waiting.h"

enum {
    METADATA_MAX = 64,
    METADATA_NAME_MAX = 64,
    METADATA_VALUE_MAX = 1024,
    LOCATION_MAX = 96,
    ROUTE_MAX = 320, /* with a session and a signal's name */
    SETTLE_OUTPUT_MAX = 1024 * 1024,
    SETTLE_NOTE_MAX = 64 * 1024,
    DECIDE_NOTE_MAX = 4096,
    DECIDE_BY_MAX = 64
};

/* As the engine says it. */
#define CALL_NOT_FOUND "call_not_found"
#define ROLE_REQUIRED  "role_required"

#define BUDGET_USD_MAX    1e9
#define BUDGET_TOKENS_MAX ((int64_t)1 << 50)

struct change {
    struct engine_request request;
    struct json *body; /* the request's slices point into it */
    struct buf context, metadata, arguments;
    char body_hash[SHA256_TEXT_MAX];
    char route[ROUTE_MAX];
    char location[LOCATION_MAX];
};

static void free_change(void *work)
{
    struct change *change = work;

    json_free(change->body);
    buf_release(&change->context);
    buf_release(&change->metadata);
    buf_release(&change->arguments);
    free(change);
}

/* ---- answers ---- */

static int is_creation(const struct change *change)
{
    return change->request.kind == ENGINE_CREATE || change->request.kind == ENGINE_FORK;
}

/* Of what people are asked: a decision, or an answer. */
static int is_of_approval(const struct engine_request *request)
{
    return request->kind == ENGINE_DECIDE || request->kind == ENGINE_ANSWER;
}

static void reply_session(struct ask *ask, const struct buf *json)
{
    const struct change *change = ask->work;
    const char *extra[] = { NULL, NULL, NULL, NULL, NULL };
    size_t n = 0;

    if (is_creation(change)) {
        extra[n++] = "Location";
        extra[n++] = change->location;
    }
    if (change->request.is_replay) {
        extra[n++] = "Idempotency-Replayed";
        extra[n++] = "true";
    }
    ask_reply(ask, is_creation(change) ? 201 : 200, json, extra);
}

/* It is committed whatever the reading says: then its id is the answer. */
static void on_loaded(struct store_op *op, void *arg)
{
    struct ask *ask = arg;
    const struct change *change = ask->work;
    struct err err = { 0 };
    CLEANUP(buf_release)
    struct buf json = { .max = op->err.code ? 256 : 256 + json_session_bytes_max(&op->load) };

    if (op->err.code || json_put_session(&json, &op->load, NULL, &err)) {
        json_begin(&json, '{');
        json_key(&json, "id");
        json_put_str(&json, id_slice(&change->request.id));
        json_end(&json, '}');
    }
    reply_session(ask, &json);
}

static const char *code_or(const struct engine_request *request, const char *otherwise)
{
    return request->code ? request->code : otherwise;
}

static void refuse_missing(struct ask *ask, const struct engine_request *request)
{
    const char *code = code_or(request, "");

    if (strcmp(code, "erased") == 0)
        ask_erased(ask, STORE_ERASURE_REQUEST);
    else if (strcmp(code, "removed") == 0)
        ask_erased(ask, STORE_ERASURE_RETENTION);
    else if (is_of_approval(request))
        ask_no_approval(ask);
    else if (request->kind == ENGINE_CREATE)
        ask_reply_problem(ask, 422, code_or(request, "unknown_agent"), "%s", request->err.msg);
    else if (strcmp(code, CALL_NOT_FOUND) == 0)
        ask_reply_problem(ask, 404, CALL_NOT_FOUND, "%s", request->err.msg);
    else
        ask_no_session(ask);
}

void ask_refuse_change(struct ask *ask, const struct engine_request *request)
{
    const char *text = request->err.msg;

    switch (request->err.code) {
    case ERR_NOT_FOUND: refuse_missing(ask, request); return;
    case ERR_INVALID:
        if (strcmp(code_or(request, ""), ROLE_REQUIRED) == 0) {
            ask_reply_problem(ask, 403, ROLE_REQUIRED, "%s", text);
            return;
        }
        ask_reply_problem(ask, 422, code_or(request, "invalid_request"), "%s", text);
        return;
    case ERR_CONFLICT:
        ask_reply_problem(ask, 409, code_or(request, "session_state"), "%s", text);
        return;
    case ERR_LIMIT:
        if (request->code)
            ask_reply_problem(ask, 503, request->code, "%s", text);
        else
            ask_reply_problem(ask, 413, "too_large_to_store", "%s", text);
        return;
    case ERR_UNAVAILABLE:
        ask_reply_problem(ask, 503, code_or(request, "store_unavailable"),
                          "Nothing was changed: %s. Try again.", text);
        return;
    case ERR_TIMEOUT:
        ask_reply_problem(ask, 504, code_or(request, "outcome_unknown"),
                          "It is not known whether this was done: %s. Send it again with the same "
                          "Idempotency-Key.",
                          text);
        return;
    case ERR_CORRUPT:
        ask_reply_problem(ask, 500,
                          code_or(request, store_is_damage(&request->err) ? "store_damaged"
                                                                          : "store_corrupt"),
                          "%s. Run 'pawl verify'.", text);
        return;
    case ERR_NONE: break;
    }
    assert_failed("a failed request has an error", __FILE__, __LINE__);
}

static void reply_erased(struct ask *ask)
{
    CLEANUP(buf_release) struct buf json = { .max = 256 };

    json_begin(&json, '{');
    json_key(&json, "id");
    json_put_str(&json, ask->match.id);
    json_key(&json, "erased");
    json_put_bool(&json, 1);
    json_end(&json, '}');
    ask_reply(ask, 200, &json, NULL);
}

/* ---- decisions ---- */

static void read_approval(struct ask *ask, store_done_fn *done)
{
    const struct change *change = ask->work;

    ask->op = (struct store_op){ .kind = STORE_APPROVAL,
                                 .approval = { .session = change->request.session,
                                               .tenant = auth_actor_tenant(&ask->actor),
                                               .call = change->request.call } };
    ask_submit(ask, done);
}

static void on_decided(struct store_op *op, void *arg)
{
    struct ask *ask = arg;
    const struct change *change = ask->work;
    static const char *const replayed[] = { "Idempotency-Replayed", "true", NULL };

    ask_reply_approval(ask, op, change->request.is_replay ? replayed : NULL);
}

/* Somebody was faster, or nobody asks any more: who, and what came of it. */
static void on_closed(struct store_op *op, void *arg)
{
    static const char *const codes[APPROVAL_STATUS_COUNT] = {
        [APPROVAL_PENDING] = "approval_closed",   [APPROVAL_APPROVED] = "approval_decided",
        [APPROVAL_REJECTED] = "approval_decided", [APPROVAL_EXPIRED] = "approval_expired",
        [APPROVAL_SETTLED] = "approval_decided",  [APPROVAL_CANCELLED] = "approval_cancelled",
        [APPROVAL_ANSWERED] = "approval_decided",
    };
    struct ask *ask = arg;
    CLEANUP(buf_release) struct buf text = { .max = 512 };
    const char *what = op->approval.row.kind == APPROVAL_QUESTION ? "answer" : "decision";

    if (op->err.code == ERR_NOT_FOUND) {
        ask_no_approval(ask);
        return;
    }
    if (op->err.code) {
        ask_store_failed(ask, &op->err);
        return;
    }
    approval_put_outcome(&text, &op->approval.row);
    ask_reply_problem(ask, 409, codes[op->approval.row.status],
                      "No %s is asked for any more: it was %s. Nothing was changed.", what,
                      buf_cstr(&text));
}

static void on_changed(struct engine_request *request, void *arg)
{
    struct ask *ask = arg;
    struct change *change = ask->work;

    if (is_of_approval(request) && request->err.code == ERR_CONFLICT &&
        strcmp(code_or(request, ""), "approval_closed") == 0) {
        read_approval(ask, on_closed);
        return;
    }
    if (request->err.code) {
        ask_refuse_change(ask, request);
        return;
    }
    if (request->kind == ENGINE_ERASE) {
        reply_erased(ask);
        return;
    }
    if (is_of_approval(request)) {
        read_approval(ask, on_decided);
        return;
    }
    (void)snprintf(change->location, sizeof(change->location), "/v1/sessions/%s", request->id.text);
    ask->op = (struct store_op){ .kind = STORE_LOAD,
                                 .load = { .id = id_slice(&request->id), .with_texts = 1 } };
    ask_submit(ask, on_loaded);
}

/* ---- reading ---- */

static int is_printable(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < 0x20 || text.ptr[i] > 0x7e)
            return 0;
    }
    return 1;
}

static int read_key(struct ask *ask, struct change *change, struct refusal *ret_refusal)
{
    struct slice key = http_request_header(ask->request, "Idempotency-Key");
    struct slice method = http_request_method(ask->request);
    struct slice path =
        http_request_path(ask->request); /* a route's: no longer than one, an id and a number */
    struct sha256 hash = sha256_of(http_request_body(ask->request));

    change->request.idempotency.body_hash = slice_of(sha256_text(change->body_hash, &hash));
    if (!key.ptr)
        return 0;
    if (key.len == 0 || key.len > IDEMPOTENCY_KEY_MAX || !is_printable(key))
        return refuse(ret_refusal, 400, "invalid_idempotency_key",
                      "'Idempotency-Key' must have 1 to %d printable ASCII characters.",
                      IDEMPOTENCY_KEY_MAX);
    (void)snprintf(change->route, sizeof(change->route), "%.*s %.*s", (int)method.len, method.ptr,
                   (int)path.len, path.ptr);
    change->request.idempotency.route = slice_of(change->route);
    change->request.idempotency.key = key;
    return 0;
}

static int read_budget(const struct json *budget, struct spend *ret_budget,
                       struct refusal *ret_refusal)
{
    static const struct field fields[] = {
        { "usd", JSON_KIND_REAL, 0 },
        { "tokens", JSON_KIND_INT, 0 },
    };
    const struct json *usd = json_get(budget, "usd");
    const struct json *tokens = json_get(budget, "tokens");
    double dollars = json_number(usd, 0);

    if (body_check_object(budget, "budget", fields, ARRAY_LEN(fields), ret_refusal))
        return 1;
    /* 0 would be "the agent's" to the engine, and is no budget that anything could run on. */
    if (usd && !(dollars >= 1e-9 && dollars <= BUDGET_USD_MAX))
        return refuse(ret_refusal, 422, "out_of_range",
                      "'budget.usd' must be above 0 and at most %.0f; leave it out for the "
                      "agent's own limit.",
                      BUDGET_USD_MAX);
    if (tokens && (json_int(tokens, 0) < 1 || json_int(tokens, 0) > BUDGET_TOKENS_MAX))
        return refuse(ret_refusal, 422, "out_of_range",
                      "'budget.tokens' must be from 1 to %lld; leave it out for the agent's own "
                      "limit.",
                      (long long)BUDGET_TOKENS_MAX);
    ret_budget->nanousd = (int64_t)(dollars * 1e9 + 0.5);
    ret_budget->tokens = json_int(tokens, 0);
    return 0;
}

static int check_metadata(const struct json *metadata, struct refusal *ret_refusal)
{
    if (json_count(metadata) > METADATA_MAX)
        return refuse(ret_refusal, 422, "out_of_range", "'metadata' has %zu members; at most %d.",
                      json_count(metadata), METADATA_MAX);
    for (struct json_iter *it = json_first(metadata); it; it = json_next(metadata, it)) {
        struct slice name = slice_of(json_iter_key(it));
        const struct json *value = json_iter_value(it);
        char text[QUOTED_TEXT_MAX];

        if (name.len == 0 || name.len > METADATA_NAME_MAX)
            return refuse(ret_refusal, 422, "out_of_range",
                          "A name in 'metadata' must have 1 to %d bytes, not %zu.",
                          METADATA_NAME_MAX, name.len);
        (void)quoted_text(text, name);
        if (json_kind(value) != JSON_KIND_STRING)
            return refuse(ret_refusal, 422, "wrong_type", "'metadata.%s' must be a string, not %s.",
                          text, json_kind_name(json_kind(value)));
        if (json_str(value).len > METADATA_VALUE_MAX)
            return refuse(ret_refusal, 422, "out_of_range",
                          "'metadata.%s' must have at most %d bytes.", text, METADATA_VALUE_MAX);
    }
    return 0;
}

/* The object's text, or nothing for one that is absent. It fits: it was read from less. */
static struct slice text_of(struct buf *buf, const struct json *object, size_t bytes_max)
{
    struct err err = { 0 };

    if (!object)
        return (struct slice){ NULL, 0 };
    buf->max = 8 * bytes_max + 64;
    if (json_write(buf, object, &err))
        assert_failed(err.msg, __FILE__, __LINE__);
    return buf_slice(buf);
}

static int check_agent(const struct ask *ask, struct slice name, struct refusal *ret_refusal)
{
    const struct config *config = ask->api->deps.config;
    char text[QUOTED_TEXT_MAX];
    char meant[MEANT_TEXT_MAX];

    if (config_agent(config, name))
        return 0;
    const char **known = xcalloc(config->agents_n + 1, sizeof(*known));

    for (size_t i = 0; i < config->agents_n; i++)
        known[i] = config->agents[i].name;
    (void)meant_text(meant, name, known, config->agents_n);
    free((void *)known);
    return refuse(ret_refusal, 422, "unknown_agent",
                  "There is no agent '%s'%s GET /v1/agents lists those that there are.",
                  quoted_text(text, name), meant[0] ? meant : ".");
}

static int read_empty(struct slice text, const char *name, struct refusal *ret_refusal)
{
    if (text.len > 0)
        return 0;
    return refuse(ret_refusal, 422, "out_of_range", "'%s' is empty; say something.", name);
}

static int read_create(struct ask *ask, struct change *change, struct refusal *ret_refusal)
{
    struct engine_request *request = &change->request;
    const struct json *body = change->body;
    size_t bytes = http_request_body(ask->request).len;

    request->agent = json_str(json_get(body, "agent"));
    request->text = json_str(json_get(body, "input"));
    if (check_agent(ask, request->agent, ret_refusal) ||
        read_empty(request->text, "input", ret_refusal) ||
        check_metadata(json_get(body, "metadata"), ret_refusal) ||
        read_budget(json_get(body, "budget"), &request->budget, ret_refusal))
        return 1;
    request->context = text_of(&change->context, json_get(body, "context"), bytes);
    request->metadata = text_of(&change->metadata, json_get(body, "metadata"), bytes);
    return 0;
}

static int read_patch(struct ask *ask, struct change *change, struct refusal *ret_refusal)
{
    struct engine_request *request = &change->request;
    const struct json *body = change->body;
    const struct json *budget = json_get(body, "budget");
    size_t bytes = http_request_body(ask->request).len;

    if (check_metadata(json_get(body, "metadata"), ret_refusal) ||
        read_budget(budget, &request->budget, ret_refusal))
        return 1;
    if (!json_get(body, "context") && !json_get(body, "metadata") && json_count(budget) == 0)
        return refuse(ret_refusal, 422, "missing_field",
                      "There is nothing to change; give 'context', 'metadata' or 'budget'.");
    request->context = text_of(&change->context, json_get(body, "context"), bytes);
    request->metadata = text_of(&change->metadata, json_get(body, "metadata"), bytes);
    return 0;
}

static int read_message(struct ask *ask, struct change *change, struct refusal *ret_refusal)
{
    (void)ask;
    change->request.text = json_str(json_get(change->body, "content"));
    return read_empty(change->request.text, "content", ret_refusal);
}

static int read_reason(struct ask *ask, struct change *change, struct refusal *ret_refusal)
{
    (void)ask;
    change->request.text = json_str(json_get(change->body, "reason"));
    return read_budget(json_get(change->body, "budget"), &change->request.budget, ret_refusal);
}

/* The call's number; 0: it is none that any call could have. */
static uint32_t call_number(struct slice text)
{
    uint64_t number = 0;

    if (text.len == 0 || text.len > 10 || text.ptr[0] == '0')
        return 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return 0;
        number = number * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    return number > UINT32_MAX ? 0 : (uint32_t)number;
}

static int read_settle(struct ask *ask, struct change *change, struct refusal *ret_refusal)
{
    struct engine_request *request = &change->request;
    struct slice outcome = json_str(json_get(change->body, "outcome"));
    char text[QUOTED_TEXT_MAX];

    request->call = call_number(ask->match.number);
    request->text = json_str(json_get(change->body, "output"));
    request->note = json_str(json_get(change->body, "note"));
    if (slice_is(outcome, reconcile_outcome_name(OUTCOME_HAPPENED)))
        request->outcome = OUTCOME_HAPPENED;
    else if (slice_is(outcome, reconcile_outcome_name(OUTCOME_NOT_HAPPENED)))
        request->outcome = OUTCOME_NOT_HAPPENED;
    else
        return refuse(ret_refusal, 422, "out_of_range",
                      "'outcome' must be 'happened' or 'not_happened', not '%s'.",
                      quoted_text(text, outcome));
    if (request->outcome != OUTCOME_HAPPENED && request->text.len > 0)
        return refuse(ret_refusal, 422, "out_of_range",
                      "'output' is what the tool said; a call that did not happen has none.");
    if (request->text.len > SETTLE_OUTPUT_MAX || request->note.len > SETTLE_NOTE_MAX)
        return refuse(ret_refusal, 422, "out_of_range",
                      "'output' must have at most %d bytes, and 'note' at most %d.",
                      SETTLE_OUTPUT_MAX, SETTLE_NOTE_MAX);
    return 0;
}

static int read_fork(struct ask *ask, struct change *change, struct refusal *ret_refusal)
{
    const struct json *at = json_get(change->body, "at");

    (void)ask;
    if (!at)
        return 0;
    if (json_int(at, 0) < 1 || json_int(at, 0) > SESSION_EVENTS_MAX)
        return refuse(ret_refusal, 422, "out_of_range",
                      "'at' is the number of an event, from 1 on; leave it out for the last one.");
    change->request.at = (uint32_t)json_int(at, 0);
    return 0;
}

/* Text for people: what it was typed as, without anything that is not shown. */
static int read_by(const struct ask *ask, const struct json *by, struct refusal *ret_refusal)
{
    struct slice text = json_str(by);
    int is_fine = !by || (text.len > 0 && text.len <= DECIDE_BY_MAX);

    for (size_t i = 0; i < text.len; i++)
        is_fine &= (unsigned char)text.ptr[i] >= 0x20 && text.ptr[i] != 0x7f;
    if (by && ask->actor.key && !slice_equal(text, auth_actor_name(&ask->actor)))
        return refuse(ret_refusal, 422, "by_mismatch",
                      "'by' is the name of the key that decides, which is not this one's: leave it "
                      "out.");
    if (is_fine)
        return 0;
    return refuse(ret_refusal, 422, "out_of_range",
                  "'by' is who decides: 1 to %d bytes without control characters.", DECIDE_BY_MAX);
}

/* Who says it, and why. */
static int read_person(const struct ask *ask, struct change *change, struct refusal *ret_refusal)
{
    struct engine_request *request = &change->request;
    const struct json *by = json_get(change->body, "by");

    request->note = json_str(json_get(change->body, "note"));
    if (request->note.len > DECIDE_NOTE_MAX)
        return refuse(ret_refusal, 422, "out_of_range", "'note' must have at most %d bytes.",
                      DECIDE_NOTE_MAX);
    if (read_by(ask, by, ret_refusal))
        return 1;
    if (by)
        request->by = json_str(by);
    return 0;
}

static int read_answer(const struct ask *ask, struct change *change, struct refusal *ret_refusal)
{
    static const char *const others[] = { "decision", "arguments_hash", "arguments" };
    struct engine_request *request = &change->request;

    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        if (json_get(change->body, others[i]))
            return refuse(ret_refusal, 422, "answer_and_decision",
                          "'answer' is for a question and '%s' for a call that waits for approval; "
                          "give one of them.",
                          others[i]);
    }
    request->kind = ENGINE_ANSWER;
    request->text = json_str(json_get(change->body, "answer"));
    if (request->text.len > WAITING_ANSWER_MAX)
        return refuse(ret_refusal, 413, "answer_too_large",
                      "'answer' has %zu bytes; at most %d are taken.", request->text.len,
                      WAITING_ANSWER_MAX);
    return read_empty(request->text, "answer", ret_refusal) ||
           read_person(ask, change, ret_refusal);
}

static int read_missing(const struct json *body, struct refusal *ret_refusal)
{
    if (!json_get(body, "decision"))
        return refuse(ret_refusal, 422, "missing_field",
                      "'decision' is missing; it must be a string. Or give 'answer', if it is a "
                      "question.");
    if (!json_get(body, "arguments_hash"))
        return refuse(ret_refusal, 422, "missing_field",
                      "'arguments_hash' is missing; it must be a string.");
    return 0;
}

static int read_decide(struct ask *ask, struct change *change, struct refusal *ret_refusal)
{
    struct engine_request *request = &change->request;
    const struct json *body = change->body;
    struct slice decision = json_str(json_get(body, "decision"));
    const struct json *arguments = json_get(body, "arguments");
    char text[QUOTED_TEXT_MAX];

    if (json_get(body, "answer"))
        return read_answer(ask, change, ret_refusal);
    if (read_missing(body, ret_refusal))
        return 1;
    request->hash = json_str(json_get(body, "arguments_hash"));
    if (slice_is(decision, decision_name(DECISION_APPROVE)))
        request->decision = DECISION_APPROVE;
    else if (slice_is(decision, decision_name(DECISION_REJECT)))
        request->decision = DECISION_REJECT;
    else
        return refuse(ret_refusal, 422, "out_of_range",
                      "'decision' must be 'approve' or 'reject', not '%s'.",
                      quoted_text(text, decision));
    if (arguments && request->decision == DECISION_REJECT)
        return refuse(ret_refusal, 422, "out_of_range",
                      "'arguments' are what is to run instead; what is rejected has none.");
    if (read_person(ask, change, ret_refusal))
        return 1;
    request->arguments =
        text_of(&change->arguments, arguments, http_request_body(ask->request).len);
    return 0;
}

/* The body is the signal's data, whatever it holds. */
static int read_signal(struct ask *ask, struct change *change, struct refusal *ret_refusal)
{
    struct engine_request *request = &change->request;
    char text[QUOTED_TEXT_MAX];

    request->name = ask->match.number;
    if (!signal_name_is_valid(request->name))
        return refuse(ret_refusal, 400, "invalid_signal_name",
                      "A signal's name has 1 to %d of the characters A-Z a-z 0-9 . _ -, and is not "
                      "'%s'.",
                      SIGNAL_NAME_MAX, quoted_text(text, request->name));
    request->text = text_of(&change->arguments, change->body, http_request_body(ask->request).len);
    if (!request->text.ptr)
        request->text = SLICE_LIT("{}");
    if (request->text.len > SIGNAL_DATA_MAX)
        return refuse(ret_refusal, 413, "signal_too_large",
                      "The signal's data have %zu bytes; at most %d are taken.", request->text.len,
                      SIGNAL_DATA_MAX);
    return 0;
}

static int read_nothing(struct ask *ask, struct change *change, struct refusal *ret_refusal)
{
    (void)ask;
    (void)change;
    (void)ret_refusal;
    return 0;
}

typedef int read_fn(struct ask *ask, struct change *change, struct refusal *ret_refusal);

static int read_change(struct ask *ask, struct change *change, const struct body_rules *rules,
                       read_fn *read, struct refusal *ret_refusal)
{
    return ask_check_phase(ask, ret_refusal) || read_key(ask, change, ret_refusal) ||
           body_read(&change->body, http_request_header(ask->request, "Content-Type"),
                     http_request_body(ask->request), rules, ret_refusal) ||
           read(ask, change, ret_refusal);
}

static void change_session(struct ask *ask, enum engine_request_kind kind,
                           const struct body_rules *rules, read_fn *read)
{
    struct change *change = xcalloc(1, sizeof(*change));
    struct refusal refusal;

    ask->work = change;
    ask->free_work = free_change;
    change->request = (struct engine_request){ .kind = kind,
                                               .session = ask->match.id,
                                               .by = auth_actor_name(&ask->actor),
                                               .idempotency.tenant = auth_actor_tenant(&ask->actor),
                                               .actor = auth_actor_id(&ask->actor),
                                               .address = slice_of(ask->actor.address),
                                               .roles = auth_actor_roles(&ask->actor),
                                               .done = on_changed,
                                               .arg = ask };
    if (kind == ENGINE_DECIDE &&
        approval_id_read(&change->request.session, &change->request.call, ask->match.id))
        ask_no_approval(ask);
    else if (kind != ENGINE_CREATE && !id_is_valid(change->request.session, "ses_"))
        ask_no_session(ask);
    else if (read_change(ask, change, rules, read, &refusal))
        ask_refuse(ask, &refusal);
    else
        engine_submit(ask->api->deps.engine, &change->request);
}

/* ---- routes ---- */

void sessions_create(struct ask *ask)
{
    static const struct field fields[] = {
        { "agent", JSON_KIND_STRING, 1 },   { "input", JSON_KIND_STRING, 1 },
        { "context", JSON_KIND_OBJECT, 0 }, { "metadata", JSON_KIND_OBJECT, 0 },
        { "budget", JSON_KIND_OBJECT, 0 },
    };
    static const struct body_rules rules = { fields, ARRAY_LEN(fields), 0 };

    change_session(ask, ENGINE_CREATE, &rules, read_create);
}

void sessions_patch(struct ask *ask)
{
    static const struct field fields[] = {
        { "context", JSON_KIND_OBJECT, 0 },
        { "metadata", JSON_KIND_OBJECT, 0 },
        { "budget", JSON_KIND_OBJECT, 0 },
    };
    static const struct body_rules rules = { fields, ARRAY_LEN(fields), 0 };

    change_session(ask, ENGINE_PATCH, &rules, read_patch);
}

void sessions_erase(struct ask *ask)
{
    static const struct body_rules rules = { NULL, 0, 1 };

    change_session(ask, ENGINE_ERASE, &rules, read_nothing);
}

void sessions_message(struct ask *ask)
{
    static const struct field fields[] = { { "content", JSON_KIND_STRING, 1 } };
    static const struct body_rules rules = { fields, ARRAY_LEN(fields), 0 };

    change_session(ask, ENGINE_MESSAGE, &rules, read_message);
}

static const struct field reason_fields[] = { { "reason", JSON_KIND_STRING, 0 } };
static const struct body_rules reason_rules = { reason_fields, ARRAY_LEN(reason_fields), 1 };

void sessions_cancel(struct ask *ask)
{
    change_session(ask, ENGINE_CANCEL, &reason_rules, read_reason);
}

void sessions_pause(struct ask *ask)
{
    change_session(ask, ENGINE_PAUSE, &reason_rules, read_reason);
}

void sessions_resume(struct ask *ask)
{
    change_session(ask, ENGINE_RESUME, &reason_rules, read_reason);
}

void sessions_retry(struct ask *ask)
{
    static const struct field fields[] = {
        { "reason", JSON_KIND_STRING, 0 },
        { "budget", JSON_KIND_OBJECT, 0 },
    };
    static const struct body_rules rules = { fields, ARRAY_LEN(fields), 1 };

    change_session(ask, ENGINE_RETRY, &rules, read_reason);
}

void sessions_fork(struct ask *ask)
{
    static const struct field fields[] = { { "at", JSON_KIND_INT, 0 } };
    static const struct body_rules rules = { fields, ARRAY_LEN(fields), 1 };

    change_session(ask, ENGINE_FORK, &rules, read_fork);
}

void sessions_settle(struct ask *ask)
{
    static const struct field fields[] = {
        { "outcome", JSON_KIND_STRING, 1 },
        { "output", JSON_KIND_STRING, 0 },
        { "note", JSON_KIND_STRING, 0 },
    };
    static const struct body_rules rules = { fields, ARRAY_LEN(fields), 0 };

    change_session(ask, ENGINE_SETTLE, &rules, read_settle);
}

void sessions_signal(struct ask *ask)
{
    change_session(ask, ENGINE_SIGNAL, NULL, read_signal);
}

void approvals_decide(struct ask *ask)
{
    static const struct field fields[] = {
        { "decision", JSON_KIND_STRING, 0 },  { "arguments_hash", JSON_KIND_STRING, 0 },
        { "arguments", JSON_KIND_OBJECT, 0 }, { "answer", JSON_KIND_STRING, 0 },
        { "note", JSON_KIND_STRING, 0 },      { "by", JSON_KIND_STRING, 0 },
    };
    static const struct body_rules rules = { fields, ARRAY_LEN(fields), 0 };

    change_session(ask, ENGINE_DECIDE, &rules, read_decide);
}
