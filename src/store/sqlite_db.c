#include "store/sqlite_db.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    BUSY_MS = 5000,                   /* someone else writes: a person with sqlite3, a backup */
    ROW_BYTES_MAX = 64 * 1024 * 1024, /* above STORE_BODY_MAX twice, far below SQLite's 1 GB */
    EXIT_FSYNC = 70,                  /* EX_SOFTWARE: a supervisor starts us again */
};

/* ---- errors ---- */

enum { REASON_MAX = 96 };

static const char *reason(char text[REASON_MAX], int errnum)
{
    return strerror_r(errnum, text, REASON_MAX);
}

/* Which error it was SQLite knows for the database only, not for its log. */
static _Noreturn void die_of_fsync(sqlite3 *db, const char *doing)
{
    (void)fprintf(stderr,
                  "pawl: %s: the disk failed to sync %s or its log. What was being written may or "
                  "may not be there; ending here, the next start finds out.\n",
                  doing, sqlite3_db_filename(db, "main"));
    (void)fflush(stderr);
    _exit(EXIT_FSYNC);
}

static enum err_code code_of(int rc)
{
    switch (rc & 0xff) { /* SQLite's codes, not an enum of ours */
    case SQLITE_TOOBIG: return ERR_LIMIT;
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_NOMEM:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_PROTOCOL:
    case SQLITE_NOLFS:
    case SQLITE_INTERRUPT: return ERR_UNAVAILABLE;
    default: break;
    }
    /* The statements are ours and tested: what remains is a file that is not as we left it. */
    return ERR_CORRUPT;
}

static int errno_of(sqlite3 *db, int rc)
{
    switch (rc & 0xff) {
    case SQLITE_FULL: return ENOSPC;
    case SQLITE_NOMEM: return ENOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return EBUSY;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY: return sqlite3_system_errno(db);
    default: break;
    }
    return 0;
}

/* A page that is not as it was written, or a file that is too short. No row of ours can do that. */
static enum err_code damaged(sqlite3 *db, int rc, const char *doing, struct err *err)
{
    (void)err_set(err, ERR_CORRUPT,
                  "%s: %s is damaged (%s); stop the server and put a backup in its place, or save "
                  "what `sqlite3 FILE .recover` can still read",
                  doing, sqlite3_db_filename(db, "main"), sqlite3_errstr(rc));
    err->sys = EUCLEAN;
    return err->code;
}

enum err_code sqlite_db_error(sqlite3 *db, int rc, const char *doing, struct err *err)
{
    if (rc == SQLITE_IOERR_FSYNC || rc == SQLITE_IOERR_DIR_FSYNC)
        die_of_fsync(db, doing);
    if ((rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB)
        return damaged(db, rc, doing, err);
    int sys = errno_of(db, rc);
    char text[REASON_MAX];

    /* The connection's own words tell more, as long as they are about this failure. */
    (void)err_set(err, code_of(rc), "%s: %s%s%s", doing,
                  sqlite3_extended_errcode(db) == rc ? sqlite3_errmsg(db) : sqlite3_errstr(rc),
                  sys ? ": " : "", sys ? reason(text, sys) : "");
    err->sys = sys;
    return err->code;
}

/* ---- the file ---- */

static enum err_code cannot_create(const char *path, int errnum, struct err *err)
{
    char text[REASON_MAX];
    const char *advice = "choose another place with `store: sqlite:PATH`";

    if (errnum == ENOENT || errnum == ENOTDIR)
        advice =
            "its folder does not exist: create it, or choose another with `store: sqlite:PATH`";
    else if (errnum == EACCES || errnum == EPERM)
        advice = "give this user write access to the file and its folder";
    else if (errnum == ENOSPC || errnum == EDQUOT)
        advice = "make room on its disk";
    (void)err_set(err, ERR_UNAVAILABLE, "cannot write the store %s: %s; %s", path,
                  reason(text, errnum), advice);
    err->sys = errnum;
    return err->code;
}

/* Without this a power cut could take the name of a file whose bytes are safe. */
static enum err_code sync_folder(const char *path, struct err *err)
{
    char *copy = xstrdup(path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed = fd < 0 || fsync(fd) != 0 ? errno : 0;

    if (fd >= 0)
        (void)close(fd);
    free(copy);
    return failed ? cannot_create(path, failed, err) : ERR_NONE;
}

enum err_code sqlite_db_create(const char *path, struct err *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0)
        return cannot_create(path, errno, err);
    off_t size = lseek(fd, 0, SEEK_END);

    (void)close(fd);
    return size == 0 ? sync_folder(path, err) : ERR_NONE;
}

/* ---- a connection ---- */

static const struct {
    int option, value;
} hardening[] = {
    { SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0 },
    { SQLITE_DBCONFIG_DEFENSIVE, 1 },
    { SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },
    { SQLITE_DBCONFIG_DQS_DDL, 0 },
    { SQLITE_DBCONFIG_DQS_DML, 0 },
};

static enum err_code harden(sqlite3 *db, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(hardening); i++) {
        int rc = sqlite3_db_config(db, hardening[i].option, hardening[i].value, NULL);

        if (rc != SQLITE_OK)
            return sqlite_db_error(db, rc, "set up the store's connection", err);
    }
    (void)sqlite3_limit(db, SQLITE_LIMIT_LENGTH, ROW_BYTES_MAX);
    (void)sqlite3_busy_timeout(db, BUSY_MS);
    /*
     * Foreign keys stay off: the tick's version check has just proven that the session is there,
     * and a second look-up for each event would cost as much as the event.
     */
    return sqlite_db_exec(db,
                          "PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF;"
                          "PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 0;"
                          /* What a long reader made the log grow to is given back. */
                          "PRAGMA journal_size_limit = 67108864;",
                          "set up the store's connection", err);
}

/* A relative path gets "./", so that no name is taken for an URI or for ":memory:". */
static char *literal_path(const char *path)
{
    size_t size = strlen(path) + sizeof("./");
    char *literal = xcalloc(1, size);

    (void)snprintf(literal, size, "%s%s", path[0] == '/' ? "" : "./", path);
    return literal;
}

enum err_code sqlite_db_open(sqlite3 **ret_db, const char *path, enum sqlite_db_mode mode,
                             struct err *err)
{
    int flags = mode == SQLITE_DB_READ_ONLY ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    char *literal = literal_path(path);
    sqlite3 *db = NULL;
    int rc =
        sqlite3_open_v2(literal, &db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);

    free(literal);
    if (!db)
        return err_set(err, ERR_UNAVAILABLE, "open the store %s: no memory", path);
    if (rc != SQLITE_OK) {
        (void)sqlite_db_error(db, rc, "open", err);
        (void)err_wrap(err, "the store %s", path);
    } else if (harden(db, err) == ERR_NONE) {
        *ret_db = db;
        return ERR_NONE;
    }
    sqlite_db_close(db);
    return err->code;
}

void sqlite_db_close(sqlite3 *db)
{
    /* Only unfinished statements or backups could refuse. */
    ASSERT(sqlite3_close(db) == SQLITE_OK);
}

enum err_code sqlite_db_exec(sqlite3 *db, const char *sql, const char *doing, struct err *err)
{
    int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? ERR_NONE : sqlite_db_error(db, rc, doing, err);
}

enum err_code sqlite_db_int(sqlite3 *db, const char *sql, int64_t *ret_value, struct err *err)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(st);
    if (rc == SQLITE_ROW || rc == SQLITE_DONE)
        *ret_value = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
    else
        (void)sqlite_db_error(db, rc, "read the store", err);
    (void)sqlite3_finalize(st);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? ERR_NONE : err->code;
}

enum err_code sqlite_db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret_st,
                                struct err *err)
{
    int rc = sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret_st, NULL);

    return rc == SQLITE_OK ? ERR_NONE : sqlite_db_error(db, rc, "prepare a statement", err);
}

/* ---- parameters and columns ---- */

/* Binding fails for a wrong number, or for want of memory: our bug, or the end. */
static void must(int rc)
{
    if (rc != SQLITE_OK)
        assert_failed(sqlite3_errstr(rc), __FILE__, __LINE__);
}

void sqlite_bind_text(sqlite3_stmt *st, int i, struct slice text)
{
    must(
        sqlite3_bind_text64(st, i, text.ptr ? text.ptr : "", text.len, SQLITE_STATIC, SQLITE_UTF8));
}

void sqlite_bind_text_or_null(sqlite3_stmt *st, int i, struct slice text)
{
    if (text.ptr)
        sqlite_bind_text(st, i, text);
    else
        must(sqlite3_bind_null(st, i));
}

void sqlite_bind_blob(sqlite3_stmt *st, int i, struct slice bytes)
{
    must(sqlite3_bind_blob64(st, i, bytes.ptr ? bytes.ptr : "", bytes.len, SQLITE_STATIC));
}

void sqlite_bind_int(sqlite3_stmt *st, int i, int64_t value)
{
    must(sqlite3_bind_int64(st, i, value));
}

struct slice sqlite_column(sqlite3_stmt *st, int i)
{
    if (sqlite3_column_type(st, i) == SQLITE_NULL)
        return (struct slice){ 0 };
    const char *bytes = sqlite3_column_blob(st, i); /* text, too: it needs no terminator */
    size_t len = (size_t)sqlite3_column_bytes(st, i);

    return (struct slice){ bytes ? bytes : "", len };
}
