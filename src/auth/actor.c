#include "auth/actor.h"

#include <stdio.h>

struct auth_actor auth_actor_at(const char *address)
{
    struct auth_actor actor = { 0 };

    (void)snprintf(actor.address, sizeof(actor.address), "%s", address);
    (void)snprintf(actor.otherwise, sizeof(actor.otherwise), "api:%s", actor.address);
    return actor;
}

struct slice auth_actor_id(const struct auth_actor *actor)
{
    return slice_of(actor->key ? actor->key->id : "open");
}

struct slice auth_actor_name(const struct auth_actor *actor)
{
    return slice_of(actor->key ? actor->key->name : actor->otherwise);
}

struct slice auth_actor_tenant(const struct auth_actor *actor)
{
    return slice_of(actor->key ? actor->key->tenant : "");
}

struct slice auth_actor_roles(const struct auth_actor *actor)
{
    return actor->key ? slice_of(actor->key->roles) : (struct slice){ NULL, 0 };
}
