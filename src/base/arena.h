/*
 * arena.h - memory for one unit of work, freed all at once.
 *
 * An arena belongs to one unit: one HTTP request, one tick, one batch of rows. Nothing
 * allocated from it may outlive that; what must, is copied out. arena_alloc() never returns
 * NULL: sizes are bounded where they enter, so exhaustion of the ceiling is our bug, and a
 * machine without memory ends the process.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/buf.h"

struct arena;

struct arena *arena_new(size_t ceiling);
void *arena_alloc(struct arena *arena, size_t size) __attribute__((returns_nonnull)); /* zeroed */
struct slice arena_slice(struct arena *arena, struct slice bytes); /* a copy, 0-terminated */
char *arena_str(struct arena *arena, struct slice bytes);          /* the same as a C string */
void arena_reset(struct arena *arena); /* frees every block but the first */
void arena_free(struct arena *arena);  /* NULL-safe */

#endif
