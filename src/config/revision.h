/*
 * revision.h - an agent's revision: what a session keeps when the file changes, and its name.
 *
 * The text is canonical JSON (keys sorted, no spaces), so that equal agents have equal revisions:
 *
 *     account       the account's name
 *     instructions
 *     limits        steps, wall_ms, tokens, nanousd; 0: none
 *     model         provider, model, max_output_tokens, timeout_ms, retry
 *     model_name    the model's name in the file
 *     tools         in the order of the file, each: name, description, parameters (the schema),
 *                   kind (exec, builtin), builtin (its name, of a builtin), effects, retry
 *     v             1
 *
 * and retry is attempts, first_ms, max_ms. Not in it, so the present ones count: the agent's own
 * name, URLs, keys, prices, scripts, the limits of the server, and of a command all that says how
 * it runs (command, network, timeouts, paths, secrets). docs/configuration.md says the same.
 */
#ifndef CONFIG_REVISION_H
#define CONFIG_REVISION_H

#include "base/hash.h"
#include "config/config.h"

/* More than the largest: instructions of 4 MiB, 128 tools of 80 KiB, each byte escaped. */
enum { REVISION_BYTES_MAX = 128 * 1024 * 1024 };

/* Appends the text to an empty buf with room for REVISION_BYTES_MAX, and gives its SHA-256. */
void revision_make(const struct config_agent *agent, struct buf *ret_text,
                   char ret_name[SHA256_TEXT_MAX]);

#endif
