/*
 * keys.c - POST and GET /v1/keys, DELETE /v1/keys/{id}: who may use this server.
 *
 * An admin of the default tenant makes and revokes keys of all tenants, one of another tenant those
 * of his own: of others he does not see that they are there.
 *
 * A change counts when it is stored, and from that moment at once: the keyring has it before the
 * answer is given, and what is still open for a key that was revoked ends.
 */
#include <stdlib.h>

#include "api/ask.h"
#include "api/body.h"
#include "api/cursor.h"
#include "api/member.h"
#include "auth/new_key.h"

enum { LIST_LIMIT = 50, KEY_JSON_MAX = 16 * 1024 };

/* ---- as JSON ---- */

static void put_key(struct buf *json, const struct auth_key *key, const struct key_text *text)
{
    struct slice role;

    json_begin(json, '{');
    json_key(json, "id");
    json_put_str(json, slice_of(key->id));
    json_key(json, "name");
    json_put_str(json, slice_of(key->name));
    json_key(json, "roles");
    json_begin(json, '[');
    for (size_t at = 0; auth_next_role(slice_of(key->roles), &at, &role);)
        json_put_str(json, role);
    json_end(json, ']');
    json_key(json, "tenant");
    json_put_str(json, slice_of(key->tenant));
    member_put_time(json, "created_at", key->created_at_ms);
    json_key(json, "created_by");
    json_put_str(json, slice_of(key->created_by));
    member_put_time(json, "revoked_at", key->revoked_at_ms);
    if (text) {
        json_key(json, "key");
        json_put_str(json, slice_of(text->text));
    }
    json_end(json, '}');
}

static void reply_key(struct ask *ask, int status, const struct auth_key *key,
                      const struct key_text *text)
{
    CLEANUP(buf_release) struct buf json = { .max = KEY_JSON_MAX };

    put_key(&json, key, text);
    ask_reply(ask, status, &json, NULL);
}

/* ---- whose they are ---- */

static int is_seen_by(const struct auth_key *key, const struct auth_actor *actor)
{
    struct slice tenant = auth_actor_tenant(actor);

    return tenant.len == 0 || slice_is(tenant, key->tenant);
}

/* ---- what a failed write of the store is ---- */

static void refuse_write(struct ask *ask, const struct err *err, const char *advice)
{
    if (err->code == ERR_TIMEOUT)
        ask_reply_problem(ask, 504, "outcome_unknown",
                          "It is not known whether this was done: %s. %s", err->msg, advice);
    else
        ask_store_failed(ask, err);
}

/* ---- what has lost its right ---- */

/* All that are open for this key, or for nobody's. */
static void cut(struct api *api, const struct auth_key *key)
{
    struct link *next = NULL;

    for (struct link *at = list_first(&api->asks); at; at = next) {
        struct ask *ask = CONTAINER_OF(at, struct ask, link);

        next = at->next;
        if (ask->actor.key != key || ask->match.route->right == RIGHT_OPEN)
            continue;
        ask->is_cut = 1;
        if (ask->on_cut)
            ask->on_cut(ask);
    }
}

/* ---- making one ---- */

struct making {
    struct new_key key;
    struct json *body;
};

static void free_making(void *work)
{
    struct making *making = work;

    new_key_release(&making->key);
    json_free(making->body);
    free(making);
}

static void on_made(struct store_op *op, void *arg)
{
    struct ask *ask = arg;
    const struct making *making = ask->work;
    struct api *api = ask->api;
    struct keyring *keys = api->deps.keys;
    int is_first = keyring_at(keys, 0) == NULL;
    struct err err = op->err;

    if (err.code || keyring_add(keys, &making->key.row, &err)) {
        refuse_write(ask, &err, "Make another; whoever has the text of none cannot use it.");
        return;
    }
    reply_key(ask, 201, keyring_find(keys, making->key.row.id), &making->key.text);
    if (is_first)
        cut(api, NULL);
}

static int read_roles(struct new_key *key, const struct json *roles, struct refusal *ret_refusal)
{
    struct err err = { 0 };

    for (size_t i = 0; i < json_count(roles); i++) {
        const struct json *role = json_at(roles, i);

        if (json_kind(role) != JSON_KIND_STRING)
            return refuse(ret_refusal, 422, "wrong_type", "'roles[%zu]' must be a string, not %s.",
                          i, json_kind_name(json_kind(role)));
        if (new_key_add_role(key, json_str(role), &err))
            return refuse(ret_refusal, 422, "out_of_range", "'roles[%zu]': %s.", i, err.msg);
    }
    return 0;
}

static int check_tenant(const struct ask *ask, struct slice tenant, struct refusal *ret_refusal)
{
    struct slice own = auth_actor_tenant(&ask->actor);

    if (own.len == 0 || slice_equal(own, tenant))
        return 0;
    return refuse(ret_refusal, 403, "tenant_refused",
                  "A key of the tenant '%.*s' makes keys of that tenant only.", (int)own.len,
                  own.ptr);
}

static int read_new(struct ask *ask, struct making *making, struct refusal *ret_refusal)
{
    static const struct field fields[] = {
        { "name", JSON_KIND_STRING, 1 },
        { "roles", JSON_KIND_ARRAY, 1 },
        { "tenant", JSON_KIND_STRING, 0 },
    };
    static const struct body_rules rules = { fields, ARRAY_LEN(fields), 0 };
    const struct keyring *keys = ask->api->deps.keys;
    struct new_key *key = &making->key;
    struct err err = { 0 };

    if (ask_check_phase(ask, ret_refusal) ||
        body_read(&making->body, http_request_header(ask->request, "Content-Type"),
                  http_request_body(ask->request), &rules, ret_refusal))
        return 1;
    if (http_request_header(ask->request, "Idempotency-Key").ptr)
        return refuse(ret_refusal, 400, "invalid_idempotency_key",
                      "A key is shown once, so this cannot be sent again: leave 'Idempotency-Key' "
                      "out, and revoke a key whose answer was lost.");
    const struct json *tenant = json_get(making->body, "tenant");
    struct slice whose = tenant ? json_str(tenant) : auth_actor_tenant(&ask->actor);

    if (new_key_set(key, json_str(json_get(making->body, "name")), whose,
                    auth_actor_name(&ask->actor), &err))
        return refuse(ret_refusal, 422, "out_of_range", "%s.", err.msg);
    if (check_tenant(ask, whose, ret_refusal) ||
        read_roles(key, json_get(making->body, "roles"), ret_refusal))
        return 1;
    if (new_key_check(key, keyring_at(keys, 0) == NULL, &err))
        return refuse(ret_refusal, 422, "out_of_range", "%s.", err.msg);
    if (keyring_in_force(keys) >= KEYRING_IN_FORCE_MAX)
        return refuse(ret_refusal, 409, "too_many_keys",
                      "There are %d keys, which is the most; revoke those that nobody needs.",
                      KEYRING_IN_FORCE_MAX);
    return 0;
}

void keys_create(struct ask *ask)
{
    struct making *making = xcalloc(1, sizeof(*making));
    struct refusal refusal;

    ask->work = making;
    ask->free_work = free_making;
    if (read_new(ask, making, &refusal)) {
        ask_refuse(ask, &refusal);
        return;
    }
    new_key_make(&making->key, loop_wall_ms(ask->api->deps.loop));
    ask->op = (struct store_op){ .kind = STORE_API_KEY_ADD, .api_key.row = making->key.row };
    ask_audit(ask, AUDIT_KEY_CREATE, making->key.row.id, making->key.row.tenant);
    ask_submit(ask, on_made);
}

/* ---- revoking one ---- */

static void on_revoked(struct store_op *op, void *arg)
{
    struct ask *ask = arg;
    struct api *api = ask->api;
    struct auth_key *key = keyring_find(api->deps.keys, op->api_key.row.id);

    key->revocations--;
    if (op->err.code) {
        refuse_write(ask, &op->err, "Send it again.");
        return;
    }
    keyring_revoke(api->deps.keys, key, op->api_key.row.revoked_at_ms);
    reply_key(ask, 200, key, NULL);
    cut(api, key);
}

static void no_key(struct ask *ask)
{
    char text[QUOTED_TEXT_MAX];

    ask_reply_problem(ask, 404, "key_not_found",
                      "There is no key '%s'. GET /v1/keys lists those that there are.",
                      quoted_text(text, ask->match.id));
}

void keys_revoke(struct ask *ask)
{
    static const struct body_rules rules = { NULL, 0, 1 };
    struct keyring *keys = ask->api->deps.keys;
    struct auth_key *key = keyring_find(keys, ask->match.id);
    struct json *body = NULL;
    struct refusal refusal;

    if (ask_check_phase(ask, &refusal) ||
        body_read(&body, http_request_header(ask->request, "Content-Type"),
                  http_request_body(ask->request), &rules, &refusal)) {
        ask_refuse(ask, &refusal);
        return;
    }
    json_free(body);
    if (!key || !is_seen_by(key, &ask->actor)) {
        no_key(ask);
    } else if (key->revoked_at_ms != 0) {
        reply_key(ask, 200, key, NULL); /* as if it had been asked once */
    } else if (auth_key_is_chief(key) && key->revocations == 0 && keyring_admins(keys) == 1) {
        ask_reply_problem(ask, 409, "last_admin_key",
                          "This is the last key that makes and revokes others; make another "
                          "admin key first.");
    } else {
        key->revocations++;
        ask->op = (struct store_op){ .kind = STORE_API_KEY_REVOKE,
                                     .api_key.row = { .id = slice_of(key->id),
                                                      .revoked_at_ms =
                                                          loop_wall_ms(ask->api->deps.loop) } };
        ask_audit(ask, AUDIT_KEY_REVOKE, slice_of(key->id), slice_of(key->tenant));
        ask_submit(ask, on_revoked);
    }
}

/* ---- the list ---- */

static int read_page(const struct ask *ask, int64_t *ret_at, int64_t *ret_limit,
                     struct refusal *ret_refusal)
{
    struct slice cursor = http_request_query(ask->request, "cursor");

    if (ask_query_int(ask, "limit", 1, STORE_PAGE_MAX, ret_limit, ret_refusal))
        return 1;
    if (cursor.ptr && cursor_read(ret_at, 'k', cursor))
        return refuse(ret_refusal, 400, "invalid_cursor",
                      "'cursor' is not one that this list gave: pass 'next_cursor' of the former "
                      "page as it is, or leave it out to begin with the first.");
    return 0;
}

void keys_list(struct ask *ask)
{
    const struct keyring *keys = ask->api->deps.keys;
    char cursor[CURSOR_TEXT_MAX];
    struct refusal refusal;
    int64_t at = 0;
    int64_t limit = LIST_LIMIT;

    if (read_page(ask, &at, &limit, &refusal)) {
        ask_refuse(ask, &refusal);
        return;
    }
    CLEANUP(buf_release) struct buf json = { .max = (size_t)(limit + 1) * KEY_JSON_MAX };
    const struct auth_key *key;
    int64_t n = 0;

    json_begin(&json, '{');
    json_key(&json, "data");
    json_begin(&json, '[');
    for (; (key = keyring_at(keys, (size_t)at)) && n < limit; at++) {
        if (!is_seen_by(key, &ask->actor))
            continue;
        put_key(&json, key, NULL);
        n++;
    }
    while (key && !is_seen_by(key, &ask->actor))
        key = keyring_at(keys, (size_t)++at);
    json_end(&json, ']');
    json_key(&json, "next_cursor");
    if (key)
        json_put_str(&json, slice_of(cursor_text(cursor, 'k', at)));
    else
        json_put_null(&json);
    json_end(&json, '}');
    ask_reply(ask, 200, &json, NULL);
}
