#include "cli/fields.h"

#include "base/json.h"
#include "base/utf8.h"
#include "cli/command.h"

int fields_put_text(struct buf *body, const char *name, const char *text)
{
    if (!text)
        return EXIT_GOOD;
    if (!utf8_is_valid(slice_of(text)))
        return command_fail(EXIT_USAGE, "the %s is not UTF-8", name);
    json_key(body, name);
    json_put_str(body, slice_of(text));
    return EXIT_GOOD;
}

/* What is no number would be no JSON. */
int fields_put_number(struct buf *body, const struct args *args, const char *name)
{
    CLEANUP(json_cleanup) struct json *number = NULL;
    const char *text = args_value(args, name, NULL);
    struct err err = { 0 };

    if (!text)
        return EXIT_GOOD;
    if (json_read(&number, slice_of(text), FIELDS_BYTES_MAX, &err) ||
        (json_kind(number) != JSON_KIND_INT && json_kind(number) != JSON_KIND_REAL))
        return command_fail(EXIT_USAGE, "--%s takes a number, not '%.64s'", name, text);
    json_key(body, name);
    json_put_raw(body, slice_of(text));
    return EXIT_GOOD;
}

int fields_put_budget(struct buf *body, const struct args *args)
{
    if (!args_has(args, "usd") && !args_has(args, "tokens"))
        return EXIT_GOOD;
    json_key(body, "budget");
    json_begin(body, '{');
    int status = fields_put_number(body, args, "usd");

    if (status == EXIT_GOOD)
        status = fields_put_number(body, args, "tokens");
    json_end(body, '}');
    return status;
}

int fields_put_context(struct buf *body, const struct args *args)
{
    CLEANUP(json_cleanup) struct json *root = NULL;
    const char *context = args_value(args, "context", NULL);
    struct err err = { 0 };

    if (!context)
        return EXIT_GOOD;
    if (json_read(&root, slice_of(context), FIELDS_BYTES_MAX, &err))
        return command_fail(EXIT_USAGE, "--context is no JSON: %s", err.msg);
    if (json_kind(root) != JSON_KIND_OBJECT)
        return command_fail(EXIT_USAGE, "--context takes an object, as in '{\"customer\":\"7\"}'");
    json_key(body, "context");
    json_put_raw(body, slice_of(context));
    return EXIT_GOOD;
}

int fields_put_metadata(struct buf *body, const struct args *args)
{
    const char *pair;
    unsigned at = 0;

    if (!args_has(args, "metadata"))
        return EXIT_GOOD;
    json_key(body, "metadata");
    json_begin(body, '{');
    while ((pair = args_next(args, "metadata", &at))) {
        const char *equals = strchr(pair, '=');
        CLEANUP(buf_release) struct buf name = { .max = FIELDS_BYTES_MAX };

        if (!equals || equals == pair)
            return command_fail(EXIT_USAGE, "--metadata takes NAME=VALUE, not '%s'", pair);
        if (!utf8_is_valid(slice_of(pair)))
            return command_fail(EXIT_USAGE, "the metadata are not UTF-8");
        buf_put(&name, (struct slice){ pair, (size_t)(equals - pair) });
        json_key(body, buf_cstr(&name));
        json_put_str(body, slice_of(equals + 1));
    }
    json_end(body, '}');
    return EXIT_GOOD;
}
