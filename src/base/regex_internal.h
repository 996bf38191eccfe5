/*
 * regex_internal.h - a pattern as a tree, and as a program. For base/ only.
 */
#ifndef BASE_REGEX_INTERNAL_H
#define BASE_REGEX_INTERNAL_H

#include "base/arena.h"
#include "base/regex.h"

enum {
    REGEX_TREE_BYTES_MAX = 32 * 1024 * 1024, /* what the longest pattern's tree and sets can take */
    REGEX_PROGRAM_MAX = 32 * 1024,           /* instructions: repeats are written out */
    REGEX_NESTING_MAX = 64,
};

/* ---- sets of characters (regex_set.c) ---- */

struct char_range {
    uint32_t first, last;
};

struct char_set {
    struct char_range *ranges; /* in order, with gaps in between */
    size_t n;
};

/* Any ranges in any order: gathered, then made into a set. */
struct char_ranges {
    struct arena *arena;
    struct char_range *at;
    size_t n, cap;
};

void ranges_add(struct char_ranges *ranges, uint32_t first, uint32_t last);
/* \d \w \s and their capitals, and '.': the letter names them. 0: there is no such class. */
int ranges_add_class(struct char_ranges *ranges, uint32_t letter);
const struct char_set *ranges_set(struct char_ranges *ranges, int is_negated);
int set_has(const struct char_set *set, uint32_t c);
int char_is_word(uint32_t c);

/* ---- the tree (regex_parse.c) ---- */

enum regex_kind {
    REGEX_CHAR,
    REGEX_SET,
    REGEX_SEQUENCE,    /* children one after the other */
    REGEX_ALTERNATION, /* one of the children */
    REGEX_REPEAT,      /* the child, min to max times */
    REGEX_START,
    REGEX_END,
    REGEX_WORD_EDGE,
    REGEX_LOOK, /* the child ahead of or behind this place */
};

#define REGEX_ENDLESS UINT32_MAX

struct regex_tree {
    enum regex_kind kind;
    int is_negated; /* \B, (?!, (?<! */
    int is_behind;
    uint32_t c;
    const struct char_set *set;
    uint32_t min, max;
    uint32_t look; /* its number + 1 once it has one (regex.c) */
    struct regex_tree *first;
    struct regex_tree *next; /* sibling */
    struct regex_tree *last; /* of a sequence: read backwards, its children are, too */
    struct regex_tree *before;
};

enum err_code regex_parse(struct regex_tree **ret_tree, struct arena *arena, struct slice pattern,
                          struct err *err) MUST_CHECK;

/* ---- the program (regex.c; run by regex_test.c) ---- */

enum regex_op { OP_CHAR, OP_SET, OP_SPLIT, OP_JUMP, OP_START, OP_END, OP_WORD, OP_LOOK, OP_MATCH };

struct regex_inst {
    enum regex_op op;
    int is_negated;
    uint32_t a; /* CHAR: the character; SPLIT, JUMP: where to; LOOK: its number */
    uint32_t b; /* SPLIT: the other way */
    const struct char_set *set;
};

/* A look's program runs towards its place: what is ahead is read backwards from the end. */
struct regex_look {
    uint32_t start;
    int is_behind;
    struct regex_tree *body;
};

struct regex {
    struct arena *arena;
    struct regex_inst *program; /* the whole pattern's starts at 0 */
    uint32_t size, cap;
    struct regex_look *looks; /* one that stands in another has the higher number */
    uint32_t looks_n, looks_cap;
    int is_too_large;
};

#endif
