#include "base/id.h"

#include <stdio.h>

enum { UUID_TEXT_LEN = 36 };

struct id id_make(const char *prefix, int64_t now_ms, struct random *random)
{
    ASSERT(strlen(prefix) + UUID_TEXT_LEN < ID_TEXT_MAX);
    uint64_t time = (uint64_t)now_ms & 0xffffffffffffu;
    uint64_t a = random_u64(random) & 0xfff;
    uint64_t b = (random_u64(random) & 0x3fffffffffffffffu) | 0x8000000000000000u;
    struct id id;

    (void)snprintf(id.text, sizeof(id.text), "%s%08x-%04x-7%03x-%04x-%012llx", prefix,
                   (unsigned)(time >> 16), (unsigned)(time & 0xffff), (unsigned)a,
                   (unsigned)(b >> 48), (unsigned long long)(b & 0xffffffffffffu));
    return id;
}

static int is_uuid_char(size_t at, char c)
{
    if (at == 8 || at == 13 || at == 18 || at == 23)
        return c == '-';
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

int id_is_valid(struct slice text, const char *prefix)
{
    size_t skip = strlen(prefix);

    if (text.len != skip + UUID_TEXT_LEN || memcmp(text.ptr, prefix, skip) != 0)
        return 0;
    for (size_t i = 0; i < UUID_TEXT_LEN; i++)
        if (!is_uuid_char(i, text.ptr[skip + i]))
            return 0;
    return 1;
}
