/* build_model.c - accounts and models, and the scripts of scripted models. */
#include <stdlib.h>

#include "config/build.h"
#include "config/file.h"
#include "config/yaml_json.h"

#define OPENAI_URL "https://api.openai.com/v1"

enum { SCRIPTS_BYTES_MAX = 64 * 1024 * 1024 };

static int is_printable(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] <= ' ' || text.ptr[i] > '~')
            return 0;
    return 1;
}

static int is_url(struct slice url)
{
    static const char *const schemes[] = { "http://", "https://" };

    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        size_t len = strlen(schemes[i]);

        if (url.len > len && memcmp(url.ptr, schemes[i], len) == 0 && url.ptr[len] != '/')
            return is_printable(url) && !strpbrk(url.ptr, "?#@\"<>\\");
    }
    return 0;
}

static const char *build_url(struct build *build, struct fields fields)
{
    const struct yaml_node *node = fields_node(fields, "base_url");
    struct slice url = node ? node->text : SLICE_LIT(OPENAI_URL);

    while (url.len > 0 && url.ptr[url.len - 1] == '/')
        url.len--;
    if (node && !is_url(url))
        report_error(build->report, node->at,
                     "%s: %s is no address; write it as in " OPENAI_URL ", without ?, # and a user",
                     yaml_path(node).text, quote(node->written).text);
    return build_text(build, url);
}

static const char *build_key(struct build *build, struct fields fields, const char *base_url)
{
    const struct yaml_node *node = fields_node(fields, "api_key");
    CLEANUP(buf_release) struct buf key = { .max = PATH_BYTES_MAX };

    if (node && !is_printable(node->text))
        report_error(build->report, node->at,
                     "%s holds a space, a line break or another character that no key has; look "
                     "at how the variable is set",
                     yaml_path(node).text);
    if (!fields_has(fields, "api_key") && strcmp(base_url, OPENAI_URL) == 0)
        report_error(build->report, yaml_where(fields.map),
                     "'api_key' is missing in %s: write api_key: ${OPENAI_API_KEY}, and export "
                     "that variable before pawl starts",
                     yaml_path(fields.map).text);
    if (node && node->text.len == 0 && strcmp(base_url, OPENAI_URL) == 0)
        report_error(build->report, node->at, "%s is empty; OpenAI needs a key",
                     yaml_path(node).text);
    if (!node || node->text.len == 0)
        return "";
    buf_put(&key, node->text);
    return build_own(build, &key);
}

static void refuse_fields(struct build *build, struct fields fields, const char *const *names,
                          const char *why)
{
    for (size_t i = 0; names[i]; i++) {
        const struct yaml_node *node = yaml_get(fields.map, names[i]);

        if (node)
            report_error(build->report, node->name_at, "'%s' in %s %s; remove it", names[i],
                         yaml_path(fields.map).text, why);
    }
}

/* From an account's own section or, in short, from a model's. */
static void build_account(struct build *build, struct config_account *account, const char *name,
                          struct fields fields)
{
    static const char *const of_network[] = { "base_url", "api_key", NULL };

    account->name = name;
    account->base_url = "";
    account->api_key = "";
    if (fields.map->is_bad)
        return;
    if (slice_is(fields_text(fields, "provider"), "scripted")) {
        account->provider = PROVIDER_SCRIPTED;
        refuse_fields(build, fields, of_network, "means nothing to a script");
        return;
    }
    account->provider = PROVIDER_OPENAI;
    if (!fields_node(fields, "provider"))
        return; /* reported; there is no telling what else it needs */
    account->base_url = build_url(build, fields);
    account->api_key = build_key(build, fields, account->base_url);
}

static struct price build_price(struct fields fields)
{
    struct price price = {
        .input = fields_number(fields, "input"),
        .cached_input = fields_number(fields, "cached_input"),
        .output = fields_number(fields, "output"),
    };

    if (!fields_node(fields, "cached_input"))
        price.cached_input = price.input;
    return price;
}

/* Takes over the JSON of `script`, a mapping with `replies`, checked by those who know scripts. */
static const char *check_script(struct build *build, struct buf *json,
                                const struct yaml_node *script)
{
    const struct yaml_node *whole = yaml_follow(script, "replies");
    struct err err = { 0 };

    if (json->len > SCRIPTS_BYTES_MAX - build->script_bytes) {
        report_error(build->report, yaml_where(whole),
                     "the scripts together are larger than %d MiB",
                     SCRIPTS_BYTES_MAX / 1024 / 1024);
        return NULL;
    }
    build->script_bytes += json->len;
    if (build->known->script_check(buf_slice(json), &err)) {
        const struct yaml_node *wrong = yaml_follow(script, err.msg);

        report_error(build->report, yaml_where(wrong != script ? wrong : whole),
                     "the script is wrong: %s", err.msg);
        return NULL;
    }
    return build_own(build, json);
}

static const char *script_inline(struct build *build, const struct yaml_node *replies)
{
    CLEANUP(buf_release) struct buf json = { .max = YAML_JSON_MAX };

    json_begin(&json, '{');
    json_key(&json, "replies");
    int is_fine = yaml_json_write(&json, replies, build->report);

    json_end(&json, '}');
    return is_fine ? check_script(build, &json, replies->parent) : NULL;
}

static void free_doc(struct yaml **doc)
{
    yaml_free(*doc);
}

/* The script's file for people: as it is written, beside the configuration's as it was given. */
static const char *shown_name(struct build *build, const struct yaml_node *script)
{
    CLEANUP(buf_release) struct buf name = { .max = PATH_BYTES_MAX };
    const char *slash = strrchr(build->config->path, '/');

    if (slash && script->written.ptr[0] != '/')
        buf_put(&name,
                (struct slice){ build->config->path, (size_t)(slash - build->config->path) + 1 });
    buf_put(&name, script->written);
    return build_text(build, buf_slice(&name));
}

static const char *script_file(struct build *build, const struct yaml_node *node)
{
    const char *name = shown_name(build, node);
    CLEANUP(buf_release) struct buf text = { .max = YAML_BYTES_MAX + 1 };
    CLEANUP(buf_release) struct buf json = { .max = YAML_JSON_MAX };
    CLEANUP(free_doc) struct yaml *doc = NULL;
    struct err err = { 0 };
    size_t errors = report_errors(build->report);

    if (file_read(&text, build_path(build, node->text), &err)) {
        report_error(build->report, node->at, "%s: cannot read %s: %s", yaml_path(node).text,
                     quote(node->written).text, err.msg);
        return NULL;
    }
    doc = yaml_read(name, buf_slice(&text), build->report);
    if (!doc || report_errors(build->report) > errors ||
        !yaml_json_write(&json, yaml_root(doc), build->report))
        return NULL;
    return check_script(build, &json, yaml_root(doc));
}

static const char *build_script(struct build *build, struct fields fields)
{
    const struct yaml_node *file = fields_node(fields, "script");
    const struct yaml_node *replies = fields_node(fields, "replies");

    if (file && replies)
        report_error(build->report, replies->name_at,
                     "%s has both 'script' and 'replies'; remove one", yaml_path(fields.map).text);
    else if (file)
        return script_file(build, file);
    else if (replies)
        return script_inline(build, replies);
    else if (!fields_has(fields, "script") && !fields_has(fields, "replies"))
        report_error(build->report, yaml_where(fields.map),
                     "%s is scripted and needs 'script' (a file) or 'replies'",
                     yaml_path(fields.map).text);
    return NULL;
}

static const struct config_account *find_account(struct build *build, struct fields fields)
{
    const struct yaml_node *ref = fields_node(fields, "account");
    const struct yaml_node *found = ref ? build_find(build, "accounts", ref) : NULL;

    if (!found || !fields_node((struct fields){ found, SECTION_ACCOUNT }, "provider"))
        return NULL;
    return &build->accounts[found->index];
}

/*
 * The account that a model names, or the one that its `provider` is short for. NULL: reported, and
 * there is no telling what else the model needs.
 */
static const struct config_account *model_account(struct build *build, struct fields fields)
{
    static const char *const of_account[] = { "base_url", "api_key", NULL };
    int has_account = fields_has(fields, "account");
    int has_provider = fields_has(fields, "provider");

    if (has_account && has_provider)
        report_error(build->report, yaml_get(fields.map, "provider")->name_at,
                     "%s has both 'account' and 'provider'; remove one",
                     yaml_path(fields.map).text);
    if (has_account) {
        refuse_fields(build, fields, of_account, "belongs to the account");
        return find_account(build, fields);
    }
    if (!has_provider) {
        report_error(build->report, yaml_where(fields.map),
                     "%s needs 'account', or 'provider' for an account of its own",
                     yaml_path(fields.map).text);
        return NULL;
    }
    if (!fields_node(fields, "provider"))
        return NULL;
    struct config_account *own = &build->accounts[build->config->accounts_n++];

    build_account(build, own, build_text(build, slice_of(yaml_path(fields.map).text)), fields);
    return own;
}

static const char *model_id(struct build *build, struct fields fields, int is_scripted)
{
    struct slice id = fields_text(fields, "model");

    if (id.ptr)
        return build_text(build, id);
    if (!is_scripted && !fields_has(fields, "model"))
        report_error(build->report, yaml_where(fields.map),
                     "'model' is missing in %s: what the provider calls the model",
                     yaml_path(fields.map).text);
    return "scripted";
}

static void build_model(struct build *build, struct config_model *model, struct fields fields)
{
    static const char *const of_script[] = { "script", "replies", NULL };

    model->name = build_text(build, slice_of(fields.map->name));
    if (fields.map->is_bad)
        return;
    model->account = model_account(build, fields);
    model->max_output_tokens = fields_number(fields, "max_output_tokens");
    model->timeout_ms = fields_number(fields, "timeout");
    model->idle_timeout_ms = fields_number(fields, "idle_timeout");
    model->is_streamed = !slice_is(fields_text(fields, "stream"), "false");
    model->price = build_price(fields_inner(fields, "price"));
    model->has_price = fields_inner(fields, "price").map != NULL;
    model->retry = build_retry(build, fields_inner(fields, "retry"));
    if (!model->account)
        return;
    int is_scripted = model->account->provider == PROVIDER_SCRIPTED;

    model->model = model_id(build, fields, is_scripted);
    if (is_scripted)
        model->script = build_script(build, fields);
    else
        refuse_fields(build, fields, of_script, "is for provider: scripted");
}

void build_models(struct build *build)
{
    struct config *config = build->config;
    const struct yaml_node *accounts = fields_node(build->top, "accounts");
    const struct yaml_node *models = fields_node(build->top, "models");
    size_t accounts_n = accounts ? accounts->count : 0;
    size_t models_n = models ? models->count : 0;

    build->accounts =
        arena_alloc(build->impl->arena, (accounts_n + models_n) * sizeof(*build->accounts));
    build->models = arena_alloc(build->impl->arena, models_n * sizeof(*build->models));
    config->accounts = build->accounts;
    config->accounts_n = accounts_n;
    config->models = build->models;
    config->models_n = models_n;
    for (const struct yaml_node *node = accounts ? accounts->first : NULL; node; node = node->next)
        build_account(build, &build->accounts[node->index], build_text(build, slice_of(node->name)),
                      (struct fields){ node, SECTION_ACCOUNT });
    for (const struct yaml_node *node = models ? models->first : NULL; node; node = node->next)
        build_model(build, &build->models[node->index], (struct fields){ node, SECTION_MODEL });
}
