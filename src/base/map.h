/*
 * map.h - a hash table from bytes or integers to pointers.
 *
 * The map owns copies of byte keys; values are the caller's. NULL is no value: map_get()
 * answers NULL for "absent". Not to be changed while iterating, but for map_remove() of the
 * entry just visited.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/buf.h"

struct map;

struct map *map_new(void);
void map_free(struct map *map); /* NULL-safe; the values are left alone */
size_t map_count(const struct map *map);

void *map_get(const struct map *map, struct slice key);
void *map_put(struct map *map, struct slice key, void *value); /* gives the former value */
void *map_remove(struct map *map, struct slice key);           /* gives the former value */

void *map_get_u64(const struct map *map, uint64_t key);
void *map_put_u64(struct map *map, uint64_t key, void *value);
void *map_remove_u64(struct map *map, uint64_t key);

/* for (size_t at = 0; map_each(map, &at, &value);) in no particular order */
int map_each(const struct map *map, size_t *at, void **ret_value);

#endif
