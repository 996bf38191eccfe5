/* build_webhook.c - who is told of what happens. */
#include "base/base64.h"
#include "config/build.h"
#include "core/notice.h"

enum { KEY_BYTES_MIN = 24, KEY_BYTES_MAX = 64, SECRET_TEXT_MAX = 256 };

#define SECRET_PREFIX "whsec_"

/* ---- name ---- */

static int is_name(struct slice name)
{
    static const char known[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    size_t len = strspn(name.ptr, known);

    return len > 0 && len == name.len && len <= 64;
}

static const char *build_name(struct build *build, struct fields fields)
{
    const struct yaml_node *node = fields_node(fields, "name");

    if (!node)
        return "";
    if (!is_name(node->text))
        report_error(build->report, node->at,
                     "%s: %s is no name: write 1 to 64 of the characters a-z 0-9 -",
                     yaml_path(node).text, quote(node->written).text);
    for (size_t i = 0; i < build->config->webhooks_n; i++)
        if (slice_is(node->text, build->webhooks[i].name))
            report_error(build->report, node->at, "%s: another webhook has the name %s already",
                         yaml_path(node).text, quote(node->written).text);
    return build_text(build, node->text);
}

/* ---- url ---- */

static int is_url(struct slice url)
{
    static const char *const schemes[] = { "http://", "https://" };

    for (size_t i = 0; i < url.len; i++)
        if (url.ptr[i] <= ' ' || url.ptr[i] > '~' || strchr("#\"<>\\", url.ptr[i]))
            return 0;
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        size_t len = strlen(schemes[i]);

        if (url.len > len && memcmp(url.ptr, schemes[i], len) == 0)
            return strcspn(url.ptr + len, "/?") > 0;
    }
    return 0;
}

/* It may hold a token: what comes from the environment is not shown. */
static const char *build_url(struct build *build, struct fields fields)
{
    const struct yaml_node *node = fields_node(fields, "url");

    if (!node)
        return "";
    const char *host = strstr(node->text.ptr, "://");

    if (!is_url(node->text))
        report_error(build->report, node->at,
                     "%s: %s is no address; write it as in https://example.com/hook",
                     yaml_path(node).text, quote(node->written).text);
    else if (memchr(host + 3, '@', strcspn(host + 3, "/?")))
        report_error(build->report, node->at,
                     "%s holds a user or a password; the signature is what says who sends",
                     yaml_path(node).text);
    return build_text(build, node->text);
}

/* ---- secrets ---- */

static void wipe(struct buf *key)
{
    if (key->data)
        explicit_bzero(key->data, key->cap);
    buf_release(key);
}

int build_signing_key(struct build *build, const struct yaml_node *node, struct slice *ret_key)
{
    static const char prefix[] = SECRET_PREFIX;
    size_t len = sizeof(prefix) - 1;
    CLEANUP(wipe) struct buf key = { .max = SECRET_TEXT_MAX };
    struct err err = { 0 };

    if (node->text.len < len || memcmp(node->text.ptr, prefix, len) != 0 ||
        base64_add(&key, (struct slice){ node->text.ptr + len, node->text.len - len }, &err) ||
        key.len < KEY_BYTES_MIN || key.len > KEY_BYTES_MAX) {
        report_error(build->report, node->at,
                     "%s is no secret of a webhook: it is " SECRET_PREFIX
                     " and %d to %d random bytes in base64; make one with: echo " SECRET_PREFIX
                     "$(head -c 32 /dev/urandom | base64)",
                     yaml_path(node).text, KEY_BYTES_MIN, KEY_BYTES_MAX);
        return 0;
    }
    ret_key->len = key.len;
    ret_key->ptr = build_own(build, &key);
    return 1;
}

static void add_secret(struct build *build, struct config_webhook *webhook,
                       const struct yaml_node *node)
{
    struct slice key;

    if (node->is_bad || webhook->keys_n == CONFIG_WEBHOOK_KEYS_MAX) /* reported: too many */
        return;
    if (build_signing_key(build, node, &key))
        webhook->keys[webhook->keys_n++] = key;
}

static void build_secrets(struct build *build, struct config_webhook *webhook, struct fields fields)
{
    const struct yaml_node *node = fields_node(fields, "secret");

    if (!node)
        return;
    if (node->kind == YAML_TEXT)
        add_secret(build, webhook, node);
    for (const struct yaml_node *child = node->first; child; child = child->next)
        add_secret(build, webhook, child);
}

/* ---- events ---- */

static uint32_t build_events(struct build *build, struct fields fields)
{
    const struct yaml_node *list = fields_node(fields, "events");
    const char *known[NOTICE_COUNT];
    uint32_t events = 0;

    if (!fields_has(fields, "events"))
        return (1u << NOTICE_COUNT) - 1;
    for (unsigned i = 0; i < NOTICE_COUNT; i++)
        known[i] = notice_name((enum notice)i);
    for (const struct yaml_node *node = list ? list->first : NULL; node; node = node->next) {
        enum notice notice = notice_of(node->text);

        if (node->is_bad)
            continue;
        if (notice == NOTICE_COUNT)
            report_error(build->report, node->at, "%s: there is no event %s%s",
                         yaml_path(node).text, quote(node->written).text,
                         hint_among(known, NOTICE_COUNT, node->written).text);
        else
            events |= 1u << notice;
    }
    if (list && list->count == 0)
        report_error(build->report, yaml_where(list),
                     "%s is empty; write names of events, or remove it for all of them",
                     yaml_path(list).text);
    return events;
}

void build_webhooks(struct build *build)
{
    const struct yaml_node *list = fields_node(build->top, "webhooks");

    if (!list)
        return;
    build->webhooks = arena_alloc(build->impl->arena, (list->count + 1) * sizeof(*build->webhooks));
    build->config->webhooks = build->webhooks;
    for (const struct yaml_node *node = list->first; node; node = node->next) {
        struct fields fields = { node, SECTION_WEBHOOK };
        struct config_webhook *webhook = &build->webhooks[build->config->webhooks_n];

        *webhook = (struct config_webhook){ .name = "" };
        if (node->is_bad)
            continue;
        webhook->name = build_name(build, fields);
        webhook->url = build_url(build, fields);
        webhook->events = build_events(build, fields);
        webhook->allows_private = slice_is(fields_text(fields, "allow_private"), "true");
        build_secrets(build, webhook, fields);
        build->config->webhooks_n++;
    }
}
