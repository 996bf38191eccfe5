/*
 * decide.c - a person decides on a call: for exactly the arguments that were shown, once.
 *
 * Arguments that the person edits are a new version: they are checked against the tool's schema and
 * the policy again, void what others have approved, and count as approved by who edited them. Both
 * versions stay in the journal.
 */
#include "auth/roles.h"
#include "engine/approvals.h"
#include "engine/arguments.h"
#include "engine/engine_internal.h"

/* What a decision on a call comes to, as far as it is known. */
struct decided {
    struct engine_request *request;
    struct approval_record record;
    struct slice former_hash; /* of arguments that were edited; NULL: they were not */
    struct slice changed;     /* JSON: names of the members that differ */
};

/* ---- may it be decided? ---- */

static int is_asked(const struct session_call *call, struct engine_request *request)
{
    if (call && call->phase == CALL_APPROVAL)
        return 1;
    if (call && call->phase == CALL_PERSON)
        return request_refuse_call(request, "approval_in_doubt", ERR_CONFLICT,
                                   ": it is in doubt whether it happened; say so with settle");
    if (call && call->phase == CALL_WAITING && call->type == CALL_QUESTION)
        return request_refuse_call(request, "approval_is_question", ERR_CONFLICT,
                                   ": it is a question; give an 'answer' instead");
    return request_refuse_call(request, "approval_closed", ERR_CONFLICT,
                               ": no decision is asked for");
}

static int is_what_was_shown(const struct decided *decided)
{
    struct engine_request *request = decided->request;
    const struct approval_record *record = &decided->record;

    if (slice_equal(request->hash, record->hash))
        return 1;
    return request_refuse_call(
        request, "arguments_changed", ERR_CONFLICT,
        ": the decision is on arguments with the hash %.*s, and they have the hash %.*s "
        "now%s; look at them again",
        request->hash.len < 80 ? (int)request->hash.len : 80, request->hash.ptr,
        (int)record->hash.len, record->hash.ptr,
        record->is_edited ? ": a person has edited them" : "");
}

/* An admin may: he could make himself a key with that role. */
static int has_role(const struct decided *decided)
{
    struct slice role = decided->record.need.role;
    struct slice roles = decided->request->roles;

    if (role.len == 0 || !roles.ptr || auth_has_role(roles, role) ||
        auth_has_role(roles, SLICE_LIT(AUTH_ROLE_ADMIN)))
        return 1;
    return request_refuse_call(decided->request, "role_required", ERR_INVALID,
                               ": this decision needs a key with the role '%.*s'",
                               role.len < 80 ? (int)role.len : 80, role.ptr);
}

/* One person is one approval of one version, however often it is sent. */
static int is_another_person(const struct decided *decided)
{
    CLEANUP(json_cleanup) struct json *list = NULL;
    struct slice by = request_by(decided->request);
    struct err err = { 0 };

    if (decided->record.decisions.len == 0)
        return 1;
    if (json_read(&list, decided->record.decisions, STORE_BODY_MAX, &err))
        assert_failed(err.msg, __FILE__, __LINE__); /* a part of what was read */
    for (size_t i = 0; i < json_count(list); i++) {
        if (slice_equal(json_str(json_get(json_at(list, i), "by")), by))
            return request_refuse_call(
                decided->request, "already_approved", ERR_CONFLICT,
                ": %.*s has approved it already; %u more must, and they must "
                "be others",
                by.len < 80 ? (int)by.len : 80, by.ptr, decided->record.still_needed);
    }
    return 1;
}

/* ---- edited arguments ---- */

static void put_changed(struct buf *names, const struct json *a, const struct json *b, int is_first)
{
    for (struct json_iter *it = json_first(a); it; it = json_next(a, it)) {
        CLEANUP(buf_release) struct buf x = { .max = STORE_BODY_MAX };
        CLEANUP(buf_release) struct buf y = { .max = STORE_BODY_MAX };
        const struct json *other = json_get(b, json_iter_key(it));
        struct err err = { 0 };

        if (!other) {
            json_put_str(names, slice_of(json_iter_key(it)));
            continue;
        }
        if (is_first &&
            (json_write_canonical(&x, json_iter_value(it), &err) ||
             json_write_canonical(&y, other, &err) || !slice_equal(buf_slice(&x), buf_slice(&y))))
            json_put_str(names, slice_of(json_iter_key(it)));
    }
}

/* The members that are not the same in both, by name. */
static struct slice difference(struct tick *tick, struct slice before, struct slice after)
{
    CLEANUP(json_cleanup) struct json *a = NULL;
    CLEANUP(json_cleanup) struct json *b = NULL;
    CLEANUP(buf_release) struct buf names = { .max = STORE_BODY_MAX };
    struct err err = { 0 };

    if (json_read(&a, before, STORE_BODY_MAX, &err) || json_read(&b, after, STORE_BODY_MAX, &err))
        assert_failed(err.msg, __FILE__, __LINE__); /* both were read before */
    json_begin(&names, '[');
    put_changed(&names, a, b, 1);
    put_changed(&names, b, a, 0);
    json_end(&names, ']');
    return arena_slice(tick->arena, buf_slice(&names));
}

/*
 * What the policy says of these arguments; one that asks nobody leaves the editor's own decision.
 * When it expires, and what follows, stays: that clock began when the call was asked about.
 */
static void take_need(struct approval_record *record, const struct approval_need *need)
{
    struct approval_need former = record->need;

    if (need->approvers == 0) {
        record->need.approvers = 1;
        return;
    }
    record->need = *need;
    record->need.expires_ms = former.expires_ms;
    record->need.on_expiry = former.on_expiry;
    record->need.escalate_to = former.escalate_to;
}

/* 0: they cannot be taken, and the request says why. */
static int take_edit(struct tick *tick, struct decided *decided)
{
    struct engine_request *request = decided->request;
    struct approval_record *record = &decided->record;
    const struct call_info *info = live_call(tick->live, request->call);
    struct arguments_check check =
        arguments_check(tick, &(struct model_tool_call){ .id = slice_of(info->id),
                                                         .name = slice_of(info->tool),
                                                         .arguments = request->arguments });

    if (check.refusal.ptr)
        return request_refuse_call(request, "arguments_invalid", ERR_INVALID, ": %s",
                                   check.refusal.ptr);
    struct slice hash = approval_arguments_hash(tick, check.text);

    if (slice_equal(hash, record->hash))
        return 1;
    decided->former_hash = record->hash;
    decided->changed = difference(tick, record->arguments, check.text);
    record->arguments = check.text;
    record->hash = hash;
    record->is_edited = 1;
    record->decisions = (struct slice){ 0 }; /* of another version: the journal has them */
    take_need(record, &check.need);
    record->still_needed = record->need.approvers;
    return 1;
}

/* ---- the decision ---- */

static void put_rejection(struct tick *tick, const struct engine_request *request, struct buf *wire)
{
    CLEANUP(buf_release) struct buf text = { .max = HISTORY_BYTES_MAX };
    const struct call_info *info = live_call(tick->live, request->call);

    buf_puts(&text, "A person rejected this call, so it did not run");
    buf_puts(&text, request->note.len > 0 ? ": " : ".");
    buf_put(&text, request->note);
    engine_format(tick->live)->put_tool_result(wire, slice_of(info->id), buf_slice(&text), 1);
}

static uint32_t record_decision(struct tick *tick, struct decided *decided)
{
    const struct engine_request *request = decided->request;
    struct approval_record *record = &decided->record;
    CLEANUP(buf_release) struct buf wire = { .max = HISTORY_BYTES_MAX };
    int is_rejected = request->decision == DECISION_REJECT;
    int is_edited = decided->former_hash.ptr != NULL;
    struct session_event event = { .kind = EV_APPROVAL_DECIDED, .call = request->call };
    const struct event_extra extras[] = {
        { .name = "by", .kind = EXTRA_TEXT, .text = request_by(request) },
        { .name = "note", .kind = EXTRA_TEXT, .text = slice_or_null(request->note) },
        { .name = "arguments_hash", .kind = EXTRA_TEXT, .text = record->hash },
        { .name = "former_hash", .kind = EXTRA_TEXT, .text = decided->former_hash },
        { .name = "arguments",
          .kind = EXTRA_JSON,
          .text = is_edited ? record->arguments : (struct slice){ 0 } },
        { .name = "changed", .kind = EXTRA_JSON, .text = decided->changed },
        { 0 },
    };

    record->still_needed = (uint8_t)(is_rejected ? 0 : record->still_needed - 1);
    record->decisions =
        approval_with_decision(tick, record, request, decision_name(request->decision));
    event.approval_decided.decision = request->decision;
    event.approval_decided.still_needed = record->still_needed;
    if (is_rejected)
        put_rejection(tick, request, &wire);
    enum approval_status status = is_rejected                ? APPROVAL_REJECTED
                                  : record->still_needed > 0 ? APPROVAL_PENDING
                                                             : APPROVAL_APPROVED;

    approval_set(tick, request->call, status, record);
    enum verdict verdict = tick_add(
        tick, &(struct tick_event){ .event = &event, .extras = extras, .wire = buf_slice(&wire) });
    ASSERT(verdict == VERDICT_MOVED);
    return event.seq;
}

void decide_apply(struct live *live, struct tick *tick, struct input *input)
{
    struct engine_request *request = request_anew(input);
    struct decided decided = { .request = request };
    const struct session_call *call = session_call(&tick->state, request->call);

    (void)live;
    if (!is_asked(call, request))
        return;
    int is_known = approval_record_of(tick, request->call, &decided.record);

    ASSERT(is_known);
    if (!has_role(&decided) || !is_what_was_shown(&decided))
        return;
    /* What was edited may be another role's to decide. */
    if (request->decision == DECISION_APPROVE &&
        ((request->arguments.len > 0 && !(take_edit(tick, &decided) && has_role(&decided))) ||
         !is_another_person(&decided)))
        return;
    request_taken(tick, input, record_decision(tick, &decided));
}
