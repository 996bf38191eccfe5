#include "unit/unit.h"

#include "base/list.h"

struct item {
    char name;
    struct link link;
};

static void assert_holds(const struct list *list, const char *names)
{
    const struct link *prev = NULL;

    for (struct link *at = list_first(list); at; at = at->next) {
        assert_ptr_equal(at->prev, prev);
        assert_int_equal(CONTAINER_OF(at, struct item, link)->name, *names++);
        prev = at;
    }
    assert_int_equal(*names, '\0');
}

static void links_come_and_go_anywhere(void **state)
{
    struct list list = { 0 };
    struct item a = { .name = 'a' }, b = { .name = 'b' }, c = { .name = 'c' }, d = { .name = 'd' };

    (void)state;
    assert_holds(&list, "");
    list_add(&list, &a.link);
    list_add(&list, &b.link);
    list_add(&list, &c.link);
    list_add(&list, &d.link);
    assert_holds(&list, "dcba");
    list_remove(&list, &b.link);
    assert_holds(&list, "dca");
    list_remove(&list, &d.link);
    assert_holds(&list, "ca");
    list_remove(&list, &a.link);
    assert_holds(&list, "c");
    list_add(&list, &b.link);
    assert_holds(&list, "bc");
    list_remove(&list, &c.link);
    list_remove(&list, &b.link);
    assert_holds(&list, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_come_and_go_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
