#include "auth/new_key.h"

enum { CREATED_BY_MAX = 255 };

enum err_code new_key_set(struct new_key *key, struct slice name, struct slice tenant,
                          struct slice created_by, struct err *err)
{
    if (!auth_is_key_name(name))
        return err_set(err, ERR_INVALID,
                       "'name' must have 1 to %d bytes of text on one line, without a blank at its "
                       "begin or end",
                       AUTH_NAME_MAX);
    if (!auth_is_tenant(tenant))
        return err_set(err, ERR_INVALID,
                       "'tenant' must have at most %d characters of a-z, A-Z, 0-9, '_', '-' "
                       "and '.'",
                       AUTH_NAME_MAX);
    ASSERT(created_by.len <= CREATED_BY_MAX);
    *key = (struct new_key){ .name.max = AUTH_NAME_MAX,
                             .tenant.max = AUTH_NAME_MAX,
                             .created_by.max = CREATED_BY_MAX,
                             .roles.max = AUTH_ROLES_TEXT_MAX };
    buf_put(&key->name, name);
    buf_put(&key->tenant, tenant);
    buf_put(&key->created_by, created_by);
    return ERR_NONE;
}

enum err_code new_key_add_role(struct new_key *key, struct slice role, struct err *err)
{
    if (!auth_is_role(role))
        return err_set(err, ERR_INVALID,
                       "a role must have 1 to %d bytes of text on one line, without a comma, and "
                       "without a blank at its begin or end",
                       AUTH_NAME_MAX);
    if (auth_add_role(&key->roles, role))
        return err_set(err, ERR_INVALID, "a key has at most %d roles", (int)AUTH_ROLES_MAX);
    return ERR_NONE;
}

enum err_code new_key_check(const struct new_key *key, int is_first, struct err *err)
{
    unsigned rights = auth_rights(buf_slice(&key->roles));

    if (key->roles.len == 0)
        return err_set(err, ERR_INVALID,
                       "a key needs a role: submit, approve, operate, admin or "
                       "executor, and names of your own for approvals");
    if (is_first && (!(rights & (1u << RIGHT_ADMIN)) || key->tenant.len > 0))
        return err_set(err, ERR_INVALID,
                       "the first key must have the role 'admin' and no tenant: from then on every "
                       "request needs a key, and nobody else could make another");
    return ERR_NONE;
}

void new_key_make(struct new_key *key, int64_t at_ms)
{
    struct key_parts parts = { 0 };

    key_text_make(&key->text);
    int is_none = key_text_read(&parts, slice_of(key->text.text));

    ASSERT(!is_none);
    struct sha256 hash = key_secret_hash(parts.secret);

    key->row = (struct store_api_key){
        .id = parts.id,
        .secret_hash = slice_of(sha256_text(key->hash, &hash)),
        .name = buf_slice(&key->name),
        .roles = buf_slice(&key->roles),
        .tenant = buf_slice(&key->tenant),
        .created_at_ms = at_ms,
        .created_by = buf_slice(&key->created_by),
    };
}

void new_key_release(struct new_key *key)
{
    key_text_wipe(&key->text);
    buf_release(&key->name);
    buf_release(&key->tenant);
    buf_release(&key->created_by);
    buf_release(&key->roles);
}
