/* sqlite_copy.c - a journal that somebody damaged is not copied, and nobody else suffers from it.
 */
#include <sqlite3.h>

#include "conformance/store_help.h"

static void a_journal_with_a_hole_is_not_copied(void **state)
{
    struct help *h = help_new("sqlite:");
    struct tick ticks[3], more;
    sqlite3 *db = NULL;

    (void)state;
    help_open(h, STORE_OPEN_READ_WRITE);
    struct store_session source = help_session(h, "a");

    help_next(h, &more, &source, 3);
    assert_int_equal(help_run(h, &more.op), ERR_NONE);
    assert_int_equal(sqlite3_open(h->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "DELETE FROM event WHERE seq = 2", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    for (unsigned i = 0; i < ARRAY_LEN(ticks); i++)
        help_create(h, &ticks[i], (const char *const[]){ "b", "c", "d" }[i], "x");
    ticks[1].op.commit.copy_of = source.key;
    ticks[1].op.commit.copy_n = 3;
    ticks[1].op.commit.row.seq = ticks[1].events[0].seq = 4;
    for (unsigned i = 0; i < ARRAY_LEN(ticks); i++)
        help_submit(h, &ticks[i].op); /* in one batch */
    help_wait(h);
    assert_int_equal(ticks[0].op.err.code, ERR_NONE);
    assert_int_equal(ticks[1].op.err.code, ERR_CORRUPT);
    assert_non_null(strstr(ticks[1].op.err.msg, "2 of its first 3 events"));
    assert_int_equal(ticks[2].op.err.code, ERR_NONE);
    help_check_journal(h, &ticks[0].op.commit.row);
    help_check_journal(h, &ticks[2].op.commit.row);
    struct store_op load = { .kind = STORE_LOAD, .load.id = SLICE_LIT("ses_c") };

    assert_int_equal(help_run(h, &load), ERR_NOT_FOUND);
    help_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_journal_with_a_hole_is_not_copied) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
