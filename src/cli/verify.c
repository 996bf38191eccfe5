/*
 * verify.c - `pawl verify`: every journal folded again, and compared with what is stored.
 *
 * Reads only, beside a running server if there is one: a row is of one moment, and its journal is
 * folded up to that moment. Where it goes on, the row is read again: it must have gone on, too.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "cli/command.h"
#include "cli/known.h"
#include "cli/text.h"
#include "engine/verify.h"

enum { SCAN_LIMIT = 200 };

struct check {
    struct loop *loop;
    struct store *store;
    struct store_op scan;
    struct store_op op;  /* about one session, or about the whole store */
    struct verify *rows; /* of the page */
    char (*ids)[64];
    size_t rows_n;
    size_t at; /* the one whose journal is read */
    int has_more;
    int64_t last_key;
    uint64_t sessions, events_n, faults;
    int status;
};

static void scan_next(struct check *check);
static void revision_next(struct check *check);
static void events_next(struct check *check, uint32_t after);

static void print_fault(struct check *check, const char *where, uint32_t seq, struct slice text)
{
    CLEANUP(buf_release) struct buf visible = { .max = (size_t)64 * 1024 };

    check->faults++;
    utf8_put_visible(&visible, text, 0);
    if (seq)
        (void)printf("%s: event %" PRIu32 ": %s\n", where, seq, buf_cstr(&visible));
    else
        (void)printf("%s: %s\n", where, buf_cstr(&visible));
}

static void on_fault(void *arg, uint32_t seq, const char *text)
{
    struct check *check = arg;

    print_fault(check, check->ids[check->at], seq, slice_of(text));
}

static void stop(struct check *check, const struct err *err)
{
    if (err)
        check->status = command_fail(EXIT_CANNOT_RUN, "the store cannot be read: %s", err->msg);
    loop_stop(check->loop);
}

/* ---- one session: its revision, its journal, and its row again ---- */

static void this_session(struct check *check)
{
    if (check->at < check->rows_n)
        revision_next(check);
    else if (check->has_more)
        scan_next(check);
    else
        stop(check, NULL);
}

static void next_session(struct check *check)
{
    check->at++;
    this_session(check);
}

static void on_revision(struct store_op *op, void *arg)
{
    struct check *check = arg;
    struct verify *verify = &check->rows[check->at];

    if (op->err.code == ERR_CORRUPT)
        on_fault(check, 0, op->err.msg);
    else if (op->err.code == ERR_NOT_FOUND)
        verify_revision(verify, (struct slice){ 0 });
    else if (op->err.code == ERR_NONE)
        verify_revision(verify, op->revision.text);
    else {
        stop(check, &op->err);
        return;
    }
    events_next(check, 0);
}

static void revision_next(struct check *check)
{
    struct verify *verify = &check->rows[check->at];

    check->op = (struct store_op){ .kind = STORE_REVISION_GET,
                                   .revision.hash = slice_of(verify->revision),
                                   .done = on_revision,
                                   .arg = check };
    store_submit(check->store, &check->op);
}

static void on_row_again(struct store_op *op, void *arg)
{
    struct check *check = arg;

    if (op->err.code == ERR_CORRUPT || op->err.code == ERR_NOT_FOUND)
        on_fault(check, 0, op->err.msg);
    else if (op->err.code == ERR_NONE)
        verify_beyond(&check->rows[check->at], op->load.row.seq);
    else {
        stop(check, &op->err);
        return;
    }
    next_session(check);
}

static void end_session(struct check *check)
{
    struct verify *verify = &check->rows[check->at];

    verify_end(verify);
    if (verify->beyond_seq == 0) {
        next_session(check);
        return;
    }
    check->op = (struct store_op){ .kind = STORE_LOAD,
                                   .load.id = slice_of(check->ids[check->at]),
                                   .done = on_row_again,
                                   .arg = check };
    store_submit(check->store, &check->op);
}

static void on_events(struct store_op *op, void *arg)
{
    struct check *check = arg;
    struct verify *verify = &check->rows[check->at];
    const struct store_events *page = &op->events;

    if (op->err.code == ERR_CORRUPT) { /* of this session alone: the others can still be read */
        on_fault(check, 0, op->err.msg);
        next_session(check);
        return;
    }
    if (op->err.code) {
        stop(check, &op->err);
        return;
    }
    for (size_t i = 0; i < page->events_n; i++) {
        verify_event(verify, &page->events[i]);
        check->events_n += page->events[i].seq <= verify->row.seq;
    }
    /* A busy server may write faster than we read: what is beyond the row is only looked at. */
    if (page->has_more && page->events_n > 0 && verify->beyond_seq == 0)
        events_next(check, page->events[page->events_n - 1].seq);
    else
        end_session(check);
}

static void events_next(struct check *check, uint32_t after)
{
    check->op = (struct store_op){ .kind = STORE_EVENTS,
                                   .events = { .session = check->rows[check->at].row.key,
                                               .after = after,
                                               .limit = STORE_PAGE_MAX,
                                               .what = STORE_EVENTS_ALL },
                                   .done = on_events,
                                   .arg = check };
    store_submit(check->store, &check->op);
}

/* ---- the whole store ---- */

static void on_scanned(struct store_op *op, void *arg)
{
    struct check *check = arg;

    if (op->err.code) {
        stop(check, &op->err);
        return;
    }
    check->rows_n = op->scan.rows_n;
    check->has_more = op->scan.has_more && op->scan.rows_n > 0;
    for (check->at = 0; check->at < check->rows_n; check->at++) {
        const struct store_session *row = &op->scan.rows[check->at];

        (void)snprintf(check->ids[check->at], sizeof(check->ids[0]), "%.*s", (int)row->id.len,
                       row->id.ptr);
        check->last_key = row->key;
        verify_begin(&check->rows[check->at], row, on_fault, check);
    }
    check->at = 0;
    check->sessions += check->rows_n;
    this_session(check);
}

static void scan_next(struct check *check)
{
    check->scan = (struct store_op){
        .kind = STORE_SCAN,
        .scan = { .what = STORE_SCAN_ALL, .after_key = check->last_key, .limit = SCAN_LIMIT },
        .done = on_scanned,
        .arg = check
    };
    store_submit(check->store, &check->scan);
}

static void on_checked(struct store_op *op, void *arg)
{
    struct check *check = arg;

    if (op->err.code) {
        stop(check, &op->err);
        return;
    }
    for (size_t i = 0; i < op->check.faults_n; i++)
        print_fault(check, "store", 0, op->check.faults[i]);
    scan_next(check);
}

static void check_store(struct check *check)
{
    check->op = (struct store_op){ .kind = STORE_CHECK, .done = on_checked, .arg = check };
    store_submit(check->store, &check->op);
}

static int report(const struct check *check)
{
    char sessions[TEXT_SHORT_MAX], events[TEXT_SHORT_MAX], faults[TEXT_SHORT_MAX];

    (void)text_count(sessions, (int64_t)check->sessions);
    (void)text_count(events, (int64_t)check->events_n);
    if (check->faults == 0) {
        (void)printf("%s session%s, %s events: all good\n", sessions,
                     check->sessions == 1 ? "" : "s", events);
        return EXIT_GOOD;
    }
    (void)printf("%s session%s, %s events: %s fault%s\n", sessions, check->sessions == 1 ? "" : "s",
                 events, text_count(faults, (int64_t)check->faults), check->faults == 1 ? "" : "s");
    return EXIT_FAILED;
}

static int verify_store(const char *url)
{
    struct check check = { .status = EXIT_GOOD };
    struct err err = { 0 };

    if (strncmp(url, "sqlite:", 7) != 0)
        return command_fail(EXIT_USAGE, "there is nothing to verify in '%s': it is in memory", url);
    if (loop_new(&check.loop, &err))
        return command_fail(EXIT_CANNOT_RUN, "%s", err.msg);
    if (store_open(&check.store, url, STORE_OPEN_READ_ONLY, check.loop, &err)) {
        loop_free(check.loop);
        return command_fail(EXIT_CANNOT_RUN, "%s", err.msg);
    }
    check.rows = xcalloc(SCAN_LIMIT, sizeof(check.rows[0]));
    check.ids = xcalloc(SCAN_LIMIT, sizeof(check.ids[0]));
    check_store(&check);
    loop_run(check.loop);
    store_close(check.store);
    loop_free(check.loop);
    free(check.rows);
    free(check.ids);
    return check.status == EXIT_GOOD ? report(&check) : check.status;
}

static int run(const struct args *args)
{
    const char *url = args_value(args, "store", NULL);
    struct config *config = NULL;

    if (url)
        return verify_store(url);
    int status = known_load(&config, args_value(args, "config", "pawl.yaml"));

    if (status == EXIT_GOOD)
        status = verify_store(config->store);
    config_free(config);
    return status;
}

static const struct option options[] = {
    OPTION_CONFIG,
    { "store", "URL", "this store instead of the configuration's: sqlite:PATH", 0, 0 },
    OPTIONS_END,
};

const struct command command_verify = {
    .name = "verify",
    .words = "",
    .summary = "Folds every journal again and compares it with the stored state",
    .help = "Reads only, and may run beside a server. Prints a line for each fault and exits with\n"
            "1 if there is one; with 5 if the store cannot be read.\n",
    .options = options,
    .run = run,
};
