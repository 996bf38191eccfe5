/* approvals.c - GET /v1/approvals and /v1/approvals/{id}: what people are asked, or were. */
#include "api/ask.h"
#include "api/cursor.h"
#include "api/json_approval.h"
#include "base/log.h"

enum { LIST_LIMIT = 50 };

/* ---- a page ---- */

static int read_status(const struct ask *ask, enum approval_status *ret_status,
                       struct refusal *ret_refusal)
{
    struct slice name = http_request_query(ask->request, "status");
    const char *known[APPROVAL_STATUS_COUNT];
    char text[QUOTED_TEXT_MAX];
    char meant[MEANT_TEXT_MAX];

    *ret_status = name.ptr ? approval_status_of(name) : APPROVAL_STATUS_COUNT;
    if (!name.ptr || *ret_status != APPROVAL_STATUS_COUNT)
        return 0;
    for (unsigned i = 0; i < APPROVAL_STATUS_COUNT; i++)
        known[i] = approval_status_name((enum approval_status)i);
    (void)meant_text(meant, name, known, APPROVAL_STATUS_COUNT);
    return refuse(ret_refusal, 400, "invalid_parameter", "There is no status '%s'%s",
                  quoted_text(text, name),
                  meant[0] ? meant
                           : "; they are pending, approved, rejected, expired, settled, "
                             "cancelled, answered.");
}

static int read_page(const struct ask *ask, struct store_approvals *page,
                     struct refusal *ret_refusal)
{
    struct slice cursor = http_request_query(ask->request, "cursor");
    int64_t limit = LIST_LIMIT;

    if (ask_query_int(ask, "limit", 1, STORE_PAGE_MAX, &limit, ret_refusal))
        return 1;
    page->limit = (uint32_t)limit;
    if (cursor.ptr && cursor_read(&page->before_key, 'a', cursor))
        return refuse(ret_refusal, 400, "invalid_cursor",
                      "'cursor' is not one that this list gave: pass 'next_cursor' of the former "
                      "page as it is, or leave it out to begin with the newest.");
    return 0;
}

static void put_rows(struct buf *json, const struct store_approvals *page)
{
    char cursor[CURSOR_TEXT_MAX];
    struct err err = { 0 };

    json_begin(json, '{');
    json_key(json, "data");
    json_begin(json, '[');
    for (size_t i = 0; i < page->rows_n; i++) {
        if (json_put_approval(json, &page->rows[i], &err))
            log_line(LOG_ERROR, "an approval cannot be read and is left out of a list", "error",
                     err.msg, NULL);
    }
    json_end(json, ']');
    json_key(json, "next_cursor");
    if (page->has_more && page->last_key > 0)
        json_put_str(json, slice_of(cursor_text(cursor, 'a', page->last_key)));
    else
        json_put_null(json);
    json_end(json, '}');
}

static void on_listed(struct store_op *op, void *arg)
{
    struct ask *ask = arg;
    size_t bytes_max = 1024;

    if (op->err.code) {
        ask_store_failed(ask, &op->err);
        return;
    }
    for (size_t i = 0; i < op->approvals.rows_n; i++)
        bytes_max += json_approval_bytes_max(&op->approvals.rows[i]);
    CLEANUP(buf_release) struct buf json = { .max = bytes_max };

    put_rows(&json, &op->approvals);
    ask_reply(ask, 200, &json, NULL);
}

void approvals_list(struct ask *ask)
{
    struct store_approvals page = { .tenant = auth_actor_tenant(&ask->actor) };
    struct refusal refusal;

    if (read_status(ask, &page.status, &refusal) || read_page(ask, &page, &refusal)) {
        ask_refuse(ask, &refusal);
        return;
    }
    ask->op = (struct store_op){ .kind = STORE_APPROVALS, .approvals = page };
    ask_submit(ask, on_listed);
}

/* ---- one ---- */

void ask_no_approval(struct ask *ask)
{
    char text[QUOTED_TEXT_MAX];

    ask_reply_problem(ask, 404, "approval_not_found",
                      "Nobody was asked about '%s'. GET /v1/approvals lists what people are asked.",
                      quoted_text(text, ask->match.id));
}

void ask_reply_approval(struct ask *ask, const struct store_op *op, const char *const *extra)
{
    CLEANUP(buf_release)
    struct buf json = { .max = op->err.code ? 64 : json_approval_bytes_max(&op->approval.row) };
    struct err err = op->err;

    if (err.code == ERR_NOT_FOUND)
        ask_no_approval(ask);
    else if (err.code || json_put_approval(&json, &op->approval.row, &err))
        ask_store_failed(ask, &err);
    else
        ask_reply(ask, 200, &json, extra);
}

static void on_session(struct store_op *op, void *arg)
{
    struct ask *ask = arg;

    if (op->err.code && op->err.code != ERR_NOT_FOUND)
        ask_store_failed(ask, &op->err);
    else if (op->err.code && op->load.erased_at_ms != 0 &&
             slice_equal(op->load.row.tenant, auth_actor_tenant(&ask->actor)))
        ask_erased(ask, op->load.erasure);
    else
        ask_no_approval(ask);
}

static void on_row(struct store_op *op, void *arg)
{
    struct ask *ask = arg;
    struct slice session = op->approval.session;

    if (op->err.code != ERR_NOT_FOUND) {
        ask_reply_approval(ask, op, NULL);
        return;
    }
    ask->op = (struct store_op){ .kind = STORE_LOAD, .load = { .id = session } };
    ask_submit(ask, on_session);
}

void approvals_get(struct ask *ask)
{
    struct slice session;
    uint32_t call;

    if (approval_id_read(&session, &call, ask->match.id)) {
        ask_no_approval(ask);
        return;
    }
    ask->op = (struct store_op){
        .kind = STORE_APPROVAL,
        .approval = { .session = session, .tenant = auth_actor_tenant(&ask->actor), .call = call }
    };
    ask_submit(ask, on_row);
}
