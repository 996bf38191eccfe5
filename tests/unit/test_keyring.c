/* The keys in memory: loaded from a store, checked, revoked, and never the last admin. */
#include "auth/key_text.h"
#include "auth/keyring.h"
#include "unit/unit.h"

struct fixture {
    struct loop *loop;
    struct store *store;
    struct keyring *keyring;
    struct err loaded;
    int is_loaded;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct err err = { 0 };

    assert_int_equal(loop_new(&f->loop, &err), ERR_NONE);
    assert_int_equal(store_open(&f->store, "mem:", STORE_OPEN_READ_WRITE, f->loop, &err), ERR_NONE);
    f->keyring = keyring_new();
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    store_close(f->store);
    keyring_free(f->keyring);
    loop_free(f->loop);
    free(f);
    return 0;
}

/* A row of a new key, with its text. */
struct made {
    struct key_text text;
    char hash[SHA256_TEXT_MAX];
    struct store_api_key row;
};

static void make(struct made *made, const char *roles, const char *tenant)
{
    struct key_parts parts;

    key_text_make(&made->text);
    assert_int_equal(key_text_read(&parts, slice_of(made->text.text)), 0);
    struct sha256 hash = key_secret_hash(parts.secret);

    made->row = (struct store_api_key){ .id = parts.id,
                                        .secret_hash = slice_of(sha256_text(made->hash, &hash)),
                                        .name = SLICE_LIT("anna"),
                                        .roles = slice_of(roles),
                                        .tenant = slice_of(tenant),
                                        .created_at_ms = 5 };
}

static struct auth_key *add(struct fixture *f, struct made *made, const char *roles,
                            const char *tenant)
{
    struct err err = { 0 };

    make(made, roles, tenant);
    assert_int_equal(keyring_add(f->keyring, &made->row, &err), ERR_NONE);
    return keyring_find(f->keyring, made->row.id);
}

static enum key_verdict check(struct fixture *f, const char *text)
{
    const struct auth_key *key = NULL;
    enum key_verdict verdict = keyring_check(f->keyring, slice_of(text), &key);

    assert_int_equal(verdict == KEY_GOOD, key != NULL);
    return verdict;
}

/* ---- loading ---- */

static void on_stored(struct store_op *op, void *arg)
{
    struct fixture *f = arg;

    assert_int_equal(op->err.code, ERR_NONE);
    loop_stop(f->loop);
}

static void store_row(struct fixture *f, const struct store_api_key *row)
{
    struct store_op op = {
        .kind = STORE_API_KEY_ADD, .api_key.row = *row, .done = on_stored, .arg = f
    };

    store_submit(f->store, &op);
    loop_run(f->loop);
}

static void on_loaded(void *arg, const struct err *err)
{
    struct fixture *f = arg;

    f->loaded = *err;
    f->is_loaded++;
    loop_stop(f->loop);
}

static enum err_code load(struct fixture *f)
{
    keyring_load(f->keyring, f->store, on_loaded, f);
    loop_run(f->loop);
    assert_int_equal(f->is_loaded, 1);
    return f->loaded.code;
}

static void an_empty_store_gives_an_empty_keyring(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(load(f), ERR_NONE);
    assert_null(keyring_at(f->keyring, 0));
    assert_int_equal(keyring_in_force(f->keyring), 0);
}

static void all_that_are_stored_are_loaded(void **state)
{
    struct fixture *f = *state;
    enum { KEYS = 1203 }; /* more than two pages */
    static struct made made[KEYS];

    for (size_t i = 0; i < KEYS; i++) {
        make(&made[i], i == 0 ? "admin" : "submit", i % 2 ? "acme" : "");
        made[i].row.revoked_at_ms = i == 7 ? 99 : 0;
        store_row(f, &made[i].row);
    }
    assert_int_equal(load(f), ERR_NONE);
    assert_int_equal(keyring_in_force(f->keyring), KEYS - 1);
    assert_int_equal(keyring_admins(f->keyring), 1);
    assert_null(keyring_at(f->keyring, KEYS));
    for (size_t i = 0; i < KEYS; i++) {
        assert_true(slice_is(made[i].row.id, keyring_at(f->keyring, i)->id));
        assert_int_equal(check(f, made[i].text.text), i == 7 ? KEY_REVOKED : KEY_GOOD);
    }
}

static void a_row_that_cannot_be_is_told(void **state)
{
    struct fixture *f = *state;
    struct made made;

    make(&made, "admin", "");
    made.row.secret_hash = SLICE_LIT("00FF");
    store_row(f, &made.row);
    assert_int_equal(load(f), ERR_CORRUPT);
    assert_non_null(strstr(f->loaded.msg, "api_key"));
}

static void rows_are_checked(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };

    for (int what = 0; what < 5; what++) {
        struct made made;

        make(&made, "admin", "");
        if (what == 0)
            made.row.id = SLICE_LIT("");
        if (what == 1)
            made.row.name = SLICE_LIT("a\nb");
        if (what == 2)
            made.row.tenant = SLICE_LIT("a b");
        if (what == 3)
            made.hash[63] = 'g';
        if (what == 4)
            made.row.secret_hash.len = 63;
        assert_int_equal(keyring_add(f->keyring, &made.row, &err), ERR_CORRUPT);
    }
    assert_null(keyring_at(f->keyring, 0));
}

/* ---- checking ---- */

static void a_key_is_what_it_was_made_as(void **state)
{
    struct fixture *f = *state;
    const struct auth_key *key = NULL;
    struct made made;
    struct err err = { 0 };

    const struct auth_key *added = add(f, &made, "approve,finance", "acme");

    assert_int_equal(keyring_check(f->keyring, slice_of(made.text.text), &key), KEY_GOOD);
    assert_ptr_equal(key, added);
    assert_string_equal(key->name, "anna");
    assert_string_equal(key->tenant, "acme");
    assert_string_equal(key->roles, "approve,finance");
    assert_int_equal(key->rights, auth_rights(SLICE_LIT("approve")));
    assert_int_equal(keyring_add(f->keyring, &made.row, &err), ERR_CONFLICT);
}

static void another_secret_or_id_is_wrong(void **state)
{
    struct fixture *f = *state;
    struct made made, other, unknown;
    struct made mixed;

    (void)add(f, &made, "admin", "");
    (void)add(f, &other, "admin", "");
    make(&unknown, "admin", "");
    assert_int_equal(check(f, unknown.text.text), KEY_WRONG);
    assert_int_equal(check(f, ""), KEY_MALFORMED);
    assert_int_equal(check(f, "pawl_"), KEY_MALFORMED);
    /* The id of one with the hash of another's secret. */
    make(&mixed, "admin", "");
    memcpy(mixed.hash, other.hash, sizeof(mixed.hash));
    struct err err = { 0 };

    assert_int_equal(keyring_add(f->keyring, &mixed.row, &err), ERR_NONE);
    assert_int_equal(check(f, mixed.text.text), KEY_WRONG);
    assert_int_equal(check(f, made.text.text), KEY_GOOD);
}

static void a_revoked_key_is_told_from_a_wrong_one_by_its_secret_only(void **state)
{
    struct fixture *f = *state;
    struct made made;
    struct auth_key *key = add(f, &made, "admin", "");

    assert_int_equal(keyring_in_force(f->keyring), 1);
    keyring_revoke(f->keyring, key, 7);
    keyring_revoke(f->keyring, key, 8);
    assert_int_equal(key->revoked_at_ms, 7);
    assert_int_equal(keyring_in_force(f->keyring), 0);
    assert_int_equal(check(f, made.text.text), KEY_REVOKED);
    key->secret_hash.bytes[31] ^= 1;
    assert_int_equal(check(f, made.text.text), KEY_WRONG);
}

static void admins_are_those_of_the_default_tenant(void **state)
{
    struct fixture *f = *state;
    struct made a, b, c, d;
    struct auth_key *first = add(f, &a, "admin", "");
    struct auth_key *second = add(f, &b, "finance,admin", "");

    (void)add(f, &c, "admin", "acme");
    (void)add(f, &d, "submit", "");
    assert_int_equal(keyring_admins(f->keyring), 2);
    first->revocations = 1;
    assert_int_equal(keyring_admins(f->keyring), 1);
    keyring_revoke(f->keyring, first, 7);
    first->revocations = 0;
    assert_int_equal(keyring_admins(f->keyring), 1);
    keyring_revoke(f->keyring, second, 7);
    assert_int_equal(keyring_admins(f->keyring), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_empty_store_gives_an_empty_keyring),
        TEST(all_that_are_stored_are_loaded),
        TEST(a_row_that_cannot_be_is_told),
        TEST(rows_are_checked),
        TEST(a_key_is_what_it_was_made_as),
        TEST(another_secret_or_id_is_wrong),
        TEST(a_revoked_key_is_told_from_a_wrong_one_by_its_secret_only),
        TEST(admins_are_those_of_the_default_tenant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
