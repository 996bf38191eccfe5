#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/usd.h"
#include "base/utf8.h"

/* A field is cut, so that one huge value does not hide the line; escapes make a byte up to six. */
enum { FIELDS_MAX = 32, VALUE_BYTES_MAX = 4096, LINE_BYTES_MAX = 1 << 20 };

static atomic_int log_least = LOG_INFO;
static atomic_int log_format = LOG_FORMAT_TEXT;

void log_setup(enum log_level least, enum log_format format)
{
    atomic_store(&log_least, (int)least);
    atomic_store(&log_format, (int)format);
}

static const char *level_name(enum log_level level, int is_upper)
{
    switch (level) {
    case LOG_DEBUG: return is_upper ? "DEBUG" : "debug";
    case LOG_INFO: return is_upper ? "INFO" : "info";
    case LOG_WARN: return is_upper ? "WARN" : "warn";
    case LOG_ERROR: return is_upper ? "ERROR" : "error";
    case LOG_SILENT: break;
    }
    return "?";
}

static int is_bare(struct slice value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];

        if (c <= ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '=')
            return 0;
    }
    return value.len > 0;
}

static void put_quoted(struct buf *line, struct slice value)
{
    buf_puts(line, "\"");
    while (value.len > 0) {
        size_t run = 0;

        while (run < value.len && value.ptr[run] != '"' && value.ptr[run] != '\\')
            run++;
        utf8_put_visible(line, (struct slice){ value.ptr, run }, 0);
        if (run < value.len)
            buf_putf(line, "\\%c", value.ptr[run++]);
        value = (struct slice){ value.ptr + run, value.len - run };
    }
    buf_puts(line, "\"");
}

static void put_text_field(struct buf *line, const char *name, struct slice value)
{
    buf_putf(line, " %s=", name);
    if (is_bare(value))
        buf_put(line, value);
    else
        put_quoted(line, value);
}

static void put_json_field(struct buf *line, const char *name, struct slice value)
{
    json_key(line, name);
    json_put_str(line, value);
}

static void put_fields(struct buf *line, int is_json, va_list ap)
{
    const char *name;

    for (int i = 0; (name = va_arg(ap, const char *)) != NULL; i++) {
        const char *text = va_arg(ap, const char *);
        struct slice value = utf8_prefix(slice_of(text ? text : "-"), VALUE_BYTES_MAX);

        ASSERT(i < FIELDS_MAX);
        (is_json ? put_json_field : put_text_field)(line, name, value);
    }
}

/* Nobody is left to tell when the log itself cannot be written. */
static void write_line(struct slice line)
{
    ssize_t wrote;

    do {
        wrote = write(STDERR_FILENO, line.ptr, line.len);
    } while (wrote < 0 && errno == EINTR);
}

void log_line(enum log_level level, const char *message, ...)
{
    CLEANUP(buf_release) struct buf line = { .max = LINE_BYTES_MAX };
    char at[CLOCK_TEXT_MAX];
    struct clock clock = clock_system();
    int is_json = atomic_load(&log_format) == LOG_FORMAT_JSON;
    va_list ap;

    if ((int)level < atomic_load(&log_least))
        return;
    (void)clock_text(at, clock.wall_ms(clock.arg));
    if (is_json) {
        json_begin(&line, '{');
        put_json_field(&line, "at", slice_of(at));
        put_json_field(&line, "level", slice_of(level_name(level, 0)));
        put_json_field(&line, "message", slice_of(message));
    } else
        buf_putf(&line, "%s %s %s", at, level_name(level, 1), message);
    va_start(ap, message);
    put_fields(&line, is_json, ap);
    va_end(ap);
    buf_puts(&line, is_json ? "}\n" : "\n");
    write_line(buf_slice(&line));
}

enum { NUMBERS = 8, NUMBER_TEXT_MAX = USD_TEXT_MAX };

static char *number_text(void)
{
    static _Thread_local char texts[NUMBERS][NUMBER_TEXT_MAX];
    static _Thread_local unsigned next;

    return texts[next++ % NUMBERS];
}

const char *log_int(int64_t value)
{
    char *text = number_text();

    (void)snprintf(text, NUMBER_TEXT_MAX, "%" PRId64, value);
    return text;
}

const char *log_usd(int64_t nanousd)
{
    return usd_text(number_text(), nanousd);
}
