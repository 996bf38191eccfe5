/* build.c - what the builders share, and the server's own settings. */
#include "config/build.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"

const char *build_text(struct build *build, struct slice text)
{
    return arena_str(build->impl->arena, text);
}

const char *build_own(struct build *build, struct buf *text)
{
    struct config_impl *impl = build->impl;
    size_t len = text->len;
    char *taken = buf_detach(text);

    impl->owned = xrealloc(impl->owned, (impl->owned_n + 1) * sizeof(*impl->owned));
    impl->owned[impl->owned_n++] = (struct owned){ taken, len };
    return taken;
}

const char *build_path(struct build *build, struct slice path)
{
    CLEANUP(buf_release) struct buf buf = { .max = PATH_BYTES_MAX };

    if (path.len > 0 && path.ptr[0] == '/')
        return build_text(build, path);
    while (path.len > 1 && memcmp(path.ptr, "./", 2) == 0)
        path = (struct slice){ path.ptr + 2, path.len - 2 };
    buf_puts(&buf, build->config->dir);
    if (buf.data[buf.len - 1] != '/')
        buf_puts(&buf, "/");
    buf_put(&buf, path);
    return build_text(build, buf_slice(&buf));
}

enum { MEMBERS_BYTES_MAX = 64 * 8 * 2048 }; /* check.c bounds the number and texts of good ones */

const char *build_object(struct build *build, const struct yaml_node *map)
{
    CLEANUP(buf_release) struct buf json = { .max = MEMBERS_BYTES_MAX };

    if (!map || map->is_bad)
        return "";
    json_begin(&json, '{');
    for (const struct yaml_node *node = map->first; node; node = node->next) {
        if (node->is_bad)
            continue;
        json_key(&json, node->name);
        json_put_str(&json, node->text);
    }
    json_end(&json, '}');
    return build_text(build, buf_slice(&json));
}

const char *build_members(struct build *build, const struct yaml_node *map)
{
    const char *object = build_object(build, map);
    size_t len = strlen(object);

    return len < 2 ? "" : build_text(build, (struct slice){ object + 1, len - 2 });
}

const struct yaml_node *build_find(struct build *build, const char *section,
                                   const struct yaml_node *ref)
{
    const struct yaml_node *entries = fields_node(build->top, section);
    const struct yaml_node *found = entries ? yaml_get(entries, ref->text.ptr) : NULL;

    if (found)
        return found;
    if (report_is_full(build->report))
        entries = NULL; /* thousands of hints that nobody sees would take minutes */
    report_error(build->report, ref->at, "%s: there is no %s in '%s'%s", yaml_path(ref).text,
                 quote(ref->written).text, section, hint_of(entries, ref->written).text);
    return NULL;
}

struct retry_policy build_retry(struct build *build, struct fields retry)
{
    struct retry_policy policy = {
        .attempts = (uint32_t)fields_number(retry, "attempts"),
        .first_ms = fields_number(retry, "first"),
        .max_ms = fields_number(retry, "max"),
    };

    if (policy.first_ms > policy.max_ms)
        report_error(build->report, yaml_where(retry.map), "%s: 'first' is longer than 'max'",
                     yaml_path(retry.map).text);
    return policy;
}

/* The digits after the last colon; -1: they are no port. */
static int32_t port_of(struct slice text)
{
    const char *colon = text.len > 0 ? memrchr(text.ptr, ':', text.len) : NULL;
    struct slice digits = { colon ? colon + 1 : NULL, 0 };
    struct err err;
    int64_t port;

    if (!colon)
        return -1;
    digits.len = (size_t)(text.ptr + text.len - digits.ptr);
    if (value_parse(&port, VALUE_COUNT, digits, &err) || port > UINT16_MAX)
        return -1;
    return (int32_t)port;
}

/* The address without its brackets; NULL: it is none. */
static const char *host_of(struct build *build, struct slice written)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    size_t len = written.len;

    if (slice_is(written, "localhost"))
        return "127.0.0.1";
    if (len > 2 && written.ptr[0] == '[' && written.ptr[len - 1] == ']') {
        const char *host = build_text(build, (struct slice){ written.ptr + 1, len - 2 });

        return inet_pton(AF_INET6, host, bytes) == 1 ? host : NULL;
    }
    const char *host = build_text(build, written);

    return inet_pton(AF_INET, host, bytes) == 1 ? host : NULL;
}

static void build_listen(struct build *build)
{
    const struct yaml_node *node = fields_node(build->top, "listen");
    struct slice listen = fields_text(build->top, "listen");
    int32_t port = port_of(listen);

    if (port < 0) {
        report_error(build->report, node->at,
                     "listen: %s has no port from 0 to 65535; write it as in 127.0.0.1:7295",
                     quote(node->written).text);
        return;
    }
    const char *colon = memrchr(listen.ptr, ':', listen.len);

    build->config->listen_port = (uint16_t)port;
    build->config->listen_host =
        host_of(build, (struct slice){ listen.ptr, (size_t)(colon - listen.ptr) });
    if (!build->config->listen_host)
        report_error(build->report, node->at,
                     "listen: %s is no address of this machine; write it as in 127.0.0.1:7295, "
                     "[::1]:7295 or localhost:7295",
                     quote(node->written).text);
}

static int has_prefix(struct slice text, const char *prefix)
{
    size_t len = strlen(prefix);

    return text.len >= len && memcmp(text.ptr, prefix, len) == 0;
}

static int is_later_url(struct slice url, const char *const *schemes)
{
    for (size_t i = 0; schemes[i]; i++)
        if (has_prefix(url, schemes[i]))
            return 1;
    return 0;
}

static void build_store(struct build *build)
{
    static const char *const later[] = { "postgres:", "postgresql:", "redis:", "rediss:", NULL };
    const struct yaml_node *node = fields_node(build->top, "store");
    struct slice url = fields_text(build->top, "store");
    const char *scheme = "sqlite:";
    struct slice path = { url.ptr + strlen(scheme), url.len - strlen(scheme) };
    CLEANUP(buf_release) struct buf buf = { .max = PATH_BYTES_MAX };

    if (slice_is(url, "mem:")) {
        build->config->store = "mem:";
    } else if (has_prefix(url, scheme) && path.len > 0) {
        buf_putf(&buf, "%s%s", scheme, build_path(build, path));
        build->config->store = build_text(build, buf_slice(&buf));
    } else if (is_later_url(url, later)) {
        /* The address may hold a password: it is not shown. */
        report_error(build->report, node->at,
                     "store: that comes in a later version; write sqlite:PATH for now");
    } else {
        report_error(
            build->report, node->at,
            "store: this is none that pawl knows; write sqlite:PATH, as in sqlite:pawl.db");
    }
}

static void build_queue(struct build *build)
{
    static const char *const later[] = { "redis:", "rediss:", "amqp:", "amqps:", NULL };
    const struct yaml_node *node = fields_node(build->top, "queue");
    struct slice queue = fields_text(build->top, "queue");

    if (slice_is(queue, "store"))
        return;
    report_error(build->report, node->at, "queue: %s; write store for now",
                 is_later_url(queue, later) ? "that comes in a later version"
                                            : "this is none that pawl knows");
}

static uint32_t tool_runs_default(void)
{
    enum { LEAST = 8 };
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    return cores > LEAST / 2 && cores < 4096 ? (uint32_t)cores * 2 : LEAST;
}

void build_server(struct build *build)
{
    struct fields limits = fields_inner(build->top, "limits");
    struct fields retention = fields_inner(build->top, "retention");

    build_listen(build);
    build_store(build);
    build_queue(build);
    build->config->limits = (struct config_limits){
        .request_bytes = (size_t)fields_number(limits, "request"),
        .instructions_bytes = (size_t)fields_number(limits, "instructions"),
        .tool_output_bytes = (size_t)fields_number(limits, "tool_output"),
        .output_bytes = (size_t)fields_number(limits, "output"),
        .tool_calls = (uint32_t)fields_number(limits, "tool_calls"),
        .tool_runs = (uint32_t)fields_number(limits, "tool_runs"),
        .model_calls = (uint32_t)fields_number(limits, "model_calls"),
        .streams = (uint32_t)fields_number(limits, "streams"),
        .response_bytes = (size_t)fields_number(limits, "response_buffers"),
        .crashes = (uint32_t)fields_number(limits, "crashes"),
    };
    build->config->retention = (struct config_retention){
        .age_ms = fields_number(retention, "age"),
        .bytes = fields_number(retention, "bytes"),
        .audit_ms = fields_number(retention, "audit"),
    };
    if (build->config->limits.tool_runs == 0)
        build->config->limits.tool_runs = tool_runs_default();
}
