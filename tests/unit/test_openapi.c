/*
 * The document of the API and the code: neither has a route, a parameter, a name or a code of a
 * refusal that the other has not. Bodies are compared by tests/npm, on a running server.
 */
#include <glob.h>

#include "api/json_event.h"
#include "api/openapi.h"
#include "api/routes.h"
#include "api/steps.h"
#include "base/json.h"
#include "base/json_schema.h"
#include "core/event_json.h"
#include "core/session.h"
#include "unit/gen.h"
#include "unit/unit.h"

enum {
    DOCUMENT_MAX = 1024 * 1024,
    SOURCE_MAX = 1024 * 1024,
    EVENT_MAX = 4 * EVENT_BODY_FIXED_MAX,
    ROUNDS = 100,
    NAME_MAX_ = 128
};

struct fixture {
    struct json *root;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct err err = { 0 };

    if (json_read(&f->root, openapi_document(), DOCUMENT_MAX, &err))
        fail_msg("openapi.json: %s", err.msg);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    json_free(f->root);
    free(f);
    return 0;
}

static int is_text(const struct json *node, const char *text)
{
    return slice_is(json_str(node), text);
}

/* What stands at a path of members, the last one NULL. */
static const struct json *at(const struct json *node, const char *const *path)
{
    for (; *path; path++) {
        const struct json *inner = json_get(node, *path);

        if (!inner)
            fail_msg("openapi.json lacks '%s'", *path);
        node = inner;
    }
    return node;
}

#define AT(node, ...) at(node, (const char *const[]){ __VA_ARGS__, NULL })

/* The last part of a reference: the name of a component. */
static void ref_name(const struct json *node, char name[NAME_MAX_])
{
    struct slice ref = json_str(json_get(node, "$ref"));
    const char *slash = ref.ptr ? memrchr(ref.ptr, '/', ref.len) : NULL;

    assert_non_null(slash);
    (void)snprintf(name, NAME_MAX_, "%.*s", (int)(ref.ptr + ref.len - slash - 1), slash + 1);
}

/* ---- routes and parameters ---- */

static const struct json *operation(const struct fixture *f, const struct route *route)
{
    const struct json *path = json_get(json_get(f->root, "paths"), route->pattern);
    char method[16] = "";

    for (size_t i = 0; i < sizeof(method) - 1 && route->method[i]; i++)
        method[i] = (char)(route->method[i] | 0x20);
    const struct json *found = json_get(path, method);

    if (!found)
        fail_msg("openapi.json lacks %s %s", route->method, route->pattern);
    return found;
}

static void each_route_is_there_and_nothing_else(void **state)
{
    struct fixture *f = *state;
    const struct json *paths = AT(f->root, "paths");
    size_t operations_n = 0;
    size_t routes_n = 0;

    for (const struct route *route; (route = route_at(routes_n)); routes_n++)
        (void)operation(f, route);
    for (struct json_iter *it = json_first(paths); it; it = json_next(paths, it))
        operations_n += json_count(json_iter_value(it));
    assert_int_equal(operations_n, routes_n);
}

/* The parameter in words of the routes' table: "limit", "metadata." */
static void parameter_name(const struct json *parameter, char name[NAME_MAX_])
{
    struct slice text = json_str(AT(parameter, "name"));
    int is_prefix = json_get(json_get(parameter, "schema"), "patternProperties") != NULL;

    (void)snprintf(name, NAME_MAX_, "%.*s%s", (int)text.len, text.ptr, is_prefix ? "." : "");
}

static int takes(const struct route *route, const char *name)
{
    for (const char *const *known = route->query; *known; known++) {
        if (strcmp(*known, name) == 0)
            return 1;
    }
    return 0;
}

static size_t braces_in(const char *pattern)
{
    size_t n = 0;

    for (; *pattern; pattern++)
        n += *pattern == '{';
    return n;
}

static void expect_parameters(const struct fixture *f, const struct route *route)
{
    const struct json *parameters = json_get(operation(f, route), "parameters");
    size_t query_n = 0;
    size_t path_n = 0;
    size_t known_n = 0;

    for (size_t i = 0; i < json_count(parameters); i++) {
        const struct json *parameter = json_at(parameters, i);
        char name[NAME_MAX_];
        char braced[NAME_MAX_ + 2];

        if (json_get(parameter, "$ref")) {
            ref_name(parameter, name);
            parameter = AT(f->root, "components", "parameters", name);
        }
        parameter_name(parameter, name);
        (void)snprintf(braced, sizeof(braced), "{%s}", name);
        if (is_text(json_get(parameter, "in"), "query") && !takes(route, name))
            fail_msg("%s %s takes no '%s'", route->method, route->pattern, name);
        if (is_text(json_get(parameter, "in"), "path") && !strstr(route->pattern, braced))
            fail_msg("%s %s has no %s", route->method, route->pattern, braced);
        query_n += (size_t)is_text(json_get(parameter, "in"), "query");
        path_n += (size_t)is_text(json_get(parameter, "in"), "path");
    }
    while (route->query[known_n])
        known_n++;
    if (query_n != known_n || path_n != braces_in(route->pattern))
        fail_msg("openapi.json lacks parameters of %s %s", route->method, route->pattern);
}

static void each_parameter_is_there_and_nothing_else(void **state)
{
    const struct route *route;

    for (size_t i = 0; (route = route_at(i)); i++)
        expect_parameters(*state, route);
}

static void the_version_is_this_one(void **state)
{
    struct fixture *f = *state;

    assert_true(is_text(AT(f->root, "info", "version"), PAWL_VERSION));
}

/* ---- names ---- */

enum names {
    NAMES_STATUS,
    NAMES_WAIT_KIND,
    NAMES_STEP_STATUS,
    NAMES_TRY_STATUS,
    NAMES_CALL_TYPE,
    NAMES_EXPIRY_ACTION,
    NAMES_FINISH,
    NAMES_DECISION,
    NAMES_OUTCOME,
    NAMES_TIMER_KIND,
    NAMES_INTERRUPTED_BY,
    NAMES_END_CAUSE,
    NAMES_COUNT
};

static const struct {
    const char *schema;
    unsigned count;
} names[NAMES_COUNT] = {
    [NAMES_STATUS] = { "Status", STATUS_COUNT },
    [NAMES_WAIT_KIND] = { "WaitKind", WAIT_KIND_COUNT },
    [NAMES_STEP_STATUS] = { "StepStatus", STEP_STATUS_COUNT },
    [NAMES_TRY_STATUS] = { "AttemptStatus", TRY_STATUS_COUNT },
    [NAMES_CALL_TYPE] = { "CallType", CALL_TYPE_COUNT },
    [NAMES_EXPIRY_ACTION] = { "ExpiryAction", EXPIRY_ACTION_COUNT },
    [NAMES_FINISH] = { "AnswerFinish", FINISH_COUNT },
    [NAMES_DECISION] = { "Decision", DECISION_COUNT },
    [NAMES_OUTCOME] = { "Outcome", OUTCOME_COUNT },
    [NAMES_TIMER_KIND] = { "TimerKind", TIMER_KIND_COUNT },
    [NAMES_INTERRUPTED_BY] = { "InterruptedBy", INTERRUPTED_BY_COUNT },
    [NAMES_END_CAUSE] = { "EndCause", END_CAUSE_COUNT },
};

static const char *name_in_code(enum names which, unsigned i)
{
    switch (which) {
    case NAMES_STATUS: return session_status_name((enum session_status)i);
    case NAMES_WAIT_KIND: return wait_kind_name((enum wait_kind)i);
    case NAMES_STEP_STATUS: return step_status_name((enum step_status)i);
    case NAMES_TRY_STATUS: return try_status_name((enum try_status)i);
    case NAMES_CALL_TYPE: return call_type_name((enum call_type)i);
    case NAMES_EXPIRY_ACTION: return expiry_action_name((enum expiry_action)i);
    case NAMES_FINISH: return answer_finish_name((enum answer_finish)i);
    case NAMES_DECISION: return decision_name((enum decision)i);
    case NAMES_OUTCOME: return reconcile_outcome_name((enum reconcile_outcome)i);
    case NAMES_TIMER_KIND: return timer_kind_name((enum timer_kind)i);
    case NAMES_INTERRUPTED_BY: return interrupted_by_name((enum interrupted_by)i);
    case NAMES_END_CAUSE: return end_cause_name((enum end_cause)i);
    case NAMES_COUNT: break;
    }
    return "";
}

static void the_names_are_those_of_the_code(void **state)
{
    struct fixture *f = *state;

    for (unsigned which = 0; which < NAMES_COUNT; which++) {
        const struct json *list = AT(f->root, "components", "schemas", names[which].schema, "enum");

        assert_int_equal(json_count(list), names[which].count);
        for (unsigned i = 0; i < names[which].count; i++) {
            const char *name = name_in_code((enum names)which, i);

            if (!is_text(json_at(list, i), name))
                fail_msg("%s of openapi.json lacks '%s', or has it in another place",
                         names[which].schema, name);
        }
    }
}

/* ---- events ---- */

static const struct json *schema_of_kind(const struct fixture *f, unsigned kind)
{
    const struct json *each = AT(f->root, "components", "schemas", "Event", "oneOf");
    const struct json *ref = json_at(each, kind);
    char name[NAME_MAX_];

    if (!ref)
        fail_msg("openapi.json lacks the event '%s'", event_kind_name((enum event_kind)kind));
    ref_name(ref, name);
    return AT(f->root, "components", "schemas", name);
}

static void each_kind_of_event_has_its_schema(void **state)
{
    struct fixture *f = *state;
    const struct json *event = AT(f->root, "components", "schemas", "Event");
    const struct json *mapping = AT(event, "discriminator", "mapping");

    assert_int_equal(json_count(AT(event, "oneOf")), EV_KIND_COUNT);
    assert_int_equal(json_count(mapping), EV_KIND_COUNT);
    for (unsigned i = 0; i < EV_KIND_COUNT; i++) {
        const char *name = event_kind_name((enum event_kind)i);
        const struct json *schema = schema_of_kind(f, i);
        struct slice ref = json_str(json_get(json_at(AT(event, "oneOf"), i), "$ref"));

        if (!is_text(AT(schema, "properties", "kind", "const"), name))
            fail_msg("the schema of '%s' is of another event", name);
        assert_true(slice_equal(json_str(AT(mapping, name)), ref));
    }
}

/* What the engine adds to each event of a kind. */
static const struct {
    enum event_kind kind;
    const char *name;
    const char *json;
} added[] = {
    { EV_CREATED, "agent", "\"a\"" },
    { EV_CREATED, "revision", "\"r\"" },
    { EV_CREATED, "input", "\"i\"" },
    { EV_MESSAGE, "content", "\"c\"" },
    { EV_MODEL_STARTED, "model", "\"m\"" },
    { EV_MODEL_FAILED, "error", "{\"code\":\"c\",\"message\":\"\"}" },
    { EV_TOOL_FAILED, "error", "{\"code\":\"c\",\"message\":\"\"}" },
    { EV_TOOL_FINISHED, "output", "\"o\"" },
    { EV_TOOL_IN_DOUBT, "cause", "\"crash\"" },
    { EV_TOOL_RECONCILED, "by", "\"tool\"" },
    { EV_INPUT_ANSWERED, "answer", "\"a\"" },
    { EV_INPUT_ANSWERED, "by", "\"b\"" },
    { EV_SIGNAL, "name", "\"n\"" },
    { EV_SIGNAL, "data", "{}" },
    { EV_TURN_ENDED, "status", "\"FAILED\"" },
    { EV_FORKED, "from", "\"ses_0190e5c8-7b7e-7cc3-8a5d-0242ac120002\"" },
    { EV_FORKED, "from_seq", "6" },
};

/* A random event of that kind as a client gets it. The drawn one may be about a call or not. */
static void put_event(const struct fixture *f, struct buf *text, struct random *random,
                      enum event_kind kind)
{
    CLEANUP(buf_release) struct buf body = { .max = EVENT_MAX };
    int is_about_call = json_get(AT(schema_of_kind(f, kind), "properties"), "call") != NULL;
    struct session_event event = gen_sane(random, kind);
    const struct event_extra of_call[] = {
        { .name = "id", .kind = EXTRA_TEXT, .text = SLICE_LIT("call_1") },
        { .name = "tool", .kind = EXTRA_TEXT, .text = SLICE_LIT("t") },
        { .name = "arguments_hash", .kind = EXTRA_TEXT, .text = SLICE_LIT("h") },
        { 0 },
    };
    const struct event_extra *call_extras[SESSION_CALLS_MAX];
    struct event_extra extras[ARRAY_LEN(added) + 1] = { 0 };
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(added); i++) {
        if (added[i].kind == kind)
            extras[n++] = (struct event_extra){ .name = added[i].name,
                                                .kind = EXTRA_JSON,
                                                .text = slice_of(added[i].json) };
    }
    for (size_t i = 0; i < SESSION_CALLS_MAX; i++)
        call_extras[i] = of_call;
    event.call = is_about_call ? 1 + gen_below(random, 1000) : 0;
    event.attempt = is_about_call ? 1 + gen_below(random, 9) : 0;
    event_write(&body, &event, extras, call_extras);
    json_put_event(text, &(struct store_event){
                             .seq = 7, .kind = kind, .at_ms = 1000, .body = buf_slice(&body) });
}

/* The document says nothing of what it does not know, so this looks at the names themselves. */
static void expect_known_members(const struct json *schema, const struct json *object)
{
    for (struct json_iter *it = json_first(object); it; it = json_next(object, it)) {
        if (!json_get(AT(schema, "properties"), json_iter_key(it)))
            fail_msg("openapi.json lacks the member '%s' of '%.*s'", json_iter_key(it),
                     (int)json_str(json_get(object, "kind")).len,
                     json_str(json_get(object, "kind")).ptr);
    }
}

static struct json_schema *event_schema(const struct fixture *f, struct json **ret_json)
{
    CLEANUP(buf_release) struct buf text = { .max = DOCUMENT_MAX };
    struct json_schema *schema = NULL;
    struct err err = { 0 };

    buf_puts(&text, "{\"$ref\":\"#/components/schemas/Event\",\"components\":");
    assert_int_equal(json_write(&text, AT(f->root, "components"), &err), ERR_NONE);
    buf_puts(&text, "}");
    assert_int_equal(json_read(ret_json, buf_slice(&text), DOCUMENT_MAX, &err), ERR_NONE);
    if (json_schema_new(&schema, *ret_json, NULL, &err))
        fail_msg("the schemas: %s", err.msg);
    return schema;
}

static void expect_event(const struct fixture *f, const struct json_schema *schema,
                         enum event_kind kind, struct slice text)
{
    CLEANUP(json_cleanup) struct json *event = NULL;
    struct json_schema_faults faults;
    struct err err = { 0 };

    assert_int_equal(json_read(&event, text, DOCUMENT_MAX, &err), ERR_NONE);
    if (json_schema_check(schema, event, &faults, &err))
        fail_msg("%.*s: %s", (int)text.len, text.ptr, err.msg);
    expect_known_members(schema_of_kind(f, kind), event);
    for (size_t i = 0; i < json_count(json_get(event, "calls")); i++)
        expect_known_members(AT(f->root, "components", "schemas", "DeclaredCall"),
                             json_at(json_get(event, "calls"), i));
}

static void what_the_core_writes_is_as_the_document_says(void **state)
{
    struct fixture *f = *state;
    CLEANUP(json_cleanup) struct json *json = NULL;
    struct json_schema *schema = event_schema(f, &json);
    struct random random;

    random_seed(&random, 5);
    for (unsigned i = 0; i < EV_KIND_COUNT * ROUNDS; i++) {
        CLEANUP(buf_release) struct buf text = { .max = EVENT_MAX };
        enum event_kind kind = (enum event_kind)(i % EV_KIND_COUNT);

        put_event(f, &text, &random, kind);
        expect_event(f, schema, kind, buf_slice(&text));
    }
    json_schema_free(schema);
}

/* ---- codes of refusals ---- */

enum { CODES_MAX = 128, CODE_MAX = 64 };

struct codes {
    size_t n;
    struct code {
        char text[CODE_MAX];
        int is_seen;
        int status;
    } at[CODES_MAX];
};

static void read_codes(const struct fixture *f, struct codes *codes)
{
    const struct json *each = AT(f->root, "components", "schemas", "Problem", "anyOf");

    for (size_t i = 0; i < json_count(each); i++) {
        const struct json *properties = AT(json_at(each, i), "properties");
        const struct json *texts = AT(properties, "code", "enum");

        for (size_t k = 0; k < json_count(texts); k++) {
            struct slice name = json_str(json_at(texts, k));
            struct code *code = &codes->at[codes->n++];

            assert_true(codes->n <= CODES_MAX);
            (void)snprintf(code->text, CODE_MAX, "%.*s", (int)name.len, name.ptr);
            code->status = (int)json_int(AT(properties, "status", "const"), 0);
        }
    }
}

static int is_code(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '_' && (text.ptr[i] < 'a' || text.ptr[i] > 'z'))
            return 0;
    }
    return text.len > 0;
}

/* status: the one that stands beside it in the code, or 0. */
static void see_code(struct codes *codes, const char *file, struct slice text, int status)
{
    for (size_t i = 0; i < codes->n; i++) {
        if (!slice_is(text, codes->at[i].text) || (status && codes->at[i].status != status))
            continue;
        codes->at[i].is_seen = 1;
        return;
    }
    fail_msg("%s: openapi.json lacks the code '%.*s' (status %d)", file, (int)text.len, text.ptr,
             status);
}

/* The end of the string that begins at `text`, without its quotes. */
static struct slice literal(const char *text)
{
    const char *end = text + 1;

    while (*end && *end != '"')
        end += end[0] == '\\' && end[1] ? 2 : 1;
    return (struct slice){ text + 1, (size_t)(end - text - 1) };
}

/* The arguments of a call that refuses, from its '(' on: codes, each behind its status. */
static void see_arguments(struct codes *codes, const char *file, const char *text)
{
    int depth = 0;
    int status = 0;

    do {
        if (*text == '"') {
            struct slice string = literal(text);

            if (is_code(string))
                see_code(codes, file, string, status);
            text = string.ptr + string.len;
        } else if (strspn(text, "0123456789") == 3) {
            status = (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0');
            text += 2;
        }
        depth += *text == '(';
        depth -= *text == ')';
    } while (depth > 0 && *text++);
}

/* A table of codes, up to the end of its statement. */
static void see_table(struct codes *codes, const char *file, const char *text)
{
    for (; *text && *text != ';'; text++) {
        if (*text != '"')
            continue;
        struct slice string = literal(text);

        if (is_code(string))
            see_code(codes, file, string, 0);
        text = string.ptr + string.len;
    }
}

/* The places where codes stand: calls of these, what is assigned to a `code`, and tables. */
static void see_source(struct codes *codes, const char *file, const char *source)
{
    static const char *const calls[] = { "refuse(", "request_refuse_call(", "reply_problem(",
                                         "code_or(" };
    static const char assigned[] = "code = \"";

    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        const char *text = source;

        while ((text = strstr(text, calls[i]))) {
            text += strlen(calls[i]) - 1;
            see_arguments(codes, file, text);
        }
    }
    for (const char *text = source; (text = strstr(text, assigned)); text++)
        see_code(codes, file, literal(text + sizeof(assigned) - 2), 0);
    for (const char *text = source; (text = strstr(text, "codes[")); text++)
        see_table(codes, file, text);
}

/* A whole file; freed by the caller. */
static char *read_file(const char *path)
{
    char *text = xcalloc(SOURCE_MAX, 1);
    FILE *file = fopen(path, "re");

    if (!file)
        fail_msg("%s cannot be read", path);
    size_t len = fread(text, 1, SOURCE_MAX - 1, file);

    assert_true(len > 0 && len < SOURCE_MAX - 1);
    assert_int_equal(fclose(file), 0);
    return text;
}

static void see_room(struct codes *codes, const char *room)
{
    char pattern[4096];
    glob_t files;

    (void)snprintf(pattern, sizeof(pattern), "%s/src/%s/*.c", getenv("PAWL_SOURCE"), room);
    assert_int_equal(glob(pattern, 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        char *source = read_file(files.gl_pathv[i]);

        see_source(codes, files.gl_pathv[i], source);
        free(source);
    }
    globfree(&files);
}

static void the_codes_are_those_that_the_code_answers(void **state)
{
    struct codes codes = { 0 };

    if (!getenv("PAWL_SOURCE"))
        skip(); /* not started by meson */
    read_codes(*state, &codes);
    see_room(&codes, "net");
    see_room(&codes, "api");
    see_room(&codes, "engine");
    for (size_t i = 0; i < codes.n; i++) {
        if (!codes.at[i].is_seen)
            fail_msg("nothing answers the code '%s' of openapi.json", codes.at[i].text);
    }
}

static void the_codes_are_in_the_reference(void **state)
{
    struct codes codes = { 0 };
    char path[4096];

    if (!getenv("PAWL_SOURCE"))
        skip(); /* not started by meson */
    read_codes(*state, &codes);
    (void)snprintf(path, sizeof(path), "%s/docs/api.md", getenv("PAWL_SOURCE"));
    char *text = read_file(path);

    for (size_t i = 0; i < codes.n; i++) {
        char code[CODE_MAX + 2];

        (void)snprintf(code, sizeof(code), "`%s`", codes.at[i].text);
        if (!strstr(text, code))
            fail_msg("docs/api.md lacks the code %s", code);
    }
    free(text);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(each_route_is_there_and_nothing_else),
        TEST(each_parameter_is_there_and_nothing_else),
        TEST(the_version_is_this_one),
        TEST(the_names_are_those_of_the_code),
        TEST(each_kind_of_event_has_its_schema),
        TEST(what_the_core_writes_is_as_the_document_says),
        TEST(the_codes_are_those_that_the_code_answers),
        TEST(the_codes_are_in_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
