/* yaml_expand.c - ${NAME} in a scalar: measured first, then copied, so that no half-grown copy of a
 * secret stays behind in freed memory. */
#include <stdlib.h>

#include "base/utf8.h"
#include "config/yaml_impl.h"

enum { VARIABLE_MAX = 128 };

/* A stretch of a scalar: text as it stands, or what a variable has. */
struct piece {
    struct slice bytes;
    char variable[VARIABLE_MAX]; /* "" if it is text */
    int is_unset;                /* the variable has no value, and there is no default */
    const char *problem;         /* or it cannot be read at all */
};

static int is_name_char(char c, int is_first)
{
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (!is_first && c >= '0' && c <= '9');
}

static int is_name(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_name_char(text.ptr[i], i == 0))
            return 0;
    return text.len > 0 && text.len < VARIABLE_MAX;
}

/* What stands between the braces: NAME or NAME:-default. */
static void read_variable(struct piece *piece, struct slice inside)
{
    const char *split = memmem(inside.ptr, inside.len, ":-", 2);
    struct slice name = { inside.ptr, split ? (size_t)(split - inside.ptr) : inside.len };
    struct slice otherwise = { NULL, 0 };

    if (split)
        otherwise = (struct slice){ split + 2, inside.len - name.len - 2 };
    if (!is_name(name)) {
        piece->problem = "write ${NAME} or ${NAME:-default}, or $${ for the text itself";
        return;
    }
    if (otherwise.len > 0 && memmem(otherwise.ptr, otherwise.len, "${", 2)) {
        piece->problem = "a default cannot hold another ${...}";
        return;
    }
    memcpy(piece->variable, name.ptr, name.len);
    const char *value = getenv(piece->variable);

    piece->bytes = value ? slice_of(value) : otherwise;
    if (split && piece->bytes.len == 0)
        piece->bytes = otherwise;
    piece->is_unset = !value && !split;
    if (!utf8_is_valid(piece->bytes))
        piece->problem = "the variable's value is not UTF-8";
}

static struct slice skip(struct slice text, size_t n)
{
    return (struct slice){ text.ptr + n, text.len - n };
}

/* Takes the next piece off *rest, which is not empty. */
static struct piece next_piece(struct slice *rest)
{
    struct piece piece = { .bytes = { rest->ptr, 1 } };

    if (rest->len > 1 && memcmp(rest->ptr, "$$", 2) == 0) {
        *rest = skip(*rest, 2);
    } else if (rest->len > 1 && memcmp(rest->ptr, "${", 2) == 0) {
        const char *end = memchr(rest->ptr, '}', rest->len);

        if (end) {
            read_variable(&piece, (struct slice){ rest->ptr + 2, (size_t)(end - rest->ptr) - 2 });
            *rest = skip(*rest, (size_t)(end - rest->ptr) + 1);
        } else {
            piece.problem = "'${' without its '}'; write $${ for the text itself";
            *rest = skip(*rest, rest->len);
        }
    } else { /* a lone dollar, or text up to the next one */
        const char *dollar = memchr(rest->ptr + 1, '$', rest->len - 1);

        piece.bytes.len = dollar ? (size_t)(dollar - rest->ptr) : rest->len;
        *rest = skip(*rest, piece.bytes.len);
    }
    return piece;
}

static void report_piece(struct report *report, const struct yaml_node *node,
                         const struct piece *piece, int is_secret)
{
    const char *name = piece->variable;

    if (piece->problem)
        report_error(report, node->at, "%s: %s", yaml_path(node).text, piece->problem);
    else if (is_secret)
        report_error(report, node->at,
                     "%s: %s is not set in the environment; before pawl starts, export %s=...",
                     yaml_path(node).text, name, name);
    else
        report_error(report, node->at,
                     "%s: %s is not set in the environment; set it, or write ${%s:-a default}",
                     yaml_path(node).text, name, name);
}

/* The length of the text when expanded; sets is_bad if that cannot be. */
static size_t measure(struct yaml_node *node, int is_secret, struct report *report)
{
    struct slice rest = node->text;
    size_t len = 0;

    while (rest.len > 0 && len <= YAML_EXPANDED_MAX) {
        struct piece piece = next_piece(&rest);

        len += piece.bytes.len;
        if (!piece.problem && !piece.is_unset)
            continue;
        report_piece(report, node, &piece, is_secret);
        node->is_bad = 1;
    }
    return len;
}

int yaml_expand(struct yaml *doc, struct yaml_node *node, int is_secret, struct report *report)
{
    ASSERT(node->kind == YAML_TEXT);
    if (node->is_bad || !node->text.len || !memchr(node->text.ptr, '$', node->text.len))
        return !node->is_bad;
    size_t len = measure(node, is_secret, report);

    if (node->is_bad)
        return 0;
    if (len > YAML_EXPANDED_MAX - doc->expanded_bytes) {
        report_error(report, node->at, "the values of the variables are larger than %d MiB",
                     YAML_EXPANDED_MAX / 1024 / 1024);
        node->is_bad = 1;
        return 0;
    }
    doc->expanded_bytes += len;
    char *bytes = arena_alloc(doc->arena, len + 1);
    struct slice rest = node->text;
    size_t at = 0;

    while (rest.len > 0) {
        struct piece piece = next_piece(&rest);

        if (piece.bytes.len > 0)
            memcpy(bytes + at, piece.bytes.ptr, piece.bytes.len);
        at += piece.bytes.len;
    }
    node->bytes = bytes;
    node->text = (struct slice){ bytes, len };
    return 1;
}
