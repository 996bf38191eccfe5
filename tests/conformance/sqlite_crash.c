/*
 * sqlite_crash.c - a child commits as fast as it can and is killed in the middle, again and again:
 * what it was told is durable must be there, and the journals and rows must agree.
 * sqlite_crash [SEED [ROUNDS]]
 *
 * A kill takes the process and leaves the kernel, so this is about the order of writes and about
 * recovery; that the bytes are on the disk is fsync's business, which the tests of a failed fsync
 * and of a torn log look at.
 */
#include <inttypes.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "base/random.h"
#include "conformance/store_help.h"

enum { SESSIONS = 48, BODY_MAX = 3000, ROUNDS = 20 };

/* What the child reports of each commit that was answered. One write(2) of this is atomic. */
struct ack {
    int64_t key;
    uint64_t version;
};

/* ---- contents that can be told from key, seq and version alone ---- */

static struct slice body_of(struct arena *arena, int64_t key, uint32_t seq)
{
    size_t len = (size_t)((uint64_t)key * 7919 + (uint64_t)seq * 104729) % BODY_MAX + 40;
    char *text = arena_alloc(arena, len + 1);
    int head = snprintf(text, len, "{\"v\":1,\"key\":%" PRId64 ",\"seq\":%u,\"x\":\"", key, seq);

    memset(text + head, 'x', len - (size_t)head);
    text[len - 2] = '"';
    text[len - 1] = '}';
    return (struct slice){ text, len };
}

static struct slice state_of(struct arena *arena, uint64_t version, uint32_t seq)
{
    char *text = arena_alloc(arena, 64);
    int len = snprintf(text, 64, "version %" PRIu64 " seq %u", version, seq);

    return (struct slice){ text, (size_t)len };
}

/* ---- the child ---- */

struct runner {
    struct storm *storm;
    struct tick tick;
    struct arena *arena;
};

struct storm {
    struct help *help;
    struct random random;
    int acks;
    uint64_t left; /* ticks still to begin */
    struct runner runners[SESSIONS];
};

static void run_tick(struct runner *runner, const struct store_session *row);

static void on_committed(struct store_op *op, void *arg)
{
    struct runner *runner = arg;
    struct ack ack = { op->commit.row.key, op->commit.row.version };

    if (op->err.code) {
        (void)fprintf(stderr, "the child's commit: %s\n", op->err.msg);
        _exit(1);
    }
    if (write(runner->storm->acks, &ack, sizeof(ack)) != sizeof(ack))
        _exit(1);
    if (runner->storm->left == 0)
        return;
    struct store_session row = op->commit.row;

    arena_reset(runner->arena);
    run_tick(runner, &row);
}

static void run_tick(struct runner *runner, const struct store_session *row)
{
    struct tick *t = &runner->tick;
    size_t n = (size_t)random_below(&runner->storm->random, 4);

    help_next(runner->storm->help, t, row, n);
    for (size_t i = 0; i < n; i++)
        t->events[i].body = body_of(runner->arena, row->key, t->events[i].seq);
    t->op.commit.row.state = state_of(runner->arena, row->version + 1, t->op.commit.row.seq);
    t->op.commit.row.is_live = (int)random_below(&runner->storm->random, 2);
    t->op.commit.row.wake_at_ms = (int64_t)random_below(&runner->storm->random, 3);
    t->op.done = on_committed;
    t->op.arg = runner;
    runner->storm->left--;
    store_submit(runner->storm->help->store, &t->op);
}

static struct store_session find_or_create(struct help *h, int i)
{
    struct slice id = help_text(h, "ses_%d", i);
    struct store_op op = { .kind = STORE_LOAD, .load.id = id };
    struct tick t;

    if (help_run(h, &op) == ERR_NONE)
        return op.load.row;
    help_create(h, &t, id.ptr + 4, "x");
    t.op.commit.row.state = state_of(h->arena, 1, 1);
    if (help_run(h, &t.op))
        fail_msg("create: %s", t.op.err.msg);
    return t.op.commit.row;
}

static _Noreturn void be_killed(const char *url, uint64_t seed, int acks, uint64_t ticks)
{
    struct storm *storm = xcalloc(1, sizeof(*storm));
    struct store_session rows[SESSIONS];

    storm->help = help_new("sqlite:");
    (void)snprintf(storm->help->url, sizeof(storm->help->url), "%s", url);
    storm->acks = acks;
    storm->left = ticks;
    random_seed(&storm->random, seed);
    (void)rmdir(storm->help->dir); /* nobody is left to do it */
    help_open(storm->help, STORE_OPEN_READ_WRITE);
    for (int i = 0; i < SESSIONS; i++)
        rows[i] = find_or_create(storm->help, i);
    for (int i = 0; i < SESSIONS; i++) {
        storm->runners[i].storm = storm;
        storm->runners[i].arena = arena_new(1 << 20);
        if (storm->left > 0)
            run_tick(&storm->runners[i], &rows[i]);
    }
    loop_run(storm->help->loop);
    _exit(1);
}

/* ---- the parent ---- */

static uint64_t acked[SESSIONS + 1]; /* by key: the highest version */

static int take_ack(int fd)
{
    struct ack ack;
    ssize_t n = read(fd, &ack, sizeof(ack));

    if (n == 0)
        return 0;
    assert_int_equal(n, sizeof(ack));
    assert_in_range(ack.key, 1, SESSIONS);
    assert_true(ack.version > acked[ack.key]);
    acked[ack.key] = ack.version;
    return 1;
}

/* Lets a child commit until `acks` commits are answered, then kills it. */
static void storm_and_kill(struct help *h, uint64_t seed, unsigned acks, uint64_t ticks)
{
    int ends[2];
    int status = 0;

    assert_int_equal(pipe(ends), 0);
    (void)fflush(NULL);
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        (void)close(ends[0]);
        be_killed(h->url, seed, ends[1], ticks);
    }
    (void)close(ends[1]);
    for (unsigned i = 0; i < acks; i++)
        assert_true(take_ack(ends[0]));
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    while (take_ack(ends[0])) /* what was answered before the end */
        ;
    (void)close(ends[0]);
}

static void check_events(struct help *h, const struct store_session *row)
{
    struct store_op op = { .kind = STORE_EVENTS,
                           .events = { .session = row->key, .after = 1, .limit = STORE_PAGE_MAX } };

    do {
        assert_int_equal(help_run(h, &op), ERR_NONE);
        for (size_t i = 0; i < op.events.events_n; i++) {
            assert_int_equal(op.events.events[i].seq, ++op.events.after);
            assert_true(slice_equal(op.events.events[i].body,
                                    body_of(h->arena, row->key, op.events.after)));
        }
        arena_reset(h->arena);
    } while (op.events.has_more);
    assert_int_equal(op.events.after, row->seq);
}

/* How many commits that were answered are lost. */
static uint64_t check_sessions(struct help *h)
{
    uint64_t lost = 0;

    for (int64_t key = 1; key <= SESSIONS; key++) {
        struct store_op op = { .kind = STORE_SCAN,
                               .scan = { STORE_SCAN_ALL, .after_key = key - 1, .limit = 1 } };

        assert_int_equal(help_run(h, &op), ERR_NONE);
        if (op.scan.rows_n == 0)
            break;
        struct store_session row = op.scan.rows[0];

        assert_int_equal(row.key, key);
        assert_true(slice_equal(row.state, state_of(h->arena, row.version, row.seq)));
        if (row.version < acked[key])
            lost += acked[key] - row.version;
        acked[key] = row.version;
        check_events(h, &row);
    }
    return lost;
}

static void check_file(struct help *h)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;

    assert_int_equal(sqlite3_open(h->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(st, 0), "ok");
    assert_int_equal(sqlite3_finalize(st), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static struct {
    uint64_t seed, rounds;
} args = { 1, ROUNDS };

static int setup(void **state)
{
    memset(acked, 0, sizeof(acked));
    *state = help_new("sqlite:");
    return 0;
}

/* Every other round looks first as `pawl verify` would: read-only, at a store nobody recovered. */
static void what_was_answered_survives_a_kill(void **state)
{
    struct help *h = *state;
    struct random random;

    random_seed(&random, args.seed);
    for (uint64_t round = 0; round < args.rounds; round++) {
        storm_and_kill(h, args.seed * 1000 + round, (unsigned)random_below(&random, 1500),
                       UINT64_MAX);
        if (round % 2) {
            help_open(h, STORE_OPEN_READ_ONLY);
            assert_int_equal(check_sessions(h), 0);
            help_close(h);
        }
        help_open(h, STORE_OPEN_READ_WRITE);
        assert_int_equal(check_sessions(h), 0);
        help_close(h);
    }
    check_file(h);
}

/* A power cut may take the end of the log. What is left is what was, up to some commit. */
static void a_torn_log_is_a_shorter_history(void **state)
{
    static const off_t cuts[] = { 1, 100, 16384 + 24, 100000, 1 };
    struct help *h = *state;

    for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
        char wal[HELP_PATH_MAX + 8];
        struct stat st;
        uint64_t ticks = 200;

        storm_and_kill(h, i, (unsigned)ticks, ticks);
        (void)snprintf(wal, sizeof(wal), "%s-wal", h->path);
        assert_int_equal(stat(wal, &st), 0);
        assert_true(st.st_size > cuts[i]);
        assert_int_equal(truncate(wal, st.st_size - cuts[i]), 0);
        help_open(h, STORE_OPEN_READ_WRITE);
        assert_in_range(check_sessions(h), 1, ticks - 1);
        help_close(h);
        check_file(h);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_answered_survives_a_kill, setup, help_teardown),
        cmocka_unit_test_setup_teardown(a_torn_log_is_a_shorter_history, setup, help_teardown),
    };

    if (argc > 1)
        args.seed = strtoull(argv[1], NULL, 10);
    if (argc > 2)
        args.rounds = strtoull(argv[2], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
