/*
 * sqlite_schema.c - the tables, and the list of migrations that leads to them.
 *
 * Plain SQL over these tables is part of the interface: names are whole words, kinds and statuses
 * are their names, times are milliseconds since 1970, flags are 0 and 1, money is nanousd (10^-9
 * US dollars).
 *
 * On indexes. Every tick updates one session and appends events, so an index on what such a tick
 * changes costs each of them; one on what a creation or a turn's end changes costs little. The
 * writer's usual UPDATE leaves the columns of the partial indexes alone (see sqlite_write.c), and
 * store_bench, 512 ticks a commit, then shows no difference with and without session_ended and
 * session_open. What they save lists is said in sqlite_list.c.
 */
#include "store/sqlite_schema.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

/* "pawl" in ASCII: marks the file as ours, for us and for file(1). */
#define APPLICATION_ID      0x7061776c
#define APPLICATION_ID_TEXT "1885435756"

#define NO_DATABASE "not an SQLite database, or a damaged one"

/* The tables of the first version. */
static const char tables_1[] =
    "CREATE TABLE schema ("
    "  version INTEGER PRIMARY KEY,"
    "  applied_at_ms INTEGER NOT NULL"
    ") STRICT;"

    /* AUTOINCREMENT: a key is never given twice, so no late write meets another session. */
    "CREATE TABLE session ("
    "  key INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  id TEXT NOT NULL," /* public: ses_... */
    "  tenant TEXT NOT NULL,"
    "  agent TEXT NOT NULL,"
    "  revision TEXT NOT NULL,"   /* agent_revision.hash */
    "  parent TEXT,"              /* id of the session that started it */
    "  version INTEGER NOT NULL," /* counts commits */
    "  status TEXT NOT NULL,"
    "  is_paused INTEGER NOT NULL,"
    "  is_live INTEGER NOT NULL,"    /* a starting process takes it up at once */
    "  owner INTEGER NOT NULL,"      /* worker.id, or 0 */
    "  epoch INTEGER NOT NULL,"      /* of that worker */
    "  wake_at_ms INTEGER NOT NULL," /* its next timer while it is not live, or 0 */
    "  created_at_ms INTEGER NOT NULL,"
    "  updated_at_ms INTEGER NOT NULL,"
    "  ended_at_ms INTEGER NOT NULL," /* 0 while a turn is under way */
    "  turn INTEGER NOT NULL,"
    "  steps INTEGER NOT NULL,"  /* of this turn */
    "  tokens INTEGER NOT NULL," /* spent so far */
    "  nanousd INTEGER NOT NULL,"
    "  seq INTEGER NOT NULL,"         /* of its last event */
    "  task_seq INTEGER NOT NULL,"    /* the event with the input of this turn */
    "  end_seq INTEGER NOT NULL,"     /* the event that ended the last turn, or 0 */
    "  context_seq INTEGER NOT NULL," /* the event with the context in force */
    "  metadata TEXT NOT NULL,"       /* a JSON object */
    "  state BLOB NOT NULL"           /* of the pure core; `pawl verify` folds it from the events */
    ") STRICT;"
    "CREATE UNIQUE INDEX session_id ON session (id);"
    /* Lists: nothing here changes after the creation; the key, newest first, comes with it. */
    "CREATE INDEX session_tenant ON session (tenant);"
    "CREATE INDEX session_agent ON session (tenant, agent);"
    /* Few failed ones among a million: entered when a turn ends, so no tick under way pays. */
    "CREATE INDEX session_ended ON session (tenant, status) WHERE ended_at_ms <> 0;"
    /* All that are under way: entered and left once a turn. */
    "CREATE INDEX session_open ON session (tenant) WHERE ended_at_ms = 0;"
    /* Recovery and timers. */
    "CREATE INDEX session_live ON session (is_live) WHERE is_live = 1;"
    "CREATE INDEX session_wake ON session (wake_at_ms) WHERE wake_at_ms <> 0;"

    /*
     * The journal: only ever appended to, in the order of the commits; a table clustered by
     * session costs four times as much. wire stands before body, because a model call reads all
     * wires and no bodies, and SQLite walks through a row from its front.
     */
    "CREATE TABLE event ("
    "  session INTEGER NOT NULL," /* session.key */
    "  seq INTEGER NOT NULL,"     /* 1, 2, 3... in its session */
    "  at_ms INTEGER NOT NULL,"
    "  kind TEXT NOT NULL,"
    "  wire TEXT,"         /* as a message in its model's format */
    "  body TEXT NOT NULL" /* JSON */
    ") STRICT;"
    "CREATE UNIQUE INDEX event_session_seq ON event (session, seq);"

    /* AUTOINCREMENT: a row that is deleted by its id must not be a newer one with that id. */
    "CREATE TABLE inbox ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  session INTEGER NOT NULL,"
    "  kind TEXT NOT NULL,"
    "  body TEXT NOT NULL,"
    "  at_ms INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX inbox_session ON inbox (session);"

    "CREATE TABLE agent_revision ("
    "  hash TEXT PRIMARY KEY,"
    "  agent TEXT NOT NULL,"
    "  text TEXT NOT NULL"
    ") STRICT;"

    "CREATE TABLE idempotency ("
    "  tenant TEXT NOT NULL,"
    "  route TEXT NOT NULL,"
    "  key TEXT NOT NULL,"
    "  body_hash BLOB NOT NULL,"
    "  response TEXT NOT NULL,"
    "  at_ms INTEGER NOT NULL,"
    "  PRIMARY KEY (tenant, route, key)"
    ") STRICT;"
    "CREATE INDEX idempotency_at ON idempotency (at_ms);"

    "CREATE TABLE worker ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  name TEXT NOT NULL UNIQUE," /* host:pid */
    "  epoch INTEGER NOT NULL,"    /* above those of all that started before */
    "  started_at_ms INTEGER NOT NULL,"
    "  beat_at_ms INTEGER NOT NULL"
    ") STRICT;"

    "PRAGMA application_id = " APPLICATION_ID_TEXT ";";

/* What is left of a session that was erased: that it was there, and what it had cost. */
static const char tables_2[] = "CREATE TABLE tombstone ("
                               "  id TEXT PRIMARY KEY," /* session.id */
                               "  tenant TEXT NOT NULL,"
                               "  agent TEXT NOT NULL,"
                               "  created_at_ms INTEGER NOT NULL,"
                               "  erased_at_ms INTEGER NOT NULL,"
                               "  tokens INTEGER NOT NULL,"
                               "  nanousd INTEGER NOT NULL"
                               ") STRICT;";

/* What calls printed that is too large for their events: in pieces, so that none is long. */
static const char tables_3[] = "CREATE TABLE blob ("
                               "  key INTEGER PRIMARY KEY AUTOINCREMENT,"
                               "  hash TEXT NOT NULL UNIQUE," /* SHA-256 of all of it */
                               "  bytes INTEGER NOT NULL"
                               ") STRICT;"
                               "CREATE TABLE blob_piece ("
                               "  blob INTEGER NOT NULL," /* blob.key */
                               "  at INTEGER NOT NULL,"   /* its first byte's place in the whole */
                               "  data BLOB NOT NULL"
                               ") STRICT;"
                               "CREATE UNIQUE INDEX blob_piece_at ON blob_piece (blob, at);"
                               /* Which event names it. */
                               "CREATE TABLE blob_name ("
                               "  session INTEGER NOT NULL,"
                               "  seq INTEGER NOT NULL,"
                               "  call INTEGER NOT NULL," /* whose output it is */
                               "  blob INTEGER NOT NULL"
                               ") STRICT;"
                               "CREATE UNIQUE INDEX blob_name_seq ON blob_name (session, seq);"
                               "CREATE INDEX blob_name_blob ON blob_name (blob);";

/* What is still to go of what was erased: piece by piece, as all of it may be much. */
static const char tables_4[] =
    "CREATE TABLE erased (session INTEGER PRIMARY KEY) STRICT;"    /* events and inbox rows of it */
    "CREATE TABLE erased_blob (blob INTEGER PRIMARY KEY) STRICT;"; /* pieces of it */

/*
 * What people are or were asked about a call. A call that was in doubt before this table was made
 * is not in it; settling it works all the same.
 */
static const char tables_5[] =
    "CREATE TABLE approval ("
    "  key INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  session INTEGER NOT NULL," /* session.key */
    "  call INTEGER NOT NULL,"
    "  tenant TEXT NOT NULL,"
    "  kind TEXT NOT NULL,"   /* approval, in_doubt */
    "  status TEXT NOT NULL," /* pending, approved, rejected, expired, settled, cancelled */
    "  tool TEXT NOT NULL,"
    "  requested_at_ms INTEGER NOT NULL,"
    "  expires_at_ms INTEGER NOT NULL," /* 0: never */
    "  decided_at_ms INTEGER NOT NULL," /* 0: pending */
    "  body TEXT NOT NULL" /* JSON: arguments, their hash, who is asked, who has decided */
    ") STRICT;"
    "CREATE UNIQUE INDEX approval_call ON approval (session, call);"
    "CREATE INDEX approval_status ON approval (tenant, status);";

/* For retention: entered once a turn, when it ends, in the order of time; no tick under way pays.
 */
static const char tables_6[] =
    "ALTER TABLE tombstone ADD COLUMN reason TEXT NOT NULL DEFAULT 'request';"
    "CREATE INDEX session_ended_at ON session (ended_at_ms) WHERE ended_at_ms <> 0;";

/* Keys to the API: the secret itself is nowhere. */
static const char tables_7[] = "CREATE TABLE api_key ("
                               "  key INTEGER PRIMARY KEY AUTOINCREMENT,"
                               "  id TEXT NOT NULL UNIQUE,"   /* public: the middle of its text */
                               "  secret_hash TEXT NOT NULL," /* SHA-256 of the secret, in hex */
                               "  name TEXT NOT NULL,"        /* what `by` says in journals */
                               "  roles TEXT NOT NULL,"       /* with commas between them */
                               "  tenant TEXT NOT NULL,"      /* '': the default tenant */
                               "  created_at_ms INTEGER NOT NULL,"
                               "  created_by TEXT NOT NULL,"
                               "  revoked_at_ms INTEGER NOT NULL" /* 0: in force */
                               ") STRICT;";

/* What webhooks are told. Only ticks that tell one write here; nothing else pays for the indexes.
 */
static const char tables_8[] =
    "CREATE TABLE delivery ("
    "  key INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  id TEXT NOT NULL UNIQUE,"  /* public: dlv_... */
    "  message_id TEXT NOT NULL," /* webhook-id: msg_... */
    "  webhook TEXT NOT NULL,"    /* its name in the configuration */
    "  event TEXT NOT NULL,"      /* session.completed, ... */
    "  session INTEGER NOT NULL," /* session.key */
    "  tenant TEXT NOT NULL,"
    "  status TEXT NOT NULL,"      /* pending, delivered, failed, disabled */
    "  attempts INTEGER NOT NULL," /* that have ended */
    "  next_at_ms INTEGER NOT NULL,"
    "  created_at_ms INTEGER NOT NULL,"
    "  delivered_at_ms INTEGER NOT NULL," /* 0: it was not */
    "  last_status INTEGER NOT NULL,"     /* of HTTP, or 0 */
    "  last_error TEXT NOT NULL,"
    "  body TEXT NOT NULL" /* JSON */
    ") STRICT;"
    /* The next one of each webhook, however many wait for another. */
    "CREATE INDEX delivery_due ON delivery (webhook, next_at_ms) WHERE status = 'pending';"
    "CREATE INDEX delivery_session ON delivery (session);"; /* for erasing */

/*
 * Who did what: only ever appended to, and each row has the hash of the one before it. Indexes
 * would cost each write; who looks for something goes through it from its end.
 */
static const char tables_9[] =
    "CREATE TABLE audit ("
    "  seq INTEGER PRIMARY KEY AUTOINCREMENT," /* 1, 2, 3... */
    "  at_ms INTEGER NOT NULL,"
    "  tenant TEXT NOT NULL,"
    "  actor TEXT NOT NULL,"      /* api_key.id, 'open', 'retention', ... */
    "  actor_name TEXT NOT NULL," /* as it was then */
    "  address TEXT NOT NULL,"
    "  action TEXT NOT NULL,"       /* session.create, ... */
    "  target TEXT NOT NULL,"       /* session.id, api_key.id */
    "  call INTEGER NOT NULL,"      /* of that session, or 0 */
    "  request_hash TEXT NOT NULL," /* SHA-256 of the request's body */
    "  outcome TEXT NOT NULL,"
    "  prev_hash TEXT NOT NULL," /* hash of the row before */
    "  hash TEXT NOT NULL"       /* of all of the above: docs/audit.md */
    ") STRICT;"
    /* The last row that retention.audit has removed: the chain begins behind it. */
    "CREATE TABLE audit_anchor ("
    "  id INTEGER PRIMARY KEY CHECK (id = 1),"
    "  seq INTEGER NOT NULL,"
    "  hash TEXT NOT NULL"
    ") STRICT;";

/* What pawl.yaml does not say of its schedules. */
static const char tables_10[] = "CREATE TABLE schedule ("
                                "  name TEXT PRIMARY KEY,"
                                "  spec TEXT NOT NULL," /* what next_at_ms was reckoned from */
                                "  next_at_ms INTEGER NOT NULL," /* 0: never again */
                                "  last_at_ms INTEGER NOT NULL," /* 0: never yet */
                                "  last_session TEXT NOT NULL"   /* session.id, or '' */
                                ") STRICT;";

/* Signals that no call has taken; what they say stands in their events. */
static const char tables_11[] = "CREATE TABLE signal ("
                                "  session INTEGER NOT NULL," /* session.key */
                                "  seq INTEGER NOT NULL,"     /* event.seq */
                                "  PRIMARY KEY (session, seq)"
                                ") STRICT, WITHOUT ROWID;";

static const char *const migrations[] = { tables_1, tables_2,  tables_3, tables_4,
                                          tables_5, tables_6,  tables_7, tables_8,
                                          tables_9, tables_10, tables_11 };

const struct sqlite_migrations sqlite_schema = { .sql = migrations, .n = ARRAY_LEN(migrations) };

static enum err_code count_tables(sqlite3 *db, int64_t *ret_n, struct err *err)
{
    return sqlite_db_int(db, "SELECT count(*) FROM sqlite_schema", ret_n, err);
}

static enum err_code not_ours(const char *path, const char *why, struct err *err)
{
    return err_set(err, ERR_CORRUPT,
                   "%s is no pawl store (%s); choose another `store: sqlite:PATH`", path, why);
}

enum err_code sqlite_schema_version(sqlite3 *db, const struct sqlite_migrations *known,
                                    const char *path, unsigned *ret_version, struct err *err)
{
    int64_t application = 0;
    int64_t tables = 0;
    int64_t version = 0;

    if (sqlite_db_int(db, "PRAGMA application_id", &application, err) ||
        count_tables(db, &tables, err)) {
        if (err->code == ERR_CORRUPT && application != APPLICATION_ID)
            return not_ours(path, NO_DATABASE, err);
        return err_wrap(err, "%s", path);
    }
    if (application == 0 && tables == 0) {
        *ret_version = 0;
        return ERR_NONE;
    }
    if (application != APPLICATION_ID)
        return not_ours(path, "it is another program's database", err);
    if (sqlite_db_int(db, "SELECT max(version) FROM schema", &version, err))
        return err_wrap(err, "%s", path);
    if (version < 1)
        return err_set(err, ERR_CORRUPT, "%s does not say its schema: restore it from a backup",
                       path);
    if (version > known->n)
        return err_set(err, ERR_CORRUPT,
                       "%s was written by a newer pawl (schema %lld, this one knows %u); use that "
                       "version",
                       path, (long long)version, known->n);
    *ret_version = (unsigned)version;
    return ERR_NONE;
}

static enum err_code apply(sqlite3 *db, const char *sql, unsigned version, int64_t now_ms,
                           struct err *err)
{
    char note[96];

    (void)snprintf(note, sizeof(note), "INSERT INTO schema VALUES (%u, %lld)", version,
                   (long long)now_ms);
    if (sqlite_db_exec(db, sql, "migrate", err))
        return err->code;
    return sqlite_db_exec(db, note, "migrate", err);
}

/* One step, if it is still to do when the lock is ours: another process may have been faster. */
static enum err_code migrate_once(sqlite3 *db, const struct sqlite_migrations *known,
                                  const char *path, int64_t now_ms, unsigned *ret_version,
                                  struct err *err)
{
    unsigned version = 0;

    if (sqlite_db_exec(db, "BEGIN EXCLUSIVE", "migrate", err))
        return err->code;
    if (sqlite_schema_version(db, known, path, &version, err) == ERR_NONE &&
        (version == known->n ||
         apply(db, known->sql[version], version + 1, now_ms, err) == ERR_NONE) &&
        sqlite_db_exec(db, "COMMIT", "migrate", err) == ERR_NONE) {
        *ret_version = version == known->n ? version : version + 1;
        return ERR_NONE;
    }
    /* The first error tells what is wrong; after some of them SQLite has rolled back by itself. */
    (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return err->code;
}

enum err_code sqlite_schema_migrate(sqlite3 *db, const struct sqlite_migrations *known,
                                    const char *path, int64_t now_ms, struct err *err)
{
    unsigned version = 0;

    if (sqlite_schema_version(db, known, path, &version, err))
        return err->code;
    while (version < known->n) {
        if (migrate_once(db, known, path, now_ms, &version, err))
            return err_wrap(err, "schema %u of %s", version + 1, path);
    }
    return ERR_NONE;
}

/* A file without tables takes the page size now or never; the journal mode stays in the file. */
static enum err_code set_format(sqlite3 *db, const char *path, struct err *err)
{
    char page_size[48];
    int64_t is_wal = 0;

    (void)snprintf(page_size, sizeof(page_size), "PRAGMA page_size = %d", SQLITE_DB_PAGE_BYTES);
    if (sqlite_db_exec(db, page_size, "set the page size", err) ||
        sqlite_db_exec(db, "PRAGMA journal_mode = WAL", "switch to a write-ahead log", err) ||
        sqlite_db_int(db, "SELECT journal_mode = 'wal' FROM pragma_journal_mode", &is_wal, err))
        return err_wrap(err, "%s", path);
    if (!is_wal)
        return err_set(err, ERR_UNAVAILABLE,
                       "%s cannot have a write-ahead log: its file system has no shared memory; "
                       "choose a local disk",
                       path);
    return ERR_NONE;
}

static enum err_code check_present(sqlite3 *db, const char *path, struct err *err)
{
    unsigned version = 0;

    if (sqlite_schema_version(db, &sqlite_schema, path, &version, err))
        return err->code;
    if (version == sqlite_schema.n)
        return ERR_NONE;
    return err_set(err, ERR_UNAVAILABLE,
                   "%s has schema %u, this pawl needs %u; start `pawl serve` once to migrate it",
                   path, version, sqlite_schema.n);
}

static enum err_code make_present(sqlite3 *db, const char *path, struct err *err)
{
    struct clock clock = clock_system();
    unsigned version = 0;

    /* First of all: another program's file is left as it is. */
    if (sqlite_schema_version(db, &sqlite_schema, path, &version, err) || set_format(db, path, err))
        return err->code;
    return sqlite_schema_migrate(db, &sqlite_schema, path, clock.wall_ms(clock.arg), err);
}

/* Where SQLite cannot tell, for what comes after it is damaged: what the file's header says. */
static int bears_our_mark(const char *path)
{
    enum { MARK_AT = 68 }; /* of the application id, high byte first */
    const unsigned char mark[] = { APPLICATION_ID >> 24, APPLICATION_ID >> 16 & 0xff,
                                   APPLICATION_ID >> 8 & 0xff, APPLICATION_ID & 0xff };
    unsigned char found[sizeof(mark)];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : pread(fd, found, sizeof(found), MARK_AT);

    if (fd >= 0)
        (void)close(fd);
    return n == (ssize_t)sizeof(found) && memcmp(found, mark, sizeof(mark)) == 0;
}

enum err_code sqlite_schema_prepare(const char *path, int is_read_only, struct err *err)
{
    enum sqlite_db_mode mode = is_read_only ? SQLITE_DB_READ_ONLY : SQLITE_DB_READ_WRITE;
    sqlite3 *db = NULL;

    if (!is_read_only && sqlite_db_create(path, err))
        return err->code;
    if (sqlite_db_open(&db, path, mode, err)) { /* it reads the header, and what tables there are */
        if (err->code == ERR_CORRUPT && !bears_our_mark(path))
            return not_ours(path, NO_DATABASE, err);
        return err->code;
    }
    enum err_code code = is_read_only ? check_present(db, path, err) : make_present(db, path, err);

    sqlite_db_close(db);
    return code;
}
