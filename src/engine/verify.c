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

/* ---- columns that are texts ---- */

/* False: it is no JSON object. In canonical form, so that only its meaning is compared. */
static int hash_metadata(struct sha256 *ret_hash, const struct json *metadata)
{
    CLEANUP(buf_release) struct buf text = { .max = (size_t)2 * STORE_BODY_MAX };
    struct err err = { 0 };

    if (json_kind(metadata) != JSON_KIND_OBJECT || json_write_canonical(&text, metadata, &err))
        return 0;
    *ret_hash = sha256_of(buf_slice(&text));
    return 1;
}

static void take_texts(struct verify *verify, const struct store_session *row)
{
    CLEANUP(json_cleanup) struct json *metadata = NULL;
    struct err err = { 0 };

    verify->stored.agent = sha256_of(row->agent);
    verify->stored.revision = sha256_of(row->revision);
    verify->stored.tenant = sha256_of(row->tenant);
    verify->stored.parent = sha256_of(row->parent);
    (void)snprintf(verify->revision, sizeof(verify->revision), "%.*s",
                   row->revision.len < SHA256_TEXT_MAX ? (int)row->revision.len
                                                       : SHA256_TEXT_MAX - 1,
                   row->revision.ptr ? row->revision.ptr : "");
    if (json_read(&metadata, row->metadata, STORE_BODY_MAX, &err) ||
        !hash_metadata(&verify->stored.metadata, metadata)) {
        verify->has_bad_metadata = 1;
        fault(verify, 0, "its metadata are no JSON object");
    }
}

/* What `created` says, and a later change of the metadata. The body is known to be readable. */
static void note_texts(struct verify *verify, const struct store_event *event)
{
    CLEANUP(json_cleanup) struct json *body = NULL;
    struct err err = { 0 };

    if (json_read(&body, event->body, STORE_BODY_MAX, &err)) {
        fault(verify, event->seq, "%s", err.msg);
        return;
    }
    const struct json *metadata = json_get(body, "metadata");

    if (event->kind == EV_CREATED) {
        verify->told.agent = sha256_of(json_str(json_get(body, "agent")));
        verify->told.revision = sha256_of(json_str(json_get(body, "revision")));
        verify->told.tenant = sha256_of(json_str(json_get(body, "tenant")));
        verify->told.parent = sha256_of(json_str(json_get(body, "parent")));
        verify->told.metadata = sha256_of(SLICE_LIT("{}"));
    }
    if (metadata && !hash_metadata(&verify->told.metadata, metadata))
        fault(verify, event->seq, "its metadata are no JSON object");
}

static void expect_text(struct verify *verify, const char *column, const struct sha256 *stored,
                        const struct sha256 *told)
{
    if (memcmp(stored->bytes, told->bytes, SHA256_BYTES) != 0)
        fault(verify, 0, "%s is another in its row than in its journal", column);
}

static void check_texts(struct verify *verify)
{
    const struct verify_texts *stored = &verify->stored, *told = &verify->told;

    expect_text(verify, "agent", &stored->agent, &told->agent);
    expect_text(verify, "revision", &stored->revision, &told->revision);
    expect_text(verify, "tenant", &stored->tenant, &told->tenant);
    expect_text(verify, "parent", &stored->parent, &told->parent);
    if (!verify->has_bad_metadata)
        expect_text(verify, "metadata", &stored->metadata, &told->metadata);
}

/* ---- wires ---- */

/* A late result of a call whose turn has ended: the model has been told of it otherwise. */
static int is_late(const struct session_state *before, uint32_t call)
{
    for (unsigned i = 0; i < SESSION_CALLS_MAX; i++) {
        if (before->calls[i].phase != CALL_FREE && before->calls[i].number == call)
            return before->calls[i].is_orphan;
    }
    return 1;
}

static int needs_wire(const struct session_state *before, const struct session_event *event)
{
    return event->kind == EV_CREATED || event->kind == EV_MESSAGE ||
           event->kind == EV_MODEL_ANSWERED ||
           (event->kind == EV_TOOL_FINISHED && !is_late(before, event->call));
}

/* A wire is the messages that the event adds to the request, joined by commas. */
static void check_wire(struct verify *verify, const struct store_event *event)
{
    CLEANUP(buf_release) struct buf text = { .max = (size_t)STORE_BODY_MAX + 2 };
    CLEANUP(json_cleanup) struct json *messages = NULL;
    struct err err = { 0 };

    if (buf_add(&text, SLICE_LIT("["), &err) || buf_add(&text, event->wire, &err) ||
        buf_add(&text, SLICE_LIT("]"), &err) ||
        json_read(&messages, buf_slice(&text), text.max, &err))
        fault(verify, event->seq, "its wire cannot be read: %s", err.msg);
}

/* ---- the fold ---- */

void verify_begin(struct verify *verify, const struct store_session *row, verify_fault_fn *on_fault,
                  void *arg)
{
    struct session_state stored;
    struct err err = { 0 };

    *verify = (struct verify){ .row = *row, .on_fault = on_fault, .arg = arg };
    take_texts(verify, row);
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
    if (event->seq == 1)
        verify->first_at_ms = event->at_ms;
    if (event->kind == EV_CREATED || event->kind == EV_CONTEXT_CHANGED) {
        verify->context_seq = event->seq;
        note_texts(verify, event);
    }
    if (event->kind == EV_TURN_ENDED || event->kind == EV_CANCELLED) {
        verify->end_seq = event->seq;
        verify->end_at_ms = event->at_ms;
    }
}

void verify_event(struct verify *verify, const struct store_event *event)
{
    struct session_commands commands;
    struct session_event read;
    struct err err = { 0 };
    char text[ERR_MSG_MAX];

    if (event->seq > verify->row.seq)
        verify->beyond_seq = event->seq;
    if (verify->is_broken || event->seq > verify->row.seq)
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
    int must_have_wire = needs_wire(&verify->state, &read);
    enum verdict verdict = session_step(&verify->state, &read, &commands);

    if (verdict != VERDICT_MOVED) {
        (void)snprintf(text, sizeof(text), "'%s' is %s by the state that its journal gives",
                       event_kind_name(event->kind), verdict_name(verdict));
        break_off(verify, event->seq, text);
        return;
    }
    note(verify, event);
    if (event->wire.len > 0)
        check_wire(verify, event);
    else if (must_have_wire)
        fault(verify, event->seq, "'%s' has no wire", event_kind_name(event->kind));
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
    check_texts(verify);
}

/* ---- what stands beside the journal ---- */

void verify_revision(struct verify *verify, struct slice text)
{
    char name[SHA256_TEXT_MAX];

    if (!text.ptr) {
        fault(verify, 0, "its revision %.64s is not stored", verify->revision);
        return;
    }
    struct sha256 hash = sha256_of(text);

    if (strcmp(sha256_text(name, &hash), verify->revision) != 0)
        fault(verify, 0, "its revision %.64s is stored with another text", verify->revision);
}

/* A server that added them beside us wrote the row in the same commit. */
void verify_beyond(struct verify *verify, uint32_t seq_now)
{
    if (verify->beyond_seq > seq_now)
        fault(verify, 0, "its journal has event %" PRIu32 ", its row ends at %" PRIu32,
              verify->beyond_seq, seq_now);
}
