/*
 * sender.h - sends what webhooks are to be told: takes what is due from the store, signs and sends
 * it, and records what came of it.
 *
 * The rows are the truth: a start goes on with what a former process left. At least once: one that
 * was sent and not recorded is sent again, with the same webhook-id. Each webhook has places of its
 * own, so one that hangs holds up no other.
 *
 * Ownership: the sender borrows everything in its deps; it must outlive the sender.
 *
 * Threads: every call belongs to the loop's thread.
 */
#ifndef WEBHOOK_SENDER_H
#define WEBHOOK_SENDER_H

#include "loop/loop.h"
#include "net/http_client.h"
#include "store/store.h"
#include "webhook/sign.h"

enum {
    SENDER_PLACES = 4, /* attempts at the same time, of one webhook */
    SENDER_TIMEOUT_MS = 20 * 1000,
};

/* Rows are kept for 30 days, whatever became of them. */
#define SENDER_KEEP_MS ((int64_t)30 * 24 * 3600 * 1000)

struct webhook {
    const char *name;
    const char *url;
    struct slice keys[WEBHOOK_KEYS_MAX];
    size_t keys_n;
    int allows_private;
};

struct sender;

struct sender_deps {
    struct loop *loop;
    struct store *store;
    const struct webhook *webhooks;
    size_t webhooks_n;
    uint64_t random_seed; /* 0: from the kernel */
    /* Starts a call, as http_call_start() does. */
    void (*call)(void *arg, struct http_call *call);
    /* A webhook has answered 410: it is left alone until the next start. */
    void (*on_disabled)(void *arg, const struct webhook *webhook);
    void *arg;
};

struct sender *sender_new(const struct sender_deps *deps);
void sender_start(struct sender *sender);
void sender_wake(struct sender *sender); /* the store has new rows, or ones that begin anew */

/* Begins nothing new, and records nothing of what is in flight: it is sent again. */
void sender_stop(struct sender *sender);

/* Nothing of it may be in flight any more: its calls and operations have ended. NULL-safe. */
void sender_free(struct sender *sender);

#endif
