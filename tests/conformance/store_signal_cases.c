/* store_signal_cases.c - what store.h promises of signals that no call has taken. */
#include "conformance/store_help.h"

/* A tick of two signals. */
static void next_two(struct help *h, struct tick *t, const struct store_session *row)
{
    help_next(h, t, row, 2);
    for (size_t i = 0; i < 2; i++) {
        t->events[i].kind = EV_SIGNAL;
        t->events[i].body = help_text(h, "{\"v\":1,\"name\":\"n%u\"}", t->events[i].seq);
    }
}

static struct store_load load(struct help *h, struct slice id)
{
    struct store_op op = { .kind = STORE_LOAD, .load = { .id = id, .with_signals = 1 } };

    assert_int_equal(help_run(h, &op), ERR_NONE);
    return op.load;
}

/* Signals 2 and 3. */
static struct store_session kept_two(struct help *h, const char *name)
{
    const uint32_t seqs[] = { 2, 3 };
    struct store_session row = help_session(h, name);
    struct tick t;

    next_two(h, &t, &row);
    t.op.commit.signals_kept = seqs;
    t.op.commit.signals_kept_n = 2;
    assert_int_equal(help_run(h, &t.op), ERR_NONE);
    return load(h, row.id).row;
}

static void what_is_kept_is_there_until_it_is_taken(void **state)
{
    struct help *h = *state;
    struct store_session row = kept_two(h, "a");
    const uint32_t taken[] = { 2 };
    struct tick t;

    struct store_load loaded = load(h, row.id);

    assert_int_equal(loaded.signals_n, 2);
    assert_int_equal(loaded.signals[0].seq, 2);
    assert_int_equal(loaded.signals[0].kind, EV_SIGNAL);
    assert_slice(loaded.signals[0].body, "{\"v\":1,\"name\":\"n2\"}");
    assert_slice(loaded.signals[1].body, "{\"v\":1,\"name\":\"n3\"}");
    help_next(h, &t, &loaded.row, 1);
    t.op.commit.signals_taken = taken;
    t.op.commit.signals_taken_n = 1;
    assert_int_equal(help_run(h, &t.op), ERR_NONE);
    loaded = load(h, row.id);
    assert_int_equal(loaded.signals_n, 1);
    assert_int_equal(loaded.signals[0].seq, 3);
    assert_int_equal(load(h, help_session(h, "b").id).signals_n, 0);
}

/* How long a session's texts are says nothing of its signals. */
static void they_are_there_beside_long_texts(void **state)
{
    enum { LONG = STORE_PAGE_BYTES_MAX + 1 };
    struct help *h = *state;
    char *body = arena_alloc(h->arena, LONG);
    const uint32_t seqs[] = { 2, 3 };
    struct tick t;

    memset(body, ' ', LONG);
    body[0] = '{';
    body[LONG - 1] = '}';
    help_create(h, &t, "long", "x");
    t.events[0].body = (struct slice){ body, LONG };
    assert_int_equal(help_run(h, &t.op), ERR_NONE);
    struct store_session row = t.op.commit.row;

    next_two(h, &t, &row);
    t.op.commit.signals_kept = seqs;
    t.op.commit.signals_kept_n = 2;
    assert_int_equal(help_run(h, &t.op), ERR_NONE);
    struct store_op op = { .kind = STORE_LOAD,
                           .load = { .id = row.id, .with_texts = 1, .with_signals = 1 } };

    assert_int_equal(help_run(h, &op), ERR_NONE);
    assert_int_equal(op.load.task.len, LONG);
    assert_int_equal(op.load.signals_n, 2);
}

static void a_refused_tick_keeps_and_takes_nothing(void **state)
{
    struct help *h = *state;
    struct store_session row = kept_two(h, "a");
    const uint32_t kept[] = { 4 };
    const uint32_t taken[] = { 2 };
    struct tick t;

    next_two(h, &t, &row);
    t.op.commit.row.version--;
    t.op.commit.signals_kept = kept;
    t.op.commit.signals_kept_n = 1;
    t.op.commit.signals_taken = taken;
    t.op.commit.signals_taken_n = 1;
    assert_int_equal(help_run(h, &t.op), ERR_CONFLICT);
    assert_int_equal(load(h, row.id).signals_n, 2);
}

static void a_copy_keeps_those_that_it_names(void **state)
{
    struct help *h = *state;
    struct store_session row = kept_two(h, "a");
    const uint32_t kept[] = { 2 };
    struct tick t;

    help_create(h, &t, "copy", "x");
    t.op.commit.copy_of = row.key;
    t.op.commit.copy_n = 2;
    t.op.commit.row.seq = 3;
    t.events[0].seq = 3;
    t.events[0].kind = EV_FORKED;
    t.op.commit.signals_kept = kept;
    t.op.commit.signals_kept_n = 1;
    assert_int_equal(help_run(h, &t.op), ERR_NONE);
    struct store_load copy = load(h, SLICE_LIT("ses_copy"));

    assert_int_equal(copy.signals_n, 1);
    assert_slice(copy.signals[0].body, "{\"v\":1,\"name\":\"n2\"}");
    assert_int_equal(load(h, row.id).signals_n, 2);
}

/* Each piece is one row, whatever it is a row of. */
static void an_erased_session_keeps_none(void **state)
{
    struct help *h = *state;
    struct store_session a = kept_two(h, "a");
    struct store_session b = kept_two(h, "b");
    struct store_op erase = help_erase(&a, 1);
    struct store_op purge;
    int pieces = 0;

    assert_int_equal(help_run(h, &erase), ERR_NONE);
    assert_true(erase.erase.has_left);
    do {
        purge = (struct store_op){ .kind = STORE_PURGE, .purge = { .limit = 1 } };
        assert_int_equal(help_run(h, &purge), ERR_NONE);
        pieces++;
    } while (purge.purge.has_left);
    assert_true(pieces >= 4);
    assert_int_equal(load(h, b.id).signals_n, 2);
}

static void more_than_a_session_may_keep_are_refused(void **state)
{
    struct help *h = *state;
    struct store_session row = help_session(h, "a");
    const uint32_t seqs[STORE_SIGNALS_MAX + 1] = { 0 };
    struct tick t;

    help_next(h, &t, &row, 1);
    t.op.commit.signals_kept = seqs;
    t.op.commit.signals_kept_n = ARRAY_LEN(seqs);
    assert_int_equal(help_run(h, &t.op), ERR_LIMIT);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, help_setup, help_teardown)

int store_signal_cases(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_is_kept_is_there_until_it_is_taken),
        CASE(they_are_there_beside_long_texts),
        CASE(a_refused_tick_keeps_and_takes_nothing),
        CASE(a_copy_keeps_those_that_it_names),
        CASE(an_erased_session_keeps_none),
        CASE(more_than_a_session_may_keep_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
