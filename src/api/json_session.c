#include "api/json_session.h"

#include "api/member.h"
#include "base/json.h"

static void put_text(struct buf *buf, const char *key, struct slice text)
{
    json_key(buf, key);
    json_put_str(buf, text);
}

/* ---- what it waits for ---- */

static struct slice tool_of(const struct call_names *names, uint32_t call)
{
    for (size_t i = 0; names && i < names->n; i++) {
        if (names->at[i].call == call)
            return names->at[i].tool;
    }
    return SLICE_LIT("a tool");
}

static struct slice signal_of(const struct call_names *names, uint32_t call)
{
    for (size_t i = 0; names && i < names->n; i++) {
        if (names->at[i].call == call)
            return names->at[i].signal;
    }
    return (struct slice){ 0 };
}

static const char *wait_text(enum wait_kind on)
{
    switch (on) {
    case WAIT_PERMIT: return "a place for its next model call";
    case WAIT_MODEL: return "the model's answer";
    case WAIT_RETRY: return "the time to try again";
    case WAIT_TOOL: return "the end of";
    case WAIT_APPROVAL: return "a person's decision on";
    case WAIT_INPUT: return "a person's answer";
    case WAIT_TIME: return "a time";
    case WAIT_SIGNAL: return "a signal";
    case WAIT_CHILD: return "the end of a child session";
    case WAIT_RECONCILE: return "word of what became of";
    case WAIT_PERSON: return "a person who knows what became of";
    case WAIT_RESUME: return "resume: it is paused";
    case WAIT_KIND_COUNT: break;
    }
    return "nothing that is known";
}

static int is_about_tool(enum wait_kind on)
{
    return on == WAIT_TOOL || on == WAIT_APPROVAL || on == WAIT_RECONCILE || on == WAIT_PERSON;
}

static void put_wait(struct buf *buf, const struct session_wait *wait,
                     const struct call_names *names)
{
    CLEANUP(buf_release) struct buf detail = { .max = STORE_BODY_MAX };

    struct slice signal = signal_of(names, wait->call);

    buf_puts(&detail, wait_text(wait->on));
    if (wait->on == WAIT_SIGNAL && signal.ptr)
        buf_putf(&detail, " named %.*s", (int)signal.len, signal.ptr);
    if (is_about_tool(wait->on)) {
        buf_puts(&detail, " ");
        buf_put(&detail, tool_of(names, wait->call));
    }
    if (wait->call)
        buf_putf(&detail, " (call %u, attempt %u)", wait->call, wait->attempt);
    json_begin(buf, '{');
    put_text(buf, "on", slice_of(wait_kind_name(wait->on)));
    member_put_time(buf, "since", wait->since_ms);
    member_put_time(buf, "until", wait->until_ms);
    put_text(buf, "detail", buf_slice(&detail));
    json_end(buf, '}');
}

static void put_waiting(struct buf *buf, const struct session_state *state,
                        const struct call_names *names)
{
    struct session_wait waits[SESSION_WAITS_MAX];
    unsigned n = session_waits(state, waits);

    json_key(buf, "waiting");
    json_begin(buf, '[');
    for (unsigned i = 0; i < n; i++)
        put_wait(buf, &waits[i], names);
    json_end(buf, ']');
}

/* ---- money ---- */

static void put_usage(struct buf *buf, const struct store_session *row)
{
    json_key(buf, "usage");
    json_begin(buf, '{');
    json_key(buf, "tokens");
    json_put_int(buf, row->spent.tokens);
    json_key(buf, "usd");
    json_put_usd(buf, row->spent.nanousd);
    json_key(buf, "steps");
    json_put_int(buf, row->steps);
    json_end(buf, '}');
}

/* 0 is "no ceiling". */
static void put_budget(struct buf *buf, const struct session_limits *limits)
{
    json_key(buf, "budget");
    json_begin(buf, '{');
    json_key(buf, "usd");
    if (limits->nanousd)
        json_put_usd(buf, limits->nanousd);
    else
        json_put_null(buf);
    json_key(buf, "tokens");
    if (limits->tokens)
        json_put_int(buf, limits->tokens);
    else
        json_put_null(buf);
    json_end(buf, '}');
}

/* ---- texts, which are in events ---- */

static enum err_code read_body(struct json **ret_root, struct slice body, const char *what,
                               struct err *err)
{
    if (body.len == 0) {
        *ret_root = NULL;
        return ERR_NONE;
    }
    if (!json_read(ret_root, body, STORE_BODY_MAX, err))
        return ERR_NONE;
    err->code = ERR_CORRUPT;
    return err_wrap(err, "the stored %s", what);
}

static enum err_code put_context(struct buf *buf, struct slice body, struct err *err)
{
    CLEANUP(json_cleanup) struct json *root = NULL;

    if (read_body(&root, body, "context", err))
        return err->code;
    json_key(buf, "context");
    if (json_kind(json_get(root, "context")) == JSON_KIND_OBJECT) {
        return json_write(buf, json_get(root, "context"), err);
    }
    json_begin(buf, '{');
    json_end(buf, '}');
    return ERR_NONE;
}

static enum err_code put_task(struct buf *buf, struct slice body, struct err *err)
{
    CLEANUP(json_cleanup) struct json *root = NULL;

    if (read_body(&root, body, "input", err))
        return err->code;
    struct slice input = json_str(json_get(root, "input")); /* `created` has it so */

    member_put_text(buf, "current_task", input.ptr ? input : json_str(json_get(root, "content")));
    return ERR_NONE;
}

static void put_error(struct buf *buf, const struct json *end)
{
    struct slice code = json_str(json_get(end, "code"));
    struct slice message = json_str(json_get(end, "message"));

    if (!code.ptr)
        code = json_str(json_get(end, "cause"));
    json_key(buf, "error");
    json_begin(buf, '{');
    put_text(buf, "code", code.ptr ? code : SLICE_LIT("unknown"));
    put_text(buf, "message", message.ptr ? message : SLICE_LIT(""));
    json_end(buf, '}');
}

/* What the last end says; while a turn is under way it says nothing any more. */
static enum err_code put_end(struct buf *buf, const struct store_load *load, struct err *err)
{
    CLEANUP(json_cleanup) struct json *end = NULL;
    enum session_status status = load->row.status;

    if (load->row.ended_at_ms != 0 && read_body(&end, load->end, "end of the turn", err))
        return err->code;
    member_put_text(buf, "output", json_str(json_get(end, "output")));
    if (end && status == STATUS_FAILED) {
        put_error(buf, end);
    } else {
        json_key(buf, "error");
        json_put_null(buf);
    }
    return ERR_NONE;
}

static enum err_code put_state(struct buf *buf, const struct store_session *row,
                               const struct call_names *names, struct err *err)
{
    struct session_state state;

    if (row->state.len == 0)
        return ERR_NONE;
    if (session_decode(&state, row->state, err))
        return err_wrap(err, "the stored state");
    put_waiting(buf, &state, names);
    put_budget(buf, &state.limits);
    return ERR_NONE;
}

static void put_head(struct buf *buf, const struct store_session *row)
{
    put_text(buf, "id", row->id);
    put_text(buf, "status", slice_of(session_status_name(row->status)));
    json_key(buf, "paused");
    json_put_bool(buf, row->is_paused);
    put_text(buf, "agent", row->agent);
    put_text(buf, "revision", row->revision);
    json_key(buf, "turn");
    json_put_int(buf, row->turn);
}

/* They go out as they are stored, so they are read first: somebody may have written to the file. */
static enum err_code put_metadata(struct buf *buf, struct slice metadata, struct err *err)
{
    CLEANUP(json_cleanup) struct json *root = NULL;

    if (read_body(&root, metadata, "metadata", err))
        return err->code;
    if (root && json_kind(root) != JSON_KIND_OBJECT)
        return err_set(err, ERR_CORRUPT, "the stored metadata are no JSON object");
    json_key(buf, "metadata");
    json_put_raw(buf, root ? metadata : SLICE_LIT("{}"));
    return ERR_NONE;
}

static void put_tail(struct buf *buf, const struct store_session *row)
{
    member_put_text(buf, "parent", row->parent.len ? row->parent : (struct slice){ NULL, 0 });
    member_put_time(buf, "created_at", row->created_at_ms);
    member_put_time(buf, "updated_at", row->updated_at_ms);
    member_put_time(buf, "ended_at", row->ended_at_ms);
}

size_t json_session_bytes_max(const struct store_load *load)
{
    enum { FIXED_MAX = 16 * 1024, NAMES = SESSION_WAITS_MAX, NAME_TEXT_MAX = 1024 };

    /* Escaped again, a text takes no more than it took escaped in its body. */
    return FIXED_MAX + (size_t)NAMES * NAME_TEXT_MAX + load->row.metadata.len + load->task.len +
           load->end.len * 2 + load->context.len;
}

static enum err_code put_members(struct buf *buf, const struct store_load *load,
                                 const struct call_names *names, struct err *err)
{
    put_head(buf, &load->row);
    put_usage(buf, &load->row);
    if (put_metadata(buf, load->row.metadata, err))
        return err->code;
    put_tail(buf, &load->row);
    if (put_context(buf, load->context, err) || put_task(buf, load->task, err) ||
        put_end(buf, load, err) || put_state(buf, &load->row, names, err))
        return err->code;
    return ERR_NONE;
}

enum err_code json_put_session(struct buf *buf, const struct store_load *load,
                               const struct call_names *names, struct err *err)
{
    size_t before = buf->len;

    json_begin(buf, '{');
    if (put_members(buf, load, names, err)) {
        buf_cut(buf, before); /* half an object is worse than none */
        return err->code;
    }
    json_end(buf, '}');
    return ERR_NONE;
}
