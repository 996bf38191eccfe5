/* clients.c - those who ask: create, message, cancel... and again with the same Idempotency-Key. */
#include <stdio.h>
#include <stdlib.h>

#include "sim/book.h"

/* One request. Kept for ever: at the end the journals must say what its answer said. */
struct asked {
    struct world *world;
    struct engine_request request;
    struct asked *first;  /* itself, or the one that this repeats */
    struct asked *next;   /* of the same first */
    char text[TOKEN_MAX]; /* found again in the journal */
    char key[TOKEN_MAX];
    char context[TEXT_MAX], metadata[TEXT_MAX]; /* PATCH */
    char session[ID_TEXT_MAX];
    struct id id; /* the session, as answered */
    int is_answered;
    int is_other_body;
    int was_acked_before; /* the first, when this was sent */
    uint32_t known_seq;   /* FORK: the source's last event that was known, when this was sent */
    int call_was_there;   /* when this was sent; SETTLE: the call; ANSWER: its question */
    uint32_t attempt;     /* SETTLE: that was in doubt, and a person was asked; or 0 */
    char hash[SHA256_TEXT_MAX]; /* DECIDE */
    char said[TEXT_MAX];        /* ANSWER, SIGNAL: instead of the text */
    char name[8];               /* SIGNAL */
    char by[8];
    unsigned number;
};

static const char *kind_name(enum engine_request_kind kind)
{
    static const char *const names[ENGINE_REQUEST_KIND_COUNT] = {
        "create", "message", "cancel", "pause",  "resume", "retry", "patch",
        "settle", "fork",    "decide", "answer", "signal", "erase"
    };
    return names[kind];
}

static int is_acked(const struct asked *asked)
{
    return asked->is_answered && asked->request.err.code == ERR_NONE;
}

/* ---- answers ---- */

static enum event_kind event_of(enum engine_request_kind kind)
{
    static const enum event_kind kinds[ENGINE_REQUEST_KIND_COUNT] = {
        EV_CREATED,        EV_MESSAGE,         EV_CANCELLED,       EV_PAUSED, EV_RESUMED,
        EV_RETRIED,        EV_CONTEXT_CHANGED, EV_TOOL_RECONCILED, EV_FORKED, EV_APPROVAL_DECIDED,
        EV_INPUT_ANSWERED, EV_SIGNAL,          EV_KIND_COUNT,
    };
    return kinds[kind];
}

/* It is of the right session, and ends where it was asked to: later only if that is amid a tick. */
static void check_copy(const struct asked *asked, const struct book_session *session)
{
    struct world *world = asked->world;
    const struct book_session *source = world->book->sessions[session->forked_from];
    uint32_t at = asked->request.at;
    uint32_t end = session->forked_seq - 1;

    if (session->forked_seq == 0 || strcmp(source->id, asked->session) != 0)
        fail(world, "request %u was answered with ses%u, which is no copy of that", asked->number,
             session->index);
    if (at == 0 ? end < asked->known_seq : end < at)
        fail(world, "request %u: ses%u ends at event %u of ses%u, too early", asked->number,
             session->index, end, source->index);
    for (uint32_t i = at; at != 0 && i < end; i++) {
        if (!book_is_amid_tick(source, i))
            fail(world, "request %u: ses%u could end at event %u, and has more", asked->number,
                 session->index, i);
    }
}

/* Accepted means durable: it must be on the disk by now. */
static void check_done(const struct asked *asked)
{
    struct world *world = asked->world;
    const struct engine_request *request = &asked->request;
    const struct book_session *session = book_find(world->book, id_slice(&request->id));

    if (!session)
        fail(world, "request %u was accepted, and its session is not stored", asked->number);
    if (asked->is_other_body)
        fail(world, "request %u used a key with another body, and was accepted", asked->number);
    if (request->kind == ENGINE_PATCH && strcmp(asked->context, "{}") == 0)
        fail(world, "request %u leaves the instructions without a value, and was accepted",
             asked->number);
    if (asked->was_acked_before && !request->is_replay)
        fail(world, "request %u repeats an accepted one, and was carried out", asked->number);
    if (asked->was_acked_before && strcmp(asked->first->id.text, request->id.text) != 0)
        fail(world, "request %u was answered with another session than at first", asked->number);
    if (request->is_replay)
        return;
    if (request->kind == ENGINE_ERASE) {
        if (!session->is_erased)
            fail(world, "request %u erased ses%u, and it is there", asked->number, session->index);
        return;
    }
    if (request->kind == ENGINE_FORK)
        check_copy(asked, session);
    if (request->kind == ENGINE_DECIDE && session->decided_seq == request->seq &&
        strcmp(session->decided_hash, asked->hash) != 0)
        fail(world, "request %u was accepted for other arguments than it had seen", asked->number);
    if (request->seq == 0 || request->seq > session->seq ||
        session->kinds[request->seq - 1] != event_of(request->kind))
        fail(world, "request %u was accepted, and event %u of ses%u is no %s", asked->number,
             request->seq, session->index, event_kind_name(event_of(request->kind)));
}

static void check_settle_refused(const struct asked *asked, const struct book_session *session)
{
    struct world *world = asked->world;
    const struct engine_request *request = &asked->request;
    const struct book_call *call = book_call(session, request->call);

    if (request->err.code == ERR_NOT_FOUND && asked->call_was_there)
        fail(world, "request %u: call %u of ses%u is there, and was not found", asked->number,
             request->call, session->index);
    if (request->err.code == ERR_CONFLICT && asked->attempt != 0 && call->state == TOOLING_PERSON &&
        call->attempt == asked->attempt)
        fail(world, "request %u was refused, and a person was asked: %s", asked->number,
             request->err.msg);
}

/* A person who is asked, has the present arguments before them and has not spoken is heard. */
static void check_decide_refused(const struct asked *asked, const struct book_session *session)
{
    const struct engine_request *request = &asked->request;
    const struct book_call *call = book_call(session, request->call);
    char hash[SHA256_TEXT_MAX];

    if (request->err.code != ERR_CONFLICT || !call || call->state != TOOLING_APPROVAL)
        return;
    book_approval_hash(call, hash);
    if (strcmp(hash, asked->hash) != 0)
        return;
    for (uint32_t i = 0; i < call->people_n; i++) {
        if (strcmp(call->people[i], asked->by) == 0)
            return;
    }
    fail(asked->world, "request %u was refused, and a person was asked: %s", asked->number,
         request->err.msg);
}

static int is_question(const struct book_call *call)
{
    return call && call->state == TOOLING_WAITING && call->waits == WAITS_INPUT;
}

/*
 * A person who was asked, and still is, and says what may be said, is heard. One who guesses the
 * number of a question to come may be too early.
 */
static void check_answer_refused(const struct asked *asked, const struct book_session *session)
{
    const struct engine_request *request = &asked->request;
    const struct book_call *call = book_call(session, request->call);
    int is_asked = asked->call_was_there && is_question(call);
    int is_choice = strcmp(asked->said, "x") == 0 || strcmp(asked->said, "y") == 0;

    if (request->err.code == ERR_CONFLICT && is_asked)
        fail(asked->world, "request %u was refused, and a person was asked: %s", asked->number,
             request->err.msg);
    if (request->err.code == ERR_INVALID &&
        (!call || is_choice || !strstr(call->arguments, "choices")))
        fail(asked->world, "request %u is an answer to choose, and was refused: %s", asked->number,
             request->err.msg);
}

static void check_refused(const struct asked *asked)
{
    struct world *world = asked->world;
    const struct engine_request *request = &asked->request;
    const struct book_session *session = book_find(world->book, slice_of(asked->session));
    int is_old_news = request->kind == ENGINE_CREATE || asked->is_other_body;

    if (asked->was_acked_before && request->err.code == ERR_CONFLICT)
        fail(world, "request %u repeats an accepted one, and was refused: %s", asked->number,
             request->err.msg);
    if (request->kind == ENGINE_FORK && asked->was_acked_before && !asked->is_other_body &&
        (request->err.code == ERR_NOT_FOUND || request->err.code == ERR_INVALID))
        fail(world, "request %u repeats an accepted one, and was refused: %s", asked->number,
             request->err.msg);
    if (is_old_news || !session || session->is_erased)
        return;
    if (request->kind == ENGINE_FORK &&
        (request->err.code == ERR_CONFLICT || request->err.code == ERR_CORRUPT ||
         (request->err.code == ERR_INVALID && request->at <= asked->known_seq)))
        fail(world, "request %u was refused: %s", asked->number, request->err.msg);
    if (request->kind == ENGINE_SETTLE) {
        check_settle_refused(asked, session);
        return;
    }
    if (request->kind == ENGINE_DECIDE) {
        check_decide_refused(asked, session);
        return;
    }
    if (request->kind == ENGINE_ANSWER) {
        check_answer_refused(asked, session);
        return;
    }
    if (request->err.code == ERR_NOT_FOUND)
        fail(world, "request %u: ses%u is there, and was not found", asked->number, session->index);
    if (request->err.code == ERR_CONFLICT &&
        (((request->kind == ENGINE_MESSAGE || request->kind == ENGINE_PATCH ||
           request->kind == ENGINE_SIGNAL) &&
          session->life != LIFE_CANCELLED) ||
         (request->kind == ENGINE_CANCEL && session->end_seq == 0)))
        fail(world, "request %u was refused: %s", asked->number, request->err.msg);
}

static void on_done(struct engine_request *request, void *arg)
{
    struct asked *asked = arg;

    trace(asked->world, "client request %u is answered: %s%s %s", asked->number,
          err_code_name(request->err.code), request->is_replay ? ", as before" : "",
          request->code ? request->code : "");
    if (asked->is_answered)
        fail(asked->world, "request %u is answered twice", asked->number);
    asked->is_answered = 1;
    asked->id = request->id;
    if (request->err.code == ERR_NONE)
        check_done(asked);
    else
        check_refused(asked);
}

/* ---- questions ---- */

static struct asked *asked_new(struct world *world, enum engine_request_kind kind)
{
    struct asked *asked = xcalloc(1, sizeof(*asked));

    world->asked = xrealloc((void *)world->asked, (world->asked_n + 1) * sizeof(struct asked *));
    world->asked[world->asked_n++] = asked;
    asked->number = (unsigned)world->asked_n;
    asked->world = world;
    asked->first = asked;
    asked->request.kind = kind;
    (void)snprintf(asked->text, sizeof(asked->text), "u%u", token(world));
    if (chance(world, world->weights.keyed))
        (void)snprintf(asked->key, sizeof(asked->key), "k%u", token(world));
    return asked;
}

static void submit(struct asked *asked)
{
    struct world *world = asked->world;
    struct engine_request *request = &asked->request;

    asked->was_acked_before = asked->first != asked && is_acked(asked->first);
    request->session = slice_of(asked->session);
    request->text = slice_of(asked->said[0] ? asked->said : asked->text);
    request->name = slice_of(asked->name);
    /* A copy has no text of its own: who asked for it is found again in its journal. */
    request->by = request->kind == ENGINE_FORK ? slice_of(asked->text)
                  : request->kind == ENGINE_DECIDE || request->kind == ENGINE_ANSWER
                      ? slice_of(asked->by)
                      : SLICE_LIT("sim");
    request->done = on_done;
    request->arg = asked;
    request->idempotency = (struct store_idempotency){
        .tenant = SLICE_LIT(""),
        .route = slice_of(kind_name(request->kind)),
        .key = slice_of(asked->key),
        .body_hash = slice_of(asked->is_other_body ? "other" : asked->first->text),
    };
    trace(world, "client request %u: %s %s key '%s' %s", asked->number, kind_name(request->kind),
          asked->text, asked->key, asked->first == asked ? "" : "again");
    engine_submit(world->engine, request);
}

static void draw_budget(struct world *world, struct engine_request *request)
{
    if (below(world, 4))
        return;
    request->budget.tokens = below(world, 2) ? 100 + below(world, 30000) : 0;
    request->budget.nanousd = below(world, 2) ? 10000 + below(world, 90000000) : 0;
}

static void create(struct world *world)
{
    const struct config *config = &world->scene.config;
    struct asked *asked;

    if (world->created >= world->weights.sessions_max)
        return;
    world->created++;
    asked = asked_new(world, ENGINE_CREATE);
    asked->request.agent = slice_of(config->agents[below(world, (uint32_t)config->agents_n)].name);
    asked->request.context = SLICE_LIT("{\"who\":\"them\"}");
    if (below(world, 30) == 0)
        asked->request.agent = SLICE_LIT("nobody");
    if (below(world, 30) == 0)
        asked->request.context = (struct slice){ 0 };
    draw_budget(world, &asked->request);
    submit(asked);
}

static void change(struct world *world, enum engine_request_kind kind,
                   const struct book_session *session)
{
    struct asked *asked = asked_new(world, kind);

    (void)snprintf(asked->session, sizeof(asked->session), "%s", session->id);
    if (kind == ENGINE_ERASE)
        asked->key[0] = '\0'; /* done twice is as good as once: it takes no key */
    if (kind == ENGINE_RETRY)
        draw_budget(world, &asked->request);
    submit(asked);
}

/* Always new metadata; now and then a context, which may lack what the instructions need. */
static void patch(struct world *world, const struct book_session *session)
{
    struct asked *asked = asked_new(world, ENGINE_PATCH);

    (void)snprintf(asked->session, sizeof(asked->session), "%s", session->id);
    (void)snprintf(asked->metadata, sizeof(asked->metadata), "{\"tag\":\"%s\"}", asked->text);
    asked->request.metadata = slice_of(asked->metadata);
    if (below(world, 2)) {
        if (below(world, 5))
            (void)snprintf(asked->context, sizeof(asked->context), "{\"who\":\"%s\"}", asked->text);
        else
            (void)snprintf(asked->context, sizeof(asked->context), "{}");
        asked->request.context = slice_of(asked->context);
    }
    if (below(world, 3) == 0)
        draw_budget(world, &asked->request);
    submit(asked);
}

/* At any event, at the last, or at one that is perhaps not there yet. */
static void fork_session(struct world *world, const struct book_session *session)
{
    struct asked *asked;

    if (world->created >= 2 * (size_t)world->weights.sessions_max)
        return;
    world->created++;
    asked = asked_new(world, ENGINE_FORK);
    (void)snprintf(asked->session, sizeof(asked->session), "%s", session->id);
    asked->request.at = below(world, 3) ? 1 + below(world, session->seq + 1) : 0;
    asked->known_seq = session->known_seq;
    submit(asked);
}

/* Mostly of a call that needs it; else of any, or of none. */
static void settle(struct world *world, const struct book_session *session)
{
    struct asked *asked = asked_new(world, ENGINE_SETTLE);
    struct engine_request *request = &asked->request;

    (void)snprintf(asked->session, sizeof(asked->session), "%s", session->id);
    request->call = below(world, session->last_call + 2);
    request->outcome = below(world, 2) ? OUTCOME_HAPPENED : OUTCOME_NOT_HAPPENED;
    request->note = SLICE_LIT("looked it up");
    for (size_t i = 0; i < session->calls_n && below(world, 20); i++) {
        if (session->calls[i].state == TOOLING_PERSON) {
            request->call = session->calls[i].number;
            asked->attempt = session->calls[i].attempt;
        }
    }
    asked->call_was_there = book_call(session, request->call) != NULL;
    submit(asked);
}

/* Mostly on a call that waits for it; by one of a few, who may be too late or say it twice. */
static void decide(struct world *world, const struct book_session *session, int is_sure)
{
    static const char *const edits[] = { "{\"a\":1}", "{\"a\":2}", "{\"a\":77}", "{}", "no json" };
    struct asked *asked = asked_new(world, ENGINE_DECIDE);
    struct engine_request *request = &asked->request;
    const struct book_call *call;

    (void)snprintf(asked->session, sizeof(asked->session), "%s", session->id);
    (void)snprintf(asked->by, sizeof(asked->by), "p%u", below(world, 4));
    request->call = below(world, session->last_call + 2);
    for (size_t i = 0; i < session->calls_n && (is_sure || below(world, 20)); i++) {
        if (session->calls[i].state == TOOLING_APPROVAL)
            request->call = session->calls[i].number;
    }
    call = book_call(session, request->call);
    if (call && (is_sure || below(world, 8)))
        book_approval_hash(call, asked->hash);
    request->hash = slice_of(asked->hash);
    request->decision = below(world, 4) ? DECISION_APPROVE : DECISION_REJECT;
    if (request->decision == DECISION_APPROVE && below(world, 4) == 0)
        request->arguments = slice_of(edits[below(world, ARRAY_LEN(edits))]);
    submit(asked);
}

void clients_decide_all(struct world *world)
{
    const struct book *book = world->book;

    for (size_t i = 0; i < book->sessions_n; i++) {
        const struct book_session *session = book->sessions[i];

        for (size_t k = 0; k < session->calls_n; k++) {
            if (session->calls[k].state == TOOLING_APPROVAL && below(world, 4))
                decide(world, session, 1);
        }
    }
}

/* Mostly to a question that is asked; a choice where there are choices, mostly. */
static void answer(struct world *world, const struct book_session *session, uint32_t call)
{
    struct asked *asked = asked_new(world, ENGINE_ANSWER);

    (void)snprintf(asked->session, sizeof(asked->session), "%s", session->id);
    (void)snprintf(asked->by, sizeof(asked->by), "p%u", below(world, 4));
    (void)snprintf(asked->said, sizeof(asked->said), "%s", below(world, 2) ? "x" : "y");
    if (below(world, 4) == 0)
        (void)snprintf(asked->said, sizeof(asked->said), "%s", asked->text);
    asked->request.call = call ? call : below(world, session->last_call + 2);
    for (size_t i = 0; i < session->calls_n && !call && below(world, 20); i++) {
        if (is_question(&session->calls[i]))
            asked->request.call = session->calls[i].number;
    }
    asked->call_was_there = is_question(book_call(session, asked->request.call));
    submit(asked);
}

static void send_signal(struct world *world, const struct book_session *session, const char *name)
{
    struct asked *asked = asked_new(world, ENGINE_SIGNAL);

    (void)snprintf(asked->session, sizeof(asked->session), "%s", session->id);
    (void)snprintf(asked->name, sizeof(asked->name), "%s", name);
    (void)snprintf(asked->said, sizeof(asked->said), "{\"t\":\"%s\"}", asked->text);
    submit(asked);
}

static void send_any_signal(struct world *world, const struct book_session *session)
{
    static const char *const names[SIGNAL_NAMES] = { "n1", "n2", "n3" };

    send_signal(world, session, names[below(world, SIGNAL_NAMES)]);
}

void clients_answer_all(struct world *world)
{
    const struct book *book = world->book;

    for (size_t i = 0; i < book->sessions_n; i++) {
        const struct book_session *session = book->sessions[i];

        for (size_t k = 0; k < session->calls_n; k++) {
            const struct book_call *call = &session->calls[k];

            if (call->state != TOOLING_WAITING || below(world, 4) == 0)
                continue;
            if (call->waits == WAITS_INPUT)
                answer(world, session, call->number);
            if (call->waits == WAITS_SIGNAL) {
                char name[8];

                (void)snprintf(name, sizeof(name), "%.2s",
                               call->arguments + strlen("{\"name\":\""));
                send_signal(world, session, name);
            }
        }
    }
}

static int needs_person(const struct book_session *session)
{
    for (size_t i = 0; i < session->calls_n; i++) {
        if (session->calls[i].state == TOOLING_PERSON)
            return 1;
    }
    return 0;
}

void clients_settle_all(struct world *world)
{
    const struct book *book = world->book;

    for (size_t i = 0; i < book->sessions_n; i++) {
        if (needs_person(book->sessions[i]) && below(world, 4))
            settle(world, book->sessions[i]);
    }
}

/* The same once more: at once, much later, before the first has its answer. */
static void replay(struct world *world)
{
    struct asked *first =
        world->asked_n ? world->asked[below(world, (uint32_t)world->asked_n)] : NULL;
    struct asked *asked;

    if (!first || first->first != first || !first->key[0])
        return;
    asked = asked_new(world, first->request.kind);
    asked->request.agent = first->request.agent;
    asked->request.context = first->request.context;
    asked->request.metadata = first->request.metadata;
    asked->request.budget = first->request.budget;
    asked->request.at = first->request.at;
    asked->request.call = first->request.call;
    asked->request.outcome = first->request.outcome;
    asked->request.note = first->request.note;
    asked->request.decision = first->request.decision;
    asked->request.arguments = first->request.arguments;
    memcpy(asked->hash, first->hash, sizeof(asked->hash));
    memcpy(asked->by, first->by, sizeof(asked->by));
    memcpy(asked->said, first->said, sizeof(asked->said));
    memcpy(asked->name, first->name, sizeof(asked->name));
    asked->request.hash = slice_of(asked->hash);
    memcpy(asked->text, first->text, sizeof(asked->text));
    memcpy(asked->key, first->key, sizeof(asked->key));
    memcpy(asked->session, first->session, sizeof(asked->session));
    asked->known_seq = first->known_seq;
    asked->first = first;
    asked->is_other_body = is_acked(first) && below(world, 4) == 0;
    asked->next = first->next;
    first->next = asked;
    submit(asked);
}

static const struct book_session *draw_session(struct world *world)
{
    const struct book *book = world->book;

    return book->sessions_n ? book->sessions[below(world, (uint32_t)book->sessions_n)] : NULL;
}

void client_act(struct world *world, enum act act)
{
    static const enum engine_request_kind kinds[] = {
        [ACT_MESSAGE] = ENGINE_MESSAGE, [ACT_CANCEL] = ENGINE_CANCEL, [ACT_PAUSE] = ENGINE_PAUSE,
        [ACT_RESUME] = ENGINE_RESUME,   [ACT_RETRY] = ENGINE_RETRY,   [ACT_ERASE] = ENGINE_ERASE,
    };
    const struct book_session *session;

    if (act == ACT_CREATE) {
        create(world);
    } else if (act == ACT_REPLAY) {
        replay(world);
    } else {
        session = draw_session(world);
        if (session && act == ACT_PATCH)
            patch(world, session);
        else if (session && act == ACT_SETTLE)
            settle(world, session);
        else if (session && act == ACT_DECIDE)
            decide(world, session, 0);
        else if (session && act == ACT_ANSWER)
            answer(world, session, 0);
        else if (session && act == ACT_SIGNAL)
            send_any_signal(world, session);
        else if (session && act == ACT_FORK)
            fork_session(world, session);
        else if (session)
            change(world, kinds[act], session);
    }
}

void clients_resume_all(struct world *world)
{
    const struct book *book = world->book;

    for (size_t i = 0; i < book->sessions_n; i++) {
        if (book->sessions[i]->is_paused && below(world, 2))
            change(world, ENGINE_RESUME, book->sessions[i]);
    }
}

/* ---- the end ---- */

size_t clients_waiting(const struct world *world)
{
    size_t n = 0;

    for (size_t i = 0; i < world->asked_n; i++)
        n += !world->asked[i]->is_answered;
    return n;
}

static unsigned times_said(const struct book *book, const char *text)
{
    unsigned n = 0;

    for (size_t i = 0; i < book->sessions_n; i++) {
        const struct book_session *session = book->sessions[i];

        n += strcmp(session->forked_by, text) == 0;
        for (size_t k = 0; k < session->items_n; k++) /* what was copied was said elsewhere */
            n += !session->items[k].is_answer && session->items[k].seq > session->forked_seq &&
                 strcmp(session->items[k].token, text) == 0;
        for (size_t k = 0; k < session->signals_n; k++)
            n += session->signals[k].seq > session->forked_seq &&
                 strcmp(session->signals[k].token, text) == 0;
        for (size_t k = 0; k < session->patches_n; k++)
            n += strcmp(session->patches[k], text) == 0;
    }
    return n;
}

/* What all requests with this text were told, and how often it is in the journals. */
static void check_said(const struct asked *first)
{
    struct world *world = first->world;
    unsigned n = times_said(world->book, first->text);
    int any_acked = 0;
    int any_unknown = 0;

    for (const struct asked *a = first; a; a = a->next) {
        any_acked |= is_acked(a);
        any_unknown |= a->request.err.code == ERR_TIMEOUT;
    }
    if (n > 1)
        fail(world, "%s was asked for once and recorded %u times", first->text, n);
    if (any_acked && n == 0)
        fail(world, "%s was accepted and is lost", first->text);
    if (!any_acked && !any_unknown && n > 0)
        fail(world, "%s was refused and recorded all the same", first->text);
}

void clients_check(struct world *world)
{
    for (size_t i = 0; i < world->asked_n; i++) {
        const struct asked *asked = world->asked[i];
        enum engine_request_kind kind = asked->request.kind;

        if (!asked->is_answered)
            fail(world, "request %u was never answered", asked->number);
        if (asked->first == asked &&
            (kind == ENGINE_CREATE || kind == ENGINE_MESSAGE || kind == ENGINE_PATCH ||
             kind == ENGINE_FORK || kind == ENGINE_SIGNAL))
            check_said(asked);
    }
}

void clients_release(struct world *world)
{
    for (size_t i = 0; i < world->asked_n; i++)
        free(world->asked[i]);
    free((void *)world->asked);
}
