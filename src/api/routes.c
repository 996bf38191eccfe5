#include "api/routes.h"

#include <stdio.h>

#include "api/handlers.h"

static const char *const no_query[] = { NULL };
static const char *const list_query[] = { "status", "agent", "q", "metadata.",
                                          "cursor", "limit", NULL };
static const char *const events_query[] = { "after", "limit", "wait", NULL };
static const char *const output_query[] = { "offset", "length", NULL };
static const char *const steps_query[] = { "cursor", "limit", NULL };

static const char *const keys_query[] = { "cursor", "limit", NULL };
static const char *const audit_query[] = { "actor", "action", "session", "since", "until",
                                           "order", "cursor", "limit",   NULL };
static const char *const approvals_query[] = { "status", "cursor", "limit", NULL };
static const char *const deliveries_query[] = { "status", "webhook", "cursor", "limit", NULL };

static const struct route routes[] = {
    { "POST", "/v1/sessions", RIGHT_SUBMIT, sessions_create, no_query },
    { "GET", "/v1/sessions", RIGHT_READ, sessions_list, list_query },
    { "GET", "/v1/sessions/{id}", RIGHT_READ, sessions_get, no_query },
    { "PATCH", "/v1/sessions/{id}", RIGHT_OPERATE, sessions_patch, no_query },
    { "DELETE", "/v1/sessions/{id}", RIGHT_OPERATE, sessions_erase, no_query },
    { "GET", "/v1/sessions/{id}/events", RIGHT_READ, events_get, events_query },
    { "GET", "/v1/sessions/{id}/steps", RIGHT_READ, steps_get, steps_query },
    { "POST", "/v1/sessions/{id}/messages", RIGHT_SUBMIT, sessions_message, no_query },
    { "POST", "/v1/sessions/{id}/cancel", RIGHT_OPERATE, sessions_cancel, no_query },
    { "POST", "/v1/sessions/{id}/pause", RIGHT_OPERATE, sessions_pause, no_query },
    { "POST", "/v1/sessions/{id}/resume", RIGHT_OPERATE, sessions_resume, no_query },
    { "POST", "/v1/sessions/{id}/retry", RIGHT_OPERATE, sessions_retry, no_query },
    { "POST", "/v1/sessions/{id}/fork", RIGHT_OPERATE, sessions_fork, no_query },
    { "POST", "/v1/sessions/{id}/signals/{name}", RIGHT_SUBMIT, sessions_signal, no_query },
    { "POST", "/v1/sessions/{id}/calls/{n}/settle", RIGHT_OPERATE, sessions_settle, no_query },
    { "GET", "/v1/sessions/{id}/calls/{n}/output", RIGHT_READ, output_get, output_query },
    { "GET", "/v1/approvals", RIGHT_INBOX, approvals_list, approvals_query },
    { "GET", "/v1/approvals/{id}", RIGHT_INBOX, approvals_get, no_query },
    { "POST", "/v1/approvals/{id}", RIGHT_APPROVE, approvals_decide, no_query },
    { "GET", "/v1/deliveries", RIGHT_OPERATE, deliveries_list, deliveries_query },
    { "GET", "/v1/deliveries/{id}", RIGHT_OPERATE, deliveries_get, no_query },
    { "POST", "/v1/deliveries/{id}/redeliver", RIGHT_OPERATE, deliveries_redeliver, no_query },
    { "GET", "/v1/agents", RIGHT_READ, agents_list, no_query },
    { "GET", "/v1/schedules", RIGHT_READ, schedules_list, no_query },
    { "GET", "/v1/audit", RIGHT_ADMIN, audit_list, audit_query },
    { "POST", "/v1/keys", RIGHT_ADMIN, keys_create, no_query },
    { "GET", "/v1/keys", RIGHT_ADMIN, keys_list, keys_query },
    { "DELETE", "/v1/keys/{id}", RIGHT_ADMIN, keys_revoke, no_query },
    { "POST", "/v1/triggers/{id}", RIGHT_OPEN, triggers_take, no_query }, /* signed */
    { "GET", "/v1/version", RIGHT_OPEN, version_get, no_query },
    { "GET", "/livez", RIGHT_OPEN, livez_get, no_query },
    { "GET", "/readyz", RIGHT_OPEN, readyz_get, no_query },
    { "GET", "/openapi.json", RIGHT_OPEN, openapi_get, no_query },
};

/* The part of *text up to the next '/', which is taken off with it. */
static struct slice next_segment(struct slice *text)
{
    const char *slash = memchr(text->ptr, '/', text->len);
    size_t len = slash ? (size_t)(slash - text->ptr) : text->len;
    struct slice segment = { text->ptr, len };

    len += slash != NULL;
    *text = (struct slice){ text->ptr + len, text->len - len };
    return segment;
}

static int ends_with_slash(struct slice text)
{
    return text.len > 0 && text.ptr[text.len - 1] == '/';
}

static int matches(struct slice pattern, struct slice path, struct route_match *ret_match)
{
    struct slice id = { NULL, 0 };
    struct slice number = { NULL, 0 };

    if (ends_with_slash(path))
        return 0;
    while (pattern.len > 0 && path.len > 0) {
        struct slice wanted = next_segment(&pattern);
        struct slice found = next_segment(&path);

        if (wanted.len > 0 && wanted.ptr[0] == '{') {
            if (found.len == 0)
                return 0;
            *(slice_is(wanted, "{id}") ? &id : &number) = found;
        } else if (!slice_equal(wanted, found)) {
            return 0;
        }
    }
    if (pattern.len > 0 || path.len > 0)
        return 0;
    ret_match->id = id;
    ret_match->number = number;
    return 1;
}

static void allow(struct route_match *match, const char *method)
{
    size_t len = strlen(match->allow);

    (void)snprintf(match->allow + len, sizeof(match->allow) - len, "%s%s%s", len ? ", " : "",
                   method, strcmp(method, "GET") == 0 ? ", HEAD" : "");
}

enum route_verdict route_find(struct slice method, struct slice path, struct route_match *ret_match)
{
    struct route_match match = { 0 };
    enum route_verdict verdict = ROUTE_NO_PATH;

    for (size_t i = 0; i < ARRAY_LEN(routes) && verdict != ROUTE_FOUND; i++) {
        if (!matches(slice_of(routes[i].pattern), path, &match))
            continue;
        allow(&match, routes[i].method);
        match.route = &routes[i];
        verdict = slice_is(method, routes[i].method) ? ROUTE_FOUND : ROUTE_NO_METHOD;
    }
    *ret_match = match;
    return verdict;
}

const struct route *route_at(size_t i)
{
    return i < ARRAY_LEN(routes) ? &routes[i] : NULL;
}
