#include "base/arena.h"

#include <stdalign.h>
#include <stdlib.h>

enum { BLOCK_FIRST = 4096, BLOCK_MAX = 256 * 1024 };

struct block {
    struct block *older;
    size_t size;
    size_t used;
    alignas(max_align_t) char bytes[];
};

struct arena {
    size_t ceiling;       /* for the sizes of all blocks */
    size_t total;         /* sizes of the blocks held now */
    struct block *newest; /* the last of the list is the first block, which a reset keeps */
};

static size_t round_up(size_t size)
{
    const size_t align = alignof(max_align_t);

    return (size + align - 1) / align * align;
}

static void add_block(struct arena *arena, size_t size)
{
    ASSERT(size <= arena->ceiling - arena->total);
    struct block *block = xrealloc(NULL, sizeof(*block) + size); /* zeroed where it is given out */

    block->size = size;
    block->used = 0;
    block->older = arena->newest;
    arena->newest = block;
    arena->total += size;
}

struct arena *arena_new(size_t ceiling)
{
    ASSERT(ceiling > 0 && ceiling < SIZE_MAX / 2);
    struct arena *arena = xcalloc(1, sizeof(*arena));

    arena->ceiling = round_up(ceiling);
    add_block(arena, arena->ceiling < BLOCK_FIRST ? arena->ceiling : BLOCK_FIRST);
    return arena;
}

/* Blocks double, so that a big unit of work costs few of them, up to what is worth wasting. */
static size_t next_size(const struct arena *arena, size_t need)
{
    size_t left = arena->ceiling - arena->total;
    size_t size = arena->newest->size * 2;

    if (size > BLOCK_MAX)
        size = BLOCK_MAX;
    if (size > left)
        size = left;
    return size < need ? need : size;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    ASSERT(size <= arena->ceiling);
    size_t need = round_up(size > 0 ? size : 1); /* each allocation has an address of its own */
    struct block *block = arena->newest;

    if (need > block->size - block->used) {
        add_block(arena, next_size(arena, need));
        block = arena->newest;
    }
    void *p = block->bytes + block->used;

    block->used += need;
    memset(p, 0, need);
    return p;
}

struct slice arena_slice(struct arena *arena, struct slice bytes)
{
    return (struct slice){ arena_str(arena, bytes), bytes.len };
}

char *arena_str(struct arena *arena, struct slice bytes)
{
    ASSERT(bytes.len < arena->ceiling);
    char *copy = arena_alloc(arena, bytes.len + 1);

    if (bytes.len > 0)
        memcpy(copy, bytes.ptr, bytes.len);
    return copy;
}

void arena_reset(struct arena *arena)
{
    while (arena->newest->older) {
        struct block *block = arena->newest;

        arena->newest = block->older;
        arena->total -= block->size;
        free(block);
    }
    arena->newest->used = 0;
}

void arena_free(struct arena *arena)
{
    if (!arena)
        return;
    arena_reset(arena);
    free(arena->newest);
    free(arena);
}
