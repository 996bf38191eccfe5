/*
 * book_notice.c - what webhooks are to be told: once for each thing that happened, in the commit of
 * the tick in which it did, and as long as its session is there.
 */
#include <stdio.h>

#include "core/notice.h"
#include "sim/book.h"

static void count_end(const struct store_event *event, unsigned want[NOTICE_COUNT])
{
    int is_good = memmem(event->body.ptr, event->body.len, "\"COMPLETED\"", 11) != NULL;

    want[is_good ? NOTICE_SESSION_COMPLETED : NOTICE_SESSION_FAILED]++;
    if (memmem(event->body.ptr, event->body.len, "\"code\":\"budget_reached\"", 23))
        want[NOTICE_SESSION_BUDGET_REACHED]++;
}

static void count_events(const struct store_commit *commit, unsigned want[NOTICE_COUNT])
{
    for (size_t i = 0; i < commit->events_n; i++) {
        const struct store_event *event = &commit->events[i];

        if (event->kind == EV_TURN_ENDED)
            count_end(event, want);
        want[NOTICE_SESSION_CANCELLED] += event->kind == EV_CANCELLED;
        want[NOTICE_APPROVAL_DECIDED] += event->kind == EV_APPROVAL_DECIDED;
        want[NOTICE_APPROVAL_EXPIRED] += event->kind == EV_APPROVAL_EXPIRED;
    }
}

/* What people are told that they are asked about this call; NOTICE_COUNT: nothing. */
static enum notice notice_of_call(const struct book_call *call)
{
    if (call->state == TOOLING_APPROVAL)
        return NOTICE_APPROVAL_REQUESTED;
    if (call->state == TOOLING_PERSON)
        return NOTICE_TOOL_IN_DOUBT;
    return call->state == TOOLING_WAITING && call->waits == WAITS_INPUT ? NOTICE_QUESTION_REQUESTED
                                                                        : NOTICE_COUNT;
}

/* People are told what they are asked, and again when it is another question. */
static void count_asked(struct book_session *session, unsigned want[NOTICE_COUNT])
{
    for (size_t i = 0; i < session->calls_n; i++) {
        struct book_call *call = &session->calls[i];
        enum notice notice = notice_of_call(call);
        char hash[SHA256_TEXT_MAX];

        if (notice == NOTICE_COUNT) {
            call->told.state = TOOLING_CLOSED;
            continue;
        }
        book_approval_hash(call, hash);
        if (call->told.state != call->state ||
            (notice == NOTICE_APPROVAL_REQUESTED &&
             (strcmp(call->told.hash, hash) != 0 || call->told.on_expiry != call->on_expiry)))
            want[notice]++;
        call->told.state = call->state;
        call->told.on_expiry = call->on_expiry;
        (void)snprintf(call->told.hash, sizeof(call->told.hash), "%s", hash);
    }
}

static void check_body(const struct book *book, const struct book_session *session,
                       const struct store_delivery *row)
{
    struct slice body = row->body;

    if (row->status != DELIVERY_PENDING || row->attempts != 0)
        fail(book->world, "ses%u: a delivery does not begin at its beginning", session->index);
    if (!memmem(body.ptr, body.len, session->id, strlen(session->id)) ||
        !memmem(body.ptr, body.len, row->event.ptr, row->event.len))
        fail(book->world, "ses%u: a delivery tells of something else", session->index);
}

static unsigned count_rows(const struct store_commit *commit, const char *webhook,
                           const char *event)
{
    unsigned n = 0;

    for (size_t i = 0; i < commit->deliveries_n; i++)
        n += slice_is(commit->deliveries[i].webhook, webhook) &&
             slice_is(commit->deliveries[i].event, event);
    return n;
}

void book_check_told(struct book *book, struct book_session *session,
                     const struct store_commit *commit)
{
    const struct config *config = &book->world->scene.config;
    unsigned want[NOTICE_COUNT] = { 0 };

    count_events(commit, want);
    count_asked(session, want);
    for (size_t i = 0; i < commit->deliveries_n; i++)
        check_body(book, session, &commit->deliveries[i]);
    for (size_t i = 0; i < config->webhooks_n; i++) {
        for (unsigned k = 0; k < NOTICE_COUNT; k++) {
            unsigned wanted = config->webhooks[i].events & 1u << k ? want[k] : 0;
            unsigned told =
                count_rows(commit, config->webhooks[i].name, notice_name((enum notice)k));

            if (told != wanted)
                fail(book->world, "ses%u: %s is told %u times of %s, and not %u", session->index,
                     config->webhooks[i].name, told, notice_name((enum notice)k), wanted);
            session->told_n += told;
        }
    }
}

/* In the store there is what was written, once each, for the sessions that are there. */
void book_check_deliveries(struct book *book)
{
    struct store_op op = { .kind = STORE_DELIVERIES };
    size_t told = 0;
    size_t stored = 0;

    for (size_t i = 0; i < book->sessions_n; i++)
        told += book->sessions[i]->is_erased ? 0 : book->sessions[i]->told_n;
    do {
        int64_t last_key = op.deliveries.last_key;

        op.deliveries = (struct store_deliveries){ .tenant = SLICE_LIT(""),
                                                   .status = DELIVERY_STATUS_COUNT,
                                                   .before_key = last_key,
                                                   .limit = STORE_PAGE_MAX };
        disk_do(book->world, &op);
        stored += op.deliveries.rows_n;
    } while (op.deliveries.has_more);
    if (stored != told)
        fail(book->world, "webhooks are to be told %zu times, and %zu are stored", told, stored);
}
