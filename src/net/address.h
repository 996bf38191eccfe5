/*
 * address.h - which addresses are anybody's on the internet, and which are this machine's, this
 * network's or nobody's. Pure.
 */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include <sys/socket.h>

/*
 * False for what is private, loopback, link-local, multicast, unspecified, shared (CGNAT), reserved
 * or for documents, for IPv6 addresses that carry an IPv4 one (mapped, NAT64, 6to4, Teredo), and
 * for every other family: https://www.iana.org/assignments/iana-ipv4-special-registry and
 * .../iana-ipv6-special-registry.
 */
int address_is_public(const struct sockaddr *address, socklen_t len);

#endif
