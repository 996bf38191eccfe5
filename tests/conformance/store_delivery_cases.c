/* store_delivery_cases.c - what store.h promises of what webhooks are told. */
#include "conformance/store_help.h"

static struct store_delivery told(const char *id, const char *webhook, int64_t next_at_ms)
{
    return (struct store_delivery){ .id = slice_of(id),
                                    .message_id = SLICE_LIT("msg_1"),
                                    .webhook = slice_of(webhook),
                                    .event = SLICE_LIT("session.completed"),
                                    .status = DELIVERY_PENDING,
                                    .next_at_ms = next_at_ms,
                                    .created_at_ms = next_at_ms,
                                    .body = SLICE_LIT("{\"type\":\"session.completed\"}") };
}

/* One tick of the session that tells these; *row is its row after it. */
static enum err_code put(struct help *h, struct store_session *row,
                         const struct store_delivery *deliveries, size_t n)
{
    struct tick t;

    help_next(h, &t, row, 1);
    t.op.commit.deliveries = deliveries;
    t.op.commit.deliveries_n = n;
    enum err_code code = help_run(h, &t.op);

    if (code == ERR_NONE)
        *row = help_load(h, row->id, 0).row;
    return code;
}

static struct store_op one(struct help *h, const char *id)
{
    struct store_op op = { .kind = STORE_DELIVERY, .delivery.id = slice_of(id) };

    (void)help_run(h, &op);
    return op;
}

static struct store_op page(struct help *h, struct store_deliveries in)
{
    struct store_op op = { .kind = STORE_DELIVERIES, .deliveries = in };

    if (!op.deliveries.tenant.ptr)
        op.deliveries.tenant = SLICE_LIT("acme");
    assert_int_equal(help_run(h, &op), ERR_NONE);
    return op;
}

static struct store_op due(struct help *h, const char *webhook, uint32_t limit)
{
    struct store_op op = { .kind = STORE_DELIVERY_DUE,
                           .deliveries = { .webhook = slice_of(webhook), .limit = limit } };

    assert_int_equal(help_run(h, &op), ERR_NONE);
    return op;
}

static enum err_code set(struct help *h, struct store_delivery row, uint32_t attempts_was,
                         int is_anew)
{
    struct store_op op = { .kind = STORE_DELIVERY_SET,
                           .delivery_set = {
                               .row = row, .attempts_was = attempts_was, .is_anew = is_anew } };

    return help_run(h, &op);
}

static void a_row_is_there_as_it_was_put(void **state)
{
    struct help *h = *state;
    struct store_session row = help_session(h, "a");
    struct store_delivery given = told("dlv_1", "ops", 1000);

    assert_int_equal(put(h, &row, &given, 1), ERR_NONE);
    struct store_delivery got = one(h, "dlv_1").delivery;

    assert_true(got.key > 0);
    assert_slice(got.id, "dlv_1");
    assert_slice(got.message_id, "msg_1");
    assert_slice(got.webhook, "ops");
    assert_slice(got.event, "session.completed");
    assert_slice(got.session, "ses_a");
    assert_slice(got.tenant, "acme");
    assert_int_equal(got.status, DELIVERY_PENDING);
    assert_int_equal(got.attempts, 0);
    assert_int_equal(got.next_at_ms, 1000);
    assert_int_equal(got.created_at_ms, 1000);
    assert_int_equal(got.delivered_at_ms, 0);
    assert_int_equal(got.last_status, 0);
    assert_slice(got.last_error, "");
    assert_slice(got.body, "{\"type\":\"session.completed\"}");
    assert_int_equal(one(h, "dlv_2").err.code, ERR_NOT_FOUND);
}

static void a_refused_tick_tells_nobody(void **state)
{
    struct help *h = *state;
    struct store_session row = help_session(h, "a");
    struct store_session stale = row;
    struct store_delivery given[] = { told("dlv_1", "ops", 1000), told("dlv_2", "ops", 1000) };

    assert_int_equal(put(h, &row, &given[0], 1), ERR_NONE);
    assert_int_equal(put(h, &stale, &given[1], 1), ERR_CONFLICT);
    assert_int_equal(one(h, "dlv_2").err.code, ERR_NOT_FOUND);
}

static void what_is_due_comes_by_time(void **state)
{
    struct help *h = *state;
    struct store_session row = help_session(h, "a");
    struct store_delivery given[] = { told("dlv_1", "ops", 3000), told("dlv_2", "ops", 1000),
                                      told("dlv_3", "chat", 500), told("dlv_4", "ops", 1000) };

    assert_int_equal(put(h, &row, given, ARRAY_LEN(given)), ERR_NONE);
    struct store_deliveries got = due(h, "ops", 2).deliveries;

    assert_int_equal(got.rows_n, 2);
    assert_true(got.has_more);
    assert_slice(got.rows[0].id, "dlv_2");
    assert_slice(got.rows[1].id, "dlv_4");
    got = due(h, "ops", 10).deliveries;
    assert_int_equal(got.rows_n, 3);
    assert_false(got.has_more);
    assert_slice(got.rows[2].id, "dlv_1");
    assert_int_equal(due(h, "nobody", 10).deliveries.rows_n, 0);
}

static void an_attempt_is_recorded_once(void **state)
{
    struct help *h = *state;
    struct store_session row = help_session(h, "a");
    struct store_delivery given = told("dlv_1", "ops", 1000);

    assert_int_equal(put(h, &row, &given, 1), ERR_NONE);
    struct store_delivery failed = { .key = one(h, "dlv_1").delivery.key,
                                     .status = DELIVERY_PENDING,
                                     .attempts = 1,
                                     .next_at_ms = 6000,
                                     .last_status = 500,
                                     .last_error = SLICE_LIT("status 500") };
    struct store_delivery taken = { .key = failed.key,
                                    .status = DELIVERY_DELIVERED,
                                    .attempts = 2,
                                    .next_at_ms = 6000,
                                    .delivered_at_ms = 6100,
                                    .last_status = 204 };

    assert_int_equal(set(h, failed, 0, 0), ERR_NONE);
    assert_int_equal(set(h, failed, 0, 0), ERR_CONFLICT);
    struct store_delivery got = one(h, "dlv_1").delivery;

    assert_int_equal(got.attempts, 1);
    assert_int_equal(got.next_at_ms, 6000);
    assert_int_equal(got.last_status, 500);
    assert_slice(got.last_error, "status 500");
    assert_slice(got.body, "{\"type\":\"session.completed\"}");
    assert_int_equal(set(h, taken, 1, 0), ERR_NONE);
    assert_int_equal(set(h, taken, 2, 0), ERR_CONFLICT); /* it is pending no more */
    assert_int_equal(one(h, "dlv_1").delivery.delivered_at_ms, 6100);
    assert_slice(one(h, "dlv_1").delivery.last_error, "");
    assert_int_equal(due(h, "ops", 10).deliveries.rows_n, 0);
    taken.key = 99;
    assert_int_equal(set(h, taken, 1, 1), ERR_NOT_FOUND);
}

static void one_begins_anew_whatever_it_was(void **state)
{
    struct help *h = *state;
    struct store_session row = help_session(h, "a");
    struct store_delivery given = told("dlv_1", "ops", 1000);

    assert_int_equal(put(h, &row, &given, 1), ERR_NONE);
    struct store_delivery now = { .key = one(h, "dlv_1").delivery.key,
                                  .status = DELIVERY_FAILED,
                                  .attempts = 10 };

    assert_int_equal(set(h, now, 0, 0), ERR_NONE);
    assert_int_equal(due(h, "ops", 10).deliveries.rows_n, 0);
    now.status = DELIVERY_PENDING;
    now.attempts = 0;
    now.next_at_ms = 9000;
    assert_int_equal(set(h, now, 0, 1), ERR_NONE);
    assert_int_equal(due(h, "ops", 10).deliveries.rows_n, 1);
    now.next_at_ms = 99000; /* it has begun anew: once more is no change */
    assert_int_equal(set(h, now, 0, 1), ERR_NONE);
    assert_int_equal(one(h, "dlv_1").delivery.next_at_ms, 9000);
}

static void a_list_goes_back_from_the_newest(void **state)
{
    struct help *h = *state;
    struct store_session row = help_session(h, "a");
    struct store_delivery given[] = { told("dlv_1", "ops", 1), told("dlv_2", "chat", 1),
                                      told("dlv_3", "ops", 1), told("dlv_4", "ops", 1) };

    assert_int_equal(put(h, &row, given, ARRAY_LEN(given)), ERR_NONE);
    struct store_delivery failed = { .key = one(h, "dlv_3").delivery.key,
                                     .status = DELIVERY_FAILED };

    assert_int_equal(set(h, failed, 0, 0), ERR_NONE);
    const struct store_deliveries all = { .status = DELIVERY_STATUS_COUNT, .limit = 3 };
    struct store_deliveries got = page(h, all).deliveries;

    assert_int_equal(got.rows_n, 3);
    assert_true(got.has_more);
    assert_slice(got.rows[0].id, "dlv_4");
    assert_slice(got.rows[2].id, "dlv_2");
    struct store_deliveries rest = all;

    rest.before_key = got.last_key;
    got = page(h, rest).deliveries;
    assert_int_equal(got.rows_n, 1);
    assert_false(got.has_more);
    struct store_deliveries some = { .webhook = SLICE_LIT("ops"),
                                     .status = DELIVERY_PENDING,
                                     .limit = 10 };

    got = page(h, some).deliveries;
    assert_int_equal(got.rows_n, 2);
    assert_slice(got.rows[1].id, "dlv_1");
    some.tenant = SLICE_LIT("other");
    assert_int_equal(page(h, some).deliveries.rows_n, 0);
}

static void an_erased_session_leaves_none(void **state)
{
    struct help *h = *state;
    struct store_session a = help_session(h, "a");
    struct store_session b = help_session(h, "b");
    struct store_delivery of_a = told("dlv_1", "ops", 1000);
    struct store_delivery of_b = told("dlv_2", "ops", 2000);

    assert_int_equal(put(h, &a, &of_a, 1), ERR_NONE);
    assert_int_equal(put(h, &b, &of_b, 1), ERR_NONE);
    int64_t key = one(h, "dlv_1").delivery.key;
    struct store_op erase = {
        .kind = STORE_ERASE, /* its rows are still to be purged: nobody sees them all the same */
        .erase = { .session = a.key, .version = a.version, .at_ms = 77, .limit = 0 }
    };
    struct store_op purge = { .kind = STORE_PURGE, .purge.limit = 100 };
    const struct store_deliveries all = { .status = DELIVERY_STATUS_COUNT, .limit = 10 };

    assert_int_equal(help_run(h, &erase), ERR_NONE);
    assert_int_equal(page(h, all).deliveries.rows_n, 1);
    assert_int_equal(due(h, "ops", 10).deliveries.rows_n, 1);
    assert_int_equal(one(h, "dlv_1").err.code, ERR_NOT_FOUND);
    assert_int_equal(help_run(h, &purge), ERR_NONE);
    assert_int_equal(set(h, (struct store_delivery){ .key = key }, 0, 1), ERR_NOT_FOUND);
    assert_int_equal(one(h, "dlv_2").err.code, ERR_NONE);
}

static void old_ones_are_forgotten_in_pieces(void **state)
{
    struct help *h = *state;
    struct store_session row = help_session(h, "a");
    struct store_delivery given[] = { told("dlv_1", "ops", 1), told("dlv_2", "ops", 2),
                                      told("dlv_3", "ops", 3), told("dlv_4", "ops", 400) };
    struct store_op sweep = { .kind = STORE_DELIVERY_SWEEP,
                              .delivery_sweep = { .before_ms = 400, .limit = 2 } };
    const struct store_deliveries all = { .status = DELIVERY_STATUS_COUNT, .limit = 10 };

    assert_int_equal(put(h, &row, given, ARRAY_LEN(given)), ERR_NONE);
    assert_int_equal(help_run(h, &sweep), ERR_NONE);
    assert_true(sweep.delivery_sweep.has_left);
    assert_int_equal(page(h, all).deliveries.rows_n, 2);
    assert_int_equal(help_run(h, &sweep), ERR_NONE);
    assert_false(sweep.delivery_sweep.has_left);
    assert_int_equal(page(h, all).deliveries.rows_n, 1);
    assert_int_equal(one(h, "dlv_4").err.code, ERR_NONE);
}

static void a_body_that_is_too_large_is_refused(void **state)
{
    struct help *h = *state;
    struct store_session row = help_session(h, "a");
    struct store_delivery given = told("dlv_1", "ops", 1);

    given.body = (struct slice){ arena_alloc(h->arena, STORE_DELIVERY_BODY_MAX + 1),
                                 STORE_DELIVERY_BODY_MAX + 1 };
    assert_int_equal(put(h, &row, &given, 1), ERR_LIMIT);
    assert_int_equal(one(h, "dlv_1").err.code, ERR_NOT_FOUND);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, help_setup, help_teardown)

int store_delivery_cases(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_row_is_there_as_it_was_put),        CASE(a_refused_tick_tells_nobody),
        CASE(what_is_due_comes_by_time),           CASE(an_attempt_is_recorded_once),
        CASE(one_begins_anew_whatever_it_was),     CASE(a_list_goes_back_from_the_newest),
        CASE(an_erased_session_leaves_none),       CASE(old_ones_are_forgotten_in_pieces),
        CASE(a_body_that_is_too_large_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
