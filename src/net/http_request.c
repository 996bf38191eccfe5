#include "net/http_request.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>

#include "net/problem.h"

struct http_request *http_request_new(struct http_conn *conn, const char *raw_target,
                                      size_t body_bytes_max)
{
    struct http_request *request = xcalloc(1, sizeof(*request));

    request->conn = conn;
    request->phase = HTTP_PHASE_HEAD;
    request->raw_target = raw_target;
    request->raw_target_len = strlen(raw_target);
    request->body.max = body_bytes_max;
    request->target_err.code = http_target_read(&request->target, raw_target, &request->target_err);
    return request;
}

void http_request_free(struct http_request *request)
{
    if (request->response)
        MHD_destroy_response(request->response);
    http_room_set(http_server_room(request->conn->server), &request->answer, 0);
    http_target_release(&request->target);
    buf_release(&request->body);
    free(request);
}

static enum MHD_Result add_header(void *arg, enum MHD_ValueKind kind, const char *name,
                                  size_t name_len, const char *value, size_t value_len)
{
    (void)kind;
    http_head_add(arg, (struct slice){ name, name_len }, (struct slice){ value, value_len });
    return MHD_YES;
}

void http_request_read_head(const struct http_request *request, struct http_head *ret_head)
{
    struct MHD_Connection *connection = request->conn->connection;
    const union MHD_ConnectionInfo *size =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

    *ret_head = (struct http_head){ .bytes = size ? size->header_size : 0 };
    (void)MHD_get_connection_values_n(connection, MHD_HEADER_KIND, add_header, ret_head);
}

static void read_peer(struct http_request *request)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->conn->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (!info || !info->client_addr)
        return;
    if (info->client_addr->sa_family == AF_INET) {
        memcpy(&v4, info->client_addr, sizeof(v4));
        (void)inet_ntop(AF_INET, &v4.sin_addr, request->peer, sizeof(request->peer));
    } else {
        memcpy(&v6, info->client_addr, sizeof(v6));
        (void)inet_ntop(AF_INET6, &v6.sin6_addr, request->peer, sizeof(request->peer));
    }
}

void http_request_begin(struct http_request *request, const char *method, const char *version,
                        const struct http_self *self)
{
    struct http_head head;
    struct http_refusal refusal;

    request->phase = HTTP_PHASE_BODY;
    /* libmicrohttpd leaves the body out of the answer to HEAD, so nobody else need know it. */
    request->is_head = strcmp(method, "HEAD") == 0;
    request->method = request->is_head ? "GET" : method;
    request->is_http_1_0 = strcmp(version, "HTTP/1.0") == 0;
    read_peer(request);
    http_request_read_head(request, &head);
    head.is_http_1_0 = request->is_http_1_0;
    head.has_bad_header |= !http_request_is_all_read(request, method, version, head.bytes);
    request->conn->lingers = 1; /* if it is refused: the body may be on its way */
    if (http_check(&head, self, &refusal))
        http_reply_problem(request, refusal.status, refusal.code, "%s", refusal.detail);
    else if (request->target_err.code)
        http_reply_problem(request, 400, "bad_target", "%s", request->target_err.msg);
    else
        request->conn->lingers = 0;
}

struct slice http_request_method(const struct http_request *request)
{
    return slice_of(request->method);
}

struct slice http_request_path(const struct http_request *request)
{
    return request->target.path;
}

struct slice http_request_query(const struct http_request *request, const char *name)
{
    for (size_t i = 0; i < request->target.params_n; i++)
        if (strcmp(request->target.params[i].name, name) == 0)
            return request->target.params[i].value;
    return (struct slice){ NULL, 0 };
}

const char *http_request_query_name(const struct http_request *request, size_t i)
{
    return i < request->target.params_n ? request->target.params[i].name : NULL;
}

struct slice http_request_header(const struct http_request *request, const char *name)
{
    const char *value = NULL;
    size_t len = 0;

    if (MHD_lookup_connection_value_n(request->conn->connection, MHD_HEADER_KIND, name,
                                      strlen(name), &value, &len) != MHD_YES)
        return (struct slice){ NULL, 0 };
    return (struct slice){ value, len };
}

struct slice http_request_body(const struct http_request *request)
{
    return buf_slice(&request->body);
}

const char *http_request_peer(const struct http_request *request)
{
    return request->peer;
}

/* A header that cannot be sent is our bug: what comes from outside goes into bodies. */
static void put_header(struct MHD_Response *response, const char *name, const char *value)
{
    enum MHD_Result result = MHD_add_response_header(response, name, value);

    ASSERT(result == MHD_YES);
}

static void put_headers(struct MHD_Response *response, const char *content_type,
                        const char *const *extra, int closes)
{
    int has_cache_control = 0;

    ASSERT(response);
    if (content_type)
        put_header(response, "Content-Type", content_type);
    for (; extra && extra[0]; extra += 2) {
        put_header(response, extra[0], extra[1]);
        has_cache_control |= strcasecmp(extra[0], "Cache-Control") == 0;
    }
    if (!has_cache_control)
        put_header(response, "Cache-Control", "no-store");
    put_header(response, "X-Content-Type-Options", "nosniff");
    if (closes)
        put_header(response, "Connection", "close");
}

static struct MHD_Response *response_of(struct slice body)
{
    char *copy = xrealloc(NULL, body.len + 1);

    memcpy(copy, body.len > 0 ? body.ptr : "", body.len);
    return MHD_create_response_from_buffer(body.len, copy, MHD_RESPMEM_MUST_FREE);
}

static void set_response(struct http_request *request, int status, struct MHD_Response *response)
{
    ASSERT(request->phase == HTTP_PHASE_BODY || request->phase == HTTP_PHASE_OPEN);
    ASSERT(status >= 200 && status <= 999);
    request->phase = HTTP_PHASE_ANSWERED;
    request->status = (unsigned)status;
    request->response = response;
    if (request->is_suspended)
        http_server_answered(request->conn->server, request);
}

static void refuse_full(struct http_request *request)
{
    http_reply_problem(request, 503, "response_buffers_full",
                       "The answers that clients have not taken yet fill all that "
                       "limits.response_buffers allows; try again, or ask for less.");
}

int http_request_refuse_full(struct http_request *request)
{
    if (strcmp(request->method, "GET") == 0 ||
        http_room_has(http_server_room(request->conn->server), 1))
        return 0;
    refuse_full(request);
    return 1;
}

/* What a change has to say is always said: it is done. */
static int has_room(const struct http_request *request, size_t bytes)
{
    return strcmp(request->method, "GET") != 0 || bytes <= HTTP_SMALL_ANSWER_MAX ||
           http_room_has(http_server_room(request->conn->server), bytes);
}

void http_reply(struct http_request *request, int status, const char *content_type,
                struct slice body, const char *const *extra)
{
    struct http_server *server = request->conn->server;

    if (!content_type)
        body = (struct slice){ NULL, 0 };
    if (!has_room(request, body.len)) {
        refuse_full(request);
        return;
    }
    struct MHD_Response *response = response_of(body);

    put_headers(response, content_type, extra, http_server_is_draining(server));
    request->answer.fd = request->conn->fd;
    http_room_set(http_server_room(server), &request->answer, body.len);
    set_response(request, status, response);
}

void http_request_refuse_raw(struct http_request *request, const struct http_refusal *refusal)
{
    CLEANUP(buf_release) struct buf body = { .max = PROBLEM_BYTES_MAX };
    CLEANUP(buf_release) struct buf text = { .max = PROBLEM_BYTES_MAX + 1024 };

    problem_put(&body, refusal->status, refusal->code, slice_of(refusal->detail));
    buf_putf(&text,
             "HTTP/1.1 %d %s\r\nContent-Type: " PROBLEM_TYPE "\r\nContent-Length: %zu\r\n"
             "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
             "Connection: close\r\n\r\n",
             refusal->status, MHD_get_reason_phrase_for((unsigned)refusal->status), body.len);
    buf_put(&text, buf_slice(&body));
    request->phase = HTTP_PHASE_ANSWERED;
    request->conn->lingers = 1;
    /* It fits into the empty buffer of any socket; to a client that is gone it does not matter. */
    (void)send(request->conn->fd, text.data, text.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)shutdown(request->conn->fd, SHUT_WR);
}
