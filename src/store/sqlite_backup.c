#include "store/sqlite_backup.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/sqlite_schema.h"

/*
 * The name is taken first, by an empty file: so nothing is ever overwritten, on any file system.
 * The copy is made beside it, and takes its place when all of it is on the disk.
 */
static enum err_code reserve(const char *path, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0 && errno == EEXIST)
        return err_set(err, ERR_CONFLICT, "%s is there already, and stays as it is", path);
    if (fd < 0)
        return err_sys(err, errno, "create %s", path);
    (void)close(fd);
    return ERR_NONE;
}

static enum err_code sync_path(const char *path, int flags, struct err *err)
{
    int fd = open(path, flags | O_CLOEXEC);
    int failed = fd < 0 || fsync(fd) != 0 ? errno : 0;

    if (fd >= 0)
        (void)close(fd);
    return failed ? err_sys(err, failed, "write %s to the disk", path) : ERR_NONE;
}

static enum err_code sync_folder(const char *path, struct err *err)
{
    char *copy = xstrdup(path);
    enum err_code code = sync_path(dirname(copy), O_RDONLY | O_DIRECTORY, err);

    free(copy);
    return code;
}

static enum err_code copy_into(const char *store, const char *path, struct err *err)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;

    if (sqlite_db_open(&db, store, SQLITE_DB_READ_ONLY, err))
        return err->code;
    if (sqlite_db_prepare(db, "VACUUM INTO ?1", &st, err) == ERR_NONE) {
        sqlite_bind_text(st, 1, slice_of(path));
        int rc = sqlite3_step(st);

        if (rc != SQLITE_DONE)
            (void)sqlite_db_error(db, rc, "copy the store", err);
    }
    (void)sqlite3_finalize(st);
    sqlite_db_close(db);
    return err->code;
}

static enum err_code copy_and_rename(const char *store, const char *partial, const char *path,
                                     struct err *err)
{
    /* Only who reserved the name comes here: what has this name was left by one that was killed. */
    if (unlink(partial) != 0 && errno != ENOENT)
        return err_sys(err, errno, "remove %s", partial);
    int fd = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0)
        return err_sys(err, errno, "create %s", partial);
    (void)close(fd); /* empty, and nobody else's to read: SQLite fills it */
    if (copy_into(store, partial, err) == ERR_NONE &&
        sync_path(partial, O_RDONLY, err) == ERR_NONE) {
        if (rename(partial, path) == 0)
            return sync_folder(path, err);
        (void)err_sys(err, errno, "rename %s", partial);
    }
    (void)unlink(partial);
    return err->code;
}

/* Neither an URI nor ":memory:": a relative path begins with a dot. */
static char *partial_path(const char *path)
{
    static const char suffix[] = ".partial";
    size_t size = strlen(path) + sizeof("./") + sizeof(suffix);
    char *partial = xcalloc(1, size);

    (void)snprintf(partial, size, "%s%s%s", path[0] == '/' ? "" : "./", path, suffix);
    return partial;
}

enum err_code sqlite_backup(const char *store, const char *path, struct err *err)
{
    if (sqlite_schema_prepare(store, 1, err) || reserve(path, err))
        return err->code;
    char *partial = partial_path(path);

    *err = (struct err){ 0 };
    if (copy_and_rename(store, partial, path, err))
        (void)unlink(path);
    free(partial);
    return err->code;
}
