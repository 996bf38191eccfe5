#include "config/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"

/* More than is shown, so that what is shown is the first of the file, not the first found. */
enum { ENTRIES_MAX = 1000, FILE_SHOWN_MAX = 512, LINE_MAX_BYTES = 1024 };

struct entry {
    struct place at;
    int is_warning;
    int is_elsewhere; /* not in the main file */
    size_t order;     /* of two at one place the one that was found first goes first */
    char *text;
};

struct report {
    const char *main_file;
    struct entry *entries;
    size_t entries_n;
    size_t cap;
    size_t errors;
    size_t warnings;
};

struct report *report_new(const char *main_file)
{
    struct report *report = xcalloc(1, sizeof(*report));

    report->main_file = main_file;
    return report;
}

void report_free(struct report *report)
{
    if (!report)
        return;
    for (size_t i = 0; i < report->entries_n; i++)
        free(report->entries[i].text);
    free(report->entries);
    free(report);
}

static void add(struct report *report, struct place at, int is_warning, const char *text)
{
    if (report->entries_n == ENTRIES_MAX)
        return;
    if (report->entries_n == report->cap) {
        report->cap = report->cap ? report->cap * 2 : 16;
        report->entries = xrealloc(report->entries, report->cap * sizeof(*report->entries));
    }
    report->entries[report->entries_n] = (struct entry){
        .at = at,
        .is_warning = is_warning,
        .is_elsewhere = strcmp(at.file, report->main_file) != 0,
        .order = report->entries_n,
        .text = xstrdup(text),
    };
    report->entries_n++;
}

void report_error(struct report *report, struct place at, const char *fmt, ...)
{
    char text[LINE_MAX_BYTES];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    report->errors++;
    add(report, at, 0, text);
}

void report_warning(struct report *report, struct place at, const char *fmt, ...)
{
    char text[LINE_MAX_BYTES];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    report->warnings++;
    add(report, at, 1, text);
}

size_t report_errors(const struct report *report)
{
    return report->errors;
}

int report_is_full(const struct report *report)
{
    return report->entries_n == ENTRIES_MAX;
}

static int compare_sizes(size_t a, size_t b)
{
    return (a > b) - (a < b);
}

static int compare_entries(const void *left, const void *right)
{
    const struct entry *a = left;
    const struct entry *b = right;
    int order = a->is_warning - b->is_warning;

    if (order == 0)
        order = a->is_elsewhere - b->is_elsewhere;
    if (order == 0)
        order = strcmp(a->at.file, b->at.file);
    if (order == 0)
        order = compare_sizes(a->at.line, b->at.line);
    if (order == 0)
        order = compare_sizes(a->at.column, b->at.column);
    return order ? order : compare_sizes(a->order, b->order);
}

static void render_entry(struct buf *buf, const struct entry *entry)
{
    struct slice file = utf8_prefix(slice_of(entry->at.file), FILE_SHOWN_MAX);

    utf8_put_visible(buf, file, 0);
    if (entry->at.line > 0)
        buf_putf(buf, ":%u:%u", entry->at.line, entry->at.column);
    buf_putf(buf, ": %s%s\n", entry->is_warning ? "warning: " : "", entry->text);
}

void report_render(struct report *report, struct buf *buf)
{
    size_t all = report->errors + report->warnings;
    size_t shown = report->entries_n < REPORT_LINES_MAX ? report->entries_n : REPORT_LINES_MAX;

    if (report->entries_n > 0)
        qsort(report->entries, report->entries_n, sizeof(*report->entries), compare_entries);
    for (size_t i = 0; i < shown; i++)
        render_entry(buf, &report->entries[i]);
    if (all > shown)
        buf_putf(buf, "... and %zu more\n", all - shown);
}

struct quoted quote(struct slice text)
{
    enum { BYTES_MAX = 48, VISIBLE_MAX = BYTES_MAX * 10 }; /* a byte may become \u{10ffff} */
    CLEANUP(buf_release) struct buf visible = { .max = VISIBLE_MAX };
    struct slice head = utf8_prefix(text, BYTES_MAX);
    struct quoted quoted;

    utf8_put_visible(&visible, head, 0);
    struct slice shown = utf8_prefix(buf_slice(&visible), sizeof(quoted.text) - 6);

    (void)snprintf(quoted.text, sizeof(quoted.text), "'%.*s%s'", (int)shown.len,
                   shown.ptr ? shown.ptr : "",
                   head.len < text.len || shown.len < visible.len ? "..." : "");
    return quoted;
}
