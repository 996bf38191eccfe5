/*
 * book_approval.c - the rules of calls that people must agree to: asked when they should be, run
 * for exactly what enough different people approved, and for nothing else.
 */
#include <stdio.h>

#include "sim/book.h"

static const struct sim_approval *approval_of(const struct book_session *session,
                                              const struct world *world, const char *tool)
{
    const struct scene *scene = &world->scene;

    for (size_t i = 0; i < session->agent->tools_n; i++) {
        if (strcmp(session->agent->tools[i]->name, tool) == 0)
            return &scene->approvals[session->agent->tools[i] - scene->tools];
    }
    return NULL;
}

/* The condition is that "a" is 1; where there is no "a" people are asked, too. */
static uint32_t people_for(const struct sim_approval *approval, const char *arguments)
{
    if (approval->is_conditional && strstr(arguments, "\"a\":") && !strstr(arguments, "\"a\":1}"))
        return 0;
    return approval->approvers;
}

static void hash_of(const char *arguments, char text[SHA256_TEXT_MAX])
{
    struct sha256 hash = sha256_of(slice_of(arguments));

    (void)sha256_text(text, &hash);
}

void book_approval_hash(const struct book_call *call, char text[SHA256_TEXT_MAX])
{
    hash_of(call->arguments, text);
}

void book_check_asked(struct book_event *e, struct book_call *call, const struct json *decl)
{
    const struct sim_approval *approval = approval_of(e->session, e->world, call->tool);
    uint32_t people = call->state == TOOLING_HELD ? people_for(approval, call->arguments) : 0;
    int64_t due_ms = people && approval->expires_ms ? e->event->at_ms + approval->expires_ms : 0;

    if (json_int(json_get(decl, "approvals"), 0) != people)
        book_wrong(e, "call %u needs %u people", call->number, people);
    if (json_int(json_get(decl, "due"), 0) != due_ms)
        book_wrong(e, "call %u is asked about until another time", call->number);
    if (people == 0)
        return;
    call->needed = people;
    call->on_expiry = approval->on_expiry;
    call->expires_ms = approval->expires_ms;
    call->due_ms = due_ms;
    call->state = TOOLING_APPROVAL;
}

static void take_edit(struct book_event *e, struct book_call *call, struct slice arguments)
{
    const struct sim_approval *approval = approval_of(e->session, e->world, call->tool);
    uint32_t people;

    if (arguments.len >= sizeof(call->arguments))
        book_wrong(e, "nobody sends such arguments");
    (void)snprintf(call->arguments, sizeof(call->arguments), "%.*s", (int)arguments.len,
                   arguments.ptr);
    call->is_edited = 1;
    call->people_n = 0;
    people = people_for(approval, call->arguments);
    call->needed = people > 0 ? people : 1;
}

static void check_person(struct book_event *e, const struct book_call *call, struct slice by)
{
    if (by.len == 0 || by.len >= sizeof(call->people[0]))
        book_wrong(e, "nobody of that name is here");
    for (uint32_t i = 0; i < call->people_n; i++) {
        if (slice_is(by, call->people[i]))
            book_wrong(e, "%.*s counts twice", (int)by.len, by.ptr);
    }
}

static void decided(struct book_event *e, struct book_call *call)
{
    struct slice by = json_str(json_get(e->body, "by"));
    struct slice hash = json_str(json_get(e->body, "arguments_hash"));
    int is_reject = slice_is(json_str(json_get(e->body, "decision")), "reject");
    CLEANUP(buf_release) struct buf edit = { .max = 4096 };
    char expected[SHA256_TEXT_MAX];
    struct err err = { 0 };

    e->session->decided_seq = e->event->seq;
    hash_of(call->arguments, e->session->decided_hash);
    if (json_get(e->body, "arguments")) {
        if (json_write_canonical(&edit, json_get(e->body, "arguments"), &err))
            book_wrong(e, "%s", err.msg);
        take_edit(e, call, buf_slice(&edit));
    }
    hash_of(call->arguments, expected);
    if (!slice_is(hash, expected))
        book_wrong(e, "it is for other arguments than %s", call->arguments);
    if (is_reject) {
        book_close_call(e->session, call, e->event->seq, NULL);
        book_after_answer(e->session);
        return;
    }
    check_person(e, call, by);
    (void)snprintf(call->people[call->people_n++], sizeof(call->people[0]), "%.*s", (int)by.len,
                   by.ptr);
    if (json_int(json_get(e->body, "still_needed"), 0) != call->needed - call->people_n)
        book_wrong(e, "%u people are needed, and %u have approved", call->needed, call->people_n);
    if (call->people_n == call->needed)
        book_hand_out(e, call);
}

static void expired(struct book_event *e, struct book_call *call)
{
    struct slice outcome = json_str(json_get(e->body, "outcome"));

    if (!slice_is(outcome, expiry_action_name(call->on_expiry)))
        book_wrong(e, "its policy is to %s", expiry_action_name(call->on_expiry));
    call->due_ms = 0;
    switch (call->on_expiry) {
    case EXPIRY_ESCALATE:
        call->on_expiry = EXPIRY_REJECT;
        call->state = TOOLING_APPROVAL;
        call->due_ms = json_int(json_get(e->body, "due"), 0);
        if (call->due_ms != e->event->at_ms + call->expires_ms)
            book_wrong(e, "it has the same time again");
        break;
    case EXPIRY_FAIL: e->session->due = "approval_expired"; break;
    case EXPIRY_REJECT:
    case EXPIRY_ACTION_COUNT:
        book_close_call(e->session, call, e->event->seq, NULL);
        book_after_answer(e->session);
        break;
    }
}

void book_approval_event(struct book_event *e)
{
    struct book_call *call = book_call(e->session, e->call);
    enum tooling wanted =
        e->event->kind == EV_APPROVAL_DECIDED ? TOOLING_APPROVAL : TOOLING_EXPIRED;

    if (e->session->life != LIFE_ACTIVE)
        book_wrong(e, "no turn is under way");
    if (!call || call->state != wanted)
        book_wrong(e, "nobody is asked about it");
    if (e->event->kind == EV_APPROVAL_DECIDED)
        decided(e, call);
    else
        expired(e, call);
}

/* True: the timer is that of an approval, whose end must follow in the same tick. */
int book_approval_timer(struct book_event *e)
{
    struct book_call *call = book_call(e->session, e->call);

    if (!call || call->state != TOOLING_APPROVAL ||
        !slice_is(json_str(json_get(e->body, "which")), "expiry"))
        return 0;
    if (call->due_ms == 0 || call->due_ms > e->event->at_ms)
        book_wrong(e, "it has time left");
    call->state = TOOLING_EXPIRED;
    return 1;
}

/* ---- what people are shown ---- */

static int is_asked(const struct book_call *call)
{
    return call->state == TOOLING_APPROVAL || call->state == TOOLING_PERSON ||
           (call->state == TOOLING_WAITING && call->waits == WAITS_INPUT);
}

static size_t asked_about(const struct book *book)
{
    size_t n = 0;

    for (size_t i = 0; i < book->sessions_n; i++) {
        const struct book_session *session = book->sessions[i];

        for (size_t k = 0; k < session->calls_n && !session->is_erased; k++)
            n += is_asked(&session->calls[k]) != 0;
    }
    return n;
}

/* What follows if nobody decides, as the call's clock runs. */
static void check_expiry(struct book *book, const struct store_approval *row,
                         const struct book_call *call)
{
    CLEANUP(buf_release) struct buf text = { .max = 128 };

    if (call->expires_ms == 0)
        return;
    buf_putf(&text, "\"expires_ms\":%lld,\"on_expiry\":\"%s\"", (long long)call->expires_ms,
             expiry_action_name(call->on_expiry));
    if (!memmem(row->body.ptr, row->body.len, text.data, text.len))
        fail(book->world, "people are not shown %s of call %u of %.*s", buf_cstr(&text), row->call,
             (int)row->session.len, row->session.ptr);
}

static void check_row(struct book *book, const struct store_approval *row)
{
    const struct book_session *session = book_find(book, row->session);
    const struct book_call *call = session ? book_call(session, row->call) : NULL;
    char hash[SHA256_TEXT_MAX];

    if (!call || !is_asked(call))
        fail(book->world, "people are asked about call %u of %.*s, which needs nobody", row->call,
             (int)row->session.len, row->session.ptr);
    hash_of(call->arguments, hash);
    if (!memmem(row->body.ptr, row->body.len, hash, strlen(hash)))
        fail(book->world, "people are shown other arguments of call %u of ses%u", row->call,
             session->index);
    check_expiry(book, row, call);
    if ((row->kind == APPROVAL_IN_DOUBT) != (call->state == TOOLING_PERSON) ||
        (row->kind == APPROVAL_QUESTION) != (call->waits == WAITS_INPUT))
        fail(book->world, "people are asked something else about call %u of ses%u", row->call,
             session->index);
}

void book_check_shown(struct book *book, const struct store_commit *commit)
{
    for (size_t i = 0; i < commit->approvals_n; i++) {
        struct store_approval row = commit->approvals[i];

        row.session = commit->row.id;
        if (row.status == APPROVAL_PENDING)
            check_row(book, &row);
    }
}

void book_check_inbox(struct book *book)
{
    struct store_op op = { .kind = STORE_APPROVALS,
                           .approvals = { .tenant = SLICE_LIT(""),
                                          .status = APPROVAL_PENDING,
                                          .limit = STORE_PAGE_MAX } };

    disk_do(book->world, &op);
    if (op.approvals.rows_n != asked_about(book))
        fail(book->world, "%zu questions are in the inbox, and people are asked %zu",
             op.approvals.rows_n, asked_about(book));
    for (size_t i = 0; i < op.approvals.rows_n; i++)
        check_row(book, &op.approvals.rows[i]);
}
