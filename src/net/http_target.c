#include "net/http_target.h"

#include <stdlib.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The byte that "%41" at text[at] stands for, or -1. */
static int escaped_byte(const char *text, size_t at, size_t len)
{
    if (len - at < 3)
        return -1;
    int high = hex_digit(text[at + 1]);
    int low = hex_digit(text[at + 2]);

    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* Decodes text[0..*len) in place, which never grows, and ends it with a zero: text[*len] is ours.
 */
static enum err_code decode(char *text, size_t *len, int is_query, struct err *err)
{
    size_t to = 0;

    for (size_t from = 0; from < *len; from++) {
        int byte = (unsigned char)text[from];

        if (byte == '%') {
            byte = escaped_byte(text, from, *len);
            from += 2;
        } else if (byte == '+' && is_query) {
            byte = ' ';
        }
        if (byte < 0)
            return err_set(err, ERR_INVALID,
                           "a percent sign in the target is not followed by two hexadecimal "
                           "digits; a percent sign itself is written %%25");
        if (byte == 0)
            return err_set(err, ERR_INVALID, "the target holds a zero byte (%%00)");
        text[to++] = (char)byte;
    }
    text[to] = '\0';
    *len = to;
    return ERR_NONE;
}

static enum err_code check_raw(const char *raw, struct err *err)
{
    if (raw[0] != '/')
        return err_set(err, ERR_INVALID,
                       "the target of the request must be a path: it has to "
                       "begin with '/'");
    for (const char *c = raw; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f || *c == '#')
            return err_set(err, ERR_INVALID,
                           "the target holds byte 0x%02x, which must be percent-encoded",
                           (unsigned)(unsigned char)*c);
    return ERR_NONE;
}

static enum err_code read_param(struct http_param *ret_param, char *text, size_t len,
                                struct err *err)
{
    char *equals = memchr(text, '=', len);
    size_t name_len = equals ? (size_t)(equals - text) : len;
    char *value = text + name_len + (equals ? 1 : 0);
    size_t value_len = len - name_len - (equals ? 1 : 0);

    /* The value first: without '=' both end at the same zero. */
    if (decode(value, &value_len, 1, err) || decode(text, &name_len, 1, err))
        return err->code;
    *ret_param = (struct http_param){ .name = text, .value = { value, value_len } };
    return ERR_NONE;
}

static size_t count_params(const char *query)
{
    size_t n = 1;

    for (const char *c = query; *c; c++)
        n += *c == '&';
    return n;
}

static enum err_code read_query(struct http_target *target, char *query, struct err *err)
{
    size_t n_max = count_params(query);

    if (n_max > HTTP_PARAMS_MAX)
        return err_set(err, ERR_INVALID, "the query has %zu parameters; at most %d are taken",
                       n_max, HTTP_PARAMS_MAX);
    target->params = xcalloc(n_max, sizeof(target->params[0]));
    for (char *next = NULL; query; query = next) {
        size_t len = strcspn(query, "&");

        next = query[len] ? query + len + 1 : NULL;
        if (len == 0)
            continue; /* "?", "a=1&", "a=1&&b=2" */
        if (read_param(&target->params[target->params_n], query, len, err))
            return err->code;
        target->params_n++;
    }
    return ERR_NONE;
}

static void target_cleanup(struct http_target *target)
{
    http_target_release(target);
}

enum err_code http_target_read(struct http_target *ret_target, const char *raw, struct err *err)
{
    CLEANUP(target_cleanup) struct http_target target = { 0 };

    if (check_raw(raw, err))
        return err->code;
    target.text = xstrdup(raw);
    size_t path_len = strcspn(target.text, "?");

    if (target.text[path_len] && read_query(&target, target.text + path_len + 1, err))
        return err->code;
    if (decode(target.text, &path_len, 0, err))
        return err->code;
    target.path = (struct slice){ target.text, path_len };
    *ret_target = target;
    target = (struct http_target){ 0 };
    return ERR_NONE;
}

void http_target_release(struct http_target *target)
{
    free(target->text);
    free(target->params);
    *target = (struct http_target){ 0 };
}
