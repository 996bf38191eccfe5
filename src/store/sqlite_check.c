#include "store/sqlite_check.h"

#include <string.h>

#include "store/sqlite_db.h"
#include "store/sqlite_schema.h"

enum { LINE_MAX = 1024 };

/* SQLite stops after so many; more would tell nobody more. */
#define INTEGRITY_CHECK "PRAGMA integrity_check(20)"

struct telling {
    store_fault_fn *fault;
    void *arg;
    int is_told;
};

static void tell_line(struct telling *telling, struct slice line)
{
    CLEANUP(buf_release) struct buf text = { .max = LINE_MAX + 1 };

    buf_put(&text, (struct slice){ line.ptr, line.len < LINE_MAX ? line.len : LINE_MAX });
    telling->fault(buf_cstr(&text), telling->arg);
    telling->is_told = 1;
}

/* What it says may have several lines, of which "*** in database main ***" says nothing. */
static void tell(struct telling *telling, struct slice text)
{
    while (text.len > 0) {
        const char *end = memchr(text.ptr, '\n', text.len);
        struct slice line = { text.ptr, end ? (size_t)(end - text.ptr) : text.len };
        size_t taken = line.len + (end ? 1 : 0);

        if (line.len > 0 && line.ptr[0] != '*')
            tell_line(telling, line);
        text.ptr += taken;
        text.len -= taken;
    }
}

static enum err_code check(sqlite3 *db, struct telling *telling, struct err *err)
{
    struct err failed = { 0 };
    sqlite3_stmt *st = NULL;
    int rc;

    if (sqlite_db_prepare(db, INTEGRITY_CHECK, &st, err))
        return err->code;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct slice text = sqlite_column(st, 0);

        if (!slice_is(text, "ok"))
            tell(telling, text);
    }
    if (rc != SQLITE_DONE)
        (void)sqlite_db_error(db, rc, "check the store", &failed);
    (void)sqlite3_finalize(st);
    if (failed.code == ERR_NONE)
        return ERR_NONE;
    if (!store_is_damage(&failed)) {
        *err = failed;
        return err->code;
    }
    if (!telling->is_told) /* else it has said more than that */
        tell_line(telling, slice_of(failed.msg));
    return ERR_NONE;
}

enum err_code sqlite_check(const char *path, store_fault_fn *fault, void *arg, struct err *err)
{
    sqlite3 *db = NULL;

    *err = (struct err){ 0 };
    if (sqlite_schema_prepare(path, 1, err) || sqlite_db_open(&db, path, SQLITE_DB_READ_ONLY, err))
        return err->code;
    (void)check(db, &(struct telling){ .fault = fault, .arg = arg }, err);
    sqlite_db_close(db);
    return err->code;
}
