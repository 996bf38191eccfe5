/* value.c - what a value of each type looks like, and the numbers read. */
#include "base/units.h"
#include "config/keys.h"
#include "config/report.h"

const char *value_type_name(enum value_type type)
{
    switch (type) {
    case VALUE_TEXT:
    case VALUE_SECRET: return "text";
    case VALUE_NAME: return "a name";
    case VALUE_CHOICE: return "a word";
    case VALUE_DURATION: return "a duration such as 30s";
    case VALUE_SIZE: return "a size such as 64KiB";
    case VALUE_COUNT: return "a whole number";
    case VALUE_USD: return "US dollars such as 0.50";
    case VALUE_PRICE: return "US dollars a million tokens";
    case VALUE_TEXTS: return "a list of texts";
    case VALUE_COMMAND: return "a list of texts, or one word";
    case VALUE_MAP: return "a mapping";
    case VALUE_SECRETS: return "text, or a list of texts";
    case VALUE_MAPS: return "a list of mappings";
    case VALUE_NAMED_MAPS: return "a mapping of names";
    case VALUE_TEXT_MAP: return "a mapping of texts";
    case VALUE_SCHEMA: return "a JSON Schema";
    case VALUE_SCRIPT: return "a list of replies";
    case VALUE_APPROVAL: return "never, always, a mapping or a list of mappings";
    case VALUE_WHEN: return "always, or a list of conditions";
    case VALUE_ANY_NUMBER: return "a number";
    case VALUE_SINGLE: return "a single value";
    case VALUE_SINGLES: return "a list of single values";
    case VALUE_TYPE_COUNT: break;
    }
    assert_failed("a value has a type", __FILE__, __LINE__);
}

int value_is_number(enum value_type type)
{
    return type >= VALUE_DURATION && type <= VALUE_PRICE;
}

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/*
 * A plain decimal number times 10^decimals. 0: it is none, has more decimals than that (trailing
 * zeros aside), or is beyond int64.
 */
static int parse_decimal(int64_t *ret_value, struct slice text, unsigned decimals)
{
    int64_t value = 0;
    unsigned taken = 0;
    int is_fraction = 0;

    if (text.len == 0 || !is_digit(text.ptr[0]) || !is_digit(text.ptr[text.len - 1]))
        return 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c == '.' && !is_fraction && decimals > 0) {
            is_fraction = 1;
            continue;
        }
        if (!is_digit(c))
            return 0;
        if (taken == decimals && is_fraction) {
            if (c != '0')
                return 0;
            continue;
        }
        taken += (unsigned)is_fraction;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, c - '0', &value))
            return 0;
    }
    for (; taken < decimals; taken++)
        if (__builtin_mul_overflow(value, 10, &value))
            return 0;
    *ret_value = value;
    return 1;
}

static enum err_code parse_number(int64_t *ret_value, struct slice text, unsigned decimals,
                                  const char *wanted, struct err *err)
{
    if (!parse_decimal(ret_value, text, decimals))
        return err_set(err, ERR_INVALID, "%s is not %s", quote(text).text, wanted);
    return ERR_NONE;
}

enum err_code value_parse(int64_t *ret_value, enum value_type type, struct slice text,
                          struct err *err)
{
    enum { USD_DECIMALS = 9, PRICE_DECIMALS = 3 }; /* a price: dollars a million to nano each */
    uint64_t bytes;

    if (type == VALUE_DURATION)
        return units_duration_ms(ret_value, text, err);
    if (type == VALUE_USD)
        return parse_number(ret_value, text, USD_DECIMALS,
                            "an amount of US dollars: write digits, as in 0.50", err);
    if (type == VALUE_PRICE)
        return parse_number(ret_value, text, PRICE_DECIMALS,
                            "a price: write US dollars a million tokens with at most three "
                            "decimals, as in 0.025",
                            err);
    if (type == VALUE_COUNT)
        return parse_number(ret_value, text, 0, "a whole number", err);
    ASSERT(type == VALUE_SIZE);
    if (units_bytes(&bytes, text, err))
        return err->code;
    *ret_value = (int64_t)bytes; /* at most INT64_MAX: units.h */
    return ERR_NONE;
}

/* The table is ours: what it holds can be read. */
static int64_t bound(enum value_type type, const char *text, int64_t otherwise)
{
    struct err err;
    int64_t value = 0;

    if (!text)
        return otherwise;
    if (value_parse(&value, type, slice_of(text), &err))
        assert_failed(err.msg, __FILE__, __LINE__);
    return value;
}

struct bounds key_bounds(const struct key *key)
{
    int is_text = key->type == VALUE_TEXT || key->type == VALUE_SECRET || key->type == VALUE_NAME;
    enum value_type type = value_is_number(key->type) ? key->type : VALUE_COUNT;

    if (is_text)
        type = VALUE_SIZE;
    return (struct bounds){ bound(type, key->min, 0), bound(type, key->max, INT64_MAX) };
}
