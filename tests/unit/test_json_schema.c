/* Schemas: which values fit, what is said of those that do not, what is refused, what it costs. */
#include "base/json_schema.h"
#include "unit.h"

enum { TEXT_MAX = 8 * 1024 * 1024 };

static struct json *read_json(struct slice text)
{
    struct json *json = NULL;
    struct err err = { 0 };

    if (json_read(&json, text, TEXT_MAX, &err))
        fail_msg("%.*s: %s", (int)text.len, text.ptr, err.msg);
    return json;
}

/* Whether a value fits, and in *ret_words what is said if not; words are the test's to free. */
static enum err_code check(struct slice schema_text, struct slice value_text, struct buf *words)
{
    CLEANUP(json_cleanup) struct json *json = read_json(schema_text);
    CLEANUP(json_cleanup) struct json *value = read_json(value_text);
    struct json_schema *schema = NULL;
    struct json_schema_faults faults = { 0 };
    struct err err = { 0 };

    if (json_schema_new(&schema, json, NULL, &err))
        fail_msg("%.*s: %s", (int)schema_text.len, schema_text.ptr, err.msg);
    enum err_code code = json_schema_check(schema, value, &faults, &err);

    assert_int_equal(json_schema_check(schema, value, NULL, &err), code);
    json_schema_faults_put(words, &faults);
    json_schema_free(schema);
    return code;
}

struct row {
    const char *schema, *value;
    const char *words; /* NULL: it fits */
};

static void assert_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        CLEANUP(buf_release) struct buf words = { .max = JSON_SCHEMA_FAULTS_TEXT_MAX };
        enum err_code code = check(slice_of(rows[i].schema), slice_of(rows[i].value), &words);
        const char *wanted = rows[i].words ? rows[i].words : "";

        if (code != (rows[i].words ? ERR_INVALID : ERR_NONE) ||
            strcmp(buf_cstr(&words), wanted) != 0)
            fail_msg("%s on %s: %s", rows[i].schema, rows[i].value, buf_cstr(&words));
    }
}

static void types_and_constants(void **state)
{
    static const struct row rows[] = {
        { "true", "1", NULL },
        { "{}", "null", NULL },
        { "false", "1", "is not allowed here" },
        { "{\"type\":\"integer\"}", "1.0", NULL },
        { "{\"type\":\"integer\"}", "1e300", NULL },
        { "{\"type\":\"integer\"}", "1.5", "must be integer, is number" },
        { "{\"type\":\"number\"}", "3", NULL },
        { "{\"type\":[\"string\",\"null\"]}", "null", NULL },
        { "{\"type\":[\"string\",\"null\"]}", "3", "must be null or string, is integer" },
        { "{\"enum\":[\"a\",\"b\"]}", "\"c\"", "must be one of [\"a\",\"b\"], is \"c\"" },
        { "{\"enum\":[1]}", "1.0", NULL },
        { "{\"const\":null}", "0", "must be exactly null, is 0" },
        { "{\"const\":{\"a\":[1,2],\"b\":2.0}}", "{\"b\":2,\"a\":[1.0,2]}", NULL },
        { "{\"const\":[false]}", "[0]", "must be exactly [false], is [0]" },
        { "{\"const\":9007199254740993}", "9007199254740992.0",
          "must be exactly 9007199254740993, is 9007199254740992.0" },
    };

    (void)state;
    assert_rows(rows, ARRAY_LEN(rows));
}

static void numbers(void **state)
{
    static const struct row rows[] = {
        { "{\"maximum\":100}", "100.0", NULL },
        { "{\"maximum\":100}", "250", "must be at most 100, is 250" },
        { "{\"minimum\":0.5}", "0.25", "must be at least 0.5, is 0.25" },
        { "{\"exclusiveMinimum\":0}", "0", "must be above 0, is 0" },
        { "{\"exclusiveMaximum\":1}", "1.0", "must be below 1, is 1.0" },
        { "{\"maximum\":9223372036854775806}", "9223372036854775807",
          "must be at most 9223372036854775806, is 9223372036854775807" },
        { "{\"exclusiveMaximum\":9223372036854775808.0}", "9223372036854775807", NULL },
        { "{\"minimum\":-1e300}", "-9223372036854775808", NULL },
        { "{\"maximum\":-2.5}", "-2", "must be at most -2.5, is -2" },
        { "{\"multipleOf\":0.01}", "19.99", NULL }, /* not so in binary */
        { "{\"multipleOf\":0.01}", "19.995", "must be a multiple of 0.01, is 19.995" },
        { "{\"multipleOf\":0.0001}", "0.0075", NULL },
        { "{\"multipleOf\":1.5}", "4.5", NULL },
        { "{\"multipleOf\":2}", "7", "must be a multiple of 2, is 7" },
        { "{\"multipleOf\":2}", "-8.0", NULL },
        { "{\"multipleOf\":0.123456789}", "1e308", "must be a multiple of 0.123456789, is 1e+308" },
        { "{\"multipleOf\":1e300}", "0", NULL },
        { "{\"multipleOf\":1e300}", "1", "must be a multiple of 1e+300, is 1" },
        { "{\"multipleOf\":0.5}", "-9223372036854775808", NULL },
        { "{\"minimum\":5}", "\"1\"", NULL }, /* of numbers only */
    };

    (void)state;
    assert_rows(rows, ARRAY_LEN(rows));
}

static void strings(void **state)
{
    static const struct row rows[] = {
        { "{\"minLength\":2}", "\"\xf0\x9f\x98\x80\"", "must have at least 2 characters, has 1" },
        { "{\"maxLength\":1}", "\"\xf0\x9f\x98\x80\"", NULL },
        { "{\"maxLength\":1.0}", "\"ab\"", "must have at most 1 character, has 2" },
        { "{\"pattern\":\"^\\\\d+$\"}", "\"12\"", NULL },
        { "{\"pattern\":\"^\\\\d+$\"}", "\"1a\"", "must match the pattern ^\\d+$" },
        { "{\"pattern\":\"b\"}", "\"abc\"", NULL },
        { "{\"format\":\"email\"}", "\"x\"", NULL },
    };

    (void)state;
    assert_rows(rows, ARRAY_LEN(rows));
}

static void arrays(void **state)
{
    static const struct row rows[] = {
        { "{\"items\":{\"type\":\"string\"}}", "[\"a\",1,2]",
          "/1: must be string, is integer; /2: must be string, is integer" },
        { "{\"prefixItems\":[{\"const\":1}],\"items\":false}", "[1,2]", "/1: is not allowed here" },
        { "{\"prefixItems\":[true,{\"const\":1}]}", "[3]", NULL },
        { "{\"items\":[{\"const\":1}],\"additionalItems\":false}", "[1,2]",
          "/1: is not allowed here" },
        { "{\"items\":{},\"additionalItems\":false}", "[1,2]", NULL },
        { "{\"minItems\":2,\"maxItems\":3}", "[1]", "must have at least 2 items, has 1" },
        { "{\"minItems\":2,\"maxItems\":3}", "[1,2,3,4]", "must have at most 3 items, has 4" },
        { "{\"uniqueItems\":true}", "[1,{\"a\":1,\"b\":[]},2,{\"b\":[],\"a\":1.0}]",
          "must not have the same item twice; items 1 and 3 are" },
        { "{\"uniqueItems\":true}", "[1,\"1\",true,[1],{\"a\":1},{\"a\":\"1\"},0,false,null]",
          NULL },
        { "{\"uniqueItems\":true}", "[-0.0,0]",
          "must not have the same item twice; items 0 and 1 are" },
        { "{\"uniqueItems\":false}", "[1,1]", NULL },
        { "{\"contains\":{\"const\":1}}", "[2,3]",
          "must have at least 1 item that fits 'contains', has 0" },
        { "{\"contains\":{\"const\":1},\"minContains\":0}", "[]", NULL },
        { "{\"contains\":{\"const\":1},\"minContains\":2}", "[1,2,1]", NULL },
        { "{\"contains\":{\"const\":1},\"maxContains\":1}", "[1,1,1]",
          "must have at most 1 items that fit 'contains', has 2 or more" },
    };

    (void)state;
    assert_rows(rows, ARRAY_LEN(rows));
}

static void objects(void **state)
{
    static const struct row rows[] = {
        { "{\"required\":[\"a\",\"b\"]}", "{\"a\":null}", "/b: is missing" },
        { "{\"properties\":{\"a/b\":{\"properties\":{\"~\":false}}}}", "{\"a/b\":{\"~\":1}}",
          "/a~1b/~0: is not allowed here" },
        { "{\"properties\":{\"order\":{},\"amount\":{}},\"additionalProperties\":false}",
          "{\"ordre\":1}", "/ordre: is not known here; known are: order, amount" },
        { "{\"additionalProperties\":{\"type\":\"string\"}}", "{\"a\":1}",
          "/a: must be string, is integer" },
        { "{\"patternProperties\":{\"^x\":{\"type\":\"string\"}},\"additionalProperties\":false}",
          "{\"xa\":\"\",\"xb\":1,\"y\":1}",
          "/xb: must be string, is integer; /y: is not known here" },
        { "{\"propertyNames\":{\"pattern\":\"^[a-z]+$\"}}", "{\"a\":1,\"B\":1}",
          "/B: is no name that is allowed here" },
        { "{\"minProperties\":1}", "{}", "must have at least 1 member, has 0" },
        { "{\"maxProperties\":1}", "{\"a\":1,\"b\":1}", "must have at most 1 member, has 2" },
        { "{\"dependentRequired\":{\"a\":[\"b\"]}}", "{\"a\":1}",
          "/b: is missing, which 'a' needs" },
        { "{\"dependentSchemas\":{\"a\":{\"maxProperties\":1}}}", "{\"a\":1,\"b\":1}",
          "must have at most 1 member, has 2" },
        { "{\"dependencies\":{\"a\":[\"b\"],\"c\":{\"required\":[\"d\"]}}}", "{\"a\":1,\"c\":1}",
          "/d: is missing; /b: is missing, which 'a' needs" },
        { "{\"required\":[\"a\"]}", "[]", NULL },
    };

    (void)state;
    assert_rows(rows, ARRAY_LEN(rows));
}

static void schemas_together(void **state)
{
    static const struct row rows[] = {
        { "{\"allOf\":[{\"minimum\":1},{\"maximum\":2}]}", "3", "must be at most 2, is 3" },
        { "{\"anyOf\":[{\"type\":\"string\"},{\"minimum\":1}]}", "1", NULL },
        { "{\"properties\":{\"a\":{\"anyOf\":[{\"type\":\"string\"},{\"required\":[\"x\"]}]}}}",
          "{\"a\":{}}",
          "/a: fits none of 2 alternatives; 1: must be string, is object; 2: /a/x: is missing" },
        { "{\"oneOf\":[{\"minimum\":1},{\"minimum\":2},{\"minimum\":3}]}", "2",
          "must fit one alternative only, fits number 1 and 2" },
        { "{\"oneOf\":[{\"minimum\":1},{\"minimum\":2}]}", "0",
          "fits none of 2 alternatives; 1: must be at least 1, is 0; 2: must be at least 2, is 0" },
        { "{\"not\":{\"type\":\"null\"}}", "null", "must not fit the schema in 'not'" },
        { "{\"if\":{\"minimum\":10},\"then\":{\"multipleOf\":10},\"else\":{\"maximum\":5}}", "15",
          "must be a multiple of 10, is 15" },
        { "{\"if\":{\"minimum\":10},\"then\":{\"multipleOf\":10},\"else\":{\"maximum\":5}}", "7",
          "must be at most 5, is 7" },
        { "{\"then\":false}", "1", NULL },
        { "{\"$ref\":\"#/$defs/a%25~1b\",\"$defs\":{\"a%/b\":{\"type\":\"null\"}}}", "1",
          "must be null, is integer" },
        { "{\"$ref\":\"#/$defs/a\",\"maximum\":2,\"$defs\":{\"a\":{\"minimum\":1}}}", "3",
          "must be at most 2, is 3" },
        { "{\"$id\":\"http://x/y\",\"properties\":{\"a\":{\"$ref\":\"http://x/y#\"}},"
          "\"additionalProperties\":false}",
          "{\"a\":{\"a\":{\"b\":1}}}", "/a/a/b: is not known here; known are: a" },
        { "{\"prefixItems\":[{\"type\":\"string\"},{\"$ref\":\"#/prefixItems/0\"}]}", "[\"\",1]",
          "/1: must be string, is integer" },
    };

    (void)state;
    assert_rows(rows, ARRAY_LEN(rows));
}

static void no_more_than_eight_faults_are_said(void **state)
{
    CLEANUP(buf_release) struct buf words = { .max = JSON_SCHEMA_FAULTS_TEXT_MAX };

    (void)state;
    assert_int_equal(check(SLICE_LIT("{\"items\":{\"type\":\"null\"}}"),
                           SLICE_LIT("[1,1,1,1,1,1,1,1,1,1]"), &words),
                     ERR_INVALID);
    assert_non_null(strstr(buf_cstr(&words), "/7: "));
    assert_null(strstr(buf_cstr(&words), "/8: "));
}

/* Words are cut to whole characters wherever the cut falls. */
static void long_words_are_cut(void **state)
{
    (void)state;
    for (size_t pad = 0; pad < 4; pad++) {
        CLEANUP(buf_release) struct buf value = { .max = TEXT_MAX };
        CLEANUP(buf_release) struct buf words = { .max = JSON_SCHEMA_FAULTS_TEXT_MAX };
        CLEANUP(buf_release) struct buf again = { .max = TEXT_MAX };

        buf_puts(&value, "{\"");
        for (size_t i = 0; i < pad; i++)
            buf_puts(&value, "x");
        for (size_t i = 0; i < 300; i++)
            buf_puts(&value, "\xf0\x9f\x98\x80");
        buf_puts(&value, "\":\"");
        for (size_t i = 0; i < 10000; i++)
            buf_puts(&value, "\xc3\xa9");
        buf_puts(&value, "\"}");
        assert_int_equal(check(SLICE_LIT("{\"additionalProperties\":{\"const\":[\"\xc3\xa9\"]}}"),
                               buf_slice(&value), &words),
                         ERR_INVALID);
        assert_true(words.len < 500);
        assert_non_null(strstr(buf_cstr(&words), "...")); /* of the value */
        json_put_str(&again, buf_slice(&words));
        assert_null(strstr(buf_cstr(&again), "\xef\xbf\xbd"));
    }
}

/* ---- schemas that are refused ---- */

static void what_is_no_schema_is_refused(void **state)
{
    static const struct {
        const char *schema, *message;
    } rows[] = {
        { "1", "it must be a schema (an object), not integer" },
        { "{\"properties\":{\"a\":\"string\"}}",
          "/properties/a must be a schema (an object), not" },
        { "{\"properties\":[]}", "/properties must be an object of names and schemas, not array" },
        { "{\"type\":\"strng\"}", "/type names a type that there is not; did you mean 'string'?" },
        { "{\"type\":[\"null\",1]}", "/type/1 must be the name of a type, not integer" },
        { "{\"type\":[]}", "/type must be a type, or a list of some" },
        { "{\"required\":true}", "/required must be a list of strings, not boolean" },
        { "{\"required\":[\"a\",\"a\"]}", "/required/1 must not be there twice" },
        { "{\"enum\":[]}", "/enum must be a list that is not empty" },
        { "{\"enum\":[1,2,1.0]}", "/enum/2 must not be there twice" },
        { "{\"type\":[\"null\",\"string\",\"null\"]}", "/type/2 must not be there twice" },
        { "{\"minimum\":\"1\"}", "/minimum must be a number, not string" },
        { "{\"exclusiveMinimum\":true}", "/exclusiveMinimum must be a number, not boolean" },
        { "{\"multipleOf\":0}", "/multipleOf must be a number above 0" },
        { "{\"minLength\":-1}", "/minLength must be a whole number from 0" },
        { "{\"minLength\":1.5}", "/minLength must be a whole number from 0" },
        { "{\"minLength\":\"1\"}", "/minLength must be a whole number from 0" },
        { "{\"pattern\":\"(\"}",
          "/pattern is no pattern that can be checked: character 2: a parenthesis is not closed" },
        { "{\"patternProperties\":{\"[\":true}}", "/patternProperties/[ is no pattern" },
        { "{\"items\":1}", "/items must be a schema" },
        { "{\"items\":[],\"prefixItems\":[true]}", "/items must be a schema beside 'prefixItems'" },
        { "{\"allOf\":[]}", "/allOf must be a list of schemas that is not empty" },
        { "{\"anyOf\":[true,3]}", "/anyOf/1 must be a schema" },
        { "{\"uniqueItems\":1}", "/uniqueItems must be true or false, not integer" },
        { "{\"title\":1}", "/title must be a string, not integer" },
        { "{\"dependentRequired\":{\"a\":[1]}}", "/dependentRequired/a/0 must be a string" },
        { "{\"dependentRequired\":{\"a\":{}}}", "/dependentRequired/a must be a list of strings" },
        { "{\"$defs\":{\"a\":1}}", "/$defs/a must be a schema" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(json_cleanup) struct json *json = read_json(slice_of(rows[i].schema));
        struct json_schema *schema = NULL;
        struct err err = { 0 };

        assert_int_equal(json_schema_new(&schema, json, NULL, &err), ERR_INVALID);
        assert_null(schema);
        if (!strstr(err.msg, rows[i].message))
            fail_msg("%s: %s", rows[i].schema, err.msg);
    }
}

static void what_would_be_left_unchecked_is_refused(void **state)
{
    static const char *const schemas[] = {
        "{\"unevaluatedProperties\":false}",
        "{\"unevaluatedItems\":false}",
        "{\"$dynamicRef\":\"#a\"}",
        "{\"$recursiveRef\":\"#\"}",
        "{\"$ref\":\"http://example.com/x\"}",
        "{\"$ref\":\"other.json#/a\"}",
        "{\"$ref\":\"#anchor\",\"$defs\":{\"a\":{\"$anchor\":\"anchor\"}}}",
        "{\"$ref\":\"#/$defs/none\"}",
        "{\"$ref\":\"#/$defs/~2\"}",
        "{\"$ref\":\"#/$defs/%zz\"}",
        "{\"$ref\":\"#/prefixItems/01\",\"prefixItems\":[true,true]}",
        "{\"properties\":{\"a\":{\"$id\":\"http://example.com/x\"}}}",
        "{\"$schema\":\"http://json-schema.org/draft-03/schema#\"}",
        "{\"$schema\":\"https://example.com/mine\"}",
        "{\"disallow\":\"string\"}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(schemas); i++) {
        CLEANUP(json_cleanup) struct json *json = read_json(slice_of(schemas[i]));
        struct json_schema *schema = NULL;
        struct err err = { 0 };

        if (json_schema_new(&schema, json, NULL, &err) != ERR_INVALID)
            fail_msg("%s was taken", schemas[i]);
    }
}

static void a_schema_that_never_ends_is_refused(void **state)
{
    static const struct {
        const char *schema, *message;
    } rows[] = {
        { "{\"$ref\":\"#\"}", "it leads back to itself without end" },
        { "{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"anyOf\":[{\"$ref\":\"#/$defs/b\"}]},"
          "\"b\":{\"not\":{\"$ref\":\"#/$defs/a\"},\"allOf\":[{\"$ref\":\"#/$defs/"
          "c\"}]},\"c\":{}}}",
          "leads back to itself without end" },
        { "{\"if\":{\"$ref\":\"#\"}}", "leads back to itself without end" },
        { "{\"dependentSchemas\":{\"a\":{\"$ref\":\"#\"}}}", "leads back to itself without end" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(json_cleanup) struct json *json = read_json(slice_of(rows[i].schema));
        struct json_schema *schema = NULL;
        struct err err = { 0 };

        assert_int_equal(json_schema_new(&schema, json, NULL, &err), ERR_INVALID);
        if (!strstr(err.msg, rows[i].message) || strstr(err.msg, "/$defs/c"))
            fail_msg("%s: %s", rows[i].schema, err.msg);
    }
}

static void notes_have_all_errors_and_what_was_hardly_meant(void **state)
{
    CLEANUP(json_cleanup)
    struct json *json = read_json(
        SLICE_LIT("{\"propertys\":{},\"x-mine\":1,\"type\":\"objekt\",\"minItems\":\"x\"}"));
    struct json_schema *schema = NULL;
    struct json_schema_notes notes;
    struct err err = { 0 };

    (void)state;
    assert_int_equal(json_schema_new(&schema, json, &notes, &err), ERR_INVALID);
    assert_int_equal(notes.errors.n, 2);
    assert_string_equal(notes.errors.at[0].pointer, "/type");
    assert_string_equal(notes.errors.at[1].pointer, "/minItems");
    assert_int_equal(notes.warnings.n, 1);
    assert_string_equal(notes.warnings.at[0].pointer, "/propertys");
    assert_string_equal(notes.warnings.at[0].what,
                        "is no keyword of JSON Schema; did you mean 'properties'?");
}

/* ---- what is meant to take long ---- */

static void put_many(struct buf *buf, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_puts(buf, text);
}

/* Each definition asks the next one twice. */
static void doubling_references_come_to_an_end(void **state)
{
    CLEANUP(buf_release) struct buf schema = { .max = TEXT_MAX };
    CLEANUP(buf_release) struct buf words = { .max = JSON_SCHEMA_FAULTS_TEXT_MAX };
    enum { DEPTH = 30 };

    (void)state;
    buf_puts(&schema, "{\"$ref\":\"#/$defs/d0\",\"$defs\":{");
    for (int i = 0; i < DEPTH; i++)
        buf_putf(&schema,
                 "\"d%d\":{\"anyOf\":[{\"$ref\":\"#/$defs/d%d\"},{\"$ref\":\"#/$defs/d%d\"}]},", i,
                 i + 1, i + 1);
    buf_putf(&schema, "\"d%d\":false}}", DEPTH);
    assert_int_equal(check(buf_slice(&schema), SLICE_LIT("1"), &words), ERR_LIMIT);
    assert_string_equal(buf_cstr(&words), "takes too much work to check");
}

static void many_values_come_to_an_end(void **state)
{
    CLEANUP(buf_release) struct buf value = { .max = TEXT_MAX };
    CLEANUP(buf_release) struct buf words = { .max = JSON_SCHEMA_FAULTS_TEXT_MAX };

    (void)state;
    buf_puts(&value, "[");
    put_many(&value, "1,", JSON_SCHEMA_WORK_MAX);
    buf_puts(&value, "1]");
    assert_int_equal(check(SLICE_LIT("{\"items\":{}}"), buf_slice(&value), &words), ERR_LIMIT);
    buf_clear(&words);
    assert_int_equal(check(SLICE_LIT("{\"uniqueItems\":true}"), buf_slice(&value), &words),
                     ERR_LIMIT);
    buf_clear(&words);
    assert_int_equal(check(SLICE_LIT("{\"type\":\"array\"}"), buf_slice(&value), &words), ERR_NONE);
}

/* A list that people do make: ten thousand different texts are told apart at once. */
static void large_lists_are_checked_to_be_unique(void **state)
{
    CLEANUP(buf_release) struct buf value = { .max = TEXT_MAX };
    CLEANUP(buf_release) struct buf words = { .max = JSON_SCHEMA_FAULTS_TEXT_MAX };
    enum { ITEMS = 10000 };

    (void)state;
    buf_puts(&value, "[");
    for (int i = 0; i < ITEMS; i++)
        buf_putf(&value, "\"item %d\",", i);
    size_t open = value.len;

    buf_puts(&value, "0]");
    assert_int_equal(check(SLICE_LIT("{\"uniqueItems\":true}"), buf_slice(&value), &words),
                     ERR_NONE);
    buf_cut(&value, open);
    buf_puts(&value, "\"item 17\"]");
    assert_int_equal(check(SLICE_LIT("{\"uniqueItems\":true}"), buf_slice(&value), &words),
                     ERR_INVALID);
    assert_string_equal(buf_cstr(&words),
                        "must not have the same item twice; items 17 and 10000 are");
}

/* As deep as JSON may be, under a schema that asks for three schemas a level. */
static void deep_values_are_checked(void **state)
{
    CLEANUP(buf_release) struct buf value = { .max = TEXT_MAX };
    CLEANUP(buf_release) struct buf words = { .max = JSON_SCHEMA_FAULTS_TEXT_MAX };
    struct slice schema = SLICE_LIT("{\"anyOf\":[{\"type\":\"null\"},{\"allOf\":[{\"type\":"
                                    "\"array\",\"items\":{\"$ref\":\"#\"}}]}]}");

    (void)state;
    put_many(&value, "[", JSON_DEPTH_MAX);
    put_many(&value, "]", JSON_DEPTH_MAX);
    assert_int_equal(check(schema, buf_slice(&value), &words), ERR_NONE);
    buf_clear(&value);
    put_many(&value, "[", JSON_DEPTH_MAX);
    buf_puts(&value, "1");
    put_many(&value, "]", JSON_DEPTH_MAX);
    assert_int_equal(check(schema, buf_slice(&value), &words), ERR_INVALID);
}

static void schemas_that_are_too_large_are_refused(void **state)
{
    CLEANUP(buf_release) struct buf text = { .max = TEXT_MAX };
    struct json_schema_notes notes;
    struct json_schema *schema = NULL;
    struct err err = { 0 };

    (void)state;
    buf_puts(&text, "{\"anyOf\":[");
    put_many(&text, "{},", JSON_SCHEMA_PARTS_MAX);
    buf_puts(&text, "{}]}");
    CLEANUP(json_cleanup) struct json *many = read_json(buf_slice(&text));

    assert_int_equal(json_schema_new(&schema, many, &notes, &err), ERR_LIMIT);
    assert_int_equal(notes.errors.n, 1);

    buf_clear(&text);
    buf_puts(&text, "{\"anyOf\":[{}");
    put_many(&text, ",{\"pattern\":\"^a{0,3000}$\"}", 40);
    buf_puts(&text, "]}");
    CLEANUP(json_cleanup) struct json *patterns = read_json(buf_slice(&text));

    assert_int_equal(json_schema_new(&schema, patterns, &notes, &err), ERR_LIMIT);

    buf_clear(&text);
    put_many(&text, "{\"not\":", 100);
    buf_puts(&text, "{}");
    put_many(&text, "}", 100);
    CLEANUP(json_cleanup) struct json *deep = read_json(buf_slice(&text));

    assert_int_equal(json_schema_new(&schema, deep, NULL, &err), ERR_INVALID);
    assert_non_null(strstr(err.msg, "stands in too many schemas for one value"));
    assert_null(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_and_constants),
        cmocka_unit_test(numbers),
        cmocka_unit_test(strings),
        cmocka_unit_test(arrays),
        cmocka_unit_test(objects),
        cmocka_unit_test(schemas_together),
        cmocka_unit_test(no_more_than_eight_faults_are_said),
        cmocka_unit_test(long_words_are_cut),
        cmocka_unit_test(what_is_no_schema_is_refused),
        cmocka_unit_test(what_would_be_left_unchecked_is_refused),
        cmocka_unit_test(a_schema_that_never_ends_is_refused),
        cmocka_unit_test(notes_have_all_errors_and_what_was_hardly_meant),
        cmocka_unit_test(doubling_references_come_to_an_end),
        cmocka_unit_test(many_values_come_to_an_end),
        cmocka_unit_test(large_lists_are_checked_to_be_unique),
        cmocka_unit_test(deep_values_are_checked),
        cmocka_unit_test(schemas_that_are_too_large_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
