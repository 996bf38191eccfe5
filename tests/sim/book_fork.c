/*
 * book_fork.c - the rules of a copy: it begins as its source was at some event, and stands still.
 *
 * What a session was after each of its events is kept in session->past. Nothing that was open there
 * is open in the copy: the model gets an answer for each call, and no run of them is its own.
 */
#include <stdio.h>
#include <stdlib.h>

#include "sim/book.h"

void book_keep_past(struct book_session *session)
{
    session->refused_n = 0;
    for (size_t i = 0; i < session->calls_n; i++)
        session->refused_n += session->calls[i].state == TOOLING_REFUSED ||
                              session->calls[i].state == TOOLING_EXPIRED ||
                              session->calls[i].state == TOOLING_CAME;
    session->past = xrealloc(session->past, session->seq * sizeof(*session->past));
    session->past[session->seq - 1] = *session;
}

static const struct book_session *source_of(struct book *book, const struct store_commit *commit)
{
    for (size_t i = 0; i < book->sessions_n; i++) {
        const struct book_session *source = book->sessions[i];

        if (source->key != commit->copy_of)
            continue;
        if (source->is_erased)
            fail(book->world, "ses%u was erased, and is copied", source->index);
        if (commit->copy_n == 0 || commit->copy_n > source->seq)
            fail(book->world, "ses%u has no event %u, and it is copied", source->index,
                 commit->copy_n);
        return source;
    }
    fail(book->world, "a copy of a session that there is not");
}

int book_is_amid_tick(const struct book_session *session, uint32_t seq)
{
    const struct book_session *then = &session->past[seq - 1];

    return then->due != NULL || then->refused_n > 0;
}

static void forget_later(struct book_result *result, uint32_t seq)
{
    if (result->seq <= seq)
        return;
    result->is_there = 0;
    result->has_text = 0;
    result->is_begin = 0;
}

/* Results that came later are not in the copy. */
static void copy_items(struct book_session *session, const struct book_session *source)
{
    size_t n = session->items_n;

    session->items = xcalloc(n + 1, sizeof(*session->items));
    session->items_cap = n + 1;
    for (size_t i = 0; i < n; i++) {
        struct book_item *item = &session->items[i];

        *item = source->items[i];
        if (item->results_n == 0)
            continue;
        item->results = xcalloc(item->results_n, sizeof(*item->results));
        memcpy(item->results, source->items[i].results, item->results_n * sizeof(*item->results));
        for (size_t k = 0; k < item->results_n; k++)
            forget_later(&item->results[k], session->seq);
    }
}

static void copy_calls(struct book_session *session, const struct book_session *source)
{
    size_t n = session->calls_n;

    session->calls = xcalloc(n + 1, sizeof(*session->calls));
    session->calls_cap = n + 1;
    for (size_t i = 0; i < n; i++) {
        session->calls[i] = source->calls[i];
        session->calls[i].state = TOOLING_CLOSED;
        session->calls[i].is_orphan = 0;
        if (session->calls[i].whole_seq > session->seq)
            session->calls[i].whole_bytes = 0;           /* that came later */
        session->calls[i].closed_seq = session->seq + 1; /* by `forked`, at the latest */
    }
}

void book_copied(struct book *book, struct book_session *session, const struct store_commit *commit)
{
    const struct book_session *source = source_of(book, commit);
    const struct book_session own = *session;
    uint32_t n = commit->copy_n;

    if (book_is_amid_tick(source, n))
        fail(book->world, "a copy of ses%u ends at event %u, which others must follow",
             source->index, n);
    *session = source->past[n - 1];
    memcpy(session->id, own.id, sizeof(session->id));
    session->index = own.index;
    session->is_pill = own.is_pill;
    session->version = own.version;
    session->known_seq = 0;
    session->forked_from = source->index;
    session->told_n = 0;
    session->forked_seq = 0;    /* that event must come now */
    session->is_patch_open = 0; /* half of a patch may be copied: its budget alone */
    session->patches = NULL;
    session->patches_n = 0;
    copy_items(session, source);
    book_copy_signals(session, source);
    copy_calls(session, source);
    session->kinds = xcalloc(n, 1);
    memcpy(session->kinds, source->kinds, n);
    session->past = xcalloc(n, sizeof(*session->past));
    memcpy(session->past, source->past, n * sizeof(*session->past));
    trace(book->world, "disk   ses%u is a copy of ses%u up to event %u", session->index,
          source->index, n);
}

/* ---- the event ---- */

static int is_once(const struct book_session *session, size_t item, const char *id)
{
    for (size_t i = 0; i < session->calls_n; i++) {
        if (session->calls[i].item == item && strcmp(session->calls[i].id, id) == 0)
            return session->calls[i].is_once;
    }
    return 0;
}

static void answer_open_calls(struct book_session *session)
{
    for (size_t i = 0; i < session->items_n; i++) {
        struct book_item *item = &session->items[i];

        for (size_t k = 0; k < item->results_n; k++) {
            struct book_result *result = &item->results[k];

            if (result->is_there)
                continue;
            result->is_there = 1;
            result->seq = session->seq;
            result->is_begin = 1;
            (void)snprintf(result->text, sizeof(result->text), "%s",
                           is_once(session, i, result->id)
                               ? "It is not known whether this happened: the session is a copy"
                               : "No result: the session is a copy");
        }
    }
}

static void check_source(struct book_event *e)
{
    const struct book_session *source = e->world->book->sessions[e->session->forked_from];
    struct slice by = json_str(json_get(e->body, "by"));

    if (e->session->forked_seq != 0 || e->event->seq < 2)
        book_wrong(e, "it is no copy, or was one before");
    if (!slice_is(json_str(json_get(e->body, "from")), source->id) ||
        json_int(json_get(e->body, "from_seq"), 0) != e->event->seq - 1)
        book_wrong(e, "it is a copy of ses%u up to event %u", source->index, e->event->seq - 1);
    (void)snprintf(e->session->forked_by, sizeof(e->session->forked_by), "%.*s", (int)by.len,
                   by.ptr ? by.ptr : "");
}

void book_fork_event(struct book_event *e)
{
    struct book_session *session = e->session;

    check_source(e);
    session->forked_seq = e->event->seq;
    session->ended_at_ms = e->event->at_ms; /* if it has ended: the copy did so now */
    answer_open_calls(session);
    session->spent = (struct money){ 0 };
    session->charges_n = 0;
    session->crashes = 0;
    session->is_paused = 1;
    session->wall_since_ms = 0;
    if (session->model.state != ASKING_NOT)
        session->steps--; /* it is asked again, and that is the same step */
    session->model.state = ASKING_NOT;
    session->model.due_ms = 0;
    if (session->life == LIFE_CANCELLED)
        book_restart_turn(session);
    else if (session->life == LIFE_ACTIVE)
        book_wants_model(session);
}
