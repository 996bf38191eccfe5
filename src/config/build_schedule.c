/* build_schedule.c - schedules: their times, and what they begin. */
#include "base/clock.h"
#include "base/zone.h"
#include "config/build.h"

static int64_t zone_offset(const void *arg, int64_t at_s)
{
    return zone_offset_s(arg, at_s);
}

static void check_zone(struct build *build, const struct yaml_node *node, struct slice name)
{
    char nearest[ZONE_NAME_MAX];

    if (zone_nearest(nearest, name)[0])
        report_error(build->report, node->at, "%s: there is no time zone %s; did you mean '%s'?",
                     yaml_path(node).text, quote(node->written).text, nearest);
    else
        report_error(build->report, node->at,
                     "%s: there is no time zone %s; write one such as Europe/Berlin",
                     yaml_path(node).text, quote(node->written).text);
}

static void schedule_cron(struct build *build, struct config_schedule *schedule,
                          struct fields fields, const struct yaml_node *node)
{
    struct slice name = fields_text(fields, "zone");
    struct zone *zone = zone_new(name);
    const struct cron_zone clock = { zone_offset, zone };
    struct err err = { 0 };

    schedule->cron_text = build_text(build, node->text);
    schedule->zone = build_text(build, name);
    if (!zone)
        check_zone(build, fields_node(fields, "zone"), name);
    if (cron_parse(&schedule->cron, node->text, &err))
        report_error(build->report, node->at, "%s: %s", yaml_path(node).text, err.msg);
    else if (zone && cron_next_ms(&schedule->cron, &clock, 0) == 0)
        report_error(build->report, node->at, "%s: that day never comes", yaml_path(node).text);
    zone_free(zone);
}

static void schedule_at(struct build *build, struct config_schedule *schedule, struct fields fields,
                        const struct yaml_node *node)
{
    const struct yaml_node *zone = fields_node(fields, "zone");

    if (!clock_read(&schedule->at_ms, node->text))
        report_error(build->report, node->at,
                     "%s: %s is no time; write date, time and offset, as in "
                     "2027-01-31T09:00:00+01:00",
                     yaml_path(node).text, quote(node->written).text);
    if (zone)
        report_error(build->report, zone->name_at,
                     "%s is for 'cron': a time of 'at' has its own offset", yaml_path(zone).text);
}

static void schedule_times(struct build *build, struct config_schedule *schedule,
                           struct fields fields)
{
    const struct yaml_node *cron = fields_node(fields, "cron");
    const struct yaml_node *at = fields_node(fields, "at");

    if (cron && at)
        report_error(build->report, at->name_at,
                     "%s: there is 'cron' already; a schedule has one of them", yaml_path(at).text);
    else if (cron)
        schedule_cron(build, schedule, fields, cron);
    else if (at)
        schedule_at(build, schedule, fields, at);
    else if (!fields_has(fields, "cron") && !fields_has(fields, "at"))
        report_error(build->report, yaml_where(fields.map), "%s has no time; add 'cron' or 'at'",
                     yaml_path(fields.map).text);
}

static void check_metadata(struct build *build, const struct yaml_node *map)
{
    static const char *const ours[] = { "schedule", "scheduled_for" };

    for (size_t i = 0; map && i < ARRAY_LEN(ours); i++) {
        const struct yaml_node *node = yaml_get(map, ours[i]);

        if (node)
            report_error(build->report, node->name_at, "%s is what pawl adds; choose another name",
                         yaml_path(node).text);
    }
}

static void build_schedule(struct build *build, struct config_schedule *schedule,
                           struct fields fields)
{
    const struct yaml_node *ref = fields_node(fields, "agent");
    const struct yaml_node *found = ref ? build_find(build, "agents", ref) : NULL;
    const struct yaml_node *metadata = fields_node(fields, "metadata");

    schedule->name = build_text(build, slice_of(fields.map->name));
    if (fields.map->is_bad)
        return;
    schedule_times(build, schedule, fields);
    check_metadata(build, metadata);
    schedule->agent = found ? &build->agents[found->index] : NULL;
    schedule->input = build_text(build, fields_text(fields, "input"));
    schedule->context = build_object(build, fields_node(fields, "context"));
    schedule->metadata = build_members(build, metadata);
    schedule->skips_missed = slice_is(fields_text(fields, "missed"), "skip");
    schedule->is_enabled = slice_is(fields_text(fields, "enabled"), "true");
}

void build_schedules(struct build *build)
{
    const struct yaml_node *map = fields_node(build->top, "schedules");
    size_t n = map ? map->count : 0;
    struct config_schedule *schedules = arena_alloc(build->impl->arena, n * sizeof(*schedules));

    build->config->schedules = schedules;
    build->config->schedules_n = n;
    for (const struct yaml_node *node = map ? map->first : NULL; node; node = node->next)
        build_schedule(build, &schedules[node->index], (struct fields){ node, SECTION_SCHEDULE });
}
