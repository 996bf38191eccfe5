#include "bench/readers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/attr.h"
#include "bench/http.h"
#include "bench/process.h"

enum {
    LINE_MAX_BYTES = 256, /* the beginning of a line; the rest is dropped */
    LATE_MAX = 4 * 1024 * 1024,
    EVENTS_AT_ONCE = 256,
    OPENING_AT_ONCE = 64,
    OPENING_MS = 30000,
};

struct reader {
    int fd;
    int has_begun;
    size_t line_len;
    char line[LINE_MAX_BYTES];
};

struct readers {
    int epoll;
    struct reader *all;
    size_t n;
    size_t begun;
    uint64_t events;
    uint64_t skips;
    double *late_ms;
    size_t late_n;
};

/* ---- lines ---- */

static void take_delta(struct readers *readers, const char *line)
{
    static const char key[] = "\"text\":\"";
    const char *text = strstr(line, key);
    long long sent_us = text ? strtoll(text + strlen(key), NULL, 10) : 0;

    if (sent_us > 0 && readers->late_n < LATE_MAX)
        readers->late_ms[readers->late_n++] = (double)(bench_now_us() - sent_us) / 1000;
}

static void take_line(struct readers *readers, struct reader *reader)
{
    const char *line = reader->line;

    if (strncmp(line, "id: ", 4) == 0) {
        readers->events++;
        readers->begun += !reader->has_begun;
        reader->has_begun = 1;
    } else if (strncmp(line, "data: {\"call\":", 14) == 0) {
        take_delta(readers, line);
    } else if (strcmp(line, "event: skipped") == 0) {
        readers->skips++;
    } else if (strncmp(line, "HTTP/1.1 ", 9) == 0 && strncmp(line + 9, "200 ", 4) != 0) {
        errno = 0;
        bench_die("a stream was refused: %s", line);
    }
}

static void take_bytes(struct readers *readers, struct reader *reader, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] == '\r')
            continue;
        if (bytes[i] != '\n') {
            if (reader->line_len + 1 < sizeof(reader->line))
                reader->line[reader->line_len++] = bytes[i];
            continue;
        }
        reader->line[reader->line_len] = '\0';
        take_line(readers, reader);
        reader->line_len = 0;
    }
}

static void receive(struct readers *readers, struct reader *reader)
{
    static char bytes[1 << 16];
    ssize_t n = recv(reader->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0)
        bench_die("the server ended a stream");
    take_bytes(readers, reader, bytes, (size_t)n);
}

void readers_run(struct readers *readers, int64_t until_us)
{
    struct epoll_event events[EVENTS_AT_ONCE];

    for (int64_t left_us; (left_us = until_us - bench_now_us()) > 0;) {
        int n = epoll_wait(readers->epoll, events, EVENTS_AT_ONCE, (int)((left_us + 999) / 1000));

        for (int i = 0; i < n; i++)
            receive(readers, events[i].data.ptr);
    }
}

/* ---- opening ---- */

static void open_one(struct readers *readers, struct reader *reader, unsigned port, const char *id)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = reader };
    struct http http;
    char text[256];
    int n = snprintf(text, sizeof(text),
                     "GET /v1/sessions/%s/events HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                     "Accept: text/event-stream\r\n\r\n",
                     id);

    http_connect(&http, port);
    reader->fd = http.fd;
    if (send(reader->fd, text, (size_t)n, MSG_NOSIGNAL) != n ||
        epoll_ctl(readers->epoll, EPOLL_CTL_ADD, reader->fd, &event) != 0)
        bench_die("open a stream");
}

struct readers *readers_open(unsigned port, char (*ids)[LOAD_ID_MAX], size_t n)
{
    struct readers *readers = xcalloc(1, sizeof(*readers));
    int64_t until_us = bench_now_us() + (int64_t)OPENING_MS * 1000;

    *readers = (struct readers){ .n = n };
    readers->all = xcalloc(n, sizeof(*readers->all));
    readers->late_ms = xcalloc(LATE_MAX, sizeof(*readers->late_ms));
    readers->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (readers->epoll < 0)
        bench_die("epoll");
    for (size_t i = 0; i < n; i++) {
        open_one(readers, &readers->all[i], port, ids[i]);
        while (i + 1 - readers->begun >= OPENING_AT_ONCE && bench_now_us() < until_us)
            readers_run(readers, bench_now_us() + 1000);
    }
    while (readers->begun < n && bench_now_us() < until_us)
        readers_run(readers, bench_now_us() + 1000);
    errno = 0;
    if (readers->begun < n)
        bench_die("%zu of %zu streams have no event yet", n - readers->begun, n);
    return readers;
}

void readers_close(struct readers *readers)
{
    for (size_t i = 0; i < readers->n; i++)
        (void)close(readers->all[i].fd);
    (void)close(readers->epoll);
    free(readers->late_ms);
    free(readers->all);
    free(readers);
}

/* ---- what they saw ---- */

uint64_t readers_events(const struct readers *readers)
{
    return readers->events;
}

size_t readers_begun(const struct readers *readers)
{
    return readers->begun;
}

uint64_t readers_skips(const struct readers *readers)
{
    return readers->skips;
}

double *readers_late_ms(struct readers *readers, size_t *ret_n)
{
    *ret_n = readers->late_n;
    return readers->late_ms;
}
