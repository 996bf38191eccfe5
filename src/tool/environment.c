#include "tool/environment.h"

#include <ctype.h>
#include <stdio.h>

static int is_name(const char *name)
{
    if (!isalpha((unsigned char)name[0]) && name[0] != '_')
        return 0;
    for (const char *c = name; *c; c++) {
        if (!isalnum((unsigned char)*c) && *c != '_')
            return 0;
    }
    return 1;
}

static int is_taken(const char *name)
{
    static const char *const fixed[] = { "PATH", "HOME", "LANG", "TMPDIR", "PWD" };

    for (size_t i = 0; i < ARRAY_LEN(fixed); i++) {
        if (strcmp(name, fixed[i]) == 0)
            return 1;
    }
    return strncmp(name, "PAWL_", 5) == 0 || strncmp(name, "LD_", 3) == 0;
}

static enum err_code put(struct buf *packet, const char *name, struct slice value, struct err *err)
{
    if (value.len > 0 && memchr(value.ptr, 0, value.len))
        return err_set(err, ERR_INVALID, "the variable %.64s would hold a zero byte", name);
    if (buf_addf(packet, err, "%s=", name) || buf_add(packet, value, err))
        return err->code;
    return buf_add(packet, (struct slice){ "", 1 }, err);
}

static enum err_code put_secret(struct buf *packet, const struct tool_env *secret, struct err *err)
{
    if (!is_name(secret->name))
        return err_set(err, ERR_INVALID, "the secret '%.64s' has no name that a variable can have",
                       secret->name);
    if (is_taken(secret->name))
        return err_set(err, ERR_INVALID, "the secret '%.64s' has a name that the sandbox uses",
                       secret->name);
    return put(packet, secret->name, secret->value, err);
}

enum err_code environment_put(struct buf *packet, const struct tool_run *run, uint32_t max,
                              uint32_t *ret_n, struct err *err)
{
    char call[16];
    char attempt[16];

    (void)snprintf(call, sizeof(call), "%u", run->call);
    (void)snprintf(attempt, sizeof(attempt), "%u", run->attempt);
    const struct tool_env fixed[] = {
        { "PATH", SLICE_LIT(SANDBOX_PATH) },
        { "HOME", SLICE_LIT(SANDBOX_SCRATCH) },
        { "LANG", SLICE_LIT("C.UTF-8") },
        { "TMPDIR", SLICE_LIT("/tmp") },
        { "PAWL_SCRATCH", SLICE_LIT(SANDBOX_SCRATCH) },
        { "PAWL_SESSION", run->session },
        { "PAWL_TOOL", slice_of(run->spec->name) },
        { "PAWL_CALL", slice_of(call) },
        { "PAWL_ATTEMPT", slice_of(attempt) },
        { "PAWL_IDEMPOTENCY_KEY", run->key },
    };

    if (run->spec->secrets_n > max - ARRAY_LEN(fixed))
        return err_set(err, ERR_LIMIT, "it has more than %zu secrets", max - ARRAY_LEN(fixed));
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++) {
        if (put(packet, fixed[i].name, fixed[i].value, err))
            return err->code;
    }
    for (size_t i = 0; i < run->spec->secrets_n; i++) {
        if (put_secret(packet, &run->spec->secrets[i], err))
            return err->code;
    }
    *ret_n = (uint32_t)(ARRAY_LEN(fixed) + run->spec->secrets_n);
    return ERR_NONE;
}
