/* When to try again: the ceiling doubles, the jitter fills it, a server's wish is a floor. */
#include "base/random.h"
#include "core/retry.h"
#include "unit/unit.h"

static const struct retry_policy policy = { .attempts = 5, .first_ms = 1000, .max_ms = 3000 };
enum { NOW_MS = 1000000, DAY_MS = 86400000 };

static void the_ceiling_doubles_up_to_its_maximum(void **state)
{
    (void)state;
    assert_int_equal(retry_at_ms(&policy, 1, NOW_MS, 0, UINT64_MAX), NOW_MS + 1000);
    assert_int_equal(retry_at_ms(&policy, 2, NOW_MS, 0, UINT64_MAX), NOW_MS + 2000);
    assert_int_equal(retry_at_ms(&policy, 3, NOW_MS, 0, UINT64_MAX), NOW_MS + 3000);
    assert_int_equal(retry_at_ms(&policy, 4, NOW_MS, 0, UINT64_MAX), NOW_MS + 3000);
    assert_int_equal(retry_at_ms(&policy, 1, NOW_MS, 0, 0), NOW_MS);
}

static void the_policy_ends_it(void **state)
{
    struct retry_policy once = { .attempts = 1, .first_ms = 1000, .max_ms = 1000 };
    struct retry_policy never = { .attempts = 0, .first_ms = 1000, .max_ms = 1000 };

    (void)state;
    assert_int_equal(retry_at_ms(&policy, 5, NOW_MS, 0, 0), 0);
    assert_int_equal(retry_at_ms(&policy, UINT32_MAX, NOW_MS, 0, 0), 0);
    assert_int_equal(retry_at_ms(&once, 1, NOW_MS, 0, 0), 0);
    assert_int_equal(retry_at_ms(&never, 1, NOW_MS, 0, 0), 0);
}

static void the_jitter_is_even(void **state)
{
    enum { DRAWS = 40000, BINS = 10 };
    unsigned bins[BINS] = { 0 };
    struct random random;

    (void)state;
    random_seed(&random, 7);
    for (unsigned i = 0; i < DRAWS; i++) {
        int64_t wait = retry_at_ms(&policy, 1, NOW_MS, 0, random_u64(&random)) - NOW_MS;

        assert_in_range(wait, 0, 1000);
        bins[wait == 1000 ? BINS - 1 : wait / 100]++;
    }
    for (unsigned i = 0; i < BINS; i++)
        assert_in_range(bins[i], DRAWS / BINS - 400, DRAWS / BINS + 400);
}

static void a_servers_wish_is_a_floor_of_at_most_a_day(void **state)
{
    (void)state;
    assert_int_equal(retry_at_ms(&policy, 1, NOW_MS, 60000, 0), NOW_MS + 60000);
    assert_int_equal(retry_at_ms(&policy, 1, NOW_MS, 60000, UINT64_MAX), NOW_MS + 61000);
    assert_int_equal(retry_at_ms(&policy, 1, NOW_MS, INT64_MAX, 0), NOW_MS + DAY_MS);
    assert_int_equal(retry_at_ms(&policy, 1, NOW_MS, -5000, 0), NOW_MS);
}

static void at_once_is_not_never(void **state)
{
    struct retry_policy at_once = { .attempts = UINT32_MAX };

    (void)state;
    assert_int_equal(retry_at_ms(&at_once, UINT32_MAX - 1, 0, 0, UINT64_MAX), 1);
}

static void a_first_wait_above_the_maximum_is_the_maximum(void **state)
{
    struct retry_policy odd = { .attempts = 9, .first_ms = 9000, .max_ms = 500 };

    (void)state;
    assert_int_equal(retry_at_ms(&odd, 1, NOW_MS, 0, UINT64_MAX), NOW_MS + 500);
    assert_int_equal(retry_at_ms(&odd, 8, NOW_MS, 0, UINT64_MAX), NOW_MS + 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ceiling_doubles_up_to_its_maximum),
        cmocka_unit_test(the_policy_ends_it),
        cmocka_unit_test(the_jitter_is_even),
        cmocka_unit_test(a_servers_wish_is_a_floor_of_at_most_a_day),
        cmocka_unit_test(at_once_is_not_never),
        cmocka_unit_test(a_first_wait_above_the_maximum_is_the_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
