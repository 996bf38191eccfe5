/*
 * builtin.h - tools that need no process of their own: `now`, `echo`, `read_output`, `ask_user`,
 * `sleep_until` and `wait_for_event`.
 *
 * now:  no arguments; the time as RFC 3339 in UTC.
 * echo: {"text": "..."}; gives the text back.
 * read_output: only described here. It reads the store, so the engine carries it out.
 * ask_user, sleep_until, wait_for_event: only described here. A session waits for them, and nothing
 *       runs (core/waiting.h, engine/waits.c).
 */
#ifndef TOOL_BUILTIN_H
#define TOOL_BUILTIN_H

#include "loop/loop.h"
#include "tool/tool.h"

struct builtin;

struct builtin *builtin_new(struct loop *loop);
void builtin_free(struct builtin *builtin); /* no run may be open; NULL-safe */
struct tool_runner *builtin_runner(struct builtin *builtin);

struct builtin_info {
    const char *name;
    const char *description; /* for the model */
    const char *parameters;  /* JSON Schema text */
};

/* NULL if there is no builtin of that name; by index for lists, NULL at the end. */
const struct builtin_info *builtin_find(struct slice name);
const struct builtin_info *builtin_at(size_t i);

#endif
