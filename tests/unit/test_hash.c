#include "unit/unit.h"

#include <pthread.h>

#include "base/hash.h"
#include "base/siphash.h"

static void sha256_gives_the_digests_of_fips_180(void **state)
{
    char text[SHA256_TEXT_MAX];
    struct sha256 hash = sha256_of(SLICE_LIT("abc"));

    (void)state;
    assert_string_equal(sha256_text(text, &hash),
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    hash = sha256_of((struct slice){ NULL, 0 });
    assert_string_equal(sha256_text(text, &hash),
                        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

/* RFC 4231, cases 1, 2 and 6, the data in parts. */
static void hmac_gives_the_vectors_of_its_rfc(void **state)
{
    const struct slice parts[] = { SLICE_LIT("what do ya want "), SLICE_LIT(""),
                                   SLICE_LIT("for nothing?") };
    const struct slice one = SLICE_LIT("Hi There");
    const struct slice large = SLICE_LIT("Test Using Larger Than Block-Size Key - Hash Key First");
    char text[SHA256_TEXT_MAX];
    char key[131];

    (void)state;
    memset(key, 0x0b, 20);
    struct sha256 mac = hmac_sha256((struct slice){ key, 20 }, &one, 1);
    assert_string_equal(sha256_text(text, &mac),
                        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    mac = hmac_sha256(SLICE_LIT("Jefe"), parts, ARRAY_LEN(parts));
    assert_string_equal(sha256_text(text, &mac),
                        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof(key));
    mac = hmac_sha256((struct slice){ key, sizeof(key) }, &large, 1);
    assert_string_equal(sha256_text(text, &mac),
                        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

/* The test of the paper's appendix A: key 00..0f, message 00..0e; and the authors' vectors. */
static void siphash_gives_the_vectors_of_its_authors(void **state)
{
    struct siphash_key key;
    char message[63];

    (void)state;
    for (size_t i = 0; i < sizeof(key.bytes); i++)
        key.bytes[i] = (unsigned char)i;
    for (size_t i = 0; i < sizeof(message); i++)
        message[i] = (char)i;
    assert_true(siphash24(&key, (struct slice){ message, 15 }) == 0xa129ca6149be45e5u);
    assert_true(siphash24(&key, (struct slice){ NULL, 0 }) == 0x726fdb47dd0e0e31u);
    assert_true(siphash24(&key, (struct slice){ message, 1 }) == 0x74f839c593dc67fdu);
    assert_true(siphash24(&key, (struct slice){ message, 8 }) == 0x93f5f5799a932462u);
    assert_true(siphash24(&key, (struct slice){ message, 63 }) == 0x958a324ceb064572u);
}

static void fnv_gives_the_vectors_of_its_authors(void **state)
{
    (void)state;
    assert_true(hash_stable((struct slice){ NULL, 0 }) == 0xcbf29ce484222325u);
    assert_true(hash_stable(SLICE_LIT("a")) == 0xaf63dc4c8601ec8cu);
    assert_true(hash_stable(SLICE_LIT("foobar")) == 0x85944171f73967e8u);
}

static void *hash_in_thread(void *arg)
{
    *(uint64_t *)arg = hash_bytes(SLICE_LIT("key"));
    return NULL;
}

/* Must stand first: it is the first use of the key in this process. */
static void the_key_is_drawn_once_for_all_threads(void **state)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    uint64_t hashes[THREADS];

    (void)state;
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hash_in_thread, &hashes[i]), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_true(hashes[i] == hash_bytes(SLICE_LIT("key")));
    assert_true(hashes[0] != hash_bytes(SLICE_LIT("kez")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_key_is_drawn_once_for_all_threads),
        cmocka_unit_test(sha256_gives_the_digests_of_fips_180),
        cmocka_unit_test(hmac_gives_the_vectors_of_its_rfc),
        cmocka_unit_test(siphash_gives_the_vectors_of_its_authors),
        cmocka_unit_test(fnv_gives_the_vectors_of_its_authors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
