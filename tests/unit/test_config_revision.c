/* An agent's revision changes exactly when something changes that its sessions keep. */
#include "unit/config_unit.h"

#include "base/hash.h"

static const char base[] =
    "accounts: { o: { provider: openai, api_key: k }, p: { provider: openai, "
    "api_key: k } }\n"
    "models: { m: { account: o, model: x, price: { input: 1, output: 2 } }, "
    "n: { account: p, model: x } }\n"
    "tools:\n"
    "  now: { builtin: now }\n"
    "  t: { description: A tool., exec: { command: ls } }\n"
    "agents:\n"
    "  a: { model: m, instructions: Be kind., tools: [now, t] }\n"
    "  z: { model: n, instructions: x, tools: [t] }\n"
    "limits: { crashes: 5 }\n";

/* The text with the first `from` replaced by `to`; the caller frees it. */
static char *with(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    struct buf buf = { .max = 65536 };

    assert_non_null(at);
    buf_put(&buf, (struct slice){ text, (size_t)(at - text) });
    buf_puts(&buf, to);
    buf_puts(&buf, at + strlen(from));
    return buf_detach(&buf);
}

/* The revision of the agent `a`, or else of the first; the caller frees it. */
static char *revision_of(const char *text)
{
    struct buf warnings; /* of accounts that a change leaves without a model */
    struct err err;
    struct config *config = test_load(text, &warnings, &err);
    char *revision = NULL;

    if (config) {
        const struct config_agent *agent = config_agent(config, SLICE_LIT("a"));

        revision = xstrdup(agent ? agent->revision : config->agents[0].revision);
    } else {
        fail_msg("%s", buf_cstr(&warnings));
    }
    buf_release(&warnings);
    config_free(config);
    return revision;
}

struct change {
    const char *from;
    const char *to;
};

static void assert_changes(const struct change *changes, size_t n, int is_changed)
{
    char *before = revision_of(base);

    for (size_t i = 0; i < n; i++) {
        char *text = with(base, changes[i].from, changes[i].to);
        char *after = revision_of(text);

        if ((strcmp(before, after) != 0) != is_changed)
            fail_msg("'%s' instead of '%s' %s the revision", changes[i].to, changes[i].from,
                     is_changed ? "leaves" : "changes");
        free(after);
        free(text);
    }
    free(before);
}

static void what_sessions_keep_changes_it(void **state)
{
    static const struct change changes[] = {
        { "account: o, model: x", "account: o, model: y" },
        { "account: o, model: x", "account: p, model: x" },
        { "account: o, model: x", "account: o, model: x, max_output_tokens: 7" },
        { "account: o, model: x", "account: o, model: x, timeout: 1m" },
        { "account: o, model: x", "account: o, model: x, retry: { attempts: 9 }" },
        { "account: o, model: x", "account: o, model: x, retry: { first: 9ms }" },
        { "account: o, model: x", "account: o, model: x, retry: { max: 9s }" },
        { "Be kind.", "Be kind!" },
        { "tools: [now, t]", "tools: [t, now]" },
        { "tools: [now, t] }\n  z: { model: n, instructions: x, tools: [t] }",
          "tools: [now] }\n  z: { model: n, instructions: x, tools: [t] }" },
        { "A tool.", "The tool." },
        { "A tool.,", "A tool., parameters: { type: object, required: [x] }," },
        { "A tool.,", "A tool., retry: { attempts: 1 }," },
        { "A tool.,", "A tool., effects: once," },
        { "A tool.,", "A tool., approval: always," },
        { "A tool.,", "A tool., approval: { when: [ { path: /a, gt: 1 } ] }," },
        { "now: { builtin: now }", "now: { builtin: echo }" },
        { "now: { builtin: now }", "now: { builtin: now, description: The time. }" },
        { "now: { builtin: now }", "now: { description: A builtin., exec: { command: ls } }" },
        { "tools: [now, t] }", "tools: [now, t], limits: { steps: 7 } }" },
        { "tools: [now, t] }", "tools: [now, t], limits: { wall: 1h } }" },
        { "tools: [now, t] }", "tools: [now, t], limits: { tokens: 7 } }" },
        { "tools: [now, t] }", "tools: [now, t], limits: { usd: 7 } }" },
        { "tools: [now, t] }", "tools: [now, t], window: { messages: 7 } }" },
    };

    (void)state;
    assert_changes(changes, ARRAY_LEN(changes), 1);
}

static void what_is_of_the_present_leaves_it(void **state)
{
    static const struct change changes[] = {
        { "api_key: k }", "api_key: other }" },
        { "api_key: k }", "api_key: k, base_url: 'http://localhost/v1' }" },
        { "price: { input: 1, output: 2 }", "price: { input: 3, output: 2 }" },
        { "command: ls", "command: [ls, -l]" },
        { "command: ls", "command: ./tool.sh, network: host, timeout: 1s, cpu: 1s, memory: 1GiB" },
        { "command: ls",
          "command: ls, processes: 1, file_size: 1MiB, read: [/usr], write: [./data]" },
        { "command: ls", "command: ls, secrets: [PATH]" },
        { "A tool.,", "A tool., effects: repeatable, retry: { attempts: 3 }," },
        { "A tool.,", "A tool., parameters: { properties: {}, type: 'object' }," },
        { "A tool.,", "A tool., approval: never," },
        { "  z: {", "  zz: {" },
        { "  a: {", "  b: {" },
        { "crashes: 5", "crashes: 6" },
        { "limits:", "listen: 127.0.0.1:80\nstore: 'mem:'\nlimits:" },
        { "Be kind.", "'Be kind.'" },
    };

    (void)state;
    assert_changes(changes, ARRAY_LEN(changes), 0);
}

static void the_provider_is_in_it(void **state)
{
    static const char text[] = "models: { m: { provider: scripted, model: x, replies: [] } }\n"
                               "agents: { a: { model: m, instructions: x } }\n";
    char *openai = with(text, "scripted, model: x, replies: []", "openai, model: x, api_key: k");
    char *longer = with(text, "replies: []", "replies: [ { text: x } ]");
    char *scripted_revision = revision_of(text);
    char *openai_revision = revision_of(openai);
    char *longer_revision = revision_of(longer);

    (void)state;
    assert_string_not_equal(scripted_revision, openai_revision);
    assert_string_equal(scripted_revision, longer_revision); /* the script is of the present */
    free(openai);
    free(longer);
    free(scripted_revision);
    free(openai_revision);
    free(longer_revision);
}

/* Sessions of old refer to this text: it must not change by an accident. */
static void the_text_is_written_down(void **state)
{
    struct config *config = test_load_good(base);
    const struct config_agent *agent = config_agent(config, SLICE_LIT("a"));
    struct sha256 hash = sha256_of(slice_of(agent->revision_text));
    char name[SHA256_TEXT_MAX];

    (void)state;
    assert_string_equal(
        agent->revision_text,
        "{\"account\":\"o\",\"instructions\":\"Be kind.\",\"limits\":{\"nanousd\":0,\"steps\":1000,"
        "\"tokens\":0,\"wall_ms\":86400000},\"model\":{\"max_output_tokens\":4096,\"model\":\"x\","
        "\"provider\":\"openai\",\"retry\":{\"attempts\":3,\"first_ms\":1000,\"max_ms\":30000},"
        "\"timeout_ms\":600000},\"model_name\":\"m\",\"tools\":[{\"builtin\":\"now\","
        "\"description\":\"A builtin.\",\"effects\":\"repeatable\",\"kind\":\"builtin\",\"name\":"
        "\"now\",\"parameters\":{\"properties\":{},\"type\":\"object\"},\"retry\":{\"attempts\":3,"
        "\"first_ms\":1000,\"max_ms\":30000}},{\"description\":\"A tool.\",\"effects\":"
        "\"repeatable\",\"kind\":\"exec\",\"name\":\"t\",\"parameters\":{\"properties\":{},"
        "\"type\":\"object\"},\"retry\":{\"attempts\":3,\"first_ms\":1000,\"max_ms\":30000}}],"
        "\"v\":1}");
    assert_string_equal(agent->revision, sha256_text(name, &hash));
    config_free(config);
}

/* What core/approval.h judges by, of each way to write it. */
static void approvals_are_written_down(void **state)
{
    static const struct change cases[] = {
        { "always", "[{\"approvers\":1,\"expires_ms\":0,\"on_expiry\":\"reject\","
                    "\"when\":\"always\"}]" },
        { "{ risk: high }", "[{\"approvers\":1,\"expires_ms\":0,\"on_expiry\":\"reject\","
                            "\"risk\":\"high\",\"when\":\"always\"}]" },
        { "[ { when: [ { path: /a, gt: 1.5, ne: null }, { path: /b, in: [x, 'yes', 3] } ],"
          " approvers: 2, role: r, reason: w, expires: 1h, on_expiry: escalate, escalate_to: c },"
          " { when: [ { path: '', matches: 5 } ] } ]",
          "[{\"approvers\":2,\"escalate_to\":\"c\",\"expires_ms\":3600000,\"on_expiry\":"
          "\"escalate\",\"reason\":\"w\",\"role\":\"r\",\"when\":[{\"gt\":1.5,\"ne\":null,"
          "\"path\":\"/a\"},{\"in\":[\"x\",\"yes\",3],\"path\":\"/b\"}]},{\"approvers\":1,"
          "\"expires_ms\":0,\"on_expiry\":\"reject\",\"when\":[{\"matches\":\"5\",\"path\":"
          "\"\"}]}]" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char key[600];

        (void)snprintf(key, sizeof(key), "A tool., approval: %s,", cases[i].from);
        char *text = with(base, "A tool.,", key);
        struct config *config = test_load_good(text);
        const char *revision = config_agent(config, SLICE_LIT("a"))->revision_text;

        if (!strstr(revision, cases[i].to))
            fail_msg("approval: %s is kept as %s", cases[i].from, revision);
        config_free(config);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(approvals_are_written_down),
        cmocka_unit_test(what_sessions_keep_changes_it),
        cmocka_unit_test(what_is_of_the_present_leaves_it),
        cmocka_unit_test(the_provider_is_in_it),
        cmocka_unit_test(the_text_is_written_down),
    };
    return cmocka_run_group_tests(tests, test_folder_make, test_folder_remove);
}
