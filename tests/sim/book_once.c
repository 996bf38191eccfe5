/* book_once.c - the rules of calls that must not happen twice: sent, in doubt, settled. */
#include <stdio.h>

#include "sim/book.h"

enum { EXIT_TRY_AGAIN = 75 };

int book_in_doubt(const struct book_call *call)
{
    return call->state == TOOLING_DOUBT || call->state == TOOLING_LOOK ||
           call->state == TOOLING_PERSON;
}

int book_asks_person(const struct book_session *session)
{
    size_t n = 0;

    for (size_t i = 0; i < session->calls_n; i++) {
        const struct book_call *call = &session->calls[i];

        if (call->state == TOOLING_CLOSED || call->is_orphan)
            continue;
        if (call->state != TOOLING_PERSON && call->state != TOOLING_APPROVAL &&
            call->state != TOOLING_WAITING)
            return 0;
        n++;
    }
    return n > 0 && session->model.state == ASKING_NOT;
}

static void doubt(struct book_call *call, int64_t due_ms)
{
    call->state = call->has_reconcile ? TOOLING_DOUBT : TOOLING_PERSON;
    call->due_ms = call->has_reconcile ? due_ms : 0;
}

void book_end_once(struct book_event *e, struct book_call *call)
{
    struct book_result *result = book_result_of(e->session, call);

    result->is_there = 1; /* some words: that nobody knows */
    result->seq = e->event->seq;
    result->has_text = 0;
    if (call->state == TOOLING_SENT)
        doubt(call, e->event->at_ms);
    call->is_orphan = 1;
    call->closed_seq = e->event->seq;
}

static struct book_call *call_of(struct book_event *e)
{
    struct book_call *call = book_call(e->session, e->call);

    if (!call || !call->is_once)
        book_wrong(e, "there is no such call");
    if (call->attempt != e->attempt)
        book_wrong(e, "its attempt is %u", call->attempt);
    return call;
}

static void sent(struct book_event *e)
{
    struct book_call *call = call_of(e);

    if (call->state != TOOLING_OUT || e->session->is_paused)
        book_wrong(e, "it is not to be sent");
    call->state = TOOLING_SENT;
    call->sent_seq = e->event->seq;
    call->out_process = e->world->process_n;
}

/* Why nobody knows. */
static void check_cause(struct book_event *e, const struct book_call *call)
{
    const struct given_result *given = book_run_of(e->world->book, e->session, e->call, e->attempt);
    struct slice cause = json_str(json_get(e->body, "cause"));
    int counts = json_bool(json_get(e->body, "counts"), 0);

    if (slice_is(cause, "crash") || slice_is(cause, "drain")) {
        book_check_reason(e, call->out_process, slice_is(cause, "crash"), counts);
        return;
    }
    if (counts)
        book_wrong(e, "it counts, and must not");
    if (slice_is(cause, "handed_over") || (slice_is(cause, "unsent") && call->ran < e->attempt))
        return;
    if (!given || !slice_is(cause, tool_end_name(given->end)))
        book_wrong(e, "that is not how it ended");
    if (given->end == TOOL_EXITED || given->end == TOOL_NOT_STARTED)
        book_wrong(e, "it is known what it did");
    book_check_prompt(e, given->peace_ms);
}

static void in_doubt(struct book_event *e)
{
    struct book_call *call = call_of(e);
    int64_t due_ms = json_int(json_get(e->body, "reconcile_at"), 0);

    if (call->state != TOOLING_SENT)
        book_wrong(e, "it was not sent");
    check_cause(e, call);
    if (call->has_reconcile ? due_ms <= e->event->at_ms : due_ms != 0)
        book_wrong(e, "it is to be looked into at %lld", (long long)due_ms);
    doubt(call, due_ms);
}

/* ---- what is said of a call in doubt ---- */

static void check_look(struct book_event *e, const struct book_call *call, struct slice outcome)
{
    const struct config_tool *tool = config_tool(&e->world->scene.config, slice_of(call->tool));
    const char *said = "unknown";

    if (call->state != TOOLING_LOOK)
        book_wrong(e, "nobody looked into it");
    if (call->look.attempt != e->attempt) {
        if (tool && tool->reconcile)
            book_wrong(e, "its reconcile command has not ended");
    } else if (call->look.end == TOOL_EXITED) {
        said = call->look.status == 0                ? "happened"
               : call->look.status == EXIT_TRY_AGAIN ? "not_happened"
                                                     : "unknown";
    }
    if (!slice_is(outcome, said))
        book_wrong(e, "its reconcile command said: %s", said);
    if (call->look.attempt == e->attempt)
        book_check_prompt(e, call->look.peace_ms);
}

static void check_tool(struct book_event *e, struct book_call *call, struct slice outcome)
{
    if (!slice_is(outcome, "not_happened") ||
        (call->ran >= e->attempt && call->proven < e->attempt))
        book_wrong(e, "nothing proves that");
}

static void check_person(struct book_event *e, struct book_call *call, struct slice outcome)
{
    if (call->state != TOOLING_PERSON)
        book_wrong(e, "nobody was asked");
    if (slice_is(outcome, "unknown"))
        book_wrong(e, "that is why somebody was asked");
    if (slice_is(outcome, "not_happened"))
        call->proven = e->attempt;
}

static void check_said(struct book_event *e, struct book_call *call, struct slice outcome)
{
    struct slice by = json_str(json_get(e->body, "by"));

    if (slice_is(by, "reconcile"))
        check_look(e, call, outcome);
    else if (slice_is(by, "tool") || slice_is(by, "pawl"))
        check_tool(e, call, outcome);
    else if (slice_is(by, "sim"))
        check_person(e, call, outcome);
    else
        book_wrong(e, "who said that?");
}

static void reconciled(struct book_event *e)
{
    struct book_call *call = call_of(e);
    struct slice outcome = json_str(json_get(e->body, "outcome"));
    struct slice output = json_str(json_get(e->body, "output"));
    char text[TEXT_MAX];

    if (!book_in_doubt(call))
        book_wrong(e, "it is not in doubt");
    check_said(e, call, outcome);
    call->due_ms = 0;
    if (slice_is(outcome, "unknown")) {
        call->state = TOOLING_PERSON;
        return;
    }
    if (slice_is(outcome, "happened")) {
        (void)snprintf(text, sizeof(text), "%.*s", (int)output.len, output.ptr ? output.ptr : "");
        book_close_call(e->session, call, e->event->seq, text[0] ? text : NULL);
        if (!call->is_orphan)
            book_after_answer(e->session);
    } else if (call->is_orphan) {
        book_close_call(e->session, call, e->event->seq, NULL);
    } else {
        call->attempt++;
        book_hand_out(e, call);
    }
}

void book_once_event(struct book_event *e)
{
    switch (e->event->kind) {
    case EV_TOOL_SENT: sent(e); break;
    case EV_TOOL_IN_DOUBT: in_doubt(e); break;
    default: reconciled(e); break;
    }
}
