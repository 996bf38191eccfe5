#include "api/json_event.h"

#include "base/clock.h"
#include "base/json.h"

void json_put_event(struct buf *buf, const struct store_event *event)
{
    char at[CLOCK_TEXT_MAX];

    json_begin(buf, '{');
    json_key(buf, "seq");
    json_put_int(buf, event->seq);
    json_key(buf, "at");
    json_put_str(buf, slice_of(clock_text(at, event->at_ms)));
    json_key(buf, "kind");
    json_put_str(buf, slice_of(event_kind_name(event->kind)));
    /* The body is an object that we wrote: its members follow ours without being read again. */
    if (event->body.len > 2 && event->body.ptr[0] == '{')
        json_put_raw(buf, (struct slice){ event->body.ptr + 1, event->body.len - 2 });
    json_end(buf, '}');
}
