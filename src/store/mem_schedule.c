/* mem_schedule.c - the rows of schedules in memory. */
#include <stdlib.h>

#include "store/mem.h"

static int order(struct slice a, struct slice b)
{
    int by_bytes = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);

    return by_bytes != 0 ? by_bytes : (a.len > b.len) - (a.len < b.len);
}

/* Where it is, or would be. */
static size_t place(const struct mem_store *m, struct slice name)
{
    size_t at = 0;

    while (at < m->schedules_n && order(m->schedules[at].name, name) < 0)
        at++;
    return at;
}

static int is_at(const struct mem_store *m, size_t at, struct slice name)
{
    return at < m->schedules_n && slice_equal(m->schedules[at].name, name);
}

static struct store_schedule *put(struct mem_store *m, struct slice name)
{
    size_t at = place(m, name);

    if (is_at(m, at, name))
        return &m->schedules[at];
    m->schedules = mem_grow(m->schedules, m->schedules_n, &m->schedules_cap, sizeof(*m->schedules));
    memmove(&m->schedules[at + 1], &m->schedules[at],
            (m->schedules_n - at) * sizeof(*m->schedules));
    m->schedules_n++;
    m->schedules[at] = (struct store_schedule){ .name = mem_copy(name),
                                                .spec = mem_copy(SLICE_LIT("")),
                                                .last_session = mem_copy(SLICE_LIT("")) };
    return &m->schedules[at];
}

static void replace(struct slice *text, struct slice by)
{
    mem_drop(*text);
    *text = mem_copy(by.ptr ? by : SLICE_LIT(""));
}

static void drop(const struct store_schedule *row)
{
    mem_drop(row->name);
    mem_drop(row->spec);
    mem_drop(row->last_session);
}

int mem_has_fired(const struct mem_store *m, struct store_op *op)
{
    const struct store_firing *firing = &op->commit.firing;
    if (firing->schedule.len == 0)
        return 0;
    size_t at = place(m, firing->schedule);

    if (!is_at(m, at, firing->schedule) || m->schedules[at].last_at_ms < firing->at_ms)
        return 0;
    op->commit.is_replay = 1;
    op->commit.replay = m->schedules[at].last_session;
    (void)err_set(&op->err, ERR_CONFLICT, "this schedule has begun its session already");
    return 1;
}

void mem_fire(struct mem_store *m, const struct store_commit *commit)
{
    const struct store_firing *firing = &commit->firing;

    if (firing->schedule.len == 0)
        return;
    struct store_schedule *row = put(m, firing->schedule);

    row->next_at_ms = firing->next_at_ms;
    row->last_at_ms = firing->at_ms;
    replace(&row->last_session, commit->row.id);
}

void mem_schedule_set(struct mem_store *m, const struct store_op *op)
{
    const struct store_schedule *given = &op->schedule.row;
    size_t at = place(m, given->name);

    if (!op->schedule.is_gone) {
        struct store_schedule *row = put(m, given->name);

        replace(&row->spec, given->spec);
        row->next_at_ms = given->next_at_ms;
        return;
    }
    if (!is_at(m, at, given->name))
        return;
    drop(&m->schedules[at]);
    m->schedules_n--;
    memmove(&m->schedules[at], &m->schedules[at + 1],
            (m->schedules_n - at) * sizeof(*m->schedules));
}

void mem_schedules(struct mem_store *m, struct store_op *op)
{
    struct store_schedule *rows = arena_alloc(m->scratch, op->schedules.limit * sizeof(*rows));
    size_t at = op->schedules.after.len > 0 ? place(m, op->schedules.after) : 0;

    if (is_at(m, at, op->schedules.after))
        at++;
    op->schedules.rows = rows;
    for (op->schedules.rows_n = 0; at < m->schedules_n; at++) {
        if (op->schedules.rows_n == op->schedules.limit)
            break;
        rows[op->schedules.rows_n++] = m->schedules[at];
    }
    op->schedules.has_more = at < m->schedules_n;
}

void mem_schedules_free(struct mem_store *m)
{
    for (size_t i = 0; i < m->schedules_n; i++)
        drop(&m->schedules[i]);
    free(m->schedules);
}
