#include "tool/capture.h"

#include <inttypes.h>
#include <stdlib.h>

enum { CAPTURE_NOTE_MAX = 80 };

void capture_init(struct capture *capture, size_t max)
{
    *capture = (struct capture){ 0 };
    capture->ring_max = max / 2;
    capture->head.max = max - capture->ring_max;
}

static void ring_add(struct capture *capture, struct slice bytes)
{
    if (capture->ring_max == 0 || bytes.len == 0)
        return;
    if (!capture->ring)
        capture->ring = xcalloc(1, capture->ring_max);
    if (bytes.len > capture->ring_max) {
        bytes.ptr += bytes.len - capture->ring_max;
        bytes.len = capture->ring_max;
    }
    size_t first = capture->ring_max - capture->ring_at;

    if (first > bytes.len)
        first = bytes.len;
    memcpy(capture->ring + capture->ring_at, bytes.ptr, first);
    memcpy(capture->ring, bytes.ptr + first, bytes.len - first);
    capture->ring_at = (capture->ring_at + bytes.len) % capture->ring_max;
    capture->ring_len += bytes.len;
    if (capture->ring_len > capture->ring_max)
        capture->ring_len = capture->ring_max;
}

void capture_add(struct capture *capture, struct slice bytes)
{
    size_t room = capture->head.max - capture->head.len;
    struct slice head = { bytes.ptr, bytes.len < room ? bytes.len : room };

    capture->total += bytes.len;
    if (head.len > 0)
        buf_put(&capture->head, head);
    ring_add(capture, (struct slice){ bytes.ptr + head.len, bytes.len - head.len });
}

struct slice capture_text(struct capture *capture)
{
    struct buf *text = &capture->head;
    size_t oldest = capture->ring_len < capture->ring_max ? 0 : capture->ring_at;
    uint64_t gap = capture->total - text->len - capture->ring_len;

    if (capture->ring_len == 0)
        return buf_slice(text);
    text->max += capture->ring_len + CAPTURE_NOTE_MAX;
    if (gap > 0)
        buf_putf(text, "\n[... %" PRIu64 " bytes left out ...]\n", gap);
    buf_put(text, (struct slice){ capture->ring + oldest, capture->ring_len - oldest });
    buf_put(text, (struct slice){ capture->ring, oldest });
    capture->ring_len = 0;
    return buf_slice(text);
}

void capture_release(struct capture *capture)
{
    if (!capture)
        return;
    buf_release(&capture->head);
    free(capture->ring);
    capture->ring = NULL;
    capture->ring_len = 0;
    capture->ring_max = 0;
}
