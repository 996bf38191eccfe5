/*
 * zone.h - time zones by their names ("Europe/Berlin"), from the system's database.
 *
 * What the process's own zone is (TZ, /etc/localtime) plays no part. Rules for the future are those
 * of the database that the process found when it read the zone. UTC needs no database.
 *
 * Threads: a zone may be read by several at once.
 */
#ifndef BASE_ZONE_H
#define BASE_ZONE_H

#include "base/buf.h"

struct zone;

/* NULL: there is no zone of that name. */
struct zone *zone_new(struct slice name);
void zone_free(struct zone *zone); /* NULL-safe */

/* How much a clock there is ahead of UTC, in seconds, at a time in seconds since 1970. */
int64_t zone_offset_s(const struct zone *zone, int64_t at_s);

enum { ZONE_NAME_MAX = 64 };

/* The zone that was meant by a name that is none, or "". */
const char *zone_nearest(char text[ZONE_NAME_MAX], struct slice name);

#endif
