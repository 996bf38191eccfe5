#include "base/base64.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_put(struct buf *text, struct slice bytes)
{
    for (size_t at = 0; at < bytes.len; at += 3) {
        size_t n = bytes.len - at < 3 ? bytes.len - at : 3;
        uint32_t group = 0;
        char out[4] = { '=', '=', '=', '=' };

        for (size_t i = 0; i < 3; i++)
            group = group << 8 | (i < n ? (unsigned char)bytes.ptr[at + i] : 0u);
        for (size_t i = 0; i <= n; i++)
            out[i] = digits[group >> (18 - 6 * i) & 63];
        buf_put(text, (struct slice){ out, sizeof(out) });
    }
}

static int value_of(char c)
{
    const char *at = c ? strchr(digits, c) : NULL;

    return at ? (int)(at - digits) : -1;
}

/* Four digits, of which the last `padding` are '='. 0: they are none. */
static int read_group(const char *text, size_t padding, unsigned char ret_bytes[3])
{
    uint32_t group = 0;

    for (size_t i = 0; i < 4; i++) {
        int value = i < 4 - padding ? value_of(text[i]) : 0;

        if (value < 0)
            return 0;
        group = group << 6 | (uint32_t)value;
    }
    for (size_t i = 0; i < 3; i++)
        ret_bytes[i] = (unsigned char)(group >> (16 - 8 * i));
    /* Bits that no byte takes must be 0: each key has one text. */
    return (group & ((1u << (8 * padding)) - 1)) == 0;
}

enum err_code base64_add(struct buf *bytes, struct slice text, struct err *err)
{
    size_t len = bytes->len;

    for (size_t at = 0; at < text.len; at += 4) {
        int is_last = at + 4 >= text.len;
        unsigned char group[3] = { 0 };
        size_t padding = 0;

        while (is_last && padding < 2 && text.len % 4 == 0 &&
               text.ptr[text.len - 1 - padding] == '=')
            padding++;
        if (text.len - at < 4 || !read_group(text.ptr + at, padding, group)) {
            buf_cut(bytes, len);
            return err_set(err, ERR_INVALID, "it is not base64");
        }
        if (buf_add(bytes, (struct slice){ (const char *)group, 3 - padding }, err)) {
            buf_cut(bytes, len);
            return err->code;
        }
    }
    return ERR_NONE;
}
