#include "api/json_approval.h"

#include "api/member.h"
#include "base/clock.h"
#include "base/json.h"

int approval_id_read(struct slice *ret_session, uint32_t *ret_call, struct slice text)
{
    const char *colon = text.len > 0 ? memrchr(text.ptr, ':', text.len) : NULL;
    uint64_t call = 0;

    if (!colon)
        return 1;
    struct slice session = { text.ptr, (size_t)(colon - text.ptr) };
    struct slice digits = { colon + 1, text.len - session.len - 1 };

    if (digits.len == 0 || digits.len > 10 || digits.ptr[0] == '0' || !id_is_valid(session, "ses_"))
        return 1;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.ptr[i] < '0' || digits.ptr[i] > '9')
            return 1;
        call = call * 10 + (uint64_t)(digits.ptr[i] - '0');
    }
    if (call > UINT32_MAX)
        return 1;
    *ret_session = session;
    *ret_call = (uint32_t)call;
    return 0;
}

size_t json_approval_bytes_max(const struct store_approval *row)
{
    enum { FIXED_MAX = 8192 };

    /* The same members once more, a question's twice; times of decisions become texts. */
    return FIXED_MAX + 3 * row->body.len + 6 * (row->tool.len + row->session.len);
}

static void put_decision(struct buf *buf, const struct json *decision)
{
    json_begin(buf, '{');
    member_put_text(buf, "by", json_str(json_get(decision, "by")));
    member_put_text(buf, "decision", json_str(json_get(decision, "decision")));
    member_put_time(buf, "at", json_int(json_get(decision, "at"), 0));
    member_put_text(buf, "note", json_str(json_get(decision, "note")));
    member_put_text(buf, "arguments_hash", json_str(json_get(decision, "arguments_hash")));
    json_end(buf, '}');
}

/* Who is asked, and what they have said: of an approval only. */
static void put_people(struct buf *buf, const struct json *body)
{
    const struct json *decisions = json_get(body, "decisions");

    json_key(buf, "approvers");
    json_put_int(buf, json_int(json_get(body, "approvers"), 0));
    json_key(buf, "still_needed");
    json_put_int(buf, json_int(json_get(body, "still_needed"), 0));
    member_put_text(buf, "on_expiry", json_str(json_get(body, "on_expiry")));
    member_put_text(buf, "escalate_to", json_str(json_get(body, "escalate_to")));
    json_key(buf, "edited");
    json_put_bool(buf, json_bool(json_get(body, "edited"), 0));
    json_key(buf, "decisions");
    json_begin(buf, '[');
    for (size_t i = 0; i < json_count(decisions); i++)
        put_decision(buf, json_at(decisions, i));
    json_end(buf, ']');
}

/* What is asked, what may be answered, and what was: of a question only. */
static enum err_code put_question(struct buf *buf, const struct json *body, struct err *err)
{
    const struct json *arguments = json_get(body, "arguments");
    const struct json *choices = json_get(arguments, "choices");
    const struct json *decisions = json_get(body, "decisions");

    member_put_text(buf, "question", json_str(json_get(arguments, "question")));
    json_key(buf, "choices");
    if (!choices)
        json_put_null(buf);
    else if (json_write(buf, choices, err))
        return err->code;
    member_put_text(buf, "answer", json_str(json_get(body, "answer")));
    json_key(buf, "decisions");
    json_begin(buf, '[');
    for (size_t i = 0; i < json_count(decisions); i++)
        put_decision(buf, json_at(decisions, i));
    json_end(buf, ']');
    return ERR_NONE;
}

static void put_head(struct buf *buf, const struct store_approval *row)
{
    CLEANUP(buf_release) struct buf id = { .max = ID_TEXT_MAX + 16 };

    buf_putf(&id, "%.*s:%u", (int)row->session.len, row->session.ptr, row->call);
    member_put_text(buf, "id", buf_slice(&id));
    member_put_text(buf, "session", row->session);
    member_put_text(buf, "agent", row->agent);
    json_key(buf, "call");
    json_put_int(buf, row->call);
    member_put_text(buf, "kind", slice_of(approval_kind_name(row->kind)));
    member_put_text(buf, "status", slice_of(approval_status_name(row->status)));
    member_put_text(buf, "tool", row->tool);
}

enum err_code json_put_approval(struct buf *buf, const struct store_approval *row, struct err *err)
{
    CLEANUP(json_cleanup) struct json *body = NULL;
    CLEANUP(buf_release) struct buf arguments = { .max = row->body.len + 64 };

    if (row->session.len >= ID_TEXT_MAX || json_read(&body, row->body, STORE_BODY_MAX, err) ||
        !json_get(body, "arguments") || json_write(&arguments, json_get(body, "arguments"), err)) {
        return err_set(err, ERR_CORRUPT, "what is stored of approval %lld cannot be read",
                       (long long)row->key);
    }
    size_t before = buf->len;

    json_begin(buf, '{');
    put_head(buf, row);
    json_key(buf, "arguments");
    json_put_raw(buf, buf_slice(&arguments));
    member_put_text(buf, "arguments_hash", json_str(json_get(body, "arguments_hash")));
    member_put_text(buf, "risk", json_str(json_get(body, "risk")));
    member_put_text(buf, "reason", json_str(json_get(body, "reason")));
    member_put_text(buf, "role", json_str(json_get(body, "role")));
    if (json_get(body, "approvers"))
        put_people(buf, body);
    if (row->kind == APPROVAL_QUESTION && put_question(buf, body, err)) {
        buf_cut(buf, before);
        return err->code;
    }
    member_put_time(buf, "requested_at", row->requested_at_ms);
    member_put_time(buf, "expires_at", row->expires_at_ms);
    member_put_time(buf, "decided_at", row->decided_at_ms);
    json_end(buf, '}');
    return ERR_NONE;
}

void approval_put_outcome(struct buf *text, const struct store_approval *row)
{
    CLEANUP(json_cleanup) struct json *body = NULL;
    char at[CLOCK_TEXT_MAX];
    struct err err = { 0 };

    buf_puts(text, approval_status_name(row->status));
    if (json_read(&body, row->body, STORE_BODY_MAX, &err) == ERR_NONE) {
        const struct json *decisions = json_get(body, "decisions");
        size_t n = json_count(decisions);
        struct slice by = json_str(json_get(n ? json_at(decisions, n - 1) : NULL, "by"));

        if (by.len > 0 && (row->status == APPROVAL_APPROVED || row->status == APPROVAL_REJECTED ||
                           row->status == APPROVAL_ANSWERED))
            buf_putf(text, " by %.*s", (int)by.len, by.ptr);
    }
    if (row->decided_at_ms)
        buf_putf(text, " at %s", clock_text(at, row->decided_at_ms));
}
