/*
 * audit.c - who did what: a row for each request that is taken, in the commit of what it did.
 *
 * What the engine does by itself (timers, models, tools) is in the journals and not here.
 */
#include "engine/engine_internal.h"

static enum audit_action action_of(const struct engine_request *request)
{
    switch (request->kind) {
    case ENGINE_CREATE: return AUDIT_SESSION_CREATE;
    case ENGINE_MESSAGE: return AUDIT_SESSION_MESSAGE;
    case ENGINE_CANCEL: return AUDIT_SESSION_CANCEL;
    case ENGINE_PAUSE: return AUDIT_SESSION_PAUSE;
    case ENGINE_RESUME: return AUDIT_SESSION_RESUME;
    case ENGINE_RETRY: return AUDIT_SESSION_RETRY;
    case ENGINE_PATCH: return AUDIT_SESSION_CHANGE;
    case ENGINE_SETTLE: return AUDIT_CALL_SETTLE;
    case ENGINE_FORK: return AUDIT_SESSION_FORK;
    case ENGINE_DECIDE:
        return request->decision == DECISION_REJECT ? AUDIT_APPROVAL_REJECT
                                                    : AUDIT_APPROVAL_APPROVE;
    case ENGINE_ANSWER: return AUDIT_APPROVAL_ANSWER;
    case ENGINE_SIGNAL: return AUDIT_SESSION_SIGNAL;
    case ENGINE_ERASE: return AUDIT_SESSION_ERASE;
    case ENGINE_REQUEST_KIND_COUNT: break;
    }
    assert_failed("a request has a kind", __FILE__, __LINE__);
}

/* What a decision has made of what is asked: others may have to agree, too. */
static struct slice status_of(const struct tick *tick, uint32_t call)
{
    const struct tick_ask *ask = tick->asks;

    while (ask->call != call)
        ask = ask->next;
    return slice_of(approval_status_name(ask->status));
}

static struct slice outcome_of(struct tick *tick, const struct engine_request *request)
{
    if (request->kind == ENGINE_DECIDE || request->kind == ENGINE_ANSWER)
        return status_of(tick, request->call);
    if (request->kind == ENGINE_SETTLE)
        return slice_of(reconcile_outcome_name(request->outcome));
    if (request->kind == ENGINE_FORK)
        return tick_text(tick, "from %.*s", (int)request->session.len, request->session.ptr);
    return SLICE_LIT("done");
}

static struct store_audit *next_row(struct tick *tick)
{
    if (tick->audits_n == tick->audits_cap) {
        const struct store_audit *few = tick->audits;

        tick->audits_cap = tick->audits_cap > 0 ? tick->audits_cap * 2 : 1;
        tick->audits = arena_alloc(tick->arena, tick->audits_cap * sizeof(*tick->audits));
        for (size_t i = 0; i < tick->audits_n; i++)
            tick->audits[i] = few[i];
    }
    return &tick->audits[tick->audits_n++];
}

void audit_add(struct tick *tick, const struct engine_request *request)
{
    int is_about_call = request->kind == ENGINE_DECIDE || request->kind == ENGINE_ANSWER ||
                        request->kind == ENGINE_SETTLE;

    *next_row(tick) = (struct store_audit){
        .at_ms = tick->now_ms,
        .tenant = slice_of(tick->live->tenant),
        .actor = request->actor.len > 0 ? request->actor : SLICE_LIT("unknown"),
        .actor_name = request->by,
        .address = request->address,
        .action = audit_action_name(action_of(request)),
        .target = id_slice(&tick->live->id),
        .call = is_about_call ? request->call : 0,
        .request_hash = request->idempotency.body_hash,
        .outcome = outcome_of(tick, request),
    };
}
