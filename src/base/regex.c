/*
 * regex.c - a pattern's tree as a program.
 *
 * The program of what is read backwards has its sequences turned round. Repeats are written out:
 * a{2,4} is aa(a(a)?)?. Source of the idea: K. Thompson, "Regular Expression Search Algorithm",
 * 1968; R. Cox, "Regular Expression Matching Can Be Simple And Fast", 2007.
 */
#include <stdlib.h>

#include "base/regex_internal.h"

static void emit(struct regex *re, struct regex_tree *tree, int is_backward);

static uint32_t add_inst(struct regex *re, struct regex_inst inst)
{
    if (re->size == REGEX_PROGRAM_MAX) {
        re->is_too_large = 1;
        return 0;
    }
    if (re->size == re->cap) {
        re->cap = re->cap > 0 ? re->cap * 2 : 32;
        re->program = xrealloc(re->program, re->cap * sizeof(*re->program));
    }
    re->program[re->size] = inst;
    return re->size++;
}

static void emit_sequence(struct regex *re, const struct regex_tree *tree, int is_backward)
{
    struct regex_tree *child = is_backward ? tree->last : tree->first;

    for (; child; child = is_backward ? child->before : child->next)
        emit(re, child, is_backward);
}

/* split to each alternative but the last; at the end of each a jump behind all. */
static void emit_alternation(struct regex *re, struct regex_tree *first, int is_backward)
{
    uint32_t last_jump = 0;

    for (struct regex_tree *child = first; child && !re->is_too_large; child = child->next) {
        uint32_t split = 0;

        if (child->next)
            split = add_inst(re, (struct regex_inst){ .op = OP_SPLIT, .a = re->size + 1 });
        emit(re, child, is_backward);
        if (!child->next)
            break;
        /* The jumps are chained through their targets until the end is known. */
        last_jump = add_inst(re, (struct regex_inst){ .op = OP_JUMP, .a = last_jump });
        re->program[split].b = re->size;
    }
    while (last_jump > 0 && !re->is_too_large) {
        uint32_t next = re->program[last_jump].a;

        re->program[last_jump].a = re->size;
        last_jump = next;
    }
}

/* Any number of times, none among them. */
static void emit_loop(struct regex *re, struct regex_tree *body, int is_backward)
{
    uint32_t split = add_inst(re, (struct regex_inst){ .op = OP_SPLIT, .a = re->size + 1 });

    emit(re, body, is_backward);
    (void)add_inst(re, (struct regex_inst){ .op = OP_JUMP, .a = split });
    re->program[split].b = re->size;
}

static void emit_repeat(struct regex *re, struct regex_tree *tree, int is_backward)
{
    uint32_t before = re->size;
    uint32_t splits = 0; /* a chain, as in emit_alternation() */

    for (uint32_t i = 0; i < tree->min && !re->is_too_large; i++) {
        emit(re, tree->first, is_backward);
        if (re->size == before)
            return; /* nothing, however often, is nothing */
    }
    if (tree->max == REGEX_ENDLESS) {
        emit_loop(re, tree->first, is_backward);
        return;
    }
    for (uint32_t i = tree->min; i < tree->max && !re->is_too_large; i++) {
        splits =
            1 + add_inst(re, (struct regex_inst){ .op = OP_SPLIT, .a = re->size + 1, .b = splits });
        emit(re, tree->first, is_backward);
    }
    while (splits > 0 && !re->is_too_large) {
        uint32_t at = splits - 1;

        splits = re->program[at].b;
        re->program[at].b = re->size;
    }
}

/* What a look says at a place does not depend on who asks: one program for all its copies. */
static void emit_look(struct regex *re, struct regex_tree *tree)
{
    if (tree->look == 0) {
        if (re->looks_n == re->looks_cap) {
            re->looks_cap = re->looks_cap > 0 ? re->looks_cap * 2 : 4;
            re->looks = xrealloc(re->looks, re->looks_cap * sizeof(*re->looks));
        }
        re->looks[re->looks_n++] =
            (struct regex_look){ .is_behind = tree->is_behind, .body = tree->first };
        tree->look = re->looks_n;
    }
    (void)add_inst(re, (struct regex_inst){
                           .op = OP_LOOK, .is_negated = tree->is_negated, .a = tree->look - 1 });
}

/* Recurses no deeper than groups nest: REGEX_NESTING_MAX, times the few levels of each. */
static void emit(struct regex *re, struct regex_tree *tree, int is_backward)
{
    struct regex_inst inst = { .is_negated = tree->is_negated, .a = tree->c, .set = tree->set };

    if (re->is_too_large)
        return;
    switch (tree->kind) {
    case REGEX_SEQUENCE: emit_sequence(re, tree, is_backward); return;
    case REGEX_ALTERNATION: emit_alternation(re, tree->first, is_backward); return;
    case REGEX_REPEAT: emit_repeat(re, tree, is_backward); return;
    case REGEX_LOOK: emit_look(re, tree); return;
    case REGEX_CHAR: inst.op = OP_CHAR; break;
    case REGEX_SET: inst.op = OP_SET; break;
    case REGEX_START: inst.op = OP_START; break;
    case REGEX_END: inst.op = OP_END; break;
    case REGEX_WORD_EDGE: inst.op = OP_WORD; break;
    }
    (void)add_inst(re, inst);
}

static enum err_code emit_all(struct regex *re, struct regex_tree *tree, struct err *err)
{
    emit(re, tree, 0);
    (void)add_inst(re, (struct regex_inst){ .op = OP_MATCH });
    for (uint32_t i = 0; i < re->looks_n && !re->is_too_large; i++) {
        re->looks[i].start = re->size;
        emit(re, re->looks[i].body, !re->looks[i].is_behind);
        (void)add_inst(re, (struct regex_inst){ .op = OP_MATCH });
    }
    if (re->is_too_large)
        return err_set(err, ERR_LIMIT, "with its repeats written out it is too large");
    return ERR_NONE;
}

enum err_code regex_new(struct regex **ret_regex, struct slice pattern, struct err *err)
{
    struct regex *re = xcalloc(1, sizeof(*re));
    struct regex_tree *tree;

    re->arena = arena_new(REGEX_TREE_BYTES_MAX);
    if (regex_parse(&tree, re->arena, pattern, err) || emit_all(re, tree, err)) {
        regex_free(re);
        return err->code;
    }
    *ret_regex = re;
    return ERR_NONE;
}

void regex_free(struct regex *re)
{
    if (!re)
        return;
    arena_free(re->arena);
    free(re->program);
    free(re->looks);
    free(re);
}

size_t regex_size(const struct regex *re)
{
    return re->size;
}
