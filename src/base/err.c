#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum err_code err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
    char msg[ERR_MSG_MAX]; /* apart, so that err->msg may be an argument */
    va_list ap;

    ASSERT(code != ERR_NONE);
    va_start(ap, fmt);
    (void)vsnprintf(msg, sizeof(msg), fmt, ap);
    va_end(ap);
    err->code = code;
    err->sys = 0;
    memcpy(err->msg, msg, sizeof(msg));
    return code;
}

/* UNAVAILABLE promises that nothing happened: an end in mid-air must not be called so. */
static enum err_code code_of_errno(int errnum)
{
    switch (errnum) {
    case ENOENT: return ERR_NOT_FOUND;
    case EEXIST: return ERR_CONFLICT;
    case EMFILE:
    case ENFILE: return ERR_LIMIT;
    case ETIMEDOUT:
    case ECONNRESET:
    case EPIPE: return ERR_TIMEOUT;
    default: return ERR_UNAVAILABLE;
    }
}

enum err_code err_sys(struct err *err, int errnum, const char *fmt, ...)
{
    char msg[ERR_MSG_MAX];
    char reason[96];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(msg, sizeof(msg), fmt, ap);
    va_end(ap);
    (void)err_set(err, code_of_errno(errnum), "%s: %s", msg,
                  strerror_r(errnum, reason, sizeof(reason)));
    err->sys = errnum;
    return err->code;
}

enum err_code err_wrap(struct err *err, const char *fmt, ...)
{
    char outer[ERR_MSG_MAX];
    int sys = err->sys;
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(outer, sizeof(outer), fmt, ap);
    va_end(ap);
    (void)err_set(err, err->code, "%s: %s", outer, err->msg);
    err->sys = sys;
    return err->code;
}

const char *err_code_name(enum err_code code)
{
    switch (code) {
    case ERR_NONE: return "none";
    case ERR_INVALID: return "invalid";
    case ERR_NOT_FOUND: return "not_found";
    case ERR_CONFLICT: return "conflict";
    case ERR_LIMIT: return "limit";
    case ERR_TIMEOUT: return "timeout";
    case ERR_UNAVAILABLE: return "unavailable";
    case ERR_CORRUPT: return "corrupt";
    }
    return "unknown";
}
