/*
 * json_session.h - a session as clients see it. For api/ only.
 *
 * {id, status, paused, agent, revision, context, current_task, turn, waiting: [{on, since, until,
 * detail}], usage: {tokens, usd, steps}, budget: {usd, tokens}, output, error: {code, message},
 * metadata, parent, created_at, updated_at, ended_at}. Times are RFC 3339. waiting and budget are
 * read off the state, so rows that come without it (lists) have neither.
 */
#ifndef API_JSON_SESSION_H
#define API_JSON_SESSION_H

#include "store/store.h"

/* Which tool an open call is about, for `detail`: from the event that asked for it. */
struct call_name {
    uint32_t call;
    struct slice tool;
    struct slice signal; /* that it waits for; NULL: none */
};

struct call_names {
    const struct call_name *at;
    size_t n;
};

/* The most that a session with these texts takes as JSON: for the buf's max. */
size_t json_session_bytes_max(const struct store_load *load);

/* Appends it. names may be NULL. ERR_CORRUPT if the stored state or a stored body is no good. */
enum err_code json_put_session(struct buf *buf, const struct store_load *load,
                               const struct call_names *names, struct err *err) MUST_CHECK;

#endif
