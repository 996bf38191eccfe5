#include "bench/http.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/process.h"

void http_connect(struct http *http, unsigned port)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int yes = 1;

    http->in_len = 0;
    http->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (http->fd < 0 || connect(http->fd, (struct sockaddr *)&at, sizeof(at)) < 0)
        bench_die("connect to port %u", port);
    (void)setsockopt(http->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
}

void http_send(struct http *http, const char *method, const char *path, const char *body)
{
    char text[4096];
    int n = snprintf(text, sizeof(text),
                     "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                     "Content-Length: %zu\r\n\r\n%s",
                     method, path, strlen(body), body);

    if (n >= (int)sizeof(text) || send(http->fd, text, (size_t)n, MSG_NOSIGNAL) != n)
        bench_die("send %s %s", method, path);
    http->in_len = 0;
}

int http_receive(struct http *http)
{
    ssize_t n = recv(http->fd, http->in + http->in_len, sizeof(http->in) - 1 - http->in_len, 0);

    if (n <= 0)
        bench_die("the server closed a connection, or its answer is too long");
    http->in_len += (size_t)n;
    http->in[http->in_len] = '\0';
    const char *end = strstr(http->in, "\r\n\r\n");
    const char *length = end ? strcasestr(http->in, "\r\ncontent-length:") : NULL;

    if (!end)
        return 0;
    size_t body =
        length && length < end ? strtoul(length + strlen("\r\ncontent-length:"), NULL, 10) : 0;

    if (http->in_len < (size_t)(end + 4 - http->in) + body)
        return 0;
    return (int)strtol(http->in + strlen("HTTP/1.1 "), NULL, 10);
}

int http_ask(struct http *http, const char *method, const char *path, const char *body)
{
    int status;

    http_send(http, method, path, body);
    do {
        status = http_receive(http);
    } while (status == 0);
    return status;
}

const char *http_answer_body(const struct http *http)
{
    return strstr(http->in, "\r\n\r\n") + 4;
}

void http_close(struct http *http)
{
    (void)close(http->fd);
}

static const char *value_of(const char *json, const char *name)
{
    char key[64];

    (void)snprintf(key, sizeof(key), "\"%s\":", name);
    const char *at = strstr(json, key);

    return at ? at + strlen(key) : NULL;
}

double http_json_number(const char *json, const char *name)
{
    const char *value = value_of(json, name);

    return value ? strtod(value, NULL) : -1;
}

int http_json_text(const char *json, const char *name, char *ret_text, size_t size)
{
    const char *value = value_of(json, name);
    size_t len = value && *value == '"' ? strcspn(value + 1, "\"") : 0;

    if (len == 0 || len >= size)
        return 0;
    memcpy(ret_text, value + 1, len);
    ret_text[len] = '\0';
    return 1;
}
