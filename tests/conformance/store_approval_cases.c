/* store_approval_cases.c - what store.h promises of what people are asked. */
#include "conformance/store_help.h"

static struct store_approval asked(uint32_t call, const char *body)
{
    return (struct store_approval){ .call = call,
                                    .kind = APPROVAL_CALL,
                                    .status = APPROVAL_PENDING,
                                    .tool = SLICE_LIT("refund"),
                                    .requested_at_ms = 1000,
                                    .expires_at_ms = 9000,
                                    .body = body ? slice_of(body) : (struct slice){ 0 } };
}

/* One tick of the session that brings this row; *row is its row after it. */
static enum err_code put(struct help *h, struct store_session *row,
                         const struct store_approval *approval)
{
    struct tick t;

    help_next(h, &t, row, 1);
    t.op.commit.approvals = approval;
    t.op.commit.approvals_n = 1;
    enum err_code code = help_run(h, &t.op);

    if (code == ERR_NONE)
        *row = help_load(h, row->id, 0).row;
    return code;
}

static struct store_op one(struct help *h, struct slice session, uint32_t call)
{
    struct store_op op = { .kind = STORE_APPROVAL,
                           .approval = {
                               .tenant = SLICE_LIT("acme"), .session = session, .call = call } };

    (void)help_run(h, &op);
    return op;
}

static struct store_op page(struct help *h, enum approval_status status, int64_t before,
                            uint32_t limit)
{
    struct store_op op = { .kind = STORE_APPROVALS,
                           .approvals = { .tenant = SLICE_LIT("acme"),
                                          .status = status,
                                          .before_key = before,
                                          .limit = limit } };

    assert_int_equal(help_run(h, &op), ERR_NONE);
    return op;
}

static void a_row_is_there_as_it_was_put(void **state)
{
    struct help *h = *state;
    struct store_session row = help_session(h, "a");
    struct store_approval given = asked(3, "{\"arguments\":{}}");

    assert_int_equal(put(h, &row, &given), ERR_NONE);
    struct store_op op = one(h, row.id, 3);

    assert_int_equal(op.err.code, ERR_NONE);
    assert_slice(op.approval.row.session, "ses_a");
    assert_true(slice_equal(op.approval.row.agent, row.agent));
    assert_int_equal(op.approval.row.call, 3);
    assert_int_equal(op.approval.row.kind, APPROVAL_CALL);
    assert_int_equal(op.approval.row.status, APPROVAL_PENDING);
    assert_slice(op.approval.row.tool, "refund");
    assert_int_equal(op.approval.row.requested_at_ms, 1000);
    assert_int_equal(op.approval.row.expires_at_ms, 9000);
    assert_int_equal(op.approval.row.decided_at_ms, 0);
    assert_slice(op.approval.row.body, "{\"arguments\":{}}");
    assert_int_equal(one(h, row.id, 4).err.code, ERR_NOT_FOUND);
    assert_int_equal(one(h, SLICE_LIT("ses_nobody"), 3).err.code, ERR_NOT_FOUND);
}

/* The time it was asked stays as long as the same is asked; another question has its own. */
static void a_row_is_changed_in_its_place(void **state)
{
    struct help *h = *state;
    struct store_session row = help_session(h, "a");
    struct store_approval given = asked(3, "{\"n\":1}");

    assert_int_equal(put(h, &row, &given), ERR_NONE);
    int64_t key = one(h, row.id, 3).approval.row.key;

    given = asked(3, "{\"n\":2}");
    given.requested_at_ms = 2000;
    given.expires_at_ms = 0;
    assert_int_equal(put(h, &row, &given), ERR_NONE);
    struct store_op op = one(h, row.id, 3);

    assert_int_equal(op.approval.row.key, key);
    assert_int_equal(op.approval.row.requested_at_ms, 1000);
    assert_int_equal(op.approval.row.expires_at_ms, 0);
    assert_slice(op.approval.row.body, "{\"n\":2}");
    given.kind = APPROVAL_IN_DOUBT;
    assert_int_equal(put(h, &row, &given), ERR_NONE);
    op = one(h, row.id, 3);
    assert_int_equal(op.approval.row.kind, APPROVAL_IN_DOUBT);
    assert_int_equal(op.approval.row.requested_at_ms, 2000);
}

static void a_row_is_closed_without_its_body(void **state)
{
    struct help *h = *state;
    struct store_session row = help_session(h, "a");
    struct store_approval given = asked(3, "{\"n\":1}");
    struct store_approval closed = { .call = 3,
                                     .status = APPROVAL_CANCELLED,
                                     .decided_at_ms = 7000 };

    assert_int_equal(put(h, &row, &given), ERR_NONE);
    assert_int_equal(put(h, &row, &closed), ERR_NONE);
    struct store_op op = one(h, row.id, 3);

    assert_int_equal(op.approval.row.status, APPROVAL_CANCELLED);
    assert_int_equal(op.approval.row.decided_at_ms, 7000);
    assert_int_equal(op.approval.row.expires_at_ms, 9000);
    assert_slice(op.approval.row.body, "{\"n\":1}");
    closed.call = 4; /* there is none: nothing to close */
    assert_int_equal(put(h, &row, &closed), ERR_NONE);
    assert_int_equal(one(h, row.id, 4).err.code, ERR_NOT_FOUND);
}

static void another_tenants_is_not_there(void **state)
{
    struct help *h = *state;
    struct store_session row = help_session(h, "a");
    struct store_approval given = asked(3, "{}");

    assert_int_equal(put(h, &row, &given), ERR_NONE);
    assert_int_equal(one(h, row.id, 3).err.code, ERR_NONE);
    struct store_op op = { .kind = STORE_APPROVAL,
                           .approval = { .tenant = SLICE_LIT(""), .session = row.id, .call = 3 } };

    assert_int_equal(help_run(h, &op), ERR_NOT_FOUND);
}

static void a_refused_tick_leaves_no_row(void **state)
{
    struct help *h = *state;
    struct store_session row = help_session(h, "a");
    struct store_session stale = row;
    struct store_approval given = asked(3, "{}");

    assert_int_equal(put(h, &row, &given), ERR_NONE);
    given.call = 4;
    assert_int_equal(put(h, &stale, &given), ERR_CONFLICT);
    assert_int_equal(one(h, row.id, 4).err.code, ERR_NOT_FOUND);
}

static void a_list_goes_back_from_the_newest(void **state)
{
    struct help *h = *state;
    struct store_session a = help_session(h, "a");
    struct store_session b = help_session(h, "b");

    for (uint32_t call = 1; call <= 3; call++) {
        struct store_approval given = asked(call, "{}");

        if (call == 2) {
            given.status = APPROVAL_REJECTED;
            given.decided_at_ms = 5000;
        }
        assert_int_equal(put(h, &a, &given), ERR_NONE);
        assert_int_equal(put(h, &b, &given), ERR_NONE);
    }
    struct store_op op = page(h, APPROVAL_PENDING, 0, 3);

    assert_int_equal(op.approvals.rows_n, 3);
    assert_true(op.approvals.has_more);
    assert_slice(op.approvals.rows[0].session, "ses_b");
    assert_int_equal(op.approvals.rows[0].call, 3);
    assert_slice(op.approvals.rows[1].session, "ses_a");
    assert_int_equal(op.approvals.rows[2].call, 1);
    op = page(h, APPROVAL_PENDING, op.approvals.last_key, 3);
    assert_int_equal(op.approvals.rows_n, 1);
    assert_false(op.approvals.has_more);
    assert_slice(op.approvals.rows[0].session, "ses_a");
    assert_int_equal(page(h, APPROVAL_REJECTED, 0, 10).approvals.rows_n, 2);
    assert_int_equal(page(h, APPROVAL_APPROVED, 0, 10).approvals.rows_n, 0);
    assert_int_equal(page(h, APPROVAL_STATUS_COUNT, 0, 10).approvals.rows_n, 6);
    op = (struct store_op){
        .kind = STORE_APPROVALS,
        .approvals = { .tenant = SLICE_LIT("other"), .status = APPROVAL_STATUS_COUNT, .limit = 10 }
    };
    assert_int_equal(help_run(h, &op), ERR_NONE);
    assert_int_equal(op.approvals.rows_n, 0);
}

static void an_erased_session_leaves_no_row(void **state)
{
    struct help *h = *state;
    struct store_session a = help_session(h, "a");
    struct store_session b = help_session(h, "b");
    struct store_approval given = asked(3, "{\"secret\":1}");

    assert_int_equal(put(h, &a, &given), ERR_NONE);
    assert_int_equal(put(h, &b, &given), ERR_NONE);
    struct store_op erase = help_erase(&a, 100);

    assert_int_equal(help_run(h, &erase), ERR_NONE);
    struct store_op op = page(h, APPROVAL_STATUS_COUNT, 0, 10);

    assert_int_equal(op.approvals.rows_n, 1);
    assert_slice(op.approvals.rows[0].session, "ses_b");
    assert_int_equal(one(h, SLICE_LIT("ses_a"), 3).err.code, ERR_NOT_FOUND);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, help_setup, help_teardown)

int store_approval_cases(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_row_is_there_as_it_was_put),     CASE(a_row_is_changed_in_its_place),
        CASE(a_row_is_closed_without_its_body), CASE(a_refused_tick_leaves_no_row),
        CASE(a_list_goes_back_from_the_newest), CASE(an_erased_session_leaves_no_row),
        CASE(another_tenants_is_not_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
