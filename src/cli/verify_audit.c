#include "cli/verify_audit.h"

#include <inttypes.h>
#include <stdio.h>

static void read_rows(struct verify_audit *audit);

static void say_missing(struct verify_audit *audit, int64_t first, int64_t last)
{
    char text[96];

    if (first == last)
        (void)snprintf(text, sizeof(text), "row %" PRId64 " is not there", first);
    else
        (void)snprintf(text, sizeof(text), "rows %" PRId64 " to %" PRId64 " are not there", first,
                       last);
    audit->on_fault(audit->arg, text);
}

static void follow(struct verify_audit *audit, const struct store_audit *row)
{
    struct audit_link before = audit->end;
    enum audit_fault fault = audit_follow(&audit->end, row);
    char text[128];

    audit->rows++;
    if (row->seq > before.seq + 1)
        say_missing(audit, before.seq + 1, row->seq - 1);
    if (fault == AUDIT_CHANGED)
        (void)snprintf(text, sizeof(text), "row %" PRId64 " is not what its hash says", row->seq);
    else if (fault == AUDIT_UNLINKED)
        (void)snprintf(text, sizeof(text),
                       "row %" PRId64 " does not follow row %" PRId64
                       ": one of them is not what was written",
                       row->seq, before.seq);
    else
        return;
    audit->on_fault(audit->arg, text);
}

static void on_rows(struct store_op *op, void *arg)
{
    struct verify_audit *audit = arg;

    if (op->err.code) {
        audit->done(audit->arg, &op->err);
        return;
    }
    int64_t next_seq = op->audit.rows_n > 0 ? op->audit.rows[0].seq : audit->last_seq + 1;

    if (next_seq > audit->end.seq + 1 && !audit->is_sure) {
        audit->is_sure = 1;
        read_rows(audit);
        return;
    }
    audit->is_sure = 0;
    for (size_t i = 0; i < op->audit.rows_n; i++)
        follow(audit, &op->audit.rows[i]);
    if (op->audit.has_more) {
        read_rows(audit);
        return;
    }
    if (audit->end.seq < audit->last_seq)
        say_missing(audit, audit->end.seq + 1, audit->last_seq);
    audit->done(audit->arg, &(struct err){ 0 });
}

static void on_chain(struct store_op *op, void *arg)
{
    struct verify_audit *audit = arg;

    if (op->err.code) {
        audit->done(audit->arg, &op->err);
        return;
    }
    if (op->audit_chain.begin.seq > audit->end.seq) { /* those before it are too old to be kept */
        audit->end = op->audit_chain.begin;
        audit->is_sure = 0;
    }
    if (audit->first_seq == 0)
        audit->first_seq = audit->end.seq + 1;
    if (audit->last_seq == 0)
        audit->last_seq = op->audit_chain.last_seq;
    audit->op = (struct store_op){
        .kind = STORE_AUDIT,
        .audit = { .is_oldest_first = 1, .from_seq = audit->end.seq, .limit = STORE_PAGE_MAX },
        .done = on_rows,
        .arg = audit
    };
    store_submit(audit->store, &audit->op);
}

/* Where the chain begins is read anew for each page, and before anything is missed: it may have
 * moved on meanwhile. */
static void read_rows(struct verify_audit *audit)
{
    audit->op = (struct store_op){ .kind = STORE_AUDIT_CHAIN, .done = on_chain, .arg = audit };
    store_submit(audit->store, &audit->op);
}

void verify_audit_run(struct verify_audit *audit)
{
    read_rows(audit);
}
