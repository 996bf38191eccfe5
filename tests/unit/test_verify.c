/* What `pawl verify` finds: each kind of fault, and none in a journal that is good. */
#include "core/event_json.h"
#include "engine/verify.h"
#include "unit/unit.h"

enum { EVENTS_MAX = 8 };

struct journal {
    struct store_session row;
    struct store_event events[EVENTS_MAX];
    char bodies[EVENTS_MAX][1024];
    size_t n;
    struct session_state state;
    unsigned char blob[SESSION_BLOB_MAX];
};

static void add(struct journal *journal, struct session_event event)
{
    struct buf body = { .max = 1024 };
    struct session_commands commands;
    size_t i = journal->n++;

    assert_true(i < EVENTS_MAX);
    event.seq = (uint32_t)i + 1;
    event.at_ms = 1000 + 10 * (int64_t)i;
    assert_int_equal(session_step(&journal->state, &event, &commands), VERDICT_MOVED);
    event_write(&body, &event, NULL, NULL);
    memcpy(journal->bodies[i], buf_cstr(&body), body.len);
    journal->events[i] = (struct store_event){ .seq = event.seq,
                                               .kind = event.kind,
                                               .at_ms = event.at_ms,
                                               .body = { journal->bodies[i], body.len } };
    buf_release(&body);
}

/* A session that said one thing. */
static void make(struct journal *journal)
{
    *journal = (struct journal){ 0 };
    add(journal, (struct session_event){ .kind = EV_CREATED });
    add(journal, (struct session_event){ .kind = EV_MODEL_STARTED, .call = 1, .attempt = 1 });
    add(journal, (struct session_event){ .kind = EV_MODEL_ANSWERED,
                                         .call = 1,
                                         .attempt = 1,
                                         .model_answered = { .used = { 10, 200 } } });
    add(journal,
        (struct session_event){ .kind = EV_TURN_ENDED, .turn_ended = { .cause = END_COMPLETED } });
    size_t len = session_encode(&journal->state, journal->blob);

    journal->row = (struct store_session){
        .key = 1,
        .status = STATUS_COMPLETED,
        .created_at_ms = 1000,
        .ended_at_ms = 1030,
        .turn = 1,
        .steps = 1,
        .spent = { 10, 200 },
        .seq = 4,
        .task_seq = 1,
        .end_seq = 4,
        .context_seq = 1,
        .state = { (const char *)journal->blob, len },
    };
}

struct found {
    unsigned n;
    uint32_t seq;
    char text[512];
};

static void on_fault(void *arg, uint32_t seq, const char *text)
{
    struct found *found = arg;

    found->n++;
    found->seq = seq;
    (void)snprintf(found->text, sizeof(found->text), "%s", text);
}

static struct found check(const struct journal *journal)
{
    struct found found = { 0 };
    struct verify verify;

    verify_begin(&verify, &journal->row, on_fault, &found);
    for (size_t i = 0; i < journal->n; i++)
        verify_event(&verify, &journal->events[i]);
    verify_end(&verify);
    assert_int_equal(verify.faults, found.n);
    return found;
}

static void expect_fault(const struct journal *journal, uint32_t seq, const char *text)
{
    struct found found = check(journal);

    if (found.n != 1 || found.seq != seq || !strstr(found.text, text))
        fail_msg("wanted \"%s\" at %u, got %u faults, the last \"%s\" at %u", text, seq, found.n,
                 found.text, found.seq);
}

static void a_good_session_has_no_fault(void **state)
{
    struct journal journal;

    (void)state;
    make(&journal);
    assert_int_equal(check(&journal).n, 0);
}

/* Its journal is another's up to `forked`: there it was created, and there it had spent nothing. */
static void a_fork_has_no_fault(void **state)
{
    struct journal journal;

    (void)state;
    make(&journal);
    add(&journal, (struct session_event){ .kind = EV_FORKED });
    journal.row.state.len = session_encode(&journal.state, journal.blob);
    journal.row.seq = 5;
    journal.row.is_paused = 1;
    journal.row.spent = (struct spend){ 0 };
    journal.row.created_at_ms = 1040;
    journal.row.ended_at_ms = 1040;
    assert_int_equal(check(&journal).n, 0);
    journal.row.created_at_ms = 1000;
    expect_fault(&journal, 0, "created_at is 1000 in its row and 1040");
}

static void each_column_is_compared(void **state)
{
    struct journal journal;

    (void)state;
#define COLUMN(change, text)                                                                       \
    do {                                                                                           \
        make(&journal);                                                                            \
        change;                                                                                    \
        expect_fault(&journal, 0, text);                                                           \
    } while (0)
    COLUMN(journal.row.status = STATUS_FAILED, "status is FAILED");
    COLUMN(journal.row.is_paused = 1, "paused is 1");
    COLUMN(journal.row.is_live = 1, "live is 1");
    COLUMN(journal.row.wake_at_ms = 7, "wake_at is 7");
    COLUMN(journal.row.turn = 2, "turn is 2");
    COLUMN(journal.row.steps = 9, "steps is 9");
    COLUMN(journal.row.spent.tokens = 11, "tokens is 11");
    COLUMN(journal.row.spent.nanousd = 0, "nanousd is 0");
    COLUMN(journal.row.task_seq = 3, "task_seq is 3");
    COLUMN(journal.row.context_seq = 2, "context_seq is 2");
    COLUMN(journal.row.end_seq = 0, "end_seq is 0");
    COLUMN(journal.row.created_at_ms = 1, "created_at is 1");
    COLUMN(journal.row.ended_at_ms = 0, "ended_at is 0");
    COLUMN(journal.row.owner = 3, "owner");
    COLUMN(journal.row.seq = 5, "ends at event 4, its row at 5");
#undef COLUMN
}

/* Adds a member to an event's body. */
static void give(struct journal *journal, size_t i, const char *member)
{
    size_t len = journal->events[i].body.len - 1; /* up to the last brace */

    assert_true(len + strlen(member) + 3 < sizeof(journal->bodies[i]));
    journal->events[i].body.len =
        len + (size_t)snprintf(journal->bodies[i] + len, sizeof(journal->bodies[i]) - len, ",%s}",
                               member);
}

static void metadata_are_compared(void **state)
{
    static const char wanted[] = "its metadata are not the ones that its journal gives";
    struct journal journal;

    (void)state;
    make(&journal);
    journal.row.metadata = SLICE_LIT("{}");
    assert_int_equal(check(&journal).n, 0);
    journal.row.metadata = SLICE_LIT("{\"a\":\"b\"}");
    expect_fault(&journal, 0, wanted);
    give(&journal, 0, "\"metadata\":{\"c\":\"d\",\"a\":\"b\"}");
    expect_fault(&journal, 0, wanted);
    journal.row.metadata = SLICE_LIT("{ \"a\": \"b\", \"c\": \"d\" }"); /* in another order */
    assert_int_equal(check(&journal).n, 0);
    journal.row.metadata = SLICE_LIT("{}");
    expect_fault(&journal, 0, wanted);
    journal.row.metadata = SLICE_LIT("[]");
    expect_fault(&journal, 0, "no JSON object");
    journal.row.metadata = SLICE_LIT("{");
    expect_fault(&journal, 0, "metadata cannot be read");
}

/* Only those that came last count, and an event without any leaves them as they were. */
static void the_last_metadata_count(void **state)
{
    static const char *const given[] = { NULL, "\"metadata\":{\"a\":\"c\"}", NULL };
    struct journal journal;

    (void)state;
    make(&journal);
    give(&journal, 0, "\"metadata\":{\"a\":\"b\"}");
    for (size_t i = 0; i < ARRAY_LEN(given); i++) {
        add(&journal, (struct session_event){ .kind = EV_CONTEXT_CHANGED });
        if (given[i])
            give(&journal, journal.n - 1, given[i]);
        journal.row.state.len = session_encode(&journal.state, journal.blob);
        journal.row.seq = journal.row.context_seq = (uint32_t)journal.n;
        journal.row.metadata = i == 0 ? SLICE_LIT("{\"a\":\"b\"}") : SLICE_LIT("{\"a\":\"c\"}");
        assert_int_equal(check(&journal).n, 0);
    }
    journal.row.metadata = SLICE_LIT("{\"a\":\"b\"}");
    expect_fault(&journal, 0, "its metadata are not the ones");
}

static void a_state_that_is_another_is_found(void **state)
{
    struct journal journal;
    unsigned char other[SESSION_BLOB_MAX];
    struct session_state changed;

    (void)state;
    make(&journal);
    changed = journal.state;
    changed.crashes = 1;
    journal.row.state = (struct slice){ (char *)other, session_encode(&changed, other) };
    expect_fault(&journal, 0, "not the one that its journal gives");
    journal.row.state = SLICE_LIT("garbage");
    expect_fault(&journal, 0, "cannot be read");
}

static void an_event_that_breaks_the_fold_is_named(void **state)
{
    struct journal journal;

    (void)state;
    make(&journal);
    journal.events[1].body = SLICE_LIT("{\"v\":1,\"call\":");
    expect_fault(&journal, 2, "model_started");
    make(&journal);
    journal.events[2].kind = EV_RESUMED; /* it is not paused */
    journal.events[2].body = SLICE_LIT("{\"v\":1}");
    expect_fault(&journal, 3, "'resumed' is");
    make(&journal);
    journal.events[2] = journal.events[3]; /* a gap */
    journal.n = 3;
    expect_fault(&journal, 4, "event 4 follows event 2");
    make(&journal);
    journal.n = 0;
    expect_fault(&journal, 0, "ends at event 0");
}

static void a_journal_that_ends_amid_a_tick_is_found(void **state)
{
    struct journal journal;
    struct found found;

    (void)state;
    make(&journal);
    journal.n = 3;
    journal.row.seq = 3;
    found = check(&journal);
    assert_true(found.n >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_session_has_no_fault),
        cmocka_unit_test(a_fork_has_no_fault),
        cmocka_unit_test(each_column_is_compared),
        cmocka_unit_test(metadata_are_compared),
        cmocka_unit_test(the_last_metadata_count),
        cmocka_unit_test(a_state_that_is_another_is_found),
        cmocka_unit_test(an_event_that_breaks_the_fold_is_named),
        cmocka_unit_test(a_journal_that_ends_amid_a_tick_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
