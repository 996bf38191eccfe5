/* store_copy_cases.c - what store.h promises of a session whose journal begins as another's. */
#include "conformance/store_help.h"

/* A creation whose first n events are those of `source`, with one of its own behind them. */
static void copy_of(struct help *h, struct tick *t, const struct store_session *source, uint32_t n,
                    const char *name)
{
    help_create(h, t, name, "not copied");
    t->op.commit.copy_of = source->key;
    t->op.commit.copy_n = n;
    t->op.commit.row.seq = n + 1;
    t->events[0].seq = n + 1;
    t->events[0].kind = EV_FORKED;
    t->events[0].body = SLICE_LIT("{\"v\":1,\"from\":\"ses_a\"}");
    t->events[0].wire = SLICE_LIT("{\"closed\":true}");
}

/* A session with three events. */
static struct store_session source_of(struct help *h)
{
    struct store_session row = help_session(h, "a");
    struct tick t;

    help_next(h, &t, &row, 2);
    assert_int_equal(help_run(h, &t.op), ERR_NONE);
    return t.op.commit.row;
}

static struct store_op journal_of(struct help *h, const struct store_session *row)
{
    struct store_op op = { .kind = STORE_EVENTS,
                           .events = {
                               .session = row->key, .limit = 10, .what = STORE_EVENTS_ALL } };

    assert_int_equal(help_run(h, &op), ERR_NONE);
    return op;
}

static void a_copy_begins_as_its_source(void **state)
{
    struct help *h = *state;
    struct store_session source = source_of(h);
    struct tick t;

    copy_of(h, &t, &source, 2, "b");
    assert_int_equal(help_run(h, &t.op), ERR_NONE);
    assert_int_not_equal(t.op.commit.row.key, source.key);
    assert_int_equal(t.op.commit.row.version, 1);
    for (int round = 0; round < 2; round++) {
        struct store_op of_source = journal_of(h, &source);
        struct store_op of_copy = journal_of(h, &t.op.commit.row);

        assert_int_equal(of_source.events.events_n, 3);
        assert_int_equal(of_copy.events.events_n, 3);
        for (size_t i = 0; i < 2; i++) {
            const struct store_event *was = &of_source.events.events[i];
            const struct store_event *is = &of_copy.events.events[i];

            assert_int_equal(is->seq, was->seq);
            assert_int_equal(is->kind, was->kind);
            assert_int_equal(is->at_ms, was->at_ms);
            assert_true(slice_equal(is->body, was->body));
            assert_true(slice_equal(is->wire, was->wire));
        }
        assert_int_equal(of_copy.events.events[2].kind, EV_FORKED);
        assert_slice(of_copy.events.events[2].wire, "{\"closed\":true}");
        help_reopen(h);
        if (strcmp(help_backend, "mem:") == 0)
            break; /* what is in memory is gone with it */
    }
}

static void the_two_go_on_apart(void **state)
{
    struct help *h = *state;
    struct store_session source = source_of(h);
    struct tick t, next;

    copy_of(h, &t, &source, 3, "b");
    assert_int_equal(help_run(h, &t.op), ERR_NONE);
    help_next(h, &next, &t.op.commit.row, 2);
    assert_int_equal(help_run(h, &next.op), ERR_NONE);
    help_check_journal(h, &next.op.commit.row);
    help_check_journal(h, &source);
    assert_int_equal(help_load(h, source.id, 0).row.version, source.version);
    struct store_op erase = help_erase(&source, 0);

    assert_int_equal(help_run(h, &erase), ERR_NONE);
    help_check_journal(h, &next.op.commit.row);
    assert_slice(help_load(h, t.op.commit.row.id, 1).task,
                 "{\"v\":1,\"input\":\"what is the time?\"}");
}

/* What an event names beside it belongs to whoever has that event. */
static void a_copy_has_the_blobs_of_what_it_copied(void **state)
{
    struct help *h = *state;
    struct store_session source = help_session(h, "a");
    struct tick t, all, less;

    help_next(h, &t, &source, 1);
    t.events[0].blob = (struct store_blob){
        .hash = SLICE_LIT("hash"), .bytes = 5, .call = 3, .data = SLICE_LIT("large")
    };
    assert_int_equal(help_run(h, &t.op), ERR_NONE);
    source = t.op.commit.row;
    copy_of(h, &all, &source, 2, "b");
    assert_int_equal(help_run(h, &all.op), ERR_NONE);
    copy_of(h, &less, &source, 1, "c");
    assert_int_equal(help_run(h, &less.op), ERR_NONE);
    struct store_op erase = help_erase(&source, 0);
    struct store_op read = { .kind = STORE_BLOB,
                             .blob = { .session = all.op.commit.row.key, .call = 3, .length = 9 } };

    assert_int_equal(help_run(h, &erase), ERR_NONE);
    assert_int_equal(help_run(h, &read), ERR_NONE);
    assert_slice(read.blob.data, "large");
    read.blob.session = less.op.commit.row.key;
    assert_int_equal(help_run(h, &read), ERR_NOT_FOUND);
}

static void what_is_not_there_is_not_copied(void **state)
{
    struct help *h = *state;
    struct store_session source = source_of(h);
    struct store_session nobody = source;
    struct store_op load = { .kind = STORE_LOAD, .load.id = SLICE_LIT("ses_b") };
    struct tick t;

    copy_of(h, &t, &source, 4, "b");
    assert_int_equal(help_run(h, &t.op), ERR_INVALID);
    nobody.key = 4711;
    copy_of(h, &t, &nobody, 2, "b");
    assert_int_equal(help_run(h, &t.op), ERR_NOT_FOUND);
    copy_of(h, &t, &source, 2, "b");
    t.op.commit.row.seq = t.events[0].seq = 2; /* not behind what is copied */
    assert_int_equal(help_run(h, &t.op), ERR_INVALID);
    copy_of(h, &t, &source, 2, "a");
    assert_int_equal(help_run(h, &t.op), ERR_CONFLICT);
    assert_int_equal(help_run(h, &load), ERR_NOT_FOUND);
    help_check_journal(h, &source);
    struct store_op erase = help_erase(&source, 0);

    assert_int_equal(help_run(h, &erase), ERR_NONE);
    copy_of(h, &t, &source, 2, "b");
    assert_int_equal(help_run(h, &t.op), ERR_NOT_FOUND);
}

static void a_known_key_copies_nothing(void **state)
{
    struct help *h = *state;
    struct store_session source = source_of(h);
    const struct store_idempotency key = { .tenant = SLICE_LIT("acme"),
                                           .route = SLICE_LIT("POST /v1/sessions/ses_a/fork"),
                                           .key = SLICE_LIT("k"),
                                           .body_hash = SLICE_LIT("hash"),
                                           .response = SLICE_LIT("ses_b") };
    struct store_op list = { .kind = STORE_LIST,
                             .list = { .filter.tenant = SLICE_LIT("acme"), .limit = 10 } };
    struct tick t, again;

    copy_of(h, &t, &source, 2, "b");
    t.op.commit.idempotency = key;
    copy_of(h, &again, &source, 2, "c");
    again.op.commit.idempotency = key;
    help_submit(h, &t.op);
    help_submit(h, &again.op);
    help_wait(h);
    assert_int_equal(t.op.err.code, ERR_NONE);
    assert_int_equal(again.op.err.code, ERR_CONFLICT);
    assert_true(again.op.commit.is_replay);
    assert_slice(again.op.commit.replay, "ses_b");
    assert_int_equal(help_run(h, &list), ERR_NONE);
    assert_int_equal(list.list.rows_n, 2);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, help_setup, help_teardown)

int store_copy_cases(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_copy_begins_as_its_source),
        CASE(the_two_go_on_apart),
        CASE(a_copy_has_the_blobs_of_what_it_copied),
        CASE(what_is_not_there_is_not_copied),
        CASE(a_known_key_copies_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
