#include "core/waiting.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/units.h"
#include "base/utf8.h"

static const int64_t wait_max_ms = (int64_t)WAITING_DAYS_MAX * 24 * 3600 * 1000;

enum { SHOWN_BYTES = 60 };

enum call_type waiting_type_of(struct slice builtin)
{
    static const struct {
        const char *name;
        enum call_type type;
    } types[] = {
        { "ask_user", CALL_QUESTION },
        { "sleep_until", CALL_SLEEP },
        { "wait_for_event", CALL_SIGNAL },
    };

    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (slice_is(builtin, types[i].name))
            return types[i].type;
    }
    return CALL_TOOL;
}

static int is_text(const struct json *node)
{
    return json_kind(node) == JSON_KIND_STRING;
}

/* ---- questions ---- */

static enum err_code check_choices(const struct json *choices, struct err *err)
{
    if (json_kind(choices) == JSON_KIND_ABSENT)
        return ERR_NONE;
    if (json_kind(choices) != JSON_KIND_ARRAY || json_count(choices) == 0 ||
        json_count(choices) > WAITING_CHOICES_MAX)
        return err_set(
            err, ERR_INVALID,
            "`choices` must be a list of 1 to %d texts; leave it out for a question that "
            "takes any answer",
            WAITING_CHOICES_MAX);
    for (size_t i = 0; i < json_count(choices); i++) {
        struct slice choice = json_str(json_at(choices, i));

        if (choice.len == 0 || choice.len > WAITING_CHOICE_MAX)
            return err_set(err, ERR_INVALID, "each of `choices` must be a text of 1 to %d bytes",
                           WAITING_CHOICE_MAX);
    }
    return ERR_NONE;
}

static enum err_code read_question(const struct json *arguments, struct err *err)
{
    struct slice question = json_str(json_get(arguments, "question"));

    if (question.len == 0 || question.len > WAITING_QUESTION_MAX)
        return err_set(err, ERR_INVALID, "`question` must be a text of 1 to %d bytes",
                       WAITING_QUESTION_MAX);
    return check_choices(json_get(arguments, "choices"), err);
}

int waiting_takes(const struct json *arguments, struct slice answer)
{
    const struct json *choices = json_get(arguments, "choices");

    for (size_t i = 0; i < json_count(choices); i++) {
        if (slice_equal(json_str(json_at(choices, i)), answer))
            return 1;
    }
    return json_kind(choices) == JSON_KIND_ABSENT;
}

/* ---- times ---- */

static enum err_code too_far(const char *name, struct err *err)
{
    return err_set(err, ERR_INVALID, "`%s` is too far away: at most %d days are waited", name,
                   WAITING_DAYS_MAX);
}

static enum err_code read_duration(const struct json *node, const char *name, int64_t *ret_ms,
                                   struct err *err)
{
    struct slice text = json_str(node);
    int64_t ms = 0;

    if (!is_text(node))
        return err_set(err, ERR_INVALID,
                       "`%s` must be a duration such as \"90s\", \"2h\" or \"3d\"", name);
    if (units_duration_ms(&ms, text, err))
        return err_wrap(err, "`%s`", name);
    if (ms > wait_max_ms)
        return too_far(name, err);
    *ret_ms = ms;
    return ERR_NONE;
}

static enum err_code read_time(const struct json *node, int64_t now_ms, int64_t *ret_ms,
                               struct err *err)
{
    struct slice text = utf8_prefix(json_str(node), SHOWN_BYTES);
    int64_t at_ms = 0;

    if (!is_text(node))
        return err_set(err, ERR_INVALID, "`at` must be a time such as \"2026-11-23T22:11:35Z\"");
    if (!clock_read(&at_ms, json_str(node)))
        return err_set(err, ERR_INVALID,
                       "`at` is \"%.*s\", and must be a time with its zone: "
                       "2026-11-23T22:11:35Z, or ending with one such as +01:00",
                       (int)text.len, text.ptr);
    if (at_ms - now_ms > wait_max_ms)
        return too_far("at", err);
    *ret_ms = at_ms > now_ms ? at_ms : now_ms;
    return ERR_NONE;
}

static enum err_code read_sleep(struct call_decl *decl, const struct json *arguments,
                                int64_t now_ms, struct err *err)
{
    const struct json *at = json_get(arguments, "at");
    const struct json *duration = json_get(arguments, "for");
    int64_t ms = 0;

    if ((at != NULL) == (duration != NULL))
        return err_set(err, ERR_INVALID, "give either `at`, a time, or `for`, a duration%s",
                       at ? ", not both" : "");
    if (at)
        return read_time(at, now_ms, &decl->due_ms, err);
    if (read_duration(duration, "for", &ms, err))
        return err->code;
    decl->due_ms = now_ms + ms;
    return ERR_NONE;
}

/* ---- signals ---- */

int signal_name_is_valid(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        int is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

        if (!is_letter && !(c >= '0' && c <= '9') && c != '.' && c != '_' && c != '-')
            return 0;
    }
    return name.len > 0 && name.len <= SIGNAL_NAME_MAX;
}

static enum err_code read_signal(struct call_decl *decl, const struct json *arguments,
                                 int64_t now_ms, struct err *err)
{
    const struct json *timeout = json_get(arguments, "timeout");
    struct slice name = json_str(json_get(arguments, "name"));
    int64_t ms = 0;

    if (!signal_name_is_valid(name))
        return err_set(err, ERR_INVALID,
                       "`name` must be 1 to %d of the characters A-Z a-z 0-9 . _ -",
                       SIGNAL_NAME_MAX);
    decl->signal_hash = hash_stable(name);
    if (!timeout)
        return ERR_NONE;
    if (read_duration(timeout, "timeout", &ms, err))
        return err->code;
    decl->due_ms = now_ms + ms;
    return ERR_NONE;
}

enum err_code waiting_read(struct call_decl *decl, enum call_type type,
                           const struct json *arguments, int64_t now_ms, struct err *err)
{
    decl->type = type;
    switch (type) {
    case CALL_QUESTION: return read_question(arguments, err);
    case CALL_SLEEP: return read_sleep(decl, arguments, now_ms, err);
    case CALL_SIGNAL: return read_signal(decl, arguments, now_ms, err);
    case CALL_TOOL:
    case CALL_CHILD:
    case CALL_TYPE_COUNT: break;
    }
    assert_failed("a call that waits", __FILE__, __LINE__);
}
