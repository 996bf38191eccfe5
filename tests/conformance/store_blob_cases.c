/* store_blob_cases.c - what store.h promises of outputs that are kept beside their events. */
#include "base/hash.h"
#include "conformance/store_help.h"

enum { LARGE_BYTES = 700 * 1000, CALL = 7 };

static struct slice large(struct help *h, char with)
{
    char *data = arena_alloc(h->arena, LARGE_BYTES);

    for (size_t i = 0; i < LARGE_BYTES; i++)
        data[i] = (char)(i % 251);
    data[LARGE_BYTES / 2] = with;
    return (struct slice){ data, LARGE_BYTES };
}

static struct store_blob blob_of(struct help *h, struct slice data)
{
    struct sha256 hash = sha256_of(data);
    char text[SHA256_TEXT_MAX];

    return (struct store_blob){ .hash = help_text(h, "%s", sha256_text(text, &hash)),
                                .bytes = data.len,
                                .call = CALL,
                                .data = data };
}

/* A session whose second event names the blob. */
static struct store_session session_with(struct help *h, const char *name, struct store_blob blob)
{
    struct store_session row = help_session(h, name);
    struct tick t;

    help_next(h, &t, &row, 1);
    t.events[0].blob = blob;
    if (help_run(h, &t.op))
        fail_msg("a tick with a blob: %s", t.op.err.msg);
    return t.op.commit.row;
}

static struct store_op read_of(const struct store_session *row, uint64_t offset, uint32_t length)
{
    return (struct store_op){
        .kind = STORE_BLOB,
        .blob = { .session = row->key, .call = CALL, .offset = offset, .length = length }
    };
}

static void check_stretch(struct help *h, const struct store_session *row, struct slice data,
                          uint64_t offset, uint32_t length)
{
    struct store_op op = read_of(row, offset, length);
    uint64_t from = offset < data.len ? offset : data.len;
    uint64_t left = data.len - from;

    assert_int_equal(help_run(h, &op), ERR_NONE);
    assert_int_equal(op.blob.bytes, data.len);
    assert_int_equal(op.blob.data.len, left < length ? left : length);
    assert_memory_equal(op.blob.data.ptr, data.ptr + from, op.blob.data.len);
}

static void a_blob_is_read_in_any_stretch(void **state)
{
    struct help *h = *state;
    struct slice data = large(h, 1);
    struct store_blob blob = blob_of(h, data);
    struct store_session row = session_with(h, "a", blob);
    struct store_op op = read_of(&row, 0, 1);
    static const uint64_t offsets[] = { 0,      1,      262143, 262144, 262145,   524288,
                                        699999, 700000, 700001, 786432, INT32_MAX };

    assert_int_equal(help_run(h, &op), ERR_NONE);
    assert_true(slice_equal(op.blob.hash, blob.hash));
    for (size_t i = 0; i < ARRAY_LEN(offsets); i++) {
        check_stretch(h, &row, data, offsets[i], 1);
        check_stretch(h, &row, data, offsets[i], 2);
        check_stretch(h, &row, data, offsets[i], 262144);
        check_stretch(h, &row, data, offsets[i], STORE_BLOB_READ_MAX);
    }
}

static void only_who_names_it_reads_it(void **state)
{
    struct help *h = *state;
    struct store_session row = session_with(h, "a", blob_of(h, large(h, 1)));
    struct store_session other = help_session(h, "b");
    struct store_op op = read_of(&other, 0, 10);

    assert_int_equal(help_run(h, &op), ERR_NOT_FOUND);
    op = read_of(&row, 0, 10);
    op.blob.call = CALL + 1;
    assert_int_equal(help_run(h, &op), ERR_NOT_FOUND);
    op.blob.session = 4711;
    assert_int_equal(help_run(h, &op), ERR_NOT_FOUND);
}

static void a_refused_tick_leaves_no_blob(void **state)
{
    struct help *h = *state;
    struct store_session row = help_session(h, "a");
    struct store_blob blob = blob_of(h, large(h, 1));
    struct tick t;

    help_next(h, &t, &row, 1);
    t.events[0].blob = blob;
    t.op.commit.row.version++;
    assert_int_equal(help_run(h, &t.op), ERR_CONFLICT);
    help_next(h, &t, &row, 1);
    t.events[0].blob = blob;
    t.events[0].blob.data = (struct slice){ 0 };
    assert_int_equal(help_run(h, &t.op), ERR_NOT_FOUND); /* nobody has stored it */
    help_check_journal(h, &row);
}

/* As a fork does it: what was read of one journal is committed to another. */
static void copied_events_name_the_same_blob(void **state)
{
    struct help *h = *state;
    struct slice data = large(h, 1);
    struct store_session row = session_with(h, "a", blob_of(h, data));
    struct store_session copy = help_session(h, "b");
    struct store_op events = {
        .kind = STORE_EVENTS,
        .events = { .session = row.key, .after = 1, .limit = 10, .what = STORE_EVENTS_ALL }
    };
    struct tick t;

    assert_int_equal(help_run(h, &events), ERR_NONE);
    assert_int_equal(events.events.events_n, 1);
    assert_int_equal(events.events.events[0].blob.bytes, data.len);
    assert_int_equal(events.events.events[0].blob.call, CALL);
    help_next(h, &t, &copy, 1);
    t.events[0] = events.events.events[0];
    assert_int_equal(help_run(h, &t.op), ERR_NONE);
    check_stretch(h, &copy, data, 262000, 1000);
    events.events.what = STORE_EVENTS_BODIES;
    assert_int_equal(help_run(h, &events), ERR_NONE);
    assert_int_equal(events.events.events[0].blob.hash.len, 0);
}

static void erase(struct help *h, const struct store_session *row)
{
    struct store_op op = help_erase(row, 100);

    assert_int_equal(help_run(h, &op), ERR_NONE);
}

static int is_stored(struct help *h, struct store_session *row, struct store_blob blob)
{
    struct tick t;

    blob.data = (struct slice){ 0 };
    blob.call = row->seq + 100;
    help_next(h, &t, row, 1);
    t.events[0].blob = blob;
    if (help_run(h, &t.op) == ERR_NOT_FOUND)
        return 0;
    assert_int_equal(t.op.err.code, ERR_NONE);
    *row = t.op.commit.row;
    return 1;
}

static void a_blob_goes_with_the_last_that_names_it(void **state)
{
    struct help *h = *state;
    struct slice shared = large(h, 1);
    struct store_blob own = blob_of(h, large(h, 2));
    struct store_session a = session_with(h, "a", blob_of(h, shared));
    struct store_session b = session_with(h, "b", blob_of(h, shared));
    struct store_session c = session_with(h, "c", own);
    struct store_session last = help_session(h, "d");
    struct store_op op;

    erase(h, &a);
    op = read_of(&a, 0, 1);
    assert_int_equal(help_run(h, &op), ERR_NOT_FOUND);
    check_stretch(h, &b, shared, 0, STORE_BLOB_READ_MAX);
    erase(h, &b);
    assert_false(is_stored(h, &last, blob_of(h, shared)));
    assert_true(is_stored(h, &last, own));
    erase(h, &c);
    assert_true(is_stored(h, &last, own));
    erase(h, &last); /* it named it twice */
    last = help_session(h, "e");
    assert_false(is_stored(h, &last, own));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, help_setup, help_teardown)

int store_blob_cases(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_blob_is_read_in_any_stretch),           CASE(only_who_names_it_reads_it),
        CASE(a_refused_tick_leaves_no_blob),           CASE(copied_events_name_the_same_blob),
        CASE(a_blob_goes_with_the_last_that_names_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
