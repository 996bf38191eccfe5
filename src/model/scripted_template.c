/* scripted_template.c - {{placeholders}}: their grammar, and what they stand for. */
#include "model/scripted_template.h"

#include <stdio.h>

#include "base/nearest.h"
#include "base/utf8.h"

enum {
    SHOWN_MAX = 60,       /* bytes of a placeholder in a message */
    VISIBLE_MAX = 600,    /* the same where each is shown as \u{10ffff} */
    POINTER_MAX = 400,    /* bytes of a JSON pointer */
    NUMBER_DIGITS_MAX = 6 /* of a line or a word */
};

enum source { SOURCE_INPUT, SOURCE_LINE, SOURCE_RESULT, SOURCE_RESULTS, SOURCE_COUNT };
enum part { PART_WHOLE, PART_LINE, PART_WORD, PART_JSON };

static const char *const source_names[SOURCE_COUNT] = { "input", "line", "result", "results" };

struct placeholder {
    struct slice text; /* as written, between the braces, trimmed */
    enum source source;
    struct slice tool;
    enum part part;
    size_t number; /* of the line or word, from 1 */
    struct slice pointer;
    int is_json;
};

static struct slice from(struct slice text, size_t skip)
{
    return (struct slice){ text.ptr + skip, text.len - skip };
}

static enum err_code refuse(const struct placeholder *p, struct err *err, const char *why)
{
    CLEANUP(buf_release) struct buf shown = { .max = VISIBLE_MAX };

    utf8_put_visible(&shown, utf8_prefix(p->text, SHOWN_MAX), 0);
    return err_set(err, ERR_INVALID, "{{%s}}: %s", buf_cstr(&shown), why);
}

/* ---- grammar ---- */

/* What stands before the next '.', taken off with it. */
static struct slice take_name(struct slice *rest)
{
    const char *dot = rest->len > 0 ? memchr(rest->ptr, '.', rest->len) : NULL;
    size_t len = dot ? (size_t)(dot - rest->ptr) : rest->len;
    struct slice name = { rest->ptr, len };

    *rest = from(*rest, dot ? len + 1 : len);
    return name;
}

static int read_count(struct slice digits, size_t *ret_count)
{
    size_t count = 0;

    if (digits.len == 0 || digits.len > NUMBER_DIGITS_MAX)
        return 0;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.ptr[i] < '0' || digits.ptr[i] > '9')
            return 0;
        count = count * 10 + (size_t)(digits.ptr[i] - '0');
    }
    *ret_count = count;
    return count > 0;
}

static enum err_code parse_part(struct placeholder *p, struct slice rest, struct err *err)
{
    struct slice name = take_name(&rest);

    if (slice_is(name, "json")) {
        p->part = PART_JSON;
        p->pointer = rest;
        if (rest.len == 0 || rest.ptr[0] != '/' || rest.len > POINTER_MAX)
            return refuse(p, err, "after 'json.' comes a JSON pointer, as in json./items/0/name");
        return ERR_NONE;
    }
    if (!slice_is(name, "line") && !slice_is(name, "word"))
        return refuse(p, err, "what may follow is .line.N, .word.N or .json./pointer");
    p->part = slice_is(name, "line") ? PART_LINE : PART_WORD;
    if (!read_count(rest, &p->number))
        return refuse(p, err, "lines and words are counted from 1, as in .line.1");
    return ERR_NONE;
}

static enum err_code parse_source(struct placeholder *p, struct slice name, struct err *err)
{
    char why[120];

    for (unsigned i = 0; i < SOURCE_COUNT; i++) {
        if (slice_is(name, source_names[i])) {
            p->source = (enum source)i;
            return ERR_NONE;
        }
    }
    const char *near = nearest_word(name, source_names, SOURCE_COUNT);

    (void)snprintf(why, sizeof(why), "there are input, line, result.TOOL and results%s%s%s",
                   near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    return refuse(p, err, why);
}

static struct slice trim_spaces(struct slice text)
{
    while (text.len > 0 && text.ptr[text.len - 1] == ' ')
        text.len--;
    while (text.len > 0 && text.ptr[0] == ' ')
        text = from(text, 1);
    return text;
}

/* text: what stands between the braces. */
static enum err_code parse(struct placeholder *p, struct slice text, struct err *err)
{
    *p = (struct placeholder){ .text = trim_spaces(text) };
    struct slice rest = p->text;
    const char *bar = rest.len > 0 ? memchr(rest.ptr, '|', rest.len) : NULL;

    if (bar) {
        size_t before = (size_t)(bar - rest.ptr);

        if (!slice_is(trim_spaces(from(rest, before + 1)), "json"))
            return refuse(p, err, "after '|' only 'json' is known");
        p->is_json = 1;
        rest = trim_spaces((struct slice){ rest.ptr, before });
    }
    if (parse_source(p, take_name(&rest), err))
        return err->code;
    if (p->source == SOURCE_RESULT) {
        p->tool = take_name(&rest);
        if (p->tool.len == 0)
            return refuse(p, err, "the tool's name is missing, as in result.TOOL");
    }
    if (rest.len == 0)
        return ERR_NONE;
    if (p->source == SOURCE_RESULTS)
        return refuse(p, err, "nothing may follow results");
    return parse_part(p, rest, err);
}

/* ---- finding them in a text ---- */

/*
 * The text before the next placeholder is put into *ret_plain, the inside of the placeholder into
 * *ret_inside (ptr NULL: there is none), and *rest is what follows.
 */
static enum err_code next_piece(struct slice *rest, struct slice *ret_plain,
                                struct slice *ret_inside, struct err *err)
{
    const char *open = rest->len > 0 ? memmem(rest->ptr, rest->len, "{{", 2) : NULL;

    *ret_inside = (struct slice){ NULL, 0 };
    *ret_plain = *rest;
    if (!open) {
        *rest = (struct slice){ NULL, 0 };
        return ERR_NONE;
    }
    size_t before = (size_t)(open - rest->ptr);
    struct slice after = from(*rest, before + 2);
    const char *close = after.len > 0 ? memmem(after.ptr, after.len, "}}", 2) : NULL;

    if (!close)
        return err_set(err, ERR_INVALID, "'{{' without '}}'");
    *ret_plain = (struct slice){ rest->ptr, before };
    *ret_inside = (struct slice){ after.ptr, (size_t)(close - after.ptr) };
    *rest = from(after, ret_inside->len + 2);
    return ERR_NONE;
}

enum err_code template_check(struct slice text, unsigned allowed, struct err *err)
{
    int is_alone = template_is_json(text);

    while (text.len > 0) {
        struct placeholder p;
        struct slice plain;
        struct slice inside;

        if (next_piece(&text, &plain, &inside, err))
            return err->code;
        if (!inside.ptr)
            continue;
        if (parse(&p, inside, err))
            return err->code;
        if (p.source == SOURCE_LINE && !(allowed & TEMPLATE_LINE))
            return refuse(&p, err, "there is a line in the call of for_each only");
        if (p.is_json && !(is_alone && (allowed & TEMPLATE_JSON)))
            return refuse(&p, err, "'| json' must be all of an argument");
    }
    return ERR_NONE;
}

int template_is_json(struct slice text)
{
    struct err ignored = { 0 };
    struct placeholder p;
    struct slice plain;
    struct slice inside;

    return next_piece(&text, &plain, &inside, &ignored) == ERR_NONE && plain.len == 0 &&
           inside.ptr && text.len == 0 && parse(&p, inside, &ignored) == ERR_NONE && p.is_json;
}

/* ---- values ---- */

static enum err_code find_line(struct slice *ret_line, struct slice text,
                               const struct placeholder *p, struct err *err)
{
    char why[80];
    size_t lines = 0;

    while (text.len > 0) {
        struct slice line = script_next_line(&text);

        if (line.ptr && ++lines == p->number) {
            *ret_line = line;
            return ERR_NONE;
        }
    }
    (void)snprintf(why, sizeof(why), "the text has %zu lines only", lines);
    return refuse(p, err, why);
}

static size_t word_end(struct slice line, size_t at)
{
    while (at < line.len && line.ptr[at] != ' ' && line.ptr[at] != '\t')
        at++;
    return at;
}

static enum err_code find_word(struct slice *ret_word, struct slice text,
                               const struct placeholder *p, struct err *err)
{
    struct slice line = script_next_line(&text);
    char why[80];
    size_t words = 0;

    for (size_t at = 0; at < line.len; at++) {
        size_t end = word_end(line, at);

        if (end == at)
            continue; /* a blank */
        if (++words == p->number) {
            *ret_word = (struct slice){ line.ptr + at, end - at };
            return ERR_NONE;
        }
        at = end;
    }
    (void)snprintf(why, sizeof(why), "the first line has %zu words only", words);
    return refuse(p, err, why);
}

static enum err_code put_json_part(struct buf *out, struct slice text, const struct placeholder *p,
                                   struct err *err)
{
    CLEANUP(json_cleanup) struct json *root = NULL;

    if (json_read(&root, text, out->max, err)) {
        (void)err_wrap(err, "its text is no JSON");
        return refuse(p, err, err->msg);
    }
    const struct json *node = json_pointer(root, p->pointer);

    if (!node)
        return refuse(p, err, "the JSON has nothing there");
    if (json_kind(node) == JSON_KIND_STRING && !p->is_json)
        return buf_add(out, json_str(node), err);
    return json_write(out, node, err);
}

static enum err_code find_text(struct slice *ret_text, const struct placeholder *p,
                               const struct template_scope *scope, struct err *err)
{
    switch (p->source) {
    case SOURCE_INPUT: *ret_text = script_history_input(scope->history); return ERR_NONE;
    case SOURCE_LINE: *ret_text = scope->line; return ERR_NONE;
    case SOURCE_RESULT:
        if (script_history_result(ret_text, scope->history, p->tool, err))
            return refuse(p, err, err->msg);
        return ERR_NONE;
    case SOURCE_RESULTS:
    case SOURCE_COUNT: break;
    }
    assert_failed("a source has a text", __FILE__, __LINE__);
}

static enum err_code put_value(struct buf *out, const struct placeholder *p,
                               const struct template_scope *scope, struct err *err)
{
    struct slice text = { NULL, 0 };

    if (p->source == SOURCE_RESULTS)
        return script_history_put_results(out, scope->history, err);
    if (find_text(&text, p, scope, err))
        return err->code;
    switch (p->part) {
    case PART_WHOLE: break;
    case PART_LINE:
        if (find_line(&text, text, p, err))
            return err->code;
        break;
    case PART_WORD:
        if (find_word(&text, text, p, err))
            return err->code;
        break;
    case PART_JSON: return put_json_part(out, text, p, err);
    }
    return buf_add(out, text, err);
}

enum err_code template_expand(struct buf *out, struct slice text,
                              const struct template_scope *scope, struct err *err)
{
    while (text.len > 0) {
        struct placeholder p;
        struct slice plain;
        struct slice inside;

        if (next_piece(&text, &plain, &inside, err))
            return err->code;
        if (plain.len > 0 && buf_add(out, plain, err))
            return err->code;
        if (!inside.ptr)
            continue;
        if (parse(&p, inside, err) || put_value(out, &p, scope, err))
            return err->code;
    }
    return ERR_NONE;
}
