/* nearest.c - the optimal string alignment distance, over three rows of its table. */
#include "base/nearest.h"

enum { WORD_MAX = 64 }; /* longer words are not compared: they are no slip of the hand */

static unsigned char folded(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* rows[0] is the current row, [1] the one before it, [2] the one before that. */
static void fill_row(unsigned *const rows[3], struct slice a, struct slice b, size_t i)
{
    rows[0][0] = (unsigned)i;
    for (size_t j = 1; j <= b.len; j++) {
        unsigned char x = folded(a.ptr[i - 1]);
        unsigned char y = folded(b.ptr[j - 1]);
        unsigned best = least(rows[1][j], rows[0][j - 1]) + 1;

        best = least(best, rows[1][j - 1] + (x != y));
        if (i > 1 && j > 1 && x == folded(b.ptr[j - 2]) && y == folded(a.ptr[i - 2]))
            best = least(best, rows[2][j - 2] + 1);
        rows[0][j] = best;
    }
}

static unsigned distance(struct slice a, struct slice b)
{
    unsigned table[3][WORD_MAX + 1] = { 0 };

    for (size_t j = 0; j <= b.len; j++)
        table[0][j] = (unsigned)j;
    for (size_t i = 1; i <= a.len; i++) {
        unsigned *const rows[3] = { table[i % 3], table[(i + 2) % 3], table[(i + 1) % 3] };

        fill_row(rows, a, b, i);
    }
    return table[a.len % 3][b.len];
}

const char *nearest_word(struct slice word, const char *const *known, size_t known_n)
{
    const char *nearest = NULL;
    unsigned allowed = least((unsigned)(word.len / 3), WORD_MAX) + (word.len < 3);

    if (word.len == 0 || word.len > WORD_MAX)
        return NULL;
    for (size_t i = 0; i < known_n; i++) {
        struct slice candidate = slice_of(known[i]);

        if (candidate.len > WORD_MAX)
            continue;
        unsigned slips = distance(word, candidate);

        if (slips < allowed + !nearest) {
            nearest = known[i];
            allowed = slips;
        }
    }
    return nearest;
}
