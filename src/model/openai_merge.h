/*
 * openai_merge.h - a message put together from the deltas of a stream. For model/ only. Pure.
 *
 * What comes again is merged: strings are joined, objects member by member, elements of a list by
 * their `index`, other values replaced; null says nothing. Names are not joined but stay as they
 * first came (id, type, name, role, format), as some servers repeat them in each delta. Servers
 * that give every tool call the same index, or none, are understood by the calls' ids; elements
 * without either (parts of a content list) are appended. Where `content` came as text and as parts
 * the text becomes parts, too.
 *
 * Cost: linear in what came, whatever it is; each object and list has a bounded number of members.
 */
#ifndef MODEL_OPENAI_MERGE_H
#define MODEL_OPENAI_MERGE_H

#include "base/json.h"

enum { OPENAI_MERGE_MEMBERS_MAX = 256 }; /* of an object or list that is merged */

struct openai_merge;

struct openai_merge *openai_merge_new(size_t bytes_max); /* bounds each text: deltas bring less */
void openai_merge_free(struct openai_merge *merge);      /* NULL-safe */

/* Returns NULL, or why the delta, an object, cannot be taken; then the message is of no use. */
const char *openai_merge_add(struct openai_merge *merge, const struct json *delta);

/* The message so far, as a JSON object. */
void openai_merge_put(struct buf *buf, const struct openai_merge *merge);

#endif
