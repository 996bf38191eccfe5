/*
 * schedules.c - sessions that the clock begins.
 *
 * A schedule's row says when it is due next. The creation of a session and the row's new time are
 * one commit, so no crash makes two of one, or loses one; and a row never goes back to a time for
 * which it has begun a session. In between there is one timer, for the earliest.
 *
 * Timers do not follow a clock that is set. So none is longer than a minute: then the clock is
 * looked at again.
 */
#include "engine/schedules.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/zone.h"
#include "engine/engine_internal.h"

enum {
    PAGE = 500,
    GOING_MAX = 64, /* on their way to the store together */
    LOOK_MS = 60 * 1000,
    RETRY_MS = 1000,
    LATE_MS = 2 * 60 * 1000, /* later than this is missed */
    SPEC_MAX = 512,
    BY_MAX = 96,
    METADATA_MAX = 1024 * 1024, /* config bounds what is in it */
};

/* Of an entry with something on its way to the store. */
struct going {
    int64_t at_ms;    /* the time for which it begins a session, */
    int64_t after_ms; /* and the next after that */
    struct buf metadata;
    char by[BY_MAX];
    char spec[SPEC_MAX];
    struct engine_request request;
    struct store_op op;
};

struct entry {
    struct schedules *schedules;
    const struct config_schedule *config; /* NULL: its row is to go */
    char *gone;                           /* then its name */
    struct zone *zone;                    /* NULL: it has no cron */
    int64_t next_ms, last_ms;
    struct id last_session;
    int is_known; /* its row is there, and its time was reckoned from what config says */
    int is_unset; /* its row is to be written */
    struct going *going;
};

struct schedules {
    struct engine *engine;
    struct entry **entries; /* those of config, in its order, and then what is to go */
    size_t n, cap, going_n;
    struct map *by_name;
    struct loop_timer timer;
    struct store_op op;
    char *after; /* the last name that was read */
    int is_read;
};

static void turn(struct schedules *schedules);
static void read_page(struct schedules *schedules);

/* ---- times ---- */

static int64_t zone_offset(const void *arg, int64_t at_s)
{
    return zone_offset_s(arg, at_s);
}

static int64_t now_ms(const struct schedules *schedules)
{
    return loop_wall_ms(schedules->engine->deps.loop);
}

static int64_t next_after(const struct entry *entry, int64_t after_ms)
{
    const struct cron_zone zone = { zone_offset, entry->zone };

    return entry->config->cron_text ? cron_next_ms(&entry->config->cron, &zone, after_ms) : 0;
}

/* The last time that is not after now; that it is due for may be long ago. */
static int64_t latest_due(const struct entry *entry, int64_t now)
{
    const struct cron_zone zone = { zone_offset, entry->zone };
    int64_t latest = 0;

    if (entry->config->cron_text)
        latest = cron_latest_ms(&entry->config->cron, &zone, entry->next_ms - 1, now);
    return latest != 0 ? latest : entry->next_ms;
}

/* What its time is reckoned from: if that changes, it is reckoned anew. */
static struct slice spec_text(char text[SPEC_MAX], const struct config_schedule *config)
{
    char at[CLOCK_TEXT_MAX];

    if (!config->is_enabled)
        (void)snprintf(text, SPEC_MAX, "off");
    else if (config->cron_text)
        (void)snprintf(text, SPEC_MAX, "cron %s %s", config->cron_text, config->zone);
    else
        (void)snprintf(text, SPEC_MAX, "at %s", clock_text(at, config->at_ms));
    return slice_of(text);
}

/* Its first time, for one that is new or has been changed: never one that has been. */
static int64_t first_time(const struct entry *entry, int64_t now)
{
    const struct config_schedule *config = entry->config;
    int64_t after_ms = now > entry->last_ms ? now : entry->last_ms;

    if (!config->is_enabled)
        return 0;
    if (config->cron_text)
        return next_after(entry, after_ms);
    if (config->at_ms <= entry->last_ms)
        return 0;
    if (config->at_ms < now - LATE_MS) {
        log_line(LOG_WARN, "the time of a schedule was over before it was read: it begins nothing",
                 "schedule", config->name, NULL);
        return 0;
    }
    return config->at_ms;
}

/* ---- one timer ---- */

static void on_time(void *arg)
{
    turn(arg);
}

static void wait(struct schedules *schedules, int64_t wait_ms)
{
    loop_timer_start(schedules->engine->deps.loop, &schedules->timer,
                     wait_ms < LOOK_MS ? wait_ms : LOOK_MS, on_time, schedules);
}

static void wait_for_next(struct schedules *schedules)
{
    int64_t next_ms = 0;

    for (size_t i = 0; i < schedules->n; i++) {
        const struct entry *entry = schedules->entries[i];

        if (entry->next_ms != 0 && (next_ms == 0 || entry->next_ms < next_ms))
            next_ms = entry->next_ms;
    }
    if (next_ms == 0)
        return;
    int64_t wait_ms = next_ms - now_ms(schedules);

    wait(schedules, wait_ms > 0 ? wait_ms : 0);
}

/* The store refused: all are tried again in a moment. */
static void went_wrong(struct schedules *schedules)
{
    wait(schedules, RETRY_MS);
}

/* ---- what goes to the store ---- */

static void go(struct entry *entry)
{
    entry->going = xcalloc(1, sizeof(*entry->going));
    entry->schedules->going_n++;
}

static void come_back(struct entry *entry)
{
    buf_release(&entry->going->metadata);
    free(entry->going);
    entry->going = NULL;
    entry->schedules->going_n--;
}

static void on_set(struct store_op *op, void *arg)
{
    struct entry *entry = arg;
    int is_set = op->err.code == ERR_NONE;

    come_back(entry);
    if (!is_set) {
        went_wrong(entry->schedules);
        return;
    }
    entry->is_unset = 0;
    turn(entry->schedules);
}

static void set_row(struct entry *entry)
{
    const struct config_schedule *config = entry->config;

    go(entry);
    struct store_schedule row = { .name = slice_of(config ? config->name : entry->gone),
                                  .next_at_ms = entry->next_ms };

    if (config)
        row.spec = spec_text(entry->going->spec, config);
    entry->going->op = (struct store_op){ .kind = STORE_SCHEDULE_SET,
                                          .schedule = { .is_gone = config == NULL, .row = row },
                                          .done = on_set,
                                          .arg = entry };
    store_submit(entry->schedules->engine->deps.store, &entry->going->op);
}

/* ---- sessions ---- */

/* What it would begin cannot be: an agent whose instructions need more context, say. */
static void give_up(struct entry *entry)
{
    log_line(LOG_ERROR, "a schedule cannot begin its session, and waits for its next time",
             "schedule", entry->config->name, "error", entry->going->request.err.msg, NULL);
    entry->next_ms = entry->going->after_ms;
    entry->is_unset = 1;
}

static void begun(struct entry *entry)
{
    const struct going *going = entry->going;

    entry->last_ms = going->at_ms;
    entry->last_session = going->request.id;
    entry->next_ms = going->after_ms;
    if (!going->request.is_replay)
        log_line(LOG_INFO, "a schedule began a session", "schedule", entry->config->name, "session",
                 entry->last_session.text, NULL);
}

static void on_created(struct engine_request *request, void *arg)
{
    struct entry *entry = arg;
    int is_over = 1;

    switch (request->err.code) {
    case ERR_NONE: begun(entry); break;
    case ERR_UNAVAILABLE:
    case ERR_TIMEOUT: /* done or not: its row knows */
    case ERR_LIMIT: is_over = 0; break;
    case ERR_NOT_FOUND:
    case ERR_INVALID:
    case ERR_CONFLICT:
    case ERR_CORRUPT: give_up(entry); break;
    }
    come_back(entry);
    if (is_over)
        turn(entry->schedules);
    else
        went_wrong(entry->schedules);
}

static struct slice put_metadata(struct going *going, const struct config_schedule *config)
{
    struct buf *json = &going->metadata;
    char at[CLOCK_TEXT_MAX];

    json->max = METADATA_MAX;
    json_begin(json, '{');
    json_key(json, "schedule");
    json_put_str(json, slice_of(config->name));
    json_key(json, "scheduled_for");
    json_put_str(json, slice_of(clock_text(at, going->at_ms)));
    if (config->metadata[0])
        buf_putf(json, ",%s", config->metadata);
    json_end(json, '}');
    return buf_slice(json);
}

static void fire(struct entry *entry, int64_t at_ms, int64_t after_ms)
{
    const struct config_schedule *config = entry->config;

    go(entry);
    struct going *going = entry->going;

    going->at_ms = at_ms;
    going->after_ms = after_ms;
    (void)snprintf(going->by, sizeof(going->by), "schedule:%s", config->name);
    going->request = (struct engine_request){
        .kind = ENGINE_CREATE,
        .agent = slice_of(config->agent->name),
        .text = slice_of(config->input),
        .context = slice_of(config->context),
        .metadata = put_metadata(going, config),
        .by = slice_of(going->by),
        .actor = slice_of(going->by),
        .firing = { .schedule = slice_of(config->name), .at_ms = at_ms, .next_at_ms = after_ms },
        .done = on_created,
        .arg = entry,
    };
    engine_submit(entry->schedules->engine, &going->request);
}

static void act(struct entry *entry, int64_t now)
{
    if (entry->is_unset) {
        set_row(entry);
        return;
    }
    if (!entry->config || entry->next_ms == 0 || entry->next_ms > now)
        return;
    int64_t at_ms = latest_due(entry, now);
    int64_t after_ms = next_after(entry, at_ms);

    if (!entry->config->skips_missed || now - at_ms <= LATE_MS) {
        fire(entry, at_ms, after_ms);
        return;
    }
    log_line(LOG_INFO, "a schedule was missed and is skipped", "schedule", entry->config->name,
             NULL);
    entry->next_ms = after_ms;
    entry->is_unset = 1;
    set_row(entry);
}

static void turn(struct schedules *schedules)
{
    struct engine *engine = schedules->engine;
    int64_t now = now_ms(schedules);

    if (engine->drain)
        return;
    if (!schedules->is_read) {
        read_page(schedules);
        return;
    }
    for (size_t i = 0; i < schedules->n && schedules->going_n < GOING_MAX; i++)
        if (!schedules->entries[i]->going)
            act(schedules->entries[i], now);
    if (schedules->going_n == 0)
        wait_for_next(schedules);
}

/* ---- start ---- */

static struct entry *add(struct schedules *schedules, const struct config_schedule *config)
{
    if (schedules->n == schedules->cap) {
        schedules->cap = schedules->cap > 0 ? schedules->cap * 2 : 16;
        schedules->entries = xrealloc(schedules->entries, schedules->cap * sizeof(struct entry *));
    }
    struct entry *entry = xcalloc(1, sizeof(*entry));

    entry->schedules = schedules;
    entry->config = config;
    schedules->entries[schedules->n++] = entry;
    return entry;
}

static void take_row(struct schedules *schedules, const struct store_schedule *row)
{
    struct entry *entry = map_get(schedules->by_name, row->name);
    char spec[SPEC_MAX];

    if (!entry) {
        entry = add(schedules, NULL);
        entry->gone = slice_dup(row->name);
        entry->is_unset = 1;
        return;
    }
    entry->last_ms = row->last_at_ms;
    if (row->last_session.len < sizeof(entry->last_session.text))
        memcpy(entry->last_session.text, row->last_session.ptr, row->last_session.len);
    entry->is_known = slice_equal(row->spec, spec_text(spec, entry->config));
    if (entry->is_known)
        entry->next_ms = row->next_at_ms;
}

static void all_read(struct schedules *schedules)
{
    int64_t now = now_ms(schedules);

    schedules->is_read = 1;
    for (size_t i = 0; i < schedules->n; i++) {
        struct entry *entry = schedules->entries[i];

        if (!entry->config || entry->is_known)
            continue;
        entry->next_ms = first_time(entry, now);
        entry->is_unset = 1;
    }
    turn(schedules);
}

static void on_page(struct store_op *op, void *arg)
{
    struct schedules *schedules = arg;
    size_t n = op->schedules.rows_n;

    if (op->err.code != ERR_NONE) {
        went_wrong(schedules);
        return;
    }
    for (size_t i = 0; i < n; i++)
        take_row(schedules, &op->schedules.rows[i]);
    if (!op->schedules.has_more || n == 0) {
        all_read(schedules);
        return;
    }
    free(schedules->after);
    schedules->after = slice_dup(op->schedules.rows[n - 1].name);
    read_page(schedules);
}

static void read_page(struct schedules *schedules)
{
    schedules->op =
        (struct store_op){ .kind = STORE_SCHEDULES,
                           .schedules = { .after = slice_of(schedules->after), .limit = PAGE },
                           .done = on_page,
                           .arg = schedules };
    store_submit(schedules->engine->deps.store, &schedules->op);
}

struct schedules *schedules_new(struct engine *engine)
{
    struct schedules *schedules = xcalloc(1, sizeof(*schedules));
    const struct config *config = engine->deps.config;

    schedules->engine = engine;
    schedules->by_name = map_new();
    for (size_t i = 0; i < config->schedules_n; i++) {
        const struct config_schedule *given = &config->schedules[i];
        struct entry *entry = add(schedules, given);

        entry->zone = given->cron_text ? zone_new(slice_of(given->zone)) : NULL;
        ASSERT(!given->cron_text || entry->zone); /* the configuration was checked */
        (void)map_put(schedules->by_name, slice_of(given->name), entry);
    }
    return schedules;
}

void schedules_start(struct schedules *schedules)
{
    read_page(schedules);
}

int engine_schedule_at(const struct engine *engine, size_t i, struct engine_schedule *ret_schedule)
{
    const struct schedules *schedules = engine->schedules;

    if (i >= engine->deps.config->schedules_n)
        return 0;
    const struct entry *entry = schedules->entries[i];

    *ret_schedule = (struct engine_schedule){ .config = entry->config,
                                              .next_at_ms = entry->next_ms,
                                              .last_at_ms = entry->last_ms,
                                              .last_session = id_slice(&entry->last_session) };
    return 1;
}

void schedules_free(struct schedules *schedules)
{
    if (!schedules)
        return;
    loop_timer_stop(schedules->engine->deps.loop, &schedules->timer);
    for (size_t i = 0; i < schedules->n; i++) {
        struct entry *entry = schedules->entries[i];

        zone_free(entry->zone);
        free(entry->gone);
        if (entry->going)
            come_back(entry);
        free(entry);
    }
    free((void *)schedules->entries);
    free(schedules->after);
    map_free(schedules->by_name);
    free(schedules);
}
