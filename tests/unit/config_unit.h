/*
 * config_unit.h - a folder with a pawl.yaml and what it may name, loaded with other rooms'
 * knowledge stood in for: the builtins `now`, `echo` and `sleep_until`, and scripts that are one
 * without the word WRONG.
 */
#ifndef UNIT_CONFIG_UNIT_H
#define UNIT_CONFIG_UNIT_H

#include "unit/unit.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/json.h"
#include "config/config.h"

enum { SCRIPT_BYTES_MAX = 1024 * 1024 };

static char test_dir[64];

static inline int known_builtin(struct slice name, const char **ret_description,
                                const char **ret_parameters)
{
    if (!slice_is(name, "now") && !slice_is(name, "echo") && !slice_is(name, "sleep_until"))
        return 0;
    *ret_description = "A builtin.";
    *ret_parameters = "{\"type\": \"object\", \"properties\": {}}";
    return 1;
}

static inline const char *known_builtin_name(size_t i)
{
    static const char *const names[] = { "now", "echo", "sleep_until", NULL };

    return names[i];
}

static inline enum err_code known_script_check(struct slice script, struct err *err)
{
    CLEANUP(json_cleanup) struct json *root = NULL;

    if (json_read(&root, script, SCRIPT_BYTES_MAX, err))
        return err->code;
    if (json_kind(json_get(root, "replies")) != JSON_KIND_ARRAY)
        return err_set(err, ERR_INVALID, "'replies' must be a list");
    if (memmem(script.ptr, script.len, "WRONG", 5))
        return err_set(err, ERR_INVALID, "replies[0]: there is no 'WRONG'");
    return ERR_NONE;
}

static const struct config_known test_known = { known_builtin, known_builtin_name,
                                                known_script_check };

/* A path in the test's folder; good until the next call. */
static inline const char *test_path(const char *name)
{
    static char path[256];

    (void)snprintf(path, sizeof(path), "%s/%s", test_dir, name);
    return path;
}

static inline void test_write(const char *name, const char *text, mode_t mode)
{
    int fd = open(test_path(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(close(fd), 0);
}

/* Loads text as pawl.yaml. NULL if it was refused; the report is in *report, to be released. */
static inline struct config *test_load(const char *text, struct buf *report, struct err *err)
{
    struct config *config = NULL;
    char path[256];

    test_write("pawl.yaml", text, 0600);
    (void)snprintf(path, sizeof(path), "%s", test_path("pawl.yaml"));
    *err = (struct err){ 0 };
    enum err_code code = config_load(&config, path, &test_known, report, err);

    assert_int_equal(code, err->code);
    assert_int_equal(code == ERR_NONE, config != NULL);
    return config;
}

/* Loads what must be right, with no warning. */
static inline struct config *test_load_good(const char *text)
{
    struct buf report;
    struct err err;
    struct config *config = test_load(text, &report, &err);

    if (!config || report.len > 0)
        fail_msg("%s: %s", err.msg, buf_cstr(&report));
    buf_release(&report);
    return config;
}

static inline int test_folder_make(void **state)
{
    (void)state;
    (void)snprintf(test_dir, sizeof(test_dir), "/tmp/pawl-config-%d", (int)getpid());
    if (mkdir(test_dir, 0700) || mkdir(test_path("data"), 0700) ||
        mkdir(test_path("shared"), 0700) || mkdir(test_path("shared/deep"), 0700) ||
        symlink("../tool.sh", test_path("shared/link.sh")) ||
        symlink("../data", test_path("shared/link")) ||
        symlink("shared/link.sh", test_path("outer.sh")) || symlink("circle", test_path("circle")))
        return -1;
    test_write("shared/run.sh", "#!/bin/sh\n", 0755);
    test_write("tool.sh", "#!/bin/sh\n", 0755);
    test_write("plain.sh", "#!/bin/sh\n", 0644);
    test_write("script.yaml", "replies:\n  - text: ${not expanded}\n", 0644);
    test_write("wrong.yaml", "# c\nreplies:\n  - text: WRONG\n", 0644);
    test_write("broken.yaml", "replies: [\n", 0644);
    return setenv("PAWL_T_KEY", "sk-hunter2", 1) || setenv("PAWL_T_SPACE", "hunter2 \n", 1) ||
           unsetenv("PAWL_T_UNSET");
}

static inline int test_folder_remove(void **state)
{
    static const char *const names[] = { "pawl.yaml",   "shared/run.sh",  "tool.sh",
                                         "plain.sh",    "script.yaml",    "wrong.yaml",
                                         "broken.yaml", "shared/link.sh", "shared/link",
                                         "outer.sh",    "circle" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        (void)unlink(test_path(names[i]));
    return rmdir(test_path("data")) || rmdir(test_path("shared/deep")) ||
           rmdir(test_path("shared")) || rmdir(test_dir);
}

#endif
