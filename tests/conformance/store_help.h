/*
 * store_help.h - what the tests of stores share: a store on a loop, and operations run to their
 * end one by one.
 *
 * Results of an operation last only as long as its done call: help_run() copies them into the
 * helper's arena, so that a test reads them in peace until help_close().
 */
#ifndef CONFORMANCE_STORE_HELP_H
#define CONFORMANCE_STORE_HELP_H

#include "base/arena.h"
#include "store/store.h"
#include "unit/unit.h"

enum { HELP_DIR_MAX = 256, HELP_PATH_MAX = 512, HELP_EVENTS_MAX = 8 };

struct help {
    struct loop *loop;
    struct store *store;
    struct arena *arena;
    char dir[HELP_DIR_MAX]; /* of its own; removed by help_free() */
    char path[HELP_PATH_MAX];
    char url[HELP_PATH_MAX + 16];
    unsigned pending;
};

/* `backend` is "mem:" or "sqlite:". Nothing is opened yet. */
struct help *help_new(const char *backend);
void help_free(struct help *help);

void help_open(struct help *help, enum store_open_flags flags); /* fails the test if it fails */
void help_close(struct help *help);
void help_reopen(struct help *help);

/* For cmocka: an open store of the backend that main() was given. */
extern const char *help_backend;
int help_setup(void **state);
int help_teardown(void **state);

/* Submits; help_wait() runs the loop until all submitted operations are done. */
void help_submit(struct help *help, struct store_op *op);
void help_wait(struct help *help);
enum err_code help_run(struct help *help, struct store_op *op);

/* Copies what a done operation points to into the arena. */
void help_keep(struct arena *arena, struct store_op *op);

/* ---- operations with sensible contents ---- */

/* A creation: session "ses_NAME" with one `created` event whose input is `input`. */
struct tick {
    struct store_op op;
    struct store_event events[HELP_EVENTS_MAX];
};

void help_create(struct help *help, struct tick *tick, const char *name, const char *input);

/* The next tick of the session that `row` was read or written as, with events_n events. */
void help_next(struct help *help, struct tick *tick, const struct store_session *row,
               size_t events_n);

/* Creates a session and gives its row as it is stored. */
struct store_session help_session(struct help *help, const char *name);

/* An erasure at 77 ms of the version that row is, which deletes `limit` rows at once. */
struct store_op help_erase(const struct store_session *row, uint32_t limit);

/* A formatted text in the arena. */
struct slice help_text(struct help *help, const char *fmt, ...) PRINTF(2, 3);

struct store_load help_load(struct help *help, struct slice id, int with_texts);
void help_check_journal(struct help *help, const struct store_session *row);

/* The cases of the other files; the number of failures. */
int store_write_cases(void);
int store_list_cases(void);
int store_erase_cases(void);
int store_blob_cases(void);
int store_copy_cases(void);
int store_approval_cases(void);
int store_signal_cases(void);
int store_api_key_cases(void);
int store_delivery_cases(void);
int store_audit_cases(void);
int store_schedule_cases(void);

void assert_slice(struct slice got, const char *expected);

#endif
