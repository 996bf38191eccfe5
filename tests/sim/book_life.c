/* book_life.c - the rules of turns: how they begin, stand still, are interrupted and end. */
#include <stdio.h>

#include "sim/book.h"

static void say(struct book_event *e, const char *member)
{
    struct slice text = json_str(json_get(e->body, member));
    struct book_item item = { .seq = e->event->seq };

    (void)snprintf(item.token, sizeof(item.token), "%.*s", (int)text.len, text.ptr);
    book_item_add(e->session, &item);
}

void book_restart_turn(struct book_session *session)
{
    session->life = LIFE_ACTIVE;
    session->due = NULL;
    session->unread = 0;
    session->unread_seq = 0;
    session->steps = 0;
    session->crashes = 0;
    session->is_turn_started = 0;
    session->wall_used_ms = 0;
    session->wall_since_ms = 0;
    book_wants_model(session);
}

static void begin_turn(struct book_session *session, uint32_t input_seq)
{
    session->turn++;
    session->turn_seq = input_seq;
    book_restart_turn(session);
}

static void created(struct book_event *e)
{
    struct book_session *session = e->session;
    const struct json *limits = json_get(e->body, "limits");

    if (e->event->seq != 1)
        book_wrong(e, "it is not the first event");
    session->limits.steps = (uint32_t)json_int(json_get(limits, "steps"), 0);
    session->limits.wall_ms = json_int(json_get(limits, "wall_ms"), 0);
    session->limits.tokens = json_int(json_get(limits, "tokens"), 0);
    session->limits.nanousd = json_int(json_get(limits, "nanousd"), 0);
    session->limits.crashes = (uint32_t)json_int(json_get(limits, "crashes"), 0);
    if (session->limits.steps != session->agent->limits.steps ||
        session->limits.wall_ms != session->agent->limits.wall_ms ||
        session->limits.crashes != e->world->scene.config.limits.crashes)
        book_wrong(e, "these are not the limits of its agent");
    say(e, "input");
    book_take_texts(e);
    begin_turn(session, 1);
}

static void message(struct book_event *e)
{
    struct book_session *session = e->session;

    if (session->life == LIFE_CANCELLED)
        book_wrong(e, "it is cancelled for good");
    say(e, "content");
    if (session->life == LIFE_ENDED)
        begin_turn(session, e->event->seq);
    else if (session->unread++ == 0)
        session->unread_seq = e->event->seq;
}

/* ---- ends ---- */

static void close_turn(struct book_event *e, enum life life)
{
    struct book_session *session = e->session;

    if (session->model.state == ASKING_RUNNING)
        book_charge(session, session->model.reserved);
    session->model.state = ASKING_NOT;
    session->model.due_ms = 0;
    for (size_t i = 0; i < session->calls_n; i++) {
        struct book_call *call = &session->calls[i];

        if (call->state == TOOLING_CLOSED || call->is_orphan)
            continue;
        if (call->state == TOOLING_SENT || book_in_doubt(call))
            book_end_once(e, call);
        else
            book_close_call(session, call, e->event->seq, NULL);
    }
    session->life = life;
    session->end_seq = e->event->seq;
    session->ended_at_ms = e->event->at_ms;
}

/* The two ends that nothing in the journal makes due. */
static int is_early_end(struct book_event *e, const char *cause)
{
    struct book_session *session = e->session;
    struct money refused = book_money(e->body, "refused");

    if (session->model.state != ASKING_WANTED || session->is_paused)
        return 0;
    if (strcmp(cause, "model_not_configured") == 0)
        return !book_has_model(e->world, session);
    if (strcmp(cause, "budget_reached") != 0)
        return 0;
    return (session->limits.tokens &&
            session->spent.tokens + refused.tokens > session->limits.tokens) ||
           (session->limits.nanousd &&
            session->spent.nanousd + refused.nanousd > session->limits.nanousd);
}

static void check_end(struct book_event *e, const char *cause)
{
    struct book_session *session = e->session;
    int is_completed = strcmp(cause, "completed") == 0;
    struct slice code = json_str(json_get(e->body, "code"));
    const char *expected = strcmp(cause, "model_failed") == 0 ? session->error : cause;

    if (session->due ? strcmp(session->due, cause) != 0 : !is_early_end(e, cause))
        book_wrong(e, "%s is not why it ends (%s is)", cause,
                   session->due ? session->due : "nothing");
    if (!slice_is(json_str(json_get(e->body, "status")), is_completed ? "COMPLETED" : "FAILED"))
        book_wrong(e, "the status is wrong for %s", cause);
    if (is_completed ? code.ptr != NULL : !slice_is(code, expected))
        book_wrong(e, "it ends by %s, and says %.*s", expected, (int)code.len,
                   code.ptr ? code.ptr : "");
    if (is_completed &&
        !slice_is(json_str(json_get(e->body, "output")),
                  session->items[session->items_n - 1].token) &&
        session->unread == 0)
        book_wrong(e, "its output is not the last answer");
}

static void turn_ended(struct book_event *e)
{
    struct book_session *session = e->session;
    struct slice cause = json_str(json_get(e->body, "cause"));

    if (session->life != LIFE_ACTIVE)
        book_wrong(e, "no turn is under way");
    (void)snprintf(session->end, sizeof(session->end), "%.*s", (int)cause.len, cause.ptr);
    check_end(e, session->end);
    int is_held = strcmp(session->end, "poison") == 0 ||
                  strcmp(session->end, "budget_reached") == 0 ||
                  strcmp(session->end, "model_not_configured") == 0;

    session->due = NULL;
    close_turn(e, LIFE_ENDED);
    if (session->unread > 0 && !is_held)
        begin_turn(session, session->unread_seq);
}

static void cancelled(struct book_event *e)
{
    if (e->session->life != LIFE_ACTIVE)
        book_wrong(e, "there is nothing to cancel");
    close_turn(e, LIFE_CANCELLED);
}

static void retried(struct book_event *e)
{
    if (e->session->life != LIFE_ENDED || strcmp(e->session->end, "completed") == 0)
        book_wrong(e, "there is nothing to try again");
    book_restart_turn(e->session);
}

/* ---- standing still, and going on ---- */

void book_hand_out(struct book_event *e, struct book_call *call)
{
    if (call->waits != WAITS_NOT) {
        book_begin_wait(e, call);
        return;
    }
    call->state = e->session->is_paused ? TOOLING_HELD : TOOLING_OUT;
    call->out_process = e->world->process_n;
    call->out_seq = e->event->seq;
    call->due_ms = 0;
}

static void pause_or_resume(struct book_event *e)
{
    struct book_session *session = e->session;
    int is_paused = e->event->kind == EV_PAUSED;

    if (session->life == LIFE_CANCELLED || session->is_paused == is_paused)
        book_wrong(e, "it is that already, or cancelled");
    session->is_paused = is_paused;
    for (size_t i = 0; i < session->calls_n; i++) {
        if (is_paused && session->calls[i].is_once && session->calls[i].state == TOOLING_OUT)
            session->calls[i].state = TOOLING_HELD; /* it has not left */
        if (!is_paused && session->calls[i].state == TOOLING_HELD)
            book_hand_out(e, &session->calls[i]);
    }
}

static void timer_fired(struct book_event *e)
{
    struct book_session *session = e->session;
    struct book_call *call = book_call(session, e->call);

    if (book_approval_timer(e) || book_wait_timer(e))
        return;
    if (call && call->state == TOOLING_DOUBT && call->due_ms <= e->event->at_ms &&
        slice_is(json_str(json_get(e->body, "which")), "reconcile")) {
        call->state = TOOLING_LOOK;
        call->look.attempt = 0; /* a look that was interrupted may have said something, unheard */
        call->out_process = e->world->process_n;
        call->out_seq = e->event->seq;
        call->due_ms = 0;
        return;
    }
    if (session->life != LIFE_ACTIVE)
        book_wrong(e, "no turn is under way");
    if (slice_is(json_str(json_get(e->body, "which")), "wall")) {
        if (!session->limits.wall_ms ||
            book_wall_used_ms(session, e->event->at_ms) < session->limits.wall_ms)
            book_wrong(e, "it has time left");
        session->due = "wall_limit";
    } else if (call && call->state == TOOLING_BACKOFF && call->due_ms <= e->event->at_ms) {
        book_hand_out(e, call);
    } else if (e->call == session->model.number && session->model.state == ASKING_BACKOFF &&
               session->model.due_ms <= e->event->at_ms) {
        session->model.state = ASKING_WANTED;
        session->model.due_ms = 0;
    } else {
        book_wrong(e, "nothing was due");
    }
}

/* ---- interruptions ---- */

void book_check_reason(struct book_event *e, unsigned process, int is_crash, int counts)
{
    if (is_crash && process == e->world->process_n)
        book_wrong(e, "its process lives");
    if (is_crash && process == e->world->drained_n)
        book_wrong(e, "its process did not crash, it was stopped");
    if (!is_crash && e->world->process != PROCESS_DRAINING)
        book_wrong(e, "nobody stops the engine");
    if (counts && (!is_crash || e->session->tick_interrupted))
        book_wrong(e, "it counts, and must not");
    if (is_crash)
        e->session->recovered_in = e->world->process_n;
    e->session->tick_interrupted += is_crash;
    e->session->tick_counts |= counts;
    if (!counts || e->session->life != LIFE_ACTIVE)
        return;
    e->session->crashes++;
    if (e->session->limits.crashes && e->session->crashes >= e->session->limits.crashes)
        e->session->due = "poison";
}

static void check_reason(struct book_event *e, unsigned process)
{
    book_check_reason(e, process, slice_is(json_str(json_get(e->body, "by")), "crash"),
                      json_bool(json_get(e->body, "counts"), 0));
}

/* A process died while it was held back: it is not what kills them. */
static void cleared(struct book_event *e)
{
    struct book_session *session = e->session;

    if (!slice_is(json_str(json_get(e->body, "by")), "crash") || session->crashes < SUSPECT_AT)
        book_wrong(e, "there is nothing to clear it of");
    if (session->recovered_in == e->world->process_n)
        book_wrong(e, "it was there when the last process died");
    session->crashes = 0;
}

static void interrupted(struct book_event *e)
{
    struct book_session *session = e->session;
    struct book_call *call = book_call(session, e->call);
    struct money charged = book_money(e->body, "charged");

    if (e->call == 0) {
        cleared(e);
    } else if (call) {
        if ((call->state != TOOLING_OUT && call->state != TOOLING_LOOK) ||
            call->attempt != e->attempt)
            book_wrong(e, "this attempt is not under way");
        check_reason(e, call->out_process);
        if (call->state == TOOLING_LOOK) { /* and once more */
            call->state = TOOLING_DOUBT;
            call->due_ms = e->event->at_ms;
            return;
        }
        call->attempt++;
        book_hand_out(e, call);
    } else {
        if (session->model.state != ASKING_RUNNING || session->model.number != e->call ||
            session->model.attempt != e->attempt)
            book_wrong(e, "this attempt is not under way");
        if (charged.tokens != session->model.reserved.tokens ||
            charged.nanousd != session->model.reserved.nanousd)
            book_wrong(e, "what may have been spent must stay charged");
        check_reason(e, session->model.process);
        book_charge(session, charged);
        session->model.attempt++;
        session->model.state = ASKING_WANTED;
    }
}

void book_life_event(struct book_event *e)
{
    switch (e->event->kind) {
    case EV_CREATED: created(e); break;
    case EV_MESSAGE: message(e); break;
    case EV_TURN_ENDED: turn_ended(e); break;
    case EV_CANCELLED: cancelled(e); break;
    case EV_RETRIED: retried(e); break;
    case EV_PAUSED:
    case EV_RESUMED: pause_or_resume(e); break;
    case EV_TIMER_FIRED: timer_fired(e); break;
    case EV_INTERRUPTED: interrupted(e); break;
    case EV_FORKED: book_fork_event(e); break;
    default: book_wrong(e, "nothing in this world leads to such an event");
    }
}
