#include "net/http_exchange.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/address.h"
#include "net/http_text.h"

enum {
    CONNECT_TIMEOUT_MS = 10 * 1000,
    UPLOAD_BYTES = 16 * 1024, /* curl's least */
    WHERE_MAX = 256,
};

/* A failure is a lack of memory or an option that this libcurl does not know. */
static void must(CURLcode code)
{
    ASSERT(code == CURLE_OK);
}

#define SET(easy, option, value) must(curl_easy_setopt(easy, option, value))

/* ---- what cannot be sent ---- */

static void url_free(CURLU **url)
{
    curl_url_cleanup(*url);
}

static void part_free(char **part)
{
    curl_free(*part);
}

static int has_part(CURLU *url, CURLUPart what)
{
    CLEANUP(part_free) char *part = NULL;

    return curl_url_get(url, what, &part, 0) == CURLUE_OK;
}

static enum err_code check_url(struct http_exchange *exchange, struct err *err)
{
    CLEANUP(url_free) CURLU *url = curl_url();
    CLEANUP(part_free) char *scheme = NULL;
    CLEANUP(part_free) char *host = NULL;
    CLEANUP(part_free) char *port = NULL;
    char where[WHERE_MAX];

    ASSERT(url);
    CURLUcode code = curl_url_set(url, CURLUPART_URL, exchange->call->url, 0);

    if (code == CURLUE_OK)
        code = curl_url_get(url, CURLUPART_SCHEME, &scheme, 0);
    if (code == CURLUE_OK && strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
        return err_set(err, ERR_INVALID,
                       "the URL's scheme is '%.20s': only http and https are called", scheme);
    if (code == CURLUE_OK)
        code = curl_url_get(url, CURLUPART_HOST, &host, 0);
    if (code != CURLUE_OK)
        return err_set(err, ERR_INVALID, "the URL cannot be read: %s", curl_url_strerror(code));
    if (has_part(url, CURLUPART_USER) || has_part(url, CURLUPART_PASSWORD))
        return err_set(err, ERR_INVALID,
                       "the URL holds a user or password: give credentials in "
                       "a header instead");
    (void)curl_url_get(url, CURLUPART_PORT, &port, 0);
    (void)snprintf(where, sizeof(where), "%s://%s%s%s", scheme, host, port ? ":" : "",
                   port ? port : "");
    free(exchange->where);
    exchange->where = xstrdup(where);
    return ERR_NONE;
}

/* Framing is curl's, and 100-continue is not waited for. */
static int is_ours(const char *name)
{
    static const char *const ours[] = { "Content-Length", "Transfer-Encoding", "Connection",
                                        "Expect" };

    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        if (strcasecmp(name, ours[i]) == 0)
            return 1;
    return 0;
}

static enum err_code check_headers(const struct http_call *call, struct err *err)
{
    ASSERT(call->headers_n <= HTTP_HEADERS_MAX);
    for (size_t i = 0; i < call->headers_n; i++) {
        const struct http_header *header = &call->headers[i];

        if (!http_is_token(slice_of(header->name)))
            return err_set(err, ERR_INVALID, "header %zu has a name that cannot be sent", i + 1);
        if (!http_is_field_value(header->value))
            return err_set(err, ERR_INVALID,
                           "the value of header %s holds a control character, perhaps a newline at "
                           "its end",
                           header->name);
        if (is_ours(header->name))
            return err_set(err, ERR_INVALID, "header %s is set by the HTTP client itself",
                           header->name);
    }
    return ERR_NONE;
}

/* ---- what curl is told ---- */

static void add_line(struct http_exchange *exchange, const char *line)
{
    struct curl_slist *longer = curl_slist_append(exchange->headers, line);

    ASSERT(longer);
    exchange->headers = longer;
}

static void add_header(struct http_exchange *exchange, const struct http_header *header)
{
    CLEANUP(buf_release)
    struct buf line = { .max = strlen(header->name) + header->value.len + 3 };

    buf_puts(&line, header->name);
    buf_puts(&line, header->value.len > 0 ? ": " : ";"); /* ";" is curl's sign for an empty one */
    buf_put(&line, header->value);
    add_line(exchange, buf_cstr(&line));
}

static void set_headers(struct http_exchange *exchange)
{
    int has_type = 0;

    for (size_t i = 0; i < exchange->call->headers_n; i++) {
        add_header(exchange, &exchange->call->headers[i]);
        has_type |= strcasecmp(exchange->call->headers[i].name, "Content-Type") == 0;
    }
    add_line(exchange, "Expect:");
    if (!has_type)
        add_line(exchange, "Content-Type:"); /* else curl calls a body a form */
    SET(exchange->easy, CURLOPT_HTTPHEADER, exchange->headers);
}

static void set_body(struct http_exchange *exchange)
{
    const struct http_call *call = exchange->call;
    int is_post = strcmp(call->method, "POST") == 0;

    if (strcmp(call->method, "HEAD") == 0) {
        SET(exchange->easy, CURLOPT_NOBODY, 1L);
        return;
    }
    if (call->body.len > 0 || is_post) {
        SET(exchange->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
        SET(exchange->easy, CURLOPT_POSTFIELDS, call->body.len > 0 ? call->body.ptr : "");
    }
    if (!is_post)
        SET(exchange->easy, CURLOPT_CUSTOMREQUEST, call->method);
}

static long clamp_ms(int64_t ms)
{
    return ms > INT_MAX ? INT_MAX : (long)ms;
}

static void set_limits(struct http_exchange *exchange)
{
    const struct http_call *call = exchange->call;
    int64_t connect_ms =
        call->connect_timeout_ms > 0 ? call->connect_timeout_ms : (int64_t)CONNECT_TIMEOUT_MS;

    SET(exchange->easy, CURLOPT_TIMEOUT_MS, clamp_ms(call->timeout_ms));
    SET(exchange->easy, CURLOPT_CONNECTTIMEOUT_MS, clamp_ms(connect_ms));
    SET(exchange->easy, CURLOPT_BUFFERSIZE, (long)HTTP_READ_BYTES);
    SET(exchange->easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)UPLOAD_BYTES);
}

static void set_manners(CURL *easy)
{
    SET(easy, CURLOPT_NOSIGNAL, 1L);
    SET(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    SET(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(easy, CURLOPT_FOLLOWLOCATION, 0L);
    SET(easy, CURLOPT_PROXY, ""); /* not even those of the environment */
    SET(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    SET(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    SET(easy, CURLOPT_QUICK_EXIT, 1L); /* ending while a name is looked up must not wait for it */
    SET(easy, CURLOPT_TCP_KEEPALIVE, 1L); /* a model may think for minutes without a byte */
    SET(easy, CURLOPT_USERAGENT, "pawl/" PAWL_VERSION);
}

/* ---- what curl tells ---- */

/*
 * Runs when the connection is up, before the request's first byte. What ends before it surely
 * was not received. A second run means that curl found a kept connection dead after sending, and
 * wants to send again: that is a retry, and retries are the engine's.
 */
/* NOLINTNEXTLINE(readability-non-const-parameter): the signature is curl's */
static int on_connected(void *arg, char *peer_ip, char *own_ip, int peer_port, int own_port)
{
    struct http_exchange *exchange = arg;

    (void)peer_ip;
    (void)own_ip;
    (void)peer_port;
    (void)own_port;
    exchange->is_lost = exchange->is_sent;
    exchange->is_sent = 1;
    return exchange->is_lost ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

/*
 * Here curl names the address that it is about to connect to, so a name that resolves otherwise a
 * second time makes no difference.
 */
static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct http_exchange *exchange = arg;

    if (exchange->call->is_public_only &&
        (purpose != CURLSOCKTYPE_IPCXN || !address_is_public(&address->addr, address->addrlen))) {
        exchange->is_refused = 1;
        return CURL_SOCKET_BAD;
    }
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);

    if (fd >= 0)
        return fd;
    exchange->is_short = errno == EMFILE || errno == ENFILE;
    return CURL_SOCKET_BAD;
}

/* A connection that another call has left open was perhaps not looked at. */
static void set_guard(struct http_exchange *exchange)
{
    SET(exchange->easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    SET(exchange->easy, CURLOPT_OPENSOCKETDATA, exchange);
    if (!exchange->call->is_public_only)
        return;
    SET(exchange->easy, CURLOPT_FRESH_CONNECT, 1L);
    SET(exchange->easy, CURLOPT_FORBID_REUSE, 1L);
}

/* curl takes a connection that was closed amid the headers for the end of a good answer. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the signature is curl's */
static size_t on_header(char *ptr, size_t size, size_t n, void *arg)
{
    struct http_exchange *exchange = arg;
    struct slice line = { ptr, size * n };

    if (slice_is(line, "\r\n") || slice_is(line, "\n"))
        exchange->has_head = 1;
    else if (line.len > 5 && memcmp(line.ptr, "HTTP/", 5) == 0)
        exchange->has_head = 0; /* of a 1xx answer before the real one */
    return line.len;
}

static int take_bytes(struct http_exchange *exchange, struct slice bytes)
{
    struct http_call *call = exchange->call;
    struct err err = { 0 };
    long status = 0;

    if (bytes.len > call->response_bytes_max - exchange->received) {
        exchange->is_too_large = 1;
        return 0;
    }
    exchange->received += bytes.len;
    if (!call->on_body)
        return !buf_add(&exchange->response, bytes, &err);
    (void)curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
    call->status = (int)status;
    exchange->is_cut_off = call->on_body(call, bytes, call->arg) != 0;
    return !exchange->is_cut_off && !exchange->is_cancelled;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the signature is curl's */
static size_t on_bytes(char *ptr, size_t size, size_t n, void *arg)
{
    struct http_exchange *exchange = arg;
    struct slice bytes = { ptr, size * n };

    if (exchange->is_cancelled || !take_bytes(exchange, bytes))
        return CURL_WRITEFUNC_ERROR;
    return bytes.len;
}

enum err_code http_exchange_prepare(struct http_exchange *exchange, struct err *err)
{
    const struct http_call *call = exchange->call;
    CURL *easy = exchange->easy;

    if (!http_is_token(slice_of(call->method)))
        return err_set(err, ERR_INVALID, "the method is not a word");
    if (check_url(exchange, err) || check_headers(call, err))
        return err->code;
    exchange->response.max = call->response_bytes_max > 0 ? call->response_bytes_max : 1;
    SET(easy, CURLOPT_PRIVATE, exchange);
    SET(easy, CURLOPT_ERRORBUFFER, exchange->reason);
    SET(easy, CURLOPT_URL, call->url);
    set_manners(easy);
    set_limits(exchange);
    set_guard(exchange);
    set_body(exchange);
    set_headers(exchange);
    SET(easy, CURLOPT_PREREQFUNCTION, on_connected);
    SET(easy, CURLOPT_PREREQDATA, exchange);
    SET(easy, CURLOPT_HEADERFUNCTION, on_header);
    SET(easy, CURLOPT_HEADERDATA, exchange);
    SET(easy, CURLOPT_WRITEFUNCTION, on_bytes);
    SET(easy, CURLOPT_WRITEDATA, exchange);
    return ERR_NONE;
}

/* ---- what it meant ---- */

/* curl's own words name hosts and certificates; after sending they might quote what came. */
static const char *why(const struct http_exchange *exchange, CURLcode code)
{
    if (exchange->is_refused && !exchange->is_sent)
        return "its address is private, and only public ones are allowed here";
    if (exchange->is_short && !exchange->is_sent)
        return "no file descriptor was free in this process (ulimit -n)";
    if (exchange->is_lost || code == CURLE_GOT_NOTHING)
        return "the connection was closed before an answer came";
    if (code == CURLE_OK)
        return "the connection was closed amid the headers of the answer";
    if (code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_WEIRD_SERVER_REPLY)
        return "the answer is not HTTP";
    if (code == CURLE_OPERATION_TIMEDOUT && exchange->is_sent)
        return "no complete answer in time";
    if (!exchange->is_sent && exchange->reason[0])
        return exchange->reason;
    return curl_easy_strerror(code);
}

void http_exchange_judge(struct http_exchange *exchange, CURLcode code)
{
    struct http_call *call = exchange->call;
    const char *sent = exchange->is_sent ? "it may have been received" : "nothing was sent";
    long os_errno = 0;

    if (exchange->is_cancelled)
        (void)err_set(&call->err, ERR_CONFLICT, "%s %s: cancelled; %s", call->method,
                      exchange->where, sent);
    else if (exchange->is_too_large)
        (void)err_set(&call->err, ERR_LIMIT, "%s %s: the answer is larger than %zu bytes",
                      call->method, exchange->where, call->response_bytes_max);
    else if (exchange->is_cut_off)
        (void)err_set(&call->err, ERR_LIMIT, "%s %s: the answer was refused by its reader",
                      call->method, exchange->where);
    else if (code != CURLE_OK || !exchange->has_head)
        (void)err_set(&call->err, exchange->is_sent ? ERR_TIMEOUT : ERR_UNAVAILABLE,
                      "%s %s: %s; %s", call->method, exchange->where, why(exchange, code), sent);
    if (call->err.code && curl_easy_getinfo(exchange->easy, CURLINFO_OS_ERRNO, &os_errno) == 0)
        call->err.sys = (int)os_errno;
}
