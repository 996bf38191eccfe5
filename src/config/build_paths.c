/* build_paths.c - what commands may read and write beside their own, and that none can change
 * what pawl or another command relies on. */
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/build.h"

static const char *const *build_reads(struct build *build, const struct yaml_node *list)
{
    size_t n = list ? list->count : 0;
    const char **paths = arena_alloc(build->impl->arena, (n + 1) * sizeof(*paths));

    for (const struct yaml_node *node = list ? list->first : NULL; node; node = node->next) {
        if (node->is_bad)
            continue;
        paths[node->index] = build_path(build, node->text);
        if (access(paths[node->index], F_OK))
            report_error(build->report, node->at, "%s: there is no file or folder %s",
                         yaml_path(node).text, quote(node->written).text);
    }
    return paths;
}

/* By its real path, so that every name of a folder is the same folder. */
static const char *const *build_writes(struct build *build, const struct yaml_node *list)
{
    size_t n = list ? list->count : 0;
    const char **paths = arena_alloc(build->impl->arena, (n + 1) * sizeof(*paths));

    for (const struct yaml_node *node = list ? list->first : NULL; node; node = node->next) {
        char real[PATH_MAX];
        struct stat st;

        if (node->is_bad)
            continue;
        if (!realpath(build_path(build, node->text), real) || stat(real, &st) ||
            !S_ISDIR(st.st_mode))
            report_error(build->report, node->at, "%s: there is no folder %s", yaml_path(node).text,
                         quote(node->written).text);
        else
            paths[node->index] = build_text(build, slice_of(real));
    }
    return paths;
}

void build_paths(struct build *build, struct config_tool *tool, struct fields exec)
{
    tool->read_paths = build_reads(build, fields_node(exec, "read"));
    tool->write_paths = build_writes(build, fields_node(exec, "write"));
}

/* Is path the folder, or in it? Both are real paths. */
static int lies_in(const char *path, const char *folder)
{
    size_t len = strlen(folder);

    if (strcmp(folder, "/") == 0)
        return 1;
    return strncmp(path, folder, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* Does the folder hold the path by any of its names: as it is written, and where a link leads? A
 * file that is not there yet has its folder's. */
static int holds(const char *folder, const char *path)
{
    char parent[PATH_MAX];
    char real[PATH_MAX];
    const char *slash = strrchr(path, '/');

    if (realpath(path, real) && lies_in(real, folder))
        return 1;
    ASSERT(slash); /* paths are absolute here */
    if ((size_t)(slash - path) >= sizeof(parent))
        return 1; /* nothing that can be told: refuse */
    memcpy(parent, path, (size_t)(slash - path));
    parent[slash - path] = '\0';
    return realpath(parent[0] ? parent : "/", real) && lies_in(real, folder);
}

/* One of these paths lies deeper in the folder: a tool could put a link in its place. */
static int holds_any(const char *folder, const char *const *paths)
{
    char real[PATH_MAX];

    for (size_t i = 0; paths[i]; i++)
        if (realpath(paths[i], real) && strcmp(real, folder) != 0 && lies_in(real, folder))
            return 1;
    return 0;
}

static int holds_program(struct build *build, const char *folder, const char *const *argv)
{
    return strchr(argv[0], '/') && holds(folder, build_path(build, slice_of(argv[0])));
}

/* What some command relies on and this folder holds; NULL: nothing. */
static const char *held_of_tools(struct build *build, const char *folder)
{
    const struct config *config = build->config;

    for (size_t i = 0; i < config->tools_n; i++) {
        const struct config_tool *tool = &config->tools[i];

        if (tool->kind != TOOL_KIND_EXEC)
            continue;
        if (holds_program(build, folder, tool->command) ||
            (tool->reconcile && holds_program(build, folder, tool->reconcile)))
            return "the command of a tool";
        if (holds_any(folder, tool->read_paths))
            return "what stands in the 'read' of a tool";
        if (holds_any(folder, tool->write_paths))
            return "what stands in the 'write' of a tool";
    }
    return NULL;
}

static const char *held(struct build *build, const char *folder)
{
    static const char scheme[] = "sqlite:";
    const struct config *config = build->config;
    const char *slash = strrchr(config->path, '/');
    const char *name = slash ? slash + 1 : config->path;

    if (holds(folder, build_path(build, slice_of(name)))) /* itself, and what a link leads to */
        return "this configuration";
    if (strncmp(config->store, scheme, strlen(scheme)) == 0 &&
        holds(folder, config->store + strlen(scheme)))
        return "the store";
    return held_of_tools(build, folder);
}

void build_write_paths(struct build *build)
{
    const struct yaml_node *tools = fields_node(build->top, "tools");

    for (const struct yaml_node *node = tools ? tools->first : NULL; node; node = node->next) {
        struct fields tool = { node, SECTION_TOOL };
        const struct yaml_node *list =
            fields_has(tool, "exec") ? fields_node(fields_inner(tool, "exec"), "write") : NULL;

        for (const struct yaml_node *item = list ? list->first : NULL; item; item = item->next) {
            const char *what = held(build, build->tools[node->index].write_paths[item->index]);

            if (what)
                report_error(build->report, item->at,
                             "%s: %s holds %s; tools may change folders of their own only",
                             yaml_path(item).text, quote(item->written).text, what);
        }
    }
}
