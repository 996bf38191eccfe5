/* sqlite_audit.c - the chain of who did what, when somebody writes to the file beside us. */
#include <sqlite3.h>

#include "conformance/store_help.h"

static int setup_open(void **state)
{
    struct help *h = help_new("sqlite:");

    *state = h;
    help_open(h, STORE_OPEN_READ_WRITE);
    return 0;
}

static void by_hand(struct help *h, const char *text)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(h->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static struct store_op key_op(struct help *h, const char *id)
{
    struct store_audit *row = arena_alloc(h->arena, sizeof(*row));

    *row = (struct store_audit){ .at_ms = 1,
                                 .actor = SLICE_LIT("open"),
                                 .action = audit_action_name(AUDIT_KEY_CREATE),
                                 .target = slice_of(id),
                                 .outcome = SLICE_LIT("done") };
    return (struct store_op){
        .kind = STORE_API_KEY_ADD, .api_key.row.id = slice_of(id), .audits = row, .audits_n = 1
    };
}

static void put(struct help *h, const char *id)
{
    struct store_op op = key_op(h, id);

    assert_int_equal(help_run(h, &op), ERR_NONE);
}

/* A pair of seq and fault for each row that is there. */
static void check(struct help *h, const char *expected)
{
    struct store_op op = { .kind = STORE_AUDIT,
                           .audit = { .is_oldest_first = 1, .limit = STORE_PAGE_MAX } };
    struct audit_link end = { 0 };
    char found[128] = "";

    assert_int_equal(help_run(h, &op), ERR_NONE);
    for (size_t i = 0; i < op.audit.rows_n; i++)
        (void)snprintf(found + strlen(found), sizeof(found) - strlen(found), "%d:%d ",
                       (int)op.audit.rows[i].seq, (int)audit_follow(&end, &op.audit.rows[i]));
    assert_string_equal(found, expected);
}

static void a_chain_goes_on_over_a_restart(void **state)
{
    struct help *h = *state;

    put(h, "a");
    put(h, "b");
    help_reopen(h);
    put(h, "c");
    check(h, "1:0 2:0 3:0 ");
}

/* The writer alone knows its last row: what is put behind it does not pass for one. */
static void a_row_that_somebody_appends_holds_nobody_up(void **state)
{
    struct help *h = *state;

    put(h, "a");
    by_hand(h, "INSERT INTO audit SELECT seq + 1, at_ms, tenant, 'k9', actor_name, address, action,"
               " target, call, request_hash, outcome, hash, 'ff' FROM audit WHERE seq = 1");
    put(h, "b");
    put(h, "c");
    check(h, "1:0 2:2 3:3 4:0 ");
}

/* The hash is of what is stored, not of a part of it. */
static void a_call_that_was_changed_is_seen(void **state)
{
    struct help *h = *state;

    put(h, "a");
    by_hand(h, "UPDATE audit SET call = call + 4294967296");
    check(h, "1:2 ");
}

/* No change without its row: with no number left for one, none is made. */
static void where_no_row_can_follow_nothing_is_written(void **state)
{
    struct help *h = *state;
    struct store_op op = key_op(h, "b");
    struct store_op keys = { .kind = STORE_API_KEYS, .api_keys.limit = STORE_PAGE_MAX };

    put(h, "a");
    by_hand(h, "INSERT INTO audit SELECT 2, at_ms, tenant, 'k9', actor_name, address, action,"
               " target, call, request_hash, outcome, hash, 'ff' FROM audit WHERE seq = 1;"
               "UPDATE audit SET seq = 9223372036854775807 WHERE seq = 2;"
               "INSERT INTO audit SELECT 2, at_ms, tenant, 'k9', actor_name, address, action,"
               " target, call, request_hash, outcome, hash, 'ff' FROM audit WHERE seq = 1");
    assert_int_equal(help_run(h, &op), ERR_CORRUPT);
    assert_int_equal(help_run(h, &keys), ERR_NONE);
    assert_int_equal(keys.api_keys.rows_n, 1);
}

static void a_tail_that_was_cut_is_missed(void **state)
{
    struct help *h = *state;

    put(h, "a");
    put(h, "b");
    put(h, "c");
    by_hand(h, "DELETE FROM audit WHERE seq > 1");
    put(h, "d");
    check(h, "1:0 4:1 ");
    help_reopen(h);
    by_hand(h, "DELETE FROM audit WHERE seq > 1");
    help_reopen(h);
    put(h, "e");
    check(h, "1:0 5:1 ");
}

/* One that fails for its own data spoils the transaction; what was before it is run again. */
static void what_is_rolled_back_leaves_no_gap(void **state)
{
    struct help *h = *state;
    struct store_op ops[3];

    by_hand(h, "CREATE TRIGGER no BEFORE INSERT ON api_key WHEN new.id = 'bad'"
               " BEGIN SELECT raise(ABORT, 'no'); END");
    ops[0] = key_op(h, "a");
    ops[1] = key_op(h, "bad");
    ops[2] = key_op(h, "c");
    for (size_t i = 0; i < ARRAY_LEN(ops); i++)
        help_submit(h, &ops[i]);
    help_wait(h);
    assert_int_equal(ops[0].err.code, ERR_NONE);
    assert_int_equal(ops[1].err.code, ERR_CORRUPT);
    assert_int_equal(ops[2].err.code, ERR_NONE);
    check(h, "1:0 2:0 ");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup_open, help_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_chain_goes_on_over_a_restart),  CASE(a_row_that_somebody_appends_holds_nobody_up),
        CASE(a_call_that_was_changed_is_seen), CASE(where_no_row_can_follow_nothing_is_written),
        CASE(a_tail_that_was_cut_is_missed),   CASE(what_is_rolled_back_leaves_no_gap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
