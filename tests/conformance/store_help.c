#include "conformance/store_help.h"

#include <ftw.h>
#include <stdarg.h>
#include <sys/stat.h>

enum { ARENA_MAX = 1 << 30 };

/* ---- the store ---- */

struct help *help_new(const char *backend)
{
    struct help *help = xcalloc(1, sizeof(*help));
    const char *tmp = getenv("TMPDIR");
    static unsigned made;

    (void)snprintf(help->dir, sizeof(help->dir), "%s/pawl-store-%d-%u", tmp ? tmp : "/tmp",
                   (int)getpid(), ++made);
    assert_int_equal(mkdir(help->dir, 0700), 0);
    assert_true(snprintf(help->path, sizeof(help->path), "%s/pawl.db", help->dir) <
                (int)sizeof(help->path));
    if (strcmp(backend, "sqlite:") == 0)
        (void)snprintf(help->url, sizeof(help->url), "sqlite:%s", help->path);
    else
        (void)snprintf(help->url, sizeof(help->url), "%s", backend);
    help->arena = arena_new(ARENA_MAX);
    return help;
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

void help_free(struct help *help)
{
    if (help->store)
        help_close(help);
    (void)nftw(help->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    arena_free(help->arena);
    free(help);
}

void help_open(struct help *help, enum store_open_flags flags)
{
    struct err err = { 0 };

    assert_int_equal(loop_new(&help->loop, &err), ERR_NONE);
    if (store_open(&help->store, help->url, flags, help->loop, &err))
        fail_msg("store_open: %s", err.msg);
}

void help_close(struct help *help)
{
    store_close(help->store);
    loop_free(help->loop);
    help->store = NULL;
    help->loop = NULL;
}

void help_reopen(struct help *help)
{
    help_close(help);
    help_open(help, STORE_OPEN_READ_WRITE);
}

const char *help_backend = "mem:";

int help_setup(void **state)
{
    struct help *help = help_new(help_backend);

    help_open(help, STORE_OPEN_READ_WRITE);
    *state = help;
    return 0;
}

int help_teardown(void **state)
{
    help_free(*state);
    return 0;
}

/* ---- results ---- */

static void keep(struct arena *arena, struct slice *bytes)
{
    if (bytes->ptr)
        *bytes = arena_slice(arena, *bytes);
}

static void keep_row(struct arena *arena, struct store_session *row)
{
    keep(arena, &row->id);
    keep(arena, &row->tenant);
    keep(arena, &row->agent);
    keep(arena, &row->revision);
    keep(arena, &row->parent);
    keep(arena, &row->metadata);
    keep(arena, &row->state);
}

/* A copy of an array that the store gave. */
static void *keep_array(struct arena *arena, const void *array, size_t n, size_t size)
{
    void *copy = arena_alloc(arena, n * size + 1);

    if (n > 0)
        memcpy(copy, array, n * size);
    return copy;
}

static void keep_load(struct arena *arena, struct store_load *load)
{
    keep_row(arena, &load->row);
    keep(arena, &load->task);
    keep(arena, &load->end);
    keep(arena, &load->context);
    if (!load->with_signals)
        return;
    struct store_event *signals =
        keep_array(arena, load->signals, load->signals_n, sizeof(struct store_event));

    for (size_t n = 0; n < load->signals_n; n++)
        keep(arena, &signals[n].body);
    load->signals = signals;
}

static void keep_events(struct arena *arena, struct store_events *op)
{
    struct store_event *events =
        keep_array(arena, op->events, op->events_n, sizeof(struct store_event));

    for (size_t i = 0; i < op->events_n; i++) {
        keep(arena, &events[i].body);
        keep(arena, &events[i].wire);
        keep(arena, &events[i].blob.hash);
    }
    op->events = events;
}

static void keep_list(struct arena *arena, struct store_list *op)
{
    struct store_load *rows = keep_array(arena, op->rows, op->rows_n, sizeof(struct store_load));

    for (size_t i = 0; i < op->rows_n; i++)
        keep_load(arena, &rows[i]);
    op->rows = rows;
}

static void keep_scan(struct arena *arena, struct store_scan *op)
{
    struct store_session *rows =
        keep_array(arena, op->rows, op->rows_n, sizeof(struct store_session));

    for (size_t i = 0; i < op->rows_n; i++)
        keep_row(arena, &rows[i]);
    op->rows = rows;
}

static void keep_inbox(struct arena *arena, struct store_op *op)
{
    struct store_inbox_row *rows =
        keep_array(arena, op->inbox.rows, op->inbox.rows_n, sizeof(struct store_inbox_row));

    for (size_t i = 0; i < op->inbox.rows_n; i++) {
        keep(arena, &rows[i].kind);
        keep(arena, &rows[i].body);
    }
    op->inbox.rows = rows;
}

static void keep_approval(struct arena *arena, struct store_approval *row)
{
    keep(arena, &row->session);
    keep(arena, &row->agent);
    keep(arena, &row->tool);
    keep(arena, &row->body);
}

static void keep_approvals(struct arena *arena, struct store_approvals *op)
{
    struct store_approval *rows =
        keep_array(arena, op->rows, op->rows_n, sizeof(struct store_approval));

    for (size_t i = 0; i < op->rows_n; i++)
        keep_approval(arena, &rows[i]);
    op->rows = rows;
}

static void keep_api_keys(struct arena *arena, struct store_op *op)
{
    struct store_api_key *rows =
        keep_array(arena, op->api_keys.rows, op->api_keys.rows_n, sizeof(struct store_api_key));

    for (size_t i = 0; i < op->api_keys.rows_n; i++) {
        keep(arena, &rows[i].id);
        keep(arena, &rows[i].secret_hash);
        keep(arena, &rows[i].name);
        keep(arena, &rows[i].roles);
        keep(arena, &rows[i].tenant);
        keep(arena, &rows[i].created_by);
    }
    op->api_keys.rows = rows;
}

static void keep_delivery(struct arena *arena, struct store_delivery *row)
{
    struct slice *const texts[] = { &row->id,      &row->message_id, &row->webhook,    &row->event,
                                    &row->session, &row->tenant,     &row->last_error, &row->body };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        keep(arena, texts[i]);
}

static void keep_deliveries(struct arena *arena, struct store_deliveries *op)
{
    struct store_delivery *rows = arena_alloc(arena, (op->rows_n + 1) * sizeof(*rows));

    for (size_t i = 0; i < op->rows_n; i++) {
        rows[i] = op->rows[i];
        keep_delivery(arena, &rows[i]);
    }
    op->rows = rows;
}

static void keep_audit(struct arena *arena, struct store_audit_page *op)
{
    struct store_audit *rows = keep_array(arena, op->rows, op->rows_n, sizeof(struct store_audit));

    for (size_t i = 0; i < op->rows_n; i++) {
        struct slice *const texts[] = { &rows[i].tenant,       &rows[i].actor,
                                        &rows[i].actor_name,   &rows[i].address,
                                        &rows[i].action,       &rows[i].target,
                                        &rows[i].request_hash, &rows[i].outcome,
                                        &rows[i].prev_hash,    &rows[i].hash };

        for (size_t k = 0; k < ARRAY_LEN(texts); k++)
            keep(arena, texts[k]);
    }
    op->rows = rows;
}

static void keep_schedules(struct arena *arena, struct store_op *op)
{
    struct store_schedule *rows =
        keep_array(arena, op->schedules.rows, op->schedules.rows_n, sizeof(struct store_schedule));

    for (size_t i = 0; i < op->schedules.rows_n; i++) {
        keep(arena, &rows[i].name);
        keep(arena, &rows[i].spec);
        keep(arena, &rows[i].last_session);
    }
    op->schedules.rows = rows;
}

static void keep_found(struct arena *arena, struct store_op *op)
{
    switch (op->kind) {
    case STORE_LOAD: keep_load(arena, &op->load); break;
    case STORE_EVENTS: keep_events(arena, &op->events); break;
    case STORE_LIST: keep_list(arena, &op->list); break;
    case STORE_SCAN: keep_scan(arena, &op->scan); break;
    case STORE_INBOX_LIST: keep_inbox(arena, op); break;
    case STORE_APPROVALS: keep_approvals(arena, &op->approvals); break;
    case STORE_APPROVAL: keep_approval(arena, &op->approval.row); break;
    case STORE_API_KEYS: keep_api_keys(arena, op); break;
    case STORE_AUDIT: keep_audit(arena, &op->audit); break;
    case STORE_SCHEDULES: keep_schedules(arena, op); break;
    case STORE_DELIVERIES:
    case STORE_DELIVERY_DUE: keep_deliveries(arena, &op->deliveries); break;
    case STORE_DELIVERY: keep_delivery(arena, &op->delivery); break;
    case STORE_BLOB:
        keep(arena, &op->blob.hash);
        keep(arena, &op->blob.data);
        break;
    case STORE_KEY:
        keep(arena, &op->key.body_hash);
        keep(arena, &op->key.response);
        break;
    case STORE_REVISION_GET:
        keep(arena, &op->revision.agent);
        keep(arena, &op->revision.text);
        break;
    case STORE_COMMIT:
    case STORE_INBOX_ADD:
    case STORE_REVISION_PUT:
    case STORE_WORKER_START:
    case STORE_WORKER_BEAT:
    case STORE_SIZE:
    case STORE_ERASE:
    case STORE_PURGE:
    case STORE_DELIVERY_SET:
    case STORE_DELIVERY_SWEEP:
    case STORE_SWEEP:
    case STORE_API_KEY_ADD:
    case STORE_API_KEY_REVOKE:
    case STORE_AUDIT_CHAIN:
    case STORE_AUDIT_TRIM:
    case STORE_SCHEDULE_SET:
    case STORE_OP_KIND_COUNT: break;
    }
}

void help_keep(struct arena *arena, struct store_op *op)
{
    if (op->kind == STORE_COMMIT)
        keep(arena, &op->commit.replay);
    else if (op->kind == STORE_INBOX_ADD)
        keep(arena, &op->inbox.replay);
    else if (op->err.code == ERR_NONE)
        keep_found(arena, op);
    else if (op->kind == STORE_LOAD && op->load.erased_at_ms != 0)
        keep(arena, &op->load.row.tenant);
}

/* ---- running ---- */

static void on_done(struct store_op *op, void *arg)
{
    struct help *help = arg;

    help_keep(help->arena, op);
    if (--help->pending == 0)
        loop_stop(help->loop);
}

void help_submit(struct help *help, struct store_op *op)
{
    op->done = on_done;
    op->arg = help;
    help->pending++;
    store_submit(help->store, op);
}

void help_wait(struct help *help)
{
    if (help->pending > 0)
        loop_run(help->loop);
    assert_int_equal(help->pending, 0);
}

enum err_code help_run(struct help *help, struct store_op *op)
{
    help_submit(help, op);
    help_wait(help);
    return op->err.code;
}

/* ---- contents ---- */

struct slice help_text(struct help *help, const char *fmt, ...)
{
    char text[4096];
    va_list ap;

    va_start(ap, fmt);
    int len = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    assert_in_range(len, 0, sizeof(text) - 1);
    return arena_slice(help->arena, (struct slice){ text, (size_t)len });
}

static void fill_events(struct help *help, struct tick *tick, uint32_t after, size_t n)
{
    assert_in_range(n, 0, HELP_EVENTS_MAX);
    for (size_t i = 0; i < n; i++) {
        uint32_t seq = after + 1 + (uint32_t)i;

        tick->events[i] = (struct store_event){
            .seq = seq,
            .kind = EV_TOOL_FINISHED,
            .at_ms = 1000 + seq,
            .body = help_text(help, "{\"v\":1,\"n\":%u}", seq),
            .wire = seq % 2 ? help_text(help, "{\"wire\":%u}", seq) : (struct slice){ 0 },
        };
    }
    tick->op.commit.events = tick->events;
    tick->op.commit.events_n = n;
}

void help_create(struct help *help, struct tick *tick, const char *name, const char *input)
{
    *tick = (struct tick){ .op.kind = STORE_COMMIT };
    tick->op.commit.row = (struct store_session){
        .id = help_text(help, "ses_%s", name),
        .tenant = SLICE_LIT("acme"),
        .agent = SLICE_LIT("support"),
        .revision = SLICE_LIT("rev1"),
        .status = STATUS_PENDING,
        .is_live = 1,
        .created_at_ms = 1001,
        .updated_at_ms = 1001,
        .turn = 1,
        .seq = 1,
        .task_seq = 1,
        .context_seq = 1,
        .state = SLICE_LIT("state 1"),
    };
    fill_events(help, tick, 0, 1);
    tick->events[0].kind = EV_CREATED;
    tick->events[0].body = help_text(help, "{\"v\":1,\"input\":\"%s\"}", input);
}

void help_next(struct help *help, struct tick *tick, const struct store_session *row,
               size_t events_n)
{
    *tick = (struct tick){ .op.kind = STORE_COMMIT };
    tick->op.commit.row = *row;
    tick->op.commit.row.metadata = (struct slice){ 0 };
    tick->op.commit.row.updated_at_ms++;
    tick->op.commit.row.seq += (uint32_t)events_n;
    tick->op.commit.row.state = help_text(help, "state %llu", (unsigned long long)row->version + 1);
    fill_events(help, tick, row->seq, events_n);
}

struct store_session help_session(struct help *help, const char *name)
{
    struct tick tick;

    help_create(help, &tick, name, "what is the time?");
    if (help_run(help, &tick.op))
        fail_msg("create %s: %s", name, tick.op.err.msg);
    return tick.op.commit.row;
}

struct store_op help_erase(const struct store_session *row, uint32_t limit)
{
    return (struct store_op){
        .kind = STORE_ERASE,
        .erase = { .session = row->key, .version = row->version, .at_ms = 77, .limit = limit }
    };
}

struct store_load help_load(struct help *help, struct slice id, int with_texts)
{
    struct store_op op = { .kind = STORE_LOAD, .load = { .id = id, .with_texts = with_texts } };

    if (help_run(help, &op))
        fail_msg("load %.*s: %s", (int)id.len, id.ptr, op.err.msg);
    return op.load;
}

void help_check_journal(struct help *help, const struct store_session *row)
{
    struct store_op op = { .kind = STORE_EVENTS,
                           .events = { .session = row->key, .limit = STORE_PAGE_MAX } };
    uint32_t seq = 0;

    do {
        op.events.after = seq;
        assert_int_equal(help_run(help, &op), ERR_NONE);
        for (size_t i = 0; i < op.events.events_n; i++)
            assert_int_equal(op.events.events[i].seq, ++seq);
    } while (op.events.has_more);
    assert_int_equal(seq, row->seq);
}

void assert_slice(struct slice got, const char *expected)
{
    if (!slice_is(got, expected))
        fail_msg("got \"%.*s\", expected \"%s\"", (int)got.len, got.ptr ? got.ptr : "", expected);
}
