/* sqlite_schedule.c - the rows of schedules: read, set, removed, and what they began. */
#include "store/sqlite_schedule.h"

#include "store/sqlite_write.h"

enum progress write_firing_check(struct write *w, const struct store_firing *firing,
                                 struct write_outcome *o)
{
    sqlite3_stmt *st = w->st[ST_SCHEDULE_LAST];
    int found = 0;

    if (firing->schedule.len == 0)
        return GO_ON;
    sqlite_bind_text(st, 1, firing->schedule);
    sqlite_bind_int(st, 2, firing->at_ms);
    enum progress progress = write_first_row(w, ST_SCHEDULE_LAST, &found, o);

    if (found) {
        struct slice session = sqlite_column(st, 0);

        o->arena = arena_new(session.len + 64);
        o->replay = arena_slice(o->arena, session);
        o->is_replay = 1;
        (void)err_set(&o->err, ERR_CONFLICT, "this schedule has begun its session already");
        progress = REFUSED;
    }
    (void)sqlite3_reset(st);
    return progress;
}

enum progress write_firing(struct write *w, const struct store_commit *commit,
                           struct write_outcome *o)
{
    const struct store_firing *firing = &commit->firing;
    sqlite3_stmt *st = w->st[ST_SCHEDULE_FIRED];

    if (firing->schedule.len == 0)
        return GO_ON;
    sqlite_bind_text(st, 1, firing->schedule);
    sqlite_bind_int(st, 2, firing->next_at_ms);
    sqlite_bind_int(st, 3, firing->at_ms);
    sqlite_bind_text(st, 4, commit->row.id);
    return write_run(w, ST_SCHEDULE_FIRED, o);
}

enum progress write_schedule_set(struct write *w, const struct store_op *op,
                                 struct write_outcome *o)
{
    enum statement which = op->schedule.is_gone ? ST_SCHEDULE_DELETE : ST_SCHEDULE_PUT;
    sqlite3_stmt *st = w->st[which];

    sqlite_bind_text(st, 1, op->schedule.row.name);
    if (which == ST_SCHEDULE_PUT) {
        sqlite_bind_text(st, 2, op->schedule.row.spec);
        sqlite_bind_int(st, 3, op->schedule.row.next_at_ms);
    }
    return write_run(w, which, o);
}

static struct store_schedule read_row(sqlite3_stmt *st, struct arena *arena)
{
    return (struct store_schedule){ .name = arena_slice(arena, sqlite_column(st, 0)),
                                    .spec = arena_slice(arena, sqlite_column(st, 1)),
                                    .next_at_ms = sqlite3_column_int64(st, 2),
                                    .last_at_ms = sqlite3_column_int64(st, 3),
                                    .last_session = arena_slice(arena, sqlite_column(st, 4)) };
}

void sqlite_schedules_read(sqlite3 *db, sqlite3_stmt *st, struct arena *arena, struct store_op *op)
{
    struct store_schedule *rows = arena_alloc(arena, op->schedules.limit * sizeof(*rows));
    int rc;

    op->schedules.rows = rows;
    op->schedules.rows_n = 0;
    op->schedules.has_more = 0;
    sqlite_bind_text(st, 1, op->schedules.after);
    sqlite_bind_int(st, 2, (int64_t)op->schedules.limit + 1);
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        if (op->schedules.rows_n == op->schedules.limit) {
            op->schedules.has_more = 1;
            return;
        }
        rows[op->schedules.rows_n++] = read_row(st, arena);
    }
    if (rc != SQLITE_DONE)
        (void)sqlite_db_error(db, rc, "read the store", &op->err);
}
