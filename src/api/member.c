#include "api/member.h"

#include "base/clock.h"

void member_put_text(struct buf *buf, const char *key, struct slice text)
{
    json_key(buf, key);
    if (text.ptr)
        json_put_str(buf, text);
    else
        json_put_null(buf);
}

void member_put_time(struct buf *buf, const char *key, int64_t at_ms)
{
    char text[CLOCK_TEXT_MAX];

    member_put_text(buf, key,
                    at_ms ? slice_of(clock_text(text, at_ms)) : (struct slice){ NULL, 0 });
}
