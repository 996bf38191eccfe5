/*
 * openai_stream.h - an answer that comes as a stream of chunks, read. For model/ only.
 *
 * Each chunk is parsed once, as it comes; at the end they are put together as the answer that the
 * provider would have given without a stream, and read as that (openai_answer.h), so that both
 * forms mean the same. Only choice 0 counts. It is whole with a finish_reason or "[DONE]": what
 * comes after is of no interest but for the usage, and its loss no failure.
 */
#ifndef MODEL_OPENAI_STREAM_H
#define MODEL_OPENAI_STREAM_H

#include "model/openai_answer.h"
#include "net/sse_read.h"

/*
 * A chunk says much beside its few letters: 128,000 tokens are some 35 MB. The answer that is made
 * of them has at most OPENAI_ANSWER_BYTES_MAX, as any other, and so has one chunk.
 */
enum { OPENAI_STREAM_BYTES_MAX = 64 << 20 };

struct openai_stream;

/* Told each piece of the answer's text. */
typedef void openai_text_fn(struct slice text, void *arg);

struct openai_stream *openai_stream_new(openai_text_fn *on_text, void *arg);
void openai_stream_free(struct openai_stream *stream); /* NULL-safe */

/*
 * False: the result has an error now, and the rest is not wanted. At most OPENAI_STREAM_BYTES_MAX
 * bytes may be fed in all. The result's http_status is set already. `key` is what no message may
 * contain.
 */
int openai_stream_feed(struct openai_stream *stream, struct slice bytes, struct slice key,
                       struct model_result *result);

int openai_stream_is_whole(const struct openai_stream *stream); /* nothing that matters can come */
int openai_stream_is_done(const struct openai_stream *stream);  /* "[DONE]" came */

/* Like openai_answer_read(); what is not whole is MODEL_TIMED_OUT. Once, after the last feed. */
void openai_stream_end(struct openai_stream *stream, struct openai_answer *answer, struct slice key,
                       struct model_result *result);

#endif
