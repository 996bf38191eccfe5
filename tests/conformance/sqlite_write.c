/* sqlite_write.c - the writer's statements by themselves: what they cost, what they say. */
#include "store/sqlite_write.h"

#include "conformance/store_help.h"
#include "store/sqlite_commit.h"

/* A writer on the file of a store that is closed, with a transaction open. */
static void begin(struct help *h, struct write *w)
{
    struct write_outcome o = { 0 };
    struct err err = { 0 };

    help_close(h);
    assert_int_equal(sqlite_db_open(&w->db, h->path, SQLITE_DB_READ_WRITE, &err), ERR_NONE);
    assert_int_equal(write_prepare(w, &err), ERR_NONE);
    assert_int_equal(write_run(w, ST_BEGIN, &o), GO_ON);
}

static void end(struct write *w)
{
    struct write_outcome o = { 0 };

    assert_int_equal(write_run(w, ST_COMMIT, &o), GO_ON);
    write_close(w);
}

static int64_t number(struct write *w, const char *sql)
{
    struct err err = { 0 };
    int64_t value = -1;

    assert_int_equal(sqlite_db_int(w->db, sql, &value, &err), ERR_NONE);
    return value;
}

static int setup_open(void **state)
{
    struct help *h = help_new("sqlite:");

    *state = h;
    help_open(h, STORE_OPEN_READ_WRITE);
    return 0;
}

/* A session with n blobs, each of its own and of one piece. */
static struct store_session session_with_blobs(struct help *h, const char *name, unsigned n)
{
    struct store_session row = help_session(h, name);
    struct tick t;

    for (unsigned i = 0; i < n; i++) {
        struct slice data = help_text(h, "%s prints %u", name, i);

        help_next(h, &t, &row, 1);
        t.events[0].blob = (struct store_blob){
            .hash = help_text(h, "%s-%u", name, i), .bytes = data.len, .call = 1, .data = data
        };
        assert_int_equal(help_run(h, &t.op), ERR_NONE);
        row = t.op.commit.row;
    }
    return row;
}

/* However much others have printed: a purge looks at what was erased, and never again at what has
 * gone. */
static void a_purge_walks_through_what_was_erased_only(void **state)
{
    struct help *h = *state;
    struct store_op purge = { .kind = STORE_PURGE, .purge.limit = STORE_PURGE_MAX };
    struct write w = { 0 };

    (void)session_with_blobs(h, "stays", 40);
    struct store_session row = session_with_blobs(h, "goes", 5);
    struct store_op erase = help_erase(&row, STORE_PURGE_MAX);

    begin(h, &w);
    for (int left = 3; left > -3; left -= 2) { /* two pieces at once */
        struct write_outcome o = { 0 };

        assert_int_equal(write_op(&w, left == 3 ? &erase : &purge, &o), GO_ON);
        assert_int_equal(number(&w, "SELECT count(*) FROM erased_blob"), left > 0 ? left : 0);
        assert_int_equal(number(&w, "SELECT count(*) FROM blob_piece"), 40 + (left > 0 ? left : 0));
        assert_int_equal(o.has_left, left > 0);
        assert_in_range(sqlite3_stmt_status(w.st[ST_BLOB_PIECES_DELETE],
                                            SQLITE_STMTSTATUS_FULLSCAN_STEP, 1),
                        0, 5);
    }
    assert_int_equal(number(&w, "SELECT count(*) FROM blob"), 40);
    end(&w);
}

static void a_statement_that_failed_counts_nothing(void **state)
{
    struct help *h = *state;
    struct write_outcome o = { 0 };
    struct write w = { 0 };
    struct err err = { 0 };
    int changed = 42;

    begin(h, &w);
    assert_int_equal(sqlite_db_exec(w.db, "PRAGMA query_only = ON", "test", &err), ERR_NONE);
    assert_int_equal(write_run_counted(&w, ST_SWEEP, &changed, &o), FAILED);
    assert_int_equal(changed, 42);
    end(&w);
}

/* What a batch is bounded by. */
static void what_people_are_asked_counts(void **state)
{
    struct store_approval approvals[] = { { .body = { "", 1000 } }, { .body = { "", 3000 } } };
    struct store_op op = { .kind = STORE_COMMIT, .commit.approvals = approvals };
    size_t without = sqlite_op_bytes(&op);

    (void)state;
    op.commit.approvals_n = ARRAY_LEN(approvals);
    assert_true(sqlite_op_bytes(&op) >= without + 4000);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup_open, help_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_purge_walks_through_what_was_erased_only),
        CASE(a_statement_that_failed_counts_nothing),
        cmocka_unit_test(what_people_are_asked_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
