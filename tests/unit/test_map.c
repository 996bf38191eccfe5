#include "unit/unit.h"

#include "base/map.h"
#include "base/random.h"

static int values[4];

static void free_map(struct map **map)
{
    map_free(*map);
}

static void puts_gets_and_removes(void **state)
{
    CLEANUP(free_map) struct map *map = map_new();
    char key[] = "key";

    (void)state;
    assert_null(map_get(map, slice_of(key)));
    assert_null(map_put(map, slice_of(key), &values[0]));
    key[0] = 'x'; /* the map has a copy */
    assert_ptr_equal(map_get(map, SLICE_LIT("key")), &values[0]);
    assert_ptr_equal(map_put(map, SLICE_LIT("key"), &values[1]), &values[0]);
    assert_int_equal(map_count(map), 1);
    assert_null(map_remove(map, SLICE_LIT("other")));
    assert_ptr_equal(map_remove(map, SLICE_LIT("key")), &values[1]);
    assert_null(map_get(map, SLICE_LIT("key")));
    assert_int_equal(map_count(map), 0);
    map_free(NULL);
}

static void bytes_and_numbers_are_different_keys(void **state)
{
    CLEANUP(free_map) struct map *map = map_new();

    (void)state;
    map_put(map, (struct slice){ NULL, 0 }, &values[0]);
    map_put_u64(map, 0, &values[1]);
    map_put(map, SLICE_LIT("a\0b"), &values[2]);
    map_put(map, SLICE_LIT("a"), &values[3]);
    assert_ptr_equal(map_get(map, SLICE_LIT("")), &values[0]);
    assert_ptr_equal(map_get_u64(map, 0), &values[1]);
    assert_ptr_equal(map_get(map, SLICE_LIT("a\0b")), &values[2]);
    assert_ptr_equal(map_get(map, SLICE_LIT("a")), &values[3]);
    assert_ptr_equal(map_remove_u64(map, 0), &values[1]);
    assert_int_equal(map_count(map), 3);
}

/* Random work, compared after each step with a plain array. */
static void agrees_with_an_array_over_random_work(void **state)
{
    enum { KEYS = 300, STEPS = 30000 };
    CLEANUP(free_map) struct map *map = map_new();
    void *model[KEYS] = { NULL };
    size_t count = 0;
    struct random random;

    (void)state;
    random_seed(&random, 11);
    for (int step = 0; step < STEPS; step++) {
        uint64_t i = random_below(&random, KEYS);
        char text[24];
        int is_text = (i & 1) != 0;
        struct slice key = { text, (size_t)snprintf(text, sizeof(text), "key %u", (unsigned)i) };
        void *value = random_below(&random, 3) ? &values[random_below(&random, 4)] : NULL;
        void *former;

        if (value)
            former = is_text ? map_put(map, key, value) : map_put_u64(map, i << 32, value);
        else
            former = is_text ? map_remove(map, key) : map_remove_u64(map, i << 32);
        assert_ptr_equal(former, model[i]);
        count += (value != NULL) - (size_t)(former != NULL);
        model[i] = value;
        assert_int_equal(map_count(map), count);
        assert_ptr_equal(is_text ? map_get(map, key) : map_get_u64(map, i << 32), value);
    }
}

static void iteration_sees_each_once_and_may_remove(void **state)
{
    enum { MANY = 1000 };
    CLEANUP(free_map) struct map *map = map_new();
    struct {
        uint64_t key;
        int seen;
    } items[MANY];
    void *value;

    (void)state;
    for (size_t i = 0; i < MANY; i++) {
        items[i].key = i * 7919;
        items[i].seen = 0;
        map_put_u64(map, items[i].key, &items[i]);
    }
    for (size_t at = 0; map_each(map, &at, &value);) {
        size_t i = (size_t)((char *)value - (char *)items) / sizeof(items[0]);

        items[i].seen++;
        if (i % 2)
            assert_ptr_equal(map_remove_u64(map, items[i].key), value);
    }
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(items[i].seen, 1);
        assert_ptr_equal(map_get_u64(map, items[i].key), i % 2 ? NULL : &items[i]);
    }
    assert_int_equal(map_count(map), MANY / 2);
}

/* A search ends at an empty place: putting and removing for ever must not use them all up. */
static void graves_do_not_fill_the_table(void **state)
{
    CLEANUP(free_map) struct map *map = map_new();

    (void)state;
    for (uint64_t i = 0; i < 100000; i++) {
        map_put_u64(map, i, &values[0]);
        assert_ptr_equal(map_remove_u64(map, i), &values[0]);
    }
    assert_null(map_get_u64(map, 1));
}

static void put_null(void *arg)
{
    map_put_u64(arg, 1, NULL);
}

static void null_is_no_value(void **state)
{
    CLEANUP(free_map) struct map *map = map_new();

    (void)state;
    assert_true(unit_dies(put_null, map));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(puts_gets_and_removes),
        cmocka_unit_test(bytes_and_numbers_are_different_keys),
        cmocka_unit_test(agrees_with_an_array_over_random_work),
        cmocka_unit_test(iteration_sees_each_once_and_may_remove),
        cmocka_unit_test(graves_do_not_fill_the_table),
        cmocka_unit_test(null_is_no_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
