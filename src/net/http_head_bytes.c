/*
 * http_head_bytes.c - is there anything in a request's head that libmicrohttpd has not read?
 *
 * It takes a NUL for the end of a text, so that "Content-Length: 2\\0, 40" is 2 to it and something
 * else to others; it puts folded lines together, and takes a CR or an LF alone for the end of a
 * line, which others may not. All that is refused (RFC 9110, section 5.5; RFC 9112, sections 2.2
 * and 5.2). What it gives out are pointers into the head as it came, with NULs in place of what
 * ended each part. So the parts must lie one behind the other with nothing between them but those.
 * That the library works so is seen by any test at all: if it did not, every request would be
 * refused.
 */
#include "net/http_request.h"

enum {
    LINE_END = 2,
    HEAD_END = 2 * LINE_END
}; /* CR LF; the last line is followed by an empty one */

struct walk {
    const char *end; /* of the part before */
    int is_broken;
};

static void go_on(struct walk *walk, const char *part, ptrdiff_t gap)
{
    walk->is_broken |= part - walk->end != gap;
}

/* A colon was there, and blanks. */
static int is_separator(const char *from, const char *to)
{
    if (from >= to || *from != '\0')
        return 0;
    while (++from < to && (*from == ' ' || *from == '\t'))
        continue;
    return from == to;
}

static enum MHD_Result walk_header(void *arg, enum MHD_ValueKind kind, const char *name,
                                   size_t name_len, const char *value, size_t value_len)
{
    struct walk *walk = arg;

    (void)kind;
    go_on(walk, name, LINE_END);
    if (!walk->is_broken)
        walk->is_broken = !is_separator(name + name_len, value);
    walk->end = value + value_len;
    return walk->is_broken ? MHD_NO : MHD_YES;
}

int http_request_is_all_read(const struct http_request *request, const char *method,
                             const char *version, size_t head_bytes)
{
    struct walk walk = { .end = method + strlen(method) };

    go_on(&walk, request->raw_target, 1);
    walk.end = request->raw_target + request->raw_target_len;
    go_on(&walk, version, 1);
    walk.end = version + strlen(version);
    if (!walk.is_broken)
        (void)MHD_get_connection_values_n(request->conn->connection, MHD_HEADER_KIND, walk_header,
                                          &walk);
    if (!walk.is_broken)
        go_on(&walk, method + head_bytes, HEAD_END);
    return !walk.is_broken;
}
