/*
 * approvals.c - what people are asked about calls: written down when it is asked, kept beside the
 * call while it is open, and put into their inbox (the store's approvals) by the tick's own commit.
 *
 * The row of a call holds all that a decision needs: the arguments as they are now and their hash,
 * who is asked, and who has said what. A session that waits is that row and its own; brought in
 * again, it reads it back.
 */
#include <stdlib.h>

#include "base/hash.h"
#include "base/utf8.h"
#include "engine/approvals.h"
#include "engine/engine_internal.h"

enum { EDIT_SHOWN_BYTES = 8 * 1024 };

struct slice approval_arguments_hash(struct tick *tick, struct slice arguments)
{
    struct sha256 hash = sha256_of(arguments);
    char text[SHA256_TEXT_MAX];

    return arena_slice(tick->arena, slice_of(sha256_text(text, &hash)));
}

/* ---- the row's body ---- */

static void put_text(struct buf *json, const char *key, struct slice text)
{
    if (text.len == 0)
        return;
    json_key(json, key);
    json_put_str(json, text);
}

static void put_int(struct buf *json, const char *key, int64_t value)
{
    json_key(json, key);
    json_put_int(json, value);
}

void approval_put_need(struct buf *json, const struct approval_need *need)
{
    put_int(json, "approvers", need->approvers);
    put_text(json, "risk", need->risk);
    put_text(json, "reason", need->reason);
    put_text(json, "role", need->role);
    put_text(json, "escalate_to", need->escalate_to);
    if (need->expires_ms > 0) {
        put_int(json, "expires_ms", need->expires_ms);
        put_text(json, "on_expiry", slice_of(expiry_action_name(need->on_expiry)));
    }
}

struct slice approval_write(struct tick *tick, const struct approval_record *record)
{
    CLEANUP(buf_release) struct buf json = { .max = STORE_BODY_MAX };

    json_begin(&json, '{');
    json_key(&json, "arguments");
    json_put_raw(&json, record->arguments);
    put_text(&json, "arguments_hash", record->hash);
    if (record->need.approvers > 0) {
        approval_put_need(&json, &record->need);
        put_int(&json, "still_needed", record->still_needed);
        json_key(&json, "edited");
        json_put_bool(&json, record->is_edited);
        json_key(&json, "decisions");
        json_put_raw(&json, record->decisions.len ? record->decisions : SLICE_LIT("[]"));
    } else if (record->answer.ptr) {
        json_key(&json, "answer");
        json_put_str(&json, record->answer);
        json_key(&json, "decisions");
        json_put_raw(&json, record->decisions);
    }
    json_end(&json, '}');
    return arena_slice(tick->arena, buf_slice(&json));
}

struct slice approval_with_decision(struct tick *tick, const struct approval_record *record,
                                    const struct engine_request *request, const char *decision)
{
    CLEANUP(buf_release) struct buf json = { .max = STORE_BODY_MAX };
    struct slice before = record->decisions;

    json_begin(&json, '[');
    if (before.len > 2) /* what stands between its brackets */
        json_put_raw(&json, (struct slice){ before.ptr + 1, before.len - 2 });
    json_begin(&json, '{');
    json_key(&json, "by");
    json_put_str(&json, request_by(request));
    json_key(&json, "decision");
    json_put_str(&json, slice_of(decision));
    json_key(&json, "at");
    json_put_int(&json, tick->now_ms);
    if (request->note.len > 0) {
        json_key(&json, "note");
        json_put_str(&json, request->note);
    }
    json_key(&json, "arguments_hash");
    json_put_str(&json, record->hash);
    json_end(&json, '}');
    json_end(&json, ']');
    return arena_slice(tick->arena, buf_slice(&json));
}

static struct slice text_of(struct tick *tick, const struct json *node)
{
    CLEANUP(buf_release) struct buf text = { .max = STORE_BODY_MAX };
    struct err err = { 0 };

    if (!node || json_write_canonical(&text, node, &err))
        return (struct slice){ 0 };
    return arena_slice(tick->arena, buf_slice(&text));
}

static struct slice kept_str(struct tick *tick, const struct json *node, const char *key)
{
    struct slice text = json_str(json_get(node, key));

    return text.len > 0 ? arena_slice(tick->arena, text) : (struct slice){ 0 };
}

/* We wrote it, or load.c has read it: it is JSON. What follows if it expires the core knows best.
 */
static void read_record(struct tick *tick, const struct session_call *call, struct slice body,
                        struct approval_record *ret_record)
{
    CLEANUP(json_cleanup) struct json *root = NULL;
    struct err err = { 0 };

    if (json_read(&root, body, STORE_BODY_MAX, &err))
        assert_failed(err.msg, __FILE__, __LINE__);
    *ret_record = (struct approval_record){
        .arguments = text_of(tick, json_get(root, "arguments")),
        .hash = kept_str(tick, root, "arguments_hash"),
        .need = { .approvers = (uint8_t)json_int(json_get(root, "approvers"), 0),
                  .risk = kept_str(tick, root, "risk"),
                  .reason = kept_str(tick, root, "reason"),
                  .role = kept_str(tick, root, "role"),
                  .escalate_to = kept_str(tick, root, "escalate_to"),
                  .expires_ms = json_int(json_get(root, "expires_ms"), 0),
                  .on_expiry = (enum expiry_action)call->on_expiry },
        .still_needed = (uint8_t)json_int(json_get(root, "still_needed"), 0),
        .is_edited = json_bool(json_get(root, "edited"), 0),
        .decisions = text_of(tick, json_get(root, "decisions")),
        .answer = kept_str(tick, root, "answer"),
    };
}

/* ---- what this tick changes of it ---- */

static struct tick_ask *find_ask(const struct tick *tick, uint32_t call)
{
    struct tick_ask *ask = tick->asks;

    while (ask && ask->call != call)
        ask = ask->next;
    return ask;
}

int approval_record_of(struct tick *tick, uint32_t call, struct approval_record *ret_record)
{
    const struct tick_ask *ask = find_ask(tick, call);
    const struct call_info *info = live_call(tick->live, call);
    const struct session_call *open = session_call(&tick->state, call);

    if (!open || (!ask && !(info && info->approval)))
        return 0;
    read_record(tick, open, ask ? ask->body : slice_of(info->approval), ret_record);
    return 1;
}

void approval_set(struct tick *tick, uint32_t call, enum approval_status status,
                  const struct approval_record *record)
{
    struct tick_ask *ask = find_ask(tick, call);

    if (!ask) {
        ask = arena_alloc(tick->arena, sizeof(*ask));
        *ask = (struct tick_ask){ .next = tick->asks, .call = call };
        tick->asks = ask;
    }
    ask->status = status;
    ask->body = approval_write(tick, record);
    ask->arguments = record->is_edited ? record->arguments : (struct slice){ 0 };
    tick->bytes += ask->body.len;
}

/* ---- rows of the commit ---- */

static enum approval_kind asked_kind(const struct session_call *call)
{
    if (call && (call->phase == CALL_APPROVAL || call->phase == CALL_EXPIRED))
        return APPROVAL_CALL;
    if (call && call->phase == CALL_WAITING && call->type == CALL_QUESTION)
        return APPROVAL_QUESTION;
    return call && call->phase == CALL_PERSON ? APPROVAL_IN_DOUBT : APPROVAL_KIND_COUNT;
}

enum approval_kind approval_asked_before(struct tick *tick, uint32_t call)
{
    return asked_kind(session_call(live_state(tick->live), call));
}

struct approval_record approval_plain(struct tick *tick, const struct call_info *info)
{
    struct slice arguments = slice_of(info->arguments);

    return (struct approval_record){ .arguments = arguments,
                                     .hash = approval_arguments_hash(tick, arguments) };
}

static struct slice plain_body(struct tick *tick, const struct call_info *info)
{
    const struct approval_record record = approval_plain(tick, info);

    return approval_write(tick, &record);
}

static struct slice present_body(struct tick *tick, const struct tick_ask *ask,
                                 const struct call_info *info)
{
    if (ask)
        return ask->body;
    return info->approval ? slice_of(info->approval) : plain_body(tick, info);
}

static void put_pending(struct tick *tick, struct store_approval *row,
                        const struct session_call *call)
{
    const struct call_info *info = live_call(tick->live, row->call);

    ASSERT(info);
    row->kind = asked_kind(call);
    row->status = APPROVAL_PENDING;
    row->tool = slice_of(info->tool);
    row->requested_at_ms = tick->now_ms;
    row->expires_at_ms = row->kind == APPROVAL_CALL ? call->due_ms : 0;
    row->body = present_body(tick, find_ask(tick, row->call), info);
}

static void put_closed(struct tick *tick, struct store_approval *row, enum approval_kind before)
{
    const struct tick_ask *ask = find_ask(tick, row->call);
    const struct call_info *info = live_call(tick->live, row->call);

    row->decided_at_ms = tick->now_ms;
    row->status = before == APPROVAL_IN_DOUBT ? APPROVAL_SETTLED : APPROVAL_CANCELLED;
    if (!ask || !info)
        return;
    row->kind = ask->status == APPROVAL_ANSWERED ? APPROVAL_QUESTION : APPROVAL_CALL;
    row->status = ask->status == APPROVAL_PENDING ? APPROVAL_CANCELLED : ask->status;
    row->tool = slice_of(info->tool);
    row->requested_at_ms = tick->now_ms;
    row->body = ask->body;
}

/* One row for each call whose question is new, another, or no longer asked. */
static void put_row(struct tick *tick, struct store_commit *commit, struct store_approval *rows,
                    uint32_t number)
{
    const struct session_call *call = session_call(&tick->state, number);
    enum approval_kind before = approval_asked_before(tick, number);
    enum approval_kind after = asked_kind(call);
    struct store_approval row = { .call = number };

    for (size_t i = 0; i < commit->approvals_n; i++) {
        if (rows[i].call == number)
            return;
    }
    if (before == after && !find_ask(tick, number))
        return;
    if (after != APPROVAL_KIND_COUNT)
        put_pending(tick, &row, call);
    else
        put_closed(tick, &row, before);
    rows[commit->approvals_n++] = row;
}

void approvals_put(struct tick *tick, struct store_commit *commit)
{
    const struct session_state *states[] = { live_state(tick->live), &tick->state };
    struct store_approval *rows = NULL;
    size_t asks_n = 0;

    for (const struct tick_ask *ask = tick->asks; ask; ask = ask->next)
        asks_n++;
    for (size_t k = 0; k < ARRAY_LEN(states); k++) {
        for (unsigned i = 0; i < SESSION_CALLS_MAX; i++)
            asks_n += asked_kind(&states[k]->calls[i]) != APPROVAL_KIND_COUNT;
    }
    if (asks_n == 0)
        return;
    rows = arena_alloc(tick->arena, asks_n * sizeof(*rows));
    for (size_t k = 0; k < ARRAY_LEN(states); k++) {
        for (unsigned i = 0; i < SESSION_CALLS_MAX; i++) {
            if (asked_kind(&states[k]->calls[i]) != APPROVAL_KIND_COUNT)
                put_row(tick, commit, rows, states[k]->calls[i].number);
        }
    }
    for (const struct tick_ask *ask = tick->asks; ask; ask = ask->next)
        put_row(tick, commit, rows, ask->call);
    commit->approvals = rows;
}

/* ---- kept beside the call ---- */

void approvals_keep(struct tick *tick)
{
    for (const struct tick_ask *ask = tick->asks; ask; ask = ask->next) {
        struct call_info *info = live_call(tick->live, ask->call);

        if (!info)
            continue;
        text_replace(&info->approval, ask->body);
        if (ask->arguments.ptr) {
            text_replace(&info->arguments, ask->arguments);
            info->is_edited = 1;
        }
    }
}

enum err_code approval_take(struct call_info *info, struct slice body, struct err *err)
{
    CLEANUP(json_cleanup) struct json *root = NULL;
    CLEANUP(buf_release) struct buf arguments = { .max = body.len + 1 };

    if (json_read(&root, body, STORE_BODY_MAX, err))
        return err->code;
    if (json_kind(json_get(root, "arguments")) != JSON_KIND_OBJECT ||
        !json_str(json_get(root, "arguments_hash")).ptr)
        return err_set(err, ERR_CORRUPT, "it names no arguments");
    if (json_write_canonical(&arguments, json_get(root, "arguments"), err))
        return err->code;
    text_replace(&info->approval, body);
    text_replace(&info->arguments, buf_slice(&arguments));
    info->is_edited = json_bool(json_get(root, "edited"), 0);
    return ERR_NONE;
}

/* ---- what the model is told ---- */

struct slice approval_tell(struct tick *tick, const struct call_info *info, struct slice output)
{
    CLEANUP(buf_release) struct buf text = { .max = HISTORY_BYTES_MAX };
    struct slice arguments = slice_of(info->arguments);
    struct slice shown = utf8_prefix(arguments, EDIT_SHOWN_BYTES);

    if (!info->is_edited)
        return output;
    buf_puts(&text, "A person changed the arguments of this call before it ran, to: ");
    buf_put(&text, shown);
    buf_puts(&text, shown.len < arguments.len ? "...\n" : "\n");
    buf_put(&text, output);
    return arena_slice(tick->arena, buf_slice(&text));
}

/* ---- nobody decided in time ---- */

static struct slice expiry_text(struct tick *tick, const struct approval_record *record)
{
    return tick_text(tick, "Nobody approved this call within %lld seconds, so it did not run.",
                     (long long)(record->need.expires_ms / 1000));
}

void follow_expired(struct tick *tick, uint32_t number)
{
    const struct session_call *call = session_call(&tick->state, number);
    const struct call_info *info = live_call(tick->live, number);
    CLEANUP(buf_release) struct buf wire = { .max = (size_t)64 * 1024 };
    struct session_event event = { .kind = EV_APPROVAL_EXPIRED, .call = number };
    struct approval_record record = { 0 };
    enum expiry_action outcome = (enum expiry_action)call->on_expiry;

    ASSERT(info && approval_record_of(tick, number, &record));
    event.approval_expired.outcome = outcome;
    if (outcome == EXPIRY_ESCALATE) {
        event.approval_expired.due_ms = tick->now_ms + record.need.expires_ms;
        record.need.role = record.need.escalate_to;
        record.need.escalate_to = (struct slice){ 0 };
        record.need.on_expiry = EXPIRY_REJECT; /* as the core has it from here on */
    }
    const struct event_extra extras[] = {
        { .name = "to",
          .kind = EXTRA_TEXT,
          .text = outcome == EXPIRY_ESCALATE ? record.need.role : (struct slice){ 0 } },
        { 0 },
    };

    if (outcome == EXPIRY_REJECT)
        engine_format(tick->live)
            ->put_tool_result(&wire, slice_of(info->id), expiry_text(tick, &record), 1);
    approval_set(tick, number, outcome == EXPIRY_ESCALATE ? APPROVAL_PENDING : APPROVAL_EXPIRED,
                 &record);
    enum verdict verdict = tick_add(
        tick, &(struct tick_event){ .event = &event, .extras = extras, .wire = buf_slice(&wire) });

    ASSERT(verdict == VERDICT_MOVED);
}
