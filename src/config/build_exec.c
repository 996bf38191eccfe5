/* build_exec.c - commands of tools: is the program there, the limits, the secrets. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/build.h"

enum { SECRET_BYTES_MAX = 1024 * 1024 };

/* 0: it is a file that can be run; else an errno. */
static int cannot_run(const char *path)
{
    struct stat st;

    if (stat(path, &st))
        return errno;
    if (S_ISDIR(st.st_mode))
        return EISDIR;
    /* Not access(): to root all files seem runnable that anyone may run. */
    return st.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH) ? 0 : EACCES;
}

static int is_installed(struct slice name)
{
    static const char *const folders[] = { "/usr/local/bin", "/usr/bin", "/bin" };
    CLEANUP(buf_release) struct buf path = { .max = PATH_BYTES_MAX };

    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        buf_clear(&path);
        buf_putf(&path, "%s/", folders[i]);
        buf_put(&path, name);
        if (!cannot_run(buf_cstr(&path)))
            return 1;
    }
    return 0;
}

static void check_file(struct build *build, const struct yaml_node *node)
{
    struct slice path = node->text;
    int problem = cannot_run(build_path(build, path));
    char reason[96];

    if (path.len >= 3 && memcmp(path.ptr, "../", 3) == 0)
        report_error(build->report, node->at,
                     "%s: %s is outside of the folder of the configuration, which is all that the "
                     "sandbox shows of it; move it there",
                     yaml_path(node).text, quote(node->written).text);
    else if (problem == ENOENT)
        report_error(build->report, node->at,
                     "%s: there is no file %s; a relative path starts at the folder of the "
                     "configuration",
                     yaml_path(node).text, quote(node->written).text);
    else if (problem == EACCES)
        report_error(build->report, node->at, "%s: %s is not executable; run chmod +x on it",
                     yaml_path(node).text, quote(node->written).text);
    else if (problem)
        report_error(build->report, node->at, "%s: %s cannot be run: %s", yaml_path(node).text,
                     quote(node->written).text, strerror_r(problem, reason, sizeof(reason)));
}

static void check_program(struct build *build, const struct yaml_node *node)
{
    if (memchr(node->text.ptr, '/', node->text.len))
        check_file(build, node);
    else if (!is_installed(node->text))
        report_error(build->report, node->at,
                     "%s: there is no program %s in /usr/local/bin, /usr/bin or /bin; install it, "
                     "or write ./ before the name of a file beside the configuration",
                     yaml_path(node).text, quote(node->written).text);
}

static const char *const *build_argv(struct build *build, const struct yaml_node *command)
{
    size_t n = command && command->kind == YAML_LIST ? command->count : 1;
    const char **argv = arena_alloc(build->impl->arena, (n + 1) * sizeof(*argv));
    const struct yaml_node *program = command;

    if (!command)
        return argv;
    if (command->kind == YAML_LIST)
        program = command->first;
    if (!program) {
        report_error(build->report, command->at, "%s is empty; write [program, argument, ...]",
                     yaml_path(command).text);
        return argv;
    }
    if (program->is_bad)
        return argv;
    check_program(build, program);
    argv[0] = build_text(build, program->text);
    if (program != command)
        for (const struct yaml_node *node = program->next; node; node = node->next)
            argv[node->index] = build_text(build, node->text);
    return argv;
}

/* What pawl sets itself for every tool cannot be a secret of one. */
static int is_variable(struct slice name)
{
    size_t len =
        strspn(name.ptr, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");

    return len == name.len && len > 0 && !(name.ptr[0] >= '0' && name.ptr[0] <= '9') &&
           strncmp(name.ptr, "PAWL_", strlen("PAWL_")) != 0;
}

static int is_repeated(const struct yaml_node *item)
{
    for (const struct yaml_node *other = item->parent->first; other != item; other = other->next)
        if (slice_equal(other->text, item->text))
            return 1;
    return 0;
}

static struct config_secret build_secret(struct build *build, const struct yaml_node *node)
{
    struct config_secret secret = { build_text(build, node->text), "" };
    const char *value = getenv(secret.name);
    CLEANUP(buf_release) struct buf kept = { .max = SECRET_BYTES_MAX };
    struct err err;

    if (!is_variable(node->text))
        report_error(build->report, node->at,
                     "%s: %s is no name of a variable; write one such as SHOP_TOKEN, not "
                     "beginning with PAWL_",
                     yaml_path(node).text, quote(node->written).text);
    else if (is_repeated(node))
        report_error(build->report, node->at, "%s: %s stands here twice", yaml_path(node).text,
                     quote(node->written).text);
    else if (!value)
        report_error(build->report, node->at,
                     "%s: %s is not set in the environment; before pawl starts, export %s=...",
                     yaml_path(node).text, quote(node->written).text,
                     slice_equal(node->text, node->written) ? secret.name : "it");
    else if (buf_add(&kept, slice_of(value), &err))
        report_error(build->report, node->at, "%s: the value of %s is larger than 1 MiB",
                     yaml_path(node).text, quote(node->written).text);
    else
        secret.value = build_own(build, &kept);
    return secret;
}

static void build_secrets(struct build *build, struct config_tool *tool,
                          const struct yaml_node *list)
{
    size_t n = list ? list->count : 0;
    struct config_secret *secrets = arena_alloc(build->impl->arena, n * sizeof(*secrets));

    for (const struct yaml_node *node = list ? list->first : NULL; node; node = node->next)
        if (!node->is_bad)
            secrets[node->index] = build_secret(build, node);
    tool->secrets = secrets;
    tool->secrets_n = n;
}

void build_exec(struct build *build, struct config_tool *tool, struct fields exec)
{
    if (!exec.map)
        return; /* reported */
    tool->command = build_argv(build, fields_node(exec, "command"));
    build_paths(build, tool, exec);
    build_secrets(build, tool, fields_node(exec, "secrets"));
    tool->has_network = slice_is(fields_text(exec, "network"), "host");
    tool->timeout_ms = fields_number(exec, "timeout");
    tool->cpu_ms = fields_number(exec, "cpu");
    tool->memory_bytes = (uint64_t)fields_number(exec, "memory");
    tool->processes_max = (uint32_t)fields_number(exec, "processes");
    tool->file_bytes_max = (uint64_t)fields_number(exec, "file_size");
}

void build_reconcile(struct build *build, struct config_tool *tool, struct fields reconcile)
{
    if (!reconcile.map)
        return; /* reported */
    tool->reconcile = build_argv(build, fields_node(reconcile, "command"));
    tool->reconcile_timeout_ms = fields_number(reconcile, "timeout");
}
