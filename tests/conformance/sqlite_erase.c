/* sqlite_erase.c - what an erasure leaves in the file of a store. */
#include "conformance/store_help.h"

static int file_holds(const char *path, const char *text)
{
    FILE *file = fopen(path, "r");
    struct buf bytes = { .max = 1 << 24 };
    char piece[4096];
    size_t n;

    assert_non_null(file);
    while ((n = fread(piece, 1, sizeof(piece), file)) > 0)
        buf_put(&bytes, (struct slice){ piece, n });
    assert_int_equal(fclose(file), 0);
    int holds = memmem(buf_cstr(&bytes), bytes.len, text, strlen(text)) != NULL;

    buf_release(&bytes);
    return holds;
}

/* ---- opening ---- */

static int setup_closed(void **state)
{
    *state = help_new("sqlite:");
    return 0;
}

/* Neither the file nor its log, which ends with the last process, holds a text that was erased. */
static void an_erased_text_is_not_in_the_file(void **state)
{
    static const char secret[] = "very-secret-text";
    struct help *h = *state;
    struct tick t;

    help_open(h, STORE_OPEN_READ_WRITE);
    (void)help_session(h, "before");
    help_create(h, &t, "a", secret);
    t.op.commit.row.metadata = SLICE_LIT("{\"m\":\"very-secret-text\"}");
    assert_int_equal(help_run(h, &t.op), ERR_NONE);
    struct store_op erase = help_erase(&t.op.commit.row, STORE_PURGE_MAX);

    (void)help_session(h, "after");
    help_close(h);
    assert_true(file_holds(h->path, secret));
    help_open(h, STORE_OPEN_READ_WRITE);
    assert_int_equal(help_run(h, &erase), ERR_NONE);
    help_close(h);
    assert_false(file_holds(h->path, secret));
}

static struct store_session session_with_bodies(struct help *h, const char *name, size_t n,
                                                size_t bytes)
{
    struct store_session row = help_session(h, name);
    struct buf body = { .max = bytes + 128 };
    struct tick t;

    buf_puts(&body, "{\"secret\":\"very-secret-text\",\"x\":\"");
    while (body.len < bytes)
        buf_puts(&body, "xxxxxxxx");
    buf_puts(&body, "\"}");
    for (size_t i = 0; i < n; i++) {
        help_next(h, &t, &row, 1);
        t.events[0].body = buf_slice(&body);
        assert_int_equal(help_run(h, &t.op), ERR_NONE);
        row = help_load(h, row.id, 0).row;
    }
    buf_release(&body);
    return row;
}

/* A piece has a size, too: it is not a thousand bodies of 16 MiB. The rest is known to the file. */
static void what_is_left_of_an_erasure_goes_on_after_a_restart(void **state)
{
    struct help *h = *state;
    struct store_op purge = { .kind = STORE_PURGE, .purge.limit = STORE_PURGE_MAX };
    unsigned pieces = 0;

    help_open(h, STORE_OPEN_READ_WRITE);
    struct store_session row = session_with_bodies(h, "a", 10, (size_t)300 * 1024);
    struct store_op erase = help_erase(&row, STORE_PURGE_MAX);

    assert_int_equal(help_run(h, &erase), ERR_NONE);
    assert_true(erase.erase.has_left);
    do {
        help_reopen(h);
        assert_int_equal(help_run(h, &purge), ERR_NONE);
        pieces++;
    } while (purge.purge.has_left);
    assert_in_range(pieces, 4, 5); /* two bodies at a time */
    help_close(h);
    assert_false(file_holds(h->path, "very-secret-text"));
}

/* That size is of all sessions together. */
static void many_large_ones_go_in_pieces_too(void **state)
{
    static const char *const names[] = { "a", "b", "c", "d", "e", "f" };
    struct help *h = *state;
    struct store_op purge = { .kind = STORE_PURGE, .purge.limit = STORE_PURGE_MAX };
    unsigned pieces = 0;

    help_open(h, STORE_OPEN_READ_WRITE);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct store_session row = session_with_bodies(h, names[i], 1, (size_t)300 * 1024);
        struct store_op erase = help_erase(&row, 0);

        assert_int_equal(help_run(h, &erase), ERR_NONE);
        assert_true(erase.erase.has_left);
    }
    do {
        assert_int_equal(help_run(h, &purge), ERR_NONE);
        pieces++;
    } while (purge.purge.has_left);
    assert_in_range(pieces, 3, 4); /* two bodies at a time */
    help_close(h);
    assert_false(file_holds(h->path, "very-secret-text"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup_closed, help_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_erased_text_is_not_in_the_file),
        CASE(what_is_left_of_an_erasure_goes_on_after_a_restart),
        CASE(many_large_ones_go_in_pieces_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
