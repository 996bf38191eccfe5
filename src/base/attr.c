#include "base/attr.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void assert_failed(const char *cond, const char *file, int line)
{
    (void)fprintf(stderr, "BUG: %s:%d: %s\n", file, line, cond);
    abort();
}

static _Noreturn void out_of_memory(size_t size)
{
    (void)fprintf(stderr, "FATAL: out of memory (%zu bytes were asked for)\n", size);
    abort();
}

void *xcalloc(size_t count, size_t size)
{
    void *p = calloc(count, size);

    if (!p)
        out_of_memory(size);
    return p;
}

void *xrealloc(void *ptr, size_t size)
{
    ASSERT(size > 0);
    void *p = realloc(ptr, size);

    if (!p)
        out_of_memory(size);
    return p;
}

char *xstrdup(const char *text)
{
    char *copy = strdup(text);

    if (!copy)
        out_of_memory(strlen(text) + 1);
    return copy;
}
