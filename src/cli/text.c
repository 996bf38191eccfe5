#include "cli/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "base/utf8.h"

enum { SECOND_MS = 1000, MINUTE_S = 60, HOUR_S = 3600, DAY_S = 86400 };

const char *text_duration(char text[TEXT_SHORT_MAX], int64_t ms)
{
    int64_t s = ms / SECOND_MS;

    if (ms < 0)
        (void)snprintf(text, TEXT_SHORT_MAX, "?");
    else if (ms < SECOND_MS)
        (void)snprintf(text, TEXT_SHORT_MAX, "%lld ms", (long long)ms);
    else if (s < MINUTE_S)
        (void)snprintf(text, TEXT_SHORT_MAX, "%lld.%lld s", (long long)s,
                       (long long)(ms % SECOND_MS / 100));
    else if (s < HOUR_S)
        (void)snprintf(text, TEXT_SHORT_MAX, "%lldm %02llds", (long long)(s / MINUTE_S),
                       (long long)(s % MINUTE_S));
    else if (s < DAY_S)
        (void)snprintf(text, TEXT_SHORT_MAX, "%lldh %02lldm", (long long)(s / HOUR_S),
                       (long long)(s % HOUR_S / MINUTE_S));
    else
        (void)snprintf(text, TEXT_SHORT_MAX, "%lldd %02lldh", (long long)(s / DAY_S),
                       (long long)(s % DAY_S / HOUR_S));
    return text;
}

const char *text_count(char text[TEXT_SHORT_MAX], int64_t n)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%lld", (long long)n);
    int is_negative = digits[0] == '-';
    size_t used = 0;

    for (int i = 0; i < len; i++) {
        if (i > is_negative && (len - i) % 3 == 0)
            text[used++] = ',';
        text[used++] = digits[i];
    }
    text[used] = '\0';
    return text;
}

const char *text_dollars(char text[TEXT_SHORT_MAX], double usd)
{
    (void)snprintf(text, TEXT_SHORT_MAX, usd != 0 && usd < 0.01 ? "$%.6f" : "$%.4f", usd);
    return text;
}

static const char *local_time(char text[TEXT_SHORT_MAX], int64_t wall_ms, int with_date)
{
    time_t seconds = (time_t)(wall_ms / SECOND_MS);
    struct tm local;

    if (!localtime_r(&seconds, &local))
        (void)snprintf(text, TEXT_SHORT_MAX, "?");
    else if (with_date)
        (void)strftime(text, TEXT_SHORT_MAX, "%Y-%m-%d %H:%M:%S", &local);
    else
        (void)strftime(text, TEXT_SHORT_MAX, "%H:%M:%S", &local);
    return text;
}

const char *text_clock(char text[TEXT_SHORT_MAX], int64_t wall_ms)
{
    return local_time(text, wall_ms, 0);
}

const char *text_date(char text[TEXT_SHORT_MAX], int64_t wall_ms)
{
    return local_time(text, wall_ms, 1);
}

/* The number in text[from, from + n), or -1. */
static int number_at(struct slice text, size_t from, size_t n)
{
    int number = 0;

    for (size_t i = from; i < from + n; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return -1;
        number = number * 10 + (text.ptr[i] - '0');
    }
    return number;
}

int64_t text_read_time(struct slice text)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:dd.dddZ";
    struct tm utc = { 0 };

    if (text.len != sizeof(shape) - 1)
        return -1;
    for (size_t i = 0; i < text.len; i++) {
        int is_digit = text.ptr[i] >= '0' && text.ptr[i] <= '9';

        if (shape[i] == 'd' ? !is_digit : text.ptr[i] != shape[i])
            return -1;
    }
    utc.tm_year = number_at(text, 0, 4) - 1900;
    utc.tm_mon = number_at(text, 5, 2) - 1;
    utc.tm_mday = number_at(text, 8, 2);
    utc.tm_hour = number_at(text, 11, 2);
    utc.tm_min = number_at(text, 14, 2);
    utc.tm_sec = number_at(text, 17, 2);
    return (int64_t)timegm(&utc) * SECOND_MS + number_at(text, 20, 3);
}

/* The bytes of the first `chars` characters, or all. */
static size_t bytes_of(struct slice text, size_t chars)
{
    size_t at = 0;

    while (at < text.len && chars-- > 0) {
        uint32_t c;
        size_t len = utf8_decode((struct slice){ text.ptr + at, text.len - at }, &c);

        at += len ? len : 1;
    }
    return at;
}

size_t text_width(struct slice text)
{
    size_t width = 0;

    while (text.len > 0) {
        size_t len = bytes_of(text, 1);

        text = (struct slice){ text.ptr + len, text.len - len };
        width++;
    }
    return width;
}

void text_put_line(struct buf *buf, struct slice text, size_t chars)
{
    enum { HIDDEN_BYTES_MAX = 12, ENOUGH = 4 };
    /* More than can be shown need not be made visible. */
    struct slice start = utf8_prefix(text, ENOUGH * chars + ENOUGH);
    CLEANUP(buf_release) struct buf visible = { .max = HIDDEN_BYTES_MAX * start.len + 64 };

    utf8_put_visible(&visible, start, 0);
    while (visible.len > 0 && visible.data[visible.len - 1] == ' ')
        buf_cut(&visible, visible.len - 1); /* a newline at the end of an output */
    if (start.len == text.len && text_width(buf_slice(&visible)) <= chars) {
        buf_put(buf, buf_slice(&visible));
        return;
    }
    buf_put(buf, (struct slice){ buf_cstr(&visible),
                                 bytes_of(buf_slice(&visible), chars > 3 ? chars - 3 : 0) });
    buf_puts(buf, "...");
}

void text_put_styled(struct buf *buf, int has_color, enum style style, const char *fmt, ...)
{
    static const char *const codes[] = {
        [STYLE_NONE] = "",         [STYLE_BOLD] = "\x1b[1m",   [STYLE_DIM] = "\x1b[2m",
        [STYLE_RED] = "\x1b[31m",  [STYLE_GREEN] = "\x1b[32m", [STYLE_YELLOW] = "\x1b[33m",
        [STYLE_CYAN] = "\x1b[36m",
    };
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    has_color = has_color && style != STYLE_NONE;
    if (has_color)
        buf_puts(buf, codes[style]);
    buf_puts(buf, text);
    if (has_color)
        buf_puts(buf, "\x1b[0m");
}
