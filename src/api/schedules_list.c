/* schedules_list.c - GET /v1/schedules: those of pawl.yaml, and when they are due. */
#include "api/ask.h"
#include "api/member.h"

static void put_schedule(struct buf *json, const struct engine_schedule *schedule)
{
    const struct config_schedule *config = schedule->config;

    json_begin(json, '{');
    json_key(json, "name");
    json_put_str(json, slice_of(config->name));
    member_put_text(json, "cron", slice_of(config->cron_text));
    member_put_text(json, "zone", slice_of(config->zone));
    member_put_time(json, "at", config->at_ms);
    json_key(json, "agent");
    json_put_str(json, slice_of(config->agent->name));
    json_key(json, "enabled");
    json_put_bool(json, config->is_enabled);
    json_key(json, "missed");
    json_put_str(json, config->skips_missed ? SLICE_LIT("skip") : SLICE_LIT("once"));
    member_put_time(json, "next_at", schedule->next_at_ms);
    member_put_time(json, "last_at", schedule->last_at_ms);
    member_put_text(json, "last_session", slice_or_null(schedule->last_session));
    json_end(json, '}');
}

/* Their sessions are the default tenant's; to others there are none. */
void schedules_list(struct ask *ask)
{
    int is_mine = auth_actor_tenant(&ask->actor).len == 0;
    enum { BYTES_MAX = 1024 * 1024 * 1024 }; /* they come from one file of a few MiB */
    CLEANUP(buf_release) struct buf json = { .max = BYTES_MAX };
    struct engine_schedule schedule;

    json_begin(&json, '{');
    json_key(&json, "data");
    json_begin(&json, '[');
    for (size_t i = 0; is_mine && engine_schedule_at(ask->api->deps.engine, i, &schedule); i++)
        put_schedule(&json, &schedule);
    json_end(&json, ']');
    json_key(&json, "next_cursor");
    json_put_null(&json);
    json_end(&json, '}');
    ask_reply(ask, 200, &json, NULL);
}
