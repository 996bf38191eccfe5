#include "unit/unit.h"

#include <stdalign.h>

#include "base/arena.h"

static void free_arena(struct arena **arena)
{
    arena_free(*arena);
}

static void allocations_are_zeroed_aligned_and_apart(void **state)
{
    CLEANUP(free_arena) struct arena *arena = arena_new(1 << 20);

    (void)state;
    for (int round = 0; round < 3; round++) {
        char *before = NULL;

        for (size_t size = 0; size < 600; size += 7) {
            char *p = arena_alloc(arena, size);

            assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
            assert_ptr_not_equal(p, before);
            for (size_t i = 0; i < size; i++)
                assert_int_equal(p[i], 0);
            memset(p, 'x', size);
            before = p;
        }
        arena_reset(arena);
    }
}

static void a_big_allocation_gets_a_block_of_its_own(void **state)
{
    CLEANUP(free_arena) struct arena *arena = arena_new(1 << 20);

    (void)state;
    char *small = arena_alloc(arena, 10);
    char *big = arena_alloc(arena, 700000);
    memset(big, 'b', 700000);
    memset(small, 's', 10);
    assert_int_equal(big[699999], 'b');
}

static void a_reset_gives_the_whole_ceiling_back(void **state)
{
    CLEANUP(free_arena) struct arena *arena = arena_new(10000);

    (void)state;
    for (int i = 0; i < 100; i++) {
        memset(arena_alloc(arena, 4000), 'x', 4000);
        memset(arena_alloc(arena, 5800), 'x', 5800);
        arena_reset(arena);
    }
}

static void copies_are_terminated(void **state)
{
    CLEANUP(free_arena) struct arena *arena = arena_new(1000);
    char text[] = "a\0c";

    (void)state;
    struct slice copy = arena_slice(arena, (struct slice){ text, 3 });
    char *str = arena_str(arena, slice_of("text"));
    memset(text, 'x', sizeof(text));
    assert_int_equal(copy.len, 3);
    assert_memory_equal(copy.ptr, "a\0c\0", 4);
    assert_string_equal(str, "text");
    assert_string_equal(arena_str(arena, (struct slice){ NULL, 0 }), "");
    arena_free(NULL);
}

static void take_more_than_the_ceiling(void *arg)
{
    struct arena *arena = arena_new(10000);

    (void)arg;
    for (int i = 0; i < 11; i++)
        (void)arena_alloc(arena, 1000);
}

static void take_too_much_at_once(void *arg)
{
    (void)arg;
    (void)arena_alloc(arena_new(100), SIZE_MAX);
}

static void take_all(void *arg)
{
    (void)arg;
    (void)arena_alloc(arena_new(100), 100);
}

static void passing_the_ceiling_ends_the_process(void **state)
{
    (void)state;
    assert_true(unit_dies(take_more_than_the_ceiling, NULL));
    assert_true(unit_dies(take_too_much_at_once, NULL));
    assert_false(unit_dies(take_all, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocations_are_zeroed_aligned_and_apart),
        cmocka_unit_test(a_big_allocation_gets_a_block_of_its_own),
        cmocka_unit_test(a_reset_gives_the_whole_ceiling_back),
        cmocka_unit_test(copies_are_terminated),
        cmocka_unit_test(passing_the_ceiling_ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
