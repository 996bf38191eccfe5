/* sessions_list.c - GET /v1/sessions: newest first, filtered, a page at a time. */
#include "api/ask.h"
#include "api/cursor.h"
#include "api/json_session.h"
#include "base/log.h"

enum { LIST_LIMIT = 50, FILTER_TEXT_MAX = 256 };

static int read_statuses(const struct ask *ask, uint32_t *ret_statuses, struct refusal *ret_refusal)
{
    struct slice rest = http_request_query(ask->request, "status");
    const char *known[STATUS_COUNT];
    uint32_t statuses = 0;

    for (unsigned i = 0; i < STATUS_COUNT; i++)
        known[i] = session_status_name((enum session_status)i);
    while (rest.ptr) { /* "RUNNING,PENDING" */
        const char *comma = memchr(rest.ptr, ',', rest.len);
        struct slice name = { rest.ptr, comma ? (size_t)(comma - rest.ptr) : rest.len };
        enum session_status status = session_status_of(name);
        char text[QUOTED_TEXT_MAX];
        char meant[MEANT_TEXT_MAX];

        if (status == STATUS_COUNT)
            return refuse(ret_refusal, 400, "invalid_parameter", "There is no status '%s'%s",
                          quoted_text(text, name),
                          meant_text(meant, name, known, STATUS_COUNT)[0]
                              ? meant
                              : "; they are PENDING, RUNNING, AWAITING_TOOL, "
                                "AWAITING_HUMAN_APPROVAL, AWAITING_INPUT, SLEEPING, COMPLETED, "
                                "FAILED, CANCELLED.");
        statuses |= 1u << status;
        rest = comma ? (struct slice){ comma + 1, rest.len - name.len - 1 }
                     : (struct slice){ NULL, 0 };
    }
    *ret_statuses = statuses;
    return 0;
}

static int read_metadata(const struct ask *ask, struct store_filter *filter,
                         struct refusal *ret_refusal)
{
    static const char prefix[] = "metadata.";
    const char *name;

    for (size_t i = 0; (name = http_request_query_name(ask->request, i)); i++) {
        if (strncmp(name, prefix, sizeof(prefix) - 1) != 0)
            continue;
        if (filter->metadata_n == STORE_METADATA_FILTERS_MAX)
            return refuse(ret_refusal, 400, "invalid_parameter",
                          "At most %d 'metadata.' parameters are taken.",
                          STORE_METADATA_FILTERS_MAX);
        filter->metadata[filter->metadata_n].name = slice_of(name + sizeof(prefix) - 1);
        filter->metadata[filter->metadata_n].value = http_request_query(ask->request, name);
        filter->metadata_n++;
    }
    return 0;
}

static int read_text(const struct ask *ask, const char *name, struct slice *ret_text,
                     struct refusal *ret_refusal)
{
    *ret_text = http_request_query(ask->request, name);
    if (ret_text->len > FILTER_TEXT_MAX)
        return refuse(ret_refusal, 400, "invalid_parameter", "'%s' is longer than %d bytes.", name,
                      FILTER_TEXT_MAX);
    return 0;
}

static int read_page(const struct ask *ask, struct store_list *list, struct refusal *ret_refusal)
{
    struct slice cursor = http_request_query(ask->request, "cursor");
    int64_t limit = LIST_LIMIT;

    if (ask_query_int(ask, "limit", 1, STORE_PAGE_MAX, &limit, ret_refusal))
        return 1;
    list->limit = (uint32_t)limit;
    if (cursor.ptr && cursor_read(&list->before_key, 'l', cursor))
        return refuse(ret_refusal, 400, "invalid_cursor",
                      "'cursor' is not one that this list gave: pass 'next_cursor' of the former "
                      "page as it is, or leave it out to begin with the newest.");
    return 0;
}

/* One whose stored texts are no good is left out, as the store leaves out a row that cannot be. */
static void put_row(struct buf *json, const struct store_load *load)
{
    struct err err = { 0 };

    if (json_put_session(json, load, NULL, &err))
        log_line(LOG_ERROR, "a session cannot be read and is left out of a list; see pawl verify",
                 "key", log_int(load->row.key), "error", err.msg, NULL);
}

static void put_rows(struct buf *json, const struct store_list *list)
{
    char cursor[CURSOR_TEXT_MAX];

    json_begin(json, '{');
    json_key(json, "data");
    json_begin(json, '[');
    for (size_t i = 0; i < list->rows_n; i++)
        put_row(json, &list->rows[i]);
    json_end(json, ']');
    json_key(json, "next_cursor");
    if (list->has_more && list->last_key > 0)
        json_put_str(json, slice_of(cursor_text(cursor, 'l', list->last_key)));
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
    for (size_t i = 0; i < op->list.rows_n; i++)
        bytes_max += json_session_bytes_max(&op->list.rows[i]);
    CLEANUP(buf_release) struct buf json = { .max = bytes_max };

    put_rows(&json, &op->list);
    ask_reply(ask, 200, &json, NULL);
}

void sessions_list(struct ask *ask)
{
    struct store_list list = { .filter.tenant = auth_actor_tenant(&ask->actor) };
    struct refusal refusal;

    if (read_statuses(ask, &list.filter.statuses, &refusal) ||
        read_text(ask, "agent", &list.filter.agent, &refusal) ||
        read_text(ask, "q", &list.filter.text, &refusal) ||
        read_metadata(ask, &list.filter, &refusal) || read_page(ask, &list, &refusal)) {
        ask_refuse(ask, &refusal);
        return;
    }
    ask->op = (struct store_op){ .kind = STORE_LIST, .list = list };
    ask_submit(ask, on_listed);
}
