/* scripted_check.c - is this a script, and where is it not? */
#include <stdio.h>

#include "base/nearest.h"
#include "base/units.h"
#include "base/utf8.h"
#include "model/scripted.h"
#include "model/scripted_reply.h"
#include "model/scripted_template.h"

enum { PLACE_MAX = 160, KEY_SHOWN_MAX = 50, REPLIES_MAX = 10000, ID_BYTES_MAX = 64 };

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

static enum err_code fail_at(const struct place *place, struct err *err, const char *what)
{
    return err_set(err, ERR_INVALID, "%s: %s", place->text[0] ? place->text : "the script", what);
}

static enum err_code check_kind(const struct json *node, enum json_kind kind,
                                const struct place *place, struct err *err)
{
    char what[80];

    if (json_kind(node) == kind)
        return ERR_NONE;
    (void)snprintf(what, sizeof(what), "must be of kind %s, but is %s", json_kind_name(kind),
                   json_kind_name(json_kind(node)));
    return fail_at(place, err, what);
}

static int is_known(const char *key, const char *const *known, size_t known_n)
{
    for (size_t i = 0; i < known_n; i++)
        if (strcmp(key, known[i]) == 0)
            return 1;
    return 0;
}

static enum err_code fail_unknown(const struct place *place, const char *key,
                                  const char *const *known, size_t known_n, struct err *err)
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
    return fail_at(&member, err, buf_cstr(&what));
}

/* An object with no other keys than these. */
static enum err_code check_object(const struct json *node, const char *const *known, size_t known_n,
                                  const struct place *place, struct err *err)
{
    if (check_kind(node, JSON_KIND_OBJECT, place, err))
        return err->code;
    for (struct json_iter *it = json_first(node); it; it = json_next(node, it))
        if (!is_known(json_iter_key(it), known, known_n))
            return fail_unknown(place, json_iter_key(it), known, known_n, err);
    return ERR_NONE;
}

/* A string that is not empty; its placeholders are no concern of this. */
static enum err_code check_word(const struct json *object, const char *key,
                                const struct place *place, struct err *err)
{
    struct place at = member_of(place, key);

    if (check_kind(json_get(object, key), JSON_KIND_STRING, &at, err))
        return err->code;
    if (json_str(json_get(object, key)).len == 0)
        return fail_at(&at, err, "must not be empty");
    return ERR_NONE;
}

static enum err_code check_template(const struct json *node, unsigned allowed,
                                    const struct place *place, struct err *err)
{
    if (template_check(json_str(node), allowed, err))
        return fail_at(place, err, err->msg);
    return ERR_NONE;
}

static enum err_code check_duration(const struct json *object, const char *key,
                                    const struct place *place, struct err *err)
{
    const struct json *node = json_get(object, key);
    struct place at = member_of(place, key);
    int64_t ms;

    if (!node || json_int(node, 1) == 0)
        return ERR_NONE;
    if (check_kind(node, JSON_KIND_STRING, &at, err))
        return err->code;
    if (units_duration_ms(&ms, json_str(node), err))
        return fail_at(&at, err, err->msg);
    return ERR_NONE;
}

static enum err_code check_range(const struct json *object, const char *key, int64_t least,
                                 int64_t most, const struct place *place, struct err *err)
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
    return fail_at(&at, err, what);
}

/* ---- calls ---- */

/* Every string in an argument may have placeholders. */
static enum err_code check_argument(const struct json *node, unsigned allowed,
                                    const struct place *place, struct err *err)
{
    if (json_kind(node) == JSON_KIND_STRING)
        return check_template(node, allowed | TEMPLATE_JSON, place, err);
    if (json_kind(node) == JSON_KIND_ARRAY) {
        for (size_t i = 0; i < json_count(node); i++) {
            struct place at = element_of(place, i);

            if (check_argument(json_at(node, i), allowed, &at, err))
                return err->code;
        }
        return ERR_NONE;
    }
    for (struct json_iter *it = json_first(node); it; it = json_next(node, it)) {
        struct place at = member_of(place, json_iter_key(it));

        if (check_argument(json_iter_value(it), allowed, &at, err))
            return err->code;
    }
    return ERR_NONE;
}

static enum err_code check_call(const struct json *call, const char *const *known, size_t known_n,
                                unsigned allowed, const struct place *place, struct err *err)
{
    const struct json *arguments = json_get(call, "arguments");
    struct place at = member_of(place, "arguments");

    if (check_object(call, known, known_n, place, err) || check_word(call, "tool", place, err))
        return err->code;
    if (!arguments)
        return ERR_NONE;
    if (check_kind(arguments, JSON_KIND_OBJECT, &at, err))
        return err->code;
    return check_argument(arguments, allowed, &at, err);
}

static enum err_code check_id(const struct json *calls, size_t i, const struct place *place,
                              struct err *err)
{
    const struct json *id = json_get(json_at(calls, i), "id");
    struct place at = member_of(place, "id");

    if (!id)
        return ERR_NONE;
    if (check_word(json_at(calls, i), "id", place, err))
        return err->code;
    if (json_str(id).len > ID_BYTES_MAX)
        return fail_at(&at, err, "has more than 64 bytes");
    for (size_t j = 0; j < i; j++)
        if (slice_equal(json_str(json_get(json_at(calls, j), "id")), json_str(id)))
            return fail_at(&at, err, "another call of this reply has the same id");
    return ERR_NONE;
}

static enum err_code check_calls(const struct json *calls, const struct place *place,
                                 struct err *err)
{
    static const char *const known[] = { "tool", "arguments", "id" };

    if (!calls)
        return ERR_NONE;
    if (check_kind(calls, JSON_KIND_ARRAY, place, err))
        return err->code;
    if (json_count(calls) == 0 || json_count(calls) > MODEL_CALLS_MAX)
        return fail_at(place, err, "must have from 1 to 128 calls");
    for (size_t i = 0; i < json_count(calls); i++) {
        struct place at = element_of(place, i);

        if (check_call(json_at(calls, i), known, ARRAY_LEN(known), 0, &at, err) ||
            check_id(calls, i, &at, err))
            return err->code;
    }
    return ERR_NONE;
}

static enum err_code check_for_each(const struct json *each, const struct place *place,
                                    struct err *err)
{
    static const char *const known[] = { "lines_of", "max", "call" };
    static const char *const known_of_call[] = { "tool", "arguments" };
    struct place at = member_of(place, "call");

    if (!each)
        return ERR_NONE;
    if (check_object(each, known, ARRAY_LEN(known), place, err) ||
        check_word(each, "lines_of", place, err) ||
        check_range(each, "max", 1, MODEL_CALLS_MAX, place, err))
        return err->code;
    return check_call(json_get(each, "call"), known_of_call, ARRAY_LEN(known_of_call),
                      TEMPLATE_LINE, &at, err);
}

/* ---- the rest of a reply ---- */

static enum err_code check_usage(const struct json *usage, const struct place *place,
                                 struct err *err)
{
    static const char *const known[] = { "input", "cached", "output" };
    const int64_t most = 1000000000000;

    if (!usage)
        return ERR_NONE;
    if (check_object(usage, known, ARRAY_LEN(known), place, err))
        return err->code;
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (check_range(usage, known[i], 0, most, place, err))
            return err->code;
    return ERR_NONE;
}

static enum err_code check_finish(const struct json *finish, const struct place *place,
                                  struct err *err)
{
    struct slice word = json_str(finish);

    if (!finish || slice_is(word, "stop") || slice_is(word, "length") ||
        slice_is(word, "content_filter"))
        return ERR_NONE;
    return fail_at(place, err, "must be stop, length or content_filter");
}

static enum err_code check_failure_kind(const struct json *kind, const struct place *place,
                                        struct err *err)
{
    CLEANUP(buf_release) struct buf what = { .max = 400 };

    buf_puts(&what, "must be one of");
    for (const struct script_failure *f = script_failures; f->kind; f++) {
        if (slice_is(json_str(kind), f->kind))
            return ERR_NONE;
        buf_putf(&what, " %s", f->kind);
    }
    return fail_at(place, err, buf_cstr(&what));
}

static enum err_code check_fail(const struct json *fail, const struct place *place, struct err *err)
{
    static const char *const known[] = { "status", "kind", "times", "retry_after", "message" };
    const struct json *kind = json_get(fail, "kind");
    struct place at = member_of(place, "kind");

    if (!fail)
        return ERR_NONE;
    if (check_object(fail, known, ARRAY_LEN(known), place, err))
        return err->code;
    if (!kind == !json_get(fail, "status"))
        return fail_at(place, err, "needs either a status or a kind");
    if (kind && check_failure_kind(kind, &at, err))
        return err->code;
    if (json_get(fail, "message") && check_word(fail, "message", place, err))
        return err->code;
    if (check_range(fail, "status", 300, 599, place, err) ||
        check_range(fail, "times", 1, 1000000, place, err))
        return err->code;
    return check_duration(fail, "retry_after", place, err);
}

static enum err_code check_text(const struct json *reply, const struct place *place,
                                struct err *err)
{
    struct place at = member_of(place, "text");

    if (!json_get(reply, "text"))
        return ERR_NONE;
    if (check_word(reply, "text", place, err))
        return err->code;
    return check_template(json_get(reply, "text"), 0, &at, err);
}

static int always_fails(const struct json *reply)
{
    const struct json *fail = json_get(reply, "fail");

    return fail && !json_get(fail, "times");
}

static enum err_code check_reply(const struct json *reply, const struct place *place,
                                 struct err *err)
{
    static const char *const known[] = { "text",  "calls",  "for_each", "delay",
                                         "usage", "finish", "fail" };
    struct place calls = member_of(place, "calls");
    struct place for_each = member_of(place, "for_each");
    struct place usage = member_of(place, "usage");
    struct place finish = member_of(place, "finish");
    struct place fail = member_of(place, "fail");

    if (check_object(reply, known, ARRAY_LEN(known), place, err) || check_text(reply, place, err) ||
        check_calls(json_get(reply, "calls"), &calls, err) ||
        check_for_each(json_get(reply, "for_each"), &for_each, err) ||
        check_duration(reply, "delay", place, err) ||
        check_usage(json_get(reply, "usage"), &usage, err) ||
        check_finish(json_get(reply, "finish"), &finish, err) ||
        check_fail(json_get(reply, "fail"), &fail, err))
        return err->code;
    if (!json_get(reply, "text") && !json_get(reply, "calls") && !json_get(reply, "for_each") &&
        !always_fails(reply))
        return fail_at(place, err, "has neither text nor calls nor for_each");
    return ERR_NONE;
}

enum err_code scripted_check(struct slice script, struct err *err)
{
    static const char *const known[] = { "replies" };
    CLEANUP(json_cleanup) struct json *root = NULL;
    const struct place top = { "" };
    const struct place replies = { "replies" };

    if (json_read(&root, script, SCRIPT_BYTES_MAX, err))
        return err_wrap(err, "the script");
    const struct json *list = json_get(root, "replies");

    if (check_object(root, known, ARRAY_LEN(known), &top, err) ||
        check_kind(list, JSON_KIND_ARRAY, &replies, err))
        return err->code;
    if (json_count(list) == 0 || json_count(list) > REPLIES_MAX)
        return fail_at(&replies, err, "must have from 1 to 10000 replies");
    for (size_t i = 0; i < json_count(list); i++) {
        struct place at = element_of(&replies, i);

        if (check_reply(json_at(list, i), &at, err))
            return err->code;
    }
    return ERR_NONE;
}
