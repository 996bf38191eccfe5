/*
 * verify.c - what `pawl verify` promises: each journal, folded through the core, gives the state
 * that is stored. The only check that uses the core.
 */
#include "base/hash.h"
#include "core/event_json.h"
#include "sim/book.h"

struct fold {
    struct world *world;
    struct store_session row;
    struct session_state state;
};

static void fold_event(struct fold *fold, const struct store_event *event)
{
    struct session_event read;
    struct session_commands commands;
    struct err err = { 0 };

    if (event_read(&read, event->kind, event->body, &err))
        fail(fold->world, "%.*s event %u: %s", (int)fold->row.id.len, fold->row.id.ptr, event->seq,
             err.msg);
    read.seq = event->seq;
    read.at_ms = event->at_ms;
    enum verdict verdict = session_step(&fold->state, &read, &commands);

    if (verdict != VERDICT_MOVED)
        fail(fold->world, "%.*s event %u %s: the core says %s", (int)fold->row.id.len,
             fold->row.id.ptr, event->seq, event_kind_name(event->kind), verdict_name(verdict));
}

/* What an event names must be there, and be what its name says. */
static void check_output(const struct fold *fold, const struct store_event *event)
{
    struct store_op op = { .kind = STORE_BLOB,
                           .blob = { .session = fold->row.key,
                                     .call = event->blob.call,
                                     .length = STORE_BLOB_READ_MAX } };
    char text[SHA256_TEXT_MAX];
    uint32_t seq = event->seq;

    disk_do(fold->world, &op);
    struct sha256 hash = sha256_of(op.blob.data);

    if (op.err.code || !slice_is(op.blob.hash, sha256_text(text, &hash)))
        fail(fold->world, "%.*s event %u: the output that it names is not there",
             (int)fold->row.id.len, fold->row.id.ptr, seq);
}

/* The events of a page are the store's until it is asked for something else. */
static void check_outputs(const struct fold *fold)
{
    for (uint32_t seq = 0; seq < fold->row.seq; seq++) {
        struct store_op op = { .kind = STORE_EVENTS,
                               .events = { .session = fold->row.key,
                                           .after = seq,
                                           .until = seq + 1,
                                           .limit = 1,
                                           .what = STORE_EVENTS_ALL } };

        disk_do(fold->world, &op);
        if (op.events.events_n == 1 && op.events.events[0].blob.hash.len > 0)
            check_output(fold, &op.events.events[0]);
    }
}

static void fold_journal(struct fold *fold)
{
    uint32_t after = 0;

    while (after < fold->row.seq) {
        struct store_op op = { .kind = STORE_EVENTS,
                               .events = { .session = fold->row.key,
                                           .after = after,
                                           .limit = STORE_PAGE_MAX,
                                           .what = STORE_EVENTS_BODIES } };

        disk_do(fold->world, &op);
        if (op.events.events_n == 0)
            fail(fold->world, "%.*s: its journal ends early", (int)fold->row.id.len,
                 fold->row.id.ptr);
        for (size_t i = 0; i < op.events.events_n; i++)
            fold_event(fold, &op.events.events[i]);
        after = op.events.events[op.events.events_n - 1].seq;
    }
}

static void check_waits(const struct fold *fold)
{
    struct session_wait waits[SESSION_WAITS_MAX];

    if (!session_is_ended(&fold->state) && session_waits(&fold->state, waits) == 0)
        fail(fold->world, "%.*s has not ended, and cannot say what it waits for",
             (int)fold->row.id.len, fold->row.id.ptr);
}

static void verify(struct world *world, const struct book_session *session)
{
    struct store_op op = { .kind = STORE_LOAD, .load = { .id = slice_of(session->id) } };
    unsigned char stored[SESSION_BLOB_MAX];
    unsigned char folded[SESSION_BLOB_MAX];
    struct fold fold = { .world = world };

    disk_do(world, &op);
    if (session->is_erased) {
        if (op.err.code != ERR_NOT_FOUND || op.load.erased_at_ms == 0)
            fail(world, "ses%u was erased, and has no tombstone", session->index);
        return;
    }
    if (op.err.code != ERR_NONE)
        fail(world, "ses%u is not in the store any more", session->index);
    fold.row = op.load.row;
    size_t stored_n = fold.row.state.len;

    ASSERT(stored_n <= sizeof(stored));
    memcpy(stored, fold.row.state.ptr, stored_n);
    fold_journal(&fold);
    if (session_encode(&fold.state, folded) != stored_n || memcmp(stored, folded, stored_n) != 0)
        fail(world, "ses%u: its journal does not fold to its stored state", session->index);
    check_waits(&fold);
    check_outputs(&fold);
    book_check_signals(world->book, session);
}

/* A process that has lived on in peace has seen to all that was erased. */
static void check_purged(struct world *world)
{
    struct store_op op = { .kind = STORE_PURGE, .purge.limit = 1 };

    disk_do(world, &op);
    if (op.purge.has_left)
        fail(world, "something is left of a session that was erased");
}

void verify_all(struct world *world)
{
    check_purged(world);
    for (size_t i = 0; i < world->book->sessions_n; i++)
        verify(world, world->book->sessions[i]);
}
