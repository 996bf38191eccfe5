/*
 * sqlite_cases.c - what only a file can suffer: foreign and newer files, folders that cannot be
 * written, a second process, damage, a full disk, a failed fsync.
 */
#include <errno.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/clock.h"
#include "conformance/store_help.h"
#include "store/sqlite_schema.h"

/* ---- a disk that fails: SQLite's system calls go through here ---- */

static atomic_int is_disk_full;
static atomic_int is_fsync_broken;
static atomic_uint synced;

static ssize_t write_at(int fd, const void *bytes, size_t n, off_t offset)
{
    if (atomic_load(&is_disk_full)) {
        errno = ENOSPC;
        return -1;
    }
    return pwrite(fd, bytes, n, offset);
}

static void watch_writes(void)
{
    static const char *const calls[] = { "pwrite", "pwrite64" };
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

    for (size_t i = 0; i < ARRAY_LEN(calls); i++)
        (void)vfs->xSetSystemCall(vfs, calls[i], (sqlite3_syscall_ptr)write_at);
}

/* SQLite has no hook for these; the executable's come before libc's. */
__attribute__((visibility("default"))) int fdatasync(int fildes)
{
    if (atomic_load(&is_fsync_broken)) {
        errno = EIO;
        return -1;
    }
    atomic_fetch_add(&synced, 1);
    return (int)syscall(SYS_fdatasync, fildes);
}

__attribute__((visibility("default"))) int fsync(int fd)
{
    return fdatasync(fd);
}

/* ---- a person with sqlite3 ---- */

static sqlite3 *person(struct help *h)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(h->path, &db), SQLITE_OK);
    return db;
}

static void sql(sqlite3 *db, const char *text)
{
    char *message = NULL;

    if (sqlite3_exec(db, text, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", text, message);
}

static int64_t number(sqlite3 *db, const char *text)
{
    struct err err = { 0 };
    int64_t value = 0;

    assert_int_equal(sqlite_db_int(db, text, &value, &err), ERR_NONE);
    return value;
}

static void by_hand(struct help *h, const char *text)
{
    sqlite3 *db = person(h);

    sql(db, text);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void refused(struct help *h, enum store_open_flags flags, enum err_code code,
                    const char *part)
{
    struct store *store = NULL;
    struct loop *loop = NULL;
    struct err err = { 0 };

    assert_int_equal(loop_new(&loop, &err), ERR_NONE);
    assert_int_equal(store_open(&store, h->url, flags, loop, &err), code);
    assert_null(store);
    if (!strstr(err.msg, part))
        fail_msg("\"%s\" does not say \"%s\"", err.msg, part);
    loop_free(loop);
}

static void set_url(struct help *h, const char *path)
{
    (void)snprintf(h->url, sizeof(h->url), "sqlite:%s%s", h->dir, path);
    (void)snprintf(h->path, sizeof(h->path), "%s%s", h->dir, path);
}

static int setup_closed(void **state)
{
    *state = help_new("sqlite:");
    return 0;
}

static void a_file_that_is_no_database_is_refused(void **state)
{
    struct help *h = *state;

    write_file(h->path, "listen: 127.0.0.1:7295\n# and more, for a file is read in pages\n");
    refused(h, STORE_OPEN_READ_WRITE, ERR_CORRUPT, "is no pawl store (not an SQLite database");
    refused(h, STORE_OPEN_READ_ONLY, ERR_CORRUPT, h->path);
}

static void another_programs_database_is_left_alone(void **state)
{
    struct help *h = *state;
    sqlite3 *db = NULL;

    by_hand(h, "CREATE TABLE orders (id INTEGER)");
    refused(h, STORE_OPEN_READ_WRITE, ERR_CORRUPT, "it is another program's database");
    db = person(h);
    assert_int_equal(number(db, "SELECT count(*) FROM sqlite_schema"), 1);
    assert_int_equal(number(db, "SELECT journal_mode = 'delete' FROM pragma_journal_mode"), 1);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void a_newer_schema_is_refused(void **state)
{
    struct help *h = *state;
    char message[128];

    help_open(h, STORE_OPEN_READ_WRITE);
    help_close(h);
    by_hand(h, "INSERT INTO schema VALUES (777, 0)");
    (void)snprintf(message, sizeof(message),
                   "was written by a newer pawl (schema 777, this one knows %u); use that version",
                   sqlite_schema.n);
    refused(h, STORE_OPEN_READ_WRITE, ERR_CORRUPT, message);
    refused(h, STORE_OPEN_READ_ONLY, ERR_CORRUPT, message);
}

/* Root may write anywhere: so what cannot be written here is what cannot be there. */
static void a_place_that_cannot_be_written_is_said_with_advice(void **state)
{
    struct help *h = *state;

    set_url(h, "/nowhere/pawl.db");
    refused(h, STORE_OPEN_READ_WRITE, ERR_UNAVAILABLE, "its folder does not exist: create it");
    refused(h, STORE_OPEN_READ_WRITE, ERR_UNAVAILABLE, h->path);
    refused(h, STORE_OPEN_READ_ONLY, ERR_UNAVAILABLE, h->path);
    set_url(h, "/file");
    write_file(h->path, "");
    set_url(h, "/file/pawl.db");
    refused(h, STORE_OPEN_READ_WRITE, ERR_UNAVAILABLE, "Not a directory");
    set_url(h, "");
    refused(h, STORE_OPEN_READ_WRITE, ERR_UNAVAILABLE, "Is a directory");
}

static void no_other_user_can_read_it(void **state)
{
    static const char *const names[] = { "/pawl.db", "/pawl.db-wal", "/pawl.db-shm" };
    struct help *h = *state;
    mode_t mask = umask(0);

    help_open(h, STORE_OPEN_READ_WRITE);
    (void)help_session(h, "a");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct stat st;

        set_url(h, names[i]);
        assert_int_equal(stat(h->path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    (void)umask(mask);
}

static void the_file_is_as_designed(void **state)
{
    struct help *h = *state;
    sqlite3 *db = NULL;

    help_open(h, STORE_OPEN_READ_WRITE);
    (void)help_session(h, "a");
    db = person(h);
    assert_int_equal(number(db, "PRAGMA page_size"), SQLITE_DB_PAGE_BYTES);
    assert_int_equal(number(db, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
    assert_int_equal(number(db, "SELECT max(version) FROM schema"), sqlite_schema.n);
    assert_int_equal(number(db, "SELECT applied_at_ms > 1700000000000 FROM schema"), 1);
    assert_int_equal(number(db, "SELECT status = 'PENDING' FROM session"), 1);
    assert_int_equal(number(db, "SELECT kind = 'created' FROM event"), 1);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void what_is_committed_is_there_after_a_restart(void **state)
{
    struct help *h = *state;
    struct store_session row;
    struct stat st;

    help_open(h, STORE_OPEN_READ_WRITE);
    row = help_session(h, "a");
    help_reopen(h);
    assert_int_equal(help_load(h, row.id, 0).row.key, row.key);
    help_close(h);
    set_url(h, "/pawl.db-wal"); /* one file is left: easy to copy */
    assert_int_equal(stat(h->path, &st), -1);
}

/* ---- migrations ---- */

static const char step_1[] = "CREATE TABLE schema (version INTEGER PRIMARY KEY, applied_at_ms INT);"
                             "PRAGMA application_id = 1885435756;";
static const char *const steps[] = {
    step_1,
    "CREATE TABLE a (x); INSERT INTO a VALUES (1)",
    "ALTER TABLE a ADD COLUMN y; UPDATE a SET y = x + 1",
};
static const char *const broken_steps[] = { step_1, "CREATE TABLE a (x); INSERT INTO a VALUES (1)",
                                            "UPDATE a SET x = 9; INSERT INTO nowhere VALUES (1)" };

static enum err_code migrate(struct help *h, const char *const *list, unsigned n, struct err *err)
{
    const struct sqlite_migrations migrations = { .sql = list, .n = n };
    sqlite3 *db = person(h);
    enum err_code code = sqlite_schema_migrate(db, &migrations, h->path, 42, err);

    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return code;
}

static void migrations_run_once_and_in_order(void **state)
{
    struct help *h = *state;
    struct err err = { 0 };
    sqlite3 *db = NULL;

    assert_int_equal(migrate(h, steps, 2, &err), ERR_NONE);
    assert_int_equal(migrate(h, steps, 3, &err), ERR_NONE);
    assert_int_equal(migrate(h, steps, 3, &err), ERR_NONE);
    db = person(h);
    assert_int_equal(number(db, "SELECT count(*) FROM schema WHERE applied_at_ms = 42"), 3);
    assert_int_equal(number(db, "SELECT count(*) FROM a"), 1);
    assert_int_equal(number(db, "SELECT y FROM a"), 2);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_int_equal(migrate(h, steps, 2, &err), ERR_CORRUPT);
    assert_non_null(strstr(err.msg, "newer pawl (schema 3, this one knows 2)"));
}

static void a_failed_migration_leaves_the_version_before(void **state)
{
    struct help *h = *state;
    struct err err = { 0 };
    sqlite3 *db = NULL;

    assert_int_equal(migrate(h, broken_steps, 3, &err), ERR_CORRUPT);
    assert_non_null(strstr(err.msg, "schema 3 of "));
    assert_non_null(strstr(err.msg, "no such table: nowhere"));
    db = person(h);
    assert_int_equal(number(db, "SELECT max(version) FROM schema"), 2);
    assert_int_equal(number(db, "SELECT x FROM a"), 1);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_int_equal(migrate(h, steps, 3, &err), ERR_NONE);
}

/* What the first version wrote is taken up by this one. */
static void a_store_of_the_first_schema_goes_on(void **state)
{
    struct help *h = *state;

    help_open(h, STORE_OPEN_READ_WRITE);
    struct store_session row = help_session(h, "a");
    struct store_op erase = help_erase(&row, 0);

    help_close(h);
    by_hand(h, "DROP TABLE signal; DROP TABLE tombstone; DROP TABLE blob; DROP TABLE blob_piece; "
               "DROP TABLE blob_name;"
               "DROP TABLE erased; DROP TABLE erased_blob; DROP TABLE approval;"
               "DROP TABLE api_key; DROP TABLE delivery; DROP TABLE schedule; DROP TABLE audit; "
               "DROP TABLE audit_anchor;"
               "DROP INDEX session_ended_at;"
               "DELETE FROM schema WHERE version > 1");
    refused(h, STORE_OPEN_READ_ONLY, ERR_UNAVAILABLE, "start `pawl serve` once to migrate it");
    help_open(h, STORE_OPEN_READ_WRITE);
    assert_int_equal(help_run(h, &erase), ERR_NONE);
}

static void an_older_schema_is_not_read_only(void **state)
{
    struct help *h = *state;
    struct err err = { 0 };

    assert_int_equal(migrate(h, steps, 1, &err), ERR_NONE);
    by_hand(h, "UPDATE schema SET version = 0");
    refused(h, STORE_OPEN_READ_ONLY, ERR_CORRUPT, "does not say its schema");
    set_url(h, "/empty.db");
    write_file(h->path, "");
    refused(h, STORE_OPEN_READ_ONLY, ERR_UNAVAILABLE, "start `pawl serve` once to migrate it");
}

/* ---- beside others ---- */

static void a_reader_beside_a_server_sees_its_commits(void **state)
{
    struct help *h = *state;
    struct help *reader = help_new("sqlite:");
    struct store_session row;
    struct tick t;

    help_open(h, STORE_OPEN_READ_WRITE);
    row = help_session(h, "a");
    (void)snprintf(reader->url, sizeof(reader->url), "%s", h->url);
    help_open(reader, STORE_OPEN_READ_ONLY);
    assert_int_equal(help_load(reader, row.id, 0).row.version, 1);
    help_next(h, &t, &row, 3);
    assert_int_equal(help_run(h, &t.op), ERR_NONE);
    row = help_load(reader, row.id, 0).row;
    assert_int_equal(row.version, 2);
    help_check_journal(reader, &row);
    help_close(h); /* it outlives the server */
    assert_int_equal(help_load(reader, row.id, 0).row.version, 2);
    help_free(reader);
}

static void a_closed_store_can_be_read(void **state)
{
    struct help *h = *state;
    struct store_session row;

    help_open(h, STORE_OPEN_READ_WRITE);
    row = help_session(h, "a");
    help_close(h);
    help_open(h, STORE_OPEN_READ_ONLY);
    assert_int_equal(help_load(h, row.id, 0).row.version, 1);
    help_close(h);
    help_open(h, STORE_OPEN_READ_WRITE);
    assert_int_equal(help_load(h, row.id, 0).row.version, 1);
}

static void write_read_only(void *arg)
{
    struct help *h = arg;
    struct store_op op = { .kind = STORE_SWEEP };

    (void)help_run(h, &op);
}

static void a_write_to_what_is_only_read_is_a_bug(void **state)
{
    struct help *h = *state;

    help_open(h, STORE_OPEN_READ_WRITE);
    help_close(h);
    help_open(h, STORE_OPEN_READ_ONLY);
    assert_true(unit_dies(write_read_only, h));
}

/* Two servers on one file: the versions keep them apart. */
static void two_writers_keep_their_versions_apart(void **state)
{
    struct help *h = *state;
    struct help *other = help_new("sqlite:");
    struct store_session row;
    struct tick mine, theirs;

    help_open(h, STORE_OPEN_READ_WRITE);
    (void)snprintf(other->url, sizeof(other->url), "%s", h->url);
    help_open(other, STORE_OPEN_READ_WRITE);
    row = help_session(h, "a");
    for (int i = 0; i < 50; i++) {
        help_next(h, &mine, &row, 1);
        help_next(other, &theirs, &row, 1);
        help_submit(h, &mine.op);
        help_submit(other, &theirs.op);
        help_wait(h);
        help_wait(other);
        assert_int_equal((mine.op.err.code == ERR_NONE) + (theirs.op.err.code == ERR_NONE), 1);
        assert_int_equal((mine.op.err.code == ERR_CONFLICT) + (theirs.op.err.code == ERR_CONFLICT),
                         1);
        row = mine.op.err.code == ERR_NONE ? mine.op.commit.row : theirs.op.commit.row;
    }
    help_check_journal(other, &row);
    help_free(other);
}

static struct store_op start_worker(struct help *h)
{
    struct store_op op = { .kind = STORE_WORKER_START, .worker.name = SLICE_LIT("host:1") };

    assert_int_equal(help_run(h, &op), ERR_NONE);
    return op;
}

static void a_start_in_another_process_fences_this_one(void **state)
{
    struct help *h = *state;
    struct help *other = help_new("sqlite:");
    struct store_session row;
    struct store_op worker;
    struct tick t;

    help_open(h, STORE_OPEN_READ_WRITE);
    (void)snprintf(other->url, sizeof(other->url), "%s", h->url);
    help_open(other, STORE_OPEN_READ_WRITE);
    row = help_session(h, "a");
    worker = start_worker(h);
    row.owner = worker.worker.id;
    row.epoch = worker.worker.epoch;
    help_next(h, &t, &row, 1);
    assert_int_equal(help_run(h, &t.op), ERR_NONE);
    row = t.op.commit.row;
    assert_true(start_worker(other).worker.epoch > row.epoch);
    help_next(h, &t, &row, 1);
    assert_int_equal(help_run(h, &t.op), ERR_CONFLICT);
    help_free(other);
}

/* ---- what fails alone ---- */

enum { CROWD = 40 };

/*
 * A journal has an event that its session does not know of: the tick that would write that seq
 * fails in the middle of its writes. The writer is held up while all gather, so that they share a
 * transaction.
 */
static void fails_alone(struct help *h, uint64_t poisoned)
{
    struct tick *ticks = xcalloc(CROWD, sizeof(*ticks));
    struct store_session rows[CROWD];
    uint64_t batches = 0;
    char insert[160];
    sqlite3 *db = NULL;

    for (int i = 0; i < CROWD; i++)
        rows[i] = help_session(h, help_text(h, "%llx-%d", (unsigned long long)poisoned, i).ptr);
    db = person(h);
    for (int i = 0; i < CROWD; i++) {
        (void)snprintf(insert, sizeof(insert),
                       "INSERT INTO event SELECT %lld, 3, 0, 'message', NULL, '{}' WHERE %d",
                       (long long)rows[i].key, (poisoned >> i & 1) != 0);
        sql(db, insert);
    }
    batches = store_stats(h->store).batches;
    sql(db, "BEGIN IMMEDIATE");
    for (int i = 0; i < CROWD; i++) {
        help_next(h, &ticks[i], &rows[i], 2);
        help_submit(h, &ticks[i].op);
    }
    sql(db, "ROLLBACK");
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    help_wait(h);
    assert_in_range(store_stats(h->store).batches - batches, 1, 2);
    for (int i = 0; i < CROWD; i++) {
        int is_poisoned = (poisoned >> i & 1) != 0;
        struct store_session got = help_load(h, rows[i].id, 0).row;

        assert_int_equal(ticks[i].op.err.code, is_poisoned ? ERR_CORRUPT : ERR_NONE);
        assert_int_equal(got.version, is_poisoned ? 1 : 2);
        assert_int_equal(got.seq, is_poisoned ? 1 : 3);
    }
    free(ticks);
}

static void what_contradicts_the_file_fails_alone(void **state)
{
    struct help *h = *state;

    help_open(h, STORE_OPEN_READ_WRITE);
    fails_alone(h, 0);
    fails_alone(h, 1);
    fails_alone(h, UINT64_C(1) << (CROWD - 1));
    fails_alone(h, 0x300);
    fails_alone(h, 0x8000100401);
    fails_alone(h, (UINT64_C(1) << CROWD) - 1);
}

static void a_row_that_cannot_be_is_corrupt(void **state)
{
    static const char *const damage[] = {
        "UPDATE session SET status = 'WHATEVER'",
        "UPDATE session SET status = 'PENDING', turn = -1",
        "UPDATE session SET turn = 1, seq = 99999999999",
    };
    struct help *h = *state;
    struct store_op load = { .kind = STORE_LOAD, .load.id = SLICE_LIT("ses_a") };
    struct store_op events = { .kind = STORE_EVENTS, .events.limit = 10 };

    help_open(h, STORE_OPEN_READ_WRITE);
    events.events.session = help_session(h, "a").key;
    for (size_t i = 0; i < ARRAY_LEN(damage); i++) {
        by_hand(h, damage[i]);
        assert_int_equal(help_run(h, &load), ERR_CORRUPT);
    }
    by_hand(h, "UPDATE session SET seq = 1");
    assert_int_equal(help_run(h, &load), ERR_NONE);
    by_hand(h, "UPDATE event SET kind = 'whatever'");
    assert_int_equal(help_run(h, &events), ERR_CORRUPT);
    by_hand(h, "DELETE FROM session; INSERT INTO tombstone VALUES"
               " ('ses_a', 'acme', 'support', 1, 2, 3, 4, 'whatever')");
    assert_int_equal(help_run(h, &load), ERR_CORRUPT);
    by_hand(h, "UPDATE tombstone SET reason = 'retention'");
    assert_int_equal(help_run(h, &load), ERR_NOT_FOUND);
    assert_int_equal(load.load.erasure, STORE_ERASURE_RETENTION);
}

/* Overwrites a stretch of a closed store's file. */
static void damage_file(struct help *h, long at, size_t n)
{
    char garbage[SQLITE_DB_PAGE_BYTES];
    FILE *file = fopen(h->path, "r+");

    assert_in_range(n, 1, sizeof(garbage));
    memset(garbage, 0xa5, n);
    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    assert_int_equal(fwrite(garbage, n, 1, file), 1);
    assert_int_equal(fclose(file), 0);
}

/* The first page, which says what tables there are: a backup helps, another place does not. */
static void a_damaged_list_of_tables_is_not_another_programs(void **state)
{
    enum { BEHIND_HEADER = 100 };
    struct help *h = *state;
    const enum store_open_flags flags[] = { STORE_OPEN_READ_WRITE, STORE_OPEN_READ_ONLY };
    struct store *store = NULL;
    struct loop *loop = NULL;

    help_open(h, STORE_OPEN_READ_WRITE);
    help_close(h);
    damage_file(h, BEHIND_HEADER, SQLITE_DB_PAGE_BYTES - BEHIND_HEADER);
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        struct err err = { 0 };

        refused(h, flags[i], ERR_CORRUPT, "is damaged (database disk image is malformed); stop");
        refused(h, flags[i], ERR_CORRUPT, h->path);
        assert_int_equal(loop_new(&loop, &err), ERR_NONE);
        assert_int_equal(store_open(&store, h->url, flags[i], loop, &err), ERR_CORRUPT);
        assert_true(store_is_damage(&err));
        loop_free(loop);
    }
    damage_file(h, 0, BEHIND_HEADER); /* and now nobody knows whose it is */
    refused(h, STORE_OPEN_READ_WRITE, ERR_CORRUPT, "is no pawl store (not an SQLite database");
}

static void a_damaged_page_is_corrupt_and_not_a_crash(void **state)
{
    struct help *h = *state;
    struct store_op scan = { .kind = STORE_SCAN, .scan = { STORE_SCAN_ALL, .limit = 100 } };

    help_open(h, STORE_OPEN_READ_WRITE);
    (void)help_session(h, "a");
    help_close(h);
    sqlite3 *db = person(h);
    int64_t page = number(db, "SELECT rootpage FROM sqlite_schema WHERE name = 'session'");

    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    damage_file(h, (long)((page - 1) * SQLITE_DB_PAGE_BYTES), SQLITE_DB_PAGE_BYTES);
    help_open(h, STORE_OPEN_READ_WRITE);
    assert_int_equal(help_run(h, &scan), ERR_CORRUPT);

    struct tick t;

    help_create(h, &t, "b", "x");
    assert_int_equal(help_run(h, &t.op), ERR_CORRUPT);
}

/* ---- the disk ---- */

static void a_full_disk_refuses_until_there_is_room(void **state)
{
    struct help *h = *state;
    struct store_session row;
    struct tick ticks[3];

    help_open(h, STORE_OPEN_READ_WRITE);
    row = help_session(h, "a");
    atomic_store(&is_disk_full, 1);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 3; i++) {
            help_next(h, &ticks[i], &row, 1);
            help_submit(h, &ticks[i].op);
        }
        help_wait(h);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(ticks[i].op.err.code, ERR_UNAVAILABLE);
            assert_int_equal(ticks[i].op.err.sys, ENOSPC);
            assert_int_equal(ticks[i].op.commit.row.version, 1);
        }
        assert_int_equal(help_load(h, row.id, 0).row.version, 1); /* reading goes on */
    }
    atomic_store(&is_disk_full, 0);
    help_next(h, &ticks[0], &row, 1);
    assert_int_equal(help_run(h, &ticks[0].op), ERR_NONE);
    help_reopen(h);
    row = help_load(h, row.id, 0).row;
    assert_int_equal(row.version, 2);
    help_check_journal(h, &row);
}

/* In a child: its end is what is looked for. */
static void commit_with_broken_fsync(struct help *h, int out)
{
    struct tick t;

    if (dup2(out, STDERR_FILENO) < 0)
        _exit(1);
    help_open(h, STORE_OPEN_READ_WRITE);
    atomic_store(&is_fsync_broken, 1);
    (void)help_session(h, "b");
    help_create(h, &t, "c", "x");
    (void)help_run(h, &t.op);
    _exit(0); /* it was answered: wrong */
}

static void a_failed_fsync_ends_the_process(void **state)
{
    struct help *h = *state;
    char message[1024] = "";
    int ends[2];
    int status = 0;

    help_open(h, STORE_OPEN_READ_WRITE);
    (void)help_session(h, "a");
    help_close(h);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0)
        commit_with_broken_fsync(h, ends[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(read(ends[0], message, sizeof(message) - 1) > 0);
    (void)close(ends[0]);
    (void)close(ends[1]);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 70);
    if (!strstr(message, "the disk failed to sync "))
        fail_msg("it said: %s", message);
    help_open(h, STORE_OPEN_READ_WRITE);
    assert_int_equal(help_load(h, SLICE_LIT("ses_a"), 0).row.version, 1);
}

static void each_answer_comes_after_a_sync(void **state)
{
    struct help *h = *state;
    struct store_session row;

    help_open(h, STORE_OPEN_READ_WRITE);
    row = help_session(h, "a");
    for (int i = 0; i < 20; i++) {
        unsigned before = atomic_load(&synced);
        struct tick t;

        help_next(h, &t, &row, 1);
        assert_int_equal(help_run(h, &t.op), ERR_NONE);
        assert_true(atomic_load(&synced) > before);
        row = t.op.commit.row;
    }
}

/* ---- all threads at once ---- */

enum { ROUNDS = 20, PER_ROUND = 60 };

/* Which reads follow which commits is open here; that they are sound is not. */
static void submit_reads(struct help *h, struct store_op ops[4], const struct store_session *row)
{
    ops[0] = (struct store_op){ .kind = STORE_LOAD, .load = { .id = row->id, .with_texts = 1 } };
    ops[1] =
        (struct store_op){ .kind = STORE_EVENTS, .events = { .session = row->key, .limit = 100 } };
    ops[2] = (struct store_op){ .kind = STORE_LIST, .list.limit = 20 };
    ops[2].list.filter.tenant = SLICE_LIT("acme");
    ops[2].list.filter.text = SLICE_LIT("TIME");
    ops[3] = (struct store_op){ .kind = STORE_SCAN, .scan = { STORE_SCAN_LIVE, .limit = 100 } };
    for (int i = 0; i < 4; i++)
        help_submit(h, &ops[i]);
}

static void reads_and_writes_go_on_side_by_side(void **state)
{
    struct help *h = *state;
    struct tick *ticks = xcalloc(PER_ROUND, sizeof(*ticks));
    struct store_session rows[PER_ROUND];
    struct store_op reads[PER_ROUND][4];

    help_open(h, STORE_OPEN_READ_WRITE);
    for (int i = 0; i < PER_ROUND; i++)
        rows[i] = help_session(h, help_text(h, "%d", i).ptr);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < PER_ROUND; i++) {
            help_next(h, &ticks[i], &rows[i], 2);
            help_submit(h, &ticks[i].op);
            submit_reads(h, reads[i], &rows[i]);
        }
        help_wait(h);
        for (int i = 0; i < PER_ROUND; i++) {
            assert_int_equal(ticks[i].op.err.code, ERR_NONE);
            for (int k = 0; k < 4; k++)
                assert_int_equal(reads[i][k].err.code, ERR_NONE);
            assert_in_range(reads[i][0].load.row.version, round + 1, round + 2);
            assert_in_range(reads[i][1].events.events_n, round * 2 + 1, round * 2 + 3);
            assert_int_equal(reads[i][2].list.rows_n, 20);
            assert_int_equal(reads[i][3].scan.rows_n, PER_ROUND);
            rows[i] = ticks[i].op.commit.row;
        }
    }
    free(ticks);
}

/* 300 MB in ticks of 1 MiB: the log is copied back while they go on. */
static void the_log_does_not_grow_without_end(void **state)
{
    enum { TICKS = 300, MIB = 1 << 20 };
    struct help *h = *state;
    struct tick *ticks = xcalloc(TICKS, sizeof(*ticks));
    char *body = xcalloc(1, MIB);
    struct stat st;

    memset(body, 'x', MIB);
    help_open(h, STORE_OPEN_READ_WRITE);
    for (int i = 0; i < TICKS; i++) {
        help_create(h, &ticks[i], help_text(h, "%d", i).ptr, "x");
        ticks[i].events[0].body = (struct slice){ body, MIB };
        help_submit(h, &ticks[i].op);
    }
    help_wait(h);
    for (int i = 0; i < TICKS; i++)
        assert_int_equal(ticks[i].op.err.code, ERR_NONE);
    set_url(h, "/pawl.db-wal");
    assert_int_equal(stat(h->path, &st), 0);
    assert_in_range(st.st_size, 1, 80 * MIB);
    free(body);
    free(ticks);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup_closed, help_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_file_that_is_no_database_is_refused),
        CASE(another_programs_database_is_left_alone),
        CASE(a_newer_schema_is_refused),
        CASE(a_place_that_cannot_be_written_is_said_with_advice),
        CASE(no_other_user_can_read_it),
        CASE(the_file_is_as_designed),
        CASE(what_is_committed_is_there_after_a_restart),
        CASE(migrations_run_once_and_in_order),
        CASE(a_failed_migration_leaves_the_version_before),
        CASE(a_store_of_the_first_schema_goes_on),
        CASE(an_older_schema_is_not_read_only),
        CASE(a_reader_beside_a_server_sees_its_commits),
        CASE(a_closed_store_can_be_read),
        CASE(a_write_to_what_is_only_read_is_a_bug),
        CASE(two_writers_keep_their_versions_apart),
        CASE(a_start_in_another_process_fences_this_one),
        CASE(what_contradicts_the_file_fails_alone),
        CASE(a_row_that_cannot_be_is_corrupt),
        CASE(a_damaged_list_of_tables_is_not_another_programs),
        CASE(a_damaged_page_is_corrupt_and_not_a_crash),
        CASE(a_full_disk_refuses_until_there_is_room),
        CASE(a_failed_fsync_ends_the_process),
        CASE(each_answer_comes_after_a_sync),
        CASE(reads_and_writes_go_on_side_by_side),
        CASE(the_log_does_not_grow_without_end),
    };

    watch_writes();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
