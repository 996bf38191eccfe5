#include "api/refusal.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/nearest.h"
#include "base/utf8.h"

int refuse(struct refusal *ret_refusal, int status, const char *code, const char *fmt, ...)
{
    va_list ap;

    ret_refusal->status = status;
    ret_refusal->code = code;
    va_start(ap, fmt);
    (void)vsnprintf(ret_refusal->detail, sizeof(ret_refusal->detail), fmt, ap);
    va_end(ap);
    return 1;
}

const char *meant_text(char text[MEANT_TEXT_MAX], struct slice word, const char *const *known,
                       size_t known_n)
{
    const char *nearest = nearest_word(word, known, known_n);

    text[0] = '\0';
    if (nearest)
        (void)snprintf(text, MEANT_TEXT_MAX, "; did you mean '%s'?", nearest);
    return text;
}

const char *quoted_text(char text[QUOTED_TEXT_MAX], struct slice from_outside)
{
    enum { SHOWN_BYTES_MAX = 64 };
    CLEANUP(buf_release) struct buf visible = { .max = (size_t)16 * SHOWN_BYTES_MAX };
    struct slice shown = utf8_prefix(from_outside, SHOWN_BYTES_MAX);

    utf8_put_visible(&visible, shown, 0);
    struct slice fits = utf8_prefix(buf_slice(&visible), QUOTED_TEXT_MAX - 8);

    (void)snprintf(text, QUOTED_TEXT_MAX, "%.*s%s", (int)fits.len, fits.len ? fits.ptr : "",
                   shown.len < from_outside.len || fits.len < visible.len ? "..." : "");
    return text;
}
