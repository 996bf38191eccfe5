/*
 * notices.c - what webhooks are to be told of a tick: noted while it is built, and written as
 * deliveries in its own commit. Sending them is src/webhook's.
 *
 * Thin on purpose: whoever is told looks at the session itself. Neither arguments nor any text of
 * the conversation leave the store this way.
 */
#include "base/clock.h"
#include "core/notice.h"
#include "engine/approvals.h"
#include "engine/engine_internal.h"

/* What the events of the tick tell of. */
struct tick_notice {
    struct tick_notice *next;
    enum notice notice;
    enum session_status status; /* of the session */
    struct slice code;          /* of an end that is a failure; or NULL */
    uint32_t call;              /* 0: of the whole session */
    const char *decision;       /* or NULL */
    const char *outcome;        /* of what expired; or NULL */
};

static uint32_t wanted_events(const struct engine *engine)
{
    const struct config *config = engine->deps.config;
    uint32_t wanted = 0;

    for (size_t i = 0; i < config->webhooks_n; i++)
        wanted |= config->webhooks[i].events;
    return wanted;
}

static void note(struct tick *tick, const struct tick_notice *notice)
{
    struct tick_notice *kept = arena_alloc(tick->arena, sizeof(*kept));

    *kept = *notice;
    kept->next = NULL;
    *tick->notices_last = kept;
    tick->notices_last = &kept->next;
}

static void note_end(struct tick *tick, enum end_cause cause)
{
    struct tick_notice notice = { .notice = NOTICE_SESSION_COMPLETED, .status = STATUS_COMPLETED };

    if (cause != END_COMPLETED) {
        notice.notice = NOTICE_SESSION_FAILED;
        notice.status = STATUS_FAILED;
        notice.code =
            tick->reason.code.len > 0 ? tick->reason.code : slice_of(end_cause_name(cause));
    }
    note(tick, &notice);
    if (cause == END_BUDGET) {
        notice.notice = NOTICE_SESSION_BUDGET_REACHED;
        note(tick, &notice);
    }
}

void notices_note(struct tick *tick, const struct session_event *event)
{
    if (tick->live->engine->deps.config->webhooks_n == 0)
        return;
    if (event->kind == EV_TURN_ENDED)
        note_end(tick, event->turn_ended.cause);
    if (event->kind == EV_CANCELLED)
        note(tick, &(struct tick_notice){ .notice = NOTICE_SESSION_CANCELLED,
                                          .status = STATUS_CANCELLED });
    if (event->kind == EV_APPROVAL_DECIDED)
        note(tick,
             &(struct tick_notice){ .notice = NOTICE_APPROVAL_DECIDED,
                                    .status = session_status(&tick->state),
                                    .call = event->call,
                                    .decision = decision_name(event->approval_decided.decision) });
    if (event->kind == EV_APPROVAL_EXPIRED)
        note(tick, &(struct tick_notice){
                       .notice = NOTICE_APPROVAL_EXPIRED,
                       .status = session_status(&tick->state),
                       .call = event->call,
                       .outcome = expiry_action_name(event->approval_expired.outcome) });
}

/* ---- what people are asked ---- */

static struct slice hash_of(struct tick *tick, struct slice body)
{
    CLEANUP(json_cleanup) struct json *root = NULL;
    struct err err = { 0 };

    if (json_read(&root, body, STORE_BODY_MAX, &err))
        return (struct slice){ 0 };
    return arena_slice(tick->arena, json_str(json_get(root, "arguments_hash")));
}

static int has_expired(const struct tick *tick, uint32_t call)
{
    for (const struct tick_notice *at = tick->notices; at; at = at->next)
        if (at->notice == NOTICE_APPROVAL_EXPIRED && at->call == call)
            return 1;
    return 0;
}

/* Asked for the first time, or of others, or about other arguments. */
static int is_asked_anew(struct tick *tick, const struct store_approval *row)
{
    const struct call_info *info = live_call(tick->live, row->call);

    if (approval_asked_before(tick, row->call) != row->kind || has_expired(tick, row->call))
        return 1;
    return row->kind == APPROVAL_CALL && info && info->approval &&
           !slice_equal(hash_of(tick, slice_of(info->approval)), hash_of(tick, row->body));
}

static enum notice notice_of_kind(enum approval_kind kind)
{
    if (kind == APPROVAL_QUESTION)
        return NOTICE_QUESTION_REQUESTED;
    return kind == APPROVAL_IN_DOUBT ? NOTICE_TOOL_IN_DOUBT : NOTICE_APPROVAL_REQUESTED;
}

static void note_asked(struct tick *tick, const struct store_commit *commit)
{
    for (size_t i = 0; i < commit->approvals_n; i++) {
        const struct store_approval *row = &commit->approvals[i];

        if (row->status != APPROVAL_PENDING || !is_asked_anew(tick, row))
            continue;
        note(tick, &(struct tick_notice){ .notice = notice_of_kind(row->kind),
                                          .status = session_status(&tick->state),
                                          .call = row->call });
    }
}

static const struct store_approval *row_of(const struct store_commit *commit, uint32_t call)
{
    for (size_t i = 0; i < commit->approvals_n; i++)
        if (commit->approvals[i].call == call)
            return &commit->approvals[i];
    return NULL;
}

/* ---- bodies ---- */

static void put_text(struct buf *json, const char *key, struct slice text)
{
    if (text.len == 0)
        return;
    json_key(json, key);
    json_put_str(json, text);
}

static void put_time(struct buf *json, const char *key, int64_t at_ms)
{
    char text[CLOCK_TEXT_MAX];

    if (at_ms != 0)
        put_text(json, key, slice_of(clock_text(text, at_ms)));
}

static void put_call(struct tick *tick, const struct tick_notice *notice,
                     const struct store_approval *row, struct buf *json)
{
    CLEANUP(json_cleanup) struct json *body = NULL;
    struct err err = { 0 };
    struct slice id = tick_text(tick, "%s:%u", tick->live->id.text, notice->call);

    put_text(json, "approval", id);
    json_key(json, "call");
    json_put_int(json, notice->call);
    put_text(json, "decision", slice_of(notice->decision));
    put_text(json, "outcome", slice_of(notice->outcome));
    if (row) {
        put_text(json, "tool", row->tool);
        if (json_read(&body, row->body, STORE_BODY_MAX, &err) == ERR_NONE) {
            put_text(json, "risk", json_str(json_get(body, "risk")));
            put_text(json, "reason", json_str(json_get(body, "reason")));
            put_text(json, "role", json_str(json_get(body, "role")));
        }
        put_time(json, "expires_at", row->expires_at_ms);
    }
    put_text(json, "path", tick_text(tick, "/v1/approvals/%.*s", (int)id.len, id.ptr));
}

static struct slice body_of(struct tick *tick, const struct tick_notice *notice,
                            const struct store_commit *commit)
{
    CLEANUP(buf_release) struct buf json = { .max = STORE_DELIVERY_BODY_MAX };
    const struct store_session *row = &commit->row;

    json_begin(&json, '{');
    put_text(&json, "type", slice_of(notice_name(notice->notice)));
    put_time(&json, "timestamp", tick->now_ms);
    json_key(&json, "data");
    json_begin(&json, '{');
    put_text(&json, "session", id_slice(&tick->live->id));
    put_text(&json, "tenant", row->tenant);
    put_text(&json, "agent", row->agent);
    put_text(&json, "status", slice_of(session_status_name(notice->status)));
    put_text(&json, "code", notice->code);
    if (notice->call != 0)
        put_call(tick, notice, row_of(commit, notice->call), &json);
    else
        put_text(&json, "path", tick_text(tick, "/v1/sessions/%s", tick->live->id.text));
    json_end(&json, '}');
    json_end(&json, '}');
    return arena_slice(tick->arena, buf_slice(&json));
}

/* ---- rows ---- */

static struct slice new_id(struct tick *tick, const char *prefix)
{
    struct id id = id_make(prefix, tick->now_ms, &tick->live->engine->random);

    return arena_slice(tick->arena, id_slice(&id));
}

static size_t put_rows(struct tick *tick, const struct tick_notice *notice,
                       const struct store_commit *commit, struct store_delivery *rows)
{
    const struct config *config = tick->live->engine->deps.config;
    struct store_delivery row = { .status = DELIVERY_PENDING,
                                  .event = slice_of(notice_name(notice->notice)),
                                  .next_at_ms = tick->now_ms,
                                  .created_at_ms = tick->now_ms };
    size_t n = 0;

    for (size_t i = 0; i < config->webhooks_n; i++) {
        if (!(config->webhooks[i].events & 1u << notice->notice))
            continue;
        if (n == 0) {
            row.message_id = new_id(tick, "msg_");
            row.body = body_of(tick, notice, commit);
        }
        row.id = new_id(tick, "dlv_");
        row.webhook = slice_of(config->webhooks[i].name);
        rows[n++] = row;
    }
    return n;
}

void notices_put(struct tick *tick, struct store_commit *commit)
{
    const struct config *config = tick->live->engine->deps.config;
    uint32_t wanted = wanted_events(tick->live->engine);
    size_t n = 0;

    if (wanted == 0)
        return;
    note_asked(tick, commit);
    for (const struct tick_notice *at = tick->notices; at; at = at->next)
        n++;
    if (n == 0)
        return;
    struct store_delivery *rows = arena_alloc(tick->arena, n * config->webhooks_n * sizeof(*rows));

    for (const struct tick_notice *at = tick->notices; at; at = at->next)
        commit->deliveries_n += put_rows(tick, at, commit, rows + commit->deliveries_n);
    commit->deliveries = rows;
    tick->has_deliveries = commit->deliveries_n > 0;
}
