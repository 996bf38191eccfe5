/*
 * nearest.h - what was meant by a word that is none of those known: "did you mean ...?"
 */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include "base/buf.h"

/*
 * The known word that is the fewest slips away from `word`, or NULL if none is near: a slip is a
 * character too many, too few, another one, or two neighbours swapped; one slip is allowed for
 * every three characters, and one at least. Case is no slip. The first of several wins.
 */
const char *nearest_word(struct slice word, const char *const *known, size_t known_n);

#endif
