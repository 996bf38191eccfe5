#include "net/sse_write.h"

static size_t line_end(struct slice text)
{
    size_t len = 0;

    while (len < text.len && text.ptr[len] != '\n' && text.ptr[len] != '\r')
        len++;
    return len;
}

size_t sse_bytes_max(const struct sse_message *event)
{
    size_t lines = 1;

    for (size_t i = 0; i < event->data.len; i++)
        lines += event->data.ptr[i] == '\n' || event->data.ptr[i] == '\r';
    return event->id.len + event->name.len + event->data.len + lines * strlen("data: \n") +
           SSE_FIXED_MAX;
}

static void put_field(struct buf *buf, const char *field, struct slice value)
{
    ASSERT(line_end(value) == value.len);
    buf_puts(buf, field);
    buf_puts(buf, ": ");
    buf_put(buf, value);
    buf_puts(buf, "\n");
}

void sse_put(struct buf *buf, const struct sse_message *event)
{
    struct slice rest = event->data;

    if (event->id.ptr)
        put_field(buf, "id", event->id);
    if (event->name.len > 0)
        put_field(buf, "event", event->name);
    for (;;) {
        size_t len = line_end(rest);

        put_field(buf, "data", (struct slice){ rest.ptr, len });
        if (len == rest.len)
            break;
        size_t end =
            rest.ptr[len] == '\r' && len + 1 < rest.len && rest.ptr[len + 1] == '\n' ? 2 : 1;

        rest = (struct slice){ rest.ptr + len + end, rest.len - len - end };
    }
    buf_puts(buf, "\n");
}

void sse_put_heartbeat(struct buf *buf)
{
    buf_puts(buf, ":\n\n");
}

void sse_put_retry(struct buf *buf, int64_t ms)
{
    buf_putf(buf, "retry: %lld\n\n", (long long)ms);
}
