#include "auth/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static uint64_t bits_of_v4(const unsigned char bytes[4])
{
    return (uint64_t)bytes[0] << 24 | (uint64_t)bytes[1] << 16 | (uint64_t)bytes[2] << 8 | bytes[3];
}

struct auth_place auth_place_of(const char *address)
{
    struct auth_place place = { 0 };
    struct in6_addr v6;
    struct in_addr v4;

    if (inet_pton(AF_INET, address, &v4) == 1) {
        place.bits = ntohl(v4.s_addr);
    } else if (inet_pton(AF_INET6, address, &v6) == 1) {
        if (IN6_IS_ADDR_V4MAPPED(&v6)) { /* how a socket for both gives an IPv4 peer */
            place.bits = bits_of_v4(v6.s6_addr + 12);
        } else {
            place.bits = bits_of_v4(v6.s6_addr) << 32 | bits_of_v4(v6.s6_addr + 4);
            place.is_ipv6 = 1;
        }
    }
    return place;
}

int auth_is_loopback(const char *address)
{
    struct in6_addr v6;
    struct in_addr v4;

    if (inet_pton(AF_INET, address, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, address, &v6) != 1)
        return 0;
    return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
}
