/* store_audit_cases.c - what store.h promises of who did what. */
#include "conformance/store_help.h"

static struct store_audit row_of(const char *actor, enum audit_action action, const char *target,
                                 int64_t at_ms)
{
    return (struct store_audit){
        .at_ms = at_ms,
        .tenant = SLICE_LIT("acme"),
        .actor = slice_of(actor),
        .actor_name = SLICE_LIT("Anna \xc3\x84"),
        .address = SLICE_LIT("10.0.0.1"),
        .action = audit_action_name(action),
        .target = slice_of(target),
        .request_hash = SLICE_LIT("00ff"),
        .outcome = SLICE_LIT("done"),
    };
}

/* Makes a key, which is a write like any other, with n rows. */
static enum err_code put(struct help *h, const char *key, const struct store_audit *rows, size_t n)
{
    struct store_op op = { .kind = STORE_API_KEY_ADD,
                           .api_key.row = { .id = slice_of(key), .created_at_ms = 1 },
                           .audits = rows,
                           .audits_n = n };

    return help_run(h, &op);
}

static void put_five(struct help *h)
{
    const struct store_audit rows[] = {
        row_of("k1", AUDIT_SESSION_CREATE, "ses_a", 100),
        row_of("k2", AUDIT_SESSION_CREATE, "ses_b", 200),
        row_of("k1", AUDIT_SESSION_CANCEL, "ses_a", 300),
        row_of("k1", AUDIT_SESSION_ERASE, "ses_a", 250), /* the clock was set back */
        row_of("open", AUDIT_SESSION_CREATE, "ses_c", 400),
    };

    assert_int_equal(put(h, "five", rows, ARRAY_LEN(rows)), ERR_NONE);
}

static struct store_op page(struct help *h, struct store_audit_page wanted)
{
    struct store_op op = { .kind = STORE_AUDIT, .audit = wanted };

    if (op.audit.limit == 0)
        op.audit.limit = 10;
    assert_int_equal(help_run(h, &op), ERR_NONE);
    return op;
}

static struct store_op chain(struct help *h)
{
    struct store_op op = { .kind = STORE_AUDIT_CHAIN };

    assert_int_equal(help_run(h, &op), ERR_NONE);
    return op;
}

/* All that are left follow from where the chain begins to where it ends. */
static void check_chain(struct help *h, int64_t first, int64_t last)
{
    struct store_op op = chain(h);
    struct audit_link end = op.audit_chain.begin;

    assert_int_equal(end.seq, first - 1);
    assert_int_equal(op.audit_chain.last_seq, last);
    op = page(h, (struct store_audit_page){ .is_oldest_first = 1, .limit = STORE_PAGE_MAX });
    for (size_t i = 0; i < op.audit.rows_n; i++)
        assert_int_equal(audit_follow(&end, &op.audit.rows[i]), AUDIT_GOOD);
    assert_int_equal(end.seq, last);
}

static void check_seqs(struct help *h, struct store_audit_page wanted, const char *expected)
{
    struct store_op op = page(h, wanted);
    char seqs[64] = "";

    for (size_t i = 0; i < op.audit.rows_n; i++)
        (void)snprintf(seqs + strlen(seqs), sizeof(seqs) - strlen(seqs), "%d ",
                       (int)op.audit.rows[i].seq);
    if (op.audit.has_more)
        (void)snprintf(seqs + strlen(seqs), sizeof(seqs) - strlen(seqs), "more");
    assert_string_equal(seqs, expected);
}

static void a_row_is_there_as_it_was_put(void **state)
{
    struct help *h = *state;
    struct store_audit given = row_of("k1", AUDIT_APPROVAL_APPROVE, "ses_a", 1001);

    check_chain(h, 1, 0);
    given.call = 7;
    assert_int_equal(put(h, "k", &given, 1), ERR_NONE);
    struct store_op op = page(h, (struct store_audit_page){ 0 });
    const struct store_audit *row = op.audit.rows;

    assert_int_equal(op.audit.rows_n, 1);
    assert_int_equal(row->seq, 1);
    assert_int_equal(row->at_ms, 1001);
    assert_slice(row->tenant, "acme");
    assert_slice(row->actor, "k1");
    assert_slice(row->actor_name, "Anna \xc3\x84");
    assert_slice(row->address, "10.0.0.1");
    assert_slice(row->action, "approval.approve");
    assert_slice(row->target, "ses_a");
    assert_int_equal(row->call, 7);
    assert_slice(row->request_hash, "00ff");
    assert_slice(row->outcome, "done");
    assert_slice(row->prev_hash, "");
    assert_string_equal(audit_seal(row).hash, help_text(h, "%.*s", 64, row->hash.ptr).ptr);
    check_chain(h, 1, 1);
}

static void what_was_refused_leaves_no_row(void **state)
{
    struct help *h = *state;
    const struct store_audit row = row_of("k1", AUDIT_KEY_CREATE, "key", 1);
    struct store_op end_key = { .kind = STORE_API_KEY_REVOKE,
                                .api_key.row = { .id = SLICE_LIT("key"), .revoked_at_ms = 7 },
                                .audits = &row,
                                .audits_n = 1 };

    assert_int_equal(help_run(h, &end_key), ERR_NOT_FOUND);
    assert_int_equal(put(h, "key", &row, 1), ERR_NONE);
    assert_int_equal(put(h, "key", &row, 1), ERR_CONFLICT);
    assert_int_equal(help_run(h, &end_key), ERR_NONE);
    assert_int_equal(help_run(h, &end_key), ERR_NONE); /* nothing was left to do */
    check_chain(h, 1, 2);
}

static void a_replay_leaves_no_row(void **state)
{
    struct help *h = *state;
    const struct store_audit row = row_of("k1", AUDIT_SESSION_CREATE, "ses_a", 1);
    struct tick t;

    for (int i = 0; i < 2; i++) {
        help_create(h, &t, i ? "b" : "a", "go");
        t.op.commit.idempotency = (struct store_idempotency){ .route = SLICE_LIT("r"),
                                                              .key = SLICE_LIT("once"),
                                                              .body_hash = SLICE_LIT("1"),
                                                              .response = SLICE_LIT("ses_a") };
        t.op.audits = &row;
        t.op.audits_n = 1;
        assert_int_equal(help_run(h, &t.op), i ? ERR_CONFLICT : ERR_NONE);
    }
    check_chain(h, 1, 1);
}

static void rows_outlive_what_they_tell_of(void **state)
{
    struct help *h = *state;
    struct store_session row = help_session(h, "a");
    struct store_audit audit = row_of("k1", AUDIT_SESSION_ERASE, "ses_a", 1);
    struct store_op erase = help_erase(&row, 10);

    erase.audits = &audit;
    erase.audits_n = 1;
    assert_int_equal(help_run(h, &erase), ERR_NONE);
    assert_int_equal(help_run(h, &erase), ERR_NOT_FOUND);
    check_seqs(h, (struct store_audit_page){ .target = SLICE_LIT("ses_a") }, "1 ");
}

static void lists_have_what_was_asked_for(void **state)
{
    struct help *h = *state;

    put_five(h);
    check_seqs(h, (struct store_audit_page){ 0 }, "5 4 3 2 1 ");
    check_seqs(h, (struct store_audit_page){ .is_oldest_first = 1 }, "1 2 3 4 5 ");
    check_seqs(h, (struct store_audit_page){ .limit = 2 }, "5 4 more");
    check_seqs(h, (struct store_audit_page){ .limit = 2, .from_seq = 3 }, "2 1 ");
    check_seqs(h, (struct store_audit_page){ .limit = 2, .from_seq = 2, .is_oldest_first = 1 },
               "3 4 more");
    check_seqs(h, (struct store_audit_page){ .actor = SLICE_LIT("k1") }, "4 3 1 ");
    check_seqs(h, (struct store_audit_page){ .action = SLICE_LIT("session.create") }, "5 2 1 ");
    check_seqs(h, (struct store_audit_page){ .target = SLICE_LIT("ses_a"), .limit = 2 },
               "4 3 more");
    check_seqs(h, (struct store_audit_page){ .since_ms = 200, .before_ms = 300 }, "4 2 ");
    check_seqs(h, (struct store_audit_page){ .tenant = SLICE_LIT("acme") }, "5 4 3 2 1 ");
    check_seqs(h, (struct store_audit_page){ .tenant = SLICE_LIT("") }, "");
}

static void trim(struct help *h, int64_t before_ms)
{
    struct store_op op = { .kind = STORE_AUDIT_TRIM, .audit_trim.before_ms = before_ms };

    assert_int_equal(help_run(h, &op), ERR_NONE);
}

static void the_oldest_go_and_the_chain_holds(void **state)
{
    struct help *h = *state;
    const struct store_audit more = row_of("k1", AUDIT_SESSION_PAUSE, "ses_c", 500);

    put_five(h);
    trim(h, 100);
    check_chain(h, 1, 5);
    trim(h, 260); /* the fourth is older than the third says it is */
    check_chain(h, 5, 5);
    check_seqs(h, (struct store_audit_page){ .is_oldest_first = 1 }, "5 ");
    trim(h, 1000);
    check_chain(h, 6, 5);
    assert_int_equal(put(h, "more", &more, 1), ERR_NONE);
    check_chain(h, 6, 6);
}

static void many_go_in_pieces(void **state)
{
    struct help *h = *state;
    struct store_audit rows[500];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        rows[i] = row_of("k1", AUDIT_SESSION_CREATE, "ses_a", 100);
    for (int i = 0; i < 5; i++)
        assert_int_equal(put(h, help_text(h, "k%d", i).ptr, rows, ARRAY_LEN(rows)), ERR_NONE);
    trim(h, 101);
    check_chain(h, 2501, 2500);
}

static void what_is_too_long_is_refused(void **state)
{
    struct help *h = *state;
    char text[STORE_NAME_MAX + 1];
    struct store_audit row = row_of("k1", AUDIT_SESSION_CREATE, "ses_a", 1);

    memset(text, 'x', sizeof(text));
    row.actor_name = (struct slice){ text, sizeof(text) };
    assert_int_equal(put(h, "k", &row, 1), ERR_LIMIT);
    check_chain(h, 1, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, help_setup, help_teardown)

int store_audit_cases(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_row_is_there_as_it_was_put),
        CASE(what_was_refused_leaves_no_row),
        CASE(a_replay_leaves_no_row),
        CASE(rows_outlive_what_they_tell_of),
        CASE(lists_have_what_was_asked_for),
        CASE(the_oldest_go_and_the_chain_holds),
        CASE(many_go_in_pieces),
        CASE(what_is_too_long_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
