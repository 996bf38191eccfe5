/* regex_set.c - sets of characters: \d, \w, \s and what stands in brackets. */
#include <stdlib.h>

#include "base/regex_internal.h"

enum { CHAR_MAX_VALUE = 0x10ffff };

static const struct char_range digits[] = { { '0', '9' } };
static const struct char_range words[] = { { '0', '9' }, { 'A', 'Z' }, { '_', '_' }, { 'a', 'z' } };
/* ECMA-262: WhiteSpace and LineTerminator. */
static const struct char_range spaces[] = {
    { '\t', '\r' },     { ' ', ' ' },       { 0xa0, 0xa0 },     { 0x1680, 0x1680 },
    { 0x2000, 0x200a }, { 0x2028, 0x2029 }, { 0x202f, 0x202f }, { 0x205f, 0x205f },
    { 0x3000, 0x3000 }, { 0xfeff, 0xfeff },
};
static const struct char_range line_ends[] = { { '\n', '\n' }, { '\r', '\r' }, { 0x2028, 0x2029 } };

void ranges_add(struct char_ranges *ranges, uint32_t first, uint32_t last)
{
    if (ranges->n == ranges->cap) {
        size_t cap = ranges->cap > 0 ? ranges->cap * 2 : 8;
        struct char_range *grown = arena_alloc(ranges->arena, cap * sizeof(*grown));

        if (ranges->n > 0)
            memcpy(grown, ranges->at, ranges->n * sizeof(*grown));
        ranges->at = grown;
        ranges->cap = cap;
    }
    ranges->at[ranges->n++] = (struct char_range){ first, last };
}

static void add_all(struct char_ranges *ranges, const struct char_range *at, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ranges_add(ranges, at[i].first, at[i].last);
}

/* The ranges are in order. */
static void add_others(struct char_ranges *ranges, const struct char_range *at, size_t n)
{
    uint32_t from = 0;

    for (size_t i = 0; i < n; i++) {
        if (at[i].first > from)
            ranges_add(ranges, from, at[i].first - 1);
        from = at[i].last + 1;
    }
    if (from <= CHAR_MAX_VALUE)
        ranges_add(ranges, from, CHAR_MAX_VALUE);
}

int ranges_add_class(struct char_ranges *ranges, uint32_t letter)
{
    switch (letter) {
    case 'd': add_all(ranges, digits, ARRAY_LEN(digits)); return 1;
    case 'D': add_others(ranges, digits, ARRAY_LEN(digits)); return 1;
    case 'w': add_all(ranges, words, ARRAY_LEN(words)); return 1;
    case 'W': add_others(ranges, words, ARRAY_LEN(words)); return 1;
    case 's': add_all(ranges, spaces, ARRAY_LEN(spaces)); return 1;
    case 'S': add_others(ranges, spaces, ARRAY_LEN(spaces)); return 1;
    case '.': add_others(ranges, line_ends, ARRAY_LEN(line_ends)); return 1;
    default: return 0;
    }
}

static int compare_ranges(const void *a, const void *b)
{
    uint32_t x = ((const struct char_range *)a)->first;
    uint32_t y = ((const struct char_range *)b)->first;

    return (x > y) - (x < y);
}

/* Sorts, and joins what overlaps or touches. */
static void tidy_up(struct char_ranges *ranges)
{
    size_t kept = 0;

    if (ranges->n == 0)
        return;
    qsort(ranges->at, ranges->n, sizeof(*ranges->at), compare_ranges);
    for (size_t i = 1; i < ranges->n; i++) {
        struct char_range *last = &ranges->at[kept];

        if (ranges->at[i].first > last->last + 1)
            ranges->at[++kept] = ranges->at[i];
        else if (ranges->at[i].last > last->last)
            last->last = ranges->at[i].last;
    }
    ranges->n = kept + 1;
}

const struct char_set *ranges_set(struct char_ranges *ranges, int is_negated)
{
    struct char_set *set = arena_alloc(ranges->arena, sizeof(*set));
    struct char_ranges others = { .arena = ranges->arena };

    tidy_up(ranges);
    if (is_negated)
        add_others(&others, ranges->at, ranges->n);
    *set = is_negated ? (struct char_set){ others.at, others.n }
                      : (struct char_set){ ranges->at, ranges->n };
    return set;
}

int set_has(const struct char_set *set, uint32_t c)
{
    size_t from = 0;
    size_t to = set->n;

    while (from < to) {
        size_t middle = from + (to - from) / 2;

        if (c > set->ranges[middle].last)
            from = middle + 1;
        else if (c < set->ranges[middle].first)
            to = middle;
        else
            return 1;
    }
    return 0;
}

int char_is_word(uint32_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || c == '_' || (c >= 'a' && c <= 'z');
}
