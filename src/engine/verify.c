#include "engine/verify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/json.h"
#include "core/event_json.h"

static void fault(struct verify *verify, uint32_t seq, const char *fmt, ...) PRINTF(3, 4);

static void fault(struct verify *verify, uint32_t seq, const char *fmt, ...)
{
    char text[ERR_MSG_MAX + 128];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    verify->faults++;
    verify->on_fault(verify->arg, seq, text);
}

/* The same, and the fold ends here. */
static void break_off(struct verify *verify, uint32_t seq, const char *text)
{
    verify->is_broken = 1;
    fault(verify, seq, "%s", text);
}

#define NO_METADATA SLICE_LIT("{}")

/* Equal for equal values, however they are written. */
static enum err_code hash_value(struct sha256 *ret_hash, const struct json *value, struct err *err)
{
    CLEANUP(buf_release) struct buf text = { .max = STORE_BODY_MAX };

    if (json_write_canonical(&text, value, err))
        return err->code;
    *ret_hash = sha256_of(buf_slice(&text));
    return ERR_NONE;
}

static void read_metadata(struct verify *verify)
{
    CLEANUP(json_cleanup) struct json *root = NULL;
    struct slice text = verify->row.metadata.len > 0 ? verify->row.metadata : NO_METADATA;
    struct err err = { 0 };

    if (json_read(&root, text, text.len, &err))
        fault(verify, 0, "its metadata cannot be read: %s", err.msg);
    else if (json_kind(root) != JSON_KIND_OBJECT)
        fault(verify, 0, "its metadata are no JSON object");
    else if (hash_value(&verify->stored_metadata, root, &err))
        fault(verify, 0, "its metadata cannot be compared: %s", err.msg);
    else
        verify->is_metadata_known = 1;
}

void verify_begin(struct verify *verify, const struct store_session *row, verify_fault_fn *on_fault,
                  void *arg)
{
    struct session_state stored;
    struct err err = { 0 };

    *verify = (struct verify){
        .row = *row, .metadata = sha256_of(NO_METADATA), .on_fault = on_fault, .arg = arg
    };
    read_metadata(verify);
    if (session_decode(&stored, row->state, &err)) {
        fault(verify, 0, "its stored state cannot be read: %s", err.msg);
        return;
    }
    ASSERT(row->state.len <= sizeof(verify->blob)); /* it was decoded */
    memcpy(verify->blob, row->state.ptr, row->state.len);
    verify->blob_len = row->state.len;
}

static void note(struct verify *verify, const struct store_event *event)
{
    if (event->seq == 1 || event->kind == EV_FORKED) { /* all before it is another session's */
        verify->first_at_ms = event->at_ms;
        verify->end_at_ms = event->at_ms;
    }
    if (event->kind == EV_CREATED || event->kind == EV_CONTEXT_CHANGED)
        verify->context_seq = event->seq;
    if (event->kind == EV_TURN_ENDED || event->kind == EV_CANCELLED) {
        verify->end_seq = event->seq;
        verify->end_at_ms = event->at_ms;
    }
}

/* What the event gives in place of all that was before it; of what it does not give nothing
 * changes. */
static void note_metadata(struct verify *verify, const struct store_event *event)
{
    CLEANUP(json_cleanup) struct json *body = NULL;
    struct err err = { 0 };

    if (event->kind != EV_CREATED && event->kind != EV_CONTEXT_CHANGED)
        return;
    if (json_read(&body, event->body, STORE_BODY_MAX, &err))
        return; /* said where it is folded */
    const struct json *given = json_get(body, "metadata");

    if (given && hash_value(&verify->metadata, given, &err))
        fault(verify, event->seq, "its metadata cannot be compared: %s", err.msg);
}

/* What the event says is kept beside it, and what is. */
static void check_blob(struct verify *verify, const struct store_event *event)
{
    CLEANUP(json_cleanup) struct json *body = NULL;
    const struct store_blob *blob = &event->blob;
    struct err err = { 0 };

    if (event->kind != EV_TOOL_FINISHED && event->kind != EV_TOOL_RECONCILED && blob->hash.len == 0)
        return;
    if (json_read(&body, event->body, STORE_BODY_MAX, &err))
        return; /* said where it is folded */
    const struct json *named = json_get(body, "blob");

    if (!named && blob->hash.len > 0)
        fault(verify, event->seq, "an output is kept for it, and it names none");
    else if (named && blob->hash.len == 0)
        fault(verify, event->seq, "the output that it names is not there");
    else if (named && (!slice_equal(json_str(json_get(named, "hash")), blob->hash) ||
                       json_int(json_get(named, "bytes"), -1) != (int64_t)blob->bytes ||
                       json_int(json_get(body, "call"), 0) != blob->call))
        fault(verify, event->seq, "the output that is kept for it is not the one that it names");
}

void verify_event(struct verify *verify, const struct store_event *event)
{
    struct session_commands commands;
    struct session_event read;
    struct err err = { 0 };
    char text[ERR_MSG_MAX];

    if (verify->is_broken)
        return;
    if (event->seq != verify->state.seq + 1) {
        (void)snprintf(text, sizeof(text), "event %" PRIu32 " follows event %" PRIu32, event->seq,
                       verify->state.seq);
        break_off(verify, event->seq, text);
        return;
    }
    if (event_read(&read, event->kind, event->body, &err)) {
        break_off(verify, event->seq, err.msg);
        return;
    }
    read.seq = event->seq;
    read.at_ms = event->at_ms;
    enum verdict verdict = session_step(&verify->state, &read, &commands);

    if (verdict != VERDICT_MOVED) {
        (void)snprintf(text, sizeof(text), "'%s' is %s by the state that its journal gives",
                       event_kind_name(event->kind), verdict_name(verdict));
        break_off(verify, event->seq, text);
        return;
    }
    note(verify, event);
    note_metadata(verify, event);
    kept_add(&verify->kept, event);
    verify->has_signals |= event->kind == EV_SIGNAL;
    check_blob(verify, event);
}

static void expect(struct verify *verify, const char *column, int64_t stored, int64_t folded)
{
    if (stored != folded)
        fault(verify, 0, "%s is %" PRId64 " in its row and %" PRId64 " by its journal", column,
              stored, folded);
}

static void check_columns(struct verify *verify)
{
    const struct store_session *row = &verify->row;
    const struct session_state *state = &verify->state;
    int is_live = session_is_live(state);

    if (row->status != session_status(state))
        fault(verify, 0, "status is %s in its row and %s by its journal",
              session_status_name(row->status), session_status_name(session_status(state)));
    expect(verify, "paused", row->is_paused, state->is_paused);
    expect(verify, "live", row->is_live, is_live);
    expect(verify, "wake_at", row->wake_at_ms, is_live ? 0 : session_wake_at_ms(state));
    expect(verify, "turn", row->turn, state->turn);
    expect(verify, "steps", row->steps, state->steps);
    expect(verify, "tokens", row->spent.tokens, state->spent.tokens);
    expect(verify, "nanousd", row->spent.nanousd, state->spent.nanousd);
    expect(verify, "task_seq", row->task_seq, state->turn_seq);
    expect(verify, "context_seq", row->context_seq, verify->context_seq);
    expect(verify, "end_seq", row->end_seq, verify->end_seq);
    expect(verify, "created_at", row->created_at_ms, verify->first_at_ms);
    expect(verify, "ended_at", row->ended_at_ms, session_is_ended(state) ? verify->end_at_ms : 0);
    if (row->owner != 0 && !session_is_in_flight(state))
        fault(verify, 0, "it has an owner, and nothing of it is in flight");
}

void verify_end(struct verify *verify)
{
    unsigned char blob[SESSION_BLOB_MAX];
    struct session_due due;

    if (verify->is_broken)
        return;
    if (verify->state.seq != verify->row.seq) {
        fault(verify, 0, "its journal ends at event %" PRIu32 ", its row at %" PRIu32,
              verify->state.seq, verify->row.seq);
        return;
    }
    if (verify->state.seq == 0) {
        fault(verify, 0, "it has no events");
        return;
    }
    if (session_due(&verify->state, &due))
        fault(verify, 0, "its journal ends amid a tick: '%s' must follow",
              event_kind_name(due.kind));
    size_t len = session_encode(&verify->state, blob);

    if (verify->blob_len > 0 && (len != verify->blob_len || memcmp(blob, verify->blob, len) != 0))
        fault(verify, 0, "its stored state is not the one that its journal gives");
    check_columns(verify);
    if (verify->is_metadata_known && memcmp(verify->stored_metadata.bytes, verify->metadata.bytes,
                                            sizeof(verify->metadata.bytes)) != 0)
        fault(verify, 0, "its metadata are not the ones that its journal gives");
}

void verify_signals(struct verify *verify, const struct store_load *load)
{
    const struct kept *kept = &verify->kept;
    size_t i = 0;

    if (verify->is_broken || load->row.version != verify->row.version)
        return;
    while (i < kept->n && i < load->signals_n && kept->seqs[i] == load->signals[i].seq)
        i++;
    if (kept->is_too_many || kept->n > SIGNALS_KEPT_MAX)
        fault(verify, 0, "it keeps more signals than a session may");
    else if (i < kept->n)
        fault(verify, kept->seqs[i], "no call has taken this signal, and it is not kept");
    else if (i < load->signals_n)
        fault(verify, load->signals[i].seq, "this signal is kept, and a call has taken it");
}
