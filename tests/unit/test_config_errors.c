/* What is wrong in a pawl.yaml, and what people are told about it. */
#include "unit/config_unit.h"

/* Lines 1 to 8: a file that is right by itself, so that each case adds its own mistake. */
#define BASE                                                                                       \
    "models:\n"                                                                                    \
    "  m: { provider: scripted, replies: [] }\n"                                                   \
    "agents:\n"                                                                                    \
    "  a:\n"                                                                                       \
    "    model: m\n"                                                                               \
    "    instructions: Be kind.\n"
#define WINDOW                                                                                     \
    "models:\n  m: { provider: openai, model: x, api_key: k }\n"                                   \
    "agents: { a: { model: m, instructions: x, window: "
#define TOOL "tools:\n  t:\n    description: A tool.\n" /* lines 7 to 9 */

struct bad {
    const char *text;
    const char *place; /* "line:column" */
    const char *words;
};

/* Exactly one error, at this place, with these words. */
static void assert_bad(const struct bad *bad)
{
    struct buf report;
    struct err err;
    char place[320];
    struct config *config = test_load(bad->text, &report, &err);

    (void)snprintf(place, sizeof(place), "%s:%s: ", test_path("pawl.yaml"), bad->place);
    if (config || strncmp(buf_cstr(&report), place, strlen(place)) != 0 ||
        !strstr(buf_cstr(&report), bad->words) || !strstr(err.msg, "pawl.yaml has 1 error"))
        fail_msg("wanted %s%s, but the report is: %s in:\n%s", place, bad->words, buf_cstr(&report),
                 bad->text);
    assert_null(strstr(buf_cstr(&report), "hunter2"));
    buf_release(&report);
}

static void keys_and_kinds(void **state)
{
    static const struct bad cases[] = {
        { BASE "toolz: {}\n", "7:1", "unknown key 'toolz'; did you mean 'tools'?" },
        { BASE "zzz: 1\n", "7:1", "unknown key 'zzz'\n" },
        { BASE TOOL "    builtin: now\n    desription: x\n", "11:5",
          "unknown key 'desription' in tools.t; did you mean 'description'?" },
        { BASE "listen: [1]\n", "7:9", "listen must be text, not a list" },
        { BASE "listen:\n", "7:1", "listen has no value" },
        { BASE "tools: [a]\n", "7:8", "tools must be a mapping of names, not a list" },
        { BASE "tools: { t: now }\n", "7:13", "tools.t must be a mapping, not a single value" },
        { BASE "tools: { \"a b\": { builtin: now } }\n", "7:10", "'a b' is no name" },
        { BASE "limits: { request: 1 }\n", "7:20", "limits.request: '1' is no size: write a" },
        { BASE "limits: { request: 1B }\n", "7:20", "'1B' is too small: it must be at least 1KiB" },
        { BASE "limits: { request: 1GiB }\n", "7:20", "too large: it must be at most 64MiB" },
        { BASE "limits: { crashes: 0 }\n", "7:20", "at least 1" },
        { BASE "limits: { crashes: -1 }\n", "7:20", "'-1' is not a whole number" },
        { BASE "limits: { crashes: 99999999999999999999 }\n", "7:20", "is not a whole number" },
        { BASE "limits: { crashes: [5] }\n", "7:20", "must be a whole number, not a list" },
        { BASE "limits: { instructions: 1KiB }\n    x\n", "8:5", "this is no YAML" },
        { "[1, 2]", "1:1", "the file must be a mapping (key: value), not a list" },
        { "models:\n  m: { provider: scripted, replies: [] }\n", "1:1", "'agents' is missing" },
        { "models:\n  m: { provider: scripted, replies: [] }\nagents:\n", "3:1",
          "'agents' is empty" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_bad(&cases[i]);
}

static void server_settings(void **state)
{
    static const struct bad cases[] = {
        { BASE "listen: 1.2.3:80\n", "7:9", "'1.2.3:80' is no address of this machine" },
        { BASE "listen: example.com:80\n", "7:9", "is no address of this machine" },
        { BASE "listen: 127.0.0.1\n", "7:9", "has no port from 0 to 65535" },
        { BASE "listen: 127.0.0.1:65536\n", "7:9", "has no port" },
        { BASE "listen: '127.0.0.1:'\n", "7:9", "has no port" },
        { BASE "listen: '::1:80'\n", "7:9", "is no address of this machine" },
        { BASE "store: 'sqlite:'\n", "7:8", "write sqlite:PATH" },
        { BASE "store: oracle:x\n", "7:8", "none that pawl knows" },
        { BASE "store: postgres://u:hunter2@h/d\n", "7:8", "that comes in a later version" },
        { BASE "store: redis://h\n", "7:8", "that comes in a later version" },
        { BASE "queue: redis://h\n", "7:8", "that comes in a later version; write store" },
        { BASE "queue: amqp://u:hunter2@h\n", "7:8", "that comes in a later version" },
        { BASE "queue: kafka\n", "7:8", "none that pawl knows; write store" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_bad(&cases[i]);
}

#define AGENT "agents:\n  a: { model: m, instructions: x }\n" /* lines 1 and 2 */
#define MODEL AGENT "models:\n  m:\n"                         /* lines 3 and 4 */

static void accounts_and_models(void **state)
{
    static const struct bad cases[] = {
        { MODEL "    { model: x }\n", "4:3", "models.m needs 'account', or 'provider'" },
        { MODEL "    provider: opnai\n", "5:15",
          "models.m.provider: 'opnai' is not known; write openai or scripted; did you mean "
          "'openai'?" },
        { MODEL "    provider: anthropic\n", "5:15",
          "'anthropic' comes in a later version; write openai or scripted for now" },
        { MODEL "    provider: openai-responses\n", "5:15", "comes in a later version" },
        { MODEL "    provider: scripted\n", "4:3", "needs 'script' (a file) or 'replies'" },
        { MODEL "    { provider: scripted, replies: [], script: x }\n", "5:27",
          "has both 'script' and 'replies'" },
        { MODEL "    { provider: scripted, replies: [], api_key: hunter2 }\n", "5:40",
          "'api_key' in models.m means nothing to a script; remove it" },
        { MODEL "    { provider: scripted, replies: 7 }\n", "5:27", "'replies' must be a list" },
        { MODEL "    { provider: scripted, replies: [WRONG] }\n", "5:37",
          "the script is wrong: replies[0]: there is no 'WRONG'" },
        { MODEL "    { provider: scripted, script: none.yaml }\n", "5:35",
          "cannot read 'none.yaml': No such file" },
        { MODEL "    { provider: scripted, script: data }\n", "5:35", "Is a directory" },
        { MODEL "    { provider: openai, model: x, api_key: k, replies: [] }\n", "5:47",
          "'replies' in models.m is for provider: scripted; remove it" },
        { MODEL "    { provider: openai, api_key: k }\n", "4:3", "'model' is missing in models.m" },
        { MODEL "    { provider: openai, model: x }\n", "4:3",
          "'api_key' is missing in models.m: write api_key: ${OPENAI_API_KEY}" },
        { MODEL "    { provider: openai, model: x, api_key: '' }\n", "5:44", "OpenAI needs a key" },
        { MODEL "    { provider: openai, model: x, api_key: '${PAWL_T_UNSET}' }\n", "5:44",
          "PAWL_T_UNSET is not set in the environment; before pawl starts, export "
          "PAWL_T_UNSET=..." },
        { MODEL "    { provider: openai, model: x, api_key: '${PAWL_T_SPACE}' }\n", "5:44",
          "holds a space, a line break" },
        { MODEL "    { provider: openai, model: x, api_key: [hunter2] }\n", "5:44",
          "must be text, not a list" },
        { MODEL "    { provider: openai, model: x, api_key: k, base_url: 'ftp://x' }\n", "5:57",
          "is no address" },
        { MODEL "    { provider: openai, model: x, base_url: '${PAWL_T_KEY}' }\n", "5:45",
          "'${PAWL_T_KEY}' is no address" },
        { MODEL "    { provider: openai, model: x, base_url: 'http://u:p@h' }\n", "5:45",
          "without ?, # and a user" },
        { MODEL "    { provider: openai, model: x, api_key: k, timeout: '${PAWL_T_KEY}' }\n",
          "5:56", "models.m.timeout: '${PAWL_T_KEY}' is no duration: write a whole number" },
        { MODEL "    { provider: openai, model: x, api_key: k, timeout: 10 }\n", "5:56",
          "'10' is no duration" },
        { MODEL "    { provider: openai, model: x, api_key: k, price: { input: 1 } }\n", "5:47",
          "'output' is missing in models.m.price" },
        { MODEL "    { provider: openai, model: x, api_key: k, price: { input: 0.0001, output: 1 "
                "} }\n",
          "5:63", "at most three decimals" },
        { MODEL "    { provider: openai, model: x, api_key: k, retry: { first: 10m } }\n", "5:47",
          "models.m.retry: 'first' is longer than 'max'" },
        { MODEL "    { account: o }\n", "5:16", "models.m.account: there is no 'o' in 'accounts'" },
        { MODEL "    { account: opena, model: x }\n"
                "accounts: { openai: { provider: openai, api_key: k } }\n",
          "5:16", "there is no 'opena' in 'accounts'; did you mean 'openai'?" },
        { MODEL "    { account: o, provider: openai, model: x }\n"
                "accounts: { o: { provider: openai, api_key: k } }\n",
          "5:19", "has both 'account' and 'provider'" },
        { MODEL "    { account: o, api_key: hunter2, model: x }\n"
                "accounts: { o: { provider: openai, api_key: k } }\n",
          "5:19", "'api_key' in models.m belongs to the account; remove it" },
        { MODEL "    { account: o, model: x }\naccounts: { o: { api_key: k } }\n", "6:13",
          "'provider' is missing in accounts.o" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_bad(&cases[i]);
}

static void scripts_in_files(void **state)
{
    static const char *const wrong[] = { "wrong.yaml", "wrong.yaml:3:5: the script is wrong: "
                                                       "replies[0]: there is no 'WRONG'\n" };
    static const char *const broken[] = { "broken.yaml", "broken.yaml:2:1: this is no YAML" };
    const char *const *const cases[] = { wrong, broken };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf text = { .max = 4096 };
        struct buf report;
        struct err err;
        char line[512];

        buf_putf(&text, MODEL "    { provider: scripted, script: %s }\n", cases[i][0]);
        (void)snprintf(line, sizeof(line), "%s/%s", test_dir, cases[i][1]);
        assert_null(test_load(buf_cstr(&text), &report, &err));
        if (strncmp(buf_cstr(&report), line, strlen(line)) != 0)
            fail_msg("wanted %s, but the report is: %s", line, buf_cstr(&report));
        buf_release(&text);
        buf_release(&report);
    }
}

#define EXEC BASE TOOL "    exec:\n" /* line 10 */

static void tools(void **state)
{
    static const struct bad cases[] = {
        { BASE TOOL, "8:3", "tools.t needs 'exec' (a command) or 'builtin'" },
        { BASE TOOL "    { }\n", "11:1", "this is no YAML" },
        { BASE TOOL "    builtin: nwo\n", "10:14",
          "there is no builtin tool 'nwo'; did you mean 'now'?" },
        { BASE TOOL "    builtin: sleep_untl\n", "10:14", "did you mean 'sleep_until'?" },
        { BASE TOOL "    builtin: sleep_until\n    approval: always\n", "11:5",
          "tools.t.approval: 'sleep_until' only waits, so there is nothing to approve" },
        { BASE TOOL "    builtin: sleep_until\n    approval: { when: always }\n", "11:5",
          "there is nothing to approve" },
        { BASE TOOL "    builtin: sleep_until\n    retry: { attempts: 2 }\n", "11:5",
          "tools.t.retry: 'sleep_until' only waits, so nothing of it is tried again" },
        { BASE TOOL "    builtin: sleep_until\n    effects: once\n", "11:14",
          "a builtin does nothing that must not be repeated" },
        { BASE TOOL "    builtin: now\n    exec: { command: ls }\n", "10:5",
          "has both 'exec' and 'builtin'" },
        { BASE "tools: { t: { exec: { command: ls } } }\n", "7:10",
          "'description' is missing in tools.t" },
        { BASE TOOL "    builtin: now\n    effects: once\n", "11:14",
          "a builtin does nothing that must not be repeated; 'once' is for commands" },
        { BASE TOOL "    builtin: now\n    effects: many\n", "11:14", "write repeatable or once" },
        { EXEC "      { command: ls }\n    reconcile: { command: ls }\n", "12:5",
          "tools.t.reconcile is for tools with 'effects: once'" },
        { EXEC "      { command: ls }\n    effects: once\n    reconcile: { timeout: 1s }\n", "13:5",
          "'command' is missing in tools.t.reconcile" },
        { EXEC "      { command: ls }\n    effects: once\n    reconcile: { command: [./no.sh] }\n",
          "13:28", "there is no file './no.sh'" },
        { BASE TOOL "    builtin: now\n    retry: { attempts: 0 }\n", "11:24", "at least 1" },
        { EXEC "      { timeout: 1s }\n", "10:5", "'command' is missing in tools.t.exec" },
        { EXEC "      command: []\n", "11:16", "is empty; write [program, argument, ...]" },
        { EXEC "      command: ['']\n", "11:17", "tools.t.exec.command[0] is empty" },
        { EXEC "      command: [{a: b}]\n", "11:17", "must be text, not a mapping" },
        { EXEC "      command: ls -l\n", "11:16", "no shell reads it; write a list" },
        { EXEC "      command: ls|wc\n", "11:16", "no shell reads it" },
        { EXEC "      command: [./none.sh]\n", "11:17", "there is no file './none.sh'" },
        { EXEC "      command: ./plain.sh\n", "11:16",
          "'./plain.sh' is not executable; run chmod +x on it" },
        { EXEC "      command: [./data]\n", "11:17", "cannot be run: Is a directory" },
        { EXEC "      command: [../tool.sh]\n", "11:17", "outside of the folder" },
        { EXEC "      command: [no-such-program]\n", "11:17",
          "there is no program 'no-such-program' in /usr/local/bin" },
        { EXEC "      { command: ls, network: yes }\n", "11:31", "write none or host" },
        { EXEC "      { command: ls, memory: 1KiB }\n", "11:30", "at least 8MiB" },
        { EXEC "      { command: ls, cpu: 100ms }\n", "11:27", "at least 1s" },
        { EXEC "      { command: ls, processes: many }\n", "11:33", "not a whole number" },
        { EXEC "      { command: ls, read: [./none] }\n", "11:29",
          "there is no file or folder './none'" },
        { EXEC "      { command: ls, read: ./data }\n", "11:28", "must be a list of texts" },
        { EXEC "      { command: ls, secrets: [PAWL_T_UNSET] }\n", "11:32", "is no name" },
        { EXEC "      { command: ls, secrets: [T_UNSET] }\n", "11:32",
          "'T_UNSET' is not set in the environment; before pawl starts, export T_UNSET=..." },
        { EXEC "      { command: ls, secrets: [1X] }\n", "11:32", "no name of a variable" },
        { EXEC "      { command: ls, secrets: [PATH, PATH] }\n", "11:38", "stands here twice" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_bad(&cases[i]);
}

/* What tools may change, and what must not lie in it. */
static void writable_folders(void **state)
{
    static const struct bad cases[] = {
        { EXEC "      { command: ls, write: [./none] }\n", "11:30", "there is no folder './none'" },
        { EXEC "      { command: ls, write: [./plain.sh] }\n", "11:30", "there is no folder" },
        { EXEC "      { command: ls, write: ./data }\n", "11:29", "must be a list of texts" },
        { EXEC "      { command: ls, write: [.] }\n", "11:30", "'.' holds this configuration" },
        { EXEC "      { command: ls, write: [/] }\n", "11:30", "'/' holds this configuration" },
        { "store: sqlite:data/x.db\n" EXEC "      { command: ls, write: [data/] }\n", "12:30",
          "'data/' holds the store" },
        { EXEC "      { command: ./shared/run.sh, write: [./shared] }\n", "11:43",
          "holds the command of a tool" },
        { EXEC "      { command: ls, write: [./shared] }\n"
               "    effects: once\n    reconcile: { command: ./shared/run.sh }\n",
          "11:30", "holds the command of a tool" },
        { EXEC "      { command: ls, read: [./shared/run.sh], write: [./shared] }\n", "11:55",
          "holds what stands in the 'read' of a tool" },
        { EXEC "      { command: ls, write: [./shared, ./shared/deep] }\n", "11:30",
          "holds what stands in the 'write' of a tool" },
        /* Links, that a tool could let lead elsewhere. */
        { EXEC "      { command: ./outer.sh, write: [./shared] }\n", "11:38",
          "holds the command of a tool" },
        { EXEC "      { command: ls, read: [shared/link.sh], write: [./shared] }\n", "11:54",
          "holds what stands in the 'read' of a tool" },
        { EXEC "      { command: ls, read: [.//shared/./link/..], write: [./shared] }\n", "11:59",
          "holds what stands in the 'read' of a tool" },
        { EXEC "      { command: ls, write: [./shared, ./shared/link] }\n", "11:30",
          "holds what stands in the 'write' of a tool" },
        { "store: sqlite:shared/link/x.db\n" EXEC "      { command: ls, write: [shared] }\n",
          "12:30", "'shared' holds the store" },
        { "store: sqlite:circle/x.db\n" EXEC "      { command: ls, write: [shared] }\n", "12:30",
          "'shared' holds the store" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_bad(&cases[i]);
}

#define SCHEMA BASE TOOL "    exec: { command: ls }\n    parameters: " /* line 11, column 17 */

static void schemas(void **state)
{
    static const struct bad cases[] = {
        { SCHEMA "x\n", "11:17",
          "tools.t.parameters must be a JSON Schema, a mapping that begins with 'type: object', "
          "not "
          "string" },
        { SCHEMA "{ }\n", "11:5", "write 'type: object' at its top" },
        { SCHEMA "{ type: array }\n", "11:25", "write 'type: object' at its top" },
        { SCHEMA "{ type: object, properties: [a] }\n", "11:45",
          "in the JSON Schema, tools.t.parameters.properties must be an object of" },
        { SCHEMA "{ type: object, properties: { a: string } }\n", "11:50",
          "tools.t.parameters.properties.a must be a schema (an object), not string" },
        { SCHEMA "{ type: object, properties: { a: { type: strng } } }\n", "11:58",
          "parameters.properties.a.type names a type that there is not; did you mean 'string'?" },
        { SCHEMA "{ type: object, properties: { a: { type: [] } } }\n", "11:58", "a list of some" },
        { SCHEMA "{ type: object, properties: { a: { type: 1 } } }\n", "11:58",
          "must be the name of a type, not integer" },
        { SCHEMA "{ type: object, required: a }\n", "11:43", "must be a list of strings" },
        { SCHEMA "{ type: object, required: [a, 1] }\n", "11:47",
          "parameters.required[1] must be a string, not integer" },
        { SCHEMA "{ type: object, required: [a, a] }\n", "11:47", "must not be there twice" },
        { SCHEMA "{ type: object, properties: { a: { required: true } } }\n", "11:62",
          "parameters.properties.a.required must be a list of strings, not boolean" },
        { SCHEMA "{ type: object, properties: { a: { enum: [] } } }\n", "11:58", "not empty" },
        { SCHEMA "{ type: object, properties: { a: { minimum: '1' } } }\n", "11:61", "a number" },
        { SCHEMA "{ type: object, properties: { a: { multipleOf: 0 } } }\n", "11:64", "above 0" },
        { SCHEMA "{ type: object, properties: { a: { minLength: -1 } } }\n", "11:63", "from 0" },
        { SCHEMA "{ type: object, properties: { a: { minLength: 1.5 } } }\n", "11:63", "from 0" },
        { SCHEMA "{ type: object, properties: { a: { pattern: 1 } } }\n", "11:61", "be a string" },
        { SCHEMA "{ type: object, properties: { a: { items: 1 } } }\n", "11:59", "a schema" },
        { SCHEMA "{ type: object, properties: { a: { items: [] } } }\n", "11:59", "of schemas" },
        { SCHEMA "{ type: object, anyOf: { } }\n", "11:40", "must be a list of schemas" },
        { SCHEMA "{ type: object, uniqueItems: 'true' }\n", "11:46", "true or false" },
        { SCHEMA "{ type: object, examples: 1 }\n", "11:43", "must be a list" },
        { SCHEMA "{ type: object, dependentRequired: { a: b } }\n", "11:57", "list of strings" },
        { SCHEMA "{ type: object, properties: { a/b: { pattern: '(' } } }\n", "11:63",
          "parameters.properties.a/b.pattern is no pattern that can be checked" },
        { SCHEMA "{ type: object, unevaluatedProperties: false }\n", "11:56",
          "parameters.unevaluatedProperties is a keyword that is not supported" },
        { SCHEMA "{ type: object, properties: { a: { $ref: 'http://x/y' } } }\n", "11:58",
          "parameters.properties.a.$ref" },
        { SCHEMA "{ type: object, allOf: [{ $ref: '#' }] }\n", "11:41",
          "parameters.allOf[0] leads back to itself without end" },
        { SCHEMA "{ type: object, default: .inf }\n", "11:42", "out of range for a number" },
        { SCHEMA "{ type: object, title: '${PAWL_T_UNSET}' }\n", "11:40",
          "PAWL_T_UNSET is not set" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_bad(&cases[i]);
}

/* A schema's errors are listed as far as its compiler lists them; that there may be more is said.
 */
static void many_errors_of_a_schema(void **state)
{
    static const char text[] = SCHEMA "{ type: object, required: [1, 2, 3, 4, 5, 6, 7, 8, 9] }\n";
    struct buf report;
    struct err err;

    (void)state;
    assert_null(test_load(text, &report, &err));
    assert_non_null(strstr(buf_cstr(&report), "pawl.yaml:11:5: the JSON Schema tools.t.parameters "
                                              "may have more errors\n"));
    assert_non_null(strstr(buf_cstr(&report), "pawl.yaml:11:44: in the JSON Schema, "
                                              "tools.t.parameters.required[0] must be a string"));
    assert_non_null(strstr(buf_cstr(&report), ".required[7] must be a string"));
    assert_null(strstr(buf_cstr(&report), ".required[8] must be a string"));
    buf_release(&report);
}

static void agents(void **state)
{
    static const struct bad cases[] = {
        { BASE "    tools: [nwo]\ntools: { now: { builtin: now } }\n", "7:13",
          "agents.a.tools[0]: there is no 'nwo' in 'tools'; did you mean 'now'?" },
        { BASE "    tools: [now, now]\ntools: { now: { builtin: now } }\n", "7:18", "twice" },
        { BASE "    tools: ['mcp:files/*']\n", "7:13", "MCP servers come in a later version" },
        { BASE "    limits: { usd: 1 }\n", "7:20", "models.m has no 'price'" },
        { BASE "    window: { messages: 200 }\n", "7:13",
          "agents.a.window: a scripted model counts the answers that it is sent" },
        { WINDOW "{ messages: 0 } } }\n", "3:63", "at least 1" },
        { WINDOW "{} } }\n", "3:43", "'messages'" },
        { BASE "    limits: { usd: 0 }\n", "7:20", "at least 0.000001" },
        { BASE "    limits: { usd: $5 }\n", "7:20", "write digits, as in 0.50" },
        { BASE "    limits: { steps: 0 }\n", "7:22", "at least 1" },
        { BASE "    limits: { wall: 1 }\n", "7:21", "'1' is no duration" },
        { BASE "    limits: { tokens: 1e6 }\n", "7:23", "not a whole number" },
        { BASE "limits: { instructions: 1KiB }\n  # x\nagent: {}\n", "9:1", "did you mean" },
        { "models:\n  main: { provider: scripted, replies: [] }\n"
          "agents:\n  a: { model: mian, instructions: x }\n",
          "4:15", "agents.a.model: there is no 'mian' in 'models'; did you mean 'main'?" },
        { "models:\n  m: { provider: scripted, replies: [] }\n"
          "agents:\n  a: { model: m }\n",
          "4:3", "'instructions' is missing in agents.a" },
        { "models:\n  m: { provider: scripted, replies: [] }\n"
          "agents:\n  a: { model: m, instructions: '' }\n",
          "4:32", "agents.a.instructions is empty" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_bad(&cases[i]);
}

static void long_instructions(void **state)
{
    struct buf text = { .max = 8192 };

    (void)state;
    buf_puts(&text, "limits: { instructions: 1KiB }\nmodels:\n"
                    "  m: { provider: scripted, replies: [] }\n"
                    "agents:\n  a: { model: m, instructions: ");
    for (unsigned i = 0; i < 1025; i++)
        buf_puts(&text, "x");
    buf_puts(&text, " }\n");
    assert_bad(&(struct bad){ buf_cstr(&text), "5:32",
                              "has 1025 bytes; limits.instructions allows 1024" });
    buf_release(&text);
}

static void approvals(void **state)
{
#define APPROVAL BASE TOOL "    builtin: now\n    approval: " /* from 11:15 */
    static const struct bad cases[] = {
        { APPROVAL "allways\n", "11:15", "'allways' is not known" },
        { APPROVAL "allways\n", "11:15", "did you mean 'always'?" },
        { APPROVAL "\n", "11:5", "tools.t.approval has no value" },
        { APPROVAL "[]\n", "11:5", "tools.t.approval is empty" },
        { APPROVAL "[always]\n", "11:16", "tools.t.approval[0] must be a mapping" },
        { APPROVAL "{ risc: high }\n", "11:17", "did you mean 'risk'?" },
        { APPROVAL "{ approvers: 0 }\n", "11:28", "at least 1" },
        { APPROVAL "{ approvers: 17 }\n", "11:28", "at most 16" },
        { APPROVAL "{ when: sometimes }\n", "11:23", "'sometimes' is not known" },
        { APPROVAL "{ when: [] }\n", "11:17", "when is empty" },
        { APPROVAL "{ when: [always] }\n", "11:24", "when[0] must be a mapping" },
        { APPROVAL "{ when: [{ gt: 1 }] }\n", "11:24", "'path' is missing" },
        { APPROVAL "{ when: [{ path: /a }] }\n", "11:24", "when[0] tests nothing" },
        { APPROVAL "{ when: [{ path: a, eq: 1 }] }\n", "11:32", "'a' is no JSON pointer" },
        { APPROVAL "{ when: [{ path: /a, gt: '5' }] }\n", "11:40", "must be a number, not" },
        { APPROVAL "{ when: [{ path: /a, gt: .inf }] }\n", "11:40", "out of range for a number" },
        { APPROVAL "{ when: [{ path: /a, eq: [1] }] }\n", "11:40", "must be a single value" },
        { APPROVAL "{ when: [{ path: /a, in: 1 }] }\n", "11:40", "must be a list of single" },
        { APPROVAL "{ when: [{ path: /a, in: [{}] }] }\n", "11:41", "must be a single value" },
        { APPROVAL "{ when: [{ path: /a, gte: 1 }] }\n", "11:36", "unknown key 'gte'" },
        { APPROVAL "{ when: [{ path: /a, matches: '(' }] }\n", "11:45", "matches: " },
        { APPROVAL "{ expires: 1ms }\n", "11:26", "at least 1s" },
        { APPROVAL "{ on_expiry: fail }\n", "11:17", "approvals that expire; add 'expires'" },
        { APPROVAL "{ expires: 1h, on_expiry: escalate }\n", "11:41", "add 'escalate_to'" },
        { APPROVAL "{ escalate_to: cfo }\n", "11:17", "is for 'on_expiry: escalate'" },
        { APPROVAL "[{ role: a }, { reason: '' }]\n", "11:39", "reason is empty" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_bad(&cases[i]);
#undef APPROVAL
}

/* People read them in lists: each text has an end. */
static void approval_texts_are_bounded(void **state)
{
    static const struct {
        const char *key;
        int bytes;
        const char *most;
    } cases[] = { { "risk", 64, "64B" },
                  { "reason", 4096, "4KiB" },
                  { "role", 64, "64B" },
                  { "expires: 1h, on_expiry: escalate, escalate_to", 64, "64B" } };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_release) struct buf text = { .max = 8192 };
        char where[32], what[64];

        buf_puts(&text, BASE TOOL "    builtin: now\n    approval: { ");
        buf_putf(&text, "%s: %0*d }\n", cases[i].key, cases[i].bytes + 1, 7);
        (void)snprintf(where, sizeof(where), "11:%zu", 19 + strlen(cases[i].key));
        (void)snprintf(what, sizeof(what), "is longer than %s", cases[i].most);
        assert_bad(&(struct bad){ buf_cstr(&text), where, what });
    }
}

/* Each key of the design that a later version brings is refused by its name. */
static void later_keys(void **state)
{
    static const struct bad cases[] = {
        { BASE "queues: { agent-tasks: { max: 100 } }\n", "7:1", "'queues' comes" },
        { BASE "tenants: { acme: { weight: 2 } }\n", "7:1", "'tenants' comes" },
        { BASE "mcp: { files: { command: [npx] } }\n", "7:1", "'mcp' comes" },
        { MODEL "    { provider: scripted, replies: [], pool: x }\n", "5:40",
          "'pool' in models.m comes" },
        { MODEL "    account: o\naccounts: { o: { provider: scripted, pools: {} } }\n", "6:38",
          "'pools' in accounts.o comes" },
        { BASE TOOL "    remote: {}\n", "10:5", "'remote' in tools.t comes" },
        { BASE TOOL "    http: {}\n", "10:5", "'http' in tools.t comes" },
        { BASE TOOL "    mcp: x\n", "10:5", "'mcp' in tools.t comes" },
        { BASE TOOL "    agent: x\n", "10:5", "'agent' in tools.t comes" },
        { BASE "    fallback: [b]\n", "7:5", "'fallback' in agents.a comes" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf report;
        struct err err;
        /* A script is missing where the account is one's own: a second error. */
        struct config *config = test_load(cases[i].text, &report, &err);

        assert_null(config);
        if (!strstr(buf_cstr(&report), cases[i].place) ||
            !strstr(buf_cstr(&report), cases[i].words) ||
            !strstr(buf_cstr(&report), " in a later version; remove it for now\n"))
            fail_msg("wanted %s: %s, but the report is: %s", cases[i].place, cases[i].words,
                     buf_cstr(&report));
        buf_release(&report);
    }
}

static void all_errors_are_reported_in_the_order_of_the_file(void **state)
{
    static const char text[] = "listen: 1.2.3:5\n"
                               "agents:\n"
                               "  a: { model: nope, instructions: x, tools: [none] }\n"
                               "  b: { modell: m, instructions: x, limits: { steps: no } }\n"
                               "models:\n"
                               "  m: { provider: scripted, script: none.yaml }\n"
                               "quees: store\n";
    static const char *const wanted[] = {
        "pawl.yaml:1:9: ", "pawl.yaml:3:15: ", "pawl.yaml:3:46: ", "pawl.yaml:4:3: 'model' is m",
        "pawl.yaml:4:8: ", "pawl.yaml:4:53: ", "pawl.yaml:6:36: ", "pawl.yaml:7:1: ",
    };
    struct buf report;
    struct err err;

    (void)state;
    assert_null(test_load(text, &report, &err));
    assert_int_equal(err.code, ERR_INVALID);
    assert_non_null(strstr(err.msg, "pawl.yaml has 8 errors"));
    const char *at = buf_cstr(&report);

    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        const char *found = strstr(at, wanted[i]);

        assert_non_null(found);
        at = found;
    }
    buf_release(&report);
}

static void a_file_that_is_not_there(void **state)
{
    struct config *config = NULL;
    struct buf report;
    struct err err = { 0 };

    (void)state;
    assert_int_equal(config_load(&config, "/nonexistent/pawl.yaml", &test_known, &report, &err),
                     ERR_NOT_FOUND);
    assert_null(config);
    assert_string_equal(err.msg, "/nonexistent/pawl.yaml: No such file or directory");
    assert_string_equal(buf_cstr(&report),
                        "/nonexistent/pawl.yaml: cannot be read: No such file or directory; 'pawl "
                        "init' writes one to begin with\n");
    buf_release(&report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_and_kinds),
        cmocka_unit_test(server_settings),
        cmocka_unit_test(accounts_and_models),
        cmocka_unit_test(scripts_in_files),
        cmocka_unit_test(tools),
        cmocka_unit_test(writable_folders),
        cmocka_unit_test(schemas),
        cmocka_unit_test(many_errors_of_a_schema),
        cmocka_unit_test(agents),
        cmocka_unit_test(long_instructions),
        cmocka_unit_test(approvals),
        cmocka_unit_test(approval_texts_are_bounded),
        cmocka_unit_test(later_keys),
        cmocka_unit_test(all_errors_are_reported_in_the_order_of_the_file),
        cmocka_unit_test(a_file_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, test_folder_make, test_folder_remove);
}
