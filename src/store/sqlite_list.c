/*
 * sqlite_list.c - the SQL of a list, made for its filter.
 *
 * Nothing from outside gets into the text of a statement: values are parameters, and statuses are
 * our own names. Every list runs newest first, so the key of a session, which each index ends
 * with, gives the order; the index is chosen here and not by SQLite's planner, which has no
 * statistics and would sort a million rows for a page of twenty.
 */
#include "store/sqlite_list.h"

enum { SQL_MAX = 16384, PARAMETERS_MAX = 8 + 2 * STORE_METADATA_FILTERS_MAX };

const char sqlite_text_joins[] =
    " LEFT JOIN event t ON t.session = s.key AND t.seq = s.task_seq"
    " LEFT JOIN event e ON e.session = s.key AND e.seq = s.end_seq AND s.end_seq <> 0"
    " LEFT JOIN event c ON c.session = s.key AND c.seq = s.context_seq";

struct query {
    struct buf sql;
    int texts_n;
    struct slice texts[PARAMETERS_MAX]; /* bound as ?3, ?4, ...; ?1 is the key, ?2 the limit */
};

/* The number of the parameter. */
static int parameter(struct query *query, struct slice text)
{
    ASSERT(query->texts_n < PARAMETERS_MAX);
    query->texts[query->texts_n++] = text;
    return 2 + query->texts_n;
}

static uint32_t end_statuses(void)
{
    return 1u << STATUS_COMPLETED | 1u << STATUS_FAILED | 1u << STATUS_CANCELLED;
}

/*
 * Measured with a million sessions, nine of ten completed, a thousand failed, none cancelled and a
 * hundred thousand asleep. A page of the failed: 0.3 ms by session_ended, 20 ms by session_tenant;
 * of the cancelled: 0.01 and 320 ms; of the few running ones: 5 ms by session_open, 15 ms. Several
 * statuses of an end in one list would have to be sorted, 10 us a session: they go back through all
 * instead, as a search for text (1.6 s until it has seen the whole million) or metadata (0.7 s)
 * does.
 */
static const char *index_for(const struct store_filter *filter)
{
    uint32_t ended = filter->statuses & end_statuses();

    if (filter->statuses != 0 && ended == 0)
        return "session_open";
    if (ended != 0 && ended == filter->statuses && (ended & (ended - 1)) == 0) /* one of them */
        return "session_ended";
    return filter->agent.len ? "session_agent" : "session_tenant";
}

static void add_statuses(struct query *query, uint32_t statuses)
{
    const char *comma = "";

    if (statuses == 0)
        return;
    if ((statuses & end_statuses()) == 0)
        buf_puts(&query->sql, " AND s.ended_at_ms = 0");
    if ((statuses & ~end_statuses()) == 0)
        buf_puts(&query->sql, " AND s.ended_at_ms <> 0");
    buf_puts(&query->sql, " AND s.status IN (");
    for (unsigned i = 0; i < STATUS_COUNT; i++) {
        if (!(statuses & 1u << i))
            continue;
        buf_putf(&query->sql, "%s'%s'", comma, session_status_name((enum session_status)i));
        comma = ", ";
    }
    buf_puts(&query->sql, ")");
}

/* Bodies are JSON; one that is not finds nothing, instead of failing every list. */
static void add_text(struct query *query, struct slice text)
{
    if (text.len == 0)
        return;
    int n = parameter(query, text);

    buf_putf(&query->sql,
             " AND (instr(lower(s.id), lower(?%d)) OR instr(lower(CASE WHEN json_valid(t.body)"
             " THEN coalesce(t.body ->> '$.input', t.body ->> '$.content') END), lower(?%d)))",
             n, n);
}

/* By json_each and not by a path: a name is compared as it is, whatever characters it has. */
static void add_metadata(struct query *query, struct slice name, struct slice value)
{
    int n = parameter(query, name);
    int v = parameter(query, value);

    buf_putf(&query->sql,
             " AND EXISTS (SELECT 1 FROM json_each(CASE WHEN json_valid(s.metadata)"
             " THEN s.metadata ELSE '{}' END) m WHERE m.key = ?%d AND ?%d ="
             " CASE m.type WHEN 'text' THEN m.atom WHEN 'integer' THEN CAST(m.atom AS TEXT)"
             " WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' END)",
             n, v);
}

static void write_query(struct query *query, const char *columns, const struct store_filter *filter)
{
    buf_putf(&query->sql, "SELECT %s FROM session s INDEXED BY %s%s", columns, index_for(filter),
             sqlite_text_joins);
    buf_putf(&query->sql, " WHERE s.tenant = ?%d AND s.key < ?1", parameter(query, filter->tenant));
    if (filter->agent.len)
        buf_putf(&query->sql, " AND s.agent = ?%d", parameter(query, filter->agent));
    add_statuses(query, filter->statuses);
    add_text(query, filter->text);
    for (size_t i = 0; i < filter->metadata_n; i++)
        add_metadata(query, filter->metadata[i].name, filter->metadata[i].value);
    buf_puts(&query->sql, " ORDER BY s.key DESC LIMIT ?2");
}

enum err_code sqlite_list_prepare(sqlite3 *db, const char *columns, const struct store_list *list,
                                  sqlite3_stmt **ret_st, struct err *err)
{
    struct query query = { .sql.max = SQL_MAX };
    sqlite3_stmt *st = NULL;

    write_query(&query, columns, &list->filter);
    enum err_code code = sqlite_db_prepare(db, buf_cstr(&query.sql), &st, err);

    buf_release(&query.sql);
    if (code)
        return code;
    sqlite_bind_int(st, 1, list->before_key > 0 ? list->before_key : INT64_MAX);
    sqlite_bind_int(st, 2, (int64_t)list->limit + 1);
    for (int i = 0; i < query.texts_n; i++)
        sqlite_bind_text(st, i + 3, query.texts[i]);
    *ret_st = st;
    return ERR_NONE;
}
