/*
 * map.c - open addressing with linear probing. A removed entry leaves a grave, so that an
 * iteration may remove what it has just visited without anything moving; the graves go when
 * the table is rebuilt.
 */
#include "base/map.h"

#include <stdlib.h>

#include "base/bits.h"
#include "base/hash.h"

enum { CAP_MIN = 16 };

struct entry {
    uint64_t hash;
    char *bytes;     /* NULL: the key is `number` */
    uint64_t number; /* the key, or the length of bytes */
    void *value;     /* NULL: empty, or a grave */
    int is_grave;
};

struct map {
    struct entry *entries;
    size_t cap;   /* a power of two */
    size_t count; /* entries with a value */
    size_t taken; /* those and the graves: never all of them, so that a search ends */
};

/* What is looked for: bytes, or a number where bytes.ptr is NULL. */
struct key {
    uint64_t hash;
    const char *bytes;
    uint64_t number;
};

static struct key key_of_bytes(struct slice key)
{
    return (struct key){ hash_bytes(key), key.len > 0 ? key.ptr : "", key.len };
}

/* Numbers are our own (descriptors, row ids), so they need no secret key. */
static struct key key_of_number(uint64_t number)
{
    return (struct key){ bits_mix(number), NULL, number };
}

static int is_key(const struct entry *entry, const struct key *key)
{
    if (entry->hash != key->hash || entry->number != key->number || !entry->bytes != !key->bytes)
        return 0;
    return !key->bytes || memcmp(entry->bytes, key->bytes, key->number) == 0;
}

/* The entry of key, or NULL. */
static struct entry *find(const struct map *map, const struct key *key)
{
    for (size_t i = key->hash & (map->cap - 1);; i = (i + 1) & (map->cap - 1)) {
        struct entry *entry = &map->entries[i];

        if (!entry->value && !entry->is_grave)
            return NULL;
        if (entry->value && is_key(entry, key))
            return entry;
    }
}

static struct entry *find_empty(const struct map *map, uint64_t hash)
{
    size_t i = hash & (map->cap - 1);

    while (map->entries[i].value || map->entries[i].is_grave)
        i = (i + 1) & (map->cap - 1);
    return &map->entries[i];
}

/* Sized by what is alive: grows a map that is full and cleans, or shrinks, one full of graves. */
static void rebuild(struct map *map)
{
    struct map old = *map;

    map->cap = CAP_MIN;
    while (map->cap / 2 <= map->count)
        map->cap *= 2;
    map->entries = xcalloc(map->cap, sizeof(*map->entries));
    map->taken = map->count;
    for (size_t i = 0; i < old.cap; i++)
        if (old.entries[i].value)
            *find_empty(map, old.entries[i].hash) = old.entries[i];
    free(old.entries);
}

struct map *map_new(void)
{
    struct map *map = xcalloc(1, sizeof(*map));

    rebuild(map);
    return map;
}

void map_free(struct map *map)
{
    if (!map)
        return;
    for (size_t i = 0; i < map->cap; i++)
        free(map->entries[i].bytes);
    free(map->entries);
    free(map);
}

size_t map_count(const struct map *map)
{
    return map->count;
}

static void *get(const struct map *map, struct key key)
{
    const struct entry *entry = find(map, &key);

    return entry ? entry->value : NULL;
}

static char *copy_bytes(const struct key *key)
{
    if (!key->bytes)
        return NULL;
    char *copy = xcalloc(1, key->number + 1);

    memcpy(copy, key->bytes, key->number);
    return copy;
}

static void *put(struct map *map, struct key key, void *value)
{
    ASSERT(value);
    struct entry *entry = find(map, &key);

    if (entry) {
        void *former = entry->value;

        entry->value = value;
        return former;
    }
    if (map->taken + 1 > map->cap / 4 * 3)
        rebuild(map);
    *find_empty(map, key.hash) = (struct entry){ key.hash, copy_bytes(&key), key.number, value, 0 };
    map->count++;
    map->taken++;
    return NULL;
}

static void *take(struct map *map, struct key key)
{
    struct entry *entry = find(map, &key);

    if (!entry)
        return NULL;
    void *value = entry->value;

    free(entry->bytes);
    *entry = (struct entry){ .is_grave = 1 };
    map->count--;
    return value;
}

void *map_get(const struct map *map, struct slice key)
{
    return get(map, key_of_bytes(key));
}

void *map_put(struct map *map, struct slice key, void *value)
{
    return put(map, key_of_bytes(key), value);
}

void *map_remove(struct map *map, struct slice key)
{
    return take(map, key_of_bytes(key));
}

void *map_get_u64(const struct map *map, uint64_t key)
{
    return get(map, key_of_number(key));
}

void *map_put_u64(struct map *map, uint64_t key, void *value)
{
    return put(map, key_of_number(key), value);
}

void *map_remove_u64(struct map *map, uint64_t key)
{
    return take(map, key_of_number(key));
}

int map_each(const struct map *map, size_t *at, void **ret_value)
{
    while (*at < map->cap) {
        const struct entry *entry = &map->entries[(*at)++];

        if (entry->value) {
            *ret_value = entry->value;
            return 1;
        }
    }
    return 0;
}
