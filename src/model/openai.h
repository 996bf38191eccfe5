/*
 * openai.h - OpenAI chat completions: POST {base_url}/chat/completions.
 * Format: npm openai@7, resources/chat/completions; errors and Retry-After as its client.js.
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
