/* json_event.h - an entry of a journal as clients see it. For api/ only. */
#ifndef API_JSON_EVENT_H
#define API_JSON_EVENT_H

#include "store/store.h"

enum { JSON_EVENT_FIXED_MAX = 128 }; /* what is added to the body */

/* {"seq":3,"at":"2026-...","kind":"message", and the members of the stored body}. */
void json_put_event(struct buf *buf, const struct store_event *event);

#endif
