/* regex_parse.c - a pattern's text as a tree. Source of the grammar: ECMA-262, 22.2.1 Patterns. */
#include <inttypes.h>

#include "base/regex_internal.h"
#include "base/utf8.h"

/* No repeat needs more: what it stands for is written out, and that has a limit. */
enum { COUNT_MAX = REGEX_PROGRAM_MAX + 1 };

#define NO_CHAR UINT32_MAX

struct parser {
    struct arena *arena;
    struct slice pattern;
    size_t at;
    unsigned nesting;
    struct err *err;
};

static struct regex_tree *parse_alternation(struct parser *p);

/* ---- reading ---- */

static struct slice rest(const struct parser *p)
{
    return (struct slice){ p->pattern.ptr + p->at, p->pattern.len - p->at };
}

static int is_at_end(const struct parser *p)
{
    return p->at == p->pattern.len;
}

/* The next byte, or 0 at the end: the grammar's own characters are ASCII. */
static char peek(const struct parser *p)
{
    if (is_at_end(p))
        return '\0';
    return p->pattern.ptr[p->at];
}

static int starts_with(const struct parser *p, const char *text)
{
    size_t len = strlen(text);

    return rest(p).len >= len && memcmp(rest(p).ptr, text, len) == 0;
}

static int take(struct parser *p, const char *text)
{
    int is_there = starts_with(p, text);

    if (is_there)
        p->at += strlen(text);
    return is_there;
}

/* The pattern was checked to be UTF-8. Not at the end. */
static uint32_t take_char(struct parser *p)
{
    uint32_t c = 0;

    p->at += utf8_decode(rest(p), &c);
    return c;
}

/* Says where, in characters from 1, and gives NULL, so that callers can return it. */
static void *refuse(struct parser *p, const char *what)
{
    size_t place = 1;

    for (size_t i = 0; i < p->at; i++)
        place += ((unsigned char)p->pattern.ptr[i] & 0xc0) != 0x80;
    (void)err_set(p->err, ERR_INVALID, "character %zu: %s", place, what);
    return NULL;
}

static struct regex_tree *new_tree(struct parser *p, enum regex_kind kind)
{
    struct regex_tree *tree = arena_alloc(p->arena, sizeof(*tree));

    tree->kind = kind;
    return tree;
}

static struct regex_tree *new_char(struct parser *p, uint32_t c)
{
    struct regex_tree *tree = new_tree(p, REGEX_CHAR);

    tree->c = c;
    return tree;
}

static struct regex_tree *new_class(struct parser *p, uint32_t letter)
{
    struct char_ranges ranges = { .arena = p->arena };
    struct regex_tree *tree = new_tree(p, REGEX_SET);

    (void)ranges_add_class(&ranges, letter);
    tree->set = ranges_set(&ranges, 0);
    return tree;
}

/* ---- escapes ---- */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Exactly so many hexadecimal digits, or NO_CHAR with nothing taken. */
static uint32_t take_hex(struct parser *p, size_t digits)
{
    uint32_t value = 0;

    if (rest(p).len < digits)
        return NO_CHAR;
    for (size_t i = 0; i < digits; i++) {
        int digit = hex_value(rest(p).ptr[i]);

        if (digit < 0)
            return NO_CHAR;
        value = value * 16 + (uint32_t)digit;
    }
    p->at += digits;
    return value;
}

/* \u{1F600} behind its brace. */
static uint32_t take_braced(struct parser *p)
{
    uint32_t value = 0;
    size_t digits = 0;

    for (; hex_value(peek(p)) >= 0 && value <= 0x10ffff; digits++, p->at++)
        value = value * 16 + (uint32_t)hex_value(peek(p));
    return digits > 0 && value <= 0x10ffff && take(p, "}") ? value : NO_CHAR;
}

/* \u behind its letter: \u00e9, two of those that make one character, or \u{1F600}. */
static uint32_t take_unicode(struct parser *p)
{
    if (take(p, "{"))
        return take_braced(p);
    uint32_t high = take_hex(p, 4);
    size_t behind = p->at;

    if (high == NO_CHAR || high < 0xd800 || high > 0xdbff || !take(p, "\\u"))
        return high;
    uint32_t low = take_hex(p, 4);

    if (low != NO_CHAR && low >= 0xdc00 && low <= 0xdfff)
        return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    p->at = behind;
    return high;
}

static uint32_t control_escape(char c)
{
    static const char names[] = "tnvfr";
    static const char values[] = "\t\n\v\f\r";
    const char *found = c ? strchr(names, c) : NULL;

    return found ? (uint32_t)values[found - names] : NO_CHAR;
}

static int is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *why_no_escape(char c)
{
    if ((c >= '1' && c <= '9') || c == 'k')
        return "back references are not supported";
    if (c == 'p' || c == 'P')
        return "\\p is not supported; list the characters";
    return c ? "this escape means nothing" : "a backslash ends it";
}

/* What stands behind a backslash, if it is one character; else NO_CHAR and the reason. */
static uint32_t take_escaped(struct parser *p)
{
    char c = peek(p);
    uint32_t value = control_escape(c);

    if (value != NO_CHAR || (c > ' ' && c < 0x7f && !is_letter(c) && !is_digit(c))) {
        p->at++;
        return value != NO_CHAR ? value : (uint32_t)c;
    }
    if (c == '0' && !(rest(p).len > 1 && is_digit(rest(p).ptr[1]))) {
        p->at++;
        return 0;
    }
    if (c == 'c' && rest(p).len > 1 && is_letter(rest(p).ptr[1])) {
        p->at += 2;
        return (uint32_t)p->pattern.ptr[p->at - 1] % 32;
    }
    if (take(p, "x"))
        value = take_hex(p, 2);
    else if (take(p, "u"))
        value = take_unicode(p);
    if (value == NO_CHAR)
        (void)refuse(p, why_no_escape(c));
    return value;
}

/* Behind a backslash outside of brackets. */
static struct regex_tree *parse_escape(struct parser *p)
{
    struct char_ranges ranges = { .arena = p->arena };
    char c = peek(p);

    if (c == 'b' || c == 'B') {
        struct regex_tree *edge = new_tree(p, REGEX_WORD_EDGE);

        edge->is_negated = c == 'B';
        p->at++;
        return edge;
    }
    if (is_letter(c) && ranges_add_class(&ranges, (uint32_t)c)) {
        p->at++;
        return new_class(p, (uint32_t)c);
    }
    uint32_t value = take_escaped(p);

    return value == NO_CHAR ? NULL : new_char(p, value);
}

/* ---- [...] ---- */

struct class_item {
    uint32_t c; /* NO_CHAR: a class, which was added */
};

/* One character or class in brackets. 0: refused. */
static int parse_class_item(struct parser *p, struct char_ranges *ranges, struct class_item *item)
{
    item->c = NO_CHAR;
    if (is_at_end(p)) {
        (void)refuse(p, "a bracket is not closed");
        return 0;
    }
    if (!take(p, "\\")) {
        item->c = take_char(p);
        return 1;
    }
    if (is_letter(peek(p)) && ranges_add_class(ranges, (uint32_t)peek(p))) {
        p->at++;
        return 1;
    }
    item->c = take(p, "b") ? '\b' : take_escaped(p);
    return item->c != NO_CHAR;
}

/* "a", "a-z", or "\w". A dash beside a class, or at the end, is a dash. */
static int parse_class_range(struct parser *p, struct char_ranges *ranges)
{
    struct class_item from;
    struct class_item to;

    if (!parse_class_item(p, ranges, &from))
        return 0;
    if (from.c != NO_CHAR)
        ranges_add(ranges, from.c, from.c);
    if (!starts_with(p, "-") || starts_with(p, "-]") || from.c == NO_CHAR)
        return 1;
    p->at++;
    if (!parse_class_item(p, ranges, &to))
        return 0;
    if (to.c == NO_CHAR) {
        ranges_add(ranges, '-', '-');
        return 1;
    }
    if (to.c < from.c) {
        (void)refuse(p, "a range ends before it begins");
        return 0;
    }
    ranges_add(ranges, from.c, to.c);
    return 1;
}

static struct regex_tree *parse_class(struct parser *p)
{
    struct char_ranges ranges = { .arena = p->arena };
    struct regex_tree *tree = new_tree(p, REGEX_SET);
    int is_negated = take(p, "^");

    while (!take(p, "]"))
        if (!parse_class_range(p, &ranges))
            return NULL;
    tree->set = ranges_set(&ranges, is_negated);
    return tree;
}

/* ---- groups ---- */

/* (?<name> behind its angle: what a group is called makes no difference to a match. */
static int take_group_name(struct parser *p)
{
    size_t from = p->at;

    while (is_letter(peek(p)) || peek(p) == '_' || peek(p) == '$' ||
           (p->at > from && is_digit(peek(p))))
        p->at++;
    return p->at > from && take(p, ">");
}

static struct regex_tree *new_look(struct parser *p, int is_behind, int is_negated)
{
    struct regex_tree *look = new_tree(p, REGEX_LOOK);

    look->is_behind = is_behind;
    look->is_negated = is_negated;
    return look;
}

/* What comes behind an opening parenthesis; *ret_look is NULL for a plain group. 0: refused. */
static int take_group_kind(struct parser *p, struct regex_tree **ret_look)
{
    *ret_look = NULL;
    if (!starts_with(p, "?") || take(p, "?:"))
        return 1;
    if (take(p, "?="))
        *ret_look = new_look(p, 0, 0);
    else if (take(p, "?!"))
        *ret_look = new_look(p, 0, 1);
    else if (take(p, "?<="))
        *ret_look = new_look(p, 1, 0);
    else if (take(p, "?<!"))
        *ret_look = new_look(p, 1, 1);
    else if (!take(p, "?<") || !take_group_name(p)) {
        (void)refuse(p, "no group begins so");
        return 0;
    }
    return 1;
}

static struct regex_tree *parse_group(struct parser *p)
{
    struct regex_tree *look;

    if (++p->nesting > REGEX_NESTING_MAX)
        return refuse(p, "groups are nested too deep");
    if (!take_group_kind(p, &look))
        return NULL;
    struct regex_tree *body = parse_alternation(p);

    if (!body)
        return NULL;
    if (!take(p, ")"))
        return refuse(p, "a parenthesis is not closed");
    p->nesting--;
    if (!look)
        return body;
    look->first = body;
    return look;
}

/* ---- repeats ---- */

static int take_number(struct parser *p, uint32_t *ret_number)
{
    uint32_t number = 0;

    if (!is_digit(peek(p)))
        return 0;
    for (; is_digit(peek(p)); p->at++)
        if (number < COUNT_MAX)
            number = number * 10 + (uint32_t)(peek(p) - '0');
    *ret_number = number < COUNT_MAX ? number : COUNT_MAX;
    return 1;
}

/* {3}, {3,} or {3,5} behind its brace. 0: it is none. */
static int take_counts(struct parser *p, uint32_t *ret_min, uint32_t *ret_max)
{
    if (!take_number(p, ret_min))
        return 0;
    *ret_max = *ret_min;
    if (take(p, ",") && !take_number(p, ret_max))
        *ret_max = REGEX_ENDLESS;
    return take(p, "}");
}

static int is_quantifier(char c)
{
    return c && strchr("*+?{", c);
}

static int can_repeat(const struct regex_tree *tree)
{
    return tree->kind != REGEX_START && tree->kind != REGEX_END && tree->kind != REGEX_WORD_EDGE &&
           tree->kind != REGEX_LOOK;
}

static struct regex_tree *parse_repeat(struct parser *p, struct regex_tree *tree)
{
    uint32_t min = 0;
    uint32_t max = REGEX_ENDLESS;

    if (!is_quantifier(peek(p)))
        return tree;
    if (!can_repeat(tree))
        return refuse(p, "there is nothing here to repeat");
    char sign = p->pattern.ptr[p->at++];

    if (sign == '+')
        min = 1;
    else if (sign == '?')
        max = 1;
    else if (sign == '{' && !take_counts(p, &min, &max))
        return refuse(p, "this is no count; for a brace write \\{");
    if (min > max)
        return refuse(p, "a count ends before it begins");
    (void)take(p, "?"); /* as few as possible: there is a match or not all the same */
    struct regex_tree *repeat = new_tree(p, REGEX_REPEAT);

    repeat->min = min;
    repeat->max = max;
    repeat->first = tree;
    return repeat;
}

/* ---- the rest ---- */

static struct regex_tree *parse_atom(struct parser *p)
{
    char c = peek(p);

    if (is_quantifier(c))
        return refuse(p, c == '{' ? "for a brace write \\{" : "there is nothing here to repeat");
    if (c == ']' || c == '}')
        return refuse(p, c == '}' ? "for a brace write \\}" : "for a bracket write \\]");
    if (take(p, "("))
        return parse_group(p);
    if (take(p, "["))
        return parse_class(p);
    if (take(p, "\\"))
        return parse_escape(p);
    if (take(p, "^"))
        return new_tree(p, REGEX_START);
    if (take(p, "$"))
        return new_tree(p, REGEX_END);
    return take(p, ".") ? new_class(p, '.') : new_char(p, take_char(p));
}

static struct regex_tree *parse_sequence(struct parser *p)
{
    struct regex_tree *sequence = new_tree(p, REGEX_SEQUENCE);

    while (!is_at_end(p) && peek(p) != '|' && peek(p) != ')') {
        struct regex_tree *atom = parse_atom(p);
        struct regex_tree *repeat = atom ? parse_repeat(p, atom) : NULL;

        if (!repeat)
            return NULL;
        repeat->before = sequence->last;
        *(sequence->last ? &sequence->last->next : &sequence->first) = repeat;
        sequence->last = repeat;
    }
    return sequence;
}

static struct regex_tree *parse_alternation(struct parser *p)
{
    struct regex_tree *alternation = new_tree(p, REGEX_ALTERNATION);
    struct regex_tree **last = &alternation->first;

    do {
        struct regex_tree *sequence = parse_sequence(p);

        if (!sequence)
            return NULL;
        *last = sequence;
        last = &sequence->next;
    } while (take(p, "|"));
    return alternation->first->next ? alternation : alternation->first;
}

enum err_code regex_parse(struct regex_tree **ret_tree, struct arena *arena, struct slice pattern,
                          struct err *err)
{
    struct parser p = { .arena = arena, .pattern = pattern, .err = err };

    if (pattern.len > REGEX_PATTERN_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "it has %zu bytes; at most %d are allowed", pattern.len,
                       REGEX_PATTERN_BYTES_MAX);
    if (!utf8_is_valid(pattern))
        return err_set(err, ERR_INVALID, "it is not UTF-8");
    struct regex_tree *tree = parse_alternation(&p);

    if (!tree)
        return err->code;
    if (!is_at_end(&p)) {
        (void)refuse(&p, "a parenthesis was not opened");
        return err->code;
    }
    *ret_tree = tree;
    return ERR_NONE;
}
