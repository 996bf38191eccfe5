/*
 * list.h - a doubly linked list through members of what it links.
 *
 * The list owns nothing. A link is in one list at a time; zeroed memory is an empty list.
 * To walk it: for (struct link *at = list_first(&list); at; at = at->next), with CONTAINER_OF().
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include "base/attr.h"

struct link {
    struct link *prev;
    struct link *next;
};

struct list {
    struct link *first;
};

static inline struct link *list_first(const struct list *list)
{
    ASSERT(!list->first || !list->first->prev);
    return list->first;
}

/* In front of all others. */
static inline void list_add(struct list *list, struct link *link)
{
    *link = (struct link){ .next = list->first };
    if (link->next)
        link->next->prev = link;
    list->first = link;
}

static inline void list_remove(struct list *list, struct link *link)
{
    if (link->prev)
        link->prev->next = link->next;
    else
        list->first = link->next;
    if (link->next)
        link->next->prev = link->prev;
    *link = (struct link){ 0 };
}

/* Takes the first out. NULL: the list is empty. */
static inline struct link *list_take(struct list *list)
{
    struct link *first = list_first(list);

    if (first)
        list_remove(list, first);
    return first;
}

#endif
