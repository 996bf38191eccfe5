/*
 * posts.h - work for the next turn of the loop: a queue. For loop/ only.
 */
#ifndef LOOP_POSTS_H
#define LOOP_POSTS_H

#include "loop/loop.h"

struct post_list {
    struct loop_post *first;
    struct loop_post *last;
};

struct posts {
    struct post_list waiting; /* for the next turn */
    struct post_list running; /* what this turn has not come to yet */
};

void posts_add(struct posts *posts, struct loop_post *post); /* queued already: a no-op */
void posts_cancel(struct posts *posts, struct loop_post *post);
int posts_any(const struct posts *posts);

/* Runs what was queued before this call, in order. Returns how many ran. */
size_t posts_run(struct posts *posts);

#endif
