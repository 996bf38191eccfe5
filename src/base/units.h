/*
 * units.h - durations and sizes as people write them: a whole number and its unit.
 *
 * "200ms", "1MiB". The unit is mandatory, because a bare number is read in a different unit by
 * everyone; only "0" stands alone. No sign, no fraction, no space, and the case counts. What is
 * none of this is ERR_INVALID, with a message that quotes the text and lists the units.
 */
#ifndef BASE_UNITS_H
#define BASE_UNITS_H

#include "base/buf.h"

/*
 * Units: ms, s, m, h, d (24 hours). At most 36500d, so that a duration can be added to any time
 * of the clock.
 */
enum err_code units_duration_ms(int64_t *ret_ms, struct slice text, struct err *err) MUST_CHECK;

/*
 * Units: B; KiB, MiB, GiB (powers of 1024); KB, MB, GB (powers of 1000). At most INT64_MAX bytes:
 * what a file can have.
 */
enum err_code units_bytes(uint64_t *ret_bytes, struct slice text, struct err *err) MUST_CHECK;

#endif
