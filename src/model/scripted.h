/*
 * scripted.h - a model that follows a script: for demos, tests, and trying an agent without a key.
 *
 * It keeps nothing: the reply is chosen by the number of assistant messages in the request, so
 * asking again gives the same reply again. Messages are in the openai format.
 *
 * A script, as JSON text made from its YAML file (all of it in docs/scripted-model.md):
 *
 *     replies:
 *       - calls: [ { tool: largest, arguments: { count: 3 } }, { tool: now } ]
 *         delay: 200ms
 *       - for_each: { lines_of: largest, call: { tool: owner, arguments: { of: "{{line}}" } } }
 *       - fail: { status: 429, retry_after: 1s, times: 2 }   # the first two attempts
 *         text: "The largest is {{result.largest.line.1}}."
 *
 * After the last reply, and where a placeholder finds nothing, comes MODEL_REFUSED with a message
 * that says so. A reply that takes longer than the call's timeout is MODEL_TIMED_OUT.
 */
#ifndef MODEL_SCRIPTED_H
#define MODEL_SCRIPTED_H

#include "loop/loop.h"
#include "model/model.h"

struct scripted;

struct scripted *scripted_new(struct loop *loop);
void scripted_free(struct scripted *scripted); /* no call may be open; NULL-safe */
struct model_client *scripted_client(struct scripted *scripted);

/*
 * Is this text a script? The message says where it is not: "replies[2].cals: unknown key, did you
 * mean "calls"?".
 */
enum err_code scripted_check(struct slice script, struct err *err) MUST_CHECK;

#endif
