#include "unit/unit.h"

#include "base/attr.h"
#include "base/random.h"

/* The first numbers of the authors' own xoshiro256starstar.c and splitmix64.c. */
static void the_generator_is_xoshiro256starstar(void **state)
{
    struct random random = { { 1, 2, 3, 4 } };
    static const uint64_t wanted[] = { 11520u, 0u, 1509978240u, 1215971899390074240u };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        assert_true(random_u64(&random) == wanted[i]);
    random_seed(&random, 0);
    assert_true(random.state[0] == 0xe220a8397b1dcdafu);
    assert_true(random.state[1] == 0x6e789e6aa1b965f4u);
}

static void a_seed_repeats(void **state)
{
    struct random a, b, c;
    int differ = 0;

    (void)state;
    random_seed(&a, 42);
    random_seed(&b, 42);
    random_seed(&c, 43);
    for (int i = 0; i < 100; i++) {
        uint64_t x = random_u64(&a);

        assert_true(x == random_u64(&b));
        differ |= x != random_u64(&c);
    }
    assert_true(differ);
}

static void below_stays_below_and_reaches_all(void **state)
{
    struct random random;
    unsigned seen[6] = { 0 };
    uint64_t huge = UINT64_MAX - 5;

    (void)state;
    random_seed(&random, 5);
    for (int i = 0; i < 6000; i++) {
        uint64_t x = random_below(&random, 6);

        assert_true(x < 6);
        seen[x]++;
        assert_true(random_below(&random, huge) < huge);
        assert_true(random_below(&random, 1) == 0);
    }
    for (size_t i = 0; i < 6; i++)
        assert_in_range(seen[i], 850, 1150); /* far more than 4 sigma; the seed is fixed */
}

static void below_nothing(void *arg)
{
    struct random random = { { 1, 2, 3, 4 } };

    (void)arg;
    (void)random_below(&random, 0);
}

static void the_kernel_seeds_differ(void **state)
{
    struct random a, b;

    (void)state;
    random_seed_from_kernel(&a);
    random_seed_from_kernel(&b);
    assert_memory_not_equal(&a, &b, sizeof(a));
    assert_true(unit_dies(below_nothing, NULL));
}

static void kernel_bytes_fill_what_they_are_given(void **state)
{
    unsigned char bytes[RANDOM_BYTES_MAX + 1] = { 0 };
    unsigned seen = 0;

    (void)state;
    random_bytes(bytes, RANDOM_BYTES_MAX);
    for (size_t i = 0; i < RANDOM_BYTES_MAX; i++)
        seen += bytes[i] != 0;
    assert_in_range(seen, 200, RANDOM_BYTES_MAX); /* 255 in 256 are not 0 */
    assert_int_equal(bytes[RANDOM_BYTES_MAX], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_generator_is_xoshiro256starstar),
        cmocka_unit_test(a_seed_repeats),
        cmocka_unit_test(below_stays_below_and_reaches_all),
        cmocka_unit_test(the_kernel_seeds_differ),
        cmocka_unit_test(kernel_bytes_fill_what_they_are_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
