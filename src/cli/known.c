#include "cli/known.h"

#include <stdio.h>

#include "base/utf8.h"
#include "cli/command.h"
#include "model/scripted.h"
#include "tool/builtin.h"

static int builtin(struct slice name, const char **ret_description, const char **ret_parameters)
{
    const struct builtin_info *info = builtin_find(name);

    if (!info)
        return 0;
    *ret_description = info->description;
    *ret_parameters = info->parameters;
    return 1;
}

static const char *builtin_name(size_t i)
{
    const struct builtin_info *info = builtin_at(i);

    return info ? info->name : NULL;
}

enum { REPORT_BYTES_MAX = 1024 * 1024 };

static enum err_code load(struct config **ret_config, const char *path, struct buf *report,
                          struct err *err)
{
    static const struct config_known known = {
        .builtin = builtin,
        .builtin_name = builtin_name,
        .script_check = scripted_check,
    };

    return config_load(ret_config, path, &known, report, err);
}

static void tell(const struct buf *report)
{
    CLEANUP(buf_release) struct buf visible = { .max = (size_t)12 * REPORT_BYTES_MAX };

    utf8_put_visible(&visible, buf_slice(report), 1);
    (void)fputs(buf_cstr(&visible), stderr);
}

static int load_or_tell(struct config **ret_config, const char *path, int with_warnings)
{
    CLEANUP(buf_release) struct buf report = { .max = REPORT_BYTES_MAX };
    struct err err = { 0 };
    int is_good = load(ret_config, path, &report, &err) == ERR_NONE;

    if (!is_good || with_warnings)
        tell(&report);
    return is_good ? EXIT_GOOD : command_fail(EXIT_CONFIG, "%s", err.msg);
}

int known_load(struct config **ret_config, const char *path)
{
    return load_or_tell(ret_config, path, 1);
}

struct config *known_try(const char *path)
{
    CLEANUP(buf_release) struct buf report = { .max = REPORT_BYTES_MAX };
    struct config *config = NULL;
    struct err err = { 0 };

    return load(&config, path, &report, &err) == ERR_NONE ? config : NULL;
}

int known_store_url(char **ret_url, const struct args *args)
{
    const char *url = args_value(args, "store", NULL);
    struct config *config = NULL;

    if (url) {
        *ret_url = xstrdup(url);
        return EXIT_GOOD;
    }
    int status = load_or_tell(&config, args_value(args, "config", "pawl.yaml"), 0);

    if (status == EXIT_GOOD)
        *ret_url = xstrdup(config->store);
    config_free(config);
    return status;
}
