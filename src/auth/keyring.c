#include "auth/keyring.h"

#include <stdlib.h>

#include "auth/key_text.h"
#include "base/map.h"

struct keyring {
    struct map *by_id;
    struct auth_key **keys;
    size_t n, cap;
    size_t in_force;
    struct { /* while it is loaded */
        struct store *store;
        struct store_op op;
        keyring_loaded_fn *done;
        void *arg;
    } load;
};

enum { LOAD_PAGE = 500 };

struct keyring *keyring_new(void)
{
    struct keyring *keyring = xcalloc(1, sizeof(*keyring));

    keyring->by_id = map_new();
    return keyring;
}

static void drop(const char *text)
{
    union {
        const char *borrowed;
        void *owned;
    } p = { .borrowed = text };

    free(p.owned);
}

void keyring_free(struct keyring *keyring)
{
    if (!keyring)
        return;
    for (size_t i = 0; i < keyring->n; i++) {
        const struct auth_key *key = keyring->keys[i];

        drop(key->id);
        drop(key->name);
        drop(key->roles);
        drop(key->tenant);
        drop(key->created_by);
        free(keyring->keys[i]);
    }
    map_free(keyring->by_id);
    free(keyring->keys);
    free(keyring);
}

/* ---- rows ---- */

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int read_hash(struct sha256 *ret_hash, struct slice text)
{
    if (text.len != (size_t)2 * SHA256_BYTES)
        return 0;
    for (size_t i = 0; i < SHA256_BYTES; i++) {
        int high = hex(text.ptr[2 * i]);
        int low = hex(text.ptr[2 * i + 1]);

        if (high < 0 || low < 0)
            return 0;
        ret_hash->bytes[i] = (unsigned char)(high << 4 | low);
    }
    return 1;
}

enum err_code keyring_add(struct keyring *keyring, const struct store_api_key *row, struct err *err)
{
    struct sha256 hash;

    if (row->id.len == 0 || row->id.len > AUTH_NAME_MAX || !auth_is_key_name(row->name) ||
        row->roles.len > AUTH_ROLES_TEXT_MAX || row->created_by.len > STORE_NAME_MAX ||
        !auth_is_tenant(row->tenant) || !read_hash(&hash, row->secret_hash))
        return err_set(err, ERR_CORRUPT,
                       "the API key '%.*s' (table api_key, row %lld) has a value that cannot be",
                       (int)(row->id.len < AUTH_NAME_MAX ? row->id.len : AUTH_NAME_MAX),
                       row->id.len ? row->id.ptr : "", (long long)row->key);
    if (keyring_find(keyring, row->id))
        return err_set(err, ERR_CONFLICT, "there is a key '%.*s' already", (int)row->id.len,
                       row->id.ptr);
    struct auth_key *key = xcalloc(1, sizeof(*key));

    *key = (struct auth_key){
        .id = slice_dup(row->id),
        .name = slice_dup(row->name),
        .roles = slice_dup(row->roles),
        .tenant = slice_dup(row->tenant),
        .created_by = slice_dup(row->created_by),
        .rights = auth_rights(row->roles),
        .created_at_ms = row->created_at_ms,
        .revoked_at_ms = row->revoked_at_ms,
        .secret_hash = hash,
    };
    if (keyring->n == keyring->cap) {
        keyring->cap = keyring->cap ? keyring->cap * 2 : 16;
        keyring->keys = xrealloc(keyring->keys, keyring->cap * sizeof(struct auth_key *));
    }
    keyring->keys[keyring->n++] = key;
    keyring->in_force += key->revoked_at_ms == 0;
    (void)map_put(keyring->by_id, row->id, key);
    return ERR_NONE;
}

void keyring_revoke(struct keyring *keyring, struct auth_key *key, int64_t at_ms)
{
    ASSERT(at_ms > 0);
    if (key->revoked_at_ms != 0)
        return;
    key->revoked_at_ms = at_ms;
    keyring->in_force--;
}

/* ---- loading ---- */

static void load_page(struct keyring *keyring, int64_t after_key);

static void on_page(struct store_op *op, void *arg)
{
    struct keyring *keyring = arg;
    struct err err = op->err;
    size_t n = err.code ? 0 : op->api_keys.rows_n;

    for (size_t i = 0; i < n && !err.code; i++) {
        if (keyring_add(keyring, &op->api_keys.rows[i], &err))
            break;
    }
    if (!err.code && op->api_keys.has_more && n > 0)
        load_page(keyring, op->api_keys.rows[n - 1].key);
    else
        keyring->load.done(keyring->load.arg, &err);
}

static void load_page(struct keyring *keyring, int64_t after_key)
{
    keyring->load.op =
        (struct store_op){ .kind = STORE_API_KEYS,
                           .api_keys = { .after_key = after_key, .limit = LOAD_PAGE },
                           .done = on_page,
                           .arg = keyring };
    store_submit(keyring->load.store, &keyring->load.op);
}

void keyring_load(struct keyring *keyring, struct store *store, keyring_loaded_fn *done, void *arg)
{
    ASSERT(keyring->n == 0);
    keyring->load.store = store;
    keyring->load.done = done;
    keyring->load.arg = arg;
    load_page(keyring, 0);
}

/* ---- looking ---- */

struct auth_key *keyring_at(const struct keyring *keyring, size_t i)
{
    return i < keyring->n ? keyring->keys[i] : NULL;
}

struct auth_key *keyring_find(const struct keyring *keyring, struct slice id)
{
    return map_get(keyring->by_id, id);
}

size_t keyring_in_force(const struct keyring *keyring)
{
    return keyring->in_force;
}

int auth_key_is_chief(const struct auth_key *key)
{
    return key->tenant[0] == '\0' && (key->rights & (1u << RIGHT_ADMIN)) != 0;
}

size_t keyring_admins(const struct keyring *keyring)
{
    size_t n = 0;

    for (size_t i = 0; i < keyring->n; i++) {
        const struct auth_key *key = keyring->keys[i];

        n += auth_key_is_chief(key) && key->revoked_at_ms == 0 && key->revocations == 0;
    }
    return n;
}

enum key_verdict keyring_check(const struct keyring *keyring, struct slice text,
                               const struct auth_key **ret_key)
{
    static const struct auth_key nobody = { .id = "" };
    struct key_parts parts;

    if (key_text_read(&parts, text))
        return KEY_MALFORMED;
    const struct auth_key *known = keyring_find(keyring, parts.id);
    const struct auth_key *key = known ? known : &nobody;
    struct sha256 hash = key_secret_hash(parts.secret);
    int is_same = sha256_is_same(&hash, &key->secret_hash);

    if (!known || !is_same)
        return KEY_WRONG;
    if (key->revoked_at_ms != 0)
        return KEY_REVOKED;
    *ret_key = key;
    return KEY_GOOD;
}
