/* book_row.c - the columns of a session's row must say what its journal says. */
#include "sim/book.h"

static int is_in_flight(const struct book_session *session)
{
    if (session->model.state == ASKING_RUNNING)
        return 1;
    for (size_t i = 0; i < session->calls_n; i++) {
        enum tooling state = session->calls[i].state;

        if (state == TOOLING_OUT || state == TOOLING_SENT || state == TOOLING_LOOK)
            return 1;
    }
    return 0;
}

static enum session_status status_of(const struct book_session *session)
{
    if (session->life == LIFE_CANCELLED)
        return STATUS_CANCELLED;
    if (session->life == LIFE_ENDED)
        return strcmp(session->end, "completed") == 0 ? STATUS_COMPLETED : STATUS_FAILED;
    if (!session->is_turn_started)
        return STATUS_PENDING;
    if (session->model.state != ASKING_NOT)
        return STATUS_RUNNING;
    int is_asked = 0;
    int is_at_work = 0;

    for (size_t i = 0; i < session->calls_n; i++) {
        const struct book_call *call = &session->calls[i];
        int is_waiting = call->state == TOOLING_WAITING;

        if (call->state == TOOLING_CLOSED || call->is_orphan)
            continue;
        if (call->state == TOOLING_PERSON || call->state == TOOLING_APPROVAL)
            return STATUS_AWAITING_HUMAN_APPROVAL;
        is_asked |= is_waiting && call->waits == WAITS_INPUT;
        is_at_work |= !is_waiting;
    }
    if (is_asked)
        return STATUS_AWAITING_INPUT;
    return is_at_work ? STATUS_AWAITING_TOOL : STATUS_SLEEPING;
}

static int64_t sooner(int64_t a_ms, int64_t b_ms)
{
    if (a_ms == 0 || b_ms == 0)
        return a_ms + b_ms;
    return a_ms < b_ms ? a_ms : b_ms;
}

static int64_t wake_at_ms(const struct book_session *session)
{
    int64_t due_ms = session->model.state == ASKING_BACKOFF ? session->model.due_ms : 0;

    if (session->limits.wall_ms && session->wall_since_ms) {
        int64_t left_ms = session->limits.wall_ms - session->wall_used_ms;

        due_ms = sooner(due_ms, session->wall_since_ms + (left_ms > 0 ? left_ms : 0));
    }
    for (size_t i = 0; i < session->calls_n; i++) {
        enum tooling state = session->calls[i].state;

        if (state == TOOLING_BACKOFF || state == TOOLING_DOUBT || state == TOOLING_APPROVAL ||
            state == TOOLING_WAITING)
            due_ms = sooner(due_ms, session->calls[i].due_ms);
    }
    return due_ms;
}

/* In flight it is somebody's, unless that one is stopping, or it waits to run alone. */
static void check_owner(struct book *book, const struct book_session *session,
                        const struct store_session *row)
{
    int may_be_nobodys = book->world->process == PROCESS_DRAINING || session->crashes >= SUSPECT_AT;

    if (row->owner != 0 && !is_in_flight(session))
        fail(book->world, "ses%u is owned, and nothing of it is in flight", session->index);
    if (row->owner == 0 && is_in_flight(session) && !may_be_nobodys)
        fail(book->world, "ses%u is in flight, and nobody's", session->index);
    if (row->owner == 0 && session->model.state == ASKING_RUNNING)
        fail(book->world, "ses%u asks the model, and is nobody's", session->index);
}

struct column {
    const char *name;
    int64_t row;
    int64_t journal;
};

static void check_columns(struct book *book, const struct book_session *session,
                          const struct column *columns, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (columns[i].row != columns[i].journal)
            fail(book->world, "ses%u at event %u: the row has %s %lld, the journal %lld",
                 session->index, session->seq, columns[i].name, (long long)columns[i].row,
                 (long long)columns[i].journal);
    }
}

/* What must follow in the same tick must have followed. */
static void check_dues(struct book *book, const struct book_session *session)
{
    if (session->is_patch_open)
        fail(book->world, "ses%u has a new budget that nobody asked for", session->index);
    if (session->due)
        fail(book->world, "ses%u: its turn had to end in the same tick: %s", session->index,
             session->due);
    for (size_t i = 0; i < session->calls_n; i++) {
        if (session->calls[i].state == TOOLING_EXPIRED)
            fail(book->world, "ses%u: nobody approved call %u, and nothing follows", session->index,
                 session->calls[i].number);
        if (session->calls[i].state == TOOLING_REFUSED)
            fail(book->world, "ses%u: call %u is no good, and is not answered at once",
                 session->index, session->calls[i].number);
    }
}

void book_check_row(struct book *book, const struct book_session *session,
                    const struct store_session *row)
{
    int is_live = is_in_flight(session) || (session->model.state == ASKING_WANTED &&
                                            session->life == LIFE_ACTIVE && !session->is_paused);
    const struct column columns[] = {
        { "seq", row->seq, session->seq },
        { "version", (int64_t)row->version, (int64_t)session->version },
        { "status", row->status, status_of(session) },
        { "is_paused", row->is_paused, session->is_paused },
        { "is_live", row->is_live, is_live },
        { "turn", row->turn, session->turn },
        { "steps", row->steps, session->steps },
        { "task_seq", row->task_seq, session->turn_seq },
        { "end_seq", row->end_seq, session->end_seq },
        { "spent.tokens", row->spent.tokens, session->spent.tokens },
        { "spent.nanousd", row->spent.nanousd, session->spent.nanousd },
        { "wake_at_ms", row->wake_at_ms, is_live ? 0 : wake_at_ms(session) },
        { "an end", row->ended_at_ms != 0, session->life != LIFE_ACTIVE },
    };

    check_dues(book, session);
    book_check_waits(book, session);
    if (strcmp(session->row_metadata, session->metadata) != 0)
        fail(book->world, "ses%u: the row has the metadata %s, the journal %s", session->index,
             session->row_metadata, session->metadata);
    check_columns(book, session, columns, ARRAY_LEN(columns));
    check_owner(book, session, row);
}
