/* openai_mend.c - \u0000 and lone surrogates in a provider's JSON become U+FFFD. */
#include "model/openai_mend.h"

enum { ESCAPE_LEN = 6 }; /* \uhhhh */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The code unit of the \uhhhh that the text begins with, or -1 if it begins otherwise. */
static int unit_at(const char *text, size_t len)
{
    int unit = 0;

    if (len < ESCAPE_LEN || text[0] != '\\' || text[1] != 'u')
        return -1;
    for (size_t i = 2; i < ESCAPE_LEN; i++) {
        int digit = hex_value(text[i]);

        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

static int is_high(int unit)
{
    return unit >= 0xd800 && unit <= 0xdbff;
}

static int is_low(int unit)
{
    return unit >= 0xdc00 && unit <= 0xdfff;
}

/* Steps over the escape that the text begins with: a whole pair, one \uhhhh, or any other. */
static size_t mend_escape(char *text, size_t len, size_t *mended)
{
    int unit = unit_at(text, len);

    if (unit < 0)
        return len < 2 ? len : 2;
    if (is_high(unit) && is_low(unit_at(text + ESCAPE_LEN, len - ESCAPE_LEN)))
        return (size_t)2 * ESCAPE_LEN;
    if (unit == 0 || is_high(unit) || is_low(unit)) {
        memcpy(text, "\\ufffd", ESCAPE_LEN);
        ++*mended;
    }
    return ESCAPE_LEN;
}

size_t openai_mend(char *json, size_t len)
{
    size_t mended = 0;
    int in_string = 0;

    for (size_t i = 0; i < len;) {
        if (in_string && json[i] == '\\') {
            i += mend_escape(json + i, len - i, &mended);
            continue;
        }
        if (json[i] == '"')
            in_string = !in_string;
        i++;
    }
    return mended;
}
