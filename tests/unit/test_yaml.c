#include "unit/unit.h"

#include "config/yaml_json.h"
#include "config/yaml_tree.h"

/* Reads text; the report's lines are in `lines` afterwards. NULL if nothing could be read. */
static struct yaml *read_text(struct slice text, char lines[4096])
{
    struct report *report = report_new("t.yaml");
    struct buf buf = { .max = REPORT_TEXT_MAX };
    struct yaml *doc = yaml_read("t.yaml", text, report);

    report_render(report, &buf);
    (void)snprintf(lines, 4096, "%s", buf_cstr(&buf));
    buf_release(&buf);
    report_free(report);
    return doc;
}

static void assert_refused(struct slice text, const char *place, const char *words)
{
    char lines[4096];
    struct yaml *doc = read_text(text, lines);

    if (strncmp(lines, place, strlen(place)) != 0 || !strstr(lines, words))
        fail_msg("wanted '%s' and '%s', but the report is: %s", place, words, lines);
    yaml_free(doc);
}

static void nodes_know_their_places_and_names(void **state)
{
    char lines[4096];
    struct yaml *doc = read_text(SLICE_LIT("# c\na: 1\nb:\n  - x\n  - k: \"\xc3\xa4\"\n    z: |\n"
                                           "      two\n      lines\n"),
                                 lines);

    (void)state;
    assert_string_equal(lines, "");
    const struct yaml_node *root = yaml_root(doc);
    const struct yaml_node *b = yaml_get(root, "b");
    const struct yaml_node *k = yaml_get(b->last, "k");
    const struct yaml_node *z = yaml_get(b->last, "z");

    assert_int_equal(root->kind, YAML_MAP);
    assert_int_equal(root->count, 2);
    assert_int_equal(yaml_get(root, "a")->at.line, 2);
    assert_int_equal(yaml_get(root, "a")->at.column, 4);
    assert_int_equal(yaml_get(root, "a")->name_at.column, 1);
    assert_true(yaml_get(root, "a")->is_plain);
    assert_int_equal(b->kind, YAML_LIST);
    assert_int_equal(b->first->at.line, 4);
    assert_int_equal(b->first->at.column, 5);
    assert_int_equal(k->at.line, 5);
    assert_int_equal(k->at.column, 8);
    assert_false(k->is_plain);
    assert_string_equal(k->text.ptr, "\xc3\xa4");
    assert_string_equal(z->text.ptr, "two\nlines\n");
    assert_string_equal(yaml_path(z).text, "b[1].z");
    assert_string_equal(yaml_path(root).text, "");
    assert_ptr_equal(yaml_follow(root, "b[1].z: is wrong"), z);
    assert_ptr_equal(yaml_follow(root, "b[1].z"), z);
    assert_ptr_equal(yaml_follow(root, "b[1].nope.z: is wrong"), b->last);
    assert_ptr_equal(yaml_follow(root, "b[2]: is wrong"), b);
    assert_ptr_equal(yaml_follow(root, "b[: is wrong"), b->first);
    assert_ptr_equal(yaml_follow(root, "a[0].b"), yaml_get(root, "a"));
    assert_ptr_equal(yaml_follow(root, "not a path"), root);
    assert_ptr_equal(yaml_follow(root, ""), root);
    assert_ptr_equal(yaml_follow_pointer(root, "/b/1/z"), z);
    assert_ptr_equal(yaml_follow_pointer(root, "/b/1/nope/z"), b->last);
    assert_ptr_equal(yaml_follow_pointer(root, "/b/2"), b);
    assert_ptr_equal(yaml_follow_pointer(root, "/b/k"), b);
    assert_ptr_equal(yaml_follow_pointer(root, "/a/0"), yaml_get(root, "a"));
    assert_ptr_equal(yaml_follow_pointer(root, ""), root);
    assert_null(yaml_get(root, "c"));
    assert_null(yaml_get(b, "k")); /* a list has no keys */
    yaml_free(doc);
}

static void a_mark_of_the_byte_order_is_skipped(void **state)
{
    char lines[4096];
    struct yaml *doc = read_text(SLICE_LIT("\xef\xbb\xbf"
                                           "a: 1\n"),
                                 lines);

    (void)state;
    assert_string_equal(lines, "");
    assert_int_equal(yaml_get(yaml_root(doc), "a")->at.line, 1);
    assert_int_equal(yaml_get(yaml_root(doc), "a")->at.column, 4);
    yaml_free(doc);
    assert_refused(SLICE_LIT("\xef\xbb\xbf"
                             "a: &x 1\n"),
                   "t.yaml:1:4: ", "anchors (&)");
    assert_refused(SLICE_LIT("\xef\xbb\xbf"
                             "a: \xff\n"),
                   "t.yaml:1:4: ", "not UTF-8");
    assert_refused(SLICE_LIT("\xef\xbb\xbf"), "t.yaml: ", "the file is empty");
    assert_refused(SLICE_LIT("\xef\xbb"), "t.yaml:1:1: ", "not UTF-8");
}

static void what_is_no_plain_tree_is_refused_with_its_place(void **state)
{
    (void)state;
    assert_refused(SLICE_LIT("a: &x 1\nb: 2\n"), "t.yaml:1:4: ", "anchors (&) are not supported");
    assert_refused(SLICE_LIT("a: 1\nb: *x\n"), "t.yaml:2:4: ", "aliases (*) are not supported");
    assert_refused(SLICE_LIT("*x : 1\n"), "t.yaml:1:1: ", "aliases (*) are not supported");
    assert_refused(SLICE_LIT("a: !!str 1\n"), "t.yaml:1:4: ", "tags (!) are not supported");
    assert_refused(SLICE_LIT("a: !x [1]\n"), "t.yaml:1:4: ", "tags (!) are not supported");
    assert_refused(SLICE_LIT("a: 1\nb: 2\na: 3\n"),
                   "t.yaml:3:1: ", "the key 'a' stands on line 1 already");
    assert_refused(SLICE_LIT("a: 1\n---\nb: 2\n"), "t.yaml:2:1: ", "a second document");
    assert_refused(SLICE_LIT("? [a, b]\n: 1\n"), "t.yaml:1:3: ", "a key must be text, not a list");
    assert_refused(SLICE_LIT("? {a: b}\n: 1\n"), "t.yaml:1:3: ", "a key must be text");
    assert_refused(SLICE_LIT("\"\": 1\n"), "t.yaml:1:1: ", "a key without a name");
    assert_refused(SLICE_LIT("a: \"x\\0y\"\n"), "t.yaml:1:4: ", "a NUL character");
    assert_refused(SLICE_LIT("\"x\\0y\": 1\n"), "t.yaml:1:1: ", "a NUL character");
    assert_refused(SLICE_LIT("a: x\0y\n"), "t.yaml:1:5: ", "a NUL byte");
    assert_refused(SLICE_LIT("a: 1\nb: \xc3\xa4\xff\n"), "t.yaml:2:5: ", "not UTF-8");
    assert_refused(SLICE_LIT("a: \xed\xa0\x80\n"), "t.yaml:1:4: ", "not UTF-8");
    assert_refused(SLICE_LIT("a: x\x01y\n"), "t.yaml:1:5: ", "this is no YAML");
    assert_refused(SLICE_LIT(""), "t.yaml: ", "the file is empty");
    assert_refused(SLICE_LIT("# only a comment\n"), "t.yaml: ", "the file is empty");
    assert_refused(SLICE_LIT("a: [1, 2\nb: 3\n"), "t.yaml:2:", "this is no YAML");
    assert_refused(SLICE_LIT("a:\n\tb: 1\n"), "t.yaml:2:1: ", "indent with spaces");
    assert_refused(SLICE_LIT("a: 'x\n"), "t.yaml:2:1: ", "this is no YAML");
}

static void all_of_several_errors_are_reported_in_order(void **state)
{
    char lines[4096];
    struct yaml *doc = read_text(SLICE_LIT("a: &x 1\nb: *x\na: !!int 2\n"), lines);

    (void)state;
    assert_non_null(doc);
    const char *one = strstr(lines, "t.yaml:1:4: anchors");
    const char *two = strstr(lines, "t.yaml:2:4: aliases");
    const char *three = strstr(lines, "t.yaml:3:1: the key 'a'");
    const char *four = strstr(lines, "t.yaml:3:4: tags");

    assert_true(one && two && three && four);
    assert_true(one < two && two < three && three < four);
    yaml_free(doc);
}

static void put_many(struct buf *buf, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_puts(buf, text);
}

static void depth_and_size_are_bounded(void **state)
{
    struct buf text = { .max = YAML_BYTES_MAX + 100 };
    char lines[4096];

    (void)state;
    put_many(&text, "[", YAML_DEPTH_MAX);
    put_many(&text, "]", YAML_DEPTH_MAX);
    struct yaml *doc = read_text(buf_slice(&text), lines);

    assert_string_equal(lines, "");
    assert_non_null(doc);
    yaml_free(doc);

    buf_clear(&text);
    put_many(&text, "[", YAML_DEPTH_MAX + 1);
    put_many(&text, "]", YAML_DEPTH_MAX + 1);
    assert_refused(buf_slice(&text), "t.yaml:1:65: ", "nested deeper than 64");

    buf_clear(&text);
    put_many(&text, "[", 100000);
    assert_refused(buf_slice(&text), "t.yaml:1:65: ", "nested deeper than 64");

    buf_clear(&text);
    buf_puts(&text, "[");
    put_many(&text, "a,\n", YAML_NODES_MAX);
    buf_puts(&text, "]");
    assert_refused(buf_slice(&text), "t.yaml:", "more than 100000 values");

    buf_clear(&text);
    buf_puts(&text, "a: \"");
    put_many(&text, "0123456789abcdef", YAML_BYTES_MAX / 16);
    buf_puts(&text, "\"");
    assert_refused(buf_slice(&text), "t.yaml: ", "larger than 4 MiB");
    buf_release(&text);
}

/* The largest of everything that is allowed fits into what the document sets aside. */
static void a_file_at_its_limits_is_read(void **state)
{
    struct buf text = { .max = YAML_BYTES_MAX };
    char lines[4096];

    (void)state;
    buf_puts(&text, "[");
    put_many(&text, "\"\\L\\L\\L\\L\\L\\L\\L\\L\\L\\L\\L\\L\\L\\L\\L\\L\",\n", YAML_NODES_MAX - 2);
    buf_puts(&text, "]");
    struct yaml *doc = read_text(buf_slice(&text), lines);

    assert_string_equal(lines, "");
    assert_int_equal(yaml_root(doc)->count, YAML_NODES_MAX - 2);
    yaml_free(doc);
    buf_release(&text);
}

/* Expands the value of `a` and gives its text, or the report where it is refused. */
static const char *expand(const char *value, char out[4096])
{
    struct report *report = report_new("t.yaml");
    struct buf lines = { .max = REPORT_TEXT_MAX };
    struct buf text = { .max = YAML_BYTES_MAX };

    buf_putf(&text, "a: '%s'\n", value);
    struct yaml *doc = yaml_read("t.yaml", buf_slice(&text), report);
    struct yaml_node *node = yaml_root(doc)->first;
    int is_fine = yaml_expand(doc, node, 0, report);

    assert_int_equal(is_fine, !node->is_bad);
    assert_string_equal(node->written.ptr, value);
    report_render(report, &lines);
    (void)snprintf(out, 4096, "%s", is_fine ? node->text.ptr : buf_cstr(&lines));
    assert_int_equal(is_fine, lines.len == 0);
    buf_release(&lines);
    buf_release(&text);
    yaml_free(doc);
    report_free(report);
    return out;
}

static void variables_are_expanded(void **state)
{
    static const struct {
        const char *value;
        const char *wanted;
    } cases[] = {
        { "plain", "plain" },
        { "", "" },
        { "${PAWL_T_SET}", "hunter2" },
        { "<${PAWL_T_SET}|${PAWL_T_SET}>", "<hunter2|hunter2>" },
        { "${PAWL_T_EMPTY}", "" },
        { "${PAWL_T_EMPTY:-d}", "d" },
        { "${PAWL_T_UNSET:-https://x/v1?a:-b}", "https://x/v1?a:-b" },
        { "${PAWL_T_UNSET:-}", "" },
        { "${PAWL_T_SET:-d}", "hunter2" },
        { "$${PAWL_T_SET}", "${PAWL_T_SET}" },
        { "a$$b$c$", "a$b$c$" },
        { "$$$${X}", "$${X}" },
        { "^a$", "^a$" },
        { "${PAWL_T_NESTED}", "${PAWL_T_SET}" }, /* what comes in is not read again */
    };
    char out[4096];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(expand(cases[i].value, out), cases[i].wanted);
}

static void what_cannot_be_expanded_is_refused_without_a_value(void **state)
{
    static const struct {
        const char *value;
        const char *words;
    } cases[] = {
        { "${PAWL_T_UNSET}", "a: PAWL_T_UNSET is not set in the environment; set it, or write "
                             "${PAWL_T_UNSET:-a default}" },
        { "${PAWL_T_SET} ${PAWL_T_UNSET}", "PAWL_T_UNSET is not set" },
        { "${PAWL_T_SET} ${", "'${' without its '}'" },
        { "${}", "write ${NAME}" },
        { "${1A}", "write ${NAME}" },
        { "${A B}", "write ${NAME}" },
        { "${PAWL_T_SET:?x}", "write ${NAME}" },
        { "${A:-${PAWL_T_SET}}", "a default cannot hold another" },
        { "${PAWL_T_BAD}", "the variable's value is not UTF-8" },
    };
    char out[4096];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        (void)expand(cases[i].value, out);
        if (!strstr(out, cases[i].words))
            fail_msg("wanted '%s', but the report is: %s", cases[i].words, out);
        assert_memory_equal(out, "t.yaml:1:4: ", strlen("t.yaml:1:4: "));
        assert_null(strstr(out, "hunter2"));
    }
}

static void what_the_environment_adds_is_bounded(void **state)
{
    size_t len = 65536;
    size_t n = YAML_EXPANDED_MAX / len + 1;
    char *value = xcalloc(len + 1, 1);
    struct buf many = { .max = YAML_BYTES_MAX };
    char out[4096];

    (void)state;
    memset(value, 'x', len);
    assert_int_equal(setenv("PAWL_T_LONG", value, 1), 0);
    put_many(&many, "${PAWL_T_LONG}", n);
    assert_non_null(strstr(expand(buf_cstr(&many), out), "larger than 8 MiB"));
    assert_int_equal(unsetenv("PAWL_T_LONG"), 0);
    buf_release(&many);
    free(value);
}

/* The JSON of a YAML text, or its report. */
static const char *as_json(const char *yaml, int is_canonical, char out[4096])
{
    struct report *report = report_new("t.yaml");
    struct buf lines = { .max = REPORT_TEXT_MAX };
    struct buf json = { .max = YAML_JSON_MAX };
    struct yaml *doc = yaml_read("t.yaml", slice_of(yaml), report);

    assert_non_null(doc);
    int is_fine = is_canonical ? yaml_json_canonical(&json, yaml_root(doc), 4000, report)
                               : yaml_json_write(&json, yaml_root(doc), report);

    report_render(report, &lines);
    assert_int_equal(is_fine, lines.len == 0);
    (void)snprintf(out, 4096, "%s", is_fine ? buf_cstr(&json) : buf_cstr(&lines));
    buf_release(&lines);
    buf_release(&json);
    yaml_free(doc);
    report_free(report);
    return out;
}

static void yaml_becomes_json_by_the_core_schema(void **state)
{
    static const struct {
        const char *yaml;
        const char *json;
    } cases[] = {
        { "[null, ~, Null, '', \"null\"]", "[null,null,null,\"\",\"null\"]" },
        { "[true, False, 'true', yes, on]", "[true,false,\"true\",\"yes\",\"on\"]" },
        { "[0, -0, +7, 007, -12, 1_0, '1']", "[0,-0,7,7,-12,\"1_0\",\"1\"]" },
        { "[1.5, .5, 5., -0.25, 1e3, 1E-2, 00.10]", "[1.5,0.5,5.0,-0.25,1e3,1E-2,0.10]" },
        { "['-', +, ., e3, 1.2.3, 0x1f, 1-2]",
          "[\"-\",\"+\",\".\",\"e3\",\"1.2.3\",\"0x1f\",\"1-2\"]" },
        { "[1e, 1e+, 12:30, 2026-11-23]", "[\"1e\",\"1e+\",\"12:30\",\"2026-11-23\"]" },
        { "{b: {z: 1, a: []}, a: {}}", "{\"b\":{\"z\":1,\"a\":[]},\"a\":{}}" },
        { "a: \"q\\\"\\n\xc3\xa4\\u0001\"", "{\"a\":\"q\\\"\\n\xc3\xa4\\u0001\"}" },
        { "{a: 9223372036854775807}", "{\"a\":9223372036854775807}" },
        { "a:\nb: x # c\n", "{\"a\":null,\"b\":\"x\"}" },
    };
    char out[4096];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(as_json(cases[i].yaml, 0, out), cases[i].json);
    assert_string_equal(as_json("{b: {z: 1.50, a: []}, a: 01}", 1, out),
                        "{\"a\":1,\"b\":{\"a\":[],\"z\":1.5}}");
}

static void what_json_cannot_say_is_refused(void **state)
{
    static const char *const bad[] = { "a: 9223372036854775808", "a: 1e999", "a: .inf", "a: -.Inf",
                                       "a: .nan" };
    char out[4096];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        (void)as_json(bad[i], 0, out);
        assert_memory_equal(out, "t.yaml:1:4: a: ", strlen("t.yaml:1:4: a: "));
        assert_non_null(strstr(out, "is out of range for a number"));
    }
}

static void reports_are_sorted_bounded_and_harmless(void **state)
{
    struct report *report = report_new("m.yaml");
    struct buf lines = { .max = REPORT_TEXT_MAX };

    (void)state;
    report_warning(report, (struct place){ "m.yaml", 1, 1 }, "w");
    report_error(report, (struct place){ "a.yaml", 1, 1 }, "elsewhere");
    for (uint32_t i = 500; i > 0; i--)
        report_error(report, (struct place){ "m.yaml", i / 2 + 1, i }, "e%u", i);
    report_error(report, (struct place){ .file = "m.yaml" }, "%s",
                 quote(SLICE_LIT("\033[31m\xe2\x80\xae")).text);
    report_render(report, &lines);

    static const char head[] = "m.yaml: '\\u{1b}[31m\\u{202e}'\nm.yaml:1:1: e1\nm.yaml:2:2: e2\n"
                               "m.yaml:2:3: e3\n";
    static const char tail[] = "\nm.yaml:50:99: e99\n... and 403 more\n";

    assert_int_equal(report_errors(report), 502);
    assert_memory_equal(lines.data, head, strlen(head));
    assert_string_equal(lines.data + lines.len - strlen(tail), tail);
    buf_release(&lines);
    report_free(report);
}

static int set_environment(void **state)
{
    (void)state;
    return setenv("PAWL_T_SET", "hunter2", 1) || setenv("PAWL_T_EMPTY", "", 1) ||
           setenv("PAWL_T_NESTED", "${PAWL_T_SET}", 1) || setenv("PAWL_T_BAD", "x\xff", 1) ||
           unsetenv("PAWL_T_UNSET");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_know_their_places_and_names),
        cmocka_unit_test(a_mark_of_the_byte_order_is_skipped),
        cmocka_unit_test(what_is_no_plain_tree_is_refused_with_its_place),
        cmocka_unit_test(all_of_several_errors_are_reported_in_order),
        cmocka_unit_test(depth_and_size_are_bounded),
        cmocka_unit_test(a_file_at_its_limits_is_read),
        cmocka_unit_test(variables_are_expanded),
        cmocka_unit_test(what_cannot_be_expanded_is_refused_without_a_value),
        cmocka_unit_test(what_the_environment_adds_is_bounded),
        cmocka_unit_test(yaml_becomes_json_by_the_core_schema),
        cmocka_unit_test(what_json_cannot_say_is_refused),
        cmocka_unit_test(reports_are_sorted_bounded_and_harmless),
    };
    return cmocka_run_group_tests(tests, set_environment, NULL);
}
