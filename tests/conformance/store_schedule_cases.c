/* store_schedule_cases.c - what store.h promises of schedules. */
#include "conformance/store_help.h"

static void set(struct help *h, const char *name, const char *spec, int64_t next_at_ms)
{
    struct store_op op = {
        .kind = STORE_SCHEDULE_SET,
        .schedule.row = { .name = slice_of(name), .spec = slice_of(spec), .next_at_ms = next_at_ms }
    };

    assert_int_equal(help_run(h, &op), ERR_NONE);
}

static void remove_row(struct help *h, const char *name)
{
    struct store_op op = { .kind = STORE_SCHEDULE_SET,
                           .schedule = { .is_gone = 1, .row.name = slice_of(name) } };

    assert_int_equal(help_run(h, &op), ERR_NONE);
}

static struct store_op page(struct help *h, const char *after, uint32_t limit)
{
    struct store_op op = { .kind = STORE_SCHEDULES,
                           .schedules = { .after = slice_of(after), .limit = limit } };

    assert_int_equal(help_run(h, &op), ERR_NONE);
    return op;
}

/* A creation of the session "ses_NAME" that the schedule is due for. */
static struct store_op fire(struct help *h, const char *session, const char *schedule,
                            int64_t at_ms, int64_t next_at_ms)
{
    struct tick t;

    help_create(h, &t, session, "x");
    t.op.commit.firing = (struct store_firing){ .schedule = slice_of(schedule),
                                                .at_ms = at_ms,
                                                .next_at_ms = next_at_ms };
    (void)help_run(h, &t.op);
    return t.op;
}

static void check_row(const struct store_schedule *row, const char *name, int64_t next_at_ms,
                      int64_t last_at_ms, const char *last_session)
{
    assert_slice(row->name, name);
    assert_int_equal(row->next_at_ms, next_at_ms);
    assert_int_equal(row->last_at_ms, last_at_ms);
    assert_slice(row->last_session, last_session);
}

static void a_row_is_there_as_it_was_set(void **state)
{
    struct help *h = *state;

    assert_int_equal(page(h, "", 10).schedules.rows_n, 0);
    set(h, "nightly", "0 3 * * *", 5000);
    struct store_op op = page(h, "", 10);

    assert_int_equal(op.schedules.rows_n, 1);
    assert_false(op.schedules.has_more);
    assert_slice(op.schedules.rows[0].spec, "0 3 * * *");
    check_row(&op.schedules.rows[0], "nightly", 5000, 0, "");
}

static void a_creation_moves_its_schedule_on(void **state)
{
    struct help *h = *state;

    set(h, "nightly", "0 3 * * *", 5000);
    assert_int_equal(fire(h, "a", "nightly", 5000, 9000).err.code, ERR_NONE);
    (void)help_load(h, SLICE_LIT("ses_a"), 0);
    struct store_op op = page(h, "", 10);

    check_row(&op.schedules.rows[0], "nightly", 9000, 5000, "ses_a");
    set(h, "nightly", "0 4 * * *", 7000); /* other times: what it did stays */
    op = page(h, "", 10);
    assert_slice(op.schedules.rows[0].spec, "0 4 * * *");
    check_row(&op.schedules.rows[0], "nightly", 7000, 5000, "ses_a");
}

static void one_time_has_one_session(void **state)
{
    struct help *h = *state;
    struct store_op load = { .kind = STORE_LOAD, .load.id = SLICE_LIT("ses_b") };

    set(h, "nightly", "0 3 * * *", 5000);
    assert_int_equal(fire(h, "a", "nightly", 5000, 9000).err.code, ERR_NONE);
    for (int64_t at_ms = 4000; at_ms <= 5000; at_ms += 1000) { /* again, and an earlier one */
        struct store_op op = fire(h, "b", "nightly", at_ms, 9999);

        assert_int_equal(op.err.code, ERR_CONFLICT);
        assert_true(op.commit.is_replay);
        assert_slice(op.commit.replay, "ses_a");
        assert_int_equal(help_run(h, &load), ERR_NOT_FOUND);
    }
    struct store_op op = page(h, "", 10);

    check_row(&op.schedules.rows[0], "nightly", 9000, 5000, "ses_a");
    assert_int_equal(fire(h, "b", "nightly", 9000, 0).err.code, ERR_NONE);
    op = page(h, "", 10);
    check_row(&op.schedules.rows[0], "nightly", 0, 9000, "ses_b");
}

static void another_schedule_is_another(void **state)
{
    struct help *h = *state;

    set(h, "a", "x", 5000);
    set(h, "b", "x", 5000);
    assert_int_equal(fire(h, "a", "a", 5000, 9000).err.code, ERR_NONE);
    assert_int_equal(fire(h, "b", "b", 5000, 9000).err.code, ERR_NONE);
}

/* Somebody has taken it out of the file: what it begins is begun all the same, and once. */
static void a_row_that_is_gone_is_made_again(void **state)
{
    struct help *h = *state;

    assert_int_equal(fire(h, "a", "nightly", 5000, 9000).err.code, ERR_NONE);
    assert_int_equal(fire(h, "b", "nightly", 5000, 9000).err.code, ERR_CONFLICT);
    struct store_op op = page(h, "", 10);

    assert_int_equal(op.schedules.rows_n, 1);
    assert_slice(op.schedules.rows[0].spec, "");
    check_row(&op.schedules.rows[0], "nightly", 9000, 5000, "ses_a");
}

static void a_creation_that_is_refused_moves_nothing(void **state)
{
    struct help *h = *state;

    (void)help_session(h, "a");
    set(h, "nightly", "0 3 * * *", 5000);
    struct store_op op = fire(h, "a", "nightly", 5000, 9000); /* that id is taken */

    assert_int_equal(op.err.code, ERR_CONFLICT);
    assert_false(op.commit.is_replay);
    op = page(h, "", 10);
    check_row(&op.schedules.rows[0], "nightly", 5000, 0, "");
}

static void rows_come_in_pages_by_name_and_go(void **state)
{
    struct help *h = *state;

    set(h, "c", "x", 1);
    set(h, "a", "x", 2);
    set(h, "ab", "x", 3);
    struct store_op op = page(h, "", 2);

    assert_int_equal(op.schedules.rows_n, 2);
    assert_true(op.schedules.has_more);
    assert_slice(op.schedules.rows[0].name, "a");
    assert_slice(op.schedules.rows[1].name, "ab");
    op = page(h, "ab", 2);
    assert_int_equal(op.schedules.rows_n, 1);
    assert_false(op.schedules.has_more);
    assert_slice(op.schedules.rows[0].name, "c");
    remove_row(h, "ab");
    remove_row(h, "nobody");
    op = page(h, "", 10);
    assert_int_equal(op.schedules.rows_n, 2);
    assert_slice(op.schedules.rows[1].name, "c");
}

static void what_is_too_long_is_refused(void **state)
{
    struct help *h = *state;
    char text[STORE_NAME_MAX + 1];
    struct store_op op = { .kind = STORE_SCHEDULE_SET };

    memset(text, 'x', sizeof(text));
    op.schedule.row.name = (struct slice){ text, sizeof(text) };
    assert_int_equal(help_run(h, &op), ERR_LIMIT);
    op.schedule.row =
        (struct store_schedule){ .name = SLICE_LIT("a"), .spec = { text, sizeof(text) } };
    assert_int_equal(help_run(h, &op), ERR_LIMIT);
    assert_int_equal(page(h, "", 10).schedules.rows_n, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, help_setup, help_teardown)

int store_schedule_cases(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_row_is_there_as_it_was_set),      CASE(a_creation_moves_its_schedule_on),
        CASE(one_time_has_one_session),          CASE(another_schedule_is_another),
        CASE(a_row_that_is_gone_is_made_again),  CASE(a_creation_that_is_refused_moves_nothing),
        CASE(rows_come_in_pages_by_name_and_go), CASE(what_is_too_long_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
