#include "core/approval.h"

#include <stdlib.h>

#include "base/regex.h"

/* For all patterns of one judgement: arguments are long only if somebody wants them to be. */
enum { PATTERN_WORK_MAX = 50 * 1000 * 1000 };

struct condition {
    const struct json *tests; /* its JSON */
    struct regex *matches;    /* NULL: it has no such test */
};

struct entry {
    int is_always;
    struct condition *conditions;
    size_t conditions_n;
    struct approval_need need;
};

struct approval_policy {
    struct entry *entries;
    size_t entries_n;
};

/* ---- reading ---- */

static enum err_code read_condition(struct condition *condition, const struct json *node,
                                    struct err *err)
{
    const struct json *pattern = json_get(node, "matches");

    condition->tests = node;
    if (!json_str(json_get(node, "path")).ptr)
        return err_set(err, ERR_INVALID, "a condition of an approval has no path");
    for (struct json_iter *it = json_first(node); it; it = json_next(node, it)) {
        static const char *const known[] = { "path", "eq", "ne", "gt", "lt", "in", "matches" };
        size_t i = 0;

        while (i < ARRAY_LEN(known) && strcmp(known[i], json_iter_key(it)) != 0)
            i++;
        if (i == ARRAY_LEN(known))
            return err_set(err, ERR_INVALID, "a condition of an approval has an unknown test '%s'",
                           json_iter_key(it));
    }
    if (pattern && regex_new(&condition->matches, json_str(pattern), err))
        return err_wrap(err, "a pattern of an approval");
    return ERR_NONE;
}

static enum err_code read_when(struct entry *entry, const struct json *when, struct err *err)
{
    if (slice_is(json_str(when), "always")) {
        entry->is_always = 1;
        return ERR_NONE;
    }
    if (json_count(when) == 0)
        return err_set(err, ERR_INVALID, "an approval has no condition");
    entry->conditions = xcalloc(json_count(when), sizeof(*entry->conditions));
    for (; entry->conditions_n < json_count(when); entry->conditions_n++) {
        if (read_condition(&entry->conditions[entry->conditions_n],
                           json_at(when, entry->conditions_n), err)) {
            entry->conditions_n++; /* it may hold a pattern */
            return err->code;
        }
    }
    return ERR_NONE;
}

static enum err_code read_entry(struct entry *entry, const struct json *node, struct err *err)
{
    int64_t approvers = json_int(json_get(node, "approvers"), 0);
    enum expiry_action on_expiry = expiry_action_of(json_str(json_get(node, "on_expiry")));

    if (approvers < 1 || approvers > APPROVERS_MAX || on_expiry == EXPIRY_ACTION_COUNT)
        return err_set(err, ERR_INVALID, "an approval has no count of approvers, or no on_expiry");
    entry->need = (struct approval_need){
        .approvers = (uint8_t)approvers,
        .risk = json_str(json_get(node, "risk")),
        .reason = json_str(json_get(node, "reason")),
        .role = json_str(json_get(node, "role")),
        .escalate_to = json_str(json_get(node, "escalate_to")),
        .expires_ms = json_int(json_get(node, "expires_ms"), 0),
        .on_expiry = on_expiry,
    };
    return read_when(entry, json_get(node, "when"), err);
}

enum err_code approval_policy_new(struct approval_policy **ret_policy, const struct json *entries,
                                  struct err *err)
{
    struct approval_policy *policy = xcalloc(1, sizeof(*policy));
    size_t n = json_count(entries);

    if (n > APPROVAL_ENTRIES_MAX || (entries && json_kind(entries) != JSON_KIND_ARRAY)) {
        free(policy);
        return err_set(err, ERR_INVALID, "the approvals of a tool are no list of at most %d",
                       APPROVAL_ENTRIES_MAX);
    }
    policy->entries = xcalloc(n + 1, sizeof(*policy->entries));
    for (; policy->entries_n < n; policy->entries_n++) {
        if (read_entry(&policy->entries[policy->entries_n], json_at(entries, policy->entries_n),
                       err)) {
            policy->entries_n++;
            approval_policy_free(policy);
            return err->code;
        }
    }
    *ret_policy = policy;
    return ERR_NONE;
}

void approval_policy_free(struct approval_policy *policy)
{
    if (!policy)
        return;
    for (size_t i = 0; i < policy->entries_n; i++) {
        for (size_t k = 0; k < policy->entries[i].conditions_n; k++)
            regex_free(policy->entries[i].conditions[k].matches);
        free(policy->entries[i].conditions);
    }
    free(policy->entries);
    free(policy);
}

/* ---- tests: each true if it holds, or cannot be made ---- */

static int is_number(const struct json *value)
{
    return json_kind(value) == JSON_KIND_INT || json_kind(value) == JSON_KIND_REAL;
}

/* Below 0, 0, above 0. Two integers are compared exactly, 1 and 1.0 are equal. */
static int compare(const struct json *a, const struct json *b)
{
    if (json_kind(a) == JSON_KIND_INT && json_kind(b) == JSON_KIND_INT) {
        int64_t x = json_int(a, 0);
        int64_t y = json_int(b, 0);

        return (x > y) - (x < y);
    }
    double x = json_number(a, 0);
    double y = json_number(b, 0);

    return (x > y) - (x < y);
}

/* `wanted` is a single value; a list or an object is equal to none. */
static int is_equal(const struct json *value, const struct json *wanted)
{
    if (is_number(value) && is_number(wanted))
        return compare(value, wanted) == 0;
    if (json_kind(value) != json_kind(wanted))
        return 0;
    switch (json_kind(value)) {
    case JSON_KIND_STRING: return slice_equal(json_str(value), json_str(wanted));
    case JSON_KIND_BOOL: return json_bool(value, 0) == json_bool(wanted, 0);
    case JSON_KIND_NULL: return 1;
    case JSON_KIND_INT:
    case JSON_KIND_REAL:
    case JSON_KIND_ARRAY:
    case JSON_KIND_OBJECT:
    case JSON_KIND_ABSENT: break;
    }
    return 0;
}

static int is_among(const struct json *value, const struct json *list)
{
    for (size_t i = 0; i < json_count(list); i++) {
        if (is_equal(value, json_at(list, i)))
            return 1;
    }
    return 0;
}

/* Numbers with numbers: whatever else stands there cannot be compared. */
static int is_beyond(const struct json *value, const struct json *bound, int sign)
{
    return !is_number(value) || !is_number(bound) || compare(value, bound) * sign > 0;
}

static int condition_holds(const struct condition *condition, const struct json *arguments,
                           uint64_t *work)
{
    const struct json *tests = condition->tests;
    const struct json *value = json_pointer(arguments, json_str(json_get(tests, "path")));
    const struct json *test;

    if (!value)
        return 1;
    if ((test = json_get(tests, "eq")) && !is_equal(value, test))
        return 0;
    if ((test = json_get(tests, "ne")) && is_equal(value, test))
        return 0;
    if ((test = json_get(tests, "in")) && !is_among(value, test))
        return 0;
    if ((test = json_get(tests, "gt")) && !is_beyond(value, test, 1))
        return 0;
    if ((test = json_get(tests, "lt")) && !is_beyond(value, test, -1))
        return 0;
    return !condition->matches || json_kind(value) != JSON_KIND_STRING ||
           regex_test(condition->matches, json_str(value), work) != REGEX_NO;
}

static int entry_matches(const struct entry *entry, const struct json *arguments, uint64_t *work)
{
    int matches = entry->is_always;

    for (size_t i = 0; i < entry->conditions_n && !matches; i++)
        matches = condition_holds(&entry->conditions[i], arguments, work);
    return matches;
}

struct approval_need approval_judge(const struct approval_policy *policy,
                                    const struct json *arguments)
{
    struct approval_need need = { 0 };
    uint64_t work = PATTERN_WORK_MAX;

    for (size_t i = 0; i < policy->entries_n; i++) {
        if (policy->entries[i].need.approvers > need.approvers &&
            entry_matches(&policy->entries[i], arguments, &work))
            need = policy->entries[i].need;
    }
    return need;
}
