#include "duration.h"

#include <stdio.h>
#include <string.h>

static int passed;
static int failed;

static void parses(const char *text, long expected)
{
    long got = duration_parse(text);

    if (got == expected) {
        passed++;
        return;
    }
    failed++;
    printf("FAILED: \"%s\" is %ld s, and was parsed as %ld\n", text, expected, got);
}

static void formats(long seconds, const char *expected)
{
    char got[64];

    if (strcmp(duration_format(got, sizeof(got), seconds), expected) == 0) {
        passed++;
        return;
    }
    failed++;
    printf("FAILED: %ld s is \"%s\", and was written as \"%s\"\n", seconds, expected, got);
}

int main(void)
{
    parses("45s", 45);
    parses("2h", 7200);
    parses("1h30m", 5400);
    parses("1h1m1s", 3661);
    parses("", -1);
    parses("10", -1);
    parses("h", -1);
    formats(45, "45s");
    formats(5400, "1h30m");
    formats(86400, "24h");
    formats(0, "0s");
    printf("%d passed, %d failed\n", passed, failed);
    return failed ? 1 : 0;
}
