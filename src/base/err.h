/*
 * err.h - the one way a function says that it failed.
 *
 * A fallible function returns enum err_code and takes `struct err *err` last.
 *   - success: returns ERR_NONE, writes every ret_ argument, leaves *err alone;
 *   - failure: returns the code, fills *err, leaves every ret_ argument alone.
 * `err` is never NULL. A function that returns an error has not logged it: whoever stops
 * the error's journey logs it, once.
 *
 * The codes say what the caller can do about it.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/attr.h"

enum err_code {
    ERR_NONE = 0,
    ERR_INVALID,     /* the input is wrong; the same call will fail again */
    ERR_NOT_FOUND,   /* no such object */
    ERR_CONFLICT,    /* someone else wrote first; reload, then decide again */
    ERR_LIMIT,       /* a configured limit was reached; retry after load drops */
    ERR_TIMEOUT,     /* outcome unknown: it may have happened */
    ERR_UNAVAILABLE, /* it did not happen; the peer or the machine refused */
    ERR_CORRUPT,     /* stored bytes fail their check; needs a person */
};

enum { ERR_MSG_MAX = 400 };

struct err {
    enum err_code code;
    int sys;               /* errno at the origin, or 0 */
    char msg[ERR_MSG_MAX]; /* "outer: inner: cause", always NUL-terminated */
};

/* Starts an error. Returns `code`, so that callers can `return err_set(...)`. */
enum err_code err_set(struct err *err, enum err_code code, const char *fmt, ...) PRINTF(3, 4);

/* The same from a system call: adds strerror(errnum) and picks the code from it. */
enum err_code err_sys(struct err *err, int errnum, const char *fmt, ...) PRINTF(3, 4);

/* Puts "context: " in front of the message on its way up. Returns err->code. */
enum err_code err_wrap(struct err *err, const char *fmt, ...) PRINTF(2, 3);

/* "invalid", "not_found", ...: stable, for logs and for problem documents. */
const char *err_code_name(enum err_code code);

#endif
