/*
 * regex_test.c - a program run over a text by sets of states.
 *
 * A sweep goes through the text in one direction and begins the program anew at each place, so it
 * knows at each place whether a match ends there. That is all that is needed: whether the pattern
 * occurs (any end will do); whether something stands behind a place (it ends there); and, run from
 * the end with a program that is turned round, whether something stands ahead of it.
 */
#include <stdlib.h>

#include "base/regex_internal.h"
#include "base/utf8.h"

/* A set of instructions that forgets in no time: Briggs and Torczon's sparse set. */
struct states {
    uint32_t *dense;
    uint32_t *sparse;
    uint32_t n;
};

struct match {
    const struct regex *re;
    uint32_t *text; /* characters */
    size_t n;
    uint8_t **looks; /* of each look, what it says at each place from 0 to n */
    struct states now, next;
    uint32_t *stack;
    int has_match; /* the program was gone through to its end here */
    uint64_t *work;
    int is_over; /* no work is left */
};

static void states_init(struct states *states, uint32_t size)
{
    states->dense = xcalloc(size, sizeof(*states->dense));
    states->sparse = xcalloc(size, sizeof(*states->sparse));
    states->n = 0;
}

static void states_release(struct states *states)
{
    free(states->dense);
    free(states->sparse);
}

/* 0: it was in already. */
static int states_add(struct states *states, uint32_t pc)
{
    uint32_t at = states->sparse[pc];

    if (at < states->n && states->dense[at] == pc)
        return 0;
    states->sparse[pc] = states->n;
    states->dense[states->n++] = pc;
    return 1;
}

static int is_word_at(const struct match *m, size_t i)
{
    return i < m->n && char_is_word(m->text[i]);
}

/* Whether an instruction that takes no character lets through at a place. */
static int holds(const struct match *m, const struct regex_inst *inst, size_t place)
{
    int is_so = 0;

    switch (inst->op) {
    case OP_START: is_so = place == 0; break;
    case OP_END: is_so = place == m->n; break;
    case OP_WORD: is_so = (place > 0 && is_word_at(m, place - 1)) != is_word_at(m, place); break;
    case OP_LOOK: is_so = m->looks[inst->a][place]; break;
    case OP_CHAR:
    case OP_SET:
    case OP_SPLIT:
    case OP_JUMP:
    case OP_MATCH: break;
    }
    return is_so != inst->is_negated;
}

/* Adds an instruction, and all that are reached from it without taking a character. */
static void follow(struct match *m, struct states *states, uint32_t pc, size_t place)
{
    size_t depth = 0;

    m->stack[depth++] = pc;
    while (depth > 0) {
        pc = m->stack[--depth];
        const struct regex_inst *inst = &m->re->program[pc];

        if (!states_add(states, pc))
            continue;
        if (*m->work == 0) {
            m->is_over = 1;
            return;
        }
        --*m->work;
        if (inst->op == OP_CHAR || inst->op == OP_SET)
            continue;
        if (inst->op == OP_MATCH) {
            m->has_match = 1;
        } else if (inst->op == OP_SPLIT) {
            m->stack[depth++] = inst->b;
            m->stack[depth++] = inst->a;
        } else if (inst->op == OP_JUMP) {
            m->stack[depth++] = inst->a;
        } else if (holds(m, inst, place)) {
            m->stack[depth++] = pc + 1;
        }
    }
}

static int takes(const struct regex_inst *inst, uint32_t c)
{
    return (inst->op == OP_CHAR && inst->a == c) || (inst->op == OP_SET && set_has(inst->set, c));
}

/* From `now`, with a character, to `next` at the place behind it. */
static void step(struct match *m, uint32_t c, size_t place)
{
    for (uint32_t i = 0; i < m->now.n && !m->is_over; i++) {
        uint32_t pc = m->now.dense[i];

        if (takes(&m->re->program[pc], c))
            follow(m, &m->next, pc + 1, place);
    }
    struct states done = m->now;

    m->now = m->next;
    m->next = done;
    m->next.n = 0;
}

/*
 * Runs the program at `start`. With ends it writes whether a match ends at each place; without, it
 * stops at the first and says whether there was one.
 */
static int sweep(struct match *m, uint32_t start, int is_leftward, uint8_t *ends)
{
    m->now.n = m->next.n = 0;
    m->has_match = 0;
    for (size_t i = 0; i <= m->n && !m->is_over; i++) {
        size_t place = is_leftward ? m->n - i : i;

        follow(m, &m->now, start, place);
        if (ends)
            ends[place] = (uint8_t)m->has_match;
        else if (m->has_match)
            return 1;
        m->has_match = 0;
        if (i == m->n)
            break;
        if (is_leftward)
            step(m, m->text[place - 1], place - 1);
        else
            step(m, m->text[place], place + 1);
    }
    return 0;
}

/* A look that stands in another has the higher number, so it is there when the other asks. */
static void sweep_looks(struct match *m)
{
    for (uint32_t i = m->re->looks_n; i > 0 && !m->is_over; i--) {
        const struct regex_look *look = &m->re->looks[i - 1];

        if (*m->work < m->n) {
            m->is_over = 1;
            return;
        }
        *m->work -= m->n;
        m->looks[i - 1] = xcalloc(m->n + 1, 1);
        (void)sweep(m, look->start, !look->is_behind, m->looks[i - 1]);
    }
}

static void match_init(struct match *m, const struct regex *re, struct slice text)
{
    *m = (struct match){ .re = re };
    m->text = xcalloc(text.len + 1, sizeof(*m->text));
    m->looks = xcalloc(re->looks_n + 1, sizeof(*m->looks));
    m->stack = xcalloc((size_t)re->size * 2 + 1, sizeof(*m->stack));
    states_init(&m->now, re->size);
    states_init(&m->next, re->size);
    for (size_t at = 0, len; at < text.len; at += len) {
        uint32_t c = 0xfffd; /* in the place of bytes that are no text */

        len = utf8_decode((struct slice){ text.ptr + at, text.len - at }, &c);
        if (len == 0)
            len = 1;
        m->text[m->n++] = c;
    }
}

static void match_release(struct match *m)
{
    for (uint32_t i = 0; i < m->re->looks_n; i++)
        free(m->looks[i]);
    free((void *)m->looks);
    free(m->text);
    free(m->stack);
    states_release(&m->now);
    states_release(&m->next);
}

enum regex_verdict regex_test(const struct regex *re, struct slice text, uint64_t *work)
{
    struct match m;
    /* Even a pattern that needs none of it costs the memory for its states and the text. */
    uint64_t setup = text.len + re->size / 8;

    if (*work < setup) {
        *work = 0;
        return REGEX_TOO_MUCH_WORK;
    }
    *work -= setup;
    match_init(&m, re, text);
    m.work = work;
    sweep_looks(&m);
    int is_found = !m.is_over && sweep(&m, 0, 0, NULL);

    match_release(&m);
    return is_found ? REGEX_YES : m.is_over ? REGEX_TOO_MUCH_WORK : REGEX_NO;
}
