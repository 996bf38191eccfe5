/*
 * deliveries.c - GET /v1/deliveries and /v1/deliveries/{id}, POST /v1/deliveries/{id}/redeliver:
 * what webhooks were told, or are still to be told.
 */
#include "api/ask.h"
#include "api/body.h"
#include "api/cursor.h"
#include "api/member.h"

enum { LIST_LIMIT = 50, ROW_BYTES_MAX = 8 * 1024 };

/* ---- as JSON ---- */

/* Not its body: whoever may look at deliveries may not look at all that webhooks are told. */
static void put_delivery(struct buf *json, const struct store_delivery *row)
{
    json_begin(json, '{');
    member_put_text(json, "id", row->id);
    member_put_text(json, "message_id", row->message_id);
    member_put_text(json, "webhook", row->webhook);
    member_put_text(json, "event", row->event);
    member_put_text(json, "session", row->session);
    member_put_text(json, "status", slice_of(delivery_status_name(row->status)));
    json_key(json, "attempts");
    json_put_int(json, row->attempts);
    member_put_time(json, "next_at", row->status == DELIVERY_PENDING ? row->next_at_ms : 0);
    member_put_time(json, "created_at", row->created_at_ms);
    member_put_time(json, "delivered_at", row->delivered_at_ms);
    json_key(json, "last_status");
    if (row->last_status != 0)
        json_put_int(json, row->last_status);
    else
        json_put_null(json);
    member_put_text(json, "last_error", slice_or_null(row->last_error));
    json_end(json, '}');
}

static size_t row_bytes_max(const struct store_delivery *row)
{
    enum { ESCAPED_BYTES_MAX = 6 };

    return ROW_BYTES_MAX +
           ESCAPED_BYTES_MAX * (row->id.len + row->message_id.len + row->webhook.len +
                                row->event.len + row->session.len + row->last_error.len);
}

/* ---- a page ---- */

static int read_status(const struct ask *ask, enum delivery_status *ret_status,
                       struct refusal *ret_refusal)
{
    struct slice name = http_request_query(ask->request, "status");
    const char *known[DELIVERY_STATUS_COUNT];
    char text[QUOTED_TEXT_MAX];
    char meant[MEANT_TEXT_MAX];

    *ret_status = name.ptr ? delivery_status_of(name) : DELIVERY_STATUS_COUNT;
    if (!name.ptr || *ret_status != DELIVERY_STATUS_COUNT)
        return 0;
    for (unsigned i = 0; i < DELIVERY_STATUS_COUNT; i++)
        known[i] = delivery_status_name((enum delivery_status)i);
    (void)meant_text(meant, name, known, DELIVERY_STATUS_COUNT);
    return refuse(ret_refusal, 400, "invalid_parameter", "There is no status '%s'%s",
                  quoted_text(text, name),
                  meant[0] ? meant : "; they are pending, delivered, failed, disabled.");
}

static int read_page(const struct ask *ask, struct store_deliveries *page,
                     struct refusal *ret_refusal)
{
    struct slice cursor = http_request_query(ask->request, "cursor");
    int64_t limit = LIST_LIMIT;

    if (read_status(ask, &page->status, ret_refusal) ||
        ask_query_int(ask, "limit", 1, STORE_PAGE_MAX, &limit, ret_refusal))
        return 1;
    page->limit = (uint32_t)limit;
    page->webhook = http_request_query(ask->request, "webhook");
    if (cursor.ptr && cursor_read(&page->before_key, 'd', cursor))
        return refuse(ret_refusal, 400, "invalid_cursor",
                      "'cursor' is not one that this list gave: pass 'next_cursor' of the former "
                      "page as it is, or leave it out to begin with the newest.");
    return 0;
}

static void on_listed(struct store_op *op, void *arg)
{
    struct ask *ask = arg;
    const struct store_deliveries *page = &op->deliveries;
    char cursor[CURSOR_TEXT_MAX];
    size_t bytes_max = 1024;

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
        put_delivery(&json, &page->rows[i]);
    json_end(&json, ']');
    member_put_text(&json, "next_cursor",
                    page->has_more && page->last_key > 0
                        ? slice_of(cursor_text(cursor, 'd', page->last_key))
                        : (struct slice){ 0 });
    json_end(&json, '}');
    ask_reply(ask, 200, &json, NULL);
}

void deliveries_list(struct ask *ask)
{
    struct store_deliveries page = { .tenant = auth_actor_tenant(&ask->actor) };
    struct refusal refusal;

    if (read_page(ask, &page, &refusal)) {
        ask_refuse(ask, &refusal);
        return;
    }
    ask->op = (struct store_op){ .kind = STORE_DELIVERIES, .deliveries = page };
    ask_submit(ask, on_listed);
}

/* ---- one ---- */

/* False: there is none, or it is another tenant's; the ask is answered. */
static int is_there(struct ask *ask, const struct store_op *op)
{
    char text[QUOTED_TEXT_MAX];

    if (op->err.code && op->err.code != ERR_NOT_FOUND) {
        ask_store_failed(ask, &op->err);
        return 0;
    }
    if (op->err.code == ERR_NONE &&
        slice_equal(op->delivery.tenant, auth_actor_tenant(&ask->actor)))
        return 1;
    ask_reply_problem(ask, 404, "delivery_not_found",
                      "There is no delivery '%s'. GET /v1/deliveries lists them; they are kept "
                      "for 30 days, and as long as their session.",
                      quoted_text(text, ask->match.id));
    return 0;
}

static void reply_row(struct ask *ask, int status, const struct store_delivery *row)
{
    CLEANUP(buf_release) struct buf json = { .max = row_bytes_max(row) };

    put_delivery(&json, row);
    ask_reply(ask, status, &json, NULL);
}

static void read_row(struct ask *ask, store_done_fn *done)
{
    ask->op = (struct store_op){ .kind = STORE_DELIVERY, .delivery.id = ask->match.id };
    ask_submit(ask, done);
}

static void on_row(struct store_op *op, void *arg)
{
    struct ask *ask = arg;

    if (is_there(ask, op))
        reply_row(ask, 200, &op->delivery);
}

void deliveries_get(struct ask *ask)
{
    read_row(ask, on_row);
}

/* ---- again ---- */

static void on_begun(struct store_op *op, void *arg)
{
    struct ask *ask = arg;

    if (is_there(ask, op))
        reply_row(ask, 202, &op->delivery);
}

static void on_set(struct store_op *op, void *arg)
{
    struct ask *ask = arg;

    if (op->err.code && op->err.code != ERR_NOT_FOUND) {
        ask_store_failed(ask, &op->err);
        return;
    }
    ask->api->deps.on_redeliver(ask->api->deps.arg);
    read_row(ask, on_begun);
}

static void on_found(struct store_op *op, void *arg)
{
    struct ask *ask = arg;

    if (!is_there(ask, op))
        return;
    ask->op = (struct store_op){
        .kind = STORE_DELIVERY_SET,
        .delivery_set = { .row = { .key = op->delivery.key,
                                   .status = DELIVERY_PENDING,
                                   .next_at_ms = loop_wall_ms(ask->api->deps.loop) },
                          .is_anew = 1 },
    };
    ask_audit(ask, AUDIT_DELIVERY_REDELIVER, ask->match.id, auth_actor_tenant(&ask->actor));
    ask_submit(ask, on_set);
}

/* The same message once more, by the schedule from its beginning. */
void deliveries_redeliver(struct ask *ask)
{
    static const struct body_rules rules = { NULL, 0, 1 };
    CLEANUP(json_cleanup) struct json *body = NULL;
    struct refusal refusal;

    if (ask_check_phase(ask, &refusal) ||
        body_read(&body, http_request_header(ask->request, "content-type"),
                  http_request_body(ask->request), &rules, &refusal)) {
        ask_refuse(ask, &refusal);
        return;
    }
    read_row(ask, on_found);
}
