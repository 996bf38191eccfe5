/*
 * roles.h - what each role of a key may do, in one table.
 *
 * A key has one or more roles. Those named in the table give rights; any other name is a label,
 * which gives none by itself and which the `role` of an approval policy may ask for.
 *
 * Roles are kept as one text with commas between them, "approve,finance".
 *
 * Pure.
 */
#ifndef AUTH_ROLES_H
#define AUTH_ROLES_H

#include "base/buf.h"

/* What a route asks for. */
enum auth_right {
    RIGHT_NONE,    /* no route has this: it is what a table has where something was left out */
    RIGHT_OPEN,    /* nothing: anybody may */
    RIGHT_READ,    /* sessions, and what belongs to them */
    RIGHT_SUBMIT,  /* begin sessions, and talk to them */
    RIGHT_INBOX,   /* see what people are asked */
    RIGHT_APPROVE, /* decide it */
    RIGHT_OPERATE, /* all else that changes sessions, and what webhooks are told of them */
    RIGHT_ADMIN,   /* keys */
    RIGHT_EXECUTE, /* run tools for others */
    RIGHT_COUNT
};

enum {
    AUTH_ROLES_MAX = 12, /* of one key */
    AUTH_NAME_MAX = 64,  /* bytes of a role, a tenant or a key's name */
    AUTH_ROLES_TEXT_MAX = AUTH_ROLES_MAX * (AUTH_NAME_MAX + 1),
    AUTH_RIGHT_TEXT_MAX = 96,
};

#define AUTH_ROLE_ADMIN "admin"

/* Bits 1 << enum auth_right of a key with these roles. */
unsigned auth_rights(struct slice roles);

/* True: it is among them. */
int auth_has_role(struct slice roles, struct slice role);

/* "'approve' or 'admin'": which roles give a right. */
const char *auth_right_text(char text[AUTH_RIGHT_TEXT_MAX], enum auth_right right);

/* True if this may be the name of a role: no comma, nothing that is not shown, no blank around. */
int auth_is_role(struct slice name);

/* The same of a key's name, where a comma is fine. */
int auth_is_key_name(struct slice name);

/* "" or letters, digits, '_', '-' and '.'. */
int auth_is_tenant(struct slice name);

/* Appends a role to a list. 0, or 1: there is no room for it. One that is there stays once. */
int auth_add_role(struct buf *roles, struct slice role);

/* for (size_t at = 0; auth_next_role(roles, &at, &role);) */
int auth_next_role(struct slice roles, size_t *at, struct slice *ret_role);

#endif
