/*
 * fake_provider.c - a chat completions API that answers at once, or after a set time.
 *
 *   fake_provider [PORT]
 *
 * Prints "PORT" as soon as it listens. The model's name says how it answers: `calls-3-wait-2000`
 * asks for the tool `echo` in its first three answers of a session and ends with a text, each after
 * 2000 ms. With `-chunks-80-every-25` in its name the answers of a request that has `stream: true`
 * come as 80 chunks, 25 ms from one to the next; the text of each is the machine's monotonic time
 * in microseconds, so that whoever reads them can say how late they are. How many answers a session
 * has had it reads off the request: the id of the last tool result has the number, also where a
 * window has cut what was before.
 *
 * GET /stats says what it has seen since POST /reset, as JSON. A gap is the time from an answer
 * to the next request of any session but a session's first: with one session at a time, what the
 * engine needs from an answer to the next question.
 *
 * It trusts its peers: it is for measuring, on this machine only.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/figures.h"
#include "loop/loop.h"

enum {
    GAPS_MAX = 32768,
    EDGE = 100, /* gaps at the beginning and at the end that are looked at by themselves */
    REQUEST_BYTES_MAX = 256 * 1024 * 1024,
    READ_BYTES = 64 * 1024,
    ANSWER_BYTES_MAX = 2048,
    NAME_BYTES_MAX = 256,
    CHUNKS_MAX = 10000,
    STREAM_BYTES_MAX = CHUNKS_MAX * 512,
};

struct peer {
    int fd;
    struct loop_fd *watch;
    struct buf in;
    struct loop_timer timer;
    unsigned answers; /* that its session has had before this request */
    unsigned calls;   /* answers with a tool call before the last one */
    unsigned chunks;  /* 0: the answer comes whole */
    unsigned every_ms;
    unsigned sent; /* chunks */
};

static struct {
    struct loop *loop;
    int listener;
    uint64_t requests, connections;
    uint64_t in_flight, in_flight_max;
    int64_t answered_us;
    uint32_t gaps[GAPS_MAX];
    size_t gaps_n;
} fake;

static int64_t now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* ---- answers ---- */

static void peer_free(struct peer *peer)
{
    loop_timer_stop(fake.loop, &peer->timer);
    loop_fd_stop(peer->watch);
    (void)close(peer->fd);
    buf_release(&peer->in);
    free(peer);
}

/* An answer fits the socket's buffer, which is empty: the peer has read the one before. */
static void reply(struct peer *peer, const char *json)
{
    char text[ANSWER_BYTES_MAX + 256];
    int n = snprintf(text, sizeof(text),
                     "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                     "Content-Length: %zu\r\n\r\n%s",
                     strlen(json), json);

    if (send(peer->fd, text, (size_t)n, MSG_NOSIGNAL) != n)
        peer_free(peer);
}

static void note_answer(void)
{
    fake.in_flight--;
    fake.answered_us = now_us();
}

static void answer_whole(struct peer *peer)
{
    static const char head[] =
        "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\","
        "\"created\":1700000000,\"model\":\"fake\",\"choices\":[{\"index\":0,"
        "\"message\":{\"role\":\"assistant\",\"content\":";
    static const char tail[] = "}],\"usage\":{\"prompt_tokens\":200,\"completion_tokens\":40,"
                               "\"total_tokens\":240}}";
    char json[ANSWER_BYTES_MAX];

    if (peer->answers < peer->calls)
        (void)snprintf(json, sizeof(json),
                       "%snull,\"tool_calls\":[{\"id\":\"call_%u\",\"type\":\"function\","
                       "\"function\":{\"name\":\"echo\",\"arguments\":\"{\\\"text\\\":\\\"order %u "
                       "of customer 1234 is on its way\\\"}\"}}]},"
                       "\"finish_reason\":\"tool_calls\"%s",
                       head, peer->answers + 1, peer->answers + 1, tail);
    else
        (void)snprintf(json, sizeof(json),
                       "%s\"All three orders are on their way; the last one arrives on Friday.\"},"
                       "\"finish_reason\":\"stop\"%s",
                       head, tail);
    note_answer();
    reply(peer, json);
}

/* ---- streamed answers ---- */

/* An event, as a chunk of the HTTP body. */
static void put_event(struct buf *out, const char *json)
{
    buf_putf(out, "%zx\r\ndata: %s\n\n\r\n", strlen(json) + 8, json);
}

static void put_delta(struct buf *out, const struct peer *peer)
{
    int is_first = peer->sent == 0;
    int is_call = peer->answers < peer->calls;
    char json[ANSWER_BYTES_MAX];
    char piece[32];
    char start[64];

    (void)snprintf(start, sizeof(start), "\"id\":\"call_%u\",\"type\":\"function\",",
                   peer->answers + 1);
    (void)snprintf(piece, sizeof(piece), "%lld ", (long long)now_us());
    if (is_call)
        (void)snprintf(json, sizeof(json),
                       "{\"id\":\"chatcmpl-1\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":"
                       "[{\"index\":0,%s\"function\":{%s\"arguments\":\"%s%s%s\"}}]}}]}",
                       is_first ? start : "", is_first ? "\"name\":\"echo\"," : "",
                       is_first ? "{\\\"text\\\":\\\"" : "", piece,
                       peer->sent + 1 == peer->chunks ? "\\\"}" : "");
    else
        (void)snprintf(json, sizeof(json),
                       "{\"id\":\"chatcmpl-1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":"
                       "\"%s\"}}]}",
                       piece);
    put_event(out, json);
}

static void put_stream_end(struct buf *out, const struct peer *peer)
{
    put_event(out,
              peer->answers < peer->calls
                  ? "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}"
                  : "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}");
    put_event(out, "{\"choices\":[],\"usage\":{\"prompt_tokens\":200,\"completion_tokens\":40,"
                   "\"total_tokens\":240}}");
    put_event(out, "[DONE]");
    buf_puts(out, "0\r\n\r\n");
}

static void stream_chunk(void *arg)
{
    CLEANUP(buf_release) struct buf out = { .max = STREAM_BYTES_MAX };
    struct peer *peer = arg;

    if (peer->sent == 0)
        buf_puts(&out, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                       "Transfer-Encoding: chunked\r\n\r\n");
    do {
        put_delta(&out, peer);
        peer->sent++;
    } while (peer->every_ms == 0 && peer->sent < peer->chunks);
    int is_end = peer->sent == peer->chunks;

    if (is_end) {
        put_stream_end(&out, peer);
        note_answer();
    }
    if (send(peer->fd, out.data, out.len, MSG_NOSIGNAL) != (ssize_t)out.len) {
        fake.in_flight -= !is_end;
        peer_free(peer);
    } else if (!is_end) {
        loop_timer_start(fake.loop, &peer->timer, peer->every_ms, stream_chunk, peer);
    }
}

static void answer(void *arg)
{
    struct peer *peer = arg;

    peer->sent = 0;
    if (peer->chunks > 0)
        stream_chunk(peer);
    else
        answer_whole(peer);
}

/* ---- stats ---- */

static void reply_stats(struct peer *peer)
{
    static double gaps[GAPS_MAX], first[EDGE], last[EDGE];
    char json[ANSWER_BYTES_MAX];
    size_t n = fake.gaps_n;
    size_t edge = n < EDGE ? n : EDGE;

    for (size_t i = 0; i < n; i++)
        gaps[i] = fake.gaps[i];
    memcpy(first, gaps, edge * sizeof(*gaps));
    memcpy(last, gaps + (n - edge), edge * sizeof(*gaps));
    (void)snprintf(json, sizeof(json),
                   "{\"requests\":%llu,\"connections\":%llu,\"in_flight\":%llu,"
                   "\"in_flight_max\":%llu,\"gaps\":%zu,\"gap_us_p50\":%.0f,\"gap_us_p99\":%.0f,"
                   "\"first_gap_us_p50\":%.0f,\"last_gap_us_p50\":%.0f}",
                   (unsigned long long)fake.requests, (unsigned long long)fake.connections,
                   (unsigned long long)fake.in_flight, (unsigned long long)fake.in_flight_max, n,
                   figures_percentile(gaps, n, 50), figures_percentile(gaps, n, 99),
                   figures_percentile(first, edge, 50), figures_percentile(last, edge, 50));
    reply(peer, json);
}

static void reset(struct peer *peer)
{
    fake.requests = 0;
    fake.in_flight_max = fake.in_flight;
    fake.gaps_n = 0;
    reply(peer, "{}");
}

/* ---- requests ---- */

static void note_request(const struct peer *peer)
{
    fake.requests++;
    if (++fake.in_flight > fake.in_flight_max)
        fake.in_flight_max = fake.in_flight;
    if (peer->answers > 0 && fake.gaps_n < GAPS_MAX)
        fake.gaps[fake.gaps_n++] = (uint32_t)(now_us() - fake.answered_us);
}

static unsigned number_after(const char *text, const char *what)
{
    const char *at = strstr(text, what);

    return at ? (unsigned)strtoul(at + strlen(what), NULL, 10) : 0;
}

/* The number of the answer whose tool call has the last result in the request; 0: none has. */
static unsigned answers_of(struct slice body)
{
    static const char what[] = "\"tool_call_id\":\"call_";
    const char *end = body.ptr + body.len;
    const char *last = NULL;

    for (const char *at = body.ptr;
         (at = memmem(at, (size_t)(end - at), what, sizeof(what) - 1)) != NULL; last = at)
        at += sizeof(what) - 1;
    return last ? (unsigned)strtoul(last, NULL, 10) : 0;
}

/* `body` is a part of a NUL-terminated buf. */
static void ask(struct peer *peer, struct slice body)
{
    const char *model = memmem(body.ptr, body.len, "\"model\":\"", 9);
    char name[NAME_BYTES_MAX] = "";

    if (model)
        (void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(model + 9, "\""), model + 9);
    unsigned wait_ms = number_after(name, "-wait-");

    peer->calls = number_after(name, "calls-");
    peer->chunks = number_after(name, "-chunks-");
    peer->every_ms = number_after(name, "-every-");
    if (peer->chunks > CHUNKS_MAX)
        peer->chunks = CHUNKS_MAX;
    if (peer->chunks > 0 && !memmem(body.ptr, body.len, "\"stream\":true", 13))
        peer->chunks = 0;
    peer->answers = answers_of(body);
    note_request(peer);
    if (wait_ms == 0)
        answer(peer);
    else
        loop_timer_start(fake.loop, &peer->timer, wait_ms, answer, peer);
}

/* The bytes of the request that has arrived whole, or 0; *ret_body is its body. */
static size_t whole_request(const struct peer *peer, struct slice *ret_body)
{
    const char *data = buf_cstr(&peer->in);
    const char *end = memmem(data, peer->in.len, "\r\n\r\n", 4);
    const char *length = end ? strcasestr(data, "\r\ncontent-length:") : NULL;
    size_t body = length && length < end ? strtoul(length + 17, NULL, 10) : 0;

    if (!end || peer->in.len < (size_t)(end + 4 - data) + body)
        return 0;
    *ret_body = (struct slice){ end + 4, body };
    return (size_t)(end + 4 - data) + body;
}

/* A peer asks again only when it has its answer, so what is there is one request. */
static void take_request(struct peer *peer)
{
    struct slice body;

    if (whole_request(peer, &body) == 0)
        return;
    int is_stats = strncmp(peer->in.data, "GET /stats", 10) == 0;
    int is_reset = strncmp(peer->in.data, "POST /reset", 11) == 0;

    if (!is_stats && !is_reset) {
        ask(peer, body);
        buf_clear(&peer->in);
        return;
    }
    buf_clear(&peer->in);
    (is_stats ? reply_stats : reset)(peer);
}

static void on_readable(void *arg, unsigned events)
{
    static char bytes[READ_BYTES];
    struct peer *peer = arg;
    ssize_t n = recv(peer->fd, bytes, sizeof(bytes), 0);

    (void)events;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        fake.in_flight -= peer->timer.heap_at != 0;
        peer_free(peer);
        return;
    }
    buf_put(&peer->in, (struct slice){ bytes, (size_t)n });
    take_request(peer);
}

static void on_connection(void *arg, unsigned events)
{
    const int flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
    struct sockaddr_in from;
    socklen_t len = sizeof(from);
    int yes = 1;

    (void)arg;
    (void)events;
    for (int fd; (fd = accept4(fake.listener, (struct sockaddr *)&from, &len, flags)) >= 0;) {
        struct peer *peer = xcalloc(1, sizeof(*peer));

        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
        fake.connections++;
        peer->fd = fd;
        peer->in.max = REQUEST_BYTES_MAX;
        peer->watch = loop_fd_start(fake.loop, fd, LOOP_READ, on_readable, peer);
    }
}

static _Noreturn void die(const char *what)
{
    perror(what);
    exit(1);
}

static uint16_t listen_on(uint16_t port)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons(port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(at);
    int yes = 1;

    fake.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fake.listener < 0 ||
        setsockopt(fake.listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
        bind(fake.listener, (struct sockaddr *)&at, sizeof(at)) < 0 ||
        listen(fake.listener, 16384) < 0 ||
        getsockname(fake.listener, (struct sockaddr *)&at, &len) < 0)
        die("fake_provider: listen");
    return ntohs(at.sin_port);
}

int main(int argc, char **argv)
{
    struct err err = { 0 };

    (void)signal(SIGPIPE, SIG_IGN);
    uint16_t port = listen_on(argc > 1 ? (uint16_t)strtoul(argv[1], NULL, 10) : 0);

    if (loop_new(&fake.loop, &err)) {
        (void)fprintf(stderr, "fake_provider: %s\n", err.msg);
        return 1;
    }
    (void)loop_fd_start(fake.loop, fake.listener, LOOP_READ, on_connection, NULL);
    (void)printf("%u\n", port);
    (void)fflush(stdout);
    loop_run(fake.loop);
    return 0;
}
