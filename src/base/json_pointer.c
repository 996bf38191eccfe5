/* json_pointer.c - the way to a value inside of another: RFC 6901. */
#include "base/json.h"

enum { NAME_MAX_BYTES = 1024 };

/* One name of the pointer with its ~0 and ~1 undone; 0: it is none, or too long to be any. */
static int unescape(struct slice token, char name[NAME_MAX_BYTES])
{
    size_t n = 0;

    for (size_t i = 0; i < token.len; i++) {
        char c = token.ptr[i];

        if (c == '~') {
            if (++i == token.len || (token.ptr[i] != '0' && token.ptr[i] != '1'))
                return 0;
            c = token.ptr[i] == '1' ? '/' : '~';
        }
        if (n + 1 == NAME_MAX_BYTES)
            return 0;
        name[n++] = c;
    }
    name[n] = '\0';
    return 1;
}

/* By its digits, without a 0 before them. */
static const struct json *element(const struct json *array, const char *digits)
{
    size_t i = 0;

    if (digits[0] == '\0' || (digits[0] == '0' && digits[1] != '\0'))
        return NULL;
    for (; *digits; digits++) {
        if (*digits < '0' || *digits > '9' || i > json_count(array))
            return NULL;
        i = i * 10 + (size_t)(*digits - '0');
    }
    return i < json_count(array) ? json_at(array, i) : NULL;
}

const struct json *json_pointer(const struct json *root, struct slice pointer)
{
    const struct json *node = root;
    char name[NAME_MAX_BYTES];

    while (pointer.len > 0 && node) {
        const char *slash = memchr(pointer.ptr + 1, '/', pointer.len - 1);
        size_t len = slash ? (size_t)(slash - pointer.ptr) : pointer.len;

        if (pointer.ptr[0] != '/' || !unescape((struct slice){ pointer.ptr + 1, len - 1 }, name))
            return NULL;
        node = json_kind(node) == JSON_KIND_ARRAY ? element(node, name) : json_get(node, name);
        pointer = (struct slice){ pointer.ptr + len, pointer.len - len };
    }
    return node;
}
