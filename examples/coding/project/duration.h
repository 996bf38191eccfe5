/* duration.h - durations as people write them: "1h30m". */
#ifndef DURATION_H
#define DURATION_H

#include <stddef.h>

/* Seconds of a text such as "1h30m" or "45s"; -1 if it is no duration. */
long duration_parse(const char *text);

/* Writes seconds (not negative) the short way: "1h30m". Returns out. */
char *duration_format(char *out, size_t size, long seconds);

#endif
