#include "api/cursor.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/hash.h"

enum { NUMBER_DIGITS = 16, CHECK_DIGITS = 8, CURSOR_LEN = 1 + NUMBER_DIGITS + CHECK_DIGITS };

const char *cursor_text(char text[CURSOR_TEXT_MAX], char what, int64_t at)
{
    ASSERT(at >= 0);
    (void)snprintf(text, CURSOR_TEXT_MAX, "%c%016" PRIx64, what, (uint64_t)at);
    uint64_t check = hash_stable((struct slice){ text, 1 + NUMBER_DIGITS });

    (void)snprintf(text + 1 + NUMBER_DIGITS, CURSOR_TEXT_MAX - 1 - NUMBER_DIGITS, "%08" PRIx32,
                   (uint32_t)check);
    return text;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int cursor_read(int64_t *ret_at, char what, struct slice text)
{
    char expected[CURSOR_TEXT_MAX];
    uint64_t at = 0;

    if (text.len != CURSOR_LEN || text.ptr[0] != what)
        return 1;
    for (size_t i = 1; i <= NUMBER_DIGITS; i++) {
        int digit = hex_digit(text.ptr[i]);

        if (digit < 0)
            return 1;
        at = at << 4 | (unsigned)digit;
    }
    if (at > INT64_MAX || !slice_is(text, cursor_text(expected, what, (int64_t)at)))
        return 1;
    *ret_at = (int64_t)at;
    return 0;
}
