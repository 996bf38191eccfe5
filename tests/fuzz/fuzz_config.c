/* fuzz_config.c - any bytes as a pawl.yaml: read, checked, made into JSON, reported. */
#include "fuzz/fuzz.h"

#include "base/utf8.h"
#include "config/check.h"
#include "config/schema_check.h"
#include "config/yaml_json.h"

static void check_document(struct yaml *doc, struct report *report)
{
    CLEANUP(buf_release) struct buf json = { .max = YAML_JSON_MAX };
    CLEANUP(json_cleanup) struct json *value = NULL;
    struct yaml_node *root = yaml_root(doc);
    struct err err;

    if (yaml_json_write(&json, root, report)) {
        /* Only what is nested deeper than JSON allows could be refused, and YAML allows less. */
        ASSERT(json_read(&value, buf_slice(&json), YAML_JSON_MAX, &err) == ERR_NONE);
        (void)schema_check(root, buf_slice(&json), report);
    }
    check_tree(doc, report);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(buf_release) struct buf lines = { .max = REPORT_TEXT_MAX };
    struct report *report = report_new("fuzz.yaml");
    struct yaml *doc = yaml_read("fuzz.yaml", (struct slice){ (const char *)data, size }, report);

    ASSERT(doc || report_errors(report) > 0);
    if (doc)
        check_document(doc, report);
    report_render(report, &lines);
    ASSERT(utf8_is_valid(buf_slice(&lines)));
    yaml_free(doc);
    report_free(report);
    return 0;
}
