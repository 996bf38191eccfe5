/*
 * scripted_template.h - the placeholders of a script, and the history that they look into.
 * For model/ only. Pure. What may stand between {{ and }}: docs/scripted-model.md.
 */
#ifndef MODEL_SCRIPTED_TEMPLATE_H
#define MODEL_SCRIPTED_TEMPLATE_H

#include "base/json.h"

/* The messages of a request, read. Zeroed is empty. */
struct script_history {
    struct json *root; /* their list */
    size_t replies;    /* assistant messages among them */
};

/* `messages` are wires of the openai format, parted by commas; none is fine. */
enum err_code script_history_read(struct script_history *history, struct slice messages,
                                  struct err *err) MUST_CHECK;
void script_history_release(struct script_history *history);

/* The text that the latest result of this tool gave, trimmed; ERR_NOT_FOUND if there is none. */
enum err_code script_history_result(struct slice *ret_text, const struct script_history *history,
                                    struct slice tool, struct err *err) MUST_CHECK;

/* The latest message of the user, trimmed; empty if there is none. */
struct slice script_history_input(const struct script_history *history);

/* Appends "tool: text" for each result since the last reply, a line each. */
enum err_code script_history_put_results(struct buf *out, const struct script_history *history,
                                         struct err *err) MUST_CHECK;

/* The next line of *rest that is not blank, trimmed and taken off; { NULL, 0 } after the last. */
struct slice script_next_line(struct slice *rest);

struct template_scope {
    const struct script_history *history;
    struct slice line; /* what {{line}} is; its ptr NULL: there is none */
};

enum { TEMPLATE_LINE = 1, TEMPLATE_JSON = 2 }; /* what else is allowed: {{line}}, {{x | json}} */

/* Are these placeholders at all? */
enum err_code template_check(struct slice text, unsigned allowed, struct err *err) MUST_CHECK;

/* Is text one {{x | json}} and nothing else? */
int template_is_json(struct slice text);

/* Appends text with its placeholders, which were checked, replaced by what they name. */
enum err_code template_expand(struct buf *out, struct slice text,
                              const struct template_scope *scope, struct err *err) MUST_CHECK;

#endif
