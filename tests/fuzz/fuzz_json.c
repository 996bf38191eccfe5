/* fuzz_json.c - what is read is written as JSON that reads as the same again. */
#include "fuzz/fuzz.h"

#include "base/json.h"
#include "base/utf8.h"

enum { TEXT_BYTES_MAX = 1 << 20, WRITTEN_BYTES_MAX = TEXT_BYTES_MAX * 8 };

typedef enum err_code write_fn(struct buf *buf, const struct json *node, struct err *err);

/* Writes what is read, and checks that reading and writing that again changes nothing. */
static void check_round(const struct json *root, write_fn *write)
{
    CLEANUP(buf_release) struct buf once = { .max = WRITTEN_BYTES_MAX };
    CLEANUP(buf_release) struct buf twice = { .max = WRITTEN_BYTES_MAX };
    CLEANUP(json_cleanup) struct json *again = NULL;
    struct err err = { 0 };

    ASSERT(write(&once, root, &err) == ERR_NONE);
    ASSERT(utf8_is_valid(buf_slice(&once)));
    ASSERT(json_read(&again, buf_slice(&once), once.max, &err) == ERR_NONE);
    ASSERT(write(&twice, again, &err) == ERR_NONE);
    ASSERT(slice_equal(buf_slice(&once), buf_slice(&twice)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(json_cleanup) struct json *root = NULL;
    CLEANUP(buf_release) struct buf string = { .max = WRITTEN_BYTES_MAX };
    CLEANUP(json_cleanup) struct json *back = NULL;
    struct slice text = { (const char *)data, size };
    struct err err = { 0 };

    if (size > TEXT_BYTES_MAX)
        return 0;
    if (json_read(&root, text, TEXT_BYTES_MAX, &err) == ERR_NONE) {
        check_round(root, json_write);
        check_round(root, json_write_canonical);
    } else {
        ASSERT(!root && utf8_is_valid(slice_of(err.msg)) && err.msg[0]);
    }
    /* Any bytes at all can be put into a string; text comes back as it was. */
    json_put_str(&string, text);
    ASSERT(json_read(&back, buf_slice(&string), string.max, &err) == ERR_NONE);
    if (utf8_is_valid(text))
        ASSERT(slice_equal(json_str(back), text));
    return 0;
}
