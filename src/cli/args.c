#include "cli/args.h"

#include <string.h>

#include "base/nearest.h"

static const struct option *by_name(const struct option *options, struct slice name)
{
    for (; options->name; options++) {
        if (slice_is(name, options->name))
            return options;
    }
    return NULL;
}

static const struct option *by_letter(const struct option *options, char letter)
{
    for (; options->name; options++) {
        if (options->letter && options->letter == letter)
            return options;
    }
    return NULL;
}

static enum err_code fail_unknown(const struct option *options, const char *arg, struct slice name,
                                  struct err *err)
{
    const char *known[ARGS_GIVEN_MAX];
    size_t n = 0;

    for (; options->name && n < ARGS_GIVEN_MAX; options++)
        known[n++] = options->name;
    const char *nearest = nearest_word(name, known, n);

    return err_set(err, ERR_INVALID, "there is no option '%.64s'%s%s%s", arg,
                   nearest ? "; did you mean --" : "", nearest ? nearest : "", nearest ? "?" : "");
}

static enum err_code add(struct args *args, const struct option *option, const char *value,
                         struct err *err)
{
    if (!option->is_repeatable && args_has(args, option->name))
        return err_set(err, ERR_INVALID, "--%s is given twice", option->name);
    if (args->given_n == ARGS_GIVEN_MAX)
        return err_set(err, ERR_INVALID, "more than %d options", ARGS_GIVEN_MAX);
    args->given[args->given_n].option = option;
    args->given[args->given_n].value = value;
    args->given_n++;
    return ERR_NONE;
}

/* Takes argv[*at], and the next one too if it is this option's value. */
static enum err_code take_option(struct args *args, const struct option *options, char *const *argv,
                                 int argc, int *at, struct err *err)
{
    const char *arg = argv[*at];
    int is_long = arg[1] == '-';
    const char *equals = is_long ? strchr(arg, '=') : NULL;
    struct slice name = { arg + 2, equals ? (size_t)(equals - arg - 2) : strlen(arg + 2) };
    const struct option *option = is_long          ? by_name(options, name)
                                  : arg[2] == '\0' ? by_letter(options, arg[1])
                                                   : NULL;
    const char *value = equals ? equals + 1 : NULL;

    if (!option)
        return fail_unknown(options, arg, is_long ? name : slice_of(arg + 1), err);
    if (!option->value && value)
        return err_set(err, ERR_INVALID, "--%s takes no value", option->name);
    if (option->value && !value) {
        if (*at + 1 >= argc)
            return err_set(err, ERR_INVALID, "%s needs a value: %s %s", arg, arg, option->value);
        value = argv[++*at];
    }
    return add(args, option, value, err);
}

enum err_code args_read(struct args *ret_args, const struct option *options, int argc,
                        char *const *argv, struct err *err)
{
    struct args args = { 0 };
    int only_words = 0;

    for (int at = 0; at < argc; at++) {
        const char *arg = argv[at];
        int is_option = !only_words && arg[0] == '-' && arg[1] != '\0';

        if (is_option && strcmp(arg, "--") == 0) {
            only_words = 1;
        } else if (is_option && (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0)) {
            args.wants_help = 1;
        } else if (is_option) {
            if (take_option(&args, options, argv, argc, &at, err))
                return err->code;
        } else {
            if (args.words_n == ARGS_WORDS_MAX)
                return err_set(err, ERR_INVALID, "more than %d words; quote what belongs together",
                               ARGS_WORDS_MAX);
            args.words[args.words_n++] = arg;
        }
    }
    *ret_args = args;
    return ERR_NONE;
}

const char *args_next(const struct args *args, const char *name, unsigned *at)
{
    while (*at < args->given_n) {
        unsigned i = (*at)++;

        if (strcmp(args->given[i].option->name, name) == 0)
            return args->given[i].value ? args->given[i].value : "";
    }
    return NULL;
}

int args_has(const struct args *args, const char *name)
{
    unsigned at = 0;

    return args_next(args, name, &at) != NULL;
}

const char *args_value(const struct args *args, const char *name, const char *otherwise)
{
    unsigned at = 0;
    const char *value = args_next(args, name, &at);

    return value ? value : otherwise;
}

enum err_code args_number(const struct args *args, const char *name, uint32_t otherwise,
                          uint32_t *ret_number, struct err *err)
{
    const char *text = args_value(args, name, NULL);
    uint32_t number = text ? 0 : otherwise;

    for (const char *c = text; c && (*c || c == text); c++) {
        if (*c < '0' || *c > '9' || __builtin_mul_overflow(number, 10u, &number) ||
            __builtin_add_overflow(number, (uint32_t)(*c - '0'), &number))
            return err_set(err, ERR_INVALID, "--%s takes a whole number, not '%.64s'", name, text);
    }
    *ret_number = number;
    return ERR_NONE;
}
