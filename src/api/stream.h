/* stream.h - a session's events as a stream that stays open; see events_stream.c. For api/ only. */
#ifndef API_STREAM_H
#define API_STREAM_H

#include "api/ask.h"

/* Does this request for events ask for a stream (Accept: text/event-stream)? */
int stream_is_wanted(const struct ask *ask);

void events_stream(struct ask *ask);

struct stream_delta {
    struct slice session;
    uint32_t call;
    uint32_t attempt;
    struct slice text;
};

/* To whoever watches the session; nothing is built if nobody does. */
void streams_say_delta(struct waiters *waiters, const struct stream_delta *delta);

#endif
