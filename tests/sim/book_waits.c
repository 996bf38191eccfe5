/*
 * book_waits.c - the rules of calls that only wait: a question, a time, a signal. Answered once,
 * by what came for them and nothing else; a signal goes to one call, or is kept until one wants it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "sim/book.h"

enum { SECONDS_MAX = 60 };

/* ---- what the model asks for ---- */

static enum waits waits_of(const struct config_tool *tool)
{
    if (!tool || tool->kind != TOOL_KIND_BUILTIN)
        return WAITS_NOT;
    if (strcmp(tool->builtin, "ask_user") == 0)
        return WAITS_INPUT;
    if (strcmp(tool->builtin, "sleep_until") == 0)
        return WAITS_TIME;
    return strcmp(tool->builtin, "wait_for_event") == 0 ? WAITS_SIGNAL : WAITS_NOT;
}

int book_waits(const struct config_tool *tool)
{
    return waits_of(tool) != WAITS_NOT;
}

void book_draw_wait(struct world *world, const struct config_tool *tool, char arguments[TEXT_MAX])
{
    static const char *const questions[] = { "{\"question\":\"q\"}",
                                             "{\"choices\":[\"x\",\"y\"],\"question\":\"q\"}" };
    uint32_t seconds = below(world, SECONDS_MAX);
    uint32_t name = 1 + below(world, SIGNAL_NAMES);

    switch (waits_of(tool)) {
    case WAITS_INPUT:
        (void)snprintf(arguments, TEXT_MAX, "%s", questions[below(world, ARRAY_LEN(questions))]);
        break;
    case WAITS_TIME:
        if (below(world, 6) == 0)
            (void)snprintf(arguments, TEXT_MAX, "{\"at\":\"1999-01-01T00:00:00Z\"%s}",
                           below(world, 3) ? "" : ",\"for\":\"1s\"");
        else
            (void)snprintf(arguments, TEXT_MAX, "{\"for\":\"%us\"}", seconds);
        break;
    case WAITS_SIGNAL:
        if (below(world, 2))
            (void)snprintf(arguments, TEXT_MAX, "{\"name\":\"n%u\"}", name);
        else
            (void)snprintf(arguments, TEXT_MAX, "{\"name\":\"n%u\",\"timeout\":\"%us\"}", name,
                           seconds);
        break;
    case WAITS_NOT: break;
    }
}

int book_is_wait_text(const char *text)
{
    static const char *const begins[] = { "{\"question\":", "{\"choices\":", "{\"at\":",
                                          "{\"for\":", "{\"name\":" };

    for (size_t i = 0; i < ARRAY_LEN(begins); i++) {
        if (strncmp(text, begins[i], strlen(begins[i])) == 0)
            return 1;
    }
    return 0;
}

/* A time and a duration at once mean nothing; so does what was meant for another tool. */
int book_is_good_wait(const struct config_tool *tool, const char *text)
{
    switch (waits_of(tool)) {
    case WAITS_INPUT: return strstr(text, "\"question\":") != NULL;
    case WAITS_TIME: return (strstr(text, "\"at\":") != NULL) != (strstr(text, "\"for\":") != NULL);
    case WAITS_SIGNAL: return strncmp(text, "{\"name\":", 8) == 0;
    case WAITS_NOT: break;
    }
    return 1;
}

static int64_t duration_ms(const char *text, const char *key)
{
    const char *at = strstr(text, key);

    return at ? strtol(at + strlen(key), NULL, 10) * 1000 : -1;
}

void book_check_wait(struct book_event *e, struct book_call *call, const struct config_tool *tool,
                     const struct json *decl)
{
    static const char *const types[] = { "tool", "question", "sleep", "signal" };
    int64_t for_ms = duration_ms(call->arguments, "\"for\":\"");
    int64_t timeout_ms = duration_ms(call->arguments, "\"timeout\":\"");
    int64_t due_ms = 0;

    call->waits = waits_of(tool);
    if (!slice_is(json_str(json_get(decl, "type")), types[call->waits]))
        book_wrong(e, "call %u is a %s", call->number, types[call->waits]);
    if (call->state == TOOLING_REFUSED)
        return;
    if (call->waits == WAITS_TIME)
        due_ms = e->event->at_ms + (for_ms > 0 ? for_ms : 0);
    if (call->waits == WAITS_SIGNAL && timeout_ms >= 0)
        due_ms = e->event->at_ms + timeout_ms;
    if (json_int(json_get(decl, "due"), 0) != due_ms)
        book_wrong(e, "call %u waits until another time", call->number);
    call->due_ms = due_ms;
}

/* Paused, people are not asked; times and signals are waited for all the same. */
void book_begin_wait(struct book_event *e, struct book_call *call)
{
    int is_held = call->waits == WAITS_INPUT && e->session->is_paused;

    call->state = is_held ? TOOLING_HELD : TOOLING_WAITING;
}

/* ---- what comes ---- */

static int is_of_name(const struct book_call *call, const char *name)
{
    char begin[32];

    (void)snprintf(begin, sizeof(begin), "{\"name\":\"%s\"", name);
    return strncmp(call->arguments, begin, strlen(begin)) == 0;
}

static struct book_call *first_waiting(struct book_session *session, const char *name)
{
    for (size_t i = 0; i < session->calls_n; i++) {
        struct book_call *call = &session->calls[i];

        if (call->state == TOOLING_WAITING && call->waits == WAITS_SIGNAL && is_of_name(call, name))
            return call;
    }
    return NULL;
}

static void comes(struct book_call *call, uint32_t seq, const char *text)
{
    call->state = TOOLING_CAME;
    call->came_seq = seq;
    (void)snprintf(call->came, sizeof(call->came), "%s", text);
}

static void signal_came(struct book_event *e)
{
    struct book_session *session = e->session;
    struct slice name = json_str(json_get(e->body, "name"));
    struct slice token = json_str(json_get(json_get(e->body, "data"), "t"));
    struct book_signal *signal;
    char text[TEXT_MAX];

    if (session->life == LIFE_CANCELLED)
        book_wrong(e, "it is cancelled for good");
    session->signals = xrealloc(session->signals, (session->signals_n + 1) * sizeof(*signal));
    signal = &session->signals[session->signals_n++];
    *signal = (struct book_signal){ .seq = e->event->seq };
    (void)snprintf(signal->name, sizeof(signal->name), "%.*s", (int)name.len, name.ptr);
    (void)snprintf(signal->token, sizeof(signal->token), "%.*s", (int)token.len, token.ptr);
    struct book_call *call =
        session->life == LIFE_ACTIVE ? first_waiting(session, signal->name) : NULL;

    (void)snprintf(text, sizeof(text), "{\"t\":\"%s\"}", signal->token);
    if (call)
        comes(call, signal->seq, text);
}

static void answered(struct book_event *e)
{
    struct book_call *call = book_call(e->session, e->call);
    struct slice answer = json_str(json_get(e->body, "answer"));
    char text[TEXT_MAX];

    if (e->session->life != LIFE_ACTIVE || !call || call->state != TOOLING_WAITING ||
        call->waits != WAITS_INPUT)
        book_wrong(e, "nobody is asked");
    if (strstr(call->arguments, "choices") && !slice_is(answer, "x") && !slice_is(answer, "y"))
        book_wrong(e, "that is not to choose from");
    (void)snprintf(text, sizeof(text), "%.*s", (int)answer.len, answer.ptr);
    comes(call, 0, text);
}

void book_wait_event(struct book_event *e)
{
    if (e->event->kind == EV_SIGNAL)
        signal_came(e);
    else
        answered(e);
}

/* True: the timer is that of a call that waits, whose answer must follow in the same tick. */
int book_wait_timer(struct book_event *e)
{
    struct book_call *call = book_call(e->session, e->call);

    if (!call || call->state != TOOLING_WAITING ||
        !slice_is(json_str(json_get(e->body, "which")), "sleep"))
        return 0;
    if (call->due_ms == 0 || call->due_ms > e->event->at_ms)
        book_wrong(e, "it has time left");
    comes(call, 0, call->waits == WAITS_TIME ? "Woke at " : "No event ");
    call->is_time_up = 1;
    return 1;
}

/* ---- its answer ---- */

static struct book_signal *oldest_kept(struct book_session *session, const struct book_call *call)
{
    for (size_t i = 0; i < session->signals_n; i++) {
        struct book_signal *signal = &session->signals[i];

        if (signal->taken_seq == 0 && is_of_name(call, signal->name))
            return signal;
    }
    return NULL;
}

static void take(struct book_event *e, struct book_call *call)
{
    struct book_signal *signal = oldest_kept(e->session, call);
    char text[TEXT_MAX];

    if (!signal || json_int(json_get(e->body, "signal"), 0) != signal->seq)
        book_wrong(e, "that is not the oldest signal of its name");
    (void)snprintf(text, sizeof(text), "{\"t\":\"%s\"}", signal->token);
    signal->taken_seq = e->event->seq;
    comes(call, signal->seq, text);
}

void book_wait_finished(struct book_event *e, struct book_call *call)
{
    struct slice output = json_str(json_get(e->body, "output"));
    int is_signal = call->waits == WAITS_SIGNAL && !call->is_time_up;
    char text[OUTPUT_TEXT_MAX];

    if (call->state != TOOLING_CAME && (call->state != TOOLING_WAITING || !is_signal))
        book_wrong(e, "nothing has come for it");
    if (e->attempt != 1)
        book_wrong(e, "nothing of it runs twice");
    if (is_signal)
        take(e, call);
    else if (json_get(e->body, "signal"))
        book_wrong(e, "it has taken no signal");
    (void)snprintf(text, sizeof(text), "%.*s", (int)output.len, output.ptr);
    if (call->is_time_up ? strncmp(text, call->came, strlen(call->came)) != 0
                         : strcmp(text, call->came) != 0)
        book_wrong(e, "what came for it is %s, and it says %s", call->came, text);
    book_close_call(e->session, call, e->event->seq, text);
    e->session->crashes = 0;
    book_after_answer(e->session);
}

/* What has come is told in the same tick; so is what was there before. */
void book_check_waits(struct book *book, const struct book_session *session)
{
    struct book_session *looked_at = book->sessions[session->index];

    for (size_t i = 0; i < session->calls_n; i++) {
        const struct book_call *call = &session->calls[i];

        if (call->state == TOOLING_CAME)
            fail(book->world, "ses%u: something came for call %u, and it is not answered",
                 session->index, call->number);
        if (call->state == TOOLING_WAITING && call->waits == WAITS_SIGNAL &&
            oldest_kept(looked_at, call))
            fail(book->world, "ses%u: call %u waits, and a signal of its name is kept",
                 session->index, call->number);
    }
}

void book_copy_signals(struct book_session *session, const struct book_session *source)
{
    session->signals = NULL;
    session->signals_n = 0;
    for (size_t i = 0; i < source->signals_n && source->signals[i].seq <= session->seq; i++) {
        struct book_signal *signal;

        session->signals = xrealloc(session->signals, (i + 1) * sizeof(*signal));
        signal = &session->signals[session->signals_n++];
        *signal = source->signals[i];
        if (signal->taken_seq > session->seq)
            signal->taken_seq = 0;
    }
}

/* What the store keeps is what no call has taken. */
void book_check_signals(struct book *book, const struct book_session *session)
{
    struct store_op op = { .kind = STORE_LOAD,
                           .load = { .id = slice_of(session->id), .with_signals = 1 } };
    size_t n = 0;

    disk_do(book->world, &op);
    for (size_t i = 0; i < session->signals_n; i++) {
        if (session->signals[i].taken_seq != 0)
            continue;
        if (n >= op.load.signals_n || op.load.signals[n].seq != session->signals[i].seq)
            fail(book->world, "ses%u: no call has taken signal %u, and it is not kept",
                 session->index, session->signals[i].seq);
        n++;
    }
    if (n != op.load.signals_n)
        fail(book->world, "ses%u: a signal is kept that a call has taken", session->index);
}
