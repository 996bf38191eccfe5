/* store_cases.c - what store.h promises of sessions and their ticks: store_cases URL */
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
        CASE(any_bytes_come_back_as_they_were),
        CASE(what_is_too_large_is_refused),
        CASE(a_wrong_url_is_refused),
    };

    if (argc > 1)
        help_backend = argv[1];
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    return failed + store_signal_cases() + store_write_cases() + store_list_cases() +
           store_erase_cases() + store_blob_cases() + store_copy_cases() + store_approval_cases() +
           store_api_key_cases() + store_audit_cases() + store_delivery_cases() +
           store_schedule_cases();
}
