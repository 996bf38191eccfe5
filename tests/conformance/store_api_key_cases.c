/* store_api_key_cases.c - what store.h promises of the API's keys. */
#include "conformance/store_help.h"

static struct store_op key_op(const char *id)
{
    return (struct store_op){
        .kind = STORE_API_KEY_ADD,
        .api_key.row = { .id = slice_of(id),
                         .secret_hash = SLICE_LIT("00ff"),
                         .name = SLICE_LIT("Anna \xc3\x84"),
                         .roles = SLICE_LIT("approve,finance"),
                         .tenant = SLICE_LIT("acme"),
                         .created_at_ms = 1001,
                         .created_by = SLICE_LIT("boss") },
    };
}

static enum err_code add(struct help *h, const char *id)
{
    struct store_op op = key_op(id);

    return help_run(h, &op);
}

static enum err_code end_key(struct help *h, const char *id, int64_t at_ms)
{
    struct store_op op = { .kind = STORE_API_KEY_REVOKE,
                           .api_key.row = { .id = slice_of(id), .revoked_at_ms = at_ms } };

    return help_run(h, &op);
}

static struct store_op page(struct help *h, int64_t after_key, uint32_t limit)
{
    struct store_op op = { .kind = STORE_API_KEYS,
                           .api_keys = { .after_key = after_key, .limit = limit } };

    assert_int_equal(help_run(h, &op), ERR_NONE);
    return op;
}

static void a_key_is_there_as_it_was_put(void **state)
{
    struct help *h = *state;

    assert_int_equal(page(h, 0, 10).api_keys.rows_n, 0);
    assert_int_equal(add(h, "k1"), ERR_NONE);
    struct store_op op = page(h, 0, 10);
    const struct store_api_key *row = op.api_keys.rows;

    assert_int_equal(op.api_keys.rows_n, 1);
    assert_false(op.api_keys.has_more);
    assert_true(row->key > 0);
    assert_slice(row->id, "k1");
    assert_slice(row->secret_hash, "00ff");
    assert_slice(row->name, "Anna \xc3\x84");
    assert_slice(row->roles, "approve,finance");
    assert_slice(row->tenant, "acme");
    assert_int_equal(row->created_at_ms, 1001);
    assert_slice(row->created_by, "boss");
    assert_int_equal(row->revoked_at_ms, 0);
}

static void a_key_without_texts_has_empty_ones(void **state)
{
    struct help *h = *state;
    struct store_op op = { .kind = STORE_API_KEY_ADD, .api_key.row.id = SLICE_LIT("k1") };

    assert_int_equal(help_run(h, &op), ERR_NONE);
    op = page(h, 0, 10);
    assert_int_equal(op.api_keys.rows[0].tenant.len, 0);
    assert_int_equal(op.api_keys.rows[0].roles.len, 0);
}

static void an_id_is_given_once(void **state)
{
    struct help *h = *state;

    assert_int_equal(add(h, "k1"), ERR_NONE);
    assert_int_equal(add(h, "k1"), ERR_CONFLICT);
    assert_int_equal(end_key(h, "k1", 7), ERR_NONE);
    assert_int_equal(add(h, "k1"), ERR_CONFLICT);
    assert_int_equal(page(h, 0, 10).api_keys.rows_n, 1);
}

static void a_key_is_revoked_once(void **state)
{
    struct help *h = *state;

    assert_int_equal(add(h, "k1"), ERR_NONE);
    assert_int_equal(add(h, "k2"), ERR_NONE);
    assert_int_equal(end_key(h, "k3", 7), ERR_NOT_FOUND);
    assert_int_equal(end_key(h, "k2", 7), ERR_NONE);
    assert_int_equal(end_key(h, "k2", 8), ERR_NONE); /* as if it had been asked once */
    struct store_op op = page(h, 0, 10);

    assert_int_equal(op.api_keys.rows[0].revoked_at_ms, 0);
    assert_int_equal(op.api_keys.rows[1].revoked_at_ms, 7);
}

static void keys_come_in_pages_the_oldest_first(void **state)
{
    struct help *h = *state;

    assert_int_equal(add(h, "c"), ERR_NONE);
    assert_int_equal(add(h, "a"), ERR_NONE);
    assert_int_equal(add(h, "b"), ERR_NONE);
    struct store_op op = page(h, 0, 2);

    assert_int_equal(op.api_keys.rows_n, 2);
    assert_true(op.api_keys.has_more);
    assert_slice(op.api_keys.rows[0].id, "c");
    assert_slice(op.api_keys.rows[1].id, "a");
    op = page(h, op.api_keys.rows[1].key, 2);
    assert_int_equal(op.api_keys.rows_n, 1);
    assert_false(op.api_keys.has_more);
    assert_slice(op.api_keys.rows[0].id, "b");
}

static void what_is_too_long_is_refused(void **state)
{
    struct help *h = *state;
    char text[STORE_NAME_MAX + 1];
    struct store_op op = key_op("k1");

    memset(text, 'x', sizeof(text));
    op.api_key.row.roles = (struct slice){ text, sizeof(text) };
    assert_int_equal(help_run(h, &op), ERR_LIMIT);
    assert_int_equal(page(h, 0, 10).api_keys.rows_n, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, help_setup, help_teardown)

int store_api_key_cases(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_key_is_there_as_it_was_put),
        CASE(a_key_without_texts_has_empty_ones),
        CASE(an_id_is_given_once),
        CASE(a_key_is_revoked_once),
        CASE(keys_come_in_pages_the_oldest_first),
        CASE(what_is_too_long_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
