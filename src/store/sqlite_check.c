/*
 * sqlite_check.c - what SQLite itself finds, a schema that is not ours, and rows without a session.
 *
 * Each of these is one statement, so it sees one state of the file even beside a running server.
 * A database that has more tables, indexes or views than ours is no fault: people may add them.
 */
#include "store/sqlite_check.h"

#include <stdio.h>

#include "store/sqlite_schema.h"

enum {
    PARTS = 4,
    FAULT_TEXT_MAX = 512,
    /* Of each part STORE_CHECK_FAULTS_MAX, and where it had to stop. */
    FAULTS_MAX = PARTS * (STORE_CHECK_FAULTS_MAX + 1),
};

#define TEXT_OF(number)  TEXT_OF_(number)
#define TEXT_OF_(number) #number
#define FAULTS_LIMIT     100 /* STORE_CHECK_FAULTS_MAX, for the texts below */
_Static_assert(FAULTS_LIMIT == STORE_CHECK_FAULTS_MAX, "the statements have their own number");

struct check {
    sqlite3 *db;
    struct arena *arena;
    struct slice *faults;
    size_t n;
    struct err *err;
};

static void add_fault(struct check *check, const char *what, struct slice which)
{
    char text[FAULT_TEXT_MAX];
    int shown = which.len < 400 ? (int)which.len : 400;

    ASSERT(check->n < FAULTS_MAX);
    (void)snprintf(text, sizeof(text), "%s%.*s", what, shown, which.ptr ? which.ptr : "");
    check->faults[check->n++] = arena_slice(check->arena, slice_of(text));
}

/*
 * The outcome of a statement that has ended. Damage that it stumbled over is a fault, and what is
 * checked next may still find more; anything else is an error of the whole operation.
 */
static void ended(struct check *check, sqlite3 *db, int rc)
{
    struct err err = { 0 };

    if (rc == SQLITE_DONE || rc == SQLITE_OK || rc == SQLITE_ROW)
        return;
    if (sqlite_db_error(db, rc, "check the store", &err) == ERR_CORRUPT)
        add_fault(check, err.msg, (struct slice){ 0 });
    else
        *check->err = err;
}

/* A fault for each row of the statement whose text is not `good`. */
static void check_rows(struct check *check, const char *sql, const char *what, const char *good)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(check->db, sql, -1, &st, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(st);
    for (unsigned n = 0; rc == SQLITE_ROW && n < STORE_CHECK_FAULTS_MAX; n++) {
        struct slice text = sqlite_column(st, 0);

        if (!slice_is(text, good))
            add_fault(check, what, text);
        rc = sqlite3_step(st);
    }
    ended(check, check->db, rc);
    (void)sqlite3_finalize(st);
}

/* ---- the schema ---- */

/* One table or index of ours, and what the file has under its name. */
static void compare_object(struct check *check, sqlite3_stmt *ours, sqlite3_stmt *theirs)
{
    char what[128];
    struct slice name = sqlite_column(ours, 1);

    (void)snprintf(what, sizeof(what), "the %s %.*s is ",
                   slice_is(sqlite_column(ours, 0), "index") ? "index" : "table", (int)name.len,
                   name.ptr);
    sqlite_bind_text(theirs, 1, sqlite_column(ours, 0));
    sqlite_bind_text(theirs, 2, name);
    int rc = sqlite3_step(theirs);

    if (rc == SQLITE_DONE)
        add_fault(check, what, SLICE_LIT("missing"));
    else if (rc == SQLITE_ROW && !slice_equal(sqlite_column(ours, 2), sqlite_column(theirs, 0)))
        add_fault(check, what, SLICE_LIT("not the one of the schema"));
    ended(check, check->db, rc);
    (void)sqlite3_reset(theirs);
}

static void compare_objects(struct check *check, sqlite3 *model)
{
    sqlite3_stmt *ours = NULL, *theirs = NULL;
    int rc = sqlite3_prepare_v2(model,
                                "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL"
                                " ORDER BY rowid LIMIT " TEXT_OF(FAULTS_LIMIT),
                                -1, &ours, NULL);

    ended(check, model, rc);
    rc =
        sqlite3_prepare_v2(check->db, "SELECT sql FROM sqlite_schema WHERE type = ?1 AND name = ?2",
                           -1, &theirs, NULL);
    ended(check, check->db, rc);
    while (ours && theirs && check->err->code == ERR_NONE &&
           (rc = sqlite3_step(ours)) == SQLITE_ROW)
        compare_object(check, ours, theirs);
    if (ours && rc != SQLITE_ROW)
        ended(check, model, rc);
    (void)sqlite3_finalize(ours);
    (void)sqlite3_finalize(theirs);
}

/* What the schema must be is what the same migrations make of an empty database. */
static void check_schema(struct check *check)
{
    sqlite3 *model = NULL;
    int rc =
        sqlite3_open_v2(":memory:", &model,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);

    if (rc != SQLITE_OK)
        (void)err_set(check->err, ERR_UNAVAILABLE, "check the schema: %s", sqlite3_errstr(rc));
    else if (sqlite_schema_migrate(model, &sqlite_schema, "the schema", 0, check->err) == ERR_NONE)
        compare_objects(check, model);
    sqlite_db_close(model);
}

void sqlite_check(sqlite3 *db, struct arena *arena, struct store_op *op)
{
    struct check check = { .db = db,
                           .arena = arena,
                           .faults = arena_alloc(arena, FAULTS_MAX * sizeof(struct slice)),
                           .err = &op->err };
    static const struct {
        const char *sql, *what, *good;
    } rows[] = {
        { "PRAGMA quick_check(" TEXT_OF(FAULTS_LIMIT) ")", "the database: ", "ok" },
        { "SELECT DISTINCT session FROM event WHERE session NOT IN (SELECT key FROM session)"
          " LIMIT " TEXT_OF(FAULTS_LIMIT),
          "there are events of a session that does not exist: key ", NULL },
        { "SELECT DISTINCT session FROM inbox WHERE session NOT IN (SELECT key FROM session)"
          " LIMIT " TEXT_OF(FAULTS_LIMIT),
          "there are inbox rows of a session that does not exist: key ", NULL },
    };

    _Static_assert(PARTS == ARRAY_LEN(rows) + 1, "and the schema");
    check_schema(&check);
    for (size_t i = 0; i < ARRAY_LEN(rows) && op->err.code == ERR_NONE; i++)
        check_rows(&check, rows[i].sql, rows[i].what, rows[i].good);
    op->check.faults = check.faults;
    op->check.faults_n = check.n;
}
