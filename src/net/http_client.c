/*
 * Starting and cancelling only put a call on the client's list of things to do, which the next
 * turn of the loop works off: so done never runs from inside either, and both may be called from
 * anywhere, also from on_body, where curl itself must not be called.
 */
#include "net/http_client.h"

#include <stdlib.h>

#include "net/http_exchange.h"
#include "net/http_shard.h"

enum {
    SHARDS_MAX = 64,
    HANDLES_KEPT_MAX = 256,
    SHARD_IDLE_MS = 60 * 1000, /* after a burst its connections are given back */
};

struct http_client {
    struct loop *loop;
    struct http_shard *shards[SHARDS_MAX]; /* the first ones are filled first */
    size_t shards_n;
    struct loop_timer idle_timer;
    CURL *kept[HANDLES_KEPT_MAX];
    size_t kept_n;
    struct list open;
    struct http_exchange *todo;
    struct http_exchange **todo_end;
    struct loop_post post;
    int is_closing; /* what is started now is cancelled */
};

/* The exchange whose done runs: its call may be freed or started anew there, so the call does
 * not point to it any more. */
static _Thread_local struct http_exchange *ending;

static void work(void *arg);

struct http_client *http_client_new(struct loop *loop)
{
    struct http_client *client = xcalloc(1, sizeof(*client));

    CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);

    ASSERT(code == CURLE_OK);
    client->loop = loop;
    client->todo_end = &client->todo;
    return client;
}

/* ---- handles and shards ---- */

static CURL *take_handle(struct http_client *client)
{
    CURL *easy = client->kept_n > 0 ? client->kept[--client->kept_n] : curl_easy_init();

    ASSERT(easy);
    return easy;
}

/*
 * A call that ends before it has a connection (no address, no TLS) leaves its read buffer in the
 * handle. libcurl 7.88 then takes no other size for it, and after a reset has forgotten how small
 * it is: such a handle is not used again.
 */
static int is_reusable(CURL *easy)
{
    return curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)HTTP_READ_BYTES) == CURLE_OK;
}

static void give_handle(struct http_client *client, CURL *easy)
{
    if (client->kept_n == HANDLES_KEPT_MAX || !is_reusable(easy)) {
        curl_easy_cleanup(easy);
        return;
    }
    curl_easy_reset(easy);
    client->kept[client->kept_n++] = easy;
}

static void end(struct http_exchange *exchange, CURLcode code);

static void on_transfer_end(CURL *easy, CURLcode code, void *arg)
{
    struct http_exchange *exchange = NULL;

    (void)arg;
    (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &exchange);
    ASSERT(exchange);
    exchange->shard = NULL;
    if (!exchange->is_todo) /* else it was cancelled, and work() ends it */
        end(exchange, code);
}

/* All shards beyond the last that is in use; the first one stays. */
static void close_idle_shards(void *arg)
{
    struct http_client *client = arg;

    while (client->shards_n > 1 && http_shard_count(client->shards[client->shards_n - 1]) == 0)
        http_shard_free(client->shards[--client->shards_n]);
    if (client->shards_n > 1)
        loop_timer_start(client->loop, &client->idle_timer, SHARD_IDLE_MS, close_idle_shards,
                         client);
}

static struct http_shard *find_shard(struct http_client *client)
{
    size_t i = 0;

    while (i < client->shards_n && http_shard_count(client->shards[i]) >= HTTP_SHARD_CALLS_MAX)
        i++;
    if (i == SHARDS_MAX)
        return client->shards[SHARDS_MAX - 1]; /* slower, but whoever asks for so many decides */
    if (i == client->shards_n) {
        client->shards[client->shards_n++] = http_shard_new(client->loop, on_transfer_end, client);
        loop_timer_start(client->loop, &client->idle_timer, SHARD_IDLE_MS, close_idle_shards,
                         client);
    }
    return client->shards[i];
}

/* ---- one call ---- */

static void exchange_free(struct http_exchange *exchange)
{
    give_handle(exchange->client, exchange->easy);
    curl_slist_free_all(exchange->headers);
    buf_release(&exchange->response);
    free(exchange->where);
    free(exchange);
}

/* Out of curl and of the list, then done. call->err is filled. */
static void finish(struct http_exchange *exchange)
{
    struct http_call *call = exchange->call;
    struct http_exchange *outer = ending;
    long status = 0;

    if (exchange->shard)
        http_shard_remove(exchange->shard, exchange->easy);
    list_remove(&exchange->client->open, &exchange->link);
    (void)curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
    call->status = (int)status;
    call->response = buf_slice(&exchange->response);
    call->client_slot = NULL;
    ending = exchange;
    call->done(call, call->arg); /* the call is the caller's again */
    ending = outer;
    exchange_free(exchange);
}

static void end(struct http_exchange *exchange, CURLcode code)
{
    http_exchange_judge(exchange, code);
    finish(exchange);
}

static void begin(struct http_exchange *exchange)
{
    if (http_exchange_prepare(exchange, &exchange->call->err)) {
        finish(exchange);
        return;
    }
    exchange->shard = find_shard(exchange->client);
    http_shard_add(exchange->shard, exchange->easy);
}

static void work(void *arg)
{
    struct http_client *client = arg;
    struct http_exchange *list = client->todo;

    /* What is started by a done from here waits for the next turn, else two calls that fail at
     * once could keep the loop for themselves. */
    client->todo = NULL;
    client->todo_end = &client->todo;
    while (list) {
        struct http_exchange *exchange = list;

        list = exchange->next_todo;
        exchange->is_todo = 0;
        if (exchange->is_cancelled)
            end(exchange, CURLE_OK);
        else
            begin(exchange);
    }
}

static void put_todo(struct http_exchange *exchange)
{
    struct http_client *client = exchange->client;

    if (exchange->is_todo)
        return;
    exchange->is_todo = 1;
    exchange->next_todo = NULL;
    *client->todo_end = exchange;
    client->todo_end = &exchange->next_todo;
    loop_post(client->loop, &client->post, work, client);
}

void http_call_start(struct http_client *client, struct http_call *call)
{
    struct http_exchange *exchange = xcalloc(1, sizeof(*exchange));

    ASSERT(call->method && call->url && call->done && call->timeout_ms > 0);
    *exchange = (struct http_exchange){
        .client = client,
        .call = call,
        .easy = take_handle(client),
        .where = xstrdup("not started yet"),
        .is_cancelled = client->is_closing,
    };
    list_add(&client->open, &exchange->link);
    call->err = (struct err){ 0 };
    call->status = 0;
    call->response = (struct slice){ NULL, 0 };
    call->client_slot = exchange;
    put_todo(exchange);
}

void http_call_cancel(struct http_call *call)
{
    struct http_exchange *exchange = call->client_slot;

    if (!exchange || exchange->is_cancelled)
        return;
    exchange->is_cancelled = 1;
    put_todo(exchange);
}

struct slice http_call_header(const struct http_call *call, const char *name)
{
    struct http_exchange *exchange = call->client_slot;
    struct curl_header *header = NULL;

    if (!exchange && ending && ending->call == call)
        exchange = ending;
    if (!exchange ||
        curl_easy_header(exchange->easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
        return (struct slice){ NULL, 0 };
    return slice_of(header->value);
}

void http_client_free(struct http_client *client)
{
    if (!client)
        return;
    ASSERT(!ending || ending->client != client); /* not from done */
    client->is_closing = 1;
    for (struct link *at = list_first(&client->open); at; at = at->next)
        http_call_cancel(CONTAINER_OF(at, struct http_exchange, link)->call);
    while (client->todo) /* also what a done starts now */
        work(client);
    ASSERT(!list_first(&client->open));
    loop_post_cancel(client->loop, &client->post);
    loop_timer_stop(client->loop, &client->idle_timer);
    while (client->shards_n > 0)
        http_shard_free(client->shards[--client->shards_n]);
    while (client->kept_n > 0)
        curl_easy_cleanup(client->kept[--client->kept_n]);
    free(client);
    curl_global_cleanup();
}
