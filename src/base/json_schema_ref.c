/* json_schema_ref.c - where a `$ref` leads. Sources: RFC 6901, RFC 3986 for %25. */
#include <stdlib.h>

#include "base/json_schema_compile.h"

enum { REF_BYTES_MAX = 4096 };

static int hex_digit(char c)
{
    const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, c | 0x20) : NULL;

    return at ? (int)(at - digits) : -1;
}

/* One name of a pointer in a URI's fragment: %25, then ~0 and ~1. 0: it is none. */
static int decode_token(struct slice token, char *to)
{
    for (size_t i = 0; i < token.len; i++, to++) {
        char next = '\0';

        if (i + 1 < token.len)
            next = token.ptr[i + 1];
        *to = token.ptr[i];
        if (*to == '%') {
            int high = hex_digit(next);
            int low = i + 2 < token.len ? hex_digit(token.ptr[i + 2]) : -1;

            if (high < 0 || low < 0 || high + low == 0)
                return 0;
            *to = (char)(high * 16 + low);
            i += 2;
        } else if (*to == '~') {
            if (next != '0' && next != '1')
                return 0;
            *to = next == '0' ? '~' : '/';
            i++;
        }
    }
    *to = '\0';
    return 1;
}

static const struct json *child_of(const struct json *json, const char *token)
{
    char *end = NULL;

    if (json_kind(json) == JSON_KIND_OBJECT)
        return json_get(json, token);
    if (json_kind(json) != JSON_KIND_ARRAY || token[0] < '0' || token[0] > '9' ||
        (token[0] == '0' && token[1]))
        return NULL;
    unsigned long index = strtoul(token, &end, 10);

    return *end ? NULL : json_at(json, index);
}

/* Follows "/a/b" from the root. NULL: it leads nowhere. */
static const struct schema_node *node_at_pointer(struct compiler *c, struct slice pointer,
                                                 const struct json_step *from)
{
    const struct json *json = c->root;
    const struct json_step *at = NULL;

    while (pointer.len > 0 && json && schema_count_parts(c, 1)) {
        const char *slash = memchr(pointer.ptr + 1, '/', pointer.len - 1);
        size_t len = slash ? (size_t)(slash - pointer.ptr) : pointer.len;
        char *token = arena_alloc(c->schema->arena, len + 1);

        if (!decode_token((struct slice){ pointer.ptr + 1, len - 1 }, token))
            break;
        json = child_of(json, token);
        at = schema_step_key(c, at, token);
        pointer = (struct slice){ pointer.ptr + len, pointer.len - len };
    }
    if (json && pointer.len == 0)
        return schema_node_at(c, json, at);
    schema_complain(c, from, "leads nowhere in this schema");
    return NULL;
}

/* What stands behind '#', if the reference stays in this schema; else ptr is NULL. */
static struct slice local_part(struct compiler *c, struct slice ref)
{
    struct slice id = json_str(json_get(c->root, "$id"));
    size_t id_len = id.len > 0 && id.ptr[id.len - 1] == '#' ? id.len - 1 : id.len;

    if (ref.len > 0 && ref.ptr[0] != '#' && id_len > 0 && ref.len >= id_len &&
        memcmp(ref.ptr, id.ptr, id_len) == 0)
        ref = (struct slice){ ref.ptr + id_len, ref.len - id_len };
    else if (ref.len == 0 || ref.ptr[0] != '#')
        return (struct slice){ 0 };
    if (ref.len == 0)
        return ref;
    if (ref.ptr[0] != '#' || (ref.len > 1 && ref.ptr[1] != '/'))
        return (struct slice){ 0 };
    return (struct slice){ ref.ptr + 1, ref.len - 1 };
}

const struct schema_node *schema_node_at_ref(struct compiler *c, struct slice ref,
                                             const struct json_step *from)
{
    struct slice pointer = local_part(c, ref);

    if (pointer.ptr && ref.len <= REF_BYTES_MAX)
        return node_at_pointer(c, pointer, from);
    schema_complain(c, from,
                    pointer.ptr
                        ? "is too long"
                        : "must be '#' or begin with '#/': no other reference is supported");
    return NULL;
}
