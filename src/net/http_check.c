#include "net/http_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#include "net/http_text.h"

static int refuse(struct http_refusal *refusal, int status, const char *code, const char *fmt, ...)
    PRINTF(4, 5);

static int refuse(struct http_refusal *refusal, int status, const char *code, const char *fmt, ...)
{
    va_list ap;

    refusal->status = status;
    refusal->code = code;
    va_start(ap, fmt);
    (void)vsnprintf(refusal->detail, sizeof(refusal->detail), fmt, ap);
    va_end(ap);
    return 1;
}

static int is_text(struct slice text, const char *other)
{
    return text.len == strlen(other) && strncasecmp(text.ptr, other, text.len) == 0;
}

static void count(struct http_single *single, struct slice value)
{
    if (single->n++ == 0)
        single->value = value;
}

void http_head_add(struct http_head *head, struct slice name, struct slice value)
{
    if (!http_is_token(name) || !http_is_field_value(value))
        head->has_bad_header = 1;
    else if (is_text(name, "Content-Length"))
        count(&head->content_length, value);
    else if (is_text(name, "Transfer-Encoding"))
        count(&head->transfer_encoding, value);
    else if (is_text(name, "Host"))
        count(&head->host, value);
    else if (is_text(name, "Origin"))
        count(&head->origin, value);
    else if (is_text(name, "Content-Type"))
        count(&head->content_type, value);
    else if (is_text(name, "Idempotency-Key"))
        count(&head->idempotency_key, value);
    else if (is_text(name, "Authorization"))
        count(&head->authorization, value);
}

static int check_once(const char *name, const struct http_single *single,
                      struct http_refusal *refusal)
{
    if (single->n < 2)
        return 0;
    return refuse(refusal, 400, "header_repeated", "%s is there %u times; send it once.", name,
                  single->n);
}

/* Digits only: no sign, no blank, no list. What overflows becomes larger than any limit. */
static int read_length(struct slice text, size_t *ret_length)
{
    size_t length = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return 0;
        if (__builtin_mul_overflow(length, (size_t)10, &length) ||
            __builtin_add_overflow(length, (size_t)(text.ptr[i] - '0'), &length))
            length = SIZE_MAX / 10; /* stays too large whatever follows */
    }
    *ret_length = length;
    return text.len > 0;
}

static int check_length(const struct http_head *head, const struct http_self *self,
                        struct http_refusal *refusal)
{
    size_t length = 0;

    if (head->content_length.n == 0)
        return 0;
    if (!read_length(head->content_length.value, &length))
        return refuse(refusal, 400, "bad_framing",
                      "Content-Length is not a whole number; send the body's length in bytes.");
    if (length > self->body_bytes_max)
        return refuse(refusal, 413, "body_too_large",
                      "The body is larger than the limit of %zu bytes; send less.",
                      self->body_bytes_max);
    return 0;
}

int http_check_framing(const struct http_head *head, const struct http_self *self,
                       struct http_refusal *ret_refusal)
{
    const struct http_single *encoding = &head->transfer_encoding;

    if (check_once("Content-Length", &head->content_length, ret_refusal))
        return 1;
    if (encoding->n > 0 && head->content_length.n > 0)
        return refuse(ret_refusal, 400, "bad_framing",
                      "Both Content-Length and Transfer-Encoding are there; send one of them.");
    if (encoding->n > 0 && head->is_http_1_0)
        return refuse(ret_refusal, 400, "bad_framing",
                      "HTTP/1.0 has no Transfer-Encoding; send Content-Length.");
    if (encoding->n > 1 || (encoding->n == 1 && !is_text(encoding->value, "chunked")))
        return refuse(ret_refusal, 400, "bad_framing",
                      "The only Transfer-Encoding that is taken is \"chunked\", once.");
    return check_length(head, self, ret_refusal);
}

/* Splits "name", "name:7295", "[::1]:7295". Without a port: *ret_has_port is 0. */
static int split_authority(struct slice text, struct slice *ret_name, int *ret_has_port,
                           unsigned *ret_port)
{
    const char *end = text.ptr + text.len;
    const char *colon = text.ptr;
    unsigned port = 0;

    if (text.len > 0 && text.ptr[0] == '[') {
        colon = memchr(text.ptr, ']', text.len);
        if (!colon)
            return 0;
    }
    colon = memchr(colon, ':', (size_t)(end - colon));
    for (const char *c = colon ? colon + 1 : end; c < end; c++) {
        if (*c < '0' || *c > '9' || port > UINT16_MAX)
            return 0;
        port = port * 10 + (unsigned)(*c - '0');
    }
    *ret_name = (struct slice){ text.ptr, (size_t)((colon ? colon : end) - text.ptr) };
    *ret_has_port = colon && colon + 1 < end;
    *ret_port = port;
    return 1;
}

static int is_own_name(struct slice name, const struct http_self *self)
{
    char bracketed[80];

    (void)snprintf(bracketed, sizeof(bracketed), "[%s]", self->host);
    return is_text(name, "localhost") || is_text(name, "127.0.0.1") || is_text(name, "[::1]") ||
           is_text(name, strchr(self->host, ':') ? bracketed : self->host);
}

static int check_host(const struct http_head *head, const struct http_self *self,
                      struct http_refusal *refusal)
{
    struct slice name;
    int has_port = 0;
    unsigned port = 0;

    if (head->host.n == 0 && head->is_http_1_0)
        return 0; /* no browser, so nobody that a web page could steer */
    if (head->host.n == 0)
        return refuse(refusal, 400, "host_missing", "A request needs a Host header.");
    if (!split_authority(head->host.value, &name, &has_port, &port) || !is_own_name(name, self) ||
        (has_port && port != self->port))
        return refuse(refusal, 421, "host_refused",
                      "The Host header does not name this server; call it as localhost:%u or by "
                      "the address that it listens on.",
                      (unsigned)self->port);
    return 0;
}

static int is_own_origin(struct slice origin, const struct http_self *self)
{
    static const char scheme[] = "http://";
    size_t scheme_len = sizeof(scheme) - 1;
    struct slice name;
    int has_port = 0;
    unsigned port = 0;

    if (origin.len < scheme_len || strncasecmp(origin.ptr, scheme, scheme_len) != 0)
        return 0;
    origin.ptr += scheme_len;
    origin.len -= scheme_len;
    return split_authority(origin, &name, &has_port, &port) && is_own_name(name, self) &&
           (has_port ? port : 80) == self->port;
}

static int check_origin(const struct http_head *head, const struct http_self *self,
                        struct http_refusal *refusal)
{
    if (head->origin.n == 0 || is_own_origin(head->origin.value, self))
        return 0;
    return refuse(refusal, 403, "origin_refused",
                  "The Origin header names another site than this server; web pages of other "
                  "sites may not call it.");
}

static int check_repeats(const struct http_head *head, struct http_refusal *refusal)
{
    return check_once("Host", &head->host, refusal) ||
           check_once("Origin", &head->origin, refusal) ||
           check_once("Content-Type", &head->content_type, refusal) ||
           check_once("Idempotency-Key", &head->idempotency_key, refusal) ||
           check_once("Authorization", &head->authorization, refusal);
}

int http_refuse_size(struct http_refusal *ret_refusal)
{
    return refuse(ret_refusal, 431, "headers_too_large",
                  "The request line and headers are larger than the limit of %d bytes, or have too "
                  "many parts; send less.",
                  HTTP_HEAD_BYTES_MAX);
}

int http_check(const struct http_head *head, const struct http_self *self,
               struct http_refusal *ret_refusal)
{
    if (head->has_bad_header)
        return refuse(ret_refusal, 400, "bad_header",
                      "A header's name is not a token, its value holds a control character, or its "
                      "line does not end in CR LF.");
    if (head->bytes > HTTP_HEAD_BYTES_MAX)
        return http_refuse_size(ret_refusal);
    return http_check_framing(head, self, ret_refusal) || check_repeats(head, ret_refusal) ||
           check_host(head, self, ret_refusal) || check_origin(head, self, ret_refusal);
}
