#include "net/problem.h"

#include <stdarg.h>
#include <stdio.h>

#include <microhttpd.h>

#include "base/json.h"
#include "base/utf8.h"

void problem_put(struct buf *buf, int status, const char *code, struct slice detail)
{
    json_begin(buf, '{');
    json_key(buf, "type");
    json_put_str(buf, SLICE_LIT("about:blank"));
    json_key(buf, "title");
    json_put_str(buf, slice_of(MHD_get_reason_phrase_for((unsigned)status)));
    json_key(buf, "status");
    json_put_int(buf, status);
    json_key(buf, "code");
    json_put_str(buf, slice_of(code));
    json_key(buf, "detail");
    json_put_str(buf, utf8_prefix(detail, PROBLEM_DETAIL_MAX));
    json_end(buf, '}');
}

void http_reply_problem(struct http_request *request, int status, const char *code, const char *fmt,
                        ...)
{
    static const char *const retry_soon[] = { "Retry-After", "1", NULL };
    CLEANUP(buf_release) struct buf body = { .max = PROBLEM_BYTES_MAX };
    char detail[PROBLEM_DETAIL_MAX + 1];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(detail, sizeof(detail), fmt, ap);
    va_end(ap);
    problem_put(&body, status, code, slice_of(detail));
    http_reply(request, status, PROBLEM_TYPE, buf_slice(&body), status == 503 ? retry_soon : NULL);
}
