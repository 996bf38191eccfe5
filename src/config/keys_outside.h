/* keys_outside.h - the rows of the table of keys (keys.h) for what links to the world outside. */
#ifndef CONFIG_KEYS_OUTSIDE_H
#define CONFIG_KEYS_OUTSIDE_H

#include "config/keys.h"

const struct key *keys_outside_at(size_t i); /* NULL at the end */

#endif
