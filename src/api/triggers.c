/*
 * triggers.c - POST /v1/triggers/{name}: a signed webhook from outside begins a session, or says
 * something to one.
 *
 * Its signature is its key. The message's id is kept as an idempotency key in the commit of what it
 * did, so one that is sent again has the same answer and does nothing.
 */
#include <stdio.h>
#include <stdlib.h>

#include "api/ask.h"
#include "base/hash.h"
#include "core/fill.h"
#include "webhook/verify.h"

enum {
    BY_MAX = 96,
    ROUTE_TEXT_MAX = 128,
    METADATA_VALUE_BYTES_MAX = 1024,
    METADATA_BYTES_MAX = 1024 * 1024,
    TEMPLATE_BYTES_MAX = 256 * 1024, /* of one */
};

struct work {
    struct engine_request request;
    struct json *body;
    struct buf text, session, metadata;
    struct id target; /* of a message */
    char body_hash[SHA256_TEXT_MAX];
    char route[ROUTE_TEXT_MAX];
    char by[BY_MAX];
};

static void free_work(void *arg)
{
    struct work *work = arg;

    json_free(work->body);
    buf_release(&work->text);
    buf_release(&work->session);
    buf_release(&work->metadata);
    free(work);
}

/* ---- who sends it ---- */

static int64_t now_s(const struct ask *ask)
{
    return loop_wall_ms(ask->api->deps.loop) / 1000;
}

/* One answer to all that is wrong with a signature, and one duration. */
static int check_signature(struct ask *ask, const struct config_trigger *trigger,
                           struct slice *ret_id, struct refusal *ret_refusal)
{
    struct http_request *http = ask->request;
    struct slice body = http_request_body(http);
    const struct webhook_claim claim = {
        .id = http_request_header(http, "webhook-id"),
        .timestamp = http_request_header(http, "webhook-timestamp"),
        .signature = http_request_header(http, "webhook-signature"),
        .body = body,
    };
    int is_genuine =
        trigger->is_github
            ? webhook_is_genuine_github(http_request_header(http, "X-Hub-Signature-256"), body,
                                        trigger->keys, trigger->keys_n)
            : webhook_is_genuine(&claim, trigger->keys, trigger->keys_n, now_s(ask));

    *ret_id = trigger->is_github ? http_request_header(http, "X-GitHub-Delivery") : claim.id;
    if (is_genuine)
        return 0;
    return refuse(ret_refusal, 401, "invalid_signature",
                  "The signature is not by the trigger's secret, or the message is older or newer "
                  "than %d minutes.",
                  WEBHOOK_TOLERANCE_S / 60);
}

static int check_id(struct slice id, struct refusal *ret_refusal)
{
    int is_good = id.len > 0 && id.len <= IDEMPOTENCY_KEY_MAX;

    for (size_t i = 0; is_good && i < id.len; i++)
        is_good = id.ptr[i] >= 0x20 && id.ptr[i] <= 0x7e;
    if (is_good)
        return 0;
    return refuse(ret_refusal, 400, "invalid_webhook_id",
                  "The message's id must have 1 to %d printable ASCII characters.",
                  IDEMPOTENCY_KEY_MAX);
}

/* ---- what it says ---- */

static int fill(struct buf *out, const char *template, const struct json *body, const char *what,
                struct refusal *ret_refusal)
{
    struct err err = { 0 };

    if (fill_put(out, slice_of(template), body, &err) == ERR_NONE)
        return 0;
    if (err.code == ERR_LIMIT)
        return refuse(ret_refusal, 413, "too_large_to_store",
                      "The trigger's '%s' would have more than %zu bytes.", what, out->max);
    return refuse(ret_refusal, 422, "template_unfilled", "The trigger's '%s' cannot be filled: %s.",
                  what, err.msg);
}

static int fill_metadata(struct work *work, const struct config_trigger *trigger,
                         struct refusal *ret_refusal)
{
    struct buf *json = &work->metadata;

    json->max = METADATA_BYTES_MAX;
    json_begin(json, '{');
    json_key(json, "trigger");
    json_put_str(json, slice_of(trigger->name));
    for (size_t i = 0; i < trigger->metadata_n; i++) {
        const struct config_template *template = &trigger->metadata[i];
        CLEANUP(buf_release) struct buf value = { .max = METADATA_VALUE_BYTES_MAX };

        if (fill(&value, template->text, work->body, template->name, ret_refusal))
            return 1;
        json_key(json, template->name);
        json_put_str(json, buf_slice(&value));
    }
    json_end(json, '}');
    work->request.metadata = buf_slice(json);
    return 0;
}

static int fill_session(struct work *work, const struct config_trigger *trigger,
                        struct refusal *ret_refusal)
{
    char text[QUOTED_TEXT_MAX];

    work->session.max = METADATA_VALUE_BYTES_MAX;
    if (fill(&work->session, trigger->session, work->body, "session", ret_refusal))
        return 1;
    if (!id_is_valid(buf_slice(&work->session), "ses_"))
        return refuse(ret_refusal, 404, "session_not_found", "There is no session '%s'.",
                      quoted_text(text, buf_slice(&work->session)));
    (void)snprintf(work->target.text, sizeof(work->target.text), "%s", buf_cstr(&work->session));
    work->request.session = id_slice(&work->target);
    return 0;
}

static int read_message(struct ask *ask, const struct config_trigger *trigger,
                        struct refusal *ret_refusal)
{
    struct work *work = ask->work;
    struct slice body = http_request_body(ask->request);
    struct err err = { 0 };

    if (json_read(&work->body, body, body.len, &err))
        return refuse(ret_refusal, 400, "invalid_json", "The body is not taken as JSON: %s.",
                      err.msg);
    work->text.max = ask->api->deps.config->limits.request_bytes + TEMPLATE_BYTES_MAX;
    if (fill(&work->text, trigger->text, work->body, trigger->agent ? "input" : "content",
             ret_refusal))
        return 1;
    if (work->text.len == 0)
        return refuse(ret_refusal, 422, "out_of_range", "What the trigger says would be empty.");
    work->request.text = buf_slice(&work->text);
    return trigger->agent ? fill_metadata(work, trigger, ret_refusal)
                          : fill_session(work, trigger, ret_refusal);
}

/* ---- the answer ---- */

static void on_done(struct engine_request *request, void *arg)
{
    static const char *const replayed[] = { "Idempotency-Replayed", "true", NULL };
    struct ask *ask = arg;
    CLEANUP(buf_release) struct buf json = { .max = 256 };

    if (request->err.code) {
        ask->match.id = request->session;
        ask_refuse_change(ask, request);
        return;
    }
    json_begin(&json, '{');
    json_key(&json, "session");
    json_put_str(&json, id_slice(&request->id));
    json_end(&json, '}');
    ask_reply(ask, request->kind == ENGINE_CREATE ? 201 : 200, &json,
              request->is_replay ? replayed : NULL);
}

static void submit(struct ask *ask, const struct config_trigger *trigger, struct slice id)
{
    struct work *work = ask->work;
    struct sha256 hash = sha256_of(http_request_body(ask->request));

    (void)snprintf(work->route, sizeof(work->route), "POST /v1/triggers/%s", trigger->name);
    (void)snprintf(work->by, sizeof(work->by), "trigger:%s", trigger->name);
    work->request.kind = trigger->agent ? ENGINE_CREATE : ENGINE_MESSAGE;
    if (trigger->agent) {
        work->request.agent = slice_of(trigger->agent->name);
        work->request.context = slice_of(trigger->context);
    }
    work->request.by = slice_of(work->by);
    work->request.actor = slice_of(work->by);
    work->request.address = slice_of(ask->actor.address);
    work->request.idempotency = (struct store_idempotency){
        .tenant = SLICE_LIT(""),
        .route = slice_of(work->route),
        .key = id,
        .body_hash = slice_of(sha256_text(work->body_hash, &hash)),
    };
    work->request.done = on_done;
    work->request.arg = ask;
    engine_submit(ask->api->deps.engine, &work->request);
}

void triggers_take(struct ask *ask)
{
    const struct config_trigger *trigger = config_trigger(ask->api->deps.config, ask->match.id);
    struct slice id = { NULL, 0 };
    char text[QUOTED_TEXT_MAX];
    struct refusal refusal;

    if (!trigger) {
        ask_reply_problem(ask, 404, "trigger_not_found", "There is no trigger '%s'.",
                          quoted_text(text, ask->match.id));
        return;
    }
    if (check_signature(ask, trigger, &id, &refusal) || check_id(id, &refusal) ||
        ask_check_phase(ask, &refusal)) {
        ask_refuse(ask, &refusal);
        return;
    }
    ask->work = xcalloc(1, sizeof(struct work));
    ask->free_work = free_work;
    if (read_message(ask, trigger, &refusal)) {
        ask_refuse(ask, &refusal);
        return;
    }
    submit(ask, trigger, id);
}
