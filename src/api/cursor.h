/*
 * cursor.h - where a list goes on: a number as opaque text. For api/ only.
 *
 * Opaque, so that what it holds may change; checked, so that one made up or cut off is refused
 * instead of giving a page that nobody meant.
 */
#ifndef API_CURSOR_H
#define API_CURSOR_H

#include "base/buf.h"

enum { CURSOR_TEXT_MAX = 40 };

/* what: the kind of list, so that a cursor of one is no cursor of another. Returns text. */
const char *cursor_text(char text[CURSOR_TEXT_MAX], char what, int64_t at);

/* 0, or 1 and *ret_at untouched: not a cursor of that kind. */
int cursor_read(int64_t *ret_at, char what, struct slice text);

#endif
