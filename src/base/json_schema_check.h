/*
 * json_schema_check.h - what the files that check a value share. For base/ only.
 */
#ifndef BASE_JSON_SCHEMA_CHECK_H
#define BASE_JSON_SCHEMA_CHECK_H

#include "base/json_schema_internal.h"

struct check {
    struct json_schema_faults *faults; /* NULL: only the verdict is wanted */
    uint64_t work;
    unsigned depth;
    int is_over; /* no work is left: every answer means nothing */
};

/* Whether a value fits; what does not goes to the faults. */
int check_node(struct check *c, const struct schema_node *node, const struct json *value,
               const struct json_step *at);
/* The same without faults: where not to fit is no fault by itself. */
int check_silently(struct check *c, const struct schema_node *node, const struct json *value,
                   const struct json_step *at);

/* 0: too much. Takes as many looks. */
int check_take_work(struct check *c, uint64_t looks);
int check_pattern(struct check *c, const struct regex *regex, struct slice text);

/* Whether one more fault would be read: else none needs words. */
static inline int check_wants(const struct check *c)
{
    return c->faults && c->faults->n < ARRAY_LEN(c->faults->at);
}

/* Where nobody reads more faults the first that does not fit is enough. */
static inline int check_goes_on(const struct check *c, int is_fine)
{
    return !c->is_over && (is_fine || check_wants(c));
}

/* One fault; its words are paid for as work. Gives 0. */
int check_fail(struct check *c, const struct json_step *at, const char *fmt, ...) PRINTF(3, 4);

/* "must have at least 3 items, has 2". Gives 0. */
int check_fail_count(struct check *c, const struct json_step *at, const char *bound, size_t wanted,
                     const char *unit, size_t has);

/* json_schema_check_parts.c: arrays and objects. */
int check_array(struct check *c, const struct schema_node *node, const struct json *value,
                const struct json_step *at);
int check_object(struct check *c, const struct schema_node *node, const struct json *value,
                 const struct json_step *at);

#endif
