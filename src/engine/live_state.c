/* live_state.c - the state of a session in the hands of this process, small while it waits. */
#include <stdlib.h>

#include "engine/engine_internal.h"

static void unpack(struct live *live)
{
    struct slice packed = { (const char *)live->packed, live->packed_len };
    struct err err;

    live->state = xcalloc(1, sizeof(*live->state)); /* of a session that is about to be created */
    if (live->packed && session_decode(live->state, packed, &err))
        assert_failed(err.msg, __FILE__, __LINE__);
    free(TAKE(live->packed));
}

const struct session_state *live_state(struct live *live)
{
    if (!live->state)
        unpack(live);
    return live->state;
}

void live_state_set(struct live *live, const struct session_state *state)
{
    if (!live->state)
        live->state = xcalloc(1, sizeof(*live->state));
    free(TAKE(live->packed));
    *live->state = *state;
}

void live_state_pack(struct live *live)
{
    unsigned char blob[SESSION_BLOB_MAX];

    if (!live->state)
        return;
    live->packed_len = session_encode(live->state, blob);
    live->packed = xcalloc(1, live->packed_len);
    memcpy(live->packed, blob, live->packed_len);
    free(TAKE(live->state));
}

void live_state_release(struct live *live)
{
    free(TAKE(live->state));
    free(TAKE(live->packed));
}
