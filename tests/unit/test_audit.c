#include "unit/unit.h"

#include "store/audit.h"

static struct store_audit row_at(int64_t seq, const struct audit_link *end)
{
    return (struct store_audit){
        .seq = seq,
        .at_ms = 1790000000123,
        .tenant = SLICE_LIT("acme"),
        .actor = SLICE_LIT("k1"),
        .actor_name = SLICE_LIT("Anna \xc3\x84"),
        .address = SLICE_LIT("127.0.0.1"),
        .action = SLICE_LIT("session.create"),
        .target = SLICE_LIT("ses_1"),
        .request_hash =
            SLICE_LIT("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        .outcome = SLICE_LIT("done"),
        .prev_hash = slice_of(end->hash),
    };
}

/* The digest was made by Python's hashlib of what docs/audit.md says. */
static void a_row_is_hashed_as_documented(void **state)
{
    const struct audit_link none = { 0 };
    const struct store_audit row = row_at(1, &none);
    struct audit_link sealed = audit_seal(&row);

    (void)state;
    assert_int_equal(sealed.seq, 1);
    assert_string_equal(sealed.hash,
                        "907db4a5ae96233f2a6e07cc8ae4a64b053ccbbc5d5e1785e85791c90d6fbe40");
}

/* Each member on its own; and where one text ends and the next begins. */
static void whatever_is_changed_changes_the_hash(void **state)
{
    const struct audit_link none = { 0 };
    const struct store_audit row = row_at(1, &none);
    struct store_audit others[13];
    struct audit_link good = audit_seal(&row);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        others[i] = row;
    others[0].seq++;
    others[1].at_ms++;
    others[2].call++;
    struct slice *const texts[] = {
        &others[3].tenant,  &others[4].actor,      &others[5].actor_name,
        &others[6].address, &others[7].action,     &others[8].target,
        &others[9].outcome, &others[10].prev_hash, &others[11].request_hash,
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        *texts[i] = SLICE_LIT("another");
    others[12].tenant = SLICE_LIT("acme2:k1"); /* an actor that has moved into the tenant */
    others[12].actor = SLICE_LIT("");
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_string_not_equal(audit_seal(&others[i]).hash, good.hash);
}

enum { ROWS = 5 };

struct chain {
    struct audit_link links[ROWS];
    struct store_audit rows[ROWS];
};

static void build(struct chain *chain)
{
    static const struct audit_link none;

    for (int i = 0; i < ROWS; i++) {
        chain->rows[i] = row_at(i + 1, i > 0 ? &chain->links[i - 1] : &none);
        chain->links[i] = audit_seal(&chain->rows[i]);
        chain->rows[i].hash = slice_of(chain->links[i].hash);
    }
}

/* `faults` is a digit a row: of enum audit_fault. */
static void check(const struct store_audit *const *rows, size_t n, const char *faults)
{
    struct audit_link end = { 0 };
    char found[ROWS + 2] = "";

    for (size_t i = 0; i < n; i++)
        found[i] = (char)('0' + (int)audit_follow(&end, rows[i]));
    assert_string_equal(found, faults);
}

static void a_chain_that_was_left_alone_is_good(void **state)
{
    struct chain c;
    const struct store_audit *const all[] = { &c.rows[0], &c.rows[1], &c.rows[2], &c.rows[3] };
    struct audit_link end;

    (void)state;
    build(&c);
    check(all, 4, "0000");
    end = c.links[1]; /* what was trimmed ends there */
    assert_int_equal(audit_follow(&end, &c.rows[2]), AUDIT_GOOD);
    assert_int_equal(end.seq, 3);
}

static void each_fault_is_told_once_and_where_it_is(void **state)
{
    struct chain c;
    struct store_audit edited, resealed, first, second;

    (void)state;
    build(&c);
    edited = c.rows[2];
    edited.actor = SLICE_LIT("k9");
    check((const struct store_audit *const[]){ &c.rows[0], &c.rows[1], &edited, &c.rows[3] }, 4,
          "0020");

    resealed = edited; /* and with a hash that fits: then the next one does not follow it */
    struct audit_link link = audit_seal(&resealed);

    resealed.hash = slice_of(link.hash);
    check((const struct store_audit *const[]){ &c.rows[0], &c.rows[1], &resealed, &c.rows[3],
                                               &c.rows[4] },
          5, "00030");
    check((const struct store_audit *const[]){ &c.rows[0], &c.rows[2], &c.rows[3] }, 3, "010");
    first = c.rows[2]; /* swapped: each in the other's place */
    first.seq = 2;
    second = c.rows[1];
    second.seq = 3;
    check((const struct store_audit *const[]){ &c.rows[0], &first, &second, &c.rows[3] }, 4,
          "0223");
    check((const struct store_audit *const[]){ &c.rows[1] }, 1, "1"); /* the first one is gone */
}

static void every_action_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (unsigned i = 0; i < AUDIT_ACTION_COUNT; i++) {
        struct slice name = audit_action_name((enum audit_action)i);

        assert_non_null(memchr(name.ptr, '.', name.len));
        assert_int_equal(audit_action_of(name), i);
    }
    assert_int_equal(audit_action_of(SLICE_LIT("session")), AUDIT_ACTION_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_is_hashed_as_documented),
        cmocka_unit_test(whatever_is_changed_changes_the_hash),
        cmocka_unit_test(a_chain_that_was_left_alone_is_good),
        cmocka_unit_test(each_fault_is_told_once_and_where_it_is),
        cmocka_unit_test(every_action_has_a_name_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
