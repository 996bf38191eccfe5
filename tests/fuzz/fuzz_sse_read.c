/* fuzz_sse_read.c - how the bytes of an event stream were split makes no difference. */
#include "fuzz/fuzz.h"

#include "base/hash.h"
#include "net/sse_read.h"

enum { BYTES_MAX = 256 };

struct heard {
    uint64_t hash;
    size_t events;
};

static void mix(struct heard *heard, struct slice text)
{
    heard->hash = heard->hash * 31 + hash_stable(text);
}

static enum err_code on_event(const struct sse_event *event, void *arg, struct err *err)
{
    struct heard *heard = arg;

    (void)err;
    ASSERT(event->data.len <= BYTES_MAX);
    mix(heard, event->type);
    mix(heard, event->data);
    mix(heard, event->id);
    heard->events++;
    return ERR_NONE;
}

static enum err_code read_in_steps(struct slice stream, size_t step, struct heard *heard)
{
    struct sse_reader reader;
    struct err err = { 0 };

    sse_reader_init(&reader, BYTES_MAX, on_event, heard);
    for (size_t at = 0; at < stream.len && !err.code; at += step) {
        size_t n = stream.len - at < step ? stream.len - at : step;
        enum err_code code = sse_reader_feed(&reader, (struct slice){ stream.ptr + at, n }, &err);

        ASSERT(code == err.code && (code == ERR_NONE || code == ERR_LIMIT));
    }
    sse_reader_release(&reader);
    return err.code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice stream = { (const char *)data, size };
    struct heard whole = { 0 };
    enum err_code code = read_in_steps(stream, size > 0 ? size : 1, &whole);

    for (size_t step = 1; step <= 7; step++) {
        struct heard heard = { 0 };

        ASSERT(read_in_steps(stream, step, &heard) == code);
        ASSERT(heard.hash == whole.hash && heard.events == whole.events);
    }
    return 0;
}
