#include "base/utf8.h"

struct range {
    uint32_t first, last;
};

/* The lead byte says the length; RFC 3629's table narrows the second byte, which is what
 * refuses overlong forms, surrogates and what lies beyond U+10FFFF. */
static size_t lead_length(unsigned char lead, unsigned char *ret_least, unsigned char *ret_most)
{
    *ret_least = 0x80;
    *ret_most = 0xbf;
    if (lead < 0x80)
        return 1;
    if (lead < 0xc2 || lead > 0xf4)
        return 0;
    if (lead == 0xe0)
        *ret_least = 0xa0;
    if (lead == 0xed)
        *ret_most = 0x9f;
    if (lead == 0xf0)
        *ret_least = 0x90;
    if (lead == 0xf4)
        *ret_most = 0x8f;
    return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

size_t utf8_decode(struct slice text, uint32_t *ret_char)
{
    const unsigned char *p = (const unsigned char *)text.ptr;
    unsigned char least;
    unsigned char most;

    if (text.len == 0)
        return 0;
    size_t len = lead_length(p[0], &least, &most);

    if (len == 0 || len > text.len)
        return 0;
    uint32_t c = len == 1 ? p[0] : p[0] & (0x7fu >> len);

    for (size_t i = 1; i < len; i++) {
        if (p[i] < least || p[i] > most)
            return 0;
        least = 0x80;
        most = 0xbf;
        c = c << 6 | (p[i] & 0x3f);
    }
    *ret_char = c;
    return len;
}

static struct slice rest(struct slice text, size_t from)
{
    return (struct slice){ text.ptr + from, text.len - from };
}

int utf8_is_valid(struct slice text)
{
    for (size_t at = 0; at < text.len;) {
        uint32_t c;
        size_t len = utf8_decode(rest(text, at), &c);

        if (len == 0 || c == 0)
            return 0;
        at += len;
    }
    return 1;
}

struct slice utf8_prefix(struct slice text, size_t max)
{
    if (text.len <= max)
        return text;
    size_t cut = max;

    /* Back over the bytes of a character that goes on past the cut; three at most, so that
     * text which is no UTF-8 still has a prefix. */
    while (cut > 0 && max - cut < 3 && ((unsigned char)text.ptr[cut] & 0xc0) == 0x80)
        cut--;
    if (((unsigned char)text.ptr[cut] & 0xc0) == 0x80)
        cut = max;
    return (struct slice){ text.ptr, cut };
}

struct slice utf8_suffix(struct slice text, size_t max)
{
    if (text.len <= max)
        return text;
    size_t cut = text.len - max;
    size_t at = cut;

    while (at < text.len && at - cut < 3 && ((unsigned char)text.ptr[at] & 0xc0) == 0x80)
        at++;
    if (at < text.len && ((unsigned char)text.ptr[at] & 0xc0) == 0x80)
        at = cut;
    return rest(text, at);
}

size_t utf8_put_text(struct buf *buf, struct slice text, size_t max)
{
    static const struct slice replacement = { UTF8_REPLACEMENT, sizeof(UTF8_REPLACEMENT) - 1 };
    size_t at = 0;

    while (at < text.len) {
        uint32_t c = 0;
        size_t len = utf8_decode(rest(text, at), &c);
        int is_bad = len == 0 || c == 0;
        struct slice shown = is_bad ? replacement : (struct slice){ text.ptr + at, len };

        if (shown.len > max)
            break;
        buf_put(buf, shown);
        max -= shown.len;
        at += is_bad ? 1 : len;
    }
    return at;
}

/* What would steer a terminal, turn the reading direction, or hide. */
static int is_hidden(uint32_t c)
{
    static const struct range hidden[] = {
        { 0x0000, 0x001f },   /* C0 controls, escape among them */
        { 0x007f, 0x009f },   /* delete and C1 controls */
        { 0x00ad, 0x00ad },   /* soft hyphen */
        { 0x061c, 0x061c },   /* Arabic letter mark */
        { 0x180e, 0x180e },   /* Mongolian vowel separator */
        { 0x200b, 0x200f },   /* zero-width space and joiners, direction marks */
        { 0x2028, 0x202e },   /* line and paragraph separators, bidirectional overrides */
        { 0x2060, 0x206f },   /* word joiner, invisible operators, bidirectional isolates */
        { 0xfeff, 0xfeff },   /* zero-width no-break space */
        { 0xfff9, 0xfffb },   /* interlinear annotations */
        { 0xe0000, 0xe007f }, /* tags */
    };

    for (size_t i = 0; i < ARRAY_LEN(hidden); i++)
        if (c >= hidden[i].first && c <= hidden[i].last)
            return 1;
    return 0;
}

void utf8_put_visible(struct buf *buf, struct slice text, int is_multiline)
{
    size_t plain = 0; /* where the run that is copied as it stands begins */
    uint32_t c = 0;

    if (text.len == 0)
        return;
    for (size_t at = 0, len; at < text.len; at += len) {
        len = utf8_decode(rest(text, at), &c);
        int is_bad = len == 0;
        int is_blank = !is_bad && (c == '\n' || c == '\t');

        if (is_bad)
            len = 1;
        else if (!is_hidden(c) || (is_blank && is_multiline))
            continue;
        buf_put(buf, (struct slice){ text.ptr + plain, at - plain });
        plain = at + len;
        if (is_bad)
            buf_puts(buf, UTF8_REPLACEMENT);
        else if (is_blank)
            buf_puts(buf, " ");
        else
            buf_putf(buf, "\\u{%x}", c);
    }
    buf_put(buf, rest(text, plain));
}
