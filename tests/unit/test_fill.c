/* Templates that are filled from a JSON value. */
#include "core/fill.h"
#include "unit/unit.h"

static const char body_text[] = "{\"a\":\"x\",\"n\":7,\"r\":1.5,\"t\":true,\"z\":null,\"o\":{\"b\":"
                                "\"{{body.a}}\",\"l\":[1,\"two\"]},"
                                "\"1\":\"one\",\"e\":\"\"}";

static enum err_code fill(struct buf *out, const char *template, struct err *err)
{
    CLEANUP(json_cleanup) struct json *body = NULL;

    assert_int_equal(json_read(&body, slice_of(body_text), sizeof(body_text), err), ERR_NONE);
    return fill_put(out, slice_of(template), body, err);
}

static void values_are_put_in(void **state)
{
    static const struct {
        const char *template;
        const char *wanted;
    } cases[] = {
        { "", "" },
        { "nothing", "nothing" },
        { "{{body.a}}", "x" },
        { "<{{ body.a }}{{body.n}}>", "<x7>" },
        { "{{body.r}} {{body.t}}", "1.5 true" },
        { "{{body.o.l}} {{body.o.l.1}} {{body.o.l.0}}", "[1,\"two\"] two 1" },
        { "{{body.1}}", "one" },
        { "{{body.o.b}}", "{{body.a}}" }, /* what was put in is not looked at again */
        { "{{body.z | default: \"none\"}}", "none" },
        { "{{body.x.y|default:\"\"}}.", "." },
        { "{{body.e | default: \"none\"}}", "" },
        { "a } b }} c { d", "a } b }} c { d" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_release) struct buf out = { .max = 256 };
        struct err err = { 0 };

        if (fill(&out, cases[i].template, &err))
            fail_msg("%s: %s", cases[i].template, err.msg);
        assert_string_equal(buf_cstr(&out), cases[i].wanted);
    }
}

static void what_is_not_there_is_named(void **state)
{
    static const char *const templates[] = { "{{body.x}}",
                                             "{{body.z}}",
                                             "{{body.a.b}}",
                                             "{{body.o.l.2}}",
                                             "{{body.o.l.x}}",
                                             "{{body.n.0}}",
                                             "{{body.o.l.99999999999999999999}}" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(templates); i++) {
        CLEANUP(buf_release) struct buf out = { .max = 256 };
        struct err err = { 0 };

        assert_int_equal(fill(&out, templates[i], &err), ERR_INVALID);
        assert_int_equal(strncmp(err.msg, templates[i], strlen(templates[i])), 0);
    }
}

static void what_is_too_long_is_a_limit(void **state)
{
    CLEANUP(buf_release) struct buf out = { .max = 8 };
    struct err err = { 0 };

    (void)state;
    assert_int_equal(fill(&out, "{{body.o}}", &err), ERR_LIMIT);
    assert_int_equal(fill(&out, "123456789", &err), ERR_LIMIT);
}

static void what_is_no_template_is_told(void **state)
{
    static const char *const templates[] = {
        "{{}}",
        "{{ }}",
        "{{bod}}",
        "{{bodya}}",
        "{{body.}}",
        "{{body..a}}",
        "{{context.a}}",
        "{{body.a",
        "x {{body.a}} {{",
        "{{body.a | upper}}",
        "{{body.a | default: x}}",
        "{{body.a | default: 1}}",
        "{{body.a | default: \"x}}",
        "{{body.a |}}",
        "{{| default: \"x\"}}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(templates); i++) {
        struct err err = { 0 };

        if (fill_check(slice_of(templates[i]), &err) != ERR_INVALID)
            fail_msg("'%s' is taken", templates[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_put_in),
        cmocka_unit_test(what_is_not_there_is_named),
        cmocka_unit_test(what_is_too_long_is_a_limit),
        cmocka_unit_test(what_is_no_template_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
