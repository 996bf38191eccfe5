/* book_tool.c - the rules of a tool call: run for a reason, answered once. */
#include <stdio.h>

#include "sim/book.h"

enum { EXIT_TRY_AGAIN = 75 };

/* The model gets `text`, or where it is NULL some text that people wrote. */
void book_close_call(struct book_session *session, struct book_call *call, uint32_t seq,
                     const char *text)
{
    struct book_result *result = book_result_of(session, call);

    call->state = TOOLING_CLOSED;
    call->closed_seq = seq;
    call->due_ms = 0;
    if (call->is_orphan)
        return; /* the end of its turn has answered it */
    result->is_there = 1;
    result->seq = seq;
    result->has_text = text != NULL && !call->is_edited;
    result->is_begin = text != NULL && call->is_edited;
    if (result->is_begin)
        text = "A person changed the arguments of this call before it ran, to: {";
    if (text)
        (void)snprintf(result->text, sizeof(result->text), "%s", text);
}

void book_after_answer(struct book_session *session)
{
    if (session->life == LIFE_ACTIVE && !session->due && book_open_calls(session) == 0)
        book_wants_model(session);
}

static struct book_call *call_of(struct book_event *e)
{
    struct book_call *call = book_call(e->session, e->call);

    if (!call)
        book_wrong(e, "there is no such call");
    if (call->state == TOOLING_CLOSED)
        book_wrong(e, "it has its answer already, by event %u", call->closed_seq);
    return call;
}

/* By what the tool has given to the engine. */
static void check_given(struct book_event *e, struct book_call *call)
{
    const struct given_result *given = book_run_of(e->world->book, e->session, e->call, e->attempt);
    struct slice output = json_str(json_get(e->body, "output"));

    if (!given || given->end != TOOL_EXITED || given->status == EXIT_TRY_AGAIN)
        book_wrong(e, "the tool gave no result");
    book_check_prompt(e, given->peace_ms);
    if (!memmem(output.ptr, output.len, given->output, strlen(given->output)) ||
        json_bool(json_get(e->body, "is_error"), 0) != (given->status != 0))
        book_wrong(e, "the tool said %s with status %d", given->output, given->status);
    book_check_output(e, call, given);
}

static void finished(struct book_event *e)
{
    struct book_call *call = call_of(e);
    struct slice output = json_str(json_get(e->body, "output"));
    char text[OUTPUT_TEXT_MAX];

    if (call->waits != WAITS_NOT) {
        book_wait_finished(e, call);
        return;
    }
    if (e->attempt > call->attempt ||
        (e->attempt == call->attempt &&
         call->state != (call->is_once ? TOOLING_SENT : TOOLING_OUT) && !book_in_doubt(call)))
        book_wrong(e, "this attempt has not begun");
    if (book_is_reader(e->world, call))
        book_check_reading(e, call);
    else
        check_given(e, call);
    (void)snprintf(text, sizeof(text), "%.*s", (int)output.len, output.ptr);
    book_close_call(e->session, call, e->event->seq, text);
    e->session->crashes = 0;
    if (!call->is_orphan)
        book_after_answer(e->session);
}

static const struct retry_policy *policy_of(const struct book_session *session,
                                            const struct book_call *call)
{
    for (size_t i = 0; i < session->agent->tools_n; i++) {
        if (strcmp(session->agent->tools[i]->name, call->tool) == 0)
            return &session->agent->tools[i]->retry;
    }
    return NULL;
}

/* It stands in the session's revision, and is no longer configured. */
static int is_gone(const struct book_event *e, const struct book_call *call)
{
    return config_tool(&e->world->scene.config, slice_of(call->tool)) == NULL;
}

static void failed_run(struct book_event *e, struct book_call *call)
{
    const struct given_result *given = book_run_of(e->world->book, e->session, e->call, e->attempt);

    if ((call->state != TOOLING_OUT && call->state != TOOLING_SENT) || e->attempt != call->attempt)
        book_wrong(e, "only the attempt under way (%u) can fail", call->attempt);
    int is_unread = book_is_reader(e->world, call) && !is_gone(e, call) && e->world->unread_n > 0;

    e->world->unread_n -= (unsigned)is_unread;
    if (given ? given->end == TOOL_EXITED && given->status != EXIT_TRY_AGAIN
              : !is_unread && !is_gone(e, call))
        book_wrong(e, "the tool did not fail");
    if (call->is_once && given && given->end != TOOL_EXITED && given->end != TOOL_NOT_STARTED)
        book_wrong(e, "nothing proves that it did nothing");
    if (given)
        book_check_prompt(e, given->peace_ms);
    call->failures++;
    book_check_retry(e, policy_of(e->session, call), call->failures, 0,
                     given ? given->end == TOOL_NOT_STARTED && given->err != ERR_UNAVAILABLE
                           : !is_unread);
    call->due_ms = json_int(json_get(e->body, "retry_at"), 0);
    if (call->due_ms != 0) {
        call->state = TOOLING_BACKOFF;
        call->attempt++;
        return;
    }
    e->session->crashes = 0;
    book_close_call(e->session, call, e->event->seq, NULL);
}

static void failed(struct book_event *e)
{
    struct book_call *call = call_of(e);

    if (call->state != TOOLING_REFUSED) {
        failed_run(e, call);
    } else {
        if (json_get(e->body, "retry_at"))
            book_wrong(e, "what was no good will be no good the next time");
        e->session->crashes = 0;
        book_close_call(e->session, call, e->event->seq,
                        call->is_misfit ? "The arguments do not fit: /a: must be at most 9, is 77. "
                                          "Send them again."
                                        : NULL);
    }
    book_after_answer(e->session);
}

void book_tool_event(struct book_event *e)
{
    const struct book_call *call = book_call(e->session, e->call);

    if (e->session->life != LIFE_ACTIVE && (!call || !call->is_orphan))
        book_wrong(e, "its turn is over");
    if (e->event->kind == EV_TOOL_FINISHED)
        finished(e);
    else
        failed(e);
}

/* ---- what a runner sees ---- */

/* Those that crashed again and again run alone. */
static void check_alone(struct book *book, const struct book_session *session)
{
    for (size_t i = 0; i < book->sessions_n && session->crashes >= SUSPECT_AT; i++) {
        const struct book_session *other = book->sessions[i];

        if (other == session || other->crashes < SUSPECT_AT || other->life != LIFE_ACTIVE)
            continue;
        for (size_t k = 0; k < other->calls_n; k++) {
            if ((other->calls[k].state == TOOLING_OUT || other->calls[k].state == TOOLING_SENT) &&
                other->calls[k].ran == other->calls[k].attempt &&
                other->calls[k].out_process == book->world->process_n)
                fail(book->world, "ses%u and ses%u are suspects and run at the same time",
                     session->index, other->index);
        }
    }
}

static void check_key(struct book *book, const struct book_session *session,
                      const struct tool_run *run)
{
    char key[ID_TEXT_MAX + 16];

    (void)snprintf(key, sizeof(key), "%s:%u", session->id, run->call);
    if (!slice_is(run->key, key))
        fail(book->world, "ses%u call %u got the key %.*s", session->index, run->call,
             (int)run->key.len, run->key.ptr);
}

/* Also what it has been told to end may still be at work. */
static void check_no_other(struct world *world, const struct tool_run *run)
{
    for (struct link *at = list_first(&world->runs); at; at = at->next) {
        const struct tool_run *other = sim_run_of(at);

        if (other->call == run->call && slice_equal(other->session, run->session))
            fail(world, "call %u of %.*s begins, and a run of it has not ended", run->call,
                 (int)run->session.len, run->session.ptr);
    }
}

/* What must not happen twice: sent, known to be recorded, and none before may have happened. */
static void check_once(struct book *book, const struct book_session *session,
                       const struct book_call *call, const struct tool_run *run)
{
    if (!call->is_once)
        return;
    if (call->attempt == run->attempt && call->state == TOOLING_OUT)
        fail(book->world, "ses%u call %u attempt %u leaves, and that is not recorded",
             session->index, run->call, run->attempt);
    if (call->attempt == run->attempt && session->known_seq < call->sent_seq)
        fail(book->world,
             "ses%u call %u attempt %u leaves before its engine knows that it is "
             "recorded",
             session->index, run->call, run->attempt);
    if (call->ran > call->proven)
        fail(book->world, "ses%u call %u attempt %u runs, and attempt %u may have happened",
             session->index, run->call, run->attempt, call->ran);
    check_no_other(book->world, run);
}

int book_is_look(const struct tool_run *run)
{
    return strcmp(run->spec->argv[0], "./reconcile") == 0;
}

/* What became of it is looked into: by one that knows the call, when nothing of it runs. */
struct book_session *book_looked(struct book *book, const struct tool_run *run)
{
    struct book_session *session = book_find(book, run->session);
    struct book_call *call = session ? book_call(session, run->call) : NULL;
    struct world *world = book->world;

    trace(world, "look   ses%u call %u attempt %u begins", session ? session->index : 999,
          run->call, run->attempt);
    if (!call || !call->is_once || !call->has_reconcile)
        fail(world, "a call is looked into that has no need of it");
    if (call->attempt != run->attempt || call->state != TOOLING_LOOK) {
        if (session->known_seq == session->seq)
            fail(world, "ses%u call %u attempt %u is looked into, and that is not recorded",
                 session->index, run->call, run->attempt);
    }
    if (session->known_seq < call->out_seq)
        fail(world, "ses%u call %u is looked into before that is recorded", session->index,
             run->call);
    if (!slice_is(run->arguments, call->arguments))
        fail(world, "ses%u call %u is looked into with other arguments", session->index, run->call);
    check_key(book, session, run);
    check_no_other(world, run);
    return session;
}

struct book_session *book_ran(struct book *book, const struct tool_run *run)
{
    struct book_session *session = book_find(book, run->session);
    struct book_call *call = session ? book_call(session, run->call) : NULL;
    struct world *world = book->world;

    trace(world, "tool   ses%u call %u attempt %u begins", session ? session->index : 999,
          run->call, run->attempt);
    if (!call)
        fail(world, "a tool runs for a call that is not recorded");
    if (call->state == TOOLING_REFUSED || strcmp(run->spec->name, call->tool) != 0) {
        const struct config_tool *tool = config_tool(&world->scene.config, slice_of(call->tool));

        if (!tool || !tool->builtin || strcmp(run->spec->name, tool->builtin) != 0)
            fail(world, "call %u is of tool %s, and %s runs", run->call, call->tool,
                 run->spec->name);
    }
    if (!slice_is(run->arguments, call->arguments))
        fail(world, "call %u got the arguments %.*s instead of %s", run->call,
             (int)run->arguments.len, run->arguments.ptr, call->arguments);
    check_key(book, session, run);
    if (run->attempt > call->attempt ||
        (run->attempt == call->attempt && call->state != TOOLING_OUT &&
         call->state != TOOLING_SENT && call->state != TOOLING_CLOSED && !book_in_doubt(call)))
        fail(world, "ses%u call %u attempt %u runs, and is not recorded as handed out",
             session->index, run->call, run->attempt);
    if (run->attempt < call->attempt && session->known_seq >= call->out_seq)
        fail(world, "ses%u call %u attempt %u runs, and it is given up", session->index, run->call,
             run->attempt);
    if (call->state == TOOLING_CLOSED && session->known_seq >= call->closed_seq)
        fail(world, "ses%u call %u runs, and it has its answer since event %u", session->index,
             run->call, call->closed_seq);
    if (run->attempt <= call->ran)
        fail(world, "ses%u call %u attempt %u runs twice", session->index, run->call, run->attempt);
    check_once(book, session, call, run);
    call->ran = run->attempt;
    check_alone(book, session);
    return session;
}
