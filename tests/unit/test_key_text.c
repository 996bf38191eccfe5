/* A key's text: made, read back, told from a typing error; and the header that carries one. */
#include "auth/key_text.h"
#include "base/random.h"
#include "unit/unit.h"

enum { KEYS = 200 };

static struct slice text_of(const struct key_text *key)
{
    return (struct slice){ key->text, KEY_TEXT_LEN };
}

static void a_key_is_read_as_it_was_made(void **state)
{
    struct key_text a = { 0 }, b = { 0 };
    struct key_parts parts, other;

    (void)state;
    key_text_make(&a);
    key_text_make(&b);
    assert_int_equal(strlen(a.text), KEY_TEXT_LEN);
    assert_int_equal(strlen(a.text), 77);
    assert_int_equal(key_text_read(&parts, text_of(&a)), 0);
    assert_int_equal(key_text_read(&other, text_of(&b)), 0);
    assert_ptr_equal(parts.id.ptr, a.text + 5);
    assert_int_equal(parts.id.len, 12);
    assert_ptr_equal(parts.secret.ptr, a.text + 18);
    assert_int_equal(parts.secret.len, 52);
    assert_false(slice_equal(parts.id, other.id));
    assert_false(slice_equal(parts.secret, other.secret));
    key_text_wipe(&a);
    assert_int_equal(a.text[0], 0);
    assert_int_equal(a.text[KEY_TEXT_LEN - 1], 0);
}

/* All 256 bits of the secret are drawn: each of its places has had each of its digits. */
static void every_place_of_a_secret_is_random(void **state)
{
    unsigned seen[KEY_SECRET_LEN] = { 0 };
    static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

    (void)state;
    for (int i = 0; i < 2000; i++) {
        struct key_text key = { 0 };

        key_text_make(&key);
        for (size_t at = 0; at < KEY_SECRET_LEN; at++)
            seen[at] |= 1u << (strchr(digits, key.text[18 + at]) - digits);
    }
    for (size_t at = 0; at + 1 < KEY_SECRET_LEN; at++)
        assert_int_equal(seen[at], 0xffffffffu);
    /* 256 is 51 * 5 and 1: the last digit is one bit, the highest. */
    assert_int_equal(seen[KEY_SECRET_LEN - 1], 1u | 1u << 16);
}

/* The check is stored nowhere and must stay what it is: programs that look for keys know it. */
static void the_check_is_the_same_in_every_version(void **state)
{
    struct key_parts parts;

    (void)state;
    assert_int_equal(key_text_read(&parts, SLICE_LIT("pawl_0123456789ab_0123456789abcdefghjkmnpq"
                                                     "rstvwxyz0123456789abcdefghjgvc728hv")),
                     0);
}

static void a_typing_error_is_told(void **state)
{
    static const char others[] = "0az_-ilou AZ\x7f\xc3";
    struct key_parts parts;

    (void)state;
    for (int i = 0; i < KEYS; i++) {
        struct key_text key = { 0 }, typed;

        key_text_make(&key);
        for (size_t at = 0; at < KEY_TEXT_LEN; at++) {
            typed = key;
            typed.text[at] = others[(size_t)i % (sizeof(others) - 1)];
            assert_int_equal(key_text_read(&parts, text_of(&typed)) != 0,
                             typed.text[at] != key.text[at]);
            if (at > 0 && key.text[at - 1] != key.text[at]) {
                typed = key;
                typed.text[at] = key.text[at - 1];
                typed.text[at - 1] = key.text[at];
                assert_int_equal(key_text_read(&parts, text_of(&typed)), 1);
            }
        }
    }
}

static void what_is_no_key_is_refused(void **state)
{
    struct random random;
    struct key_text key = { 0 };
    struct key_parts parts = { .id = SLICE_LIT("untouched") };
    char noise[2 * KEY_TEXT_LEN];

    (void)state;
    key_text_make(&key);
    assert_int_equal(key_text_read(&parts, (struct slice){ NULL, 0 }), 1);
    for (size_t len = 0; len < KEY_TEXT_LEN; len++)
        assert_int_equal(key_text_read(&parts, (struct slice){ key.text, len }), 1);
    assert_int_equal(key_text_read(&parts, (struct slice){ key.text, KEY_TEXT_LEN + 1 }), 1);
    key.text[30] = '\0';
    assert_int_equal(key_text_read(&parts, text_of(&key)), 1);
    random_seed(&random, 1);
    for (int i = 0; i < 10000; i++) {
        size_t len = random_below(&random, 4) ? KEY_TEXT_LEN : random_below(&random, sizeof(noise));

        for (size_t at = 0; at < len; at++)
            noise[at] = (char)random_below(&random, 256);
        memcpy(noise, "pawl_", len < 5 ? len : 5);
        assert_int_equal(key_text_read(&parts, (struct slice){ noise, len }), 1);
    }
    assert_true(slice_is(parts.id, "untouched"));
}

static void a_header_is_read(void **state)
{
    static const struct {
        struct slice header;
        enum bearer bearer;
        const char *token;
    } rows[] = {
        { { NULL, 0 }, BEARER_NONE, "" },
        { { "", 0 }, BEARER_BAD, "" },
        { { "Bearer", 6 }, BEARER_BAD, "" },
        { { "Bearer ", 7 }, BEARER_BAD, "" },
        { { "Bearer    \t ", 12 }, BEARER_BAD, "" },
        { { "Bearer x", 8 }, BEARER_FOUND, "x" },
        { { "bearer x", 8 }, BEARER_FOUND, "x" },
        { { "BEARER   x y \t", 14 }, BEARER_FOUND, "x y" },
        { { "Bearer\tx", 8 }, BEARER_BAD, "" },
        { { "Bearerx", 7 }, BEARER_BAD, "" },
        { { "Bearer:x", 8 }, BEARER_BAD, "" },
        { { " Bearer x", 9 }, BEARER_BAD, "" },
        { { "Basic YTpi", 10 }, BEARER_BAD, "" },
        { { "pawl_x", 6 }, BEARER_BAD, "" },
        { { "Bearer \0x", 9 }, BEARER_FOUND, NULL }, /* and is no key */
        { { "Bearer a,Bearer b", 17 }, BEARER_FOUND, "a,Bearer b" },
        { { "B\0arer x", 8 }, BEARER_BAD, "" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice token = SLICE_LIT("");

        assert_int_equal(bearer_read(rows[i].header, &token), rows[i].bearer);
        if (rows[i].token)
            assert_true(slice_is(token, rows[i].token));
        else
            assert_true(slice_equal(token, (struct slice){ "\0x", 2 }));
    }
}

static void a_hash_is_compared_whole(void **state)
{
    struct sha256 a = key_secret_hash(SLICE_LIT("abc"));
    struct sha256 b = a;

    (void)state;
    assert_true(sha256_is_same(&a, &b));
    for (size_t i = 0; i < SHA256_BYTES; i++) {
        b.bytes[i] ^= 1;
        assert_false(sha256_is_same(&a, &b));
        b.bytes[i] ^= 1;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_read_as_it_was_made),
        cmocka_unit_test(every_place_of_a_secret_is_random),
        cmocka_unit_test(the_check_is_the_same_in_every_version),
        cmocka_unit_test(a_typing_error_is_told),
        cmocka_unit_test(what_is_no_key_is_refused),
        cmocka_unit_test(a_header_is_read),
        cmocka_unit_test(a_hash_is_compared_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
