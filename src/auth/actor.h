/*
 * actor.h - who asks for something: for the journal, for what may be seen, for an audit.
 *
 * It lends what it names: the key is the keyring's, and lives as long as that.
 */
#ifndef AUTH_ACTOR_H
#define AUTH_ACTOR_H

#include "auth/keyring.h"

enum { AUTH_ADDRESS_MAX = 46, AUTH_ACTOR_NAME_MAX = 64 };

struct auth_actor {
    const struct auth_key *key;          /* NULL: there are no keys, and everybody may do all */
    char address[AUTH_ADDRESS_MAX];      /* where the request came from */
    char otherwise[AUTH_ACTOR_NAME_MAX]; /* what stands for the name of one without a key */
};

/* One without a key: "api:127.0.0.1". */
struct auth_actor auth_actor_at(const char *address);

/* Its key's id; "open" of one without a key. */
struct slice auth_actor_id(const struct auth_actor *actor);

struct slice auth_actor_name(const struct auth_actor *actor);
struct slice auth_actor_tenant(const struct auth_actor *actor);

/* Its roles; { NULL, 0 } of one without a key, who needs none. */
struct slice auth_actor_roles(const struct auth_actor *actor);

#endif
