/* store_erase_cases.c - what store.h promises of a session that is erased. */
#include "conformance/store_help.h"

static enum err_code erase(struct help *h, const struct store_session *row, uint64_t version)
{
    struct store_op op = help_erase(row, 100);

    op.erase.version = version;
    return help_run(h, &op);
}

static void an_erased_session_is_nowhere_but_in_its_tombstone(void **state)
{
    struct help *h = *state;
    struct store_session row = help_session(h, "a");
    struct store_session other = help_session(h, "b");
    struct store_op load = { .kind = STORE_LOAD, .load = { .id = row.id, .with_texts = 1 } };
    struct store_op events = { .kind = STORE_EVENTS,
                               .events = {
                                   .session = row.key, .limit = 10, .what = STORE_EVENTS_ALL } };
    struct store_op list = { .kind = STORE_LIST,
                             .list = { .filter.tenant = SLICE_LIT("acme"), .limit = 10 } };
    struct store_op scan = { .kind = STORE_SCAN, .scan = { .what = STORE_SCAN_ALL, .limit = 10 } };

    assert_int_equal(erase(h, &row, row.version), ERR_NONE);
    assert_int_equal(help_run(h, &load), ERR_NOT_FOUND);
    assert_int_equal(load.load.erased_at_ms, 77);
    assert_true(slice_is(load.load.row.tenant, "acme"));
    assert_int_equal(help_run(h, &events), ERR_NONE);
    assert_int_equal(events.events.events_n, 0);
    assert_int_equal(help_run(h, &list), ERR_NONE);
    assert_int_equal(list.list.rows_n, 1);
    assert_int_equal(help_run(h, &scan), ERR_NONE);
    assert_int_equal(scan.scan.rows_n, 1);
    help_check_journal(h, &other);
    load.load.id = SLICE_LIT("ses_nobody");
    assert_int_equal(help_run(h, &load), ERR_NOT_FOUND);
    assert_int_equal(load.load.erased_at_ms, 0);
}

static void only_the_version_that_was_read_is_erased(void **state)
{
    struct help *h = *state;
    struct store_session row = help_session(h, "a");

    assert_int_equal(erase(h, &row, row.version + 1), ERR_CONFLICT);
    help_check_journal(h, &row);
    assert_int_equal(erase(h, &row, row.version), ERR_NONE);
    assert_int_equal(erase(h, &row, row.version), ERR_NOT_FOUND);
}

static void nothing_is_written_to_an_erased_session(void **state)
{
    struct help *h = *state;
    struct store_session row = help_session(h, "a");
    struct store_op inbox = {
        .kind = STORE_INBOX_ADD,
        .inbox = { .session = row.key,
                   .row = { .kind = SLICE_LIT("message"), .body = SLICE_LIT("{}") } },
    };
    struct store_op waiting = { .kind = STORE_INBOX_LIST, .inbox.session = row.key };
    struct tick t, again;

    assert_int_equal(help_run(h, &inbox), ERR_NONE);
    help_next(h, &t, &row, 1);
    assert_int_equal(erase(h, &row, row.version), ERR_NONE);
    assert_int_equal(help_run(h, &t.op), ERR_NOT_FOUND);
    assert_int_equal(help_run(h, &inbox), ERR_NOT_FOUND);
    assert_int_equal(help_run(h, &waiting), ERR_NONE);
    assert_int_equal(waiting.inbox.rows_n, 0);
    help_create(h, &again, "a", "the same id");
    assert_int_equal(help_run(h, &again.op), ERR_CONFLICT);
}

static void its_idempotency_keys_go_on(void **state)
{
    struct help *h = *state;
    struct store_op key = { .kind = STORE_KEY,
                            .key = { .tenant = SLICE_LIT("acme"),
                                     .route = SLICE_LIT("POST /v1/sessions"),
                                     .key = SLICE_LIT("k") } };
    struct tick t, again;

    help_create(h, &t, "a", "hello");
    t.op.commit.idempotency = key.key;
    t.op.commit.idempotency.body_hash = SLICE_LIT("hash");
    t.op.commit.idempotency.response = SLICE_LIT("ses_a");
    assert_int_equal(help_run(h, &t.op), ERR_NONE);
    assert_int_equal(erase(h, &t.op.commit.row, t.op.commit.row.version), ERR_NONE);
    assert_int_equal(help_run(h, &key), ERR_NONE);
    assert_slice(key.key.response, "ses_a");
    help_create(h, &again, "b", "hello");
    again.op.commit.idempotency = t.op.commit.idempotency;
    assert_int_equal(help_run(h, &again.op), ERR_CONFLICT);
    assert_true(again.op.commit.is_replay);
    assert_slice(again.op.commit.replay, "ses_a");
}

/* A session with n events in all. */
static struct store_session long_session(struct help *h, const char *name, uint32_t n)
{
    struct store_session row = help_session(h, name);
    struct tick t;

    while (row.seq < n) {
        uint32_t left = n - row.seq;

        help_next(h, &t, &row, left < HELP_EVENTS_MAX ? left : HELP_EVENTS_MAX);
        assert_int_equal(help_run(h, &t.op), ERR_NONE);
        row = help_load(h, row.id, 0).row;
    }
    return row;
}

static int purge(struct help *h, uint32_t limit)
{
    struct store_op op = { .kind = STORE_PURGE, .purge.limit = limit };

    assert_int_equal(help_run(h, &op), ERR_NONE);
    return op.purge.has_left;
}

static int erase_in_pieces(struct help *h, const struct store_session *row, uint32_t limit)
{
    struct store_op op = help_erase(row, limit);

    assert_int_equal(help_run(h, &op), ERR_NONE);
    return op.erase.has_left;
}

static void add_inbox_rows(struct help *h, const struct store_session *row, unsigned n)
{
    struct store_op op = {
        .kind = STORE_INBOX_ADD,
        .inbox = { .session = row->key,
                   .row = { .kind = SLICE_LIT("message"), .body = SLICE_LIT("{}") } },
    };

    while (n-- > 0)
        assert_int_equal(help_run(h, &op), ERR_NONE);
}

static void nobody_sees_it(struct help *h, const struct store_session *row)
{
    struct store_op load = { .kind = STORE_LOAD, .load.id = row->id };
    struct store_op inbox = { .kind = STORE_INBOX_LIST, .inbox.session = row->key };
    struct store_op scan = { .kind = STORE_SCAN, .scan = { .what = STORE_SCAN_INBOX, .limit = 9 } };
    struct store_op events = { .kind = STORE_EVENTS,
                               .events = { .session = row->key, .limit = 9 } };

    assert_int_equal(help_run(h, &load), ERR_NOT_FOUND);
    assert_int_equal(load.load.erased_at_ms, 77);
    assert_int_equal(help_run(h, &events), ERR_NONE);
    assert_int_equal(events.events.events_n, 0);
    assert_int_equal(help_run(h, &inbox), ERR_NONE);
    assert_int_equal(inbox.inbox.rows_n, 0);
    assert_int_equal(help_run(h, &scan), ERR_NONE);
    assert_int_equal(scan.scan.rows_n, 0);
}

static void a_long_journal_goes_in_pieces(void **state)
{
    struct help *h = *state;
    struct store_session other = long_session(h, "other", 30);
    struct store_session row = long_session(h, "a", 41);
    unsigned pieces = 0;

    add_inbox_rows(h, &row, 5);
    assert_true(erase_in_pieces(h, &row, 10));
    do {
        nobody_sees_it(h, &row);
        pieces++;
    } while (purge(h, 10));
    assert_int_equal(pieces, 4); /* 36 rows, and the session itself counts as one */
    assert_false(purge(h, 10));
    help_check_journal(h, &other);
}

static void what_fits_a_piece_leaves_nothing(void **state)
{
    struct help *h = *state;
    struct store_session row = long_session(h, "a", 9);

    assert_false(erase_in_pieces(h, &row, 10));
    nobody_sees_it(h, &row);
    assert_false(purge(h, 1));
}

static void many_small_ones_are_bounded_by_a_piece_too(void **state)
{
    struct help *h = *state;
    unsigned pieces = 1;

    for (int i = 0; i < 6; i++) {
        const char name[] = { (char)('a' + i), 0 };
        struct store_session row = help_session(h, name);

        assert_true(erase_in_pieces(h, &row, 0));
    }
    while (purge(h, 4)) /* two rows each: an event, and the session */
        pieces++;
    assert_int_equal(pieces, 4);
}

/* What only it named cannot be named any more when all of it is purged, however large it was. */
static void its_blobs_go_with_its_events(void **state)
{
    struct help *h = *state;
    struct store_session row = help_session(h, "a");
    struct store_session other = help_session(h, "b");
    struct slice data = { arena_alloc(h->arena, (size_t)2000 * 1000), (size_t)2000 * 1000 };
    struct store_blob blob = { .hash = SLICE_LIT("hash"), .bytes = data.len, .call = 1 };
    struct store_op read = { .kind = STORE_BLOB, .blob = { .call = 1, .length = 10 } };
    struct tick t;

    help_next(h, &t, &row, 3);
    t.events[2].blob = blob;
    t.events[2].blob.data = data;
    assert_int_equal(help_run(h, &t.op), ERR_NONE);
    row = t.op.commit.row;
    read.blob.session = row.key;
    assert_int_equal(help_run(h, &read), ERR_NONE);
    assert_true(erase_in_pieces(h, &row, 2));
    assert_int_equal(help_run(h, &read), ERR_NOT_FOUND);
    while (purge(h, 2))
        nobody_sees_it(h, &row);
    help_next(h, &t, &other, 1);
    t.events[0].blob = blob;
    assert_int_equal(help_run(h, &t.op), ERR_NOT_FOUND);
    t.events[0].blob.data = data;
    assert_int_equal(help_run(h, &t.op), ERR_NONE);
    read.blob.session = other.key;
    assert_int_equal(help_run(h, &read), ERR_NONE);
}

static void a_tombstone_says_why(void **state)
{
    struct help *h = *state;
    struct store_session row = help_session(h, "a");
    struct store_op op = help_erase(&row, 10);
    struct store_op load = { .kind = STORE_LOAD, .load.id = row.id };

    op.erase.why = STORE_ERASURE_RETENTION;
    assert_int_equal(help_run(h, &op), ERR_NONE);
    assert_int_equal(help_run(h, &load), ERR_NOT_FOUND);
    assert_int_equal(load.load.erasure, STORE_ERASURE_RETENTION);
    row = help_session(h, "b");
    op.erase.session = row.key;
    op.erase.why = STORE_ERASURE_REQUEST;
    load.load.id = row.id;
    assert_int_equal(help_run(h, &op), ERR_NONE);
    assert_int_equal(help_run(h, &load), ERR_NOT_FOUND);
    assert_int_equal(load.load.erasure, STORE_ERASURE_REQUEST);
}

static struct store_session ended_session(struct help *h, const char *name, const char *parent,
                                          int64_t ended_at_ms)
{
    struct tick t;

    help_create(h, &t, name, "x");
    t.op.commit.row.status = ended_at_ms ? STATUS_COMPLETED : STATUS_RUNNING;
    t.op.commit.row.ended_at_ms = ended_at_ms;
    t.op.commit.row.is_live = 0;
    t.op.commit.row.parent = slice_of(parent);
    assert_int_equal(help_run(h, &t.op), ERR_NONE);
    return t.op.commit.row;
}

static void expect_ended(struct help *h, const char *ids)
{
    struct store_op op = { .kind = STORE_SCAN, .scan = { .what = STORE_SCAN_ENDED, .limit = 2 } };
    struct buf got = { .max = 1024 };

    do {
        assert_int_equal(help_run(h, &op), ERR_NONE);
        for (size_t i = 0; i < op.scan.rows_n; i++) {
            const struct store_session *row = &op.scan.rows[i];

            buf_putf(&got, "%.*s ", (int)row->id.len, row->id.ptr);
            op.scan.after_ms = row->ended_at_ms;
            op.scan.after_key = row->key;
        }
    } while (op.scan.has_more);
    assert_string_equal(buf_cstr(&got), ids);
    buf_release(&got);
}

/* The longest-ended first; not one whose parent may yet ask for it. */
static void ended_ones_are_found_in_the_order_of_their_ends(void **state)
{
    struct help *h = *state;

    (void)ended_session(h, "a", "", 300);
    (void)ended_session(h, "b", "", 100);
    (void)ended_session(h, "c", "", 0);
    (void)ended_session(h, "d", "", 300);
    (void)ended_session(h, "e", "ses_c", 50); /* it is at work */
    (void)ended_session(h, "f", "ses_a", 200);
    (void)ended_session(h, "g", "ses_nobody", 400);
    expect_ended(h, "ses_b ses_f ses_a ses_d ses_g ");
}

static int64_t used(struct help *h)
{
    struct store_op op = { .kind = STORE_SIZE };

    assert_int_equal(help_run(h, &op), ERR_NONE);
    return op.size.used;
}

static void what_is_erased_is_in_use_no_more(void **state)
{
    struct help *h = *state;
    int64_t empty = used(h);
    struct store_session row = long_session(h, "a", 5000);
    int64_t full = used(h);

    assert_true(full > empty + 50000);
    assert_true(erase_in_pieces(h, &row, 100));
    while (purge(h, STORE_PURGE_MAX))
        ;
    assert_true(used(h) < empty + (full - empty) / 2);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, help_setup, help_teardown)

int store_erase_cases(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_erased_session_is_nowhere_but_in_its_tombstone),
        CASE(only_the_version_that_was_read_is_erased),
        CASE(nothing_is_written_to_an_erased_session),
        CASE(its_idempotency_keys_go_on),
        CASE(a_long_journal_goes_in_pieces),
        CASE(a_tombstone_says_why),
        CASE(ended_ones_are_found_in_the_order_of_their_ends),
        CASE(what_is_erased_is_in_use_no_more),
        CASE(what_fits_a_piece_leaves_nothing),
        CASE(its_blobs_go_with_its_events),
        CASE(many_small_ones_are_bounded_by_a_piece_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
