/*
 * buf.h - growable bytes with a hard ceiling, and borrowed slices.
 *
 * struct slice borrows: it never owns, is not NUL-terminated, dies with its owner.
 * struct buf owns: data[len] is always 0, so buf_cstr() needs no copy; data may hold zero
 * bytes. Zero-initialised plus `max` is a valid empty buf. A failed append leaves the buf
 * as it was.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdint.h>
#include <string.h>

#include "base/err.h"

struct slice {
    const char *ptr;
    size_t len;
};

/* A slice of a string literal, usable as an initialiser. */
#define SLICE_LIT(text) ((struct slice){ "" text, sizeof(text) - 1 })

static inline struct slice slice_of(const char *text)
{
    return (struct slice){ text, text ? strlen(text) : 0 };
}

/* NULL if it is empty: then it is as if it had not been given. */
static inline struct slice slice_or_null(struct slice bytes)
{
    return bytes.len > 0 ? bytes : (struct slice){ 0 };
}

static inline int slice_equal(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline int slice_is(struct slice a, const char *text)
{
    return slice_equal(a, slice_of(text));
}

/* A copy with a 0 at its end, never NULL; the caller frees it. */
char *slice_dup(struct slice bytes);

struct buf {
    char *data;
    size_t len;
    size_t cap;
    size_t max; /* appends past this fail with ERR_LIMIT; 0 is a bug */
};

enum err_code buf_add(struct buf *buf, struct slice bytes, struct err *err) MUST_CHECK;
enum err_code buf_addf(struct buf *buf, struct err *err, const char *fmt, ...) MUST_CHECK
    PRINTF(3, 4);

/*
 * The same for what this program bounds itself (a journal body whose parts were checked on
 * their way in): a buf that is full here is our bug and ends the process.
 */
void buf_put(struct buf *buf, struct slice bytes);
void buf_puts(struct buf *buf, const char *text);
void buf_putf(struct buf *buf, const char *fmt, ...) PRINTF(2, 3);

struct slice buf_slice(const struct buf *buf); /* borrowed until the next change of buf */
const char *buf_cstr(const struct buf *buf);   /* never NULL; "" while empty */
void buf_clear(struct buf *buf);               /* len = 0, keeps the memory */
void buf_cut(struct buf *buf, size_t len);     /* shortens to len, which is <= buf->len */
char *buf_detach(struct buf *buf);             /* the caller frees it; buf is empty again */
void buf_release(struct buf *buf);             /* frees data; NULL-safe, repeatable */

#endif
