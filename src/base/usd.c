#include "base/usd.h"

#include <stdio.h>

const char *usd_text(char text[USD_TEXT_MAX], int64_t nanousd)
{
    const uint64_t unit = 1000000000u;
    uint64_t size = nanousd < 0 ? 0 - (uint64_t)nanousd : (uint64_t)nanousd;
    int len = snprintf(text, USD_TEXT_MAX, "%s%llu.%09llu", nanousd < 0 ? "-" : "",
                       (unsigned long long)(size / unit), (unsigned long long)(size % unit));

    while (text[len - 1] == '0')
        text[--len] = '\0';
    if (text[len - 1] == '.')
        text[len - 1] = '\0';
    return text;
}
