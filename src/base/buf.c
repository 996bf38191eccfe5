#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { BUF_CAP_MIN = 64 };

char *slice_dup(struct slice bytes)
{
    char *copy = xcalloc(1, bytes.len + 1);

    if (bytes.len > 0)
        memcpy(copy, bytes.ptr, bytes.len);
    return copy;
}

/* Makes room for `more` bytes and the 0 after them; doubles, so that appends stay cheap. */
static enum err_code reserve(struct buf *buf, size_t more, struct err *err)
{
    ASSERT(buf->max > 0 && buf->max < SIZE_MAX / 2 && buf->len <= buf->max);
    if (more > buf->max - buf->len)
        return err_set(err, ERR_LIMIT, "%zu bytes more than %zu pass the limit of %zu", more,
                       buf->len, buf->max);
    size_t need = buf->len + more + 1;

    if (need <= buf->cap)
        return ERR_NONE;
    size_t cap = buf->cap < BUF_CAP_MIN ? BUF_CAP_MIN : buf->cap * 2;

    if (cap < need)
        cap = need;
    if (cap > buf->max + 1)
        cap = buf->max + 1;
    buf->data = xrealloc(buf->data, cap);
    buf->cap = cap;
    buf->data[buf->len] = '\0';
    return ERR_NONE;
}

/* Most appends find room: they cost no call, and no struct err to be cleared. */
static int has_room(const struct buf *buf, size_t more)
{
    return more < buf->cap - buf->len; /* a buf that has memory has len < cap */
}

static void append(struct buf *buf, struct slice bytes)
{
    if (bytes.len > 0)
        memcpy(buf->data + buf->len, bytes.ptr, bytes.len);
    buf->len += bytes.len;
    buf->data[buf->len] = '\0';
}

enum err_code buf_add(struct buf *buf, struct slice bytes, struct err *err)
{
    if (!has_room(buf, bytes.len) && reserve(buf, bytes.len, err))
        return err->code;
    append(buf, bytes);
    return ERR_NONE;
}

static PRINTF(3, 0) enum err_code
    addv(struct buf *buf, struct err *err, const char *fmt, va_list ap)
{
    size_t room = buf->cap - buf->len;
    va_list again;

    va_copy(again, ap);
    int len = vsnprintf(room > 0 ? buf->data + buf->len : NULL, room, fmt, again);
    va_end(again);
    ASSERT(len >= 0);
    if ((size_t)len >= room) {
        if (room > 0)
            buf->data[buf->len] = '\0'; /* it was cut: as if nothing had been written */
        if (reserve(buf, (size_t)len, err))
            return err->code;
        (void)vsnprintf(buf->data + buf->len, (size_t)len + 1, fmt, ap);
    }
    buf->len += (size_t)len;
    return ERR_NONE;
}

enum err_code buf_addf(struct buf *buf, struct err *err, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    enum err_code code = addv(buf, err, fmt, ap);
    va_end(ap);
    return code;
}

static void must_reserve(struct buf *buf, size_t more)
{
    struct err err = { 0 };

    if (reserve(buf, more, &err))
        assert_failed(err.msg, __FILE__, __LINE__);
}

void buf_put(struct buf *buf, struct slice bytes)
{
    if (!has_room(buf, bytes.len))
        must_reserve(buf, bytes.len);
    append(buf, bytes);
}

void buf_puts(struct buf *buf, const char *text)
{
    buf_put(buf, slice_of(text));
}

void buf_putf(struct buf *buf, const char *fmt, ...)
{
    struct err err = { 0 };
    va_list ap;

    va_start(ap, fmt);
    enum err_code code = addv(buf, &err, fmt, ap);
    va_end(ap);
    if (code)
        assert_failed(err.msg, __FILE__, __LINE__);
}

struct slice buf_slice(const struct buf *buf)
{
    return (struct slice){ buf->data, buf->len };
}

const char *buf_cstr(const struct buf *buf)
{
    return buf->data ? buf->data : "";
}

void buf_clear(struct buf *buf)
{
    buf_cut(buf, 0);
}

void buf_cut(struct buf *buf, size_t len)
{
    ASSERT(len <= buf->len);
    buf->len = len;
    if (buf->data)
        buf->data[len] = '\0';
}

char *buf_detach(struct buf *buf)
{
    char *data = buf->data ? buf->data : xcalloc(1, 1);

    *buf = (struct buf){ .max = buf->max };
    return data;
}

void buf_release(struct buf *buf)
{
    if (!buf)
        return;
    free(buf->data);
    *buf = (struct buf){ .max = buf->max };
}
