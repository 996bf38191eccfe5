/*
 * json_schema_circle.c - schemas that apply to the same value one in another, and whether that
 * ends.
 */
#include "base/json_schema_compile.h"
#include "base/map.h"

enum { IN_PLACE_MAX = 64 /* one in another */ };

typedef void visit_fn(const struct schema_node *from, const struct schema_node *to, void *arg);

static void visit_list(const struct schema_node *node, const struct schema_list *list,
                       visit_fn *visit, void *arg)
{
    for (size_t i = 0; i < list->n; i++)
        visit(node, list->at[i].node, arg);
}

static void visit_in_place(const struct schema_node *node, visit_fn *visit, void *arg)
{
    const struct schema_node *const alone[] = { node->negated, node->condition, node->then,
                                                node->otherwise, node->ref };

    visit_list(node, &node->all_of, visit, arg);
    visit_list(node, &node->any_of, visit, arg);
    visit_list(node, &node->one_of, visit, arg);
    for (size_t i = 0; i < ARRAY_LEN(alone); i++)
        if (alone[i])
            visit(node, alone[i], arg);
    for (const struct schema_dependency *d = node->dependencies; d; d = d->next)
        if (d->node)
            visit(node, d->node, arg);
}

/* What the map knows of a node, to be changed; NULL of true and false, which lead nowhere. */
static struct schema_node *changeable(struct compiler *c, const struct schema_node *node)
{
    return node->json ? map_get_u64(c->nodes, (uintptr_t)node->json) : NULL;
}

static void count_in_place(const struct schema_node *from, const struct schema_node *to, void *arg)
{
    struct schema_node *node = changeable(arg, to);

    (void)from;
    if (node)
        node->in_place++;
}

struct settling {
    struct compiler *c;
    struct schema_node *first, **last; /* all that apply to them are settled */
};

static void add_ready(struct settling *settling, struct schema_node *node)
{
    *settling->last = node;
    settling->last = &node->ready;
}

static void settle(const struct schema_node *from, const struct schema_node *to, void *arg)
{
    struct settling *settling = arg;
    struct schema_node *node = changeable(settling->c, to);

    if (!node)
        return;
    if (node->height <= from->height)
        node->height = from->height + 1;
    if (--node->in_place == 0)
        add_ready(settling, node);
}

static void remember_via(const struct schema_node *from, const struct schema_node *to, void *arg)
{
    struct schema_node *node = changeable(arg, to);

    if (node && from->in_place > 0)
        node->via = from;
}

/* Going back from one that is left over, every step is left over, too: at last they repeat. */
static void report_circle(struct compiler *c, const struct schema_node *left)
{
    for (struct schema_node *node = c->first; node; node = node->next)
        visit_in_place(node, remember_via, c);
    for (size_t i = 0; i < c->parts; i++)
        left = left->via;
    schema_complain(c, left->at, "leads back to itself without end");
}

/* Kahn's order: what is left over in the end is a circle, or hangs on one. */
void schema_check_circles(struct compiler *c)
{
    struct settling settling = { .c = c };
    const struct schema_node *left = NULL;

    settling.last = &settling.first;
    for (struct schema_node *node = c->first; node; node = node->next)
        visit_in_place(node, count_in_place, c);
    for (struct schema_node *node = c->first; node; node = node->next)
        if (node->in_place == 0)
            add_ready(&settling, node);
    for (struct schema_node *node = settling.first; node; node = node->ready)
        visit_in_place(node, settle, &settling);
    for (struct schema_node *node = c->first; node; node = node->next) {
        if (node->in_place > 0)
            left = node;
        if (node->height > IN_PLACE_MAX)
            schema_complain(c, node->at, "stands in too many schemas for one value");
    }
    if (left)
        report_circle(c, left);
}
