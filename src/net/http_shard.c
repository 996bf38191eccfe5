#include "net/http_shard.h"

#include <stdlib.h>

#include "base/list.h"

/* A socket that curl wants to be told about. */
struct shard_socket {
    struct http_shard *shard;
    struct link link;
    curl_socket_t fd;
    struct loop_fd *watch;
};

struct http_shard {
    struct loop *loop;
    CURLM *multi;
    struct loop_timer timer;
    struct list sockets;
    unsigned count;
    http_shard_fn *on_end;
    void *arg;
};

/* A failure is a lack of memory or a wrong use of ours. */
static void must(CURLMcode code)
{
    ASSERT(code == CURLM_OK);
}

static void act(struct http_shard *shard, curl_socket_t fd, int events)
{
    int running = 0;
    int left = 0;

    must(curl_multi_socket_action(shard->multi, fd, events, &running));
    for (CURLMsg *message; (message = curl_multi_info_read(shard->multi, &left));) {
        CURL *easy = message->easy_handle; /* the message does not outlive the removal */
        CURLcode code = message->data.result;

        ASSERT(message->msg == CURLMSG_DONE);
        http_shard_remove(shard, easy);
        shard->on_end(easy, code, shard->arg);
    }
}

static void on_events(void *arg, unsigned events)
{
    struct shard_socket *socket = arg; /* may be gone after act() */
    int curl_events =
        (events & LOOP_READ ? CURL_CSELECT_IN : 0) | (events & LOOP_WRITE ? CURL_CSELECT_OUT : 0);

    act(socket->shard, socket->fd, curl_events);
}

static void on_time(void *arg)
{
    act(arg, CURL_SOCKET_TIMEOUT, 0);
}

static void socket_free(struct shard_socket *socket)
{
    loop_fd_stop(socket->watch);
    list_remove(&socket->shard->sockets, &socket->link);
    free(socket);
}

static struct shard_socket *socket_new(struct http_shard *shard, curl_socket_t fd, unsigned events)
{
    struct shard_socket *socket = xcalloc(1, sizeof(*socket));

    *socket = (struct shard_socket){
        .shard = shard,
        .fd = fd,
    };
    list_add(&shard->sockets, &socket->link);
    socket->watch = loop_fd_start(shard->loop, fd, events, on_events, socket);
    return socket;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *slot)
{
    struct http_shard *shard = arg;
    struct shard_socket *socket = slot;
    unsigned events = (what == CURL_POLL_IN || what == CURL_POLL_INOUT ? LOOP_READ : 0u) |
                      (what == CURL_POLL_OUT || what == CURL_POLL_INOUT ? LOOP_WRITE : 0u);

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (socket)
            socket_free(socket);
        must(curl_multi_assign(shard->multi, fd, NULL));
    } else if (socket) {
        loop_fd_change(socket->watch, events);
    } else {
        socket = socket_new(shard, fd, events);
        must(curl_multi_assign(shard->multi, fd, socket));
    }
    return 0;
}

static int on_timeout(CURLM *multi, long timeout_ms, void *arg)
{
    struct http_shard *shard = arg;

    (void)multi;
    if (timeout_ms < 0)
        loop_timer_stop(shard->loop, &shard->timer);
    else
        loop_timer_start(shard->loop, &shard->timer, timeout_ms, on_time, shard);
    return 0;
}

struct http_shard *http_shard_new(struct loop *loop, http_shard_fn *on_end, void *arg)
{
    struct http_shard *shard = xcalloc(1, sizeof(*shard));

    shard->loop = loop;
    shard->on_end = on_end;
    shard->arg = arg;
    shard->multi = curl_multi_init();
    ASSERT(shard->multi);
    (void)curl_multi_setopt(shard->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    (void)curl_multi_setopt(shard->multi, CURLMOPT_SOCKETDATA, shard);
    (void)curl_multi_setopt(shard->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
    (void)curl_multi_setopt(shard->multi, CURLMOPT_TIMERDATA, shard);
    (void)curl_multi_setopt(shard->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    /* Each call may keep its connection for the next one. */
    (void)curl_multi_setopt(shard->multi, CURLMOPT_MAXCONNECTS, (long)HTTP_SHARD_CALLS_MAX);
    return shard;
}

void http_shard_free(struct http_shard *shard)
{
    ASSERT(shard->count == 0);
    (void)curl_multi_cleanup(shard->multi);
    for (struct link *at = list_first(&shard->sockets), *next; at; at = next) {
        next = at->next;
        socket_free(CONTAINER_OF(at, struct shard_socket, link));
    }
    loop_timer_stop(shard->loop, &shard->timer);
    free(shard);
}

unsigned http_shard_count(const struct http_shard *shard)
{
    return shard->count;
}

void http_shard_add(struct http_shard *shard, CURL *easy)
{
    /* Starts nothing yet: asks for a timer that is due at once. */
    must(curl_multi_add_handle(shard->multi, easy));
    shard->count++;
}

void http_shard_remove(struct http_shard *shard, CURL *easy)
{
    must(curl_multi_remove_handle(shard->multi, easy));
    shard->count--;
}
