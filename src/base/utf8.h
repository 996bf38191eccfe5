/*
 * utf8.h - text from outside: is it UTF-8, and how to show it harmlessly.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/buf.h"

/* U+FFFD, which stands for bytes that are no text. */
#define UTF8_REPLACEMENT "\xef\xbf\xbd"

/* The length in bytes of the character at the start of text, 1 to 4; 0: bad bytes, or no text. */
size_t utf8_decode(struct slice text, uint32_t *ret_char);

int utf8_is_valid(struct slice text); /* no overlongs, no surrogates; NUL is not text */

/*
 * The longest prefix of at most `max` bytes that does not cut a character.
 */
struct slice utf8_prefix(struct slice text, size_t max);
struct slice utf8_suffix(struct slice text, size_t max); /* the same, from the end */

/*
 * Appends the beginning of text, at most `max` bytes; bad bytes and NUL become U+FFFD. Returns how
 * many bytes of text that took.
 */
size_t utf8_put_text(struct buf *buf, struct slice text, size_t max);

/*
 * Appends text for a terminal: control characters, escape sequences, bidirectional
 * overrides and zero-width characters become visible \u{...}; newline and tab stay if
 * `is_multiline`, else become a space; bad bytes become U+FFFD.
 */
void utf8_put_visible(struct buf *buf, struct slice text, int is_multiline);

#endif
