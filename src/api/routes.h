/*
 * routes.h - which handler answers which request, and why none does. For api/ only.
 *
 * Pure: a method and a decoded path in, a row of the table out.
 */
#ifndef API_ROUTES_H
#define API_ROUTES_H

#include "auth/roles.h"
#include "base/buf.h"

struct ask;
typedef void route_fn(struct ask *ask);

struct route {
    const char *method;
    const char *pattern;   /* "/v1/sessions/{id}/events": {id} is one segment, never empty */
    enum auth_right right; /* what who asks must be allowed to do */
    route_fn *fn;
    /* Query parameters that it takes, NULL-terminated; one that ends with '.' is a prefix. */
    const char *const *query;
};

enum route_verdict {
    ROUTE_FOUND,
    ROUTE_NO_PATH,   /* 404 */
    ROUTE_NO_METHOD, /* 405; `allow` lists what there is */
};

enum { ROUTE_ALLOW_MAX = 64 };

struct route_match {
    const struct route *route;
    struct slice id;     /* what stood for {id}; borrowed from path */
    struct slice number; /* what stood for {n}, or {name} */
    char allow[ROUTE_ALLOW_MAX];
};

enum route_verdict route_find(struct slice method, struct slice path,
                              struct route_match *ret_match);

/* The i-th row, NULL at the end: for tests. */
const struct route *route_at(size_t i);

#endif
