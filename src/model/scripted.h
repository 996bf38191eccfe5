/*
 * scripted.h - a model that follows a script: for demos, tests, and trying an agent without a key.
 *
 * It keeps nothing: the reply is chosen by the number of assistant messages in the request, so
 * asking again gives the same reply again. Messages are in the openai format.
 *
 * A script (docs/scripted-model.md), as JSON text made from its YAML file:
 *
 *     replies:
 *       - calls: [ { tool: largest, arguments: { count: 3 } }, { tool: now } ]
 *         delay: 200ms
 *       - fail: { status: 429, retry_after: 1s, times: 2 }   # the first two attempts
 *         text: "The largest is {{result.largest.line.1}}."
 *       - each: { line_of: largest, calls: [ ... ] }          # see docs
 *
 * After the last reply comes an error that says so.
 */
#ifndef MODEL_SCRIPTED_H
#define MODEL_SCRIPTED_H

#include "loop/loop.h"
#include "model/model.h"

struct scripted;

struct scripted *scripted_new(struct loop *loop);
void scripted_free(struct scripted *scripted); /* no call may be open; NULL-safe */
struct model_client *scripted_client(struct scripted *scripted);

/* Is this text a script? The message says where it is not. */
enum err_code scripted_check(struct slice script, struct err *err) MUST_CHECK;

#endif
