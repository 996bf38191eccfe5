/* What each role may do, role by role; lists of roles; what may be a name. */
#include "auth/roles.h"
#include "unit/unit.h"

#define BIT(right) (1u << (unsigned)(right))

static void each_role_gives_its_rights(void **state)
{
    static const struct {
        const char *roles;
        unsigned rights; /* beside RIGHT_OPEN */
    } rows[] = {
        { "", 0 },
        { "submit", BIT(RIGHT_READ) | BIT(RIGHT_SUBMIT) },
        { "approve", BIT(RIGHT_READ) | BIT(RIGHT_INBOX) | BIT(RIGHT_APPROVE) },
        { "operate", BIT(RIGHT_READ) | BIT(RIGHT_INBOX) | BIT(RIGHT_OPERATE) },
        { "executor", BIT(RIGHT_EXECUTE) },
        { "admin", BIT(RIGHT_READ) | BIT(RIGHT_SUBMIT) | BIT(RIGHT_INBOX) | BIT(RIGHT_APPROVE) |
                       BIT(RIGHT_OPERATE) | BIT(RIGHT_ADMIN) | BIT(RIGHT_EXECUTE) },
        { "finance", 0 },
        { "Admin", 0 },
        { "admi", 0 },
        { "administrator", 0 },
        { "finance,submit", BIT(RIGHT_READ) | BIT(RIGHT_SUBMIT) },
        { "submit,approve",
          BIT(RIGHT_READ) | BIT(RIGHT_SUBMIT) | BIT(RIGHT_INBOX) | BIT(RIGHT_APPROVE) },
        { ",,", 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(auth_rights(slice_of(rows[i].roles)), BIT(RIGHT_OPEN) | rows[i].rights);
}

static void a_role_is_had_by_its_whole_name(void **state)
{
    struct slice roles = SLICE_LIT("approve,finance team");

    (void)state;
    assert_true(auth_has_role(roles, SLICE_LIT("approve")));
    assert_true(auth_has_role(roles, SLICE_LIT("finance team")));
    assert_false(auth_has_role(roles, SLICE_LIT("finance")));
    assert_false(auth_has_role(roles, SLICE_LIT("team")));
    assert_false(auth_has_role(roles, SLICE_LIT("approve,finance team")));
    assert_false(auth_has_role(roles, SLICE_LIT("admin")));
    assert_false(auth_has_role(SLICE_LIT(""), SLICE_LIT("")));
}

static void who_has_a_right_is_said(void **state)
{
    char text[AUTH_RIGHT_TEXT_MAX];

    (void)state;
    assert_string_equal(auth_right_text(text, RIGHT_SUBMIT), "'submit' or 'admin'");
    assert_string_equal(auth_right_text(text, RIGHT_INBOX), "'approve' or 'operate' or 'admin'");
    assert_string_equal(auth_right_text(text, RIGHT_ADMIN), "'admin'");
    assert_string_equal(auth_right_text(text, RIGHT_READ),
                        "'submit' or 'approve' or 'operate' or 'admin'");
    assert_string_equal(auth_right_text(text, RIGHT_NONE), "");
}

static void names_are_checked(void **state)
{
    static const struct {
        struct slice name;
        int is_role, is_key_name, is_tenant;
    } rows[] = {
        { { "", 0 }, 0, 0, 1 },
        { { "a", 1 }, 1, 1, 1 },
        { { "Finance-2.x_y", 13 }, 1, 1, 1 },
        { { "team lead", 9 }, 1, 1, 0 },
        { { "a,b", 3 }, 0, 1, 0 },
        { { " a", 2 }, 0, 0, 0 },
        { { "a ", 2 }, 0, 0, 0 },
        { { "a\nb", 3 }, 0, 0, 0 },
        { { "a\0b", 3 }, 0, 0, 0 },
        { { "a\x7f", 2 }, 0, 0, 0 },
        { { "\xc3\xa4", 2 }, 1, 1, 0 },
        { { "\xc3", 1 }, 0, 0, 0 },
        { { "a/b", 3 }, 1, 1, 0 },
    };
    char longest[AUTH_NAME_MAX + 1];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(auth_is_role(rows[i].name), rows[i].is_role);
        assert_int_equal(auth_is_key_name(rows[i].name), rows[i].is_key_name);
        assert_int_equal(auth_is_tenant(rows[i].name), rows[i].is_tenant);
    }
    memset(longest, 'x', sizeof(longest));
    for (size_t over = 0; over < 2; over++) {
        struct slice name = { longest, AUTH_NAME_MAX + over };

        assert_int_equal(auth_is_role(name), !over);
        assert_int_equal(auth_is_key_name(name), !over);
        assert_int_equal(auth_is_tenant(name), !over);
    }
}

static void roles_are_gathered_once_each(void **state)
{
    struct buf roles = { .max = AUTH_ROLES_TEXT_MAX };
    char name[8];

    (void)state;
    assert_int_equal(auth_add_role(&roles, SLICE_LIT("a")), 0);
    assert_int_equal(auth_add_role(&roles, SLICE_LIT("b")), 0);
    assert_int_equal(auth_add_role(&roles, SLICE_LIT("a")), 0);
    assert_string_equal(buf_cstr(&roles), "a,b");
    for (unsigned i = 2; i < AUTH_ROLES_MAX; i++) {
        (void)snprintf(name, sizeof(name), "r%u", i);
        assert_int_equal(auth_add_role(&roles, slice_of(name)), 0);
    }
    assert_int_equal(auth_add_role(&roles, SLICE_LIT("b")), 0);
    assert_int_equal(auth_add_role(&roles, SLICE_LIT("one more")), 1);
    buf_release(&roles);
}

/* The longest list that there can be fits: buf_put() would end the process. */
static void the_longest_list_fits(void **state)
{
    struct buf roles = { .max = AUTH_ROLES_TEXT_MAX };
    char name[AUTH_NAME_MAX];

    (void)state;
    memset(name, 'x', sizeof(name));
    for (unsigned i = 0; i < AUTH_ROLES_MAX; i++) {
        name[0] = (char)('a' + i);
        assert_int_equal(auth_add_role(&roles, (struct slice){ name, sizeof(name) }), 0);
    }
    buf_release(&roles);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_role_gives_its_rights),
        cmocka_unit_test(a_role_is_had_by_its_whole_name),
        cmocka_unit_test(who_has_a_right_is_said),
        cmocka_unit_test(names_are_checked),
        cmocka_unit_test(roles_are_gathered_once_each),
        cmocka_unit_test(the_longest_list_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
