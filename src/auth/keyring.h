/*
 * keyring.h - the keys that there are, in memory, so that checking one costs no read of the store.
 *
 * Keys are few, made and revoked by people: all of them are kept, the revoked ones, too, at one
 * place as long as the keyring lives. So who holds a key need not care whether it is revoked
 * meanwhile: it says so itself.
 *
 * Nothing of a secret is here but its hash.
 *
 * Threads: every call belongs to the loop's thread.
 */
#ifndef AUTH_KEYRING_H
#define AUTH_KEYRING_H

#include "auth/roles.h"
#include "base/hash.h"
#include "store/store.h"

enum { KEYRING_IN_FORCE_MAX = 10000 };

struct auth_key {
    const char *id; /* these belong to the keyring */
    const char *name;
    const char *roles;
    const char *tenant;
    const char *created_by;
    unsigned rights; /* bits 1 << enum auth_right */
    int64_t created_at_ms;
    int64_t revoked_at_ms; /* 0: in force */
    unsigned revocations;  /* the caller's: writes that are under way */
    struct sha256 secret_hash;
};

struct keyring;

struct keyring *keyring_new(void);
void keyring_free(struct keyring *keyring); /* NULL-safe */

/* ERR_CORRUPT: it is no such row. ERR_CONFLICT: its id is there already. */
enum err_code keyring_add(struct keyring *keyring, const struct store_api_key *row,
                          struct err *err) MUST_CHECK;
void keyring_revoke(struct keyring *keyring, struct auth_key *key, int64_t at_ms);

/* Reads all that are stored; done once, from the loop. */
typedef void keyring_loaded_fn(void *arg, const struct err *err);
void keyring_load(struct keyring *keyring, struct store *store, keyring_loaded_fn *done, void *arg);

/* In the order in which they were made; NULL at the end. */
struct auth_key *keyring_at(const struct keyring *keyring, size_t i);
struct auth_key *keyring_find(const struct keyring *keyring, struct slice id); /* NULL: none */

size_t keyring_in_force(const struct keyring *keyring);

/*
 * Admins of the default tenant, who make and revoke keys of all tenants, and can therefore not all
 * be revoked: those in force that nobody is revoking.
 */
size_t keyring_admins(const struct keyring *keyring);
int auth_key_is_chief(const struct auth_key *key);

enum key_verdict {
    KEY_GOOD,
    KEY_MALFORMED, /* it is no key's text */
    KEY_WRONG,     /* no key has this id, or its secret is another: nobody is told which */
    KEY_REVOKED,   /* it was right */
};

/*
 * The time it takes tells nothing of what is stored: one with an unknown id is compared, too.
 * *ret_key only if it is good.
 */
enum key_verdict keyring_check(const struct keyring *keyring, struct slice text,
                               const struct auth_key **ret_key);

#endif
