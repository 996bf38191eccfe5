/*
 * store.h - where sessions and their journals live, whichever database holds them.
 *
 * Promise: a commit is atomic and durable. After STORE_COMMIT completes with ERR_NONE, the tick's
 * events, the new state and everything that goes with them survive a power cut, all or none.
 * Each tick names the version of the session that it read: ERR_CONFLICT, and nothing of this
 * tick written, if another came first. Commits of one session complete in the order in which
 * they were submitted.
 *
 * Completion: store_submit() never blocks and never fails. Each operation ends in exactly one call
 * of op->done, on the loop's thread, never from inside store_submit() itself. Completions of
 * different operations come in any order.
 *
 * Errors: ERR_UNAVAILABLE promises that nothing was written (a full disk has err.sys ENOSPC);
 * ERR_TIMEOUT means that the outcome is unknown; ERR_LIMIT that something is larger than
 * STORE_BODY_MAX, STORE_NAME_MAX or STORE_COMMIT_BYTES_MAX; ERR_CORRUPT that what is stored
 * contradicts itself, with err.sys EUCLEAN that the file itself is damaged: then the message names
 * it and says what to do. An operation that fails for its own data fails alone.
 *
 * A row that cannot be (somebody wrote to the file) does not keep others from being read: loading
 * it is ERR_CORRUPT, a list leaves it out, a scan gives it with is_corrupt.
 *
 * Pages: what gives rows gives at most `limit` of them, and ends early with the row that brings
 * their bytes to STORE_PAGE_BYTES_MAX. has_more says that rows were left: ask again after the last.
 *
 * Ownership: the caller owns *op and all it points to, and keeps them in place until op->done has
 * run. Results inside op are the store's, valid during op->done only.
 *
 * Threads: every call belongs to the thread that runs the loop.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/buf.h"
#include "core/approval.h"
#include "core/session.h"
#include "loop/loop.h"
#include "store/audit.h"

struct store;
struct store_op;

typedef void store_done_fn(struct store_op *op, void *arg);

enum store_op_kind {
    STORE_COMMIT,         /* one tick of one session, or its creation */
    STORE_LOAD,           /* a session by its public id */
    STORE_EVENTS,         /* a stretch of a session's journal */
    STORE_LIST,           /* sessions, newest first, filtered, a page */
    STORE_SCAN,           /* sessions by key: recovery, timers, verify */
    STORE_KEY,            /* what a former request with this Idempotency-Key did */
    STORE_BLOB,           /* a stretch of what a call printed that was too large for its event */
    STORE_APPROVALS,      /* what people are or were asked, newest first, a page */
    STORE_APPROVAL,       /* the same of one call */
    STORE_DELIVERIES,     /* what webhooks are or were told, newest first, a page */
    STORE_DELIVERY,       /* one of them */
    STORE_DELIVERY_DUE,   /* of one webhook: what it is to be told, the earliest first */
    STORE_DELIVERY_SET,   /* what came of an attempt; or that it begins anew */
    STORE_DELIVERY_SWEEP, /* forgets those that were made before a time, in pieces */
    STORE_INBOX_ADD,      /* something from outside for a session that another worker owns */
    STORE_INBOX_LIST,     /* what waits there for a session */
    STORE_REVISION_PUT,   /* a revision's canonical text; there already: no change */
    STORE_REVISION_GET,
    STORE_WORKER_START, /* a process begins: its id, and an epoch above all former ones */
    STORE_WORKER_BEAT,  /* heartbeat; ERR_CONFLICT if its epoch is no longer its own */
    STORE_ERASE,        /* a session, its journal, inbox and blobs: a tombstone stays */
    STORE_PURGE,        /* goes on with what erased sessions have left */
    STORE_SIZE,         /* how much of its file is in use */
    STORE_SWEEP,        /* forget idempotency rows older than a time */
    STORE_SCHEDULES,    /* the rows of schedules, by name, a page */
    STORE_SCHEDULE_SET, /* a schedule's next time; or its row goes */
    STORE_API_KEY_ADD,  /* a key that opens the API */
    STORE_API_KEY_REVOKE,
    STORE_API_KEYS,    /* all of them, the oldest first, a page */
    STORE_AUDIT,       /* who did what, a page */
    STORE_AUDIT_CHAIN, /* where that chain of rows begins and ends */
    STORE_AUDIT_TRIM,  /* the rows that are older than a time go, the oldest first */
    STORE_OP_KIND_COUNT
};

enum {
    STORE_NAME_MAX = 1024,                     /* ids, names, hashes, keys, routes */
    STORE_BODY_MAX = 16 * 1024 * 1024,         /* a body, wire, state, response, metadata, text */
    STORE_COMMIT_BYTES_MAX = 64 * 1024 * 1024, /* all of one tick, but for its blobs: */
    STORE_BLOBS_BYTES_MAX = 512 * 1024 * 1024, /* these */
    STORE_BLOB_READ_MAX = 1024 * 1024,         /* of one, at once */
    STORE_BLOB_OFFSET_MAX = INT32_MAX,         /* behind the end of any */
    STORE_PAGE_MAX = 1000,
    STORE_PAGE_BYTES_MAX = 8 * 1024 * 1024,
    STORE_METADATA_FILTERS_MAX = 8,
    STORE_PURGE_MAX = 1000, /* rows of a piece */
    STORE_DELIVERY_BODY_MAX = 64 * 1024,
    STORE_SIGNALS_MAX = 1000, /* kept by one session */
};

/*
 * What a call printed, whole, where it is too large for the event that tells of it. Kept once,
 * however many events name it, and as long as one of them is stored.
 */
struct store_blob {
    struct slice hash; /* SHA-256 of it, 64 hex digits; empty: the event names none */
    uint64_t bytes;
    uint32_t call;     /* whose it is: at most one of a call's events names one */
    struct slice data; /* in for a commit. NULL: it is stored already, and named once more */
};

/* One entry of a journal. */
struct store_event {
    uint32_t seq;
    enum event_kind kind;
    int64_t at_ms;
    struct slice body; /* JSON, see core/event_json.h */
    struct slice wire; /* rendered for the session's model format, or NULL */
    struct store_blob blob;
};

/* A session's row. */
struct store_session {
    int64_t key;         /* the store's own; 0: not stored yet */
    struct slice id;     /* public: "ses_..." */
    struct slice tenant; /* these four never change */
    struct slice agent;
    struct slice revision;
    struct slice parent; /* public id, or empty */
    uint64_t version;    /* counts commits: 1 after the first */
    enum session_status status;
    int is_paused;
    int is_live;        /* in flight or ready: a starting process takes it up at once */
    int is_corrupt;     /* in a scan: key, wake_at_ms, ended_at_ms and id, if they are any good */
    uint32_t owner;     /* id of the worker in whose hands it is, or 0 */
    uint32_t epoch;     /* of that worker */
    int64_t wake_at_ms; /* not live, but a timer is set; 0: none */
    int64_t created_at_ms;
    int64_t updated_at_ms;
    int64_t ended_at_ms; /* 0 while a turn is under way: while status is not that of an end */
    uint32_t turn;
    uint32_t steps;
    struct spend spent;
    uint32_t seq;          /* of the last event */
    uint32_t task_seq;     /* the event with the input of this turn: current_task */
    uint32_t end_seq;      /* the turn_ended or cancelled event of the last end, or 0 */
    uint32_t context_seq;  /* the event with the context in force */
    struct slice metadata; /* a JSON object */
    struct slice state;    /* session_encode() */
};

/* Remembers what a write did, in the commit that did it. */
struct store_idempotency {
    struct slice tenant;
    struct slice route; /* "POST /v1/sessions" */
    struct slice key;   /* empty: none was given */
    struct slice body_hash;
    struct slice response; /* small JSON: what to answer again */
    int64_t at_ms;
};

/* What people are or were asked about a call: one row a call, whatever became of it. */
struct store_approval {
    int64_t key;          /* out: grows with each new row */
    struct slice session; /* out: its public id */
    struct slice agent;   /* out */
    uint32_t call;
    enum approval_kind kind;
    enum approval_status status;
    struct slice tool;
    int64_t requested_at_ms; /* in: kept as it was while the same question is asked on */
    int64_t expires_at_ms;   /* 0: never */
    int64_t decided_at_ms;   /* 0: pending */
    struct slice body;       /* JSON. In: NULL leaves all as it is but status and decided_at_ms */
};

enum delivery_status {
    DELIVERY_PENDING, /* its next attempt is at next_at_ms */
    DELIVERY_DELIVERED,
    DELIVERY_FAILED,   /* all attempts have failed */
    DELIVERY_DISABLED, /* the webhook wants no more (410) */
    DELIVERY_STATUS_COUNT
};

const char *delivery_status_name(enum delivery_status status); /* "pending", ... */
enum delivery_status delivery_status_of(struct slice name);    /* _COUNT: it is none */

/* What one webhook is to be told of one event: sent until it was taken. */
struct store_delivery {
    int64_t key;     /* out: grows with each new row */
    struct slice id; /* public: "dlv_..." */
    struct slice
        message_id;       /* "msg_...": the same for each webhook that is told, at each attempt */
    struct slice webhook; /* its name */
    struct slice event;   /* "session.completed", ... */
    struct slice session; /* out: its public id */
    struct slice tenant;  /* out */
    enum delivery_status status;
    uint32_t attempts; /* so many have ended */
    int64_t next_at_ms;
    int64_t created_at_ms;
    int64_t delivered_at_ms; /* 0: it was not */
    int32_t last_status;     /* of HTTP; 0: there was no answer */
    struct slice last_error; /* of the last attempt; empty: none */
    struct slice body;       /* JSON, as it is sent */
};

/* When a schedule is due next, and what it did last. */
struct store_schedule {
    struct slice name;
    struct slice spec;         /* what next_at_ms was reckoned from */
    int64_t next_at_ms;        /* 0: never again */
    int64_t last_at_ms;        /* the time for which it last began a session; 0: never yet */
    struct slice last_session; /* public id, or empty */
};

/* A creation that a schedule is due for. */
struct store_firing {
    struct slice schedule; /* empty: none is */
    int64_t at_ms;         /* not 0 */
    int64_t next_at_ms;    /* after this one */
};

struct store_commit {
    /*
     * in. row.key 0 creates (version must be 0; a public id that is there already: ERR_CONFLICT);
     * else row.version is the one that was read. All mutable columns are written; metadata.ptr NULL
     * leaves the metadata as they are ({} at creation); what is no JSON object: ERR_INVALID. An
     * owner other than 0 must be a worker at row.epoch: else ERR_CONFLICT.
     * out, with ERR_NONE. row.key, row.version.
     */
    struct store_session row;
    /* Their seqs follow one another and the stored ones: else ERR_INVALID. A blob that is only
       named and not stored: ERR_NOT_FOUND. */
    const struct store_event *events;
    size_t events_n;
    /*
     * At a creation: the journal begins with the first copy_n events of this session (its key), as
     * they are; `events` follow them. ERR_NOT_FOUND: it is not there. ERR_INVALID: it has less.
     */
    int64_t copy_of; /* 0: none */
    uint32_t copy_n;
    /* Of what people are asked: made, or changed. At most one for each call. */
    const struct store_approval *approvals;
    size_t approvals_n;
    /* What webhooks are to be told of it: new rows, pending. An erased session's go with it. */
    const struct store_delivery *deliveries;
    size_t deliveries_n;
    /*
     * Signals that no call has taken, by the seq of their event: those that begin to be kept with
     * this tick (of a copy: events that are copied), and those that are kept no longer.
     */
    const uint32_t *signals_kept;
    size_t signals_kept_n;
    const uint32_t *signals_taken;
    size_t signals_taken_n;
    /* Inbox rows that these events took up: deleted with them. One is gone: ERR_CONFLICT. */
    const int64_t *inbox_done;
    size_t inbox_done_n;
    /*
     * A known key with the same body_hash: ERR_CONFLICT, is_replay, and replay is the former
     * response; with another body: ERR_INVALID. Nothing is written either way; what is stored is
     * checked after that.
     */
    struct store_idempotency idempotency;
    /*
     * The schedule's row then says so, and what comes next, in this commit. One that says it of
     * at_ms, or of a later time, already: ERR_CONFLICT, is_replay, and replay is the session that
     * it names. One that is not there is made.
     */
    struct store_firing firing;
    int is_replay;
    struct slice replay;
};

/* Why a session is not there any more. */
enum store_erasure {
    STORE_ERASURE_REQUEST,   /* somebody asked for it */
    STORE_ERASURE_RETENTION, /* it had ended long ago, or its place was needed */
    STORE_ERASURE_COUNT
};

struct store_load {
    struct slice id;  /* in */
    int with_texts;   /* in: the three bodies below, too */
    int with_signals; /* in: the signals, too */
    /* out, with ERR_NOT_FOUND: it was there, and was erased; 0: it never was */
    int64_t erased_at_ms;
    enum store_erasure erasure; /* if it was; row.tenant is there, too */
    struct store_session row;
    struct slice task; /* bodies of the events that row.task_seq, end_seq, context_seq name */
    struct slice end;
    struct slice context;
    const struct store_event *signals; /* that no call has taken, by seq; no wires */
    size_t signals_n;
};

enum store_events_what {
    STORE_EVENTS_BODIES, /* every event; no wire */
    STORE_EVENTS_WIRES,  /* every event: its wire or, where there is none, its body */
    STORE_EVENTS_ALL,    /* both, and the name of its blob: whole but for the blob's data */
};

struct store_events {
    int64_t session; /* in: key */
    uint32_t after;  /* in: events with a seq above this */
    uint32_t until;  /* in: and not above this; 0: to the end */
    uint32_t limit;  /* in: at most so many (1 to STORE_PAGE_MAX) */
    enum store_events_what what;
    const struct store_event *events; /* out, by seq */
    size_t events_n;
    int has_more;
};

struct store_blob_read {
    int64_t session;   /* in: key; it is read by the sessions that name it only */
    uint32_t call;     /* in. ERR_NOT_FOUND: no event of the session names a blob of this call */
    uint64_t offset;   /* in: in bytes, at most STORE_BLOB_OFFSET_MAX */
    uint32_t length;   /* in: at most so many (1 to STORE_BLOB_READ_MAX) */
    struct slice hash; /* out */
    uint64_t bytes;    /* out: of the whole */
    struct slice data; /* out: shorter only at the end, and empty behind it */
};

struct store_filter {
    struct slice tenant; /* exact; "" is the default tenant */
    struct slice agent;  /* empty: any */
    uint32_t statuses;   /* bits 1 << enum session_status; 0: any */
    struct slice text;   /* part of the id or of the current task's "input" or "content"; ASCII
                            letters match in either case; empty: any */
    struct { /* all of them: a member that is this string, or an int or bool of this text */
        struct slice name, value;
    } metadata[STORE_METADATA_FILTERS_MAX];
    size_t metadata_n;
};

struct store_list {
    struct store_filter filter;
    int64_t before_key; /* in: keys below this; 0: from the newest */
    uint32_t limit;
    const struct store_load *rows; /* out, newest first, without states, with texts */
    size_t rows_n;
    int64_t last_key; /* out: the last one looked at, which may have been left out; 0: none */
    int has_more;
};

enum store_scan_what {
    STORE_SCAN_LIVE,  /* is_live, by key */
    STORE_SCAN_TIMED, /* wake_at_ms <> 0, by (wake_at_ms, key): pass the last one's both */
    /*
     * Ended, by (ended_at_ms, key): pass the last one's both. Those whose parent is there and has
     * not ended are left out: it may yet ask for them.
     */
    STORE_SCAN_ENDED,
    STORE_SCAN_INBOX, /* sessions with inbox rows, by key */
    STORE_SCAN_ALL,   /* by key */
};

struct store_scan {
    enum store_scan_what what;
    int64_t after_key;
    int64_t after_ms;
    uint32_t limit;
    const struct store_session *rows; /* out, states included */
    size_t rows_n;
    int has_more;
};

struct store_approvals {
    struct slice tenant;               /* in: exact */
    enum approval_status status;       /* in: _COUNT: any */
    int64_t before_key;                /* in: keys below this; 0: from the newest */
    uint32_t limit;                    /* in */
    const struct store_approval *rows; /* out */
    size_t rows_n;
    int64_t last_key; /* out: the last one looked at, which may have been left out; 0: none */
    int has_more;
};

/* A key that opens the API. Its secret is nowhere: what is kept is a hash of it. */
struct store_api_key {
    int64_t key;              /* out: grows with each new row */
    struct slice id;          /* public */
    struct slice secret_hash; /* SHA-256 of it, 64 hex digits */
    struct slice name;
    struct slice roles; /* with commas between them */
    struct slice tenant;
    int64_t created_at_ms;
    struct slice created_by;
    int64_t revoked_at_ms; /* 0: in force */
};

struct store_deliveries {
    struct slice tenant;         /* in: exact; not for what is due */
    struct slice webhook;        /* in: empty: any; of what is due: exact */
    enum delivery_status status; /* in: _COUNT: any; not for what is due */
    int64_t before_key;          /* in: keys below this; 0: from the newest; not for ... */
    uint32_t limit;              /* in */
    const struct store_delivery
        *rows; /* out. What is due: by (next_at_ms, key), future ones, too */
    size_t rows_n;
    int64_t last_key; /* out: the last one looked at, which may have been left out; 0: none */
    int has_more;
};

/* Rows of the audit that are all of this. */
struct store_audit_page {
    struct slice tenant; /* in: exact; ptr NULL: any */
    struct slice actor;  /* in: these three exact; empty: any */
    struct slice action;
    struct slice target;
    int64_t since_ms;  /* in: at this time or later */
    int64_t before_ms; /* in: earlier than this; 0: to the end */
    int is_oldest_first;
    int64_t from_seq;               /* in: rows beyond this one; 0: from the first in that order */
    uint32_t limit;                 /* in */
    const struct store_audit *rows; /* out */
    size_t rows_n;
    int has_more;
};

struct store_inbox_row {
    int64_t id;
    struct slice kind; /* "message", "cancel", ... */
    struct slice body; /* JSON */
    int64_t at_ms;
};

struct store_op {
    enum store_op_kind kind;
    union {
        struct store_commit commit;
        struct store_load load;
        struct store_events events;
        struct store_list list;
        struct store_scan scan;
        struct store_idempotency key; /* in: tenant, route, key. out: the rest; ERR_NOT_FOUND */
        struct store_blob_read blob;
        struct store_approvals approvals;
        struct {
            struct slice session; /* in: public id */
            struct slice tenant;  /* in: whose it is, exact */
            uint32_t call;        /* in */
            struct store_approval row;
        } approval; /* ERR_NOT_FOUND: nobody was ever asked about this call, or it is not theirs */
        struct store_deliveries deliveries; /* also for STORE_DELIVERY_DUE */
        struct store_delivery delivery;     /* in: its id. Or ERR_NOT_FOUND */
        struct {
            /* in: key, status, attempts, next_at_ms, delivered_at_ms, last_status, last_error */
            struct store_delivery row;
            /* in: it must be pending, with so many attempts: else ERR_CONFLICT. ERR_NOT_FOUND: it
               is not there. */
            uint32_t attempts_was;
            /* in: whatever it was. One that is pending without an attempt stays as it is. */
            int is_anew;
        } delivery_set;
        struct {
            int64_t before_ms; /* in */
            uint32_t limit;    /* in: looks at no more of the oldest than so many */
            int has_left;      /* out: ask again */
        } delivery_sweep;
        struct {
            int64_t session;                      /* ADD: ERR_NOT_FOUND if there is none */
            struct store_inbox_row row;           /* id: out, for ADD; never given twice */
            struct store_idempotency idempotency; /* as for a commit */
            int is_replay;
            struct slice replay;
            const struct store_inbox_row *rows; /* out, for LIST, oldest first */
            size_t rows_n;
            int has_more;
        } inbox;
        struct {
            struct slice hash; /* in */
            struct slice agent;
            struct slice text; /* in for PUT, out for GET */
        } revision;
        struct {
            /* in for START: "host:pid". The same name again is the same id: its former process
               is fenced. So is a worker that has not beaten for a day when another starts. */
            struct slice name;
            uint32_t id; /* out for START, in for BEAT */
            uint32_t epoch;
            int64_t at_ms;
        } worker;
        struct {
            int64_t session;  /* key. ERR_NOT_FOUND if there is none */
            uint64_t version; /* that was read: ERR_CONFLICT if it is another now */
            int64_t at_ms;
            enum store_erasure why;
            uint32_t limit; /* so many rows of its journal and inbox go at once, at most */
            int has_left;   /* out: nobody sees the others any more, but they are to be purged */
        } erase; /* its public id is never given again; idempotency rows that name it stay */
        /*
         * A journal of a million events goes in pieces, so that nobody waits for all of it. What
         * is left of it is known to the store, over a restart, too.
         */
        struct {
            uint32_t limit; /* in: at most so many rows in this piece */
            int has_left;   /* out: ask again */
        } purge;
        struct {
            int64_t before_ms;
        } sweep;
        struct {
            struct slice after; /* in: names behind this; empty: from the first */
            uint32_t limit;
            const struct store_schedule *rows; /* out, by name */
            size_t rows_n;
            int has_more;
        } schedules;
        struct {
            int is_gone; /* in: its row is removed */
            /* in: name, spec, next_at_ms. There already: what it did last stays. */
            struct store_schedule row;
        } schedule;
        struct {
            /* in for ADD: all but its key; an id that is there already: ERR_CONFLICT. In for
               REVOKE: id and revoked_at_ms; ERR_NOT_FOUND, and of a revoked one no change. */
            struct store_api_key row;
        } api_key;
        struct {
            int64_t after_key;                /* in: keys above this */
            uint32_t limit;                   /* in */
            const struct store_api_key *rows; /* out, by key */
            size_t rows_n;
            int has_more;
        } api_keys; /* a row that cannot be: ERR_CORRUPT, for without it others would open more */
        struct store_audit_page audit;
        struct {
            struct audit_link begin; /* out: of the last row that was trimmed, if any was */
            int64_t last_seq;        /* out: of the last row that was ever written; 0: none */
        } audit_chain;
        struct {
            int64_t before_ms; /* what was written before a row that is older is older, too */
        } audit_trim;
        struct {
            int64_t used; /* out: bytes, of whole pages; what was deleted is in use no more */
        } size;
    };
    /*
     * in, for what writes: who did it. These rows are written with it, or, if it fails or changes
     * nothing, not at all; their seqs and hashes are the store's own.
     */
    const struct store_audit *audits;
    size_t audits_n;
    struct err err; /* err.code is the outcome; set before done is called */
    store_done_fn *done;
    void *arg;
    void *backend_slot; /* for the backend, from submit to done */
    struct store_op *backend_next;
};

enum store_open_flags {
    STORE_OPEN_READ_WRITE, /* makes it if need be; migrates an older schema */
    STORE_OPEN_READ_ONLY,  /* must exist with the present schema; for `verify` beside a server */
};

/*
 * Opens the store that `url` names ("mem:", "sqlite:PATH"). May block: it runs before the loop
 * starts. On success *ret_store is the caller's; end it with store_close(). Fails with
 * ERR_INVALID (unknown scheme), ERR_UNAVAILABLE (cannot be opened or written: the message names
 * the path and what to do), ERR_CORRUPT (not a pawl store, or a newer schema).
 */
enum err_code store_open(struct store **ret_store, const char *url, enum store_open_flags flags,
                         struct loop *loop, struct err *err) MUST_CHECK;

/*
 * Copies the store that `url` names, as it is at one moment, into a new file: a store by itself.
 * May run beside processes that use it. Blocks. When it returns the file is on the disk under its
 * name, whole, or not there. ERR_CONFLICT: `path` is there already. ERR_INVALID: `url` names no
 * store that can be copied. ERR_UNAVAILABLE, ERR_CORRUPT: as store_open(), or the file cannot be
 * written.
 */
enum err_code store_backup(const char *url, const char *path, struct err *err) MUST_CHECK;

/*
 * Looks at every page of the store that `url` names, those that no session's own data are on among
 * them. `fault` gets a line for each thing that is wrong with the file, ERR_NONE if it was looked
 * at. May run beside processes that use it: their log cannot start over meanwhile. Blocks.
 * ERR_INVALID: `url` names no store that can be checked. Else as store_open().
 */
typedef void store_fault_fn(const char *text, void *arg);
enum err_code store_check(const char *url, store_fault_fn *fault, void *arg,
                          struct err *err) MUST_CHECK;

/* True if this error says that the file itself is damaged. */
int store_is_damage(const struct err *err);

void store_submit(struct store *store, struct store_op *op);

/*
 * Releases the store. Operations still pending, and those that their done calls submit, get their
 * done call first, with their outcome. Not from inside a done call. NULL is a no-op.
 */
void store_close(struct store *store);

/* What the store has done so far, for metrics and the bench. */
struct store_stats {
    uint64_t commits; /* ticks */
    uint64_t batches;
    uint64_t conflicts;
    uint64_t damaged; /* operations that met a damaged page: what else they would meet is unknown */
    int64_t commit_us_max;
    int64_t commit_us_total; /* over batches, the fsync included */
};

struct store_stats store_stats(const struct store *store);

#endif
