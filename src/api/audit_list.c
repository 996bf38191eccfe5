/*
 * audit_list.c - GET /v1/audit: who did what.
 *
 * An admin of the default tenant sees all rows, and so can follow the chain; one of another tenant
 * those of his own.
 */
#include "api/ask.h"
#include "api/cursor.h"
#include "api/member.h"
#include "base/clock.h"

enum {
    LIST_LIMIT = 50,
    ESCAPED_MAX = 6, /* a byte of text as JSON: \u0001 */
    FRAME_MAX = 1024 /* of a row: its keys, its numbers, its time */
};

/* ---- what is asked for ---- */

static int read_time(const struct ask *ask, const char *name, int64_t *ret_ms,
                     struct refusal *ret_refusal)
{
    struct slice text = http_request_query(ask->request, name);
    char shown[QUOTED_TEXT_MAX];

    if (!text.ptr || clock_read(ret_ms, text))
        return 0;
    return refuse(ret_refusal, 400, "invalid_parameter",
                  "'%s' must be a time like 2026-11-23T23:21:10.748Z, not '%s'.", name,
                  quoted_text(shown, text));
}

static int read_action(const struct ask *ask, struct slice *ret_action, struct refusal *ret_refusal)
{
    struct slice name = http_request_query(ask->request, "action");
    const char *known[AUDIT_ACTION_COUNT];
    char text[QUOTED_TEXT_MAX];
    char meant[MEANT_TEXT_MAX];

    *ret_action = name;
    if (!name.ptr || audit_action_of(name) != AUDIT_ACTION_COUNT)
        return 0;
    for (unsigned i = 0; i < AUDIT_ACTION_COUNT; i++)
        known[i] = audit_action_name((enum audit_action)i).ptr;
    (void)meant_text(meant, name, known, AUDIT_ACTION_COUNT);
    return refuse(ret_refusal, 400, "invalid_parameter", "There is no action '%s'%s",
                  quoted_text(text, name), meant[0] ? meant : "; docs/audit.md lists them.");
}

static int read_order(const struct ask *ask, int *ret_is_oldest_first, struct refusal *ret_refusal)
{
    struct slice order = http_request_query(ask->request, "order");
    char text[QUOTED_TEXT_MAX];

    *ret_is_oldest_first = slice_is(order, "oldest");
    if (!order.ptr || *ret_is_oldest_first || slice_is(order, "newest"))
        return 0;
    return refuse(ret_refusal, 400, "invalid_parameter",
                  "'order' must be newest or oldest, which comes first, not '%s'.",
                  quoted_text(text, order));
}

/* A cursor goes on in the order in which it began. */
static char cursor_kind(const struct store_audit_page *page)
{
    return page->is_oldest_first ? 'o' : 'n';
}

static int read_page(const struct ask *ask, struct store_audit_page *page,
                     struct refusal *ret_refusal)
{
    struct slice cursor = http_request_query(ask->request, "cursor");
    struct slice tenant = auth_actor_tenant(&ask->actor);
    int64_t limit = LIST_LIMIT;

    if (ask_query_int(ask, "limit", 1, STORE_PAGE_MAX, &limit, ret_refusal) ||
        read_time(ask, "since", &page->since_ms, ret_refusal) ||
        read_time(ask, "until", &page->before_ms, ret_refusal) ||
        read_action(ask, &page->action, ret_refusal) ||
        read_order(ask, &page->is_oldest_first, ret_refusal))
        return 1;
    page->limit = (uint32_t)limit;
    page->actor = http_request_query(ask->request, "actor");
    page->target = http_request_query(ask->request, "session");
    page->tenant = slice_or_null(tenant);
    if (cursor.ptr && cursor_read(&page->from_seq, cursor_kind(page), cursor))
        return refuse(ret_refusal, 400, "invalid_cursor",
                      "'cursor' is not one that this list gave in this order: pass 'next_cursor' "
                      "of the former page as it is, or leave it out to begin anew.");
    return 0;
}

/* ---- what is there ---- */

static size_t row_bytes_max(const struct store_audit *row)
{
    return FRAME_MAX + ESCAPED_MAX * (row->tenant.len + row->actor.len + row->actor_name.len +
                                      row->address.len + row->action.len + row->target.len +
                                      row->request_hash.len + row->outcome.len +
                                      row->prev_hash.len + row->hash.len);
}

/* In the order in which they are hashed. */
static void put_row(struct buf *json, const struct store_audit *row)
{
    const struct {
        const char *name;
        struct slice text;
    } before[] = {
        { "tenant", row->tenant },   { "actor", row->actor },   { "actor_name", row->actor_name },
        { "address", row->address }, { "action", row->action }, { "target", row->target },
    };

    json_begin(json, '{');
    json_key(json, "prev_hash");
    json_put_str(json, row->prev_hash);
    json_key(json, "seq");
    json_put_int(json, row->seq);
    json_key(json, "at_ms");
    json_put_int(json, row->at_ms);
    for (size_t i = 0; i < ARRAY_LEN(before); i++) {
        json_key(json, before[i].name);
        json_put_str(json, before[i].text);
    }
    json_key(json, "call");
    json_put_int(json, row->call);
    json_key(json, "request_hash");
    json_put_str(json, row->request_hash);
    json_key(json, "outcome");
    json_put_str(json, row->outcome);
    json_key(json, "hash");
    json_put_str(json, row->hash);
    member_put_time(json, "at", row->at_ms);
    json_end(json, '}');
}

static void on_listed(struct store_op *op, void *arg)
{
    struct ask *ask = arg;
    const struct store_audit_page *page = &op->audit;
    char cursor[CURSOR_TEXT_MAX];
    size_t bytes_max = FRAME_MAX;

    if (op->err.code) {
        ask_store_failed(ask, &op->err);
        return;
    }
    for (size_t i = 0; i < page->rows_n; i++)
        bytes_max += row_bytes_max(&page->rows[i]);
    CLEANUP(buf_release) struct buf json = { .max = bytes_max };

    json_begin(&json, '{');
    json_key(&json, "data");
    json_begin(&json, '[');
    for (size_t i = 0; i < page->rows_n; i++)
        put_row(&json, &page->rows[i]);
    json_end(&json, ']');
    json_key(&json, "next_cursor");
    if (page->has_more && page->rows_n > 0)
        json_put_str(&json, slice_of(cursor_text(cursor, cursor_kind(page),
                                                 page->rows[page->rows_n - 1].seq)));
    else
        json_put_null(&json);
    json_end(&json, '}');
    ask_reply(ask, 200, &json, NULL);
}

void audit_list(struct ask *ask)
{
    struct store_audit_page page = { 0 };
    struct refusal refusal;

    if (read_page(ask, &page, &refusal)) {
        ask_refuse(ask, &refusal);
        return;
    }
    ask->op = (struct store_op){ .kind = STORE_AUDIT, .audit = page };
    ask_submit(ask, on_listed);
}
