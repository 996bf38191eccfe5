/* What a right pawl.yaml becomes; and that the documentation and the template say the truth. */
#include "unit/config_unit.h"

#include "config/reference.h"
#include "config/template.h"

enum { DOCUMENT_BYTES_MAX = 1024 * 1024 };

/* The example of the design with what a later version brings taken out. */
static const char full[] =
    "listen: '[::1]:8080'\n"
    "store: sqlite:./state/pawl.db\n"
    "queue: store\n"
    "accounts:\n"
    "  openai:\n"
    "    provider: openai\n"
    "    base_url: ${PAWL_T_URL:-https://api.openai.com/v1/}\n"
    "    api_key: ${PAWL_T_KEY}\n"
    "models:\n"
    "  main:\n"
    "    account: openai\n"
    "    model: gpt-5-mini\n"
    "    max_output_tokens: 2048\n"
    "    timeout: 2m\n"
    "    price: { input: 0.25, cached_input: 0.025, output: 2.00 }\n"
    "    retry: { attempts: 5, first: 500ms, max: 1m }\n"
    "  own: { provider: openai, model: x, base_url: 'http://localhost:1/v1', price: { input: 1, "
    "output: 0 } }\n"
    "  play: { provider: scripted, script: ./script.yaml }\n"
    "tools:\n"
    "  now: { builtin: now }\n"
    "  say: { builtin: echo, description: Says it again., retry: { attempts: 1 } }\n"
    "  refund:\n"
    "    description: Pay an order back.\n"
    "    parameters: { type: object, properties: { order: { type: string }, amount: { type: number "
    "} }, required: [order, amount] }\n"
    "    exec:\n"
    "      command: [./tool.sh, --fast, '${PAWL_T_UNSET:-}x']\n"
    "      network: host\n"
    "      timeout: 20s\n"
    "      cpu: 5s\n"
    "      memory: 64MiB\n"
    "      processes: 4\n"
    "      file_size: 1MiB\n"
    "      read: [./data, /usr/share]\n"
    "      write: [./data, ./shared/../shared]\n"
    "      secrets: [T_TOKEN]\n"
    "    effects: once\n"
    "    reconcile: { command: [./tool.sh, --state], timeout: 3s }\n"
    "  list: { description: Lists., exec: { command: ls } }\n"
    "agents:\n"
    "  support:\n"
    "    model: main\n"
    "    instructions: |\n"
    "      You help. Today's customer is {{context.customer}}; it costs $5.\n"
    "    tools: [refund, now, list]\n"
    "    limits: { steps: 40, tokens: 200000, usd: 0.50, wall: 1h }\n"
    "    window: { messages: 200 }\n"
    "  other: { model: own, instructions: x, tools: [say] }\n"
    "  player: { model: play, instructions: x }\n"
    "retention: { age: 90d, bytes: 50GiB, audit: 365d }\n"
    "limits: { request: 2MiB, tool_output: 64KiB, instructions: 8KiB, tool_calls: 5, "
    "tool_runs: 3, model_calls: 7, streams: 9, response_buffers: 32MiB, crashes: 2 }\n";

static void everything_arrives(void **state)
{
    struct config *config = test_load_good(full);
    char path[320];

    (void)state;
    assert_string_equal(config->dir, test_dir);
    assert_string_equal(config->path, test_path("pawl.yaml"));
    assert_string_equal(config->listen_host, "::1");
    assert_int_equal(config->listen_port, 8080);
    (void)snprintf(path, sizeof(path), "sqlite:%s/state/pawl.db", test_dir);
    assert_string_equal(config->store, path);
    assert_int_equal(config->limits.request_bytes, 2 * 1024 * 1024);
    assert_int_equal(config->limits.tool_output_bytes, 65536);
    assert_int_equal(config->limits.instructions_bytes, 8192);
    assert_int_equal(config->limits.tool_calls, 5);
    assert_int_equal(config->limits.streams, 9);
    assert_int_equal(config->limits.response_bytes, 32 * 1024 * 1024);
    assert_int_equal(config->limits.tool_runs, 3);
    assert_int_equal(config->retention.age_ms, INT64_C(90) * 24 * 3600 * 1000);
    assert_int_equal(config->retention.bytes, INT64_C(50) << 30);
    assert_int_equal(config->retention.audit_ms, INT64_C(365) * 24 * 3600 * 1000);
    assert_int_equal(config->limits.model_calls, 7);
    assert_int_equal(config->limits.crashes, 2);
    config_free(config);
}

static void accounts_and_models(void **state)
{
    struct config *config = test_load_good(full);
    const struct config_account *openai = config_account(config, SLICE_LIT("openai"));
    const struct config_model *main_model = config_model(config, SLICE_LIT("main"));
    const struct config_model *own = config_model(config, SLICE_LIT("own"));
    const struct config_model *play = config_model(config, SLICE_LIT("play"));

    (void)state;
    assert_int_equal(config->accounts_n, 3);
    assert_int_equal(config->models_n, 3);
    assert_int_equal(openai->provider, PROVIDER_OPENAI);
    assert_string_equal(openai->base_url, "https://api.openai.com/v1");
    assert_string_equal(openai->api_key, "sk-hunter2");
    assert_ptr_equal(main_model->account, openai);
    assert_string_equal(main_model->model, "gpt-5-mini");
    assert_int_equal(main_model->max_output_tokens, 2048);
    assert_int_equal(main_model->timeout_ms, 120000);
    assert_true(main_model->has_price);
    assert_int_equal(main_model->price.input, 250);
    assert_int_equal(main_model->price.cached_input, 25);
    assert_int_equal(main_model->price.output, 2000);
    assert_int_equal(main_model->retry.attempts, 5);
    assert_int_equal(main_model->retry.first_ms, 500);
    assert_int_equal(main_model->retry.max_ms, 60000);
    assert_null(main_model->script);
    assert_string_equal(own->account->name, "models.own");
    assert_ptr_equal(config_account(config, SLICE_LIT("models.own")), own->account);
    assert_string_equal(own->account->base_url, "http://localhost:1/v1");
    assert_string_equal(own->account->api_key, "");
    assert_int_equal(own->price.cached_input, own->price.input);
    assert_int_equal(own->price.output, 0);
    assert_int_equal(play->account->provider, PROVIDER_SCRIPTED);
    assert_string_equal(play->script, "{\"replies\":[{\"text\":\"${not expanded}\"}]}");
    assert_string_equal(play->model, "scripted");
    assert_false(play->has_price);
    assert_null(config_account(config, SLICE_LIT("none")));
    assert_null(config_model(config, SLICE_LIT("")));
    config_free(config);
}

static void tools(void **state)
{
    struct config *config = test_load_good(full);
    const struct config_tool *refund = config_tool(config, SLICE_LIT("refund"));
    const struct config_tool *now = config_tool(config, SLICE_LIT("now"));
    const struct config_tool *say = config_tool(config, SLICE_LIT("say"));
    const struct config_tool *list = config_tool(config, SLICE_LIT("list"));

    (void)state;
    assert_int_equal(config->tools_n, 4);
    assert_int_equal(refund->kind, TOOL_KIND_EXEC);
    assert_string_equal(refund->description, "Pay an order back.");
    assert_string_equal(refund->parameters,
                        "{\"properties\":{\"amount\":{\"type\":\"number\"},\"order\":{\"type\":"
                        "\"string\"}},\"required\":[\"order\",\"amount\"],\"type\":\"object\"}");
    assert_string_equal(refund->command[0], "./tool.sh");
    assert_true(refund->is_once);
    assert_string_equal(refund->reconcile[0], "./tool.sh");
    assert_string_equal(refund->reconcile[1], "--state");
    assert_null(refund->reconcile[2]);
    assert_int_equal(refund->reconcile_timeout_ms, 3000);
    assert_string_equal(refund->command[1], "--fast");
    assert_string_equal(refund->command[2], "x");
    assert_null(refund->command[3]);
    assert_string_equal(refund->read_paths[0], test_path("data"));
    assert_string_equal(refund->read_paths[1], "/usr/share");
    assert_null(refund->read_paths[2]);
    assert_string_equal(refund->write_paths[0], test_path("data")); /* real paths */
    assert_string_equal(refund->write_paths[1], test_path("shared"));
    assert_null(refund->write_paths[2]);
    assert_int_equal(refund->secrets_n, 1);
    assert_string_equal(refund->secrets[0].name, "T_TOKEN");
    assert_string_equal(refund->secrets[0].value, "hunter2");
    assert_true(refund->has_network);
    assert_int_equal(refund->timeout_ms, 20000);
    assert_int_equal(refund->cpu_ms, 5000);
    assert_int_equal(refund->memory_bytes, 67108864);
    assert_int_equal(refund->processes_max, 4);
    assert_int_equal(refund->file_bytes_max, 1048576);
    assert_int_equal(now->kind, TOOL_KIND_BUILTIN);
    assert_string_equal(now->builtin, "now");
    assert_string_equal(now->description, "A builtin.");
    assert_string_equal(now->parameters, "{\"properties\":{},\"type\":\"object\"}");
    assert_string_equal(say->description, "Says it again.");
    assert_int_equal(say->retry.attempts, 1);
    assert_false(list->is_once);
    assert_null(list->reconcile);
    assert_string_equal(list->command[0], "ls");
    assert_null(list->command[1]);
    assert_string_equal(list->parameters, "{\"properties\":{},\"type\":\"object\"}");
    config_free(config);
}

static void agents(void **state)
{
    struct config *config = test_load_good(full);
    const struct config_agent *support = config_agent(config, SLICE_LIT("support"));
    const struct config_agent *player = config_agent(config, SLICE_LIT("player"));

    (void)state;
    assert_int_equal(config->agents_n, 3);
    assert_ptr_equal(support->model, config_model(config, SLICE_LIT("main")));
    assert_string_equal(support->instructions,
                        "You help. Today's customer is {{context.customer}}; it costs $5.\n");
    assert_int_equal(support->tools_n, 3);
    assert_string_equal(support->tools[0]->name, "refund");
    assert_string_equal(support->tools[1]->name, "now");
    assert_string_equal(support->tools[2]->name, "list");
    assert_int_equal(support->limits.steps, 40);
    assert_int_equal(support->limits.wall_ms, 3600000);
    assert_int_equal(support->limits.tokens, 200000);
    assert_int_equal(support->limits.nanousd, 500000000);
    assert_int_equal(support->limits.crashes, 2);
    assert_int_equal(support->window_messages, 200);
    assert_int_equal(player->tools_n, 0);
    assert_int_equal(player->limits.tokens, 0);
    assert_int_equal(player->limits.nanousd, 0);
    assert_null(config_agent(config, SLICE_LIT("suppor")));
    config_free(config);
}

static void what_is_absent_has_its_default(void **state)
{
    struct config *config = test_load_good("models:\n  m: { provider: scripted, replies: [] }\n"
                                           "agents:\n  a: { model: m, instructions: x, tools: [t] }"
                                           "\n"
                                           "tools: { t: { description: x, exec: { command: ls } } "
                                           "}\n"
                                           "limits:\n");
    const struct config_tool *tool = &config->tools[0];
    char path[320];

    (void)state;
    (void)snprintf(path, sizeof(path), "sqlite:%s/pawl.db", test_dir);
    assert_string_equal(config->listen_host, "127.0.0.1");
    assert_int_equal(config->listen_port, 7295);
    assert_string_equal(config->store, path);
    assert_int_equal(config->limits.request_bytes, 1048576);
    assert_int_equal(config->limits.instructions_bytes, 262144);
    assert_int_equal(config->limits.tool_output_bytes, 262144);
    assert_int_equal(config->limits.tool_calls, 32);
    assert_int_equal(config->limits.streams, 10000);
    assert_int_equal(config->limits.response_bytes, 64 * 1024 * 1024);
    assert_int_equal(config->agents[0].limits.steps, 1000);
    assert_int_equal(config->agents[0].limits.wall_ms, 24 * 3600 * 1000);
    assert_true(config->limits.tool_runs >= 8);
    assert_int_equal(config->limits.model_calls, 10000);
    assert_int_equal(config->limits.crashes, 5);
    assert_int_equal(config->models[0].max_output_tokens, 4096);
    assert_int_equal(config->models[0].timeout_ms, 600000);
    assert_int_equal(config->models[0].retry.attempts, 3);
    assert_false(tool->has_network);
    assert_int_equal(tool->timeout_ms, 60000);
    assert_int_equal(tool->cpu_ms, 60000);
    assert_int_equal(tool->memory_bytes, 2147483648);
    assert_int_equal(tool->processes_max, 128);
    assert_int_equal(tool->file_bytes_max, 268435456);
    assert_null(tool->read_paths[0]);
    assert_null(tool->write_paths[0]);
    assert_int_equal(tool->secrets_n, 0);
    assert_int_equal(tool->retry.attempts, 3);
    assert_int_equal(tool->retry.first_ms, 1000);
    assert_int_equal(tool->retry.max_ms, 30000);
    assert_int_equal(config->agents[0].limits.steps, 1000);
    assert_int_equal(config->agents[0].limits.wall_ms, 86400000);
    config_free(config);
}

static void other_ways_to_say_it(void **state)
{
    static const char rest[] = "models:\n  m: { provider: scripted, replies: [] }\n"
                               "agents:\n  a: { model: m, instructions: x }\n";
    static const struct {
        const char *text;
        const char *host;
        uint16_t port;
        const char *store;
        const char *file;
    } cases[] = {
        { "listen: localhost:80\nstore: 'mem:'\n", "127.0.0.1", 80, "mem:", NULL },
        { "listen: 127.0.0.1:0\nstore: sqlite:/a/b.db\n", "127.0.0.1", 0, "sqlite:/a/b.db",
          "/a/b.db" },
        { "listen: 127.0.0.1:65535\nstore: 'mem:'\n", "127.0.0.1", 65535, "mem:", NULL },
        { "listen: 0.0.0.0:80\nstore: 'mem:'\n", "0.0.0.0", 80, "mem:", NULL },
        { "listen: '[2001:db8::1]:80'\nstore: 'mem:'\n", "2001:db8::1", 80, "mem:", NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[512];

        (void)snprintf(text, sizeof(text), "%s%s", cases[i].text, rest);
        struct config *config = test_load_good(text);

        assert_string_equal(config->listen_host, cases[i].host);
        assert_int_equal(config->listen_port, cases[i].port);
        assert_string_equal(config->store, cases[i].store);
        if (cases[i].file)
            assert_string_equal(config_store_path(config), cases[i].file);
        else
            assert_null(config_store_path(config));
        config_free(config);
    }
}

static void a_relative_path_is_found_from_where_one_is(void **state)
{
    struct config *config = NULL;
    struct buf report;
    struct err err = { 0 };
    char *before = getcwd(NULL, 0);

    (void)state;
    test_write("pawl.yaml", full, 0600);
    assert_int_equal(chdir(test_dir), 0);
    assert_int_equal(config_load(&config, "pawl.yaml", &test_known, &report, &err), ERR_NONE);
    assert_int_equal(chdir(before), 0);
    assert_string_equal(config->dir, test_dir);
    buf_release(&report);
    config_free(config);
    free(before);
}

static void what_nobody_uses_is_a_warning(void **state)
{
    static const char text[] =
        "accounts: { spare: { provider: scripted } }\n"
        "models:\n  m: { provider: scripted, replies: [] }\n"
        "  idle: { provider: scripted, replies: [] }\n"
        "agents:\n  a: { model: m, instructions: x }\n"
        "tools:\n  now: { builtin: now, parameters: { type: object, propertis: {} } }\n";
    static const char *const wanted[] = {
        "pawl.yaml:1:13: warning: no model uses accounts.spare\n",
        "pawl.yaml:4:3: warning: no agent uses models.idle\n",
        "pawl.yaml:8:3: warning: no agent uses tools.now\n",
        ("pawl.yaml:8:52: warning: tools.now.parameters.propertis is no keyword of JSON Schema; "
         "did "
         "you mean 'properties'?\n"),
    };
    struct buf report;
    struct err err;
    struct config *config = test_load(text, &report, &err);

    (void)state;
    assert_non_null(config);
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        if (!strstr(buf_cstr(&report), wanted[i]))
            fail_msg("wanted '%s', but the report is: %s", wanted[i], buf_cstr(&report));
    buf_release(&report);
    config_free(config);
}

static void the_template_works_at_once(void **state)
{
    struct config *config = test_load_good(config_template);
    const struct config_agent *hello = config_agent(config, SLICE_LIT("hello"));

    (void)state;
    assert_non_null(hello);
    assert_int_equal(hello->tools_n, 2);
    assert_int_equal(hello->model->account->provider, PROVIDER_SCRIPTED);
    config_free(config);
}

/* The template with its scripted model replaced by the commented one, as its text tells people. */
static void the_other_model_of_the_template_works(void **state)
{
    struct buf text = { .max = 65536 };
    const char *scripted = strstr(config_template, "  main:\n    provider: scripted");
    const char *comment = strstr(config_template, "  # main:\n");
    const char *tools_at = strstr(config_template, "tools:\n");

    (void)state;
    assert_true(scripted && comment && tools_at);
    buf_put(&text, (struct slice){ config_template, (size_t)(scripted - config_template) });
    for (const char *at = comment; at < tools_at; at = strchr(at, '\n') + 1) {
        size_t len = (size_t)(strchr(at, '\n') - at) + 1;

        if (len > 4 && memcmp(at, "  # ", 4) == 0)
            buf_put(&text, (struct slice){ "  ", 2 });
        buf_put(&text, len > 4 ? (struct slice){ at + 4, len - 4 } : SLICE_LIT("\n"));
    }
    buf_puts(&text, tools_at);
    assert_int_equal(setenv("OPENAI_API_KEY", "k", 1) || unsetenv("OPENAI_BASE_URL"), 0);
    struct config *config = test_load_good(buf_cstr(&text));
    const struct config_model *model = config_model(config, SLICE_LIT("main"));

    assert_int_equal(model->account->provider, PROVIDER_OPENAI);
    assert_int_equal(model->price.output, 2000);
    config_free(config);
    buf_release(&text);
}

/* docs/configuration.md, from the source folder that the build names. */
static char *read_document(void)
{
    const char *source = getenv("PAWL_SOURCE");
    char path[4096];
    char *text = xcalloc(DOCUMENT_BYTES_MAX, 1);

    (void)snprintf(path, sizeof(path), "%s/docs/configuration.md", source ? source : ".");
    FILE *file = fopen(path, "re");

    assert_non_null(file);
    assert_true(fread(text, 1, DOCUMENT_BYTES_MAX - 1, file) > 0);
    assert_int_equal(fclose(file), 0);
    return text;
}

/* The text between two marks; the caller frees it. */
static char *between(const char *text, const char *begin, const char *end)
{
    const char *from = strstr(text, begin);

    assert_non_null(from);
    from += strlen(begin);
    const char *to = strstr(from, end);

    assert_non_null(to);
    return strndup(from, (size_t)(to - from));
}

static void the_reference_in_the_documentation_is_the_table(void **state)
{
    struct buf reference = { .max = REFERENCE_BYTES_MAX };
    char *document = read_document();
    char *written = between(document, "<!-- reference: begin -->\n", "<!-- reference: end -->");

    (void)state;
    config_reference(&reference);
    if (strcmp(written, buf_cstr(&reference)) != 0) {
        (void)fprintf(stderr, "between the marks belongs:\n%s", buf_cstr(&reference));
        fail_msg("docs/configuration.md is not what the table of keys says");
    }
    free(written);
    free(document);
    buf_release(&reference);
}

static void the_example_in_the_documentation_works(void **state)
{
    char *document = read_document();
    char *example = between(document, "```yaml\n", "```\n");

    (void)state;
    assert_int_equal(setenv("OPENAI_API_KEY", "k", 1), 0);
    struct config *config = test_load_good(example);

    assert_true(config->agents_n > 0);
    config_free(config);
    free(example);
    free(document);
}

static int environment_set(void **state)
{
    return test_folder_make(state) || setenv("T_TOKEN", "hunter2", 1) || unsetenv("PAWL_T_URL");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_arrives),
        cmocka_unit_test(accounts_and_models),
        cmocka_unit_test(tools),
        cmocka_unit_test(agents),
        cmocka_unit_test(what_is_absent_has_its_default),
        cmocka_unit_test(other_ways_to_say_it),
        cmocka_unit_test(a_relative_path_is_found_from_where_one_is),
        cmocka_unit_test(what_nobody_uses_is_a_warning),
        cmocka_unit_test(the_template_works_at_once),
        cmocka_unit_test(the_other_model_of_the_template_works),
        cmocka_unit_test(the_reference_in_the_documentation_is_the_table),
        cmocka_unit_test(the_example_in_the_documentation_works),
    };
    return cmocka_run_group_tests(tests, environment_set, test_folder_remove);
}
