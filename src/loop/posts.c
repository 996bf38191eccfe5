#include "loop/posts.h"

void posts_add(struct posts *posts, struct loop_post *post)
{
    struct post_list *list = &posts->waiting;

    if (post->is_queued)
        return;
    post->is_queued = 1;
    post->next = NULL;
    if (list->last)
        list->last->next = post;
    else
        list->first = post;
    list->last = post;
}

static int unlink_from(struct post_list *list, struct loop_post *post)
{
    struct loop_post *before = NULL;

    for (struct loop_post *p = list->first; p; before = p, p = p->next) {
        if (p != post)
            continue;
        if (before)
            before->next = post->next;
        else
            list->first = post->next;
        if (list->last == post)
            list->last = before;
        return 1;
    }
    return 0;
}

void posts_cancel(struct posts *posts, struct loop_post *post)
{
    if (!post->is_queued)
        return;
    int was_there = unlink_from(&posts->waiting, post) || unlink_from(&posts->running, post);

    ASSERT(was_there);
    post->is_queued = 0;
}

static struct loop_post *pop(struct post_list *list)
{
    struct loop_post *post = list->first;

    if (post) {
        list->first = post->next;
        list->last = list->first ? list->last : NULL;
        post->is_queued = 0;
    }
    return post;
}

int posts_any(const struct posts *posts)
{
    return posts->waiting.first || posts->running.first;
}

size_t posts_run(struct posts *posts)
{
    size_t ran = 0;

    ASSERT(!posts->running.first);
    posts->running = posts->waiting;
    posts->waiting = (struct post_list){ 0 };
    for (struct loop_post *post; (post = pop(&posts->running)); ran++)
        post->fn(post->arg);
    return ran;
}
