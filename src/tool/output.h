/*
 * output.h - what a tool prints on stdout, kept whole up to a bound. Included by src/tool/ only;
 * what others may do with it is in tool.h.
 *
 * Small outputs stand in memory. A larger one goes to a file without a name that is mapped in the
 * end: however many tools print much at once, they take the disk's room and not the process's
 * memory. Where that file cannot be made or written, what was kept by then is all that is kept.
 */
#ifndef TOOL_OUTPUT_H
#define TOOL_OUTPUT_H

#include "tool/tool.h"

/* More than this is not held in memory. */
enum { OUTPUT_MEMORY_BYTES = 1024 * 1024 };

/* dir: an absolute path, of the folder for files without names; NULL: all of it in memory. */
struct tool_output *tool_output_new(const char *dir, size_t max);
void tool_output_add(struct tool_output *output, struct slice bytes);

/* Nothing is added any more. What was kept, until it is freed. */
struct slice tool_output_end(struct tool_output *output);
uint64_t tool_output_total(const struct tool_output *output); /* bytes that came, kept or not */

#endif
