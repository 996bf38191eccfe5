#include "webhook/sender.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/id.h"
#include "base/random.h"
#include "webhook/schedule.h"

enum {
    PAGE = 2 * SENDER_PLACES, /* those in flight are due, too, as long as nothing is recorded */
    RETRY_MS = 1000,          /* when the store refuses */
    LOOK_MOST_MS = 10 * 60 * 1000, /* the clock may be set meanwhile */
    SWEEP_EVERY_MS = 60 * 60 * 1000,
    SWEEP_PAUSE_MS = 50,
    ANSWER_BYTES_MAX = 64 * 1024, /* nobody reads it; more of it is not waited for */
    ERROR_BYTES_MAX = 512,        /* whole, what the client says */
    STATUS_GONE = 410,
};

struct target;

/* One place of a webhook: what is on its way there. */
struct attempt {
    struct target *target;
    int is_open;
    struct store_delivery row; /* key, attempts; then what is to be recorded */
    uint32_t attempts_was;
    struct id message_id;
    char timestamp[24];
    struct buf signature;
    struct buf body;
    size_t answer_bytes;
    char error[ERROR_BYTES_MAX];
    struct http_call call;
    struct store_op op;
    struct loop_timer timer; /* until it is tried again to record it */
};

struct target {
    struct sender *sender;
    const struct webhook *webhook;
    struct attempt places[SENDER_PLACES];
    struct store_op op;      /* what is due */
    struct loop_timer timer; /* for the next that is */
    int is_looking;
    int is_wanted;   /* there may be more than that look knows of */
    int is_disabled; /* it wants no more */
};

struct sender {
    struct sender_deps deps;
    struct random random;
    struct target *targets;
    struct store_op sweep;
    struct loop_timer sweep_timer;
    int is_running;
};

static void look(struct target *target);

/* ---- recording ---- */

static void record(void *arg);

static void end(struct attempt *attempt)
{
    buf_release(&attempt->signature);
    buf_release(&attempt->body);
    attempt->is_open = 0;
    look(attempt->target);
}

/*
 * It is recorded; or another has changed it meanwhile, or its session is gone: then it is not ours.
 * Whatever else is wrong with the store, what was sent is not sent again because of it.
 */
static void on_recorded(struct store_op *op, void *arg)
{
    struct attempt *attempt = arg;
    struct sender *sender = attempt->target->sender;
    int is_over =
        op->err.code == ERR_NONE || op->err.code == ERR_NOT_FOUND || op->err.code == ERR_CONFLICT;

    if (!is_over && sender->is_running)
        loop_timer_start(sender->deps.loop, &attempt->timer, RETRY_MS, record, attempt);
    else
        end(attempt);
}

static void record(void *arg)
{
    struct attempt *attempt = arg;

    attempt->op = (struct store_op){ .kind = STORE_DELIVERY_SET,
                                     .delivery_set = { .row = attempt->row,
                                                       .attempts_was = attempt->attempts_was },
                                     .done = on_recorded,
                                     .arg = attempt };
    store_submit(attempt->target->sender->deps.store, &attempt->op);
}

/* ---- what came of it ---- */

static void explain(struct attempt *attempt, int status)
{
    const struct http_call *call = &attempt->call;

    if (status == 0)
        (void)snprintf(attempt->error, sizeof(attempt->error), "%s", call->err.msg);
    else
        (void)snprintf(attempt->error, sizeof(attempt->error), "the answer has status %d%s", status,
                       status >= 300 && status < 400 ? ", and redirects are not followed" : "");
    attempt->row.last_error = slice_of(attempt->error);
}

static void fail(struct attempt *attempt, int64_t now_ms)
{
    struct sender *sender = attempt->target->sender;
    int64_t delay_ms = webhook_delay_ms(attempt->row.attempts, &sender->random);

    attempt->row.status = delay_ms < 0 ? DELIVERY_FAILED : DELIVERY_PENDING;
    attempt->row.next_at_ms = delay_ms < 0 ? now_ms : now_ms + delay_ms;
}

static void disable(struct attempt *attempt)
{
    struct target *target = attempt->target;
    struct sender *sender = target->sender;

    attempt->row.status = DELIVERY_DISABLED;
    if (target->is_disabled)
        return;
    target->is_disabled = 1;
    sender->deps.on_disabled(sender->deps.arg, target->webhook);
}

static void on_answer(struct http_call *call, void *arg)
{
    struct attempt *attempt = arg;
    struct sender *sender = attempt->target->sender;
    int64_t now_ms = loop_wall_ms(sender->deps.loop);
    int is_answer = call->err.code == ERR_NONE || call->err.code == ERR_LIMIT;
    int status = is_answer ? call->status : 0;

    if (!sender->is_running) {
        end(attempt);
        return;
    }
    attempt->row.attempts = attempt->attempts_was + 1;
    attempt->row.last_status = status;
    attempt->row.last_error = (struct slice){ 0 };
    attempt->row.next_at_ms = now_ms;
    if (status >= 200 && status < 300) {
        attempt->row.status = DELIVERY_DELIVERED;
        attempt->row.delivered_at_ms = now_ms;
    } else {
        explain(attempt, status);
        if (status == STATUS_GONE)
            disable(attempt);
        else
            fail(attempt, now_ms);
    }
    record(attempt);
}

static int on_bytes(struct http_call *call, struct slice bytes, void *arg)
{
    struct attempt *attempt = arg;

    (void)call;
    attempt->answer_bytes += bytes.len;
    return attempt->answer_bytes > ANSWER_BYTES_MAX;
}

/* ---- sending ---- */

static void put_header(struct http_call *call, const char *name, struct slice value)
{
    call->headers[call->headers_n++] = (struct http_header){ name, value };
}

static void sign(struct attempt *attempt, int64_t now_ms)
{
    const struct webhook *webhook = attempt->target->webhook;
    const struct webhook_message message = { .id = id_slice(&attempt->message_id),
                                             .timestamp_s = now_ms / 1000,
                                             .body = buf_slice(&attempt->body) };

    (void)snprintf(attempt->timestamp, sizeof(attempt->timestamp), "%lld",
                   (long long)message.timestamp_s);
    attempt->signature.max = WEBHOOK_SIGNATURE_MAX;
    webhook_sign(&attempt->signature, &message, webhook->keys, webhook->keys_n);
}

static void send(struct attempt *attempt, int64_t now_ms)
{
    struct sender *sender = attempt->target->sender;
    const struct webhook *webhook = attempt->target->webhook;
    struct http_call *call = &attempt->call;

    sign(attempt, now_ms);
    *call = (struct http_call){ .method = "POST",
                                .url = webhook->url,
                                .body = buf_slice(&attempt->body),
                                .timeout_ms = SENDER_TIMEOUT_MS,
                                .response_bytes_max = SIZE_MAX / 2,
                                .is_public_only = !webhook->allows_private,
                                .on_body = on_bytes,
                                .done = on_answer,
                                .arg = attempt };
    put_header(call, "Content-Type", SLICE_LIT("application/json"));
    put_header(call, "webhook-id", id_slice(&attempt->message_id));
    put_header(call, "webhook-timestamp", slice_of(attempt->timestamp));
    put_header(call, "webhook-signature", buf_slice(&attempt->signature));
    sender->deps.call(sender->deps.arg, call);
}

static void begin(struct target *target, struct attempt *attempt, const struct store_delivery *row,
                  int64_t now_ms)
{
    *attempt = (struct attempt){ .target = target,
                                 .is_open = 1,
                                 .row = { .key = row->key },
                                 .attempts_was = row->attempts,
                                 .body.max = STORE_DELIVERY_BODY_MAX };
    (void)snprintf(attempt->message_id.text, sizeof(attempt->message_id.text), "%.*s",
                   (int)row->message_id.len, row->message_id.ptr);
    buf_put(&attempt->body, row->body);
    send(attempt, now_ms);
}

/* ---- what is due ---- */

static struct attempt *free_place(struct target *target)
{
    for (size_t i = 0; i < SENDER_PLACES; i++)
        if (!target->places[i].is_open)
            return &target->places[i];
    return NULL;
}

static int is_in_flight(const struct target *target, int64_t key)
{
    for (size_t i = 0; i < SENDER_PLACES; i++)
        if (target->places[i].is_open && target->places[i].row.key == key)
            return 1;
    return 0;
}

static void on_time(void *arg)
{
    look(arg);
}

/* 0 for a first attempt, however the clock was set since. */
static int64_t wait_ms(const struct store_delivery *row, int64_t now_ms)
{
    if (row->attempts == 0 || row->next_at_ms <= now_ms)
        return 0;
    return row->next_at_ms - now_ms < LOOK_MOST_MS ? row->next_at_ms - now_ms : LOOK_MOST_MS;
}

static void on_due(struct store_op *op, void *arg)
{
    struct target *target = arg;
    struct sender *sender = target->sender;
    int64_t now_ms = loop_wall_ms(sender->deps.loop);
    int64_t next_ms = op->err.code != ERR_NONE ? RETRY_MS : -1;

    target->is_looking = 0;
    if (!sender->is_running || target->is_disabled)
        return;
    for (size_t i = 0; op->err.code == ERR_NONE && i < op->deliveries.rows_n; i++) {
        const struct store_delivery *row = &op->deliveries.rows[i];
        struct attempt *place = free_place(target);

        if (is_in_flight(target, row->key))
            continue;
        if (!place) /* whoever leaves one looks again */
            break;
        next_ms = wait_ms(row, now_ms);
        if (next_ms > 0)
            break;
        begin(target, place, row, now_ms);
        next_ms = -1;
    }
    if (next_ms >= 0)
        loop_timer_start(sender->deps.loop, &target->timer, next_ms, on_time, target);
    if (target->is_wanted)
        look(target);
}

static void look(struct target *target)
{
    struct sender *sender = target->sender;

    if (!sender->is_running || target->is_disabled || !free_place(target))
        return;
    target->is_wanted = target->is_looking;
    if (target->is_looking)
        return;
    target->is_looking = 1;
    loop_timer_stop(sender->deps.loop, &target->timer);
    target->op = (struct store_op){ .kind = STORE_DELIVERY_DUE,
                                    .deliveries = { .webhook = slice_of(target->webhook->name),
                                                    .limit = PAGE },
                                    .done = on_due,
                                    .arg = target };
    store_submit(sender->deps.store, &target->op);
}

/* ---- what is old ---- */

static void sweep(void *arg);

static void on_swept(struct store_op *op, void *arg)
{
    struct sender *sender = arg;
    int has_left = op->err.code == ERR_NONE && op->delivery_sweep.has_left;

    if (sender->is_running)
        loop_timer_start(sender->deps.loop, &sender->sweep_timer,
                         has_left ? SWEEP_PAUSE_MS : SWEEP_EVERY_MS, sweep, sender);
}

static void sweep(void *arg)
{
    struct sender *sender = arg;

    sender->sweep =
        (struct store_op){ .kind = STORE_DELIVERY_SWEEP,
                           .delivery_sweep = { .before_ms =
                                                   loop_wall_ms(sender->deps.loop) - SENDER_KEEP_MS,
                                               .limit = STORE_PURGE_MAX },
                           .done = on_swept,
                           .arg = sender };
    store_submit(sender->deps.store, &sender->sweep);
}

/* ---- life ---- */

struct sender *sender_new(const struct sender_deps *deps)
{
    struct sender *sender = xcalloc(1, sizeof(*sender));

    sender->deps = *deps;
    if (deps->random_seed != 0)
        random_seed(&sender->random, deps->random_seed);
    else
        random_seed_from_kernel(&sender->random);
    sender->targets = xcalloc(deps->webhooks_n + 1, sizeof(*sender->targets));
    for (size_t i = 0; i < deps->webhooks_n; i++) {
        sender->targets[i].sender = sender;
        sender->targets[i].webhook = &deps->webhooks[i];
    }
    return sender;
}

void sender_start(struct sender *sender)
{
    sender->is_running = 1;
    sender_wake(sender);
    sweep(sender);
}

void sender_wake(struct sender *sender)
{
    for (size_t i = 0; i < sender->deps.webhooks_n; i++)
        look(&sender->targets[i]);
}

static void stop_target(struct target *target)
{
    struct loop *loop = target->sender->deps.loop;

    loop_timer_stop(loop, &target->timer);
    for (size_t i = 0; i < SENDER_PLACES; i++) {
        struct attempt *attempt = &target->places[i];

        if (!attempt->is_open)
            continue;
        loop_timer_stop(loop, &attempt->timer);
        http_call_cancel(&attempt->call);
    }
}

void sender_stop(struct sender *sender)
{
    sender->is_running = 0;
    loop_timer_stop(sender->deps.loop, &sender->sweep_timer);
    for (size_t i = 0; i < sender->deps.webhooks_n; i++)
        stop_target(&sender->targets[i]);
}

void sender_free(struct sender *sender)
{
    if (!sender)
        return;
    sender_stop(sender);
    for (size_t i = 0; i < sender->deps.webhooks_n; i++) {
        for (size_t k = 0; k < SENDER_PLACES; k++) {
            buf_release(&sender->targets[i].places[k].signature);
            buf_release(&sender->targets[i].places[k].body);
        }
    }
    free(sender->targets);
    free(sender);
}
