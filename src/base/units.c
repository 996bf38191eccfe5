#include "base/units.h"

#include <stdio.h>

#include "base/utf8.h"

struct unit {
    const char *name;
    uint64_t size;
};

/* A way to write a quantity: what it is called, its units, and the most that it may be. */
struct scale {
    const char *noun;
    const char *units_text;
    const char *example;
    uint64_t max;
    const char *max_text;
    struct unit units[8]; /* ended by a NULL name */
};

static const struct scale durations = {
    .noun = "duration",
    .units_text = "ms, s, m, h or d",
    .example = "30s",
    .max = 36500ull * 86400000,
    .max_text = "36500d",
    .units = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 } },
};

static const struct scale sizes = {
    .noun = "size",
    .units_text = "B, KiB, MiB, GiB, KB, MB or GB",
    .example = "64KiB",
    .max = INT64_MAX,
    .max_text = "8589934591GiB",
    .units = { { "B", 1 },
               { "KiB", 1u << 10 },
               { "MiB", 1u << 20 },
               { "GiB", 1u << 30 },
               { "KB", 1000 },
               { "MB", 1000000 },
               { "GB", 1000000000 } },
};

/* What was written, harmless to show, and cut: a whole file may stand where a number should. */
static enum err_code refuse(const struct scale *scale, struct slice text, const char *why,
                            struct err *err)
{
    enum { QUOTED_MAX = 32, VISIBLE_BYTES_MAX = 10 }; /* each byte may become \u{10ffff} */
    CLEANUP(buf_release) struct buf shown = { .max = (size_t)QUOTED_MAX * VISIBLE_BYTES_MAX };

    utf8_put_visible(&shown, utf8_prefix(text, QUOTED_MAX), 0);
    return err_set(err, ERR_INVALID, "'%s' is no %s: %s", buf_cstr(&shown), scale->noun, why);
}

/* The unit that follows the digits; nothing is nothing in every unit, and needs none. */
static const struct unit *find_unit(const struct scale *scale, struct slice text, size_t digits,
                                    uint64_t number)
{
    if (digits == 0)
        return NULL;
    if (digits == text.len)
        return number == 0 ? &scale->units[0] : NULL;
    struct slice name = { text.ptr + digits, text.len - digits };

    for (const struct unit *unit = scale->units; unit->name; unit++)
        if (slice_is(name, unit->name))
            return unit;
    return NULL;
}

/* The length of the digits at the start of text, and their number; beyond 64 bits UINT64_MAX. */
static size_t read_digits(struct slice text, uint64_t *ret_number)
{
    uint64_t number = 0;
    size_t at = 0;

    for (; at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9'; at++) {
        uint64_t digit = (uint64_t)(text.ptr[at] - '0');

        number = number > (UINT64_MAX - digit) / 10 ? UINT64_MAX : number * 10 + digit;
    }
    *ret_number = number;
    return at;
}

static enum err_code read_quantity(uint64_t *ret_value, const struct scale *scale,
                                   struct slice text, struct err *err)
{
    char why[96];
    uint64_t number;
    size_t digits = read_digits(text, &number);

    (void)snprintf(why, sizeof(why), "write a whole number and one of %s, as in %s",
                   scale->units_text, scale->example);
    const struct unit *unit = find_unit(scale, text, digits, number);

    if (!unit)
        return refuse(scale, text, why, err);
    if (number > scale->max / unit->size) {
        (void)snprintf(why, sizeof(why), "the most is %s", scale->max_text);
        return refuse(scale, text, why, err);
    }
    *ret_value = number * unit->size;
    return ERR_NONE;
}

enum err_code units_duration_ms(int64_t *ret_ms, struct slice text, struct err *err)
{
    uint64_t ms = 0;

    if (read_quantity(&ms, &durations, text, err))
        return err->code;
    *ret_ms = (int64_t)ms;
    return ERR_NONE;
}

enum err_code units_bytes(uint64_t *ret_bytes, struct slice text, struct err *err)
{
    return read_quantity(ret_bytes, &sizes, text, err);
}
