#include "net/address.h"

#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

#include "base/attr.h"

struct block4 {
    unsigned char from[4];
    unsigned bits;
};

static const struct block4 not_public4[] = {
    { { 0 }, 8 },             /* this network */
    { { 10 }, 8 },            /* private */
    { { 100, 64 }, 10 },      /* shared by a carrier */
    { { 127 }, 8 },           /* loopback */
    { { 169, 254 }, 16 },     /* link-local; metadata of clouds */
    { { 172, 16 }, 12 },      /* private */
    { { 192, 0, 0 }, 24 },    /* protocols */
    { { 192, 0, 2 }, 24 },    /* documents */
    { { 192, 88, 99 }, 24 },  /* 6to4 relays */
    { { 192, 168 }, 16 },     /* private */
    { { 198, 18 }, 15 },      /* benchmarks */
    { { 198, 51, 100 }, 24 }, /* documents */
    { { 203, 0, 113 }, 24 },  /* documents */
    { { 224 }, 3 },           /* multicast, reserved, broadcast */
};

struct block6 {
    unsigned char from[16];
    unsigned bits;
};

/* Of 2000::/3, beside which nothing is global. */
static const struct block6 not_public6[] = {
    { { 0x20, 0x01, 0x00 }, 23 },       /* protocols, Teredo among them */
    { { 0x20, 0x01, 0x0d, 0xb8 }, 32 }, /* documents */
    { { 0x20, 0x02 }, 16 },             /* 6to4 */
    { { 0x3f, 0xff }, 20 },             /* documents */
};

static int starts_with(const unsigned char *address, const unsigned char *block, unsigned bits)
{
    unsigned rest = bits % 8;

    if (memcmp(address, block, bits / 8) != 0)
        return 0;
    return rest == 0 || ((address[bits / 8] ^ block[bits / 8]) >> (8 - rest)) == 0;
}

static int is_public4(const unsigned char *address)
{
    for (size_t i = 0; i < ARRAY_LEN(not_public4); i++)
        if (starts_with(address, not_public4[i].from, not_public4[i].bits))
            return 0;
    return 1;
}

static int is_public6(const unsigned char *address)
{
    static const unsigned char global[16] = { 0x20 };

    if (!starts_with(address, global, 3))
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(not_public6); i++)
        if (starts_with(address, not_public6[i].from, not_public6[i].bits))
            return 0;
    return 1;
}

int address_is_public(const struct sockaddr *address, socklen_t len)
{
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;

    if (address->sa_family == AF_INET && len >= sizeof(in4)) {
        memcpy(&in4, address, sizeof(in4));
        return is_public4((const unsigned char *)&in4.sin_addr);
    }
    if (address->sa_family == AF_INET6 && len >= sizeof(in6)) {
        memcpy(&in6, address, sizeof(in6));
        return is_public6(in6.sin6_addr.s6_addr);
    }
    return 0;
}
