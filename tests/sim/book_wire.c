/*
 * book_wire.c - what the model is sent: a history that no provider refuses.
 *
 * After an answer with calls come its results, one for each, before anything else. Every message
 * that was recorded before the call stands there once, in order; so does every answer, behind what
 * it had seen and before what it had not. With a window only the last of them are there, and the
 * turn's input; no more could have been.
 */
#include <stdio.h>

#include "core/price.h"
#include "sim/book.h"

enum { HISTORY_ITEMS = 4096 };

struct reading {
    struct book *book;
    const struct book_session *session;
    const struct json *list;
    size_t at;                                    /* the next message */
    const struct book_item *order[HISTORY_ITEMS]; /* all that a request without window has */
    size_t order_n;
    unsigned char is_put[HISTORY_ITEMS]; /* of session->items */
};

static __attribute__((noreturn)) void wrong(const struct reading *r, const char *what,
                                            const char *token)
{
    fail(r->book->world, "ses%u call %u attempt %u: the request is wrong at message %zu: %s %s",
         r->session->index, r->session->model.number, r->session->model.attempt, r->at, what,
         token);
}

static const struct json *next(struct reading *r, const char *role, const char *token)
{
    const struct json *message = json_at(r->list, r->at);

    if (!slice_is(json_str(json_get(message, "role")), role))
        wrong(r, "it should be of the", role);
    if (token && !slice_is(json_str(json_get(message, "text")), token))
        wrong(r, "it should be", token);
    r->at++;
    return message;
}

static int begins_with(struct slice text, const char *with)
{
    size_t len = strlen(with);

    return text.len >= len && memcmp(text.ptr, with, len) == 0;
}

static void read_results(struct reading *r, const struct book_item *answer)
{
    unsigned char is_seen[64] = { 0 };

    for (size_t n = 0; n < answer->results_n; n++) {
        const struct json *message = next(r, "tool", NULL);
        struct slice id = json_str(json_get(message, "id"));
        struct slice text = json_str(json_get(message, "text"));
        size_t i = 0;

        while (i < answer->results_n && (is_seen[i] || !slice_is(id, answer->results[i].id)))
            i++;
        if (i == answer->results_n)
            wrong(r, "a result of no call of", answer->token);
        is_seen[i] = 1;
        if (!answer->results[i].is_there)
            wrong(r, "a result that is not recorded, of", answer->token);
        if (answer->results[i].is_begin && !begins_with(text, answer->results[i].text))
            wrong(r, "it should be a result that begins with", answer->results[i].text);
        if (answer->results[i].has_text && !slice_is(text, answer->results[i].text))
            wrong(r, "it should be the result", answer->results[i].text);
        if (text.len == 0)
            wrong(r, "an empty result of", answer->token);
    }
}

static int is_before(const struct book_item *user, const struct book_item *answer)
{
    return user->seq < answer->started_seq;
}

/* Users' messages are put up to the first that `answer` had not seen; all, if it is NULL. */
static void put_users(struct reading *r, const struct book_item *answer, uint32_t until_seq)
{
    const struct book_session *session = r->session;

    for (size_t i = 0; i < session->items_n; i++) {
        const struct book_item *item = &session->items[i];

        if (item->is_answer || r->is_put[i] || item->seq >= until_seq)
            continue;
        if (answer && !is_before(item, answer))
            continue;
        r->order[r->order_n++] = item;
        r->is_put[i] = 1;
    }
}

static void put_in_order(struct reading *r)
{
    const struct book_session *session = r->session;

    ASSERT(session->items_n <= HISTORY_ITEMS);
    for (size_t i = 0; i < session->items_n; i++) {
        const struct book_item *item = &session->items[i];

        if (!item->is_answer)
            continue;
        put_users(r, item, session->model.started_seq);
        r->order[r->order_n++] = item;
    }
    put_users(r, NULL, session->model.started_seq);
}

/* What began this turn, and what the model has not answered: always sent. */
static int must_be_sent(const struct reading *r, size_t i)
{
    size_t answer = r->order_n;
    size_t input = 0;

    for (size_t k = 0; k < r->order_n; k++) {
        if (r->order[k]->is_answer)
            answer = k;
        if (r->order[k]->seq == r->session->turn_seq)
            input = k;
    }
    return i == input || answer == r->order_n || i > answer || (i == answer && answer > input);
}

/* Could a request begin with item `from`, but for the turn's input? */
static int may_begin(const struct reading *r, size_t from)
{
    size_t messages = 0;
    int has_input = 0;

    for (size_t i = 0; i < r->order_n; i++) {
        const struct book_item *item = r->order[i];
        int is_input = item->seq == r->session->turn_seq;

        if (i < from && !is_input) {
            if (must_be_sent(r, i))
                return 0;
            continue;
        }
        has_input |= is_input && i < from;
        messages += 1 + (item->is_answer ? item->results_n : 0);
    }
    if (r->order[from]->is_answer && !has_input)
        return 0;
    return messages <= r->session->agent->window_messages;
}

static size_t window_from(const struct reading *r)
{
    size_t from = 0;

    if (r->session->agent->window_messages == 0)
        return 0;
    while (from < r->order_n && !may_begin(r, from))
        from++;
    if (from < r->order_n)
        return from;
    for (from = r->order_n; from > 0 && must_be_sent(r, from - 1);)
        from--;
    return from;
}

static void read_history(struct reading *r)
{
    put_in_order(r);
    size_t from = window_from(r);

    for (size_t i = 0; i < r->order_n; i++) {
        const struct book_item *item = r->order[i];

        if (i < from && item->seq != r->session->turn_seq)
            continue;
        (void)next(r, item->is_answer ? "assistant" : "user", item->token);
        if (item->is_answer)
            read_results(r, item);
    }
    if (r->at != json_count(r->list))
        wrong(r, "it should be the end", "");
}

static void check_history(struct book *book, const struct book_session *session,
                          const struct model_call *call)
{
    CLEANUP(buf_release) struct buf text = { .max = call->messages.len + 2 };
    CLEANUP(json_cleanup) struct json *list = NULL;
    struct reading r = { .book = book, .session = session };
    struct err err = { 0 };

    buf_puts(&text, "[");
    buf_put(&text, call->messages);
    buf_puts(&text, "]");
    if (json_read(&list, buf_slice(&text), text.max, &err))
        fail(book->world, "ses%u: the messages are no JSON: %s: %.*s", session->index, err.msg,
             (int)call->messages.len, call->messages.ptr);
    r.list = list;
    read_history(&r);
}

/* What is reserved must cover a prompt of as many tokens as bytes, and the longest answer. */
static void check_reservation(struct book *book, const struct book_session *session,
                              const struct model_call *call)
{
    const struct price *price = &session->agent->model->price;
    int64_t bytes = (int64_t)(call->instructions.len + call->tools.len + call->messages.len);
    int64_t output = call->max_output_tokens;

    if (output != session->agent->model->max_output_tokens)
        fail(book->world, "ses%u may answer with %lld tokens", session->index, (long long)output);
    if (session->model.reserved.tokens < bytes + output ||
        session->model.reserved.nanousd < bytes * price->input + output * price->output)
        fail(book->world, "ses%u: the request is dearer than what was reserved", session->index);
}

/* The context that was in force when the call was recorded is that of its instructions. */
static void check_instructions(struct book *book, const struct book_session *session,
                               const struct model_call *call)
{
    CLEANUP(buf_release) struct buf wanted = { .max = 2 * (size_t)TEXT_MAX };

    book_put_instructions(&wanted, session);
    if (!slice_equal(call->instructions, buf_slice(&wanted)))
        fail(book->world, "ses%u is to do '%.*s', its context says '%s'", session->index,
             (int)call->instructions.len, call->instructions.ptr, buf_cstr(&wanted));
}

static unsigned in_flight(const struct book *book)
{
    unsigned n = 0;

    for (const struct link *at = list_first(&book->world->calls); at; at = at->next)
        n++;
    return n;
}

static void check_alone(struct book *book, const struct book_session *session)
{
    for (size_t i = 0; i < book->sessions_n && session->crashes >= SUSPECT_AT; i++) {
        const struct book_session *other = book->sessions[i];

        if (other != session && other->crashes >= SUSPECT_AT && other->life == LIFE_ACTIVE &&
            other->model.state == ASKING_RUNNING && other->model.is_asked &&
            other->model.process == book->world->process_n)
            fail(book->world, "ses%u and ses%u are suspects and run at the same time",
                 session->index, other->index);
    }
}

struct book_session *book_asked(struct book *book, const struct model_call *call)
{
    struct book_session *session = book_find(book, call->user);
    struct world *world = book->world;

    if (!session)
        fail(world, "the model is asked for a session that is not stored");
    trace(world, "model  ses%u call %u attempt %u is asked", session->index, session->model.number,
          session->model.attempt);
    if (session->model.state != ASKING_RUNNING || session->life != LIFE_ACTIVE)
        fail(world, "ses%u asks the model, and it is not recorded that it has started",
             session->index);
    if (session->model.is_asked || call->attempt != session->model.attempt)
        fail(world, "ses%u asks for attempt %u, that was asked or is another's", session->index,
             call->attempt);
    if (session->known_seq < session->model.started_seq)
        fail(world, "ses%u asks the model before its engine knows that it is recorded",
             session->index);
    if (in_flight(book) >= world->scene.config.limits.model_calls)
        fail(world, "more calls are in flight than the limit allows");
    session->model.is_asked = 1;
    check_alone(book, session);
    check_history(book, session, call);
    check_instructions(book, session, call);
    check_reservation(book, session, call);
    return session;
}
