/*
 * verify.c - `pawl verify`: every page of the store looked at, every journal folded again and
 * compared with what is stored, and the chain of who did what followed from row to row.
 *
 * Reads only, beside a running server if there is one: a row is of one moment, and its journal is
 * read up to that moment. What is written meanwhile is found by the next one. A session may be
 * erased between its row and its journal, so one with faults is asked for once more before they
 * are told.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/id.h"
#include "base/utf8.h"
#include "cli/command.h"
#include "cli/known.h"
#include "cli/text.h"
#include "cli/verify_audit.h"
#include "cli/verify_outputs.h"
#include "engine/verify.h"

enum { SCAN_LIMIT = 200, LINES_BYTES = 1024 * 1024, LINES_MAX = 2 * LINES_BYTES };

struct check {
    struct loop *loop;
    struct store *store;
    struct store_op scan;
    struct store_op events;
    struct verify *rows; /* of the page */
    char (*ids)[64];
    char (*revisions)[SHA256_TEXT_MAX];
    char good_revision[SHA256_TEXT_MAX]; /* the last one that was looked at: most have the same */
    struct store_op revision;
    struct verify_outputs outputs; /* of the page of events that was read */
    struct verify_audit audit;
    uint32_t next_after; /* the page behind it begins after this; 0: it was the last */
    size_t rows_n;
    size_t at; /* the one whose journal is read */
    int has_more;
    int64_t last_key;
    struct buf lines;       /* what is at fault in this session: told if it is still there */
    uint64_t faults_before; /* this session */
    struct store_op again;
    uint64_t sessions, events_n, faults;
    int status;
};

static void scan_next(struct check *check);
static void events_next(struct check *check, uint32_t after);

static void on_fault(void *arg, uint32_t seq, const char *text)
{
    struct check *check = arg;
    CLEANUP(buf_release) struct buf visible = { .max = (size_t)64 * 1024 };

    check->faults++;
    utf8_put_visible(&visible, slice_of(text), 0);
    if (check->lines.len > LINES_BYTES)
        return; /* enough to see what is wrong; all are counted */
    buf_putf(&check->lines, "%s: ", check->ids[check->at]);
    if (seq)
        buf_putf(&check->lines, "event %" PRIu32 ": ", seq);
    buf_putf(&check->lines, "%s\n", buf_cstr(&visible));
}

static void tell_faults(struct check *check)
{
    (void)fputs(buf_cstr(&check->lines), stdout);
    buf_clear(&check->lines);
    check->faults_before = check->faults;
}

static void stop(struct check *check, const struct err *err)
{
    tell_faults(check);
    if (err)
        check->status = command_fail(EXIT_CANNOT_RUN, "the store cannot be read: %s", err->msg);
    loop_stop(check->loop);
}

/* A session cannot go on without the text that it started with. */
static void on_revision(struct store_op *op, void *arg)
{
    struct check *check = arg;
    char hash[SHA256_TEXT_MAX];

    if (op->err.code && op->err.code != ERR_NOT_FOUND && op->err.code != ERR_CORRUPT) {
        stop(check, &op->err);
        return;
    }
    if (op->err.code) {
        on_fault(check, 0, op->err.msg);
    } else {
        struct sha256 made = sha256_of(op->revision.text);

        if (slice_is(op->revision.hash, sha256_text(hash, &made)))
            (void)snprintf(check->good_revision, sizeof(check->good_revision), "%s", hash);
        else
            on_fault(check, 0, "the text of its revision is not the one that its hash names");
    }
    events_next(check, 0);
}

static void revision_next(struct check *check)
{
    const char *hash = check->revisions[check->at];

    if (strcmp(hash, check->good_revision) == 0) {
        events_next(check, 0);
        return;
    }
    check->revision = (struct store_op){ .kind = STORE_REVISION_GET,
                                         .revision.hash = slice_of(hash),
                                         .done = on_revision,
                                         .arg = check };
    store_submit(check->store, &check->revision);
}

static void next_session(struct check *check)
{
    for (; check->at < check->rows_n && check->rows[check->at].row.is_corrupt; check->at++) {
        on_fault(check, 0, "its row has a value that cannot be");
        tell_faults(check);
    }
    if (check->at < check->rows_n)
        revision_next(check);
    else if (check->has_more)
        scan_next(check);
    else
        verify_audit_run(&check->audit);
}

static void on_again(struct store_op *op, void *arg)
{
    struct check *check = arg;

    if (op->err.code == ERR_NOT_FOUND && op->load.erased_at_ms != 0) {
        buf_clear(&check->lines);
        check->faults = check->faults_before;
        check->sessions--;
    } else {
        tell_faults(check);
    }
    check->at++;
    next_session(check);
}

static void session_ended(struct check *check)
{
    if (check->faults == check->faults_before) {
        check->at++;
        next_session(check);
        return;
    }
    check->again = (struct store_op){ .kind = STORE_LOAD,
                                      .load.id = slice_of(check->ids[check->at]),
                                      .done = on_again,
                                      .arg = check };
    store_submit(check->store, &check->again);
}

static void on_events(struct store_op *op, void *arg)
{
    struct check *check = arg;
    struct verify *verify = &check->rows[check->at];
    const struct store_events *page = &op->events;

    if (op->err.code == ERR_CORRUPT) { /* of this session alone: the others can still be read */
        on_fault(check, 0, op->err.msg);
        session_ended(check);
        return;
    }
    if (op->err.code) {
        stop(check, &op->err);
        return;
    }
    for (size_t i = 0; i < page->events_n; i++) {
        verify_event(verify, &page->events[i]);
        verify_outputs_add(&check->outputs, &page->events[i]);
    }
    check->events_n += page->events_n;
    check->next_after =
        page->has_more && page->events_n > 0 ? page->events[page->events_n - 1].seq : 0;
    verify_outputs_run(&check->outputs, verify->row.key);
}

static void on_signals(struct store_op *op, void *arg)
{
    struct check *check = arg;

    if (op->err.code == ERR_CORRUPT) { /* of this session alone */
        on_fault(check, 0, op->err.msg);
    } else if (op->err.code == ERR_NONE) {
        verify_signals(&check->rows[check->at], &op->load);
    } else if (op->err.code != ERR_NOT_FOUND) { /* else it was erased meanwhile */
        stop(check, &op->err);
        return;
    }
    session_ended(check);
}

static void signals_next(struct check *check)
{
    check->events =
        (struct store_op){ .kind = STORE_LOAD,
                           .load = { .id = slice_of(check->ids[check->at]), .with_signals = 1 },
                           .done = on_signals,
                           .arg = check };
    store_submit(check->store, &check->events);
}

static void on_outputs(void *arg, const struct err *err)
{
    struct check *check = arg;

    if (err->code) {
        stop(check, err);
        return;
    }
    if (check->next_after > 0) {
        events_next(check, check->next_after);
        return;
    }
    verify_end(&check->rows[check->at]);
    if (check->rows[check->at].has_signals)
        signals_next(check);
    else
        session_ended(check);
}

static void events_next(struct check *check, uint32_t after)
{
    const struct store_session *row = &check->rows[check->at].row;

    check->events = (struct store_op){ .kind = STORE_EVENTS,
                                       .events = { .session = row->key,
                                                   .after = after,
                                                   .until = row->seq,
                                                   .limit = STORE_PAGE_MAX,
                                                   .what = STORE_EVENTS_ALL },
                                       .done = on_events,
                                       .arg = check };
    store_submit(check->store, &check->events);
}

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

        if (id_is_valid(row->id, "ses_"))
            (void)snprintf(check->ids[check->at], sizeof(check->ids[0]), "%.*s", (int)row->id.len,
                           row->id.ptr);
        else
            (void)snprintf(check->ids[check->at], sizeof(check->ids[0]),
                           "session with key %" PRId64, row->key);
        check->last_key = row->key;
        (void)snprintf(check->revisions[check->at], sizeof(check->revisions[0]), "%.*s",
                       (int)row->revision.len, row->revision.ptr ? row->revision.ptr : "");
        if (row->is_corrupt) {
            check->rows[check->at] = (struct verify){ .row = *row };
            continue;
        }
        verify_begin(&check->rows[check->at], row, on_fault, check);
    }
    check->at = 0;
    check->sessions += check->rows_n;
    next_session(check);
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

static const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

static int report(const struct check *check)
{
    const struct verify_audit *audit = &check->audit;
    char sessions[TEXT_SHORT_MAX], events[TEXT_SHORT_MAX], rows[TEXT_SHORT_MAX],
        faults[TEXT_SHORT_MAX];

    (void)printf("%s session%s, %s events, %s audit row%s",
                 text_count(sessions, (int64_t)check->sessions), plural(check->sessions),
                 text_count(events, (int64_t)check->events_n),
                 text_count(rows, (int64_t)audit->rows), plural(audit->rows));
    if (audit->first_seq > 1)
        (void)printf(" from number %" PRId64 " on", audit->first_seq);
    if (check->faults == 0) {
        (void)printf(": all good\n");
        return EXIT_GOOD;
    }
    (void)printf(": %s fault%s\n", text_count(faults, (int64_t)check->faults),
                 plural(check->faults));
    return EXIT_FAILED;
}

static void on_page_fault(const char *text, void *arg)
{
    struct check *check = arg;
    CLEANUP(buf_release) struct buf visible = { .max = (size_t)64 * 1024 };

    check->faults++;
    check->faults_before++;
    utf8_put_visible(&visible, slice_of(text), 0);
    (void)printf("the file: %s\n", buf_cstr(&visible));
}

static void on_audit_fault(void *arg, const char *text)
{
    struct check *check = arg;

    check->faults++;
    (void)printf("audit: %s\n", text);
}

static void on_audit(void *arg, const struct err *err)
{
    stop(arg, err->code ? err : NULL);
}

/* The file before what is in it: a damaged index keeps no journal from being read. */
static enum err_code check_pages(struct check *check, const char *url, struct err *err)
{
    if (store_check(url, on_page_fault, check, err))
        return err->code;
    if (check->faults > 0)
        (void)printf("the file is damaged: stop the server and put a backup in its place, or save "
                     "what `sqlite3 FILE .recover` can still read\n");
    return ERR_NONE;
}

static int verify_store(const char *url)
{
    struct check check = { .status = EXIT_GOOD, .lines.max = LINES_MAX };
    struct err err = { 0 };

    if (strncmp(url, "sqlite:", 7) != 0)
        return command_fail(EXIT_USAGE, "there is nothing to verify in '%s': it is in memory", url);
    if (check_pages(&check, url, &err) || loop_new(&check.loop, &err))
        return command_fail(EXIT_CANNOT_RUN, "%s", err.msg);
    if (store_open(&check.store, url, STORE_OPEN_READ_ONLY, check.loop, &err)) {
        loop_free(check.loop);
        return command_fail(EXIT_CANNOT_RUN, "%s", err.msg);
    }
    check.rows = xcalloc(SCAN_LIMIT, sizeof(check.rows[0]));
    check.ids = xcalloc(SCAN_LIMIT, sizeof(check.ids[0]));
    check.revisions = xcalloc(SCAN_LIMIT, sizeof(check.revisions[0]));
    check.outputs = (struct verify_outputs){
        .store = check.store, .on_fault = on_fault, .done = on_outputs, .arg = &check
    };
    check.audit = (struct verify_audit){
        .store = check.store, .on_fault = on_audit_fault, .done = on_audit, .arg = &check
    };
    scan_next(&check);
    loop_run(check.loop);
    store_close(check.store);
    loop_free(check.loop);
    free(check.rows);
    free(check.ids);
    free(check.revisions);
    verify_outputs_release(&check.outputs);
    buf_release(&check.lines);
    return check.status == EXIT_GOOD ? report(&check) : check.status;
}

static int run(const struct args *args)
{
    char *url = NULL;
    int status = known_store_url(&url, args);

    if (status == EXIT_GOOD)
        status = verify_store(url);
    free(url);
    return status;
}

static const struct option options[] = {
    OPTION_CONFIG,
    OPTION_STORE,
    OPTIONS_END,
};

const struct command command_verify = {
    .name = "verify",
    .words = "",
    .summary = "Folds every journal again and compares; follows the audit's chain",
    .help =
        "Reads only, and may run beside a server. Prints a line for each fault, in the file, in\n"
        "a session or in the audit, and exits with 1 if there is one; with 5 if the sessions\n"
        "cannot be read.\n",
    .options = options,
    .run = run,
};
