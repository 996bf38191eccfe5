/* schedules.h - sessions that the clock begins. For engine/ only. */
#ifndef ENGINE_SCHEDULES_H
#define ENGINE_SCHEDULES_H

struct engine;
struct schedules;

struct schedules *schedules_new(struct engine *engine);
void schedules_start(struct schedules *schedules);
/* What it has under way is completed before; NULL-safe. */
void schedules_free(struct schedules *schedules);

#endif
