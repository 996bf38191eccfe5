/*
 * openai.h - OpenAI chat completions: POST {base_url}/chat/completions.
 * Format: npm openai@7, resources/chat/completions; errors and Retry-After as its client.js.
 *
 * Serves OpenAI and what calls itself compatible, so it asks for little and puts up with much:
 *   - instructions go out as a message of role "system", which every server knows ("developer" is
 *     known to few, and OpenAI takes either);
 *   - the limit of the answer is `max_completion_tokens` where the host is OpenAI's
 *     (api.openai.com, *.api.openai.com, *.openai.azure.com), else `max_tokens`; the session's
 *     opaque id is `safety_identifier` at api.openai.com and its regions, else `user`;
 *   - no Authorization header is sent without a key;
 *   - a tool's error result begins with "Error: ", since the format has no other mark for it;
 *   - an answer in pieces is asked for by `stream` and `stream_options.include_usage`.
 *
 * An answer: content may be a string, null, or parts, of which the text ones are joined; a refusal
 * stands for a missing text. Tool call ids that are missing, overlong or doubled are replaced by
 * ones made of the answer's hash, so the same body gives the same ids. Arguments that are missing
 * or empty become {}; an object becomes its JSON text; else they are kept as written. A call
 * without a name is dropped. Usage that is negative, beyond 10^12 or no number is unknown
 * (has_usage 0); cached tokens are clamped to the input. An answer without text and calls is
 * MODEL_BAD_ANSWER, unless the provider says that it was cut or withheld; then its text is empty,
 * and in the wire "(no answer)", since some servers refuse a history with an empty message.
 *
 * The assistant's wire is rebuilt from role, content and tool_calls, so that it can never be one
 * that the provider refuses: a tool name that the format forbids is mended there (only there), as a
 * history that is refused once is refused for ever. Of the members that others added to the format,
 * it keeps those that their makers demand back: reasoning_content (DeepSeek, Kimi),
 * reasoning_details (OpenRouter), extra_content (Gemini's thought signatures). The rest is in raw.
 *
 * A stream (2xx with Content-Type text/event-stream; anything else is an answer as a whole) is put
 * together (openai_merge.h) and then read as above. It needs a finish_reason or "[DONE]", else it
 * is MODEL_TIMED_OUT; so is one that began and then is silent for idle_timeout_ms. An `error` in a
 * chunk is what it says it is, else MODEL_BAD_ANSWER, and so is a chunk that is no JSON object. Of
 * several choices number 0 counts, chunks without choices are looked at for their usage only.
 *
 * An error status: see model_error_of_status(); besides, insufficient_quota and the like are
 * MODEL_NO_QUOTA, `x-should-retry: true` makes a final error MODEL_SERVER_ERROR, and `false` makes
 * a passing one MODEL_REFUSED. When to come back is `retry-after-ms`, else `retry-after` (seconds
 * or a date), else for 429 the longest `x-ratelimit-reset-*` of what has nothing remaining; from 0
 * to an hour.
 */
#ifndef MODEL_OPENAI_H
#define MODEL_OPENAI_H

#include "loop/loop.h"
#include "model/model.h"
#include "net/http_client.h"

extern const struct model_format model_format_openai;

struct openai;

struct openai *openai_new(struct loop *loop, struct http_client *http); /* http: borrowed */
void openai_free(struct openai *openai); /* no call may be open; NULL-safe */
struct model_client *openai_client(struct openai *openai);

#endif
