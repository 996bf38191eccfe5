/*
 * report.h - what is wrong with a configuration: every error with its place, for people.
 *
 * Errors come in the order in which the checks run and go out in the order of the file, so that
 * one reads them beside it. A warning is something that works but is probably not meant.
 *
 * No message shows a value that came from the environment: whoever quotes a YAML text quotes it
 * as it is written in the file (yaml_node.written), and a key not at all.
 */
#ifndef CONFIG_REPORT_H
#define CONFIG_REPORT_H

#include <stdint.h>

#include "base/buf.h"

/* Where something stands. Lines and columns count from 1, columns in characters; line 0: no place
 * in the file, but the file itself. `file` is borrowed and outlives the report. */
struct place {
    const char *file;
    uint32_t line;
    uint32_t column;
};

struct report;

/* main_file is borrowed; its lines go before those of other files. */
struct report *report_new(const char *main_file);
void report_free(struct report *report); /* NULL-safe */

void report_error(struct report *report, struct place at, const char *fmt, ...) PRINTF(3, 4);
void report_warning(struct report *report, struct place at, const char *fmt, ...) PRINTF(3, 4);
size_t report_errors(const struct report *report);

/* What comes now is counted only: not worth much work. */
int report_is_full(const struct report *report);

enum { REPORT_LINES_MAX = 100, REPORT_TEXT_MAX = 1024 * 1024 };

/*
 * Appends a line for each error, sorted by place: "pawl.yaml:12:5: unknown key ...", and then for
 * each warning: "pawl.yaml:3:1: warning: ...". After REPORT_LINES_MAX comes a line that says how
 * many more there are. buf->max is at least REPORT_TEXT_MAX.
 */
void report_render(struct report *report, struct buf *buf);

/* A word from a file in quotes, harmless to show, cut if long: quote(text).text. */
struct quoted {
    char text[96];
};
struct quoted quote(struct slice text);

#endif
