/* The sender on a simulated loop and a store in memory, against targets that the test plays. */
#include "unit/unit.h"

#include "webhook/schedule.h"
#include "webhook/sender.h"

enum { CALLS_MAX = 64 };

struct world {
    int64_t mono_ms;
    int64_t wall_offset_ms;
    struct loop *loop;
    struct store *store;
    struct sender *sender;
    struct webhook webhooks[2];
    struct http_call *calls[CALLS_MAX]; /* that were started, in order */
    size_t calls_n;
    size_t disabled_n;
    int64_t session;
    uint64_t version;
    uint32_t seq;
    unsigned made;
    int is_op_done;
};

static int64_t world_wall(void *arg)
{
    const struct world *w = arg;

    return w->mono_ms + w->wall_offset_ms;
}

static int64_t world_mono(void *arg)
{
    return ((struct world *)arg)->mono_ms;
}

static void on_call(void *arg, struct http_call *call)
{
    struct world *w = arg;

    assert_true(w->calls_n < CALLS_MAX);
    w->calls[w->calls_n++] = call;
}

static void on_disabled(void *arg, const struct webhook *webhook)
{
    struct world *w = arg;

    assert_ptr_equal(webhook, &w->webhooks[0]);
    w->disabled_n++;
}

static void turn(struct world *w)
{
    while (loop_step(w->loop))
        ;
}

/* Lets so much time pass, with all that is due in it. */
static void pass(struct world *w, int64_t ms)
{
    int64_t until_ms = w->mono_ms + ms;

    for (;;) {
        turn(w);
        int64_t due_ms = loop_next_due_ms(w->loop);

        if (due_ms < 0 || due_ms > until_ms)
            break;
        w->mono_ms = due_ms > w->mono_ms ? due_ms : w->mono_ms;
    }
    w->mono_ms = until_ms;
    turn(w);
}

static void begin_sender(struct world *w)
{
    const struct sender_deps deps = { .loop = w->loop,
                                      .store = w->store,
                                      .webhooks = w->webhooks,
                                      .webhooks_n = 2,
                                      .random_seed = 7,
                                      .call = on_call,
                                      .on_disabled = on_disabled,
                                      .arg = w };

    w->sender = sender_new(&deps);
    sender_start(w->sender);
    turn(w);
}

static int setup(void **state)
{
    struct world *w = xcalloc(1, sizeof(*w));
    struct err err;

    w->mono_ms = 5000;
    w->wall_offset_ms = 1700000000000;
    w->loop = loop_new_simulated((struct clock){ world_wall, world_mono, w });
    assert_int_equal(store_open(&w->store, "mem:", STORE_OPEN_READ_WRITE, w->loop, &err), ERR_NONE);
    w->webhooks[0] = (struct webhook){ .name = "ops",
                                       .url = "https://example.com/hook",
                                       .keys = { SLICE_LIT("012345678901234567890123") },
                                       .keys_n = 1 };
    w->webhooks[1] = w->webhooks[0];
    w->webhooks[1].name = "chat";
    w->webhooks[1].allows_private = 1;
    *state = w;
    begin_sender(w);
    return 0;
}

/* Ends what is in flight as the HTTP client does when it goes. */
static void end_sender(struct world *w)
{
    sender_stop(w->sender);
    for (size_t i = 0; i < w->calls_n; i++) {
        if (!w->calls[i])
            continue;
        (void)err_set(&w->calls[i]->err, ERR_CONFLICT, "cancelled");
        w->calls[i]->done(w->calls[i], w->calls[i]->arg);
        w->calls[i] = NULL;
    }
    turn(w);
    sender_free(w->sender);
}

static int teardown(void **state)
{
    struct world *w = *state;

    end_sender(w);
    store_close(w->store);
    loop_free(w->loop);
    free(w);
    return 0;
}

static void on_done(struct store_op *op, void *arg)
{
    (void)op;
    ((struct world *)arg)->is_op_done = 1;
}

static void run_op(struct world *w, struct store_op *op)
{
    w->is_op_done = 0;
    op->done = on_done;
    op->arg = w;
    store_submit(w->store, op);
    turn(w);
    assert_true(w->is_op_done);
}

/* A tick that tells this webhook of something. */
static void tell(struct world *w, const char *webhook)
{
    char id[32];
    char message_id[32];

    (void)snprintf(id, sizeof(id), "dlv_%u", ++w->made);
    (void)snprintf(message_id, sizeof(message_id), "msg_%u", w->made);
    const struct store_event event = { .seq = w->seq + 1,
                                       .kind = w->seq ? EV_MESSAGE : EV_CREATED,
                                       .body = SLICE_LIT("{}") };
    const struct store_delivery row = { .id = slice_of(id),
                                        .message_id = slice_of(message_id),
                                        .webhook = slice_of(webhook),
                                        .event = SLICE_LIT("session.completed"),
                                        .next_at_ms = world_wall(w),
                                        .created_at_ms = world_wall(w),
                                        .body = SLICE_LIT("{\"type\":\"session.completed\"}") };
    struct store_op op = { .kind = STORE_COMMIT,
                           .commit = { .row = { .key = w->session,
                                                .id = SLICE_LIT("ses_a"),
                                                .version = w->version,
                                                .seq = w->seq + 1 },
                                       .events = &event,
                                       .events_n = 1,
                                       .deliveries = &row,
                                       .deliveries_n = 1 } };

    run_op(w, &op);
    assert_int_equal(op.err.code, ERR_NONE);
    w->session = op.commit.row.key;
    w->version = op.commit.row.version;
    w->seq++;
    sender_wake(w->sender);
    turn(w);
}

static void answer(struct world *w, size_t i, int status, enum err_code code, const char *message)
{
    struct http_call *call = w->calls[i];

    assert_non_null(call);
    w->calls[i] = NULL;
    call->status = status;
    if (code)
        (void)err_set(&call->err, code, "%s", message);
    call->done(call, call->arg);
    turn(w);
}

struct seen {
    enum delivery_status status;
    uint32_t attempts;
    int64_t next_at_ms, delivered_at_ms;
    int32_t last_status;
    char last_error[200];
};

static void on_row(struct store_op *op, void *arg)
{
    struct seen *seen = arg;

    assert_int_equal(op->err.code, ERR_NONE);
    *seen = (struct seen){ .status = op->delivery.status,
                           .attempts = op->delivery.attempts,
                           .next_at_ms = op->delivery.next_at_ms,
                           .delivered_at_ms = op->delivery.delivered_at_ms,
                           .last_status = op->delivery.last_status };
    (void)snprintf(seen->last_error, sizeof(seen->last_error), "%.*s",
                   (int)op->delivery.last_error.len, op->delivery.last_error.ptr);
}

static struct seen row(struct world *w, const char *id)
{
    struct seen seen = { 0 };
    struct store_op op = {
        .kind = STORE_DELIVERY, .delivery.id = slice_of(id), .done = on_row, .arg = &seen
    };

    store_submit(w->store, &op);
    turn(w);
    return seen;
}

static struct slice header(const struct http_call *call, const char *name)
{
    for (size_t i = 0; i < call->headers_n; i++)
        if (strcmp(call->headers[i].name, name) == 0)
            return call->headers[i].value;
    return (struct slice){ NULL, 0 };
}

static void a_message_is_signed_and_taken(void **state)
{
    struct world *w = *state;

    tell(w, "ops");
    assert_int_equal(w->calls_n, 1);
    const struct http_call *call = w->calls[0];

    assert_string_equal(call->method, "POST");
    assert_string_equal(call->url, "https://example.com/hook");
    assert_true(slice_is(call->body, "{\"type\":\"session.completed\"}"));
    assert_true(call->is_public_only);
    assert_int_equal(call->timeout_ms, 20000);
    assert_true(slice_is(header(call, "webhook-id"), "msg_1"));
    assert_true(slice_is(header(call, "webhook-timestamp"), "1700000005"));
    assert_true(slice_is(header(call, "Content-Type"), "application/json"));
    assert_memory_equal(header(call, "webhook-signature").ptr, "v1,", 3);
    answer(w, 0, 204, ERR_NONE, NULL);
    struct seen seen = row(w, "dlv_1");

    assert_int_equal(seen.status, DELIVERY_DELIVERED);
    assert_int_equal(seen.attempts, 1);
    assert_int_equal(seen.delivered_at_ms, 1700000005000);
    assert_int_equal(seen.last_status, 204);
    assert_string_equal(seen.last_error, "");
    pass(w, 1000000);
    assert_int_equal(w->calls_n, 1);
    tell(w, "chat");
    assert_false(w->calls[1]->is_public_only);
}

/* Ten attempts by the schedule, with the same id, and then it has failed. */
static void it_is_tried_by_the_schedule(void **state)
{
    static const int64_t seconds[WEBHOOK_ATTEMPTS_MAX] = { 0,     5,     300,   1800,  7200,
                                                           18000, 36000, 50400, 72000, 86400 };
    struct world *w = *state;

    tell(w, "ops");
    for (size_t i = 0; i < WEBHOOK_ATTEMPTS_MAX; i++) {
        pass(w, i > 0 ? seconds[i] * 1000 - 1 : 0);
        assert_int_equal(w->calls_n, i + (i == 0)); /* not before its time */
        pass(w, seconds[i] * 100 + 2);
        assert_int_equal(w->calls_n, i + 1);
        assert_true(slice_is(header(w->calls[i], "webhook-id"), "msg_1"));
        if (i % 2)
            answer(w, i, 500, ERR_NONE, NULL);
        else
            answer(w, i, 0, ERR_TIMEOUT, "no complete answer in time");
        assert_int_equal(row(w, "dlv_1").attempts, i + 1);
        assert_string_equal(row(w, "dlv_1").last_error,
                            i % 2 ? "the answer has status 500" : "no complete answer in time");
    }
    assert_int_equal(row(w, "dlv_1").status, DELIVERY_FAILED);
    pass(w, (int64_t)7 * 24 * 3600 * 1000);
    assert_int_equal(w->calls_n, WEBHOOK_ATTEMPTS_MAX);
}

/* What a target says behind its status is not read, and not waited for. */
static void a_long_answer_is_an_answer(void **state)
{
    struct world *w = *state;
    char piece[1024] = { 0 };
    int is_enough = 0;

    tell(w, "ops");
    struct http_call *call = w->calls[0];

    for (int i = 0; i < 65 && !is_enough; i++)
        is_enough = call->on_body(call, (struct slice){ piece, sizeof(piece) }, call->arg);
    assert_true(is_enough);
    answer(w, 0, 200, ERR_LIMIT, "refused by its reader");
    assert_int_equal(row(w, "dlv_1").status, DELIVERY_DELIVERED);
}

static void one_that_hangs_holds_up_no_other(void **state)
{
    struct world *w = *state;

    for (int i = 0; i < 10; i++)
        tell(w, "ops");
    assert_int_equal(w->calls_n, SENDER_PLACES);
    tell(w, "chat");
    assert_int_equal(w->calls_n, SENDER_PLACES + 1);
    answer(w, SENDER_PLACES, 200, ERR_NONE, NULL);
    answer(w, 0, 200, ERR_NONE, NULL); /* its place goes to the next */
    assert_int_equal(w->calls_n, SENDER_PLACES + 2);
    assert_true(slice_is(header(w->calls[SENDER_PLACES + 1], "webhook-id"), "msg_5"));
    for (size_t i = 1; i < w->calls_n; i++)
        if (w->calls[i])
            answer(w, i, 200, ERR_NONE, NULL);
    assert_int_equal(w->calls_n, 11);
    for (unsigned i = 1; i <= 11; i++) {
        char id[16];

        (void)snprintf(id, sizeof(id), "dlv_%u", i);
        assert_int_equal(row(w, id).status, DELIVERY_DELIVERED);
    }
}

/* Those that wait for a later attempt do not stand before those that are due. */
static void what_is_due_goes_before_what_waits(void **state)
{
    struct world *w = *state;

    for (size_t i = 0; i < 12; i++) {
        tell(w, "ops");
        answer(w, i, 500, ERR_NONE, NULL);
    }
    pass(w, 1);
    tell(w, "ops");
    assert_int_equal(w->calls_n, 13);
    assert_true(slice_is(header(w->calls[12], "webhook-id"), "msg_13"));
}

static void gone_ends_it_until_the_next_start(void **state)
{
    struct world *w = *state;

    tell(w, "ops");
    tell(w, "ops");
    answer(w, 0, 410, ERR_NONE, NULL);
    answer(w, 1, 410, ERR_NONE, NULL);
    assert_int_equal(w->disabled_n, 1); /* said once */
    assert_int_equal(row(w, "dlv_1").status, DELIVERY_DISABLED);
    tell(w, "ops");
    pass(w, 1000000);
    assert_int_equal(w->calls_n, 2);
    assert_int_equal(row(w, "dlv_3").status, DELIVERY_PENDING);
    tell(w, "chat");
    assert_int_equal(w->calls_n, 3);
    end_sender(w);
    begin_sender(w);
    assert_int_equal(w->calls_n, 5); /* dlv_3, and dlv_4 that was in flight */
}

/* In flight at the end of the process: not recorded, so it is sent again with the same id. */
static void the_next_process_goes_on(void **state)
{
    struct world *w = *state;

    tell(w, "ops");
    end_sender(w);
    assert_int_equal(row(w, "dlv_1").attempts, 0);
    begin_sender(w);
    assert_int_equal(w->calls_n, 2);
    assert_true(slice_is(header(w->calls[1], "webhook-id"), "msg_1"));
    answer(w, 1, 200, ERR_NONE, NULL);
    assert_int_equal(row(w, "dlv_1").status, DELIVERY_DELIVERED);
}

/* A first attempt is at once, whatever happened to the clock since. */
static void a_clock_that_was_set_back_delays_no_first_attempt(void **state)
{
    struct world *w = *state;

    end_sender(w);
    w->sender = NULL;
    w->wall_offset_ms += 3600000;
    begin_sender(w);
    for (int i = 0; i < 5; i++)
        tell(w, "ops"); /* the fifth waits for a place */
    w->wall_offset_ms -= 3600000;
    answer(w, 0, 200, ERR_NONE, NULL);
    assert_int_equal(w->calls_n, 5);
}

static void old_rows_are_forgotten(void **state)
{
    struct world *w = *state;
    struct store_op op = { .kind = STORE_DELIVERY, .delivery.id = SLICE_LIT("dlv_1") };

    tell(w, "ops");
    answer(w, 0, 200, ERR_NONE, NULL);
    pass(w, SENDER_KEEP_MS - 7200000);
    run_op(w, &op);
    assert_int_equal(op.err.code, ERR_NONE);
    pass(w, (int64_t)2 * 7200000);
    run_op(w, &op);
    assert_int_equal(op.err.code, ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        CASE(a_message_is_signed_and_taken),
        CASE(it_is_tried_by_the_schedule),
        CASE(a_long_answer_is_an_answer),
        CASE(one_that_hangs_holds_up_no_other),
        CASE(what_is_due_goes_before_what_waits),
        CASE(gone_ends_it_until_the_next_start),
        CASE(the_next_process_goes_on),
        CASE(a_clock_that_was_set_back_delays_no_first_attempt),
        CASE(old_rows_are_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
