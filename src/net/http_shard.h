/*
 * http_shard.h - one curl multi on the loop: its sockets, its timer, its finished transfers.
 * Included by src/net/ only.
 *
 * A multi's work grows with the square of what it holds (9,000 calls on one cost four times as
 * much each as over 32), so http_client.c opens several.
 *
 * Threads: every call belongs to the loop's thread.
 */
#ifndef NET_HTTP_SHARD_H
#define NET_HTTP_SHARD_H

#include <curl/curl.h>

#include "loop/loop.h"

enum { HTTP_SHARD_CALLS_MAX = 300 };

struct http_shard;

/* A transfer has ended; it has left the shard. Runs outside of curl: anything may be called. */
typedef void http_shard_fn(CURL *easy, CURLcode code, void *arg);

struct http_shard *http_shard_new(struct loop *loop, http_shard_fn *on_end, void *arg);
void http_shard_free(struct http_shard *shard); /* must be empty; closes its connections */

unsigned http_shard_count(const struct http_shard *shard);
void http_shard_add(struct http_shard *shard, CURL *easy);
void http_shard_remove(struct http_shard *shard, CURL *easy); /* not from inside a curl callback */

#endif
