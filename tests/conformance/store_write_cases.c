/*
 * store_write_cases.c - what store.h promises of all that is written beside sessions: idempotency
 * keys, inboxes, workers, revisions.
 */
#include "conformance/store_help.h"

/* ---- idempotency ---- */

static void set_key(struct tick *t, const char *key, const char *hash)
{
    t->op.commit.idempotency = (struct store_idempotency){
        .tenant = SLICE_LIT("acme"),
        .route = SLICE_LIT("POST /v1/sessions"),
        .key = slice_of(key),
        .body_hash = slice_of(hash),
        .response = SLICE_LIT("{\"id\":\"ses_a\"}"),
        .at_ms = 5000,
    };
}

static void a_known_key_replays(void **state)
{
    struct help *h = *state;
    struct tick first, again, other;

    help_create(h, &first, "a", "x");
    set_key(&first, "k1", "hash");
    help_create(h, &again, "b", "x");
    set_key(&again, "k1", "hash");
    help_create(h, &other, "c", "x");
    set_key(&other, "k1", "another");
    help_submit(h, &first.op); /* all at once: within a batch, too */
    help_submit(h, &again.op);
    help_submit(h, &other.op);
    help_wait(h);
    assert_int_equal(first.op.err.code, ERR_NONE);
    assert_false(first.op.commit.is_replay);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(again.op.err.code, ERR_CONFLICT);
        assert_true(again.op.commit.is_replay);
        assert_slice(again.op.commit.replay, "{\"id\":\"ses_a\"}");
        assert_int_equal(other.op.err.code, ERR_INVALID);
        assert_false(other.op.commit.is_replay);
        (void)help_run(h, &again.op);
        (void)help_run(h, &other.op);
    }
    struct store_op load = { .kind = STORE_LOAD, .load.id = SLICE_LIT("ses_b") };

    assert_int_equal(help_run(h, &load), ERR_NOT_FOUND);
    assert_int_equal(store_stats(h->store).conflicts, 0); /* a replay is none */
}

static void a_key_belongs_to_its_tenant_and_route(void **state)
{
    struct help *h = *state;
    struct tick t;

    help_create(h, &t, "a", "x");
    set_key(&t, "k1", "hash");
    assert_int_equal(help_run(h, &t.op), ERR_NONE);
    help_create(h, &t, "b", "x");
    set_key(&t, "k1", "hash");
    t.op.commit.idempotency.tenant = SLICE_LIT("");
    assert_int_equal(help_run(h, &t.op), ERR_NONE);
    help_create(h, &t, "c", "x");
    set_key(&t, "k1", "hash");
    t.op.commit.idempotency.route = SLICE_LIT("POST /v1/sessions/ses_a/messages");
    assert_int_equal(help_run(h, &t.op), ERR_NONE);
}

/* A replay comes before the version check: the caller's session has moved on since. */
static void a_replay_wins_over_a_conflict(void **state)
{
    struct help *h = *state;
    struct store_session row = help_session(h, "a");
    struct tick t;

    help_next(h, &t, &row, 1);
    set_key(&t, "k1", "hash");
    assert_int_equal(help_run(h, &t.op), ERR_NONE);
    help_next(h, &t, &row, 1);
    set_key(&t, "k1", "hash");
    assert_int_equal(help_run(h, &t.op), ERR_CONFLICT);
    assert_true(t.op.commit.is_replay);
}

static void a_refused_tick_does_not_use_up_its_key(void **state)
{
    struct help *h = *state;
    struct store_session row = help_session(h, "a");
    struct tick t;

    help_next(h, &t, &row, 1);
    t.op.commit.row.version = 9;
    set_key(&t, "k1", "hash");
    assert_int_equal(help_run(h, &t.op), ERR_CONFLICT);
    assert_false(t.op.commit.is_replay);
    help_next(h, &t, &row, 1);
    set_key(&t, "k1", "hash");
    assert_int_equal(help_run(h, &t.op), ERR_NONE);
}

static struct store_op key_op(const char *key)
{
    return (struct store_op){ .kind = STORE_KEY,
                              .key = { .tenant = SLICE_LIT("acme"),
                                       .route = SLICE_LIT("POST /v1/sessions"),
                                       .key = slice_of(key) } };
}

static void a_key_can_be_looked_up_until_it_is_swept(void **state)
{
    struct help *h = *state;
    struct store_op get = key_op("old");
    struct tick t;

    assert_int_equal(help_run(h, &get), ERR_NOT_FOUND);
    help_create(h, &t, "a", "x");
    set_key(&t, "old", "hash");
    assert_int_equal(help_run(h, &t.op), ERR_NONE);
    help_create(h, &t, "b", "x");
    set_key(&t, "new", "hash");
    t.op.commit.idempotency.at_ms = 6000;
    assert_int_equal(help_run(h, &t.op), ERR_NONE);
    assert_int_equal(help_run(h, &get), ERR_NONE);
    assert_slice(get.key.body_hash, "hash");
    assert_slice(get.key.response, "{\"id\":\"ses_a\"}");
    assert_int_equal(get.key.at_ms, 5000);

    struct store_op sweep = { .kind = STORE_SWEEP, .sweep.before_ms = 6000 };

    assert_int_equal(help_run(h, &sweep), ERR_NONE);
    assert_int_equal(help_run(h, &get), ERR_NOT_FOUND);
    get = key_op("new");
    assert_int_equal(help_run(h, &get), ERR_NONE);
}

/* More rows than a backend takes at once; what is submitted meanwhile is done, too. */
static void a_long_sweep_takes_all(void **state)
{
    enum { KEYS = 2500 };
    struct help *h = *state;
    struct store_session row = help_session(h, "a");
    struct store_op *adds = xcalloc(KEYS, sizeof(*adds));

    for (int i = 0; i < KEYS; i++) {
        adds[i] = (struct store_op){
            .kind = STORE_INBOX_ADD,
            .inbox = { .session = row.key,
                       .row = { .kind = SLICE_LIT("message"), .body = SLICE_LIT("{}") },
                       .idempotency = { .key = help_text(h, "k%d", i), .at_ms = i } },
        };
        help_submit(h, &adds[i]);
    }
    help_wait(h);
    for (int i = 0; i < KEYS; i++)
        assert_int_equal(adds[i].err.code, ERR_NONE);

    struct store_op sweep = { .kind = STORE_SWEEP, .sweep.before_ms = KEYS - 1 };
    struct tick t;

    help_next(h, &t, &row, 1);
    help_submit(h, &sweep);
    help_submit(h, &t.op);
    help_wait(h);
    assert_int_equal(sweep.err.code, ERR_NONE);
    assert_int_equal(t.op.err.code, ERR_NONE);
    for (int i = 0; i < KEYS; i += KEYS / 10 - 1) {
        struct store_op get = { .kind = STORE_KEY, .key.key = help_text(h, "k%d", i) };

        assert_int_equal(help_run(h, &get), i == KEYS - 1 ? ERR_NONE : ERR_NOT_FOUND);
    }
    free(adds);
}

/* ---- inbox ---- */

static int64_t inbox_add(struct help *h, int64_t session, const char *body)
{
    struct store_op op = {
        .kind = STORE_INBOX_ADD,
        .inbox = { .session = session,
                   .row = { .kind = SLICE_LIT("message"), .body = slice_of(body), .at_ms = 3000 } }
    };

    assert_int_equal(help_run(h, &op), ERR_NONE);
    assert_true(op.inbox.row.id > 0);
    return op.inbox.row.id;
}

static size_t inbox_count(struct help *h, int64_t session)
{
    struct store_op op = { .kind = STORE_INBOX_LIST, .inbox.session = session };

    assert_int_equal(help_run(h, &op), ERR_NONE);
    return op.inbox.rows_n;
}

static void inbox_rows_wait_in_their_order(void **state)
{
    struct help *h = *state;
    struct store_session a = help_session(h, "a");
    struct store_session b = help_session(h, "b");
    int64_t first = inbox_add(h, a.key, "{\"n\":1}");

    (void)inbox_add(h, b.key, "{\"n\":2}");
    int64_t third = inbox_add(h, a.key, "{\"n\":3}");
    struct store_op op = { .kind = STORE_INBOX_LIST, .inbox.session = a.key };

    assert_true(third > first);
    assert_int_equal(help_run(h, &op), ERR_NONE);
    assert_int_equal(op.inbox.rows_n, 2);
    assert_false(op.inbox.has_more);
    assert_int_equal(op.inbox.rows[0].id, first);
    assert_int_equal(op.inbox.rows[1].id, third);
    assert_slice(op.inbox.rows[0].kind, "message");
    assert_slice(op.inbox.rows[1].body, "{\"n\":3}");
    assert_int_equal(op.inbox.rows[1].at_ms, 3000);
    op = (struct store_op){ .kind = STORE_INBOX_ADD, .inbox.session = 4711 };
    assert_int_equal(help_run(h, &op), ERR_NOT_FOUND);
}

static void inbox_rows_go_with_the_tick_that_took_them(void **state)
{
    struct help *h = *state;
    struct store_session a = help_session(h, "a");
    struct store_session b = help_session(h, "b");
    int64_t ids[2] = { inbox_add(h, a.key, "1"), inbox_add(h, a.key, "2") };
    int64_t later = inbox_add(h, a.key, "3");
    struct tick t;

    help_next(h, &t, &b, 1); /* another session's */
    t.op.commit.inbox_done = ids;
    t.op.commit.inbox_done_n = 1;
    assert_int_equal(help_run(h, &t.op), ERR_CONFLICT);
    help_next(h, &t, &a, 1); /* a conflict leaves them */
    t.op.commit.row.version = 5;
    t.op.commit.inbox_done = ids;
    t.op.commit.inbox_done_n = 2;
    assert_int_equal(help_run(h, &t.op), ERR_CONFLICT);
    assert_int_equal(inbox_count(h, a.key), 3);
    help_next(h, &t, &a, 2);
    t.op.commit.inbox_done = ids;
    t.op.commit.inbox_done_n = 2;
    assert_int_equal(help_run(h, &t.op), ERR_NONE);
    assert_int_equal(inbox_count(h, a.key), 1);
    a = t.op.commit.row;
    help_next(h, &t, &a, 1); /* taken once, not twice */
    ids[0] = later;
    t.op.commit.inbox_done = ids;
    t.op.commit.inbox_done_n = 2;
    assert_int_equal(help_run(h, &t.op), ERR_CONFLICT);
    assert_int_equal(inbox_count(h, a.key), 1);
}

static void an_inbox_id_is_given_once(void **state)
{
    struct help *h = *state;
    struct store_session row = help_session(h, "a");
    int64_t id = inbox_add(h, row.key, "1");
    struct tick t;

    help_next(h, &t, &row, 1);
    t.op.commit.inbox_done = &id;
    t.op.commit.inbox_done_n = 1;
    assert_int_equal(help_run(h, &t.op), ERR_NONE);
    assert_true(inbox_add(h, row.key, "2") > id);
}

static void an_inbox_row_has_its_key(void **state)
{
    struct help *h = *state;
    struct store_session row = help_session(h, "a");
    struct store_op op = {
        .kind = STORE_INBOX_ADD,
        .inbox = { .session = row.key,
                   .row = { .kind = SLICE_LIT("message"), .body = SLICE_LIT("{}") },
                   .idempotency = { .key = SLICE_LIT("k"),
                                    .body_hash = SLICE_LIT("h"),
                                    .response = SLICE_LIT("{\"ok\":true}") } },
    };

    assert_int_equal(help_run(h, &op), ERR_NONE);
    assert_int_equal(help_run(h, &op), ERR_CONFLICT);
    assert_true(op.inbox.is_replay);
    assert_slice(op.inbox.replay, "{\"ok\":true}");
    op.inbox.idempotency.body_hash = SLICE_LIT("other");
    assert_int_equal(help_run(h, &op), ERR_INVALID);
    assert_false(op.inbox.is_replay);
    assert_int_equal(inbox_count(h, row.key), 1);
}

/* ---- workers and revisions ---- */

static struct store_op start_worker(struct help *h, const char *name, int64_t at_ms)
{
    struct store_op op = { .kind = STORE_WORKER_START,
                           .worker = { .name = slice_of(name), .at_ms = at_ms } };

    assert_int_equal(help_run(h, &op), ERR_NONE);
    assert_true(op.worker.id > 0);
    return op;
}

static enum err_code beat(struct help *h, const struct store_op *worker, int64_t at_ms)
{
    struct store_op op = *worker;

    op.kind = STORE_WORKER_BEAT;
    op.worker.at_ms = at_ms;
    return help_run(h, &op);
}

static enum err_code commit_as(struct help *h, struct store_session *row, uint32_t owner,
                               uint32_t epoch)
{
    struct tick t;

    help_next(h, &t, row, 1);
    t.op.commit.row.owner = owner;
    t.op.commit.row.epoch = epoch;
    if (help_run(h, &t.op) == ERR_NONE)
        *row = t.op.commit.row;
    return t.op.err.code;
}

static void a_former_epoch_writes_nothing(void **state)
{
    struct help *h = *state;
    struct store_session row = help_session(h, "a");
    struct store_op first = start_worker(h, "host:1", 1000);
    struct store_op other = start_worker(h, "host:2", 1000);

    assert_true(other.worker.id != first.worker.id);
    assert_true(other.worker.epoch > first.worker.epoch);
    assert_int_equal(commit_as(h, &row, first.worker.id, first.worker.epoch), ERR_NONE);
    assert_int_equal(commit_as(h, &row, other.worker.id, other.worker.epoch), ERR_NONE);
    assert_int_equal(beat(h, &first, 2000), ERR_NONE);

    struct store_op again = start_worker(h, "host:1", 2000);

    assert_int_equal(again.worker.id, first.worker.id);
    assert_true(again.worker.epoch > other.worker.epoch);
    assert_int_equal(commit_as(h, &row, first.worker.id, first.worker.epoch), ERR_CONFLICT);
    assert_int_equal(beat(h, &first, 3000), ERR_CONFLICT);
    assert_int_equal(beat(h, &again, 3000), ERR_NONE);
    assert_int_equal(commit_as(h, &row, again.worker.id, again.worker.epoch), ERR_NONE);
    assert_int_equal(commit_as(h, &row, 4711, 1), ERR_CONFLICT);
    assert_int_equal(commit_as(h, &row, 0, 0), ERR_NONE);
    assert_int_equal(row.version, 5);
    row = help_load(h, SLICE_LIT("ses_a"), 0).row;
    assert_int_equal(row.version, 5);
    help_check_journal(h, &row);
}

/*
 * The epoch changes within a batch: what follows is refused, what came before is not. (The first of
 * the ticks before may be committed alone, while the others gather.)
 */
static void a_start_fences_what_is_submitted_after_it(void **state)
{
    enum { BEFORE = 8 };
    struct help *h = *state;
    struct store_session row = help_session(h, "a");
    struct store_op first = start_worker(h, "host:1", 1000);
    struct store_op again = { .kind = STORE_WORKER_START,
                              .worker = { .name = SLICE_LIT("host:1"), .at_ms = 1000 } };
    struct tick ticks[BEFORE + 1];

    row.owner = first.worker.id;
    row.epoch = first.worker.epoch;
    for (int i = 0; i <= BEFORE; i++) {
        help_next(h, &ticks[i], &row, 1);
        if (i == BEFORE)
            help_submit(h, &again);
        help_submit(h, &ticks[i].op);
        row.version++;
        row.seq++;
    }
    help_wait(h);
    for (int i = 0; i < BEFORE; i++)
        assert_int_equal(ticks[i].op.err.code, ERR_NONE);
    assert_int_equal(again.err.code, ERR_NONE);
    assert_int_equal(ticks[BEFORE].op.err.code, ERR_CONFLICT);
}

static void a_worker_silent_for_a_day_is_forgotten(void **state)
{
    const int64_t day_ms = 86400000;
    struct help *h = *state;
    struct store_session row = help_session(h, "a");
    struct store_op silent = start_worker(h, "host:1", 1000);
    struct store_op alive = start_worker(h, "host:2", 1000);

    assert_int_equal(beat(h, &alive, 3000), ERR_NONE);
    struct store_op third = start_worker(h, "host:3", 2000 + day_ms);

    assert_int_equal(commit_as(h, &row, silent.worker.id, silent.worker.epoch), ERR_CONFLICT);
    assert_int_equal(beat(h, &silent, 2000 + day_ms), ERR_CONFLICT);
    assert_int_equal(commit_as(h, &row, alive.worker.id, alive.worker.epoch), ERR_NONE);

    struct store_op back = start_worker(h, "host:1", 2000 + day_ms);

    assert_true(back.worker.id != silent.worker.id);
    assert_true(back.worker.epoch > third.worker.epoch);
}

static void a_revision_is_put_once(void **state)
{
    struct help *h = *state;
    struct store_op get = { .kind = STORE_REVISION_GET, .revision.hash = SLICE_LIT("abc") };
    struct store_op put = { .kind = STORE_REVISION_PUT,
                            .revision = { .hash = SLICE_LIT("abc"),
                                          .agent = SLICE_LIT("support"),
                                          .text = SLICE_LIT("{\"model\":\"main\"}") } };

    assert_int_equal(help_run(h, &get), ERR_NOT_FOUND);
    assert_int_equal(help_run(h, &put), ERR_NONE);
    put.revision.text = SLICE_LIT("another");
    assert_int_equal(help_run(h, &put), ERR_NONE);
    assert_int_equal(help_run(h, &get), ERR_NONE);
    assert_slice(get.revision.agent, "support");
    assert_slice(get.revision.text, "{\"model\":\"main\"}");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, help_setup, help_teardown)

int store_write_cases(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_known_key_replays),
        CASE(a_key_belongs_to_its_tenant_and_route),
        CASE(a_replay_wins_over_a_conflict),
        CASE(a_refused_tick_does_not_use_up_its_key),
        CASE(a_key_can_be_looked_up_until_it_is_swept),
        CASE(a_long_sweep_takes_all),
        CASE(inbox_rows_wait_in_their_order),
        CASE(inbox_rows_go_with_the_tick_that_took_them),
        CASE(an_inbox_id_is_given_once),
        CASE(an_inbox_row_has_its_key),
        CASE(a_former_epoch_writes_nothing),
        CASE(a_start_fences_what_is_submitted_after_it),
        CASE(a_worker_silent_for_a_day_is_forgotten),
        CASE(a_revision_is_put_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
