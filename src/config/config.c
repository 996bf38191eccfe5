/* config.c - a file in, a struct config or a report out; and looking things up in it. */
#include "config/config.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "config/build.h"
#include "config/file.h"

/*
 * What is in the arena is bounded by the file: its texts with what the environment adds (12 MiB,
 * each at most a few times), a struct for each entry, and for each path the folder in front of it.
 */
enum { ARENA_MAX = 1024 * 1024 * 1024 };

static void free_doc(struct yaml **doc)
{
    yaml_free(*doc);
}

static void free_report(struct report **report)
{
    report_free(*report);
}

static void wipe_text(struct buf *text)
{
    if (text->data)
        explicit_bzero(text->data, text->len); /* keys may stand in it */
    buf_release(text);
}

static struct config_impl *impl_new(void)
{
    struct config_impl *impl = xcalloc(1, sizeof(*impl));

    impl->arena = arena_new(ARENA_MAX);
    return impl;
}

static void impl_free(struct config_impl *impl)
{
    if (!impl)
        return;
    for (size_t i = 0; i < impl->owned_n; i++) {
        explicit_bzero(impl->owned[i].text, impl->owned[i].len);
        free(impl->owned[i].text);
    }
    free(impl->owned);
    arena_free(impl->arena);
    free(impl);
}

static void free_impl(struct config_impl **impl)
{
    impl_free(*impl);
}

/* The absolute path of the folder that holds the file. */
static enum err_code folder_of(struct arena *arena, const char **ret_dir, const char *path,
                               struct err *err)
{
    char resolved[PATH_MAX];
    const char *slash = strrchr(path, '/');
    struct slice folder = { path, slash ? (size_t)(slash - path) : 0 };

    if (slash == path)
        folder = SLICE_LIT("/");
    if (!slash)
        folder = SLICE_LIT(".");
    if (!realpath(arena_str(arena, folder), resolved))
        return err_sys(err, errno, "the folder of %s", path);
    *ret_dir = arena_str(arena, slice_of(resolved));
    return ERR_NONE;
}

/* 1: *config is whole, and there is no error in the report. */
static int build_config(struct config_impl *impl, const struct config_known *known,
                        struct slice text, struct report *report)
{
    CLEANUP(free_doc) struct yaml *doc = yaml_read(impl->base.path, text, report);
    struct build build = { .impl = impl, .config = &impl->base, .known = known, .report = report };

    if (!doc)
        return 0;
    check_tree(doc, report);
    if (yaml_root(doc)->is_bad)
        return 0;
    build.top = (struct fields){ yaml_root(doc), SECTION_TOP };
    build_server(&build);
    build_models(&build);
    build_tools(&build);
    build_agents(&build);
    build_webhooks(&build);
    build_schedules(&build);
    build_triggers(&build);
    if (report_errors(report) == 0)
        build_write_paths(&build);
    if (report_errors(report) > 0)
        return 0;
    build_warnings(&build);
    return 1;
}

static enum err_code fail_unread(const char *path, struct report *report, struct err *err)
{
    report_error(report, (struct place){ .file = path }, "cannot be read: %s%s", err->msg,
                 err->code == ERR_NOT_FOUND ? "; 'pawl init' writes one to begin with" : "");
    return err_wrap(err, "%s", path);
}

static enum err_code load(struct config_impl *impl, const char *path,
                          const struct config_known *known, struct report *report, struct err *err)
{
    CLEANUP(wipe_text) struct buf text = { .max = YAML_BYTES_MAX + 1 };

    impl->base.path = arena_str(impl->arena, slice_of(path));
    if (file_read(&text, path, err) || folder_of(impl->arena, &impl->base.dir, path, err))
        return fail_unread(path, report, err);
    if (build_config(impl, known, buf_slice(&text), report))
        return ERR_NONE;
    size_t n = report_errors(report);

    return err_set(err, ERR_INVALID, "%s has %zu error%s", path, n, n == 1 ? "" : "s");
}

enum err_code config_load(struct config **ret_config, const char *path,
                          const struct config_known *known, struct buf *ret_report, struct err *err)
{
    CLEANUP(free_report) struct report *report = report_new(path);
    CLEANUP(free_impl) struct config_impl *impl = impl_new();
    struct buf lines = { .max = REPORT_TEXT_MAX };
    enum err_code code = load(impl, path, known, report, err);

    report_render(report, &lines);
    *ret_report = lines;
    if (code == ERR_NONE)
        *ret_config = &TAKE(impl)->base;
    return code;
}

void config_free(struct config *config)
{
    if (config)
        impl_free(CONTAINER_OF(config, struct config_impl, base));
}

const char *config_store_path(const struct config *config)
{
    static const char scheme[] = "sqlite:";
    size_t len = sizeof(scheme) - 1;

    return strncmp(config->store, scheme, len) == 0 ? config->store + len : NULL;
}

/* One entry of a section's array, by its name; each entry begins with it. */
static const void *find(const void *entries, size_t n, size_t size, struct slice name)
{
    for (size_t i = 0; i < n; i++) {
        const char *entry = (const char *)entries + i * size;
        const char *entry_name;

        memcpy(&entry_name, entry, sizeof(entry_name));
        if (slice_is(name, entry_name))
            return entry;
    }
    return NULL;
}

const struct config_account *config_account(const struct config *config, struct slice name)
{
    return find(config->accounts, config->accounts_n, sizeof(*config->accounts), name);
}

const struct config_model *config_model(const struct config *config, struct slice name)
{
    return find(config->models, config->models_n, sizeof(*config->models), name);
}

const struct config_tool *config_tool(const struct config *config, struct slice name)
{
    return find(config->tools, config->tools_n, sizeof(*config->tools), name);
}

const struct config_trigger *config_trigger(const struct config *config, struct slice name)
{
    return find(config->triggers, config->triggers_n, sizeof(*config->triggers), name);
}

const struct config_agent *config_agent(const struct config *config, struct slice name)
{
    return find(config->agents, config->agents_n, sizeof(*config->agents), name);
}
