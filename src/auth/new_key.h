/*
 * new_key.h - a key that is to be made: what may be asked for, its text, and the row that is
 * stored of it.
 */
#ifndef AUTH_NEW_KEY_H
#define AUTH_NEW_KEY_H

#include "auth/key_text.h"
#include "auth/roles.h"
#include "store/store.h"

struct new_key {
    struct buf name, tenant, created_by, roles; /* its own */
    struct key_text text;                       /* the only place where the secret is */
    char hash[SHA256_TEXT_MAX];
    struct store_api_key row; /* made of the others */
};

/* Takes copies. ERR_INVALID: it is no name; the message is for who asks. */
enum err_code new_key_set(struct new_key *key, struct slice name, struct slice tenant,
                          struct slice created_by, struct err *err) MUST_CHECK;
enum err_code new_key_add_role(struct new_key *key, struct slice role, struct err *err) MUST_CHECK;

/*
 * ERR_INVALID: it has no role; or it is the first, and no admin of the default tenant: then nobody
 * could make another.
 */
enum err_code new_key_check(const struct new_key *key, int is_first, struct err *err) MUST_CHECK;

/* Draws the secret. What it is given for `row` stays in place until new_key_release(). */
void new_key_make(struct new_key *key, int64_t at_ms);

void new_key_release(struct new_key *key); /* wipes the secret; repeatable */

#endif
