/* json_schema_value.c - JSON values as JSON Schema compares them: 1 is 1.0, decimals are exact. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/json_schema_internal.h"

__extension__ typedef unsigned __int128 wide;

static int take_work(uint64_t *work)
{
    if (*work == 0)
        return 0;
    --*work;
    return 1;
}

/* ---- numbers ---- */

int value_is_integer(const struct json *value)
{
    double number = json_number(value, 0.5);

    return json_kind(value) == JSON_KIND_INT || number == floor(number);
}

/* Exact, though a double has not all integers: 2^63 is one, and the first that is no int64. */
static int compare_mixed(int64_t a, double b)
{
    if (b >= 0x1p63)
        return -1;
    if (b < -0x1p63)
        return 1;
    int64_t whole = (int64_t)b; /* towards 0 */
    double fraction = b - (double)whole;

    if (a != whole)
        return a < whole ? -1 : 1;
    return (fraction < 0) - (fraction > 0);
}

int value_compare(const struct json *a, const struct json *b)
{
    int is_a_int = json_kind(a) == JSON_KIND_INT;
    int is_b_int = json_kind(b) == JSON_KIND_INT;

    if (is_a_int && is_b_int)
        return (json_int(a, 0) > json_int(b, 0)) - (json_int(a, 0) < json_int(b, 0));
    if (is_a_int)
        return compare_mixed(json_int(a, 0), json_number(b, 0));
    if (is_b_int)
        return -compare_mixed(json_int(b, 0), json_number(a, 0));
    return (json_number(a, 0) > json_number(b, 0)) - (json_number(a, 0) < json_number(b, 0));
}

/* digits * 10^exponent, without a sign; digits do not end in 0 but for 0 itself. */
struct decimal {
    uint64_t digits;
    int exponent;
};

static struct decimal without_zeros(uint64_t digits, int exponent)
{
    for (; digits > 0 && digits % 10 == 0; digits /= 10)
        exponent++;
    return (struct decimal){ digits, exponent };
}

/* The shortest decimal that is read as this number, which is how it was written. */
static struct decimal decimal_of_real(double number)
{
    enum { PRECISION_MAX = 16 }; /* behind the first digit: enough for any double */
    char text[40];
    uint64_t digits = 0;
    char *end = text;

    for (int precision = 0; precision <= PRECISION_MAX; precision++) {
        (void)snprintf(text, sizeof(text), "%.*e", precision, number);
        if (strtod(text, NULL) == number) {
            for (; *end != 'e'; end++)
                if (*end >= '0' && *end <= '9')
                    digits = digits * 10 + (uint64_t)(*end - '0');
            return without_zeros(digits, (int)strtol(end + 1, NULL, 10) - precision);
        }
    }
    assert_failed("17 digits tell every double", __FILE__, __LINE__);
}

static struct decimal decimal_of(const struct json *value)
{
    int64_t number = json_int(value, 0);

    if (json_kind(value) == JSON_KIND_INT)
        return without_zeros(number < 0 ? 0 - (uint64_t)number : (uint64_t)number, 0);
    return decimal_of_real(fabs(json_number(value, 0)));
}

int value_is_multiple(const struct json *value, const struct json *of)
{
    struct decimal a = decimal_of(value);
    struct decimal b = decimal_of(of);

    ASSERT(b.digits > 0);
    if (a.digits == 0)
        return 1;
    if (a.exponent < b.exponent)
        return 0; /* or its digits would end in 0 */
    uint64_t left = a.digits % b.digits;

    for (int i = b.exponent; i < a.exponent && left > 0; i++)
        left = (uint64_t)((wide)left * 10 % b.digits);
    return left == 0;
}

static int is_number(enum json_kind kind)
{
    return kind == JSON_KIND_INT || kind == JSON_KIND_REAL;
}

/* ---- equality ---- */

static int arrays_equal(const struct json *a, const struct json *b, uint64_t *work)
{
    size_t n = json_count(a);

    if (n != json_count(b))
        return 0;
    for (size_t i = 0; i < n; i++)
        if (!value_equal(json_at(a, i), json_at(b, i), work))
            return 0;
    return 1;
}

static int objects_equal(const struct json *a, const struct json *b, uint64_t *work)
{
    if (json_count(a) != json_count(b))
        return 0;
    for (struct json_iter *it = json_first(a); it; it = json_next(a, it)) {
        const struct json *other = json_get(b, json_iter_key(it));

        if (!other || !value_equal(json_iter_value(it), other, work))
            return 0;
    }
    return 1;
}

/* Recurses no deeper than JSON_DEPTH_MAX. */
int value_equal(const struct json *a, const struct json *b, uint64_t *work)
{
    enum json_kind kind = json_kind(a);

    if (!take_work(work))
        return 0;
    if (is_number(kind) && is_number(json_kind(b)))
        return value_compare(a, b) == 0;
    if (kind != json_kind(b))
        return 0;
    switch (kind) {
    case JSON_KIND_ABSENT:
    case JSON_KIND_NULL: return 1;
    case JSON_KIND_BOOL: return json_bool(a, 0) == json_bool(b, 0);
    case JSON_KIND_STRING: return slice_equal(json_str(a), json_str(b));
    case JSON_KIND_ARRAY: return arrays_equal(a, b, work);
    case JSON_KIND_OBJECT: return objects_equal(a, b, work);
    case JSON_KIND_INT:
    case JSON_KIND_REAL: break;
    }
    assert_failed("numbers were compared before", __FILE__, __LINE__);
}

/* ---- equal items ---- */

static uint64_t mix(uint64_t a, uint64_t b)
{
    uint64_t pair[] = { a, b };

    return hash_bytes((struct slice){ (const char *)pair, sizeof(pair) });
}

/* What is equal has the same: an integer's is that of its double. */
static uint64_t hash_number(const struct json *value)
{
    double number = json_number(value, 0) + 0.0; /* -0 is 0 */
    uint64_t bits = 0;

    memcpy(&bits, &number, sizeof(bits));
    return mix(JSON_KIND_REAL, bits);
}

/* Recurses no deeper than JSON_DEPTH_MAX. */
static uint64_t hash_value(const struct json *value, uint64_t *work)
{
    enum json_kind kind = json_kind(value);
    uint64_t hash = kind;

    if (!take_work(work))
        return 0;
    if (is_number(kind))
        return hash_number(value);
    if (kind == JSON_KIND_BOOL)
        return mix(kind, (uint64_t)json_bool(value, 0));
    if (kind == JSON_KIND_STRING)
        return mix(kind, hash_bytes(json_str(value)));
    for (size_t i = 0; kind == JSON_KIND_ARRAY && i < json_count(value); i++)
        hash = mix(hash, hash_value(json_at(value, i), work));
    for (struct json_iter *it = json_first(value); it; it = json_next(value, it))
        hash += mix(hash_bytes(slice_of(json_iter_key(it))), hash_value(json_iter_value(it), work));
    return mix(kind, hash);
}

struct hashed {
    uint64_t hash;
    size_t index;
};

static int compare_hashed(const void *a, const void *b)
{
    const struct hashed *x = a;
    const struct hashed *y = b;

    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

/* Those of one hash lie side by side. Of all twins, those whose second comes first. */
static int find_twins(const struct json *array, const struct hashed *items, size_t n,
                      struct hashed *ret_twins, uint64_t *work)
{
    int is_found = 0;

    for (size_t i = 0; i < n; i++)
        for (size_t k = i + 1; k < n && items[k].hash == items[i].hash && *work > 0; k++) {
            if (!value_equal(json_at(array, items[i].index), json_at(array, items[k].index), work))
                continue;
            if (!is_found || items[k].index < ret_twins[1].index) {
                ret_twins[0] = items[i];
                ret_twins[1] = items[k];
            }
            is_found = 1;
            break;
        }
    return is_found;
}

int value_twins(const struct json *array, size_t *ret_first, size_t *ret_second, uint64_t *work)
{
    size_t n = json_count(array);
    struct hashed twins[2] = { { 0 } };

    if (n > *work) {
        *work = 0;
        return 0;
    }
    struct hashed *items = xcalloc(n + 1, sizeof(*items));

    for (size_t i = 0; i < n; i++)
        items[i] = (struct hashed){ hash_value(json_at(array, i), work), i };
    qsort(items, n, sizeof(*items), compare_hashed);
    int is_found = *work > 0 && find_twins(array, items, n, twins, work);

    if (is_found) {
        *ret_first = twins[0].index;
        *ret_second = twins[1].index;
    }
    free(items);
    return is_found;
}
