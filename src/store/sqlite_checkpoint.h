/*
 * sqlite_checkpoint.h - a thread that copies the write-ahead log back into the database.
 * For src/store/sqlite*.c only.
 *
 * It runs PASSIVE checkpoints, which hinder neither the writer nor readers. SQLite's own (on the
 * committing thread) gave commits of up to 45 ms; one that nobody waits for let the log grow to
 * 2 GB, since a log that is always being appended to is never quite copied and starts over only
 * once it is. So the writer nudges early, and waits for one whole pass when the log is long.
 */
#ifndef STORE_SQLITE_CHECKPOINT_H
#define STORE_SQLITE_CHECKPOINT_H

#include "store/sqlite_db.h"

enum {
    SQLITE_WAL_NUDGE_BYTES = 16 * 1024 * 1024, /* each time that it has grown by so much */
    SQLITE_WAL_LAST_NUDGE_BYTES = 60 * 1024 * 1024,
    SQLITE_WAL_WAIT_BYTES = 64 * 1024 * 1024,
};

struct sqlite_checkpointer;

enum err_code sqlite_checkpointer_start(struct sqlite_checkpointer **ret_checkpointer,
                                        const char *path, struct err *err) MUST_CHECK;

/* Asks for a pass, unless one is under way. */
void sqlite_checkpointer_nudge(struct sqlite_checkpointer *checkpointer);

/*
 * Waits for a pass that begins after this call. An error is that pass's; a pass that could not
 * copy everything because somebody reads an old state is none.
 */
enum err_code sqlite_checkpointer_wait(struct sqlite_checkpointer *checkpointer,
                                       struct err *err) MUST_CHECK;

/* Ends the thread. NULL-safe. */
void sqlite_checkpointer_stop(struct sqlite_checkpointer *checkpointer);

#endif
