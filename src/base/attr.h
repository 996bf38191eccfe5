/* attr.h - compiler attributes and assertions used everywhere. Depends on nothing. */
#ifndef BASE_ATTR_H
#define BASE_ATTR_H

#include <stddef.h>

#define MUST_CHECK                      __attribute__((warn_unused_result))
#define PRINTF(fmt, args)               __attribute__((format(printf, fmt, args)))
#define CLEANUP(fn)                     __attribute__((cleanup(fn)))
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
#define ARRAY_LEN(a)                    (sizeof(a) / sizeof((a)[0]))

/* Give ownership away: yields the pointer and leaves NULL behind for the cleanup. */
#define TAKE(p)                                                                                    \
    __extension__({                                                                                \
        __typeof__(p) take_ = (p);                                                                 \
        (p) = NULL;                                                                                \
        take_;                                                                                     \
    })

/* On in every build. A false condition is a bug of ours, never bad input. */
#define ASSERT(cond) ((cond) ? (void)0 : assert_failed(#cond, __FILE__, __LINE__))
_Noreturn void assert_failed(const char *cond, const char *file, int line);

/*
 * Memory of small, fixed size. No memory ends the process: the state is durable and a
 * restart is a tested path. Sizes that come from outside are bounded before they get here.
 */
void *xcalloc(size_t count, size_t size) __attribute__((returns_nonnull, malloc));
void *xrealloc(void *ptr, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *text) __attribute__((returns_nonnull, malloc));

#endif
