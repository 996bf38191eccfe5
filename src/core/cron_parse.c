/* cron_parse.c - the five fields, read. */
#include <strings.h>

#include "core/cron.h"

enum { FIELD_COUNT = 5, NAME_CHARS = 3, NAMES_MAX = 12, NUMBER_MAX = 1000, SHOWN_MAX = 40 };

struct field {
    const char *what;
    unsigned least, most;
    const char *names[NAMES_MAX + 1];
};

static const struct field fields[FIELD_COUNT] = {
    { "minute", 0, 59, { NULL } },
    { "hour", 0, 23, { NULL } },
    { "day of the month", 1, 31, { NULL } },
    { "month",
      1,
      12,
      { "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec" } },
    { "day of the week", 0, 7, { "sun", "mon", "tue", "wed", "thu", "fri", "sat" } },
};

static const struct {
    const char *word;
    const char *fields;
} words[] = {
    { "@yearly", "0 0 1 1 *" }, { "@annually", "0 0 1 1 *" }, { "@monthly", "0 0 1 * *" },
    { "@weekly", "0 0 * * 0" }, { "@daily", "0 0 * * *" },    { "@midnight", "0 0 * * *" },
    { "@hourly", "0 * * * *" },
};

/* What stands before `mark`, taken off *rest with it; all of it if there is none. */
static struct slice take_until(struct slice *rest, char mark)
{
    const char *found = rest->len > 0 ? memchr(rest->ptr, mark, rest->len) : NULL;
    size_t len = found ? (size_t)(found - rest->ptr) : rest->len;
    struct slice taken = { rest->ptr, len };

    *rest = found ? (struct slice){ found + 1, rest->len - len - 1 } : (struct slice){ 0 };
    return taken;
}

static int shown(struct slice text)
{
    return (int)(text.len < SHOWN_MAX ? text.len : SHOWN_MAX);
}

static int read_number(struct slice text, unsigned *ret_number)
{
    unsigned number = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9' || number >= NUMBER_MAX)
            return 0;
        number = number * 10 + (unsigned)(text.ptr[i] - '0');
    }
    *ret_number = number;
    return text.len > 0;
}

static int read_name(const struct field *field, struct slice text, unsigned *ret_value)
{
    for (unsigned i = 0; field->names[i]; i++) {
        if (text.len != NAME_CHARS || strncasecmp(text.ptr, field->names[i], NAME_CHARS) != 0)
            continue;
        *ret_value = field->least + i;
        return 1;
    }
    return 0;
}

static enum err_code read_value(const struct field *field, struct slice text, unsigned *ret_value,
                                struct err *err)
{
    if (read_name(field, text, ret_value))
        return ERR_NONE;
    if (read_number(text, ret_value) && *ret_value >= field->least && *ret_value <= field->most)
        return ERR_NONE;
    return err_set(err, ERR_INVALID, "'%.*s' is no %s: write %u to %u%s%s", shown(text), text.ptr,
                   field->what, field->least, field->most,
                   field->names[0] ? ", or a name such as " : "",
                   field->names[0] ? field->names[1] : "");
}

static enum err_code read_range(const struct field *field, struct slice text, unsigned *ret_from,
                                unsigned *ret_to, struct err *err)
{
    struct slice rest = text;
    struct slice first = take_until(&rest, '-');

    *ret_from = field->least;
    *ret_to = field->most;
    if (slice_is(text, "*"))
        return ERR_NONE;
    if (read_value(field, first, ret_from, err))
        return err->code;
    *ret_to = *ret_from;
    if (!rest.ptr)
        return ERR_NONE;
    if (read_value(field, rest, ret_to, err))
        return err->code;
    if (*ret_to == 0 && field->most == 7) /* sat-sun: the Sunday after it */
        *ret_to = 7;
    if (*ret_from > *ret_to)
        return err_set(err, ERR_INVALID, "'%.*s' runs backward; write two ranges, as in 22-23,0-4",
                       shown(text), text.ptr);
    return ERR_NONE;
}

/* One entry of a list. */
static enum err_code read_entry(const struct field *field, struct slice text, uint64_t *bits,
                                struct err *err)
{
    struct slice rest = text;
    struct slice range = take_until(&rest, '/');
    unsigned from, to;
    unsigned step = 1;

    if (text.len == 0)
        return err_set(err, ERR_INVALID, "the %s has an empty entry", field->what);
    if (read_range(field, range, &from, &to, err))
        return err->code;
    if (rest.ptr && (!read_number(rest, &step) || step == 0))
        return err_set(err, ERR_INVALID, "'%.*s': after / comes a whole number above 0",
                       shown(text), text.ptr);
    if (rest.ptr && from == to)
        return err_set(err, ERR_INVALID, "'%.*s': a step needs a range, as in %u-%u/%u",
                       shown(text), text.ptr, from, field->most, step);
    for (unsigned value = from; value <= to; value += step)
        *bits |= (uint64_t)1 << value;
    return ERR_NONE;
}

static enum err_code read_field(const struct field *field, struct slice text, uint64_t *ret_bits,
                                struct err *err)
{
    uint64_t bits = 0;

    while (text.ptr) {
        struct slice entry = take_until(&text, ',');

        if (read_entry(field, entry, &bits, err))
            return err->code;
    }
    *ret_bits = bits;
    return ERR_NONE;
}

static enum err_code expand_word(struct slice *text, struct err *err)
{
    if (text->len == 0 || text->ptr[0] != '@')
        return ERR_NONE;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (!slice_is(*text, words[i].word))
            continue;
        *text = slice_of(words[i].fields);
        return ERR_NONE;
    }
    return err_set(err, ERR_INVALID,
                   "'%.*s' is not known; there are @yearly, @monthly, @weekly, @daily and @hourly",
                   shown(*text), text->ptr);
}

/* The next word of *rest; its ptr NULL: there is none. */
static struct slice take_word(struct slice *rest)
{
    size_t len = 0;

    while (rest->len > 0 && (rest->ptr[0] == ' ' || rest->ptr[0] == '\t'))
        *rest = (struct slice){ rest->ptr + 1, rest->len - 1 };
    while (len < rest->len && rest->ptr[len] != ' ' && rest->ptr[len] != '\t')
        len++;
    struct slice word = { len > 0 ? rest->ptr : NULL, len };

    *rest = (struct slice){ rest->ptr + len, rest->len - len };
    return word;
}

enum err_code cron_parse(struct cron *ret_cron, struct slice text, struct err *err)
{
    uint64_t bits[FIELD_COUNT] = { 0 };
    struct slice rest = text;
    struct slice word;
    size_t n = 0;

    if (expand_word(&rest, err))
        return err->code;
    while ((word = take_word(&rest)).ptr) {
        if (n < FIELD_COUNT && read_field(&fields[n], word, &bits[n], err))
            return err->code;
        n++;
    }
    if (n != FIELD_COUNT)
        return err_set(err, ERR_INVALID,
                       "there are %zu fields; write five: minute, hour, day of the month, month, "
                       "day of the week, as in 0 3 * * mon-fri",
                       n);
    *ret_cron = (struct cron){
        .minutes = bits[0],
        .hours = (uint32_t)bits[1],
        .days = (uint32_t)bits[2],
        .months = (uint32_t)bits[3],
        .weekdays = (uint32_t)((bits[4] | bits[4] >> 7) & 0x7f), /* 7 is Sunday, too */
    };
    return ERR_NONE;
}
