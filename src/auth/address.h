/*
 * address.h - where a request comes from, as far as it says who asks. Pure.
 *
 * An IPv4 address is one place. Of an IPv6 address only the first 64 bits are: whoever has one has
 * all that share them.
 */
#ifndef AUTH_ADDRESS_H
#define AUTH_ADDRESS_H

#include <stdint.h>

struct auth_place {
    uint64_t bits;
    int is_ipv6;
};

/* Of a numeric address; one that is none is the same place as all that are none. */
struct auth_place auth_place_of(const char *address);

/* True: only programs of this machine reach it: 127.0.0.0/8, ::1. */
int auth_is_loopback(const char *address);

#endif
