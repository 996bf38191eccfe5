/* Failed log-ins: how many from one place, what one place is, and that others are no matter. */
#include <malloc.h>

#include "auth/throttle.h"
#include "base/attr.h"
#include "unit/unit.h"

static int64_t fail_from(struct throttle *throttle, const char *address, int64_t now_ms)
{
    return throttle_fail(throttle, auth_place_of(address), now_ms);
}

static void so_many_fail_at_once_and_then_one_at_a_time(void **state)
{
    struct throttle *throttle = throttle_new();
    int64_t now_ms = 5000;

    (void)state;
    for (int i = 0; i < THROTTLE_BURST; i++)
        assert_int_equal(fail_from(throttle, "192.0.2.1", now_ms), 0);
    assert_int_equal(fail_from(throttle, "192.0.2.1", now_ms), THROTTLE_REFILL_MS);
    assert_int_equal(fail_from(throttle, "192.0.2.1", now_ms + 1), THROTTLE_REFILL_MS - 1);
    now_ms += THROTTLE_REFILL_MS;
    assert_int_equal(fail_from(throttle, "192.0.2.1", now_ms - 1), 1);
    assert_int_equal(fail_from(throttle, "192.0.2.1", now_ms), 0);
    assert_true(fail_from(throttle, "192.0.2.1", now_ms) > 0);
    now_ms += (int64_t)THROTTLE_BURST * THROTTLE_REFILL_MS;
    for (int i = 0; i < THROTTLE_BURST; i++)
        assert_int_equal(fail_from(throttle, "192.0.2.1", now_ms), 0);
    assert_true(fail_from(throttle, "192.0.2.1", now_ms) > 0);
    throttle_free(throttle);
}

static void a_place_is_an_address_or_a_network_of_ipv6(void **state)
{
    static const struct {
        const char *a, *b;
        int is_same;
    } rows[] = {
        { "192.0.2.1", "192.0.2.1", 1 },
        { "192.0.2.1", "192.0.2.2", 0 },
        { "192.0.2.1", "::ffff:192.0.2.1", 1 },
        { "2001:db8:1:2::1", "2001:db8:1:2:ffff::1", 1 },
        { "2001:db8:1:2::1", "2001:db8:1:3::1", 0 },
        { "::1", "0.0.0.0", 0 }, /* the same bits, and not the same */
        { "", "nonsense", 1 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct throttle *throttle = throttle_new();

        for (int n = 0; n < THROTTLE_BURST; n++)
            assert_int_equal(fail_from(throttle, rows[i].a, 1), 0);
        assert_int_equal(fail_from(throttle, rows[i].b, 1) > 0, rows[i].is_same);
        throttle_free(throttle);
    }
}

/* However many places: the memory is what it was, and one that goes on failing is not forgotten
   for those that fail once. */
static void many_places_do_not_make_it_grow(void **state)
{
    struct throttle *throttle = throttle_new();
    size_t before = mallinfo2().uordblks;
    char address[32];

    (void)state;
    for (unsigned i = 0; i < 10000; i++) {
        (void)snprintf(address, sizeof(address), "10.%u.%u.1", i / 256, i % 256);
        assert_int_equal(fail_from(throttle, address, 1 + i), 0);
    }
    assert_int_equal(mallinfo2().uordblks, before);
    for (int i = 0; i < THROTTLE_BURST; i++)
        assert_int_equal(fail_from(throttle, "192.0.2.1", 20000), 0);
    for (unsigned i = 0; i < 10000; i++) {
        (void)snprintf(address, sizeof(address), "11.%u.%u.1", i / 256, i % 256);
        (void)fail_from(throttle, address, 20000);
    }
    assert_true(fail_from(throttle, "192.0.2.1", 20000) > 0);
    throttle_free(throttle);
}

static void what_is_loopback_is_known(void **state)
{
    (void)state;
    assert_true(auth_is_loopback("127.0.0.1"));
    assert_true(auth_is_loopback("127.255.0.3"));
    assert_true(auth_is_loopback("::1"));
    assert_true(auth_is_loopback("::ffff:127.0.0.1"));
    assert_false(auth_is_loopback("0.0.0.0"));
    assert_false(auth_is_loopback("::"));
    assert_false(auth_is_loopback("128.0.0.1"));
    assert_false(auth_is_loopback("192.168.1.1"));
    assert_false(auth_is_loopback("::ffff:10.0.0.1"));
    assert_false(auth_is_loopback("localhost"));
    assert_false(auth_is_loopback(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(so_many_fail_at_once_and_then_one_at_a_time),
        cmocka_unit_test(a_place_is_an_address_or_a_network_of_ipv6),
        cmocka_unit_test(many_places_do_not_make_it_grow),
        cmocka_unit_test(what_is_loopback_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
