/* store_cases.c - what store.h promises of writes, for every backend: store_cases URL */
#include "conformance/store_help.h"

/* ---- creation, versions ---- */

static void a_created_session_is_stored_whole(void **state)
{
    struct help *h = *state;
    struct tick t;

    help_create(h, &t, "a", "hello");
    t.op.commit.row.parent = SLICE_LIT("ses_parent");
    t.op.commit.row.metadata = SLICE_LIT("{\"customer\":\"c-17\"}");
    t.op.commit.row.state = (struct slice){ "\0\xff\x01\0", 4 };
    t.op.commit.row.spent = (struct spend){ .tokens = 12, .nanousd = 34 };
    t.op.commit.row.wake_at_ms = 5000;
    t.op.commit.row.steps = 7;
    t.op.commit.row.is_paused = 1;
    assert_int_equal(help_run(h, &t.op), ERR_NONE);
    assert_true(t.op.commit.row.key > 0);
    assert_int_equal(t.op.commit.row.version, 1);

    struct store_load got = help_load(h, SLICE_LIT("ses_a"), 1);

    assert_int_equal(got.row.key, t.op.commit.row.key);
    assert_int_equal(got.row.version, 1);
    assert_slice(got.row.id, "ses_a");
    assert_slice(got.row.tenant, "acme");
    assert_slice(got.row.agent, "support");
    assert_slice(got.row.revision, "rev1");
    assert_slice(got.row.parent, "ses_parent");
    assert_slice(got.row.metadata, "{\"customer\":\"c-17\"}");
    assert_true(slice_equal(got.row.state, (struct slice){ "\0\xff\x01\0", 4 }));
    assert_int_equal(got.row.status, STATUS_PENDING);
    assert_int_equal(got.row.is_live, 1);
    assert_int_equal(got.row.is_paused, 1);
    assert_int_equal(got.row.wake_at_ms, 5000);
    assert_int_equal(got.row.created_at_ms, 1001);
    assert_int_equal(got.row.updated_at_ms, 1001);
    assert_int_equal(got.row.ended_at_ms, 0);
    assert_int_equal(got.row.turn, 1);
    assert_int_equal(got.row.steps, 7);
    assert_int_equal(got.row.spent.tokens, 12);
    assert_int_equal(got.row.spent.nanousd, 34);
    assert_int_equal(got.row.seq, 1);
    assert_slice(got.task, "{\"v\":1,\"input\":\"hello\"}");
    assert_slice(got.context, "{\"v\":1,\"input\":\"hello\"}");
    assert_null(got.end.ptr);
}

static void a_load_without_texts_has_none(void **state)
{
    struct help *h = *state;

    (void)help_session(h, "a");
    struct store_load got = help_load(h, SLICE_LIT("ses_a"), 0);

    assert_null(got.task.ptr);
    assert_null(got.context.ptr);
    assert_slice(got.row.state, "state 1");
    assert_slice(got.row.metadata, "{}");
    assert_int_equal(got.row.parent.len, 0);
}

static void an_unknown_session_is_not_found(void **state)
{
    struct help *h = *state;
    struct store_op op = { .kind = STORE_LOAD, .load.id = SLICE_LIT("ses_nobody") };
    struct store_session nobody = { .key = 4711, .version = 1, .seq = 1 };
    struct tick t;

    assert_int_equal(help_run(h, &op), ERR_NOT_FOUND);
    help_next(h, &t, &nobody, 1);
    assert_int_equal(help_run(h, &t.op), ERR_NOT_FOUND);
}

static void a_public_id_is_given_once(void **state)
{
    struct help *h = *state;
    struct store_session first = help_session(h, "a");
    struct tick t;

    help_create(h, &t, "a", "again");
    assert_int_equal(help_run(h, &t.op), ERR_CONFLICT);
    assert_false(t.op.commit.is_replay);
    assert_slice(help_load(h, first.id, 1).task, "{\"v\":1,\"input\":\"what is the time?\"}");
    help_check_journal(h, &first);
}

static void the_second_writer_of_a_version_conflicts(void **state)
{
    struct help *h = *state;
    struct store_session row = help_session(h, "a");
    struct tick first, second;

    help_next(h, &first, &row, 1);
    help_next(h, &second, &row, 2);
    second.op.commit.row.steps = 99;
    help_submit(h, &first.op);
    help_submit(h, &second.op);
    help_wait(h);
    assert_int_equal(first.op.err.code, ERR_NONE);
    assert_int_equal(first.op.commit.row.version, 2);
    assert_int_equal(second.op.err.code, ERR_CONFLICT);
    assert_int_equal(second.op.commit.row.version, 1); /* as it was handed in */

    struct store_session got = help_load(h, row.id, 0).row;

    assert_int_equal(got.version, 2);
    assert_int_equal(got.steps, 0);
    help_check_journal(h, &got);
}

static void what_never_changes_stays(void **state)
{
    struct help *h = *state;
    struct store_session row = help_session(h, "a");
    struct tick t;

    help_next(h, &t, &row, 1);
    t.op.commit.row.tenant = SLICE_LIT("other");
    t.op.commit.row.agent = SLICE_LIT("other");
    t.op.commit.row.revision = SLICE_LIT("other");
    t.op.commit.row.parent = SLICE_LIT("other");
    t.op.commit.row.id = SLICE_LIT("ses_other");
    t.op.commit.row.created_at_ms = 1;
    assert_int_equal(help_run(h, &t.op), ERR_NONE);

    struct store_session got = help_load(h, row.id, 0).row;

    assert_slice(got.tenant, "acme");
    assert_slice(got.agent, "support");
    assert_slice(got.revision, "rev1");
    assert_int_equal(got.parent.len, 0);
    assert_int_equal(got.created_at_ms, 1001);
}

/* One column at a time: a backend may have a short cut for ticks that change little. */
static void every_other_column_can_change(void **state)
{
    struct help *h = *state;
    struct store_session row = help_session(h, "a");

    for (int i = 0; i < 12; i++) {
        struct tick t;

        help_next(h, &t, &row, (size_t)i % 3);
        struct store_session *next = &t.op.commit.row;

        next->is_live = i == 0 ? 0 : next->is_live;
        next->wake_at_ms = i == 1 ? 77 : next->wake_at_ms;
        next->ended_at_ms = i == 2 ? 88 : i == 4 ? 0 : next->ended_at_ms;
        next->status = i == 2 ? STATUS_FAILED : i == 4 ? STATUS_SLEEPING : next->status;
        next->is_paused = i == 5;
        next->turn += i == 6;
        next->spent.tokens += i == 7;
        next->end_seq = i == 8 ? 1 : next->end_seq;
        next->is_live = i == 9 ? 1 : next->is_live;
        next->wake_at_ms = i == 10 ? 0 : next->wake_at_ms;
        assert_int_equal(help_run(h, &t.op), ERR_NONE);

        struct store_session got = help_load(h, row.id, 0).row;

        assert_int_equal(got.version, row.version + 1);
        assert_int_equal(got.is_live, next->is_live);
        assert_int_equal(got.wake_at_ms, next->wake_at_ms);
        assert_int_equal(got.ended_at_ms, next->ended_at_ms);
        assert_int_equal(got.status, next->status);
        assert_int_equal(got.is_paused, next->is_paused);
        assert_int_equal(got.turn, next->turn);
        assert_int_equal(got.spent.tokens, next->spent.tokens);
        assert_int_equal(got.end_seq, next->end_seq);
        assert_int_equal(got.updated_at_ms, next->updated_at_ms);
        assert_true(slice_equal(got.state, next->state));
        help_check_journal(h, &got);
        row = got;
    }
}

static void metadata_change_only_when_given(void **state)
{
    struct help *h = *state;
    struct store_session row = help_session(h, "a");
    struct tick t;

    help_next(h, &t, &row, 1);
    t.op.commit.row.metadata = SLICE_LIT("{\"a\":1}");
    assert_int_equal(help_run(h, &t.op), ERR_NONE);
    row = t.op.commit.row;
    help_next(h, &t, &row, 1);
    assert_int_equal(help_run(h, &t.op), ERR_NONE);
    assert_slice(help_load(h, SLICE_LIT("ses_a"), 0).row.metadata, "{\"a\":1}");

    static const char *const bad[] = { "", "[1]", "{\"a\":", "null", "{} x" };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        row = t.op.commit.row;
        help_next(h, &t, &row, 1);
        t.op.commit.row.metadata = slice_of(bad[i]);
        assert_int_equal(help_run(h, &t.op), ERR_INVALID);
        t.op.commit.row = row;
    }
    row = help_load(h, SLICE_LIT("ses_a"), 0).row;
    assert_int_equal(row.version, 3);
    help_check_journal(h, &row);
}

static void events_must_follow(void **state)
{
    struct help *h = *state;
    struct store_session row = help_session(h, "a");
    struct tick t;

    help_next(h, &t, &row, 2); /* a gap: 3, 4 */
    t.op.commit.row.seq++;
    t.events[0].seq++;
    t.events[1].seq++;
    assert_int_equal(help_run(h, &t.op), ERR_INVALID);
    help_next(h, &t, &row, 2); /* once more: 1, 2 */
    t.op.commit.row.seq--;
    t.events[0].seq--;
    t.events[1].seq--;
    assert_int_equal(help_run(h, &t.op), ERR_INVALID);
    help_create(h, &t, "b", "x"); /* begins with 2 */
    t.op.commit.row.seq++;
    t.events[0].seq++;
    assert_int_equal(help_run(h, &t.op), ERR_INVALID);
    row = help_load(h, row.id, 0).row;
    assert_int_equal(row.version, 1);
    help_check_journal(h, &row);
}

/* ---- order, completion ---- */

enum { CHAIN = 700 }; /* more than one batch */

struct chain {
    struct help *help;
    struct tick ticks[CHAIN];
    unsigned done;
    int is_in_submit;
};

static void in_order(struct store_op *op, void *arg)
{
    struct chain *chain = arg;

    assert_false(chain->is_in_submit);
    assert_ptr_equal(op, &chain->ticks[chain->done].op);
    assert_int_equal(op->err.code, ERR_NONE);
    assert_int_equal(op->commit.row.version, chain->done + 2);
    chain->done++;
}

static void submit_chain(struct chain *chain, struct store_session row)
{
    for (unsigned i = 0; i < CHAIN; i++) {
        struct tick *t = &chain->ticks[i];

        help_next(chain->help, t, &row, 1);
        t->op.done = in_order;
        t->op.arg = chain;
        row.version++;
        row.seq++;
        chain->is_in_submit = 1;
        store_submit(chain->help->store, &t->op);
        chain->is_in_submit = 0;
    }
}

/* It also shows that close completes what is pending, and never from inside submit. */
static void commits_of_a_session_complete_in_order(void **state)
{
    struct help *h = *state;
    struct chain *chain = xcalloc(1, sizeof(*chain));

    chain->help = h;
    submit_chain(chain, help_session(h, "a"));
    assert_int_equal(chain->done, 0);
    help_close(h);
    assert_int_equal(chain->done, CHAIN);
    free(chain);
}

struct follow {
    struct help *help;
    struct tick tick;
    struct store_op load;
    struct store_session row;
    unsigned rounds;
};

static void follow_commit(struct store_op *op, void *arg);

static void follow_load(struct store_op *op, void *arg)
{
    struct follow *f = arg;

    assert_int_equal(op->err.code, ERR_NONE);
    assert_int_equal(op->load.row.version, f->row.version);
    assert_int_equal(op->load.row.seq, f->row.seq);
    if (--f->rounds == 0)
        return;
    help_next(f->help, &f->tick, &f->row, 1);
    f->tick.op.done = follow_commit;
    f->tick.op.arg = f;
    store_submit(f->help->store, &f->tick.op);
}

static void follow_commit(struct store_op *op, void *arg)
{
    struct follow *f = arg;

    assert_int_equal(op->err.code, ERR_NONE);
    f->row = op->commit.row;
    f->load = (struct store_op){
        .kind = STORE_LOAD, .load.id = SLICE_LIT("ses_a"), .done = follow_load, .arg = f
    };
    store_submit(f->help->store, &f->load);
}

/* 100 rounds, all of them submitted from done calls, most of them while closing. */
static void a_load_sees_the_commit_before_it(void **state)
{
    struct help *h = *state;
    struct follow f = { .help = h, .rounds = 100, .row = help_session(h, "a") };

    help_next(h, &f.tick, &f.row, 1);
    f.tick.op.done = follow_commit;
    f.tick.op.arg = &f;
    store_submit(h->store, &f.tick.op);
    help_close(h);
    assert_int_equal(f.rounds, 0);
}

static void statistics_count(void **state)
{
    struct help *h = *state;
    struct store_session row = help_session(h, "a");
    struct tick t;

    help_next(h, &t, &row, 1);
    assert_int_equal(help_run(h, &t.op), ERR_NONE);
    help_next(h, &t, &row, 1);
    assert_int_equal(help_run(h, &t.op), ERR_CONFLICT);

    struct store_stats stats = store_stats(h->store);

    assert_int_equal(stats.commits, 2);
    assert_int_equal(stats.conflicts, 1);
    assert_int_equal(stats.batches, 3);
    assert_true(stats.commit_us_max <= stats.commit_us_total);
}

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

/* The epoch changes within a batch: what follows is refused, what came before is not. */
static void a_start_fences_what_is_submitted_after_it(void **state)
{
    struct help *h = *state;
    struct store_session row = help_session(h, "a");
    struct store_op first = start_worker(h, "host:1", 1000);
    struct store_op again = { .kind = STORE_WORKER_START,
                              .worker = { .name = SLICE_LIT("host:1"), .at_ms = 1000 } };
    struct tick before, after;

    help_next(h, &before, &row, 1);
    before.op.commit.row.owner = first.worker.id;
    before.op.commit.row.epoch = first.worker.epoch;
    after = before;
    after.op.commit.events = after.events;
    after.op.commit.row.version++;
    after.op.commit.row.seq++;
    after.events[0].seq++;
    help_submit(h, &before.op);
    help_submit(h, &again);
    help_submit(h, &after.op);
    help_wait(h);
    assert_int_equal(before.op.err.code, ERR_NONE);
    assert_int_equal(again.err.code, ERR_NONE);
    assert_int_equal(after.op.err.code, ERR_CONFLICT);
}

static void a_worker_silent_for_a_day_is_forgotten(void **state)
{
    const int64_t day_ms = 24 * 3600 * 1000;
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

/* ---- sizes and bytes ---- */

static struct slice big_text(struct help *h, size_t len)
{
    char *text = arena_alloc(h->arena, len + 1);

    for (size_t i = 0; i < len; i++)
        text[i] = (char)('a' + i % 23);
    return (struct slice){ text, len };
}

static void any_bytes_come_back_as_they_were(void **state)
{
    static const char utf8[] = "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\xbe\xef\xbf\xbd '\\ \x7f\n\"";
    struct help *h = *state;
    struct store_session row = help_session(h, "a");
    struct slice big = big_text(h, 1024 * 1024 + 1);
    struct tick t;

    help_next(h, &t, &row, 3);
    t.events[0].body = big;
    t.events[0].wire = big;
    t.events[1].body = slice_of(utf8);
    t.events[1].wire = (struct slice){ "a\0b", 3 };
    t.events[2].body = SLICE_LIT("");
    t.events[2].wire = SLICE_LIT(""); /* empty, and not NULL */
    t.op.commit.row.state = big;
    assert_int_equal(help_run(h, &t.op), ERR_NONE);
    assert_true(slice_equal(help_load(h, SLICE_LIT("ses_a"), 0).row.state, big));

    struct store_op op = {
        .kind = STORE_EVENTS,
        .events = { .session = row.key, .after = 1, .limit = 10, .what = STORE_EVENTS_ALL }
    };

    assert_int_equal(help_run(h, &op), ERR_NONE);
    assert_int_equal(op.events.events_n, 3);
    for (int i = 0; i < 3; i++) {
        assert_true(slice_equal(op.events.events[i].body, t.events[i].body));
        assert_true(slice_equal(op.events.events[i].wire, t.events[i].wire));
        assert_non_null(op.events.events[i].wire.ptr);
    }
}

static void what_is_too_large_is_refused(void **state)
{
    struct help *h = *state;
    struct store_session row = help_session(h, "a");
    struct tick t;

    help_next(h, &t, &row, 1);
    t.events[0].body = big_text(h, STORE_BODY_MAX + 1);
    assert_int_equal(help_run(h, &t.op), ERR_LIMIT);
    help_next(h, &t, &row, 5);
    for (int i = 0; i < 5; i++)
        t.events[i].body = big_text(h, STORE_BODY_MAX);
    assert_int_equal(help_run(h, &t.op), ERR_LIMIT);
    help_create(h, &t, "b", "x");
    t.op.commit.row.id = big_text(h, STORE_NAME_MAX + 1);
    assert_int_equal(help_run(h, &t.op), ERR_LIMIT);
    help_next(h, &t, &row, 1);
    t.events[0].body = big_text(h, STORE_BODY_MAX);
    t.events[0].wire = big_text(h, STORE_BODY_MAX);
    assert_int_equal(help_run(h, &t.op), ERR_NONE);
    row = help_load(h, SLICE_LIT("ses_a"), 0).row;
    assert_int_equal(row.version, 2);
    help_check_journal(h, &row);
}

/* ---- opening ---- */

static void a_wrong_url_is_refused(void **state)
{
    struct help *h = *state;
    struct store *store = NULL;
    struct err err = { 0 };

    assert_int_equal(store_open(&store, "ftp://x", STORE_OPEN_READ_WRITE, h->loop, &err),
                     ERR_INVALID);
    assert_string_equal(err.msg,
                        "no store is named by 'ftp://x': write sqlite:PATH, or mem: for a trial");
    assert_int_equal(store_open(&store, "mem:x", STORE_OPEN_READ_WRITE, h->loop, &err),
                     ERR_INVALID);
    assert_int_equal(store_open(&store, "sqlite:", STORE_OPEN_READ_WRITE, h->loop, &err),
                     ERR_INVALID);
    assert_null(store);
    store_close(NULL);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, help_setup, help_teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CASE(a_created_session_is_stored_whole),
        CASE(a_load_without_texts_has_none),
        CASE(an_unknown_session_is_not_found),
        CASE(a_public_id_is_given_once),
        CASE(the_second_writer_of_a_version_conflicts),
        CASE(what_never_changes_stays),
        CASE(every_other_column_can_change),
        CASE(metadata_change_only_when_given),
        CASE(events_must_follow),
        CASE(commits_of_a_session_complete_in_order),
        CASE(a_load_sees_the_commit_before_it),
        CASE(statistics_count),
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
        CASE(any_bytes_come_back_as_they_were),
        CASE(what_is_too_large_is_refused),
        CASE(a_wrong_url_is_refused),
    };

    if (argc > 1)
        help_backend = argv[1];
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    return failed + store_list_cases();
}
