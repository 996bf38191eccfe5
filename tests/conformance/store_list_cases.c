/* store_list_cases.c - what store.h promises of pages, lists and scans, for every backend. */
#include "conformance/store_help.h"

/* ---- events ---- */

static struct store_session with_events(struct help *h, uint32_t n)
{
    struct store_session row = help_session(h, "a");
    struct tick t;

    while (row.seq < n) {
        help_next(h, &t, &row, n - row.seq < HELP_EVENTS_MAX ? n - row.seq : HELP_EVENTS_MAX);
        assert_int_equal(help_run(h, &t.op), ERR_NONE);
        row = t.op.commit.row;
    }
    return row;
}

static void events_come_in_pages(void **state)
{
    struct help *h = *state;
    struct store_session row = with_events(h, 20);
    struct store_op op = { .kind = STORE_EVENTS, .events = { .session = row.key, .limit = 20 } };

    assert_int_equal(help_run(h, &op), ERR_NONE);
    assert_int_equal(op.events.events_n, 20);
    assert_false(op.events.has_more);
    assert_int_equal(op.events.events[0].kind, EV_CREATED);
    assert_int_equal(op.events.events[19].kind, EV_TOOL_FINISHED);
    assert_int_equal(op.events.events[19].at_ms, 1020);
    op.events.limit = 19;
    assert_int_equal(help_run(h, &op), ERR_NONE);
    assert_int_equal(op.events.events_n, 19);
    assert_true(op.events.has_more);
    op.events.after = 5;
    op.events.until = 8;
    assert_int_equal(help_run(h, &op), ERR_NONE);
    assert_int_equal(op.events.events_n, 3);
    assert_int_equal(op.events.events[0].seq, 6);
    assert_int_equal(op.events.events[2].seq, 8);
    assert_false(op.events.has_more);
    op.events.after = 20;
    op.events.until = 0;
    assert_int_equal(help_run(h, &op), ERR_NONE);
    assert_int_equal(op.events.events_n, 0);
    op.events.session = 4711;
    op.events.after = 0;
    assert_int_equal(help_run(h, &op), ERR_NONE);
    assert_int_equal(op.events.events_n, 0);
    assert_false(op.events.has_more);
}

static void events_have_what_was_asked_for(void **state)
{
    struct help *h = *state;
    struct store_session row = with_events(h, 4); /* odd ones have a wire */
    struct store_op op = { .kind = STORE_EVENTS, .events = { .session = row.key, .limit = 20 } };

    op.events.what = STORE_EVENTS_BODIES;
    assert_int_equal(help_run(h, &op), ERR_NONE);
    assert_slice(op.events.events[2].body, "{\"v\":1,\"n\":3}");
    assert_null(op.events.events[2].wire.ptr);
    op.events.what = STORE_EVENTS_WIRES;
    assert_int_equal(help_run(h, &op), ERR_NONE);
    assert_null(op.events.events[2].body.ptr);
    assert_slice(op.events.events[2].wire, "{\"wire\":3}");
    assert_slice(op.events.events[3].body, "{\"v\":1,\"n\":4}");
    assert_null(op.events.events[3].wire.ptr);
    op.events.what = STORE_EVENTS_ALL;
    assert_int_equal(help_run(h, &op), ERR_NONE);
    assert_slice(op.events.events[2].body, "{\"v\":1,\"n\":3}");
    assert_slice(op.events.events[2].wire, "{\"wire\":3}");
}

/* 12 events of 1 MiB: pages end with the one that brings them to STORE_PAGE_BYTES_MAX. */
static void a_page_of_long_rows_ends_early(void **state)
{
    struct help *h = *state;
    struct store_session row = help_session(h, "a");
    struct slice big = { arena_alloc(h->arena, 1 << 20), 1 << 20 };
    struct tick t;

    for (int i = 0; i < 12; i++) {
        help_next(h, &t, &row, 1);
        t.events[0].body = big;
        assert_int_equal(help_run(h, &t.op), ERR_NONE);
        row = t.op.commit.row;
    }
    struct store_op op = { .kind = STORE_EVENTS,
                           .events = { .session = row.key, .after = 1, .limit = 20 } };

    assert_int_equal(help_run(h, &op), ERR_NONE);
    assert_int_equal(op.events.events_n, STORE_PAGE_BYTES_MAX >> 20);
    assert_true(op.events.has_more);
    op.events.after += (uint32_t)op.events.events_n;
    assert_int_equal(help_run(h, &op), ERR_NONE);
    assert_int_equal(op.events.events_n, 12 - (STORE_PAGE_BYTES_MAX >> 20));
    assert_false(op.events.has_more);
}

/* ---- lists ---- */

struct sample {
    const char *name, *tenant, *agent, *input, *metadata;
    enum session_status status;
};

static const struct sample samples[] = {
    { "k1", "acme", "support", "Refund order 4711", "{\"customer\":\"c-1\",\"n\":7}",
      STATUS_PENDING },
    { "k2", "acme", "support", "50% off?", "{\"customer\":\"c-2\",\"vip\":true}", STATUS_FAILED },
    { "k3", "acme", "report",
      "Gr\xc3\xbc\xc3\x9f"
      "e an Z\xc3\xbc"
      "rich",
      "{\"a.b\":\"dot\"}", STATUS_COMPLETED },
    { "k4", "other", "support", "Refund order 4712", "{\"customer\":\"c-1\"}", STATUS_PENDING },
    { "k5", "acme", "report", "say \\\"hi\\\"", "{\"q\\\"uote\":\"'x'\",\"n\":-3}",
      STATUS_CANCELLED },
    { "k6", "acme", "support", "input", "{\"nested\":{\"customer\":\"c-1\"},\"n\":\"7\"}",
      STATUS_RUNNING },
    { "k7", "", "support", "default tenant", "{}", STATUS_SLEEPING },
    { "k8", "acme", "support", "the last", "{\"vip\":false,\"none\":null}", STATUS_FAILED },
};

static void create_samples(struct help *h)
{
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        const struct sample *s = &samples[i];
        struct tick t;

        help_create(h, &t, s->name, s->input);
        t.op.commit.row.tenant = slice_of(s->tenant);
        t.op.commit.row.agent = slice_of(s->agent);
        t.op.commit.row.metadata = slice_of(s->metadata);
        t.op.commit.row.status = s->status;
        t.op.commit.row.ended_at_ms = s->status >= STATUS_COMPLETED ? 2000 : 0;
        assert_int_equal(help_run(h, &t.op), ERR_NONE);
    }
}

/* Runs the list and compares the ids: "k8 k2". */
static void expect(struct help *h, struct store_filter filter, const char *expected)
{
    struct store_op op = { .kind = STORE_LIST, .list = { .filter = filter, .limit = 100 } };
    char got[256] = "";

    if (!filter.tenant.ptr)
        op.list.filter.tenant = SLICE_LIT("acme");
    if (help_run(h, &op))
        fail_msg("list: %s", op.err.msg);
    for (size_t i = 0; i < op.list.rows_n; i++) {
        struct slice id = op.list.rows[i].row.id;

        (void)snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%.*s", i ? " " : "",
                       (int)id.len - 4, id.ptr + 4);
    }
    assert_string_equal(got, expected);
    assert_false(op.list.has_more);
}

#define FILTER(...) ((struct store_filter){ __VA_ARGS__ })

static void lists_filter_by_columns(void **state)
{
    struct help *h = *state;

    create_samples(h);
    expect(h, FILTER(.agent = { 0 }), "k8 k6 k5 k3 k2 k1");
    expect(h, FILTER(.tenant = SLICE_LIT("")), "k7");
    expect(h, FILTER(.tenant = SLICE_LIT("nobody")), "");
    expect(h, FILTER(.agent = SLICE_LIT("report")), "k5 k3");
    expect(h, FILTER(.agent = SLICE_LIT("repor")), "");
    expect(h, FILTER(.statuses = 1u << STATUS_FAILED), "k8 k2");
    expect(h, FILTER(.statuses = 1u << STATUS_COMPLETED), "k3");
    expect(h, FILTER(.statuses = 1u << STATUS_FAILED | 1u << STATUS_CANCELLED), "k8 k5 k2");
    expect(h, FILTER(.statuses = 1u << STATUS_FAILED | 1u << STATUS_COMPLETED), "k8 k3 k2");
    expect(h, FILTER(.statuses = 1u << STATUS_RUNNING), "k6");
    expect(h, FILTER(.statuses = 1u << STATUS_RUNNING | 1u << STATUS_PENDING), "k6 k1");
    expect(h, FILTER(.statuses = 1u << STATUS_RUNNING | 1u << STATUS_FAILED), "k8 k6 k2");
    expect(h, FILTER(.statuses = 1u << STATUS_FAILED, .agent = SLICE_LIT("report")), "");
    expect(h, FILTER(.statuses = 1u << STATUS_CANCELLED, .agent = SLICE_LIT("report")), "k5");
    expect(h, FILTER(.statuses = (1u << STATUS_COUNT) - 1), "k8 k6 k5 k3 k2 k1");
}

static void lists_filter_by_text(void **state)
{
    struct help *h = *state;

    create_samples(h);
    expect(h, FILTER(.text = SLICE_LIT("4711")), "k1");
    expect(h, FILTER(.text = SLICE_LIT("REFUND")), "k1");
    expect(h, FILTER(.text = SLICE_LIT("ses_k")), "k8 k6 k5 k3 k2 k1");
    expect(h, FILTER(.text = SLICE_LIT("_K3")), "k3");
    expect(h, FILTER(.text = SLICE_LIT("50% off")), "k2");
    expect(h, FILTER(.text = SLICE_LIT("50_ off")), "");
    expect(h, FILTER(.text = SLICE_LIT("z\xc3\xbcrich")), "k3");
    expect(h, FILTER(.text = SLICE_LIT("say \"hi\"")), "k5");
    expect(h, FILTER(.text = SLICE_LIT("input")), "k6"); /* the text, not the JSON around it */
    expect(h, FILTER(.text = SLICE_LIT("last"), .statuses = 1u << STATUS_FAILED), "k8");
}

static struct store_filter by_metadata(const char *name, const char *value)
{
    struct store_filter filter = { .metadata_n = 1 };

    filter.metadata[0].name = slice_of(name);
    filter.metadata[0].value = slice_of(value);
    return filter;
}

static void lists_filter_by_metadata(void **state)
{
    struct help *h = *state;
    struct store_filter two = by_metadata("customer", "c-1");

    create_samples(h);
    expect(h, by_metadata("customer", "c-1"), "k1");
    expect(h, by_metadata("customer", "C-1"), "");
    expect(h, by_metadata("n", "7"), "k6 k1");
    expect(h, by_metadata("n", "-3"), "k5");
    expect(h, by_metadata("vip", "true"), "k2");
    expect(h, by_metadata("vip", "false"), "k8");
    expect(h, by_metadata("vip", "1"), "");
    expect(h, by_metadata("none", "null"), "");
    expect(h, by_metadata("none", ""), "");
    expect(h, by_metadata("a.b", "dot"), "k3");
    expect(h, by_metadata("q\"uote", "'x'"), "k5");
    expect(h, by_metadata("nested", "{\"customer\":\"c-1\"}"), "");
    expect(h, by_metadata("nobody", "x"), "");
    two.metadata_n = 2;
    two.metadata[1].name = SLICE_LIT("n");
    two.metadata[1].value = SLICE_LIT("7");
    expect(h, two, "k1");
    two.metadata[1].value = SLICE_LIT("8");
    expect(h, two, "");
}

/* The task is that of the present turn: a message's "content". */
static void lists_search_the_current_task(void **state)
{
    struct help *h = *state;
    struct store_session row = help_session(h, "a");
    struct tick t;

    help_next(h, &t, &row, 1);
    t.events[0].kind = EV_MESSAGE;
    t.events[0].body = SLICE_LIT("{\"v\":1,\"content\":\"and tomorrow?\"}");
    t.op.commit.row.task_seq = 2;
    assert_int_equal(help_run(h, &t.op), ERR_NONE);
    expect(h, FILTER(.text = SLICE_LIT("tomorrow")), "a");
    expect(h, FILTER(.text = SLICE_LIT("the time")), "");
}

static void a_list_has_texts_and_no_states(void **state)
{
    struct help *h = *state;
    struct store_session row = help_session(h, "a");
    struct store_op op = { .kind = STORE_LIST, .list.limit = 10 };
    struct tick t;

    help_next(h, &t, &row, 1);
    t.op.commit.row.status = STATUS_COMPLETED;
    t.op.commit.row.ended_at_ms = 3000;
    t.op.commit.row.end_seq = 2;
    assert_int_equal(help_run(h, &t.op), ERR_NONE);
    op.list.filter.tenant = SLICE_LIT("acme");
    assert_int_equal(help_run(h, &op), ERR_NONE);
    assert_int_equal(op.list.rows_n, 1);
    assert_int_equal(op.list.rows[0].row.state.len, 0);
    assert_int_equal(op.list.rows[0].row.version, 2);
    assert_int_equal(op.list.rows[0].row.ended_at_ms, 3000);
    assert_slice(op.list.rows[0].task, "{\"v\":1,\"input\":\"what is the time?\"}");
    assert_slice(op.list.rows[0].context, "{\"v\":1,\"input\":\"what is the time?\"}");
    assert_slice(op.list.rows[0].end, "{\"v\":1,\"n\":2}");
}

static void lists_come_in_pages(void **state)
{
    enum { SESSIONS = 25 };
    struct help *h = *state;
    struct store_op op = { .kind = STORE_LIST, .list.limit = 10 };
    int next = SESSIONS;

    for (int i = 1; i <= SESSIONS; i++)
        (void)help_session(h, help_text(h, "%02d", i).ptr);
    op.list.filter.tenant = SLICE_LIT("acme");
    do {
        assert_int_equal(help_run(h, &op), ERR_NONE);
        assert_int_equal(op.list.has_more, next > 10);
        for (size_t i = 0; i < op.list.rows_n; i++)
            assert_slice(op.list.rows[i].row.id, help_text(h, "ses_%02d", next--).ptr);
        op.list.before_key = op.list.rows[op.list.rows_n - 1].row.key;
    } while (op.list.has_more);
    assert_int_equal(next, 0);
    op.list.before_key = 1;
    assert_int_equal(help_run(h, &op), ERR_NONE);
    assert_int_equal(op.list.rows_n, 0);
    assert_false(op.list.has_more);
}

/* ---- scans ---- */

static void expect_scan(struct help *h, struct store_scan scan, const char *expected)
{
    struct store_op op = { .kind = STORE_SCAN, .scan = scan };
    char got[256] = "";

    if (help_run(h, &op))
        fail_msg("scan: %s", op.err.msg);
    for (size_t i = 0; i < op.scan.rows_n; i++) {
        struct slice id = op.scan.rows[i].id;

        (void)snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%.*s", i ? " " : "",
                       (int)id.len - 4, id.ptr + 4);
        assert_slice(op.scan.rows[i].state, "state 1");
    }
    (void)snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s",
                   op.scan.has_more ? " ..." : "");
    assert_string_equal(got, expected);
}

#define SCAN(...) ((struct store_scan){ __VA_ARGS__ })

static void create_scanned(struct help *h, const char *name, int is_live, int64_t wake_at_ms)
{
    struct tick t;

    help_create(h, &t, name, "x");
    t.op.commit.row.is_live = is_live;
    t.op.commit.row.wake_at_ms = wake_at_ms;
    assert_int_equal(help_run(h, &t.op), ERR_NONE);
}

static void scans_have_their_order(void **state)
{
    struct help *h = *state;

    create_scanned(h, "1", 1, 0);
    create_scanned(h, "2", 0, 900);
    create_scanned(h, "3", 1, 0);
    create_scanned(h, "4", 0, 300);
    create_scanned(h, "5", 0, 0);
    create_scanned(h, "6", 0, 300);
    create_scanned(h, "7", 0, 300);
    create_scanned(h, "8", 1, 0);

    expect_scan(h, SCAN(.what = STORE_SCAN_ALL, .limit = 100), "1 2 3 4 5 6 7 8");
    expect_scan(h, SCAN(.what = STORE_SCAN_ALL, .limit = 3, .after_key = 2), "3 4 5 ...");
    expect_scan(h, SCAN(.what = STORE_SCAN_LIVE, .limit = 3), "1 3 8");
    expect_scan(h, SCAN(.what = STORE_SCAN_LIVE, .limit = 2), "1 3 ...");
    expect_scan(h, SCAN(.what = STORE_SCAN_LIVE, .limit = 2, .after_key = 3), "8");
    expect_scan(h, SCAN(.what = STORE_SCAN_TIMED, .limit = 100), "4 6 7 2");
    /* Three share a time: the key goes on where the page ended. */
    expect_scan(h, SCAN(.what = STORE_SCAN_TIMED, .limit = 2), "4 6 ...");
    expect_scan(h, SCAN(.what = STORE_SCAN_TIMED, .limit = 2, .after_ms = 300, .after_key = 6),
                "7 2");
    expect_scan(h, SCAN(.what = STORE_SCAN_TIMED, .limit = 2, .after_ms = 900, .after_key = 2), "");
    expect_scan(h, SCAN(.what = STORE_SCAN_INBOX, .limit = 2), "");
}

static void the_inbox_scan_names_each_session_once(void **state)
{
    struct help *h = *state;

    for (int i = 1; i <= 4; i++)
        create_scanned(h, help_text(h, "%d", i).ptr, 1, 0);
    for (int i = 0; i < 6; i++) {
        struct store_op op = { .kind = STORE_INBOX_ADD, .inbox.session = i % 3 + 2 };

        assert_int_equal(help_run(h, &op), ERR_NONE);
    }
    expect_scan(h, SCAN(.what = STORE_SCAN_INBOX, .limit = 100), "2 3 4");
    expect_scan(h, SCAN(.what = STORE_SCAN_INBOX, .limit = 1), "2 ...");
    expect_scan(h, SCAN(.what = STORE_SCAN_INBOX, .limit = 2, .after_key = 2), "3 4");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, help_setup, help_teardown)

int store_list_cases(void)
{
    const struct CMUnitTest tests[] = {
        CASE(events_come_in_pages),
        CASE(events_have_what_was_asked_for),
        CASE(a_page_of_long_rows_ends_early),
        CASE(lists_filter_by_columns),
        CASE(lists_filter_by_text),
        CASE(lists_filter_by_metadata),
        CASE(lists_search_the_current_task),
        CASE(a_list_has_texts_and_no_states),
        CASE(lists_come_in_pages),
        CASE(scans_have_their_order),
        CASE(the_inbox_scan_names_each_session_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
