/*
 * store_oracle.c - the same random operations on the store in memory and on another; outcomes and
 * all that is stored must be the same. store_oracle URL [FIRST_SEED [SEEDS]]
 *
 * Most operations are right, some are stale, doubled or meant for another session: what a store
 * must refuse is half of what it promises. A failure prints its seed.
 */
#include <inttypes.h>

#include "base/random.h"
#include "conformance/store_help.h"

enum { STEPS = 400, SESSIONS_MAX = 24, WORKERS_MAX = 4, INBOX_MAX = 64, DUMP_EVERY = 40 };

static struct {
    uint64_t seed;
    struct random random;
    struct help *both[2];                        /* [0] is in memory */
    struct store_session sessions[SESSIONS_MAX]; /* as the last commit left them */
    unsigned sessions_n;
    unsigned names_n;                          /* of sessions, ever */
    struct store_session erased[SESSIONS_MAX]; /* some of them */
    unsigned erased_n;
    int64_t inbox[INBOX_MAX];
    unsigned inbox_n;
    struct {
        uint32_t id, epoch;
    } workers[WORKERS_MAX];
    int64_t now_ms;
} oracle;

static unsigned below(unsigned n)
{
    return (unsigned)random_below(&oracle.random, n);
}

static int percent(unsigned p)
{
    return below(100) < p;
}

static struct slice text(const char *fmt, unsigned n)
{
    char out[64];
    int len = snprintf(out, sizeof(out), "%s%u", fmt, n);

    return arena_slice(oracle.both[0]->arena, (struct slice){ out, (size_t)len });
}

/* ---- comparison ---- */

static void same(int is_same, const char *what)
{
    if (!is_same)
        fail_msg("seed %" PRIu64 ": the stores differ in %s", oracle.seed, what);
}

static void same_row(const struct store_session *a, const struct store_session *b)
{
    same(a->key == b->key && a->version == b->version, "key or version");
    same(slice_equal(a->id, b->id) && slice_equal(a->tenant, b->tenant) &&
             slice_equal(a->agent, b->agent) && slice_equal(a->revision, b->revision) &&
             slice_equal(a->parent, b->parent),
         "names");
    same(a->status == b->status && !a->is_paused == !b->is_paused && !a->is_live == !b->is_live,
         "status");
    same(a->owner == b->owner && a->epoch == b->epoch, "owner");
    same(a->wake_at_ms == b->wake_at_ms && a->created_at_ms == b->created_at_ms &&
             a->updated_at_ms == b->updated_at_ms && a->ended_at_ms == b->ended_at_ms,
         "times");
    same(a->turn == b->turn && a->steps == b->steps && a->seq == b->seq &&
             a->task_seq == b->task_seq && a->end_seq == b->end_seq &&
             a->context_seq == b->context_seq,
         "counters");
    same(a->spent.tokens == b->spent.tokens && a->spent.nanousd == b->spent.nanousd, "money");
    same(slice_equal(a->metadata, b->metadata), "metadata");
    same(slice_equal(a->state, b->state), "state");
}

static void same_load(const struct store_load *a, const struct store_load *b)
{
    same_row(&a->row, &b->row);
    same(slice_equal(a->task, b->task) && slice_equal(a->end, b->end) &&
             slice_equal(a->context, b->context),
         "texts");
}

static void same_event(const struct store_event *a, const struct store_event *b)
{
    same(a->seq == b->seq && a->kind == b->kind && a->at_ms == b->at_ms, "an event");
    same(slice_equal(a->body, b->body), "a body");
    same(slice_equal(a->wire, b->wire) && !a->wire.ptr == !b->wire.ptr, "a wire");
    same(slice_equal(a->blob.hash, b->blob.hash) && a->blob.bytes == b->blob.bytes &&
             a->blob.call == b->blob.call,
         "the name of a blob");
}

static void same_inbox(const struct store_op *a, const struct store_op *b)
{
    same(a->inbox.rows_n == b->inbox.rows_n && a->inbox.has_more == b->inbox.has_more, "an inbox");
    for (size_t i = 0; i < a->inbox.rows_n; i++) {
        same(a->inbox.rows[i].id == b->inbox.rows[i].id &&
                 a->inbox.rows[i].at_ms == b->inbox.rows[i].at_ms &&
                 slice_equal(a->inbox.rows[i].kind, b->inbox.rows[i].kind) &&
                 slice_equal(a->inbox.rows[i].body, b->inbox.rows[i].body),
             "an inbox row");
    }
}

static void same_list(const struct store_list *a, const struct store_list *b)
{
    same(a->rows_n == b->rows_n && a->has_more == b->has_more, "a list");
    for (size_t i = 0; i < a->rows_n; i++)
        same_load(&a->rows[i], &b->rows[i]);
}

static void same_scan(const struct store_scan *a, const struct store_scan *b)
{
    same(a->rows_n == b->rows_n && a->has_more == b->has_more, "a scan");
    for (size_t i = 0; i < a->rows_n; i++)
        same_row(&a->rows[i], &b->rows[i]);
}

static void same_events(const struct store_events *a, const struct store_events *b)
{
    same(a->events_n == b->events_n && a->has_more == b->has_more, "a journal");
    for (size_t i = 0; i < a->events_n; i++)
        same_event(&a->events[i], &b->events[i]);
}

static void same_results(const struct store_op *a, const struct store_op *b)
{
    switch (a->kind) {
    case STORE_COMMIT:
        same(a->commit.row.key == b->commit.row.key &&
                 a->commit.row.version == b->commit.row.version,
             "what a commit gave");
        break;
    case STORE_LOAD: same_load(&a->load, &b->load); break;
    case STORE_EVENTS: same_events(&a->events, &b->events); break;
    case STORE_LIST: same_list(&a->list, &b->list); break;
    case STORE_SCAN: same_scan(&a->scan, &b->scan); break;
    case STORE_KEY:
        same(slice_equal(a->key.body_hash, b->key.body_hash) &&
                 slice_equal(a->key.response, b->key.response) && a->key.at_ms == b->key.at_ms,
             "a key");
        break;
    case STORE_BLOB:
        same(slice_equal(a->blob.hash, b->blob.hash) && a->blob.bytes == b->blob.bytes &&
                 slice_equal(a->blob.data, b->blob.data),
             "a blob");
        break;
    case STORE_INBOX_ADD: same(a->inbox.row.id == b->inbox.row.id, "an inbox row's id"); break;
    case STORE_INBOX_LIST: same_inbox(a, b); break;
    case STORE_REVISION_GET:
        same(slice_equal(a->revision.text, b->revision.text) &&
                 slice_equal(a->revision.agent, b->revision.agent),
             "a revision");
        break;
    case STORE_WORKER_START:
        same(a->worker.id == b->worker.id && a->worker.epoch == b->worker.epoch, "a worker");
        break;
    case STORE_APPROVALS: /* compared by store_approval_cases.c */
    case STORE_APPROVAL:
    case STORE_API_KEYS: /* by store_api_key_cases.c */
    case STORE_API_KEY_ADD:
    case STORE_API_KEY_REVOKE:
    case STORE_DELIVERIES: /* by store_delivery_cases.c */
    case STORE_DELIVERY:
    case STORE_DELIVERY_DUE:
    case STORE_DELIVERY_SET:
    case STORE_DELIVERY_SWEEP:
    case STORE_AUDIT: /* by store_audit_cases.c */
    case STORE_AUDIT_CHAIN:
    case STORE_AUDIT_TRIM:
    case STORE_SCHEDULES: /* by store_schedule_cases.c */
    case STORE_SCHEDULE_SET:
    case STORE_REVISION_PUT:
    case STORE_WORKER_BEAT:
    case STORE_ERASE: /* what is left is a store's own affair, as long as nobody sees it */
    case STORE_PURGE:
    case STORE_SIZE:
    case STORE_SWEEP:
    case STORE_OP_KIND_COUNT: break;
    }
}

/* Runs op on both; what it came to is left in *op. */
static enum err_code both(struct store_op *op)
{
    struct store_op other = *op;

    (void)help_run(oracle.both[0], op);
    (void)help_run(oracle.both[1], &other);
    if (op->err.code != other.err.code)
        fail_msg("seed %" PRIu64 ", operation %d: %s (%s), but %s (%s)", oracle.seed, op->kind,
                 err_code_name(op->err.code), op->err.msg, err_code_name(other.err.code),
                 other.err.msg);
    if (op->kind == STORE_COMMIT)
        same(op->commit.is_replay == other.commit.is_replay &&
                 slice_equal(op->commit.replay, other.commit.replay),
             "a replay");
    if (op->kind == STORE_INBOX_ADD)
        same(op->inbox.is_replay == other.inbox.is_replay &&
                 slice_equal(op->inbox.replay, other.inbox.replay),
             "a replay");
    if (op->kind == STORE_LOAD)
        same(op->load.erased_at_ms == other.load.erased_at_ms &&
                 op->load.erasure == other.load.erasure,
             "a tombstone");
    if (op->err.code == ERR_NONE)
        same_results(op, &other);
    return op->err.code;
}

/* ---- operations ---- */

static struct store_idempotency random_key(void)
{
    if (percent(60))
        return (struct store_idempotency){ 0 };
    return (struct store_idempotency){
        .tenant = text("t", below(2)),
        .route = text("r", below(2)),
        .key = text("k", below(30)),
        .body_hash = text("h", percent(80) ? 0 : below(3)),
        .response = text("{} ", below(1000)),
        .at_ms = oracle.now_ms,
    };
}

static void random_columns(struct store_session *row)
{
    static const char *const metadata[] = { "{\"a\":1}", "{\"a\":\"x\",\"b\":true}", "{}", "[]" };
    unsigned worker = below(WORKERS_MAX);

    row->status = (enum session_status)below(STATUS_COUNT);
    row->ended_at_ms = row->status >= STATUS_COMPLETED ? oracle.now_ms : 0;
    row->is_paused = percent(10);
    row->is_live = percent(50);
    row->wake_at_ms = percent(70) ? 0 : 1 + below(5);
    row->owner = percent(50) ? 0 : oracle.workers[worker].id;
    row->epoch = row->owner ? oracle.workers[worker].epoch - (uint32_t)percent(10) : 0;
    row->updated_at_ms = oracle.now_ms;
    row->turn += below(2);
    row->steps = below(50);
    row->spent.tokens += below(100);
    row->spent.nanousd += below(100);
    row->task_seq = 1 + below(row->seq);
    row->end_seq = below(row->seq + 1);
    row->context_seq = 1 + below(row->seq);
    row->state = text("state", below(1000000));
    row->metadata = (struct slice){ 0 };
    if (percent(20))
        row->metadata = slice_of(metadata[below(ARRAY_LEN(metadata))]);
}

/* Few contents, so that sessions share them; a call is the number of its event. */
static struct store_blob random_blob(uint32_t call)
{
    unsigned content = below(6);
    struct store_blob blob = { .hash = text("blob", content), .call = call };

    if (percent(80))
        return (struct store_blob){ 0 };
    blob.data = text("the content of blob ", content * 1000);
    blob.bytes = blob.data.len;
    if (percent(30))
        blob.data = (struct slice){ 0 };
    return blob;
}

static void random_events(struct tick *tick, uint32_t after, size_t n)
{
    for (size_t i = 0; i < n; i++)
        tick->events[i] = (struct store_event){
            .seq = after + 1 + (uint32_t)i,
            .kind = (enum event_kind)below(EV_KIND_COUNT),
            .at_ms = oracle.now_ms,
            .body = percent(90) ? text("{\"input\":\"Task ", below(1000)) : SLICE_LIT("{}"),
            .wire = percent(50) ? text("wire", below(1000)) : (struct slice){ 0 },
            .blob = random_blob(after + 1 + (uint32_t)i),
        };
    for (size_t i = 0; i < n; i++) /* closes the JSON of the first kind */
        if (tick->events[i].body.len > 2) {
            char body[96];
            int len = snprintf(body, sizeof(body), "%.*s\"}", (int)tick->events[i].body.len,
                               tick->events[i].body.ptr);

            tick->events[i].body =
                arena_slice(oracle.both[0]->arena, (struct slice){ body, (size_t)len });
        }
    tick->op.commit.events = tick->events;
    tick->op.commit.events_n = n;
}

static void do_create(void)
{
    struct tick tick = { .op.kind = STORE_COMMIT };
    struct store_session *row = &tick.op.commit.row;

    row->id = text("ses_", percent(90) ? oracle.names_n++ : below(SESSIONS_MAX));
    row->tenant = text("t", below(2));
    row->agent = text("agent", below(2));
    row->revision = text("rev", below(3));
    if (percent(20))
        row->parent = text("ses_", below(SESSIONS_MAX));
    row->created_at_ms = oracle.now_ms;
    row->seq = 1 + below(4);
    random_events(&tick, 0, row->seq);
    random_columns(row);
    tick.op.commit.idempotency = random_key();
    if (both(&tick.op) == ERR_NONE && oracle.sessions_n < SESSIONS_MAX)
        oracle.sessions[oracle.sessions_n++] = *row;
}

/* Mostly of a session that is there, and of as much as it has. */
static void do_copy(void)
{
    struct tick tick = { .op.kind = STORE_COMMIT };
    struct store_session *row = &tick.op.commit.row;
    const struct store_session *source = &oracle.sessions[below(oracle.sessions_n)];
    size_t n = 1 + below(3);

    row->id = text("ses_", percent(90) ? oracle.names_n++ : below(SESSIONS_MAX));
    row->tenant = source->tenant;
    row->agent = source->agent;
    row->revision = source->revision;
    row->created_at_ms = oracle.now_ms;
    tick.op.commit.copy_of = percent(95) ? source->key : 4711;
    tick.op.commit.copy_n = 1 + below(source->seq + (uint32_t)percent(10));
    row->seq = tick.op.commit.copy_n + (uint32_t)n - (uint32_t)percent(4);
    random_events(&tick, row->seq - (uint32_t)n, n);
    random_columns(row);
    tick.op.commit.idempotency = random_key();
    if (both(&tick.op) == ERR_NONE && oracle.sessions_n < SESSIONS_MAX)
        oracle.sessions[oracle.sessions_n++] = *row;
}

static void do_tick(void)
{
    struct tick tick = { .op.kind = STORE_COMMIT };
    struct store_session *row = &tick.op.commit.row;
    unsigned at = below(oracle.sessions_n);
    size_t n = below(4);
    int64_t done[2] = { 0 };

    *row = oracle.sessions[at];
    row->version -= percent(8) && row->version > 1;
    row->seq += (uint32_t)percent(4);
    random_events(&tick, row->seq, n);
    row->seq += (uint32_t)n;
    random_columns(row);
    tick.op.commit.inbox_done = done;
    if (oracle.inbox_n > 0 && percent(30)) {
        tick.op.commit.inbox_done_n = 1;
        done[0] = oracle.inbox[below(oracle.inbox_n)];
    }
    tick.op.commit.idempotency = random_key();
    if (both(&tick.op) == ERR_NONE)
        oracle.sessions[at] = *row;
}

static void do_inbox(void)
{
    struct store_op op = { .kind = STORE_INBOX_ADD };

    op.inbox.session = percent(95) ? oracle.sessions[below(oracle.sessions_n)].key : 4711;
    op.inbox.row = (struct store_inbox_row){ .kind = text("kind", below(3)),
                                             .body = text("body", below(1000)),
                                             .at_ms = oracle.now_ms };
    op.inbox.idempotency = random_key();
    if (both(&op) == ERR_NONE)
        oracle.inbox[oracle.inbox_n < INBOX_MAX ? oracle.inbox_n++ : below(INBOX_MAX)] =
            op.inbox.row.id;
}

/* A journal that is erased in pieces leaves some behind for do_purge(). */
static void do_erase(void)
{
    struct store_op op = { .kind = STORE_ERASE, .erase.at_ms = oracle.now_ms };
    unsigned at = below(oracle.sessions_n);

    op.erase.session = percent(95) ? oracle.sessions[at].key : 4711;
    op.erase.version = oracle.sessions[at].version + (uint64_t)percent(8);
    op.erase.limit = below(6);
    op.erase.why = percent(50) ? STORE_ERASURE_REQUEST : STORE_ERASURE_RETENTION;
    if (both(&op) != ERR_NONE)
        return;
    oracle.erased[oracle.erased_n < SESSIONS_MAX ? oracle.erased_n++ : below(SESSIONS_MAX)] =
        oracle.sessions[at];
    if (percent(80)) /* else it is written to, in vain */
        oracle.sessions[at] = oracle.sessions[--oracle.sessions_n];
}

static void do_purge(void)
{
    struct store_op op = { .kind = STORE_PURGE, .purge.limit = 1 + below(8) };

    (void)both(&op);
}

static void do_worker(void)
{
    unsigned at = below(WORKERS_MAX);
    struct store_op op = { .kind = percent(30) ? STORE_WORKER_START : STORE_WORKER_BEAT };

    op.worker.name = text("host:", at);
    op.worker.id = oracle.workers[at].id;
    op.worker.epoch = oracle.workers[at].epoch;
    op.worker.at_ms = oracle.now_ms;
    if (both(&op) == ERR_NONE && op.kind == STORE_WORKER_START) {
        oracle.workers[at].id = op.worker.id;
        oracle.workers[at].epoch = op.worker.epoch;
    }
}

static void do_other(void)
{
    struct store_op op = { .kind = STORE_REVISION_PUT };

    if (percent(50)) {
        op.revision.hash = text("hash", below(5));
        op.revision.agent = text("agent", below(2));
        op.revision.text = text("text", below(1000));
        (void)both(&op);
        op.kind = STORE_REVISION_GET;
        op.revision.hash = text("hash", below(6));
        (void)both(&op);
    } else if (percent(50)) {
        op = (struct store_op){ .kind = STORE_KEY, .key = random_key() };
        (void)both(&op);
    } else {
        op = (struct store_op){ .kind = STORE_SWEEP };
        op.sweep.before_ms = oracle.now_ms - 20000000;
        (void)both(&op);
    }
}

static void do_blob(void)
{
    const struct store_session *row = &oracle.sessions[below(oracle.sessions_n)];
    struct store_op op = { .kind = STORE_BLOB,
                           .blob = { .session = row->key,
                                     .call = 1 + below(row->seq + 1),
                                     .offset = below(30),
                                     .length = 1 + below(30) } };

    (void)both(&op);
}

static void do_list(void)
{
    static const char *const names[] = { "a", "b" };
    static const char *const values[] = { "1", "x", "true" };
    struct store_op op = { .kind = STORE_LIST, .list.limit = 1 + below(10) };
    struct store_filter *filter = &op.list.filter;

    filter->tenant = text("t", below(2));
    if (percent(30))
        filter->agent = text("agent", below(2));
    if (percent(50))
        filter->statuses = percent(50) ? 1u << below(STATUS_COUNT) : below(1u << STATUS_COUNT);
    if (percent(30))
        filter->text = percent(50) ? text("tASK ", below(10)) : text("", below(10));
    if (percent(30)) {
        filter->metadata_n = 1;
        filter->metadata[0].name = slice_of(names[below(2)]);
        filter->metadata[0].value = slice_of(values[below(3)]);
    }
    if (percent(50))
        op.list.before_key = below(SESSIONS_MAX + 2);
    (void)both(&op);
}

/* ---- all that is stored ---- */

static void dump_blobs(const struct store_session *row)
{
    struct store_op op = { .kind = STORE_BLOB,
                           .blob = { .session = row->key, .length = STORE_BLOB_READ_MAX } };

    for (op.blob.call = 1; op.blob.call <= row->seq; op.blob.call++)
        (void)both(&op);
}

static void dump_session(const struct store_session *row)
{
    struct store_op events = { .kind = STORE_EVENTS, .events = { .session = row->key } };
    struct store_op inbox = { .kind = STORE_INBOX_LIST, .inbox.session = row->key };
    struct store_op load = { .kind = STORE_LOAD, .load = { .id = row->id, .with_texts = 1 } };

    events.events.limit = STORE_PAGE_MAX;
    for (int what = STORE_EVENTS_BODIES; what <= STORE_EVENTS_ALL; what++) {
        events.events.what = (enum store_events_what)what;
        (void)both(&events);
    }
    (void)both(&inbox);
    (void)both(&load);
    dump_blobs(row);
}

static void dump(void)
{
    for (int what = STORE_SCAN_LIVE; what <= STORE_SCAN_ALL; what++) {
        struct store_op op = { .kind = STORE_SCAN, .scan = { .limit = 1 + below(8) } };

        op.scan.what = (enum store_scan_what)what;
        do {
            (void)both(&op);
            for (size_t i = 0; i < op.scan.rows_n; i++) {
                op.scan.after_key = op.scan.rows[i].key;
                op.scan.after_ms = what == STORE_SCAN_ENDED ? op.scan.rows[i].ended_at_ms
                                                            : op.scan.rows[i].wake_at_ms;
                if (what == STORE_SCAN_ALL)
                    dump_session(&op.scan.rows[i]);
            }
        } while (op.scan.has_more);
    }
}

/* They are erased, whatever of them is still to be purged. */
static void dump_erased(void)
{
    for (unsigned i = 0; i < oracle.erased_n; i++)
        dump_session(&oracle.erased[i]);
}

static void step(void)
{
    static void (*const steps[])(void) = { do_tick,  do_tick, do_tick, do_tick, do_inbox, do_worker,
                                           do_other, do_list, do_list, do_blob, do_blob,  do_copy };

    if (oracle.sessions_n > 0 && percent(4))
        do_erase();
    if (percent(5))
        do_purge();

    oracle.now_ms += below(600000);
    if (oracle.sessions_n == 0 || (oracle.sessions_n < SESSIONS_MAX && percent(15)))
        do_create();
    else
        steps[below(ARRAY_LEN(steps))]();
}

static void play(const char *url, uint64_t seed)
{
    memset(&oracle, 0, sizeof(oracle));
    oracle.seed = seed;
    oracle.now_ms = 1000000000;
    random_seed(&oracle.random, seed);
    oracle.both[0] = help_new("mem:");
    oracle.both[1] = help_new(url);
    for (int i = 0; i < 2; i++)
        help_open(oracle.both[i], STORE_OPEN_READ_WRITE);
    for (int i = 1; i <= STEPS; i++) {
        step();
        if (i % DUMP_EVERY != 0)
            continue;
        dump();
        dump_erased();
    }
    for (int i = 0; i < 2; i++)
        help_free(oracle.both[i]);
}

static struct {
    const char *url;
    uint64_t first, n;
} args = { "sqlite:", 1, 20 };

static void stores_agree(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < args.n; i++)
        play(args.url, args.first + i);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(stores_agree) };

    if (argc > 1)
        args.url = argv[1];
    if (argc > 2) {
        args.first = strtoull(argv[2], NULL, 10);
        args.n = 1;
    }
    if (argc > 3)
        args.n = strtoull(argv[3], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
