#include "store/audit.h"

#include <stdio.h>

enum { FRAME_MAX = 512 }; /* of its numbers, and of what stands round its texts */

static const char *const names[AUDIT_ACTION_COUNT] = {
    [AUDIT_SESSION_CREATE] = "session.create",
    [AUDIT_SESSION_MESSAGE] = "session.message",
    [AUDIT_SESSION_CANCEL] = "session.cancel",
    [AUDIT_SESSION_PAUSE] = "session.pause",
    [AUDIT_SESSION_RESUME] = "session.resume",
    [AUDIT_SESSION_RETRY] = "session.retry",
    [AUDIT_SESSION_CHANGE] = "session.change",
    [AUDIT_SESSION_FORK] = "session.fork",
    [AUDIT_SESSION_ERASE] = "session.erase",
    [AUDIT_CALL_SETTLE] = "call.settle",
    [AUDIT_APPROVAL_APPROVE] = "approval.approve",
    [AUDIT_APPROVAL_REJECT] = "approval.reject",
    [AUDIT_APPROVAL_ANSWER] = "approval.answer",
    [AUDIT_SESSION_SIGNAL] = "session.signal",
    [AUDIT_KEY_CREATE] = "key.create",
    [AUDIT_KEY_REVOKE] = "key.revoke",
    [AUDIT_DELIVERY_REDELIVER] = "delivery.redeliver",
};

struct slice audit_action_name(enum audit_action action)
{
    ASSERT((size_t)action < ARRAY_LEN(names));
    return slice_of(names[action]);
}

enum audit_action audit_action_of(struct slice name)
{
    unsigned i = 0;

    while (i < AUDIT_ACTION_COUNT && !slice_is(name, names[i]))
        i++;
    return (enum audit_action)i;
}

struct audit_link audit_link_of(int64_t seq, struct slice hash)
{
    struct audit_link link = { .seq = seq };

    (void)snprintf(link.hash, sizeof(link.hash), "%.*s", (int)hash.len, hash.len ? hash.ptr : "");
    return link;
}

/* As a netstring: its length, a colon, its bytes, a comma. So no text can pass for two. */
static void put_text(struct buf *text, struct slice value)
{
    buf_putf(text, "%zu:", value.len);
    buf_put(text, value);
    buf_puts(text, ",");
}

static void put_int(struct buf *text, int64_t value)
{
    char digits[24];

    (void)snprintf(digits, sizeof(digits), "%lld", (long long)value);
    put_text(text, slice_of(digits));
}

struct audit_link audit_seal(const struct store_audit *row)
{
    CLEANUP(buf_release)
    struct buf text = { .max = FRAME_MAX + row->prev_hash.len + row->tenant.len + row->actor.len +
                               row->actor_name.len + row->address.len + row->action.len +
                               row->target.len + row->request_hash.len + row->outcome.len };
    struct audit_link link = { .seq = row->seq };

    put_text(&text, SLICE_LIT("pawl audit 1"));
    put_text(&text, row->prev_hash);
    put_int(&text, row->seq);
    put_int(&text, row->at_ms);
    put_text(&text, row->tenant);
    put_text(&text, row->actor);
    put_text(&text, row->actor_name);
    put_text(&text, row->address);
    put_text(&text, row->action);
    put_text(&text, row->target);
    put_int(&text, row->call);
    put_text(&text, row->request_hash);
    put_text(&text, row->outcome);
    struct sha256 hash = sha256_of(buf_slice(&text));

    (void)sha256_text(link.hash, &hash);
    return link;
}

enum audit_fault audit_follow(struct audit_link *end, const struct store_audit *row)
{
    struct audit_link before = *end;
    struct audit_link sealed = audit_seal(row);

    *end = audit_link_of(row->seq, row->hash);
    if (!slice_is(row->hash, sealed.hash))
        return AUDIT_CHANGED;
    if (row->seq != before.seq + 1)
        return AUDIT_MISSING;
    return slice_is(row->prev_hash, before.hash) ? AUDIT_GOOD : AUDIT_UNLINKED;
}
