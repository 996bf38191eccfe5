/*
 * fuzz_json_schema.c - a schema and a value, parted by a line of "---": any schema is taken or
 * refused with a reason, any value fits or not with a reason, and says the same once more.
 */
#include "fuzz/fuzz.h"

#include "base/json_schema.h"
#include "base/utf8.h"

enum { TEXT_BYTES_MAX = 64 * 1024, WRITTEN_BYTES_MAX = TEXT_BYTES_MAX * 8 };

static void check_words(const struct json_schema_faults *faults)
{
    ASSERT(faults->n > 0 && faults->n <= JSON_SCHEMA_FAULTS_MAX);
    for (size_t i = 0; i < faults->n; i++) {
        const struct json_schema_fault *fault = &faults->at[i];

        ASSERT(utf8_is_valid(slice_of(fault->pointer)) && utf8_is_valid(slice_of(fault->what)));
        ASSERT(fault->what[0] && (!fault->pointer[0] || fault->pointer[0] == '/'));
    }
}

/* Written with its keys in order and read again, a value is the same value. */
static void check_again(const struct json_schema *schema, const struct json *value,
                        enum err_code wanted)
{
    CLEANUP(buf_release) struct buf text = { .max = WRITTEN_BYTES_MAX };
    CLEANUP(json_cleanup) struct json *again = NULL;
    struct err err = { 0 };

    ASSERT(json_write_canonical(&text, value, &err) == ERR_NONE);
    ASSERT(json_read(&again, buf_slice(&text), text.max, &err) == ERR_NONE);
    enum err_code code = json_schema_check(schema, again, NULL, &err);

    /* In another order the work may end before or behind what does not fit. */
    ASSERT(code == wanted || code == ERR_LIMIT || wanted == ERR_LIMIT);
}

static void check_value(const struct json_schema *schema, const struct json *value)
{
    CLEANUP(buf_release) struct buf text = { .max = JSON_SCHEMA_FAULTS_TEXT_MAX };
    struct json_schema_faults faults = { 0 };
    struct err err = { 0 };
    enum err_code code = json_schema_check(schema, value, &faults, &err);

    ASSERT(json_schema_check(schema, value, NULL, &err) == code);
    if (code != ERR_NONE) {
        ASSERT(code == ERR_INVALID || code == ERR_LIMIT);
        check_words(&faults);
        json_schema_faults_put(&text, &faults);
    }
    check_again(schema, value, code);
}

static void check_both(const struct json *json, const struct json *value)
{
    struct json_schema *schema = NULL;
    struct json_schema_notes notes;
    struct err err = { 0 };

    if (json_schema_new(&schema, json, &notes, &err) == ERR_NONE) {
        ASSERT(notes.errors.n == 0);
        check_value(schema, value);
        check_value(schema, json);
    } else {
        ASSERT(!schema && err.msg[0]);
        check_words(&notes.errors);
    }
    json_schema_free(schema);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char mark[] = "\n---\n";
    CLEANUP(json_cleanup) struct json *schema = NULL;
    CLEANUP(json_cleanup) struct json *value = NULL;
    struct slice text = { (const char *)data, size };
    const char *at = size > 0 ? memmem(text.ptr, text.len, mark, sizeof(mark) - 1) : NULL;
    struct err err = { 0 };

    if (!at)
        return 0;
    struct slice first = { text.ptr, (size_t)(at - text.ptr) };
    struct slice second = { at + sizeof(mark) - 1, text.len - first.len - (sizeof(mark) - 1) };

    if (json_read(&schema, first, TEXT_BYTES_MAX, &err) == ERR_NONE &&
        json_read(&value, second, TEXT_BYTES_MAX, &err) == ERR_NONE)
        check_both(schema, value);
    return 0;
}
