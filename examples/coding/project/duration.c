#include "duration.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

long duration_parse(const char *text)
{
    long total = 0;

    if (*text == '\0')
        return -1;
    while (*text) {
        long n = 0;
        int digits = 0;

        for (; isdigit((unsigned char)*text) && digits < 9; digits++)
            n = n * 10 + (*text++ - '0');
        if (digits == 0)
            return -1;
        switch (*text++) {
        case 'h': total += n * 3600; break;
        case 'm': total = n * 60; break;
        case 's': total += n; break;
        default: return -1;
        }
    }
    return total;
}

char *duration_format(char *out, size_t size, long seconds)
{
    size_t len = 0;

    out[0] = '\0';
    if (seconds / 3600)
        len += (size_t)snprintf(out + len, size - len, "%ldh", seconds / 3600);
    if (seconds / 60 % 60)
        len += (size_t)snprintf(out + len, size - len, "%ldm", seconds / 60 % 60);
    if (seconds % 60)
        (void)snprintf(out + len, size - len, "%lds", seconds % 60);
    return out;
}
