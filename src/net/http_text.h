/*
 * http_text.h - the alphabet of HTTP: tokens and field values (RFC 9110, section 5.6.2 and 5.5).
 */
#ifndef NET_HTTP_TEXT_H
#define NET_HTTP_TEXT_H

#include "base/buf.h"

/* A method or a header's name: one or more token characters. */
static inline int http_is_token(struct slice text)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        int is_alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');

        if (!is_alnum && (c == '\0' || !strchr(marks, c)))
            return 0;
    }
    return text.len > 0;
}

/* A header's value: no control character but the tab. */
static inline int http_is_field_value(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return 0;
    }
    return 1;
}

#endif
