#include "store/sqlite_files.h"

#include <errno.h>
#include <sys/stat.h>

static enum err_code note(struct sqlite_file *file, const char *path, struct err *err)
{
    struct stat now;

    if (stat(path, &now) != 0)
        return err_sys(err, errno, "look at %s", path);
    *file = (struct sqlite_file){ .path = path, .dev = now.st_dev, .ino = now.st_ino };
    return ERR_NONE;
}

enum err_code sqlite_files_note(struct sqlite_files *ret_files, sqlite3 *db, struct err *err)
{
    const char *path = sqlite3_db_filename(db, "main");

    if (note(&ret_files->database, path, err) ||
        note(&ret_files->log, sqlite3_filename_wal(path), err))
        return err->code;
    return ERR_NONE;
}

static enum err_code check(const struct sqlite_file *file, struct err *err)
{
    struct stat now;

    if (stat(file->path, &now) == 0 && now.st_dev == file->dev && now.st_ino == file->ino)
        return ERR_NONE;
    return err_set(err, ERR_UNAVAILABLE,
                   "%s was removed or replaced while the server uses it; if it was moved, put it "
                   "back: else stop the server, which begins anew without it",
                   file->path);
}

enum err_code sqlite_files_check(const struct sqlite_files *files, struct err *err)
{
    if (check(&files->database, err) || check(&files->log, err))
        return err->code;
    return ERR_NONE;
}
