/*
 * schema_driver.c - schemas and patterns from stdin, verdicts to stdout, for tests in Node that
 * compare them with others'.
 *
 * A line in is {"schema": ..., "values": [...]} or {"pattern": "...", "texts": [...]}. Its line out
 * has a letter for each: y it fits, n it does not, l that would be too much work; or "! " and why
 * the schema or pattern is refused. With an argument, of a value that does not fit the faults.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/json_schema.h"
#include "base/regex.h"

enum { LINE_BYTES_MAX = 64 * 1024 * 1024 };

static char verdict_of(const struct json_schema *schema, const struct json *value)
{
    struct json_schema_faults faults;
    struct err err = { 0 };
    enum err_code quick = json_schema_check(schema, value, NULL, &err);
    enum err_code code = json_schema_check(schema, value, &faults, &err);

    ASSERT(quick == code);
    ASSERT(code == ERR_NONE || (faults.n > 0 && err.msg[0]));
    if (code == ERR_NONE)
        return 'y';
    return code == ERR_LIMIT ? 'l' : 'n';
}

static void say_faults(const struct json_schema *schema, const struct json *value)
{
    CLEANUP(buf_release) struct buf text = { .max = JSON_SCHEMA_FAULTS_TEXT_MAX };
    struct json_schema_faults faults;
    struct err err = { 0 };

    if (json_schema_check(schema, value, &faults, &err))
        json_schema_faults_put(&text, &faults);
    (void)printf(" [%s]", buf_cstr(&text));
}

static void check_schema(const struct json *line, int is_wordy)
{
    const struct json *values = json_get(line, "values");
    struct json_schema *schema = NULL;
    struct err err = { 0 };

    if (json_schema_new(&schema, json_get(line, "schema"), NULL, &err)) {
        (void)printf("! %s\n", err.msg);
        return;
    }
    for (size_t i = 0; i < json_count(values); i++)
        (void)putchar(verdict_of(schema, json_at(values, i)));
    for (size_t i = 0; is_wordy && i < json_count(values); i++)
        say_faults(schema, json_at(values, i));
    (void)putchar('\n');
    json_schema_free(schema);
}

static void check_pattern(const struct json *line)
{
    const struct json *texts = json_get(line, "texts");
    struct regex *regex = NULL;
    struct err err = { 0 };

    if (regex_new(&regex, json_str(json_get(line, "pattern")), &err)) {
        (void)printf("! %s\n", err.msg);
        return;
    }
    for (size_t i = 0; i < json_count(texts); i++) {
        uint64_t work = JSON_SCHEMA_WORK_MAX;

        (void)putchar("nyl"[regex_test(regex, json_str(json_at(texts, i)), &work)]);
    }
    (void)putchar('\n');
    regex_free(regex);
}

int main(int argc, char **argv)
{
    char *text = NULL;
    size_t cap = 0;
    ssize_t len;

    (void)argv;
    while ((len = getline(&text, &cap, stdin)) > 0) {
        struct json *line = NULL;
        struct err err = { 0 };

        if (json_read(&line, (struct slice){ text, (size_t)len }, LINE_BYTES_MAX, &err)) {
            (void)printf("? %s\n", err.msg);
            continue;
        }
        if (json_get(line, "schema"))
            check_schema(line, argc > 1);
        else
            check_pattern(line);
        json_free(line);
    }
    free(text);
    return ferror(stdin) || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
