/* What a model call costs, and at most. */
#include "core/price.h"
#include "unit/unit.h"

static const struct price price = { .input = 250, .cached_input = 25, .output = 2000 };
static const int64_t spend_max = (int64_t)1 << 60; /* what an event may hold */

static void usage_is_paid_by_kind_of_token(void **state)
{
    struct usage usage = { .input_tokens = 1000, .cached_tokens = 400, .output_tokens = 10 };
    struct spend spend = price_usage(&price, &usage);

    (void)state;
    assert_int_equal(spend.tokens, 1010);
    assert_int_equal(spend.nanousd, 600 * 250 + 400 * 25 + 10 * 2000);
}

static void nothing_used_costs_nothing(void **state)
{
    struct usage usage = { 0 };

    (void)state;
    assert_int_equal(price_usage(&price, &usage).tokens, 0);
    assert_int_equal(price_usage(&price, &usage).nanousd, 0);
}

static void more_cached_than_read_counts_as_all_cached(void **state)
{
    struct usage usage = { .input_tokens = 10, .cached_tokens = 500 };
    struct spend spend = price_usage(&price, &usage);

    (void)state;
    assert_int_equal(spend.tokens, 10);
    assert_int_equal(spend.nanousd, 10 * 25);
}

static void absurd_counts_stay_within_what_an_event_holds(void **state)
{
    struct price dear = { INT64_MAX, INT64_MAX, INT64_MAX };
    struct usage most = { INT64_MAX, 0, INT64_MAX };
    struct usage least = { INT64_MIN, INT64_MIN, INT64_MIN };
    struct price negative = { INT64_MIN, INT64_MIN, INT64_MIN };

    (void)state;
    assert_true(price_usage(&dear, &most).nanousd > 0);
    assert_true(price_usage(&dear, &most).nanousd <= spend_max);
    assert_int_equal(price_usage(&dear, &most).tokens, 2 * 100000000000);
    assert_int_equal(price_usage(&dear, &least).tokens, 0);
    assert_int_equal(price_usage(&dear, &least).nanousd, 0);
    assert_int_equal(price_usage(&negative, &most).nanousd, 0);
    assert_true(price_reservation(&dear, UINT64_MAX, INT64_MAX).nanousd <= spend_max);
}

static void a_reservation_is_never_below_the_bill(void **state)
{
    static const struct price prices[] = {
        { 250, 25, 2000 },
        { 25, 250, 2000 }, /* a mistake in a configuration */
        { 0, 0, 1 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(prices); i++) {
        for (int64_t cached = 0; cached <= 900; cached += 300) {
            struct usage usage = { 900, cached, 100 };
            struct spend bill = price_usage(&prices[i], &usage);
            struct spend reserved = price_reservation(&prices[i], 900, 100);

            assert_true(reserved.tokens >= bill.tokens);
            assert_true(reserved.nanousd >= bill.nanousd);
        }
    }
    assert_int_equal(price_reservation(&price, 900, 100).tokens, 1000);
    assert_int_equal(price_reservation(&price, 900, 100).nanousd, 900 * 250 + 100 * 2000);
    assert_int_equal(price_reservation(&price, 900, -1).tokens, 900);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usage_is_paid_by_kind_of_token),
        cmocka_unit_test(nothing_used_costs_nothing),
        cmocka_unit_test(more_cached_than_read_counts_as_all_cached),
        cmocka_unit_test(absurd_counts_stay_within_what_an_event_holds),
        cmocka_unit_test(a_reservation_is_never_below_the_bill),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
