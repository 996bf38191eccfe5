/* What a session keeps of its agent: read back, and its instructions filled in. */
#include "engine/revision.h"
#include "model/openai.h"
#include "unit.h"

static const struct model_format *const formats[PROVIDER_COUNT] = {
    [PROVIDER_OPENAI] = &model_format_openai,
    [PROVIDER_SCRIPTED] = &model_format_openai,
};

static const char text[] =
    "{\"v\":1,\"model_name\":\"main\",\"instructions\":\"Help {{context.customer.name}}, "
    "who is {{ context.age }}.\",\"limits\":{\"steps\":40,\"wall_ms\":1000,\"tokens\":7,"
    "\"nanousd\":9},\"model\":{\"provider\":\"openai\",\"model\":\"gpt-5-mini\","
    "\"max_output_tokens\":4096,\"timeout_ms\":60000,\"retry\":{\"attempts\":3,\"first_ms\":10,"
    "\"max_ms\":20}},\"window\":{\"messages\":12},\"tools\":[{\"name\":\"look\",\"description\":"
    "\"Looks.\",\"parameters\":"
    "{\"type\":\"object\"},\"retry\":{\"attempts\":2,\"first_ms\":1,\"max_ms\":2}}]}";

static struct revision *read_it(void)
{
    struct revision *revision = NULL;
    struct err err = { 0 };

    assert_int_equal(revision_new(&revision, SLICE_LIT("abc"), slice_of(text), formats, &err),
                     ERR_NONE);
    return revision;
}

static void reads_all_its_members(void **state)
{
    struct revision *revision = read_it();

    (void)state;
    assert_string_equal(revision->hash, "abc");
    assert_true(slice_is(revision->model_name, "main"));
    assert_true(slice_is(revision->model, "gpt-5-mini"));
    assert_int_equal(revision->max_output_tokens, 4096);
    assert_int_equal(revision->timeout_ms, 60000);
    assert_int_equal(revision->retry.attempts, 3);
    assert_int_equal(revision->limits.steps, 40);
    assert_int_equal(revision->limits.wall_ms, 1000);
    assert_int_equal(revision->limits.tokens, 7);
    assert_int_equal(revision->limits.nanousd, 9);
    assert_int_equal(revision->window_messages, 12);
    assert_int_equal(revision->tools_n, 1);
    assert_int_equal(revision_tool(revision, SLICE_LIT("look"))->retry.attempts, 2);
    assert_null(revision_tool(revision, SLICE_LIT("loo")));
    assert_true(revision->tools_wire.len > 0);
    revision_unref(revision);
}

static void compiles_what_the_arguments_must_be(void **state)
{
    static const char stored[] =
        "{\"model_name\":\"main\",\"model\":{\"max_output_tokens\":1,\"timeout_ms\":1},"
        "\"tools\":[{\"name\":\"good\",\"parameters\":{\"required\":[\"a\"]}},"
        "{\"name\":\"bad\",\"parameters\":{\"required\":1}},{\"name\":\"none\"}]}";
    struct revision *revision = NULL;
    struct err err = { 0 };

    (void)state;
    assert_int_equal(revision_new(&revision, SLICE_LIT("x"), slice_of(stored), formats, &err),
                     ERR_NONE);
    assert_non_null(revision_tool(revision, SLICE_LIT("good"))->schema);
    assert_null(revision_tool(revision, SLICE_LIT("good"))->defect);
    assert_null(revision_tool(revision, SLICE_LIT("bad"))->schema);
    assert_non_null(strstr(revision_tool(revision, SLICE_LIT("bad"))->defect, "/required"));
    assert_null(revision_tool(revision, SLICE_LIT("none"))->schema);
    assert_non_null(revision_tool(revision, SLICE_LIT("none"))->defect);
    revision_unref(revision);
}

static void is_freed_with_its_last_reference(void **state)
{
    struct revision *revision = read_it();

    (void)state;
    assert_ptr_equal(revision_ref(revision), revision);
    revision_unref(revision);
    assert_string_equal(revision->hash, "abc");
    revision_unref(revision); /* a leak would be LeakSanitizer's to find */
}

static void fills_the_context_in(void **state)
{
    CLEANUP(buf_release) struct buf filled = { .max = 1024 };
    struct revision *revision = read_it();
    struct err err = { 0 };

    (void)state;
    assert_int_equal(
        revision_instructions(revision, SLICE_LIT("{\"customer\":{\"name\":\"Ada\"},\"age\":36}"),
                              &filled, &err),
        ERR_NONE);
    assert_string_equal(buf_cstr(&filled), "Help Ada, who is 36.");
    revision_unref(revision);
}

static void names_what_the_context_lacks(void **state)
{
    CLEANUP(buf_release) struct buf filled = { .max = 1024 };
    struct revision *revision = read_it();
    struct err err = { 0 };

    (void)state;
    assert_int_equal(revision_instructions(revision, SLICE_LIT("{\"age\":36}"), &filled, &err),
                     ERR_INVALID);
    assert_non_null(strstr(err.msg, "context.customer.name"));
    revision_unref(revision);
}

static void refuses_what_is_no_revision(void **state)
{
    static const char *const bad[] = { "", "{", "[]", "{\"v\":1}", "{\"model_name\":\"x\"}" };
    struct revision *revision = NULL;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err = { 0 };

        assert_int_not_equal(
            revision_new(&revision, SLICE_LIT("abc"), slice_of(bad[i]), formats, &err), ERR_NONE);
        assert_null(revision);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_all_its_members),
        cmocka_unit_test(compiles_what_the_arguments_must_be),
        cmocka_unit_test(is_freed_with_its_last_reference),
        cmocka_unit_test(fills_the_context_in),
        cmocka_unit_test(names_what_the_context_lacks),
        cmocka_unit_test(refuses_what_is_no_revision),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
