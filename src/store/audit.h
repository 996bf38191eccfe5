/*
 * audit.h - who did what, when and from where: rows that are chained by their hashes.
 *
 * A row's hash is the SHA-256 of the row and of the hash before it, so none can be changed, taken
 * out or put in between without breaking the chain behind it. docs/audit.md says what is hashed,
 * byte for byte.
 *
 * No row holds what was said, only a hash of it: an erased session's rows stay.
 */
#ifndef STORE_AUDIT_H
#define STORE_AUDIT_H

#include "base/hash.h"

/* What can be done. A name once stored keeps its meaning. */
enum audit_action {
    AUDIT_SESSION_CREATE,
    AUDIT_SESSION_MESSAGE,
    AUDIT_SESSION_CANCEL,
    AUDIT_SESSION_PAUSE,
    AUDIT_SESSION_RESUME,
    AUDIT_SESSION_RETRY,
    AUDIT_SESSION_CHANGE,
    AUDIT_SESSION_FORK,
    AUDIT_SESSION_ERASE,
    AUDIT_CALL_SETTLE,
    AUDIT_APPROVAL_APPROVE,
    AUDIT_APPROVAL_REJECT,
    AUDIT_APPROVAL_ANSWER,
    AUDIT_SESSION_SIGNAL,
    AUDIT_KEY_CREATE,
    AUDIT_KEY_REVOKE,
    AUDIT_DELIVERY_REDELIVER,
    AUDIT_ACTION_COUNT
};

struct slice audit_action_name(enum audit_action action); /* "session.create", ... */
enum audit_action audit_action_of(struct slice name);     /* _COUNT: it is none of them */

struct store_audit {
    int64_t seq; /* out: 1, 2, 3... */
    int64_t at_ms;
    struct slice tenant;
    struct slice actor;        /* a key's id; "open": there are no keys; "retention", ... */
    struct slice actor_name;   /* of the key, or what the actor says */
    struct slice address;      /* of the peer; empty: it came from inside */
    struct slice action;       /* audit_action_name() */
    struct slice target;       /* id of a session, a key, a delivery */
    int64_t call;              /* of that session; 0: it is about none */
    struct slice request_hash; /* SHA-256 of the request's body, 64 hex digits; empty: no request */
    struct slice outcome;      /* "done", or more of it */
    struct slice prev_hash;    /* out: of the row before, empty at the first */
    struct slice hash;         /* out: 64 hex digits */
};

/* The end of a chain: its last row. seq 0 and no hash: it has none. */
struct audit_link {
    int64_t seq;
    char hash[SHA256_TEXT_MAX];
};

struct audit_link audit_link_of(int64_t seq, struct slice hash);

/* The hash that a row should have, from all else that it holds. */
struct audit_link audit_seal(const struct store_audit *row);

/* What is wrong with a row that is read after `end`. */
enum audit_fault {
    AUDIT_GOOD,
    AUDIT_MISSING,  /* rows between end and this one are not there */
    AUDIT_CHANGED,  /* it is not what its hash says */
    AUDIT_UNLINKED, /* it is, but it does not follow the row before: one of them is not the first */
};

/* Looks at it, and goes on to it whatever it is like, so that a fault is told once. */
enum audit_fault audit_follow(struct audit_link *end, const struct store_audit *row);

#endif
