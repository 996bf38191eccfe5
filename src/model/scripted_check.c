/* scripted_check.c - is this a script, and where is it not? */
#include <stdio.h>

#include "base/nearest.h"
#include "base/units.h"
#include "base/utf8.h"
#include "model/scripted.h"
#include "model/scripted_reply.h"
#include "model/scripted_template.h"

enum { PLACE_MAX = 160, KEY_SHOWN_MAX = 50, REPLIES_MAX = 10000, ID_BYTES_MAX = 64 };

/* Who is told of mistakes, and of how many already. */
struct findings {
    script_error_fn *found;
    void *arg;
    size_t n;
};

/* Where in the script something stands: "replies[2].calls[0].tool". Cut if it is long. */
struct place {
    char text[PLACE_MAX];
};

/* So much of it that there is room for one more key. */
static int shown_len(const struct place *place)
{
    return (int)utf8_prefix(slice_of(place->text), PLACE_MAX - KEY_SHOWN_MAX - 2).len;
}

static struct place member_of(const struct place *place, const char *key)
{
    CLEANUP(buf_release) struct buf shown = { .max = 1000 };
    struct place member = { "" };

    utf8_put_visible(&shown, utf8_prefix(slice_of(key), KEY_SHOWN_MAX), 0);
    (void)snprintf(member.text, sizeof(member.text), "%.*s%s%.*s", shown_len(place), place->text,
                   place->text[0] ? "." : "",
                   (int)utf8_prefix(buf_slice(&shown), KEY_SHOWN_MAX).len, buf_cstr(&shown));
    return member;
}

static struct place element_of(const struct place *place, size_t i)
{
    struct place element = { "" };

    (void)snprintf(element.text, sizeof(element.text), "%.*s[%zu]", shown_len(place), place->text,
                   i);
    return element;
}

static enum err_code fail_at(const struct place *place, struct findings *findings, const char *what)
{
    struct err err = { 0 };

    (void)err_set(&err, ERR_INVALID, "%s: %s", place->text[0] ? place->text : "the script", what);
    if (findings->n++ < SCRIPT_ERRORS_MAX)
        findings->found(&err, findings->arg);
    return ERR_INVALID;
}

static enum err_code check_kind(const struct json *node, enum json_kind kind,
                                const struct place *place, struct findings *findings)
{
    char what[80];

    if (json_kind(node) == kind)
        return ERR_NONE;
    (void)snprintf(what, sizeof(what), "must be of kind %s, but is %s", json_kind_name(kind),
                   json_kind_name(json_kind(node)));
    return fail_at(place, findings, what);
}

static int is_known(const char *key, const char *const *known, size_t known_n)
{
    for (size_t i = 0; i < known_n; i++)
        if (strcmp(key, known[i]) == 0)
            return 1;
    return 0;
}

static enum err_code fail_unknown(const struct place *place, const char *key,
                                  const char *const *known, size_t known_n,
                                  struct findings *findings)
{
    const char *near = nearest_word(slice_of(key), known, known_n);
    struct place member = member_of(place, key);
    CLEANUP(buf_release) struct buf what = { .max = 1000 };

    if (near)
        buf_putf(&what, "unknown key, did you mean \"%s\"?", near);
    else
        buf_puts(&what, "unknown key; known are ");
    for (size_t i = 0; !near && i < known_n; i++)
        buf_putf(&what, "%s%s", i > 0 ? ", " : "", known[i]);
    return fail_at(&member, findings, buf_cstr(&what));
}

/* An object with no other keys than these. */
static enum err_code check_object(const struct json *node, const char *const *known, size_t known_n,
                                  const struct place *place, struct findings *findings)
{
    enum err_code code = check_kind(node, JSON_KIND_OBJECT, place, findings);

    for (struct json_iter *it = json_first(node); it; it = json_next(node, it))
        if (!is_known(json_iter_key(it), known, known_n))
            code = fail_unknown(place, json_iter_key(it), known, known_n, findings);
    return code;
}

/* A string that is not empty; its placeholders are no concern of this. */
static enum err_code check_word(const struct json *object, const char *key,
                                const struct place *place, struct findings *findings)
{
    struct place at = member_of(place, key);

    if (check_kind(json_get(object, key), JSON_KIND_STRING, &at, findings))
        return ERR_INVALID;
    if (json_str(json_get(object, key)).len == 0)
        return fail_at(&at, findings, "must not be empty");
    return ERR_NONE;
}

static enum err_code check_template(const struct json *node, unsigned allowed,
                                    const struct place *place, struct findings *findings)
{
    struct err err = { 0 };

    if (template_check(json_str(node), allowed, &err))
        return fail_at(place, findings, err.msg);
    return ERR_NONE;
}

static enum err_code check_duration(const struct json *object, const char *key,
                                    const struct place *place, struct findings *findings)
{
    const struct json *node = json_get(object, key);
    struct place at = member_of(place, key);
    struct err err = { 0 };
    int64_t ms;

    if (!node || json_int(node, 1) == 0)
        return ERR_NONE;
    if (check_kind(node, JSON_KIND_STRING, &at, findings))
        return ERR_INVALID;
    if (units_duration_ms(&ms, json_str(node), &err))
        return fail_at(&at, findings, err.msg);
    return ERR_NONE;
}

static enum err_code check_range(const struct json *object, const char *key, int64_t least,
                                 int64_t most, const struct place *place, struct findings *findings)
{
    const struct json *node = json_get(object, key);
    struct place at = member_of(place, key);
    char what[80];

    if (!node)
        return ERR_NONE;
    if (json_int(node, least - 1) >= least && json_int(node, most) <= most)
        return ERR_NONE;
    (void)snprintf(what, sizeof(what), "must be a whole number from %lld to %lld", (long long)least,
                   (long long)most);
    return fail_at(&at, findings, what);
}

/* ---- calls ---- */

/* Every string in an argument may have placeholders. */
static enum err_code check_argument(const struct json *node, unsigned allowed,
                                    const struct place *place, struct findings *findings)
{
    enum err_code code = ERR_NONE;

    if (json_kind(node) == JSON_KIND_STRING)
        return check_template(node, allowed | TEMPLATE_JSON, place, findings);
    for (size_t i = 0; json_kind(node) == JSON_KIND_ARRAY && i < json_count(node); i++) {
        struct place at = element_of(place, i);

        if (check_argument(json_at(node, i), allowed, &at, findings))
            code = ERR_INVALID;
    }
    for (struct json_iter *it = json_first(node); it; it = json_next(node, it)) {
        struct place at = member_of(place, json_iter_key(it));

        if (check_argument(json_iter_value(it), allowed, &at, findings))
            code = ERR_INVALID;
    }
    return code;
}

static enum err_code check_call(const struct json *call, const char *const *known, size_t known_n,
                                unsigned allowed, const struct place *place,
                                struct findings *findings)
{
    const struct json *arguments = json_get(call, "arguments");
    struct place at = member_of(place, "arguments");

    if (check_object(call, known, known_n, place, findings) ||
        check_word(call, "tool", place, findings))
        return ERR_INVALID;
    if (!arguments)
        return ERR_NONE;
    if (check_kind(arguments, JSON_KIND_OBJECT, &at, findings))
        return ERR_INVALID;
    return check_argument(arguments, allowed, &at, findings);
}

static enum err_code check_id(const struct json *calls, size_t i, const struct place *place,
                              struct findings *findings)
{
    const struct json *id = json_get(json_at(calls, i), "id");
    struct place at = member_of(place, "id");

    if (!id)
        return ERR_NONE;
    if (check_word(json_at(calls, i), "id", place, findings))
        return ERR_INVALID;
    if (json_str(id).len > ID_BYTES_MAX)
        return fail_at(&at, findings, "has more than 64 bytes");
    for (size_t j = 0; j < i; j++)
        if (slice_equal(json_str(json_get(json_at(calls, j), "id")), json_str(id)))
            return fail_at(&at, findings, "another call of this reply has the same id");
    return ERR_NONE;
}

static enum err_code check_calls(const struct json *calls, const struct place *place,
                                 struct findings *findings)
{
    static const char *const known[] = { "tool", "arguments", "id" };

    enum err_code code = ERR_NONE;

    if (!calls)
        return ERR_NONE;
    if (check_kind(calls, JSON_KIND_ARRAY, place, findings))
        return ERR_INVALID;
    if (json_count(calls) == 0 || json_count(calls) > MODEL_CALLS_MAX)
        return fail_at(place, findings, "must have from 1 to 128 calls");
    for (size_t i = 0; i < json_count(calls); i++) {
        struct place at = element_of(place, i);

        if (check_call(json_at(calls, i), known, ARRAY_LEN(known), 0, &at, findings) ||
            check_id(calls, i, &at, findings))
            code = ERR_INVALID;
    }
    return code;
}

static enum err_code check_for_each(const struct json *each, const struct place *place,
                                    struct findings *findings)
{
    static const char *const known[] = { "lines_of", "max", "call" };
    static const char *const known_of_call[] = { "tool", "arguments" };
    struct place at = member_of(place, "call");

    if (!each)
        return ERR_NONE;
    if (check_object(each, known, ARRAY_LEN(known), place, findings) ||
        check_word(each, "lines_of", place, findings) ||
        check_range(each, "max", 1, MODEL_CALLS_MAX, place, findings))
        return ERR_INVALID;
    return check_call(json_get(each, "call"), known_of_call, ARRAY_LEN(known_of_call),
                      TEMPLATE_LINE, &at, findings);
}

/* ---- the rest of a reply ---- */

static enum err_code check_usage(const struct json *usage, const struct place *place,
                                 struct findings *findings)
{
    static const char *const known[] = { "input", "cached", "output" };
    const int64_t most = 1000000000000;

    if (!usage)
        return ERR_NONE;
    if (check_object(usage, known, ARRAY_LEN(known), place, findings))
        return ERR_INVALID;
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (check_range(usage, known[i], 0, most, place, findings))
            return ERR_INVALID;
    return ERR_NONE;
}

static enum err_code check_finish(const struct json *finish, const struct place *place,
                                  struct findings *findings)
{
    struct slice word = json_str(finish);

    if (!finish || slice_is(word, "stop") || slice_is(word, "length") ||
        slice_is(word, "content_filter"))
        return ERR_NONE;
    return fail_at(place, findings, "must be stop, length or content_filter");
}

static enum err_code check_failure_kind(const struct json *kind, const struct place *place,
                                        struct findings *findings)
{
    CLEANUP(buf_release) struct buf what = { .max = 400 };

    buf_puts(&what, "must be one of");
    for (const struct script_failure *f = script_failures; f->kind; f++) {
        if (slice_is(json_str(kind), f->kind))
            return ERR_NONE;
        buf_putf(&what, " %s", f->kind);
    }
    return fail_at(place, findings, buf_cstr(&what));
}

static enum err_code check_fail(const struct json *fail, const struct place *place,
                                struct findings *findings)
{
    static const char *const known[] = { "status", "kind", "times", "retry_after", "message" };
    const struct json *kind = json_get(fail, "kind");
    struct place at = member_of(place, "kind");

    if (!fail)
        return ERR_NONE;
    if (check_object(fail, known, ARRAY_LEN(known), place, findings))
        return ERR_INVALID;
    if (!kind == !json_get(fail, "status"))
        return fail_at(place, findings, "needs either a status or a kind");
    if (kind && check_failure_kind(kind, &at, findings))
        return ERR_INVALID;
    if (json_get(fail, "message") && check_word(fail, "message", place, findings))
        return ERR_INVALID;
    if (check_range(fail, "status", 300, 599, place, findings) ||
        check_range(fail, "times", 1, 1000000, place, findings))
        return ERR_INVALID;
    return check_duration(fail, "retry_after", place, findings);
}

static enum err_code check_text(const struct json *reply, const struct place *place,
                                struct findings *findings)
{
    struct place at = member_of(place, "text");

    if (!json_get(reply, "text"))
        return ERR_NONE;
    if (check_word(reply, "text", place, findings))
        return ERR_INVALID;
    return check_template(json_get(reply, "text"), 0, &at, findings);
}

static int always_fails(const struct json *reply)
{
    const struct json *fail = json_get(reply, "fail");

    return fail && !json_get(fail, "times");
}

static void check_reply(const struct json *reply, const struct place *place,
                        struct findings *findings)
{
    static const char *const known[] = { "text",  "calls",  "for_each", "delay",
                                         "usage", "finish", "fail" };
    struct place calls = member_of(place, "calls");
    struct place for_each = member_of(place, "for_each");
    struct place usage = member_of(place, "usage");
    struct place finish = member_of(place, "finish");
    struct place fail = member_of(place, "fail");
    size_t before = findings->n;

    (void)check_object(reply, known, ARRAY_LEN(known), place, findings);
    (void)check_text(reply, place, findings);
    (void)check_calls(json_get(reply, "calls"), &calls, findings);
    (void)check_for_each(json_get(reply, "for_each"), &for_each, findings);
    (void)check_duration(reply, "delay", place, findings);
    (void)check_usage(json_get(reply, "usage"), &usage, findings);
    (void)check_finish(json_get(reply, "finish"), &finish, findings);
    (void)check_fail(json_get(reply, "fail"), &fail, findings);
    /* Where a key is misspelt, it is known already why there is nothing. */
    if (findings->n == before && !json_get(reply, "text") && !json_get(reply, "calls") &&
        !json_get(reply, "for_each") && !always_fails(reply))
        (void)fail_at(place, findings, "has neither text nor calls nor for_each");
}

static void check_replies(const struct json *list, struct findings *findings)
{
    const struct place replies = { "replies" };

    if (check_kind(list, JSON_KIND_ARRAY, &replies, findings))
        return;
    if (json_count(list) == 0 || json_count(list) > REPLIES_MAX) {
        (void)fail_at(&replies, findings, "must have from 1 to 10000 replies");
        return;
    }
    for (size_t i = 0; i < json_count(list) && findings->n < SCRIPT_ERRORS_MAX; i++) {
        struct place at = element_of(&replies, i);

        check_reply(json_at(list, i), &at, findings);
    }
}

void scripted_check_all(struct slice script, script_error_fn *found, void *arg)
{
    static const char *const known[] = { "replies" };
    CLEANUP(json_cleanup) struct json *root = NULL;
    struct findings findings = { .found = found, .arg = arg };
    const struct place top = { "" };
    struct err err = { 0 };

    if (json_read(&root, script, SCRIPT_BYTES_MAX, &err)) {
        (void)err_wrap(&err, "the script");
        found(&err, arg);
        return;
    }
    if (check_object(root, known, ARRAY_LEN(known), &top, &findings) && !json_get(root, "replies"))
        return;
    check_replies(json_get(root, "replies"), &findings);
}

static void keep_first(const struct err *err, void *arg)
{
    struct err *first = arg;

    if (first->code == ERR_NONE)
        *first = *err;
}

enum err_code scripted_check(struct slice script, struct err *err)
{
    struct err first = { 0 };

    scripted_check_all(script, keep_first, &first);
    if (first.code != ERR_NONE)
        *err = first;
    return first.code;
}
