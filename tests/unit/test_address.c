/* Which addresses are anybody's: a table of them. */
#include "unit/unit.h"

#include <arpa/inet.h>

#include "base/attr.h"
#include "net/address.h"

static int is_public(const char *text)
{
    struct sockaddr_in in4 = { .sin_family = AF_INET };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
    struct sockaddr_storage any = { 0 };

    if (strchr(text, ':')) {
        assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
        memcpy(&any, &in6, sizeof(in6));
        return address_is_public((struct sockaddr *)&any, sizeof(in6));
    }
    assert_int_equal(inet_pton(AF_INET, text, &in4.sin_addr), 1);
    memcpy(&any, &in4, sizeof(in4));
    return address_is_public((struct sockaddr *)&any, sizeof(in4));
}

static void private_ones_are_known(void **state)
{
    static const char *const wrong[] = {
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.0.3",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.1",
        "198.51.100.7",
        "203.0.113.9",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "::7f00:1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "100::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "2001::1",
        "2001:1ff::1",
        "2001:db8::1",
        "2002:7f00:1::1",
        "3fff::1",
        "3fff:fff::1",
        "4000::1",
        "5f00::1",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        if (is_public(wrong[i]))
            fail_msg("%s is taken for public", wrong[i]);
}

static void public_ones_are_known(void **state)
{
    static const char *const fine[] = {
        "1.1.1.1",       "8.8.8.8",       "9.255.255.255", "11.0.0.1",     "100.63.255.255",
        "100.128.0.1",   "126.0.0.1",     "128.0.0.1",     "169.253.0.1",  "172.15.0.1",
        "172.32.0.1",    "192.0.1.1",     "192.167.0.1",   "198.17.0.1",   "198.20.0.1",
        "223.255.255.1", "2606:4700::11", "2001:200::1",   "2a00:1450::1", "2003::1",
        "3fff:1000::1",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fine); i++)
        if (!is_public(fine[i]))
            fail_msg("%s is taken for private", fine[i]);
}

static void other_families_and_short_ones_are_nobodys(void **state)
{
    struct sockaddr_storage any = { .ss_family = AF_UNIX };

    (void)state;
    assert_false(address_is_public((struct sockaddr *)&any, sizeof(any)));
    any.ss_family = AF_INET;
    assert_false(address_is_public((struct sockaddr *)&any, sizeof(struct sockaddr_in) - 1));
    any.ss_family = AF_INET6;
    assert_false(address_is_public((struct sockaddr *)&any, sizeof(struct sockaddr_in)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(private_ones_are_known),
        cmocka_unit_test(public_ones_are_known),
        cmocka_unit_test(other_families_and_short_ones_are_nobodys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
