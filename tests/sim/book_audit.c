/*
 * book_audit.c - who did what, against what was done: a commit has one row for each thing that
 * somebody asked for and it does, and none for what the engine does by itself.
 */
#include "sim/book.h"

struct known {
    enum event_kind kind; /* of an event that only a request can lead to, one event a request */
    const char *actions[2];
};

static const struct known known[] = {
    { EV_CREATED, { "session.create", NULL } },
    { EV_MESSAGE, { "session.message", NULL } },
    { EV_CANCELLED, { "session.cancel", NULL } },
    { EV_PAUSED, { "session.pause", NULL } },
    { EV_RESUMED, { "session.resume", NULL } },
    { EV_RETRIED, { "session.retry", NULL } },
    { EV_FORKED, { "session.fork", NULL } },
    { EV_APPROVAL_DECIDED, { "approval.approve", "approval.reject" } },
    { EV_INPUT_ANSWERED, { "approval.answer", NULL } },
    { EV_SIGNAL, { "session.signal", NULL } },
};

static unsigned rows_of(const struct store_op *op, const char *action)
{
    unsigned n = 0;

    for (size_t i = 0; action && i < op->audits_n; i++)
        n += (unsigned)slice_is(op->audits[i].action, action);
    return n;
}

static unsigned events_of(const struct store_commit *commit, enum event_kind kind)
{
    unsigned n = 0;

    for (size_t i = 0; i < commit->events_n; i++)
        n += commit->events[i].kind == kind;
    return n;
}

/* A change is one event for its texts and one for its budget; a retry may have one for that, too.
 * A call is settled by a person or by its reconcile command. */
static void check_rest(struct world *world, const struct store_op *op)
{
    const struct store_commit *commit = &op->commit;
    unsigned texts = events_of(commit, EV_CONTEXT_CHANGED);
    unsigned budgets = events_of(commit, EV_BUDGET_CHANGED);
    unsigned changes = rows_of(op, "session.change");
    unsigned retries = rows_of(op, "session.retry");

    if (changes > texts + budgets || texts > changes || budgets > changes + retries)
        fail(world, "%u changes are told of %u texts and %u budgets", changes, texts, budgets);
    if (rows_of(op, "call.settle") > events_of(commit, EV_TOOL_RECONCILED))
        fail(world, "a call was not settled, and it is told that it was");
}

void book_audited(struct world *world, const struct store_op *op)
{
    size_t told = rows_of(op, "session.change") + rows_of(op, "call.settle");

    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        unsigned rows = rows_of(op, known[i].actions[0]) + rows_of(op, known[i].actions[1]);
        unsigned events = events_of(&op->commit, known[i].kind);

        told += rows;
        if (rows != events)
            fail(world, "%u events are %s, and %u rows tell who did it", events,
                 event_kind_name(known[i].kind), rows);
    }
    if (told != op->audits_n)
        fail(world, "a commit has a row of something that it does not do");
    check_rest(world, op);
}
