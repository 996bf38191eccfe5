/* build_paths.c - what commands may read and write beside their own, and that none can change
 * what pawl or another command relies on. */
#include <limits.h>
#include <stdio.h>
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

/* ---- what is relied on must not lie in what tools may change ---- */

enum { LINKS_MAX = 40 }; /* as many as Linux follows */

/* In this folder a name is looked up that something is found by: who may change the folder could
 * put a link in its place, even if what the name leads to now lies elsewhere. */
struct relied {
    const char *folder; /* a real path; NULL: nobody can tell */
    const char *what;
    struct relied *next;
};

struct relied_list {
    struct build *build;
    struct relied *first;
    struct relied **end;
};

static void add(struct relied_list *list, const char *folder, const char *what)
{
    struct relied *relied = arena_alloc(list->build->impl->arena, sizeof(*relied));

    *relied =
        (struct relied){ folder ? build_text(list->build, slice_of(folder)) : NULL, what, NULL };
    *list->end = relied;
    list->end = &relied->next;
}

/* If what way[0..len) names is a link, in the folder, it gives place to what it leads to. 0: it is
 * none; below 0: the way gets too long. */
static int follow(char way[PATH_MAX], size_t len, const char *folder)
{
    char link[PATH_MAX];
    char target[PATH_MAX];
    char rest[PATH_MAX];

    (void)snprintf(link, sizeof(link), "%.*s", (int)len, way);
    ssize_t n = readlink(link, target, sizeof(target) - 1);

    if (n < 0)
        return 0;
    target[n] = '\0';
    (void)snprintf(rest, sizeof(rest), "%s", way + len);
    int is_absolute = target[0] == '/';
    int needed = snprintf(way, PATH_MAX, "%s/%s%s", is_absolute ? "" : folder, target, rest);

    return needed < PATH_MAX ? 1 : -1;
}

static int is_dots(const char *name, size_t len)
{
    return (len == 1 && name[0] == '.') || (len == 2 && memcmp(name, "..", 2) == 0);
}

/* Every folder that the path, which is absolute, leads through: as it is written, and as the links
 * on its way lead on. A name that is not there yet has its folder, too. */
static void add_way(struct relied_list *list, const char *path, const char *what)
{
    char way[PATH_MAX];
    unsigned links = 0;
    size_t end;

    if ((size_t)snprintf(way, sizeof(way), "%s", path) >= sizeof(way)) {
        add(list, NULL, what);
        return;
    }
    for (size_t at = strspn(way, "/"); way[at]; at = end + strspn(way + end, "/")) {
        char parent[PATH_MAX];
        char folder[PATH_MAX];

        end = at + strcspn(way + at, "/");
        if (is_dots(way + at, end - at))
            continue;
        (void)snprintf(parent, sizeof(parent), "%.*s", (int)at, way);
        if (!realpath(parent, folder))
            return;
        add(list, folder, what);
        int followed = follow(way, end, folder);

        if (followed < 0 || (followed > 0 && ++links > LINKS_MAX)) {
            add(list, NULL, what);
            return;
        }
        if (followed > 0)
            end = 0;
    }
}

static void add_program(struct relied_list *list, const char *const *argv)
{
    if (strchr(argv[0], '/'))
        add_way(list, build_path(list->build, slice_of(argv[0])), "the command of a tool");
}

static const struct yaml_node *write_list(const struct yaml_node *node)
{
    struct fields tool = { node, SECTION_TOOL };

    return fields_has(tool, "exec") ? fields_node(fields_inner(tool, "exec"), "write") : NULL;
}

static void add_tool(struct relied_list *list, const struct yaml_node *node)
{
    const struct config_tool *tool = &list->build->tools[node->index];
    const struct yaml_node *writes = write_list(node);

    if (tool->kind != TOOL_KIND_EXEC)
        return;
    add_program(list, tool->command);
    if (tool->reconcile)
        add_program(list, tool->reconcile);
    for (size_t i = 0; tool->read_paths[i]; i++)
        add_way(list, tool->read_paths[i], "what stands in the 'read' of a tool");
    /* As they are written: the next start finds them by that. */
    for (const struct yaml_node *item = writes ? writes->first : NULL; item; item = item->next)
        add_way(list, build_path(list->build, item->text), "what stands in the 'write' of a tool");
}

static void add_all(struct relied_list *list, const struct yaml_node *tools)
{
    const struct config *config = list->build->config;
    const char *store = config_store_path(config);
    const char *slash = strrchr(config->path, '/');
    const char *name = slash ? slash + 1 : config->path;

    add_way(list, build_path(list->build, slice_of(name)), "this configuration");
    if (store)
        add_way(list, store, "the store");
    for (const struct yaml_node *node = tools ? tools->first : NULL; node; node = node->next)
        add_tool(list, node);
}

/* Is path the folder, or in it? Both are real paths. */
static int lies_in(const char *path, const char *folder)
{
    size_t len = strlen(folder);

    if (strcmp(folder, "/") == 0)
        return 1;
    return strncmp(path, folder, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* What is relied on and this folder holds; NULL: nothing. */
static const char *held(const struct relied_list *list, const char *folder)
{
    for (const struct relied *relied = list->first; relied; relied = relied->next)
        if (!relied->folder || lies_in(relied->folder, folder))
            return relied->what;
    return NULL;
}

void build_write_paths(struct build *build)
{
    const struct yaml_node *tools = fields_node(build->top, "tools");
    struct relied_list relied = { .build = build };

    relied.end = &relied.first;
    add_all(&relied, tools);
    for (const struct yaml_node *node = tools ? tools->first : NULL; node; node = node->next) {
        const struct yaml_node *list = write_list(node);

        for (const struct yaml_node *item = list ? list->first : NULL; item; item = item->next) {
            const char *what = held(&relied, build->tools[node->index].write_paths[item->index]);

            if (what)
                report_error(build->report, item->at,
                             "%s: %s holds %s; tools may change folders of their own only",
                             yaml_path(item).text, quote(item->written).text, what);
        }
    }
}
