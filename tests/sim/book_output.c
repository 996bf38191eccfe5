/*
 * book_output.c - outputs that are too large for their event: the rules of what is kept, told and
 * read, in words of the book's own.
 */
#include <stdio.h>
#include <stdlib.h>

#include "sim/book.h"

static const char accented[] = "\xc3\xa9"; /* two bytes, so that a cut may fall between them */

void sim_output(char to[OUTPUT_WHOLE_MAX + 1], const char *token, uint32_t bytes)
{
    size_t unit = strlen(token);
    uint32_t n = 0;

    while (n + unit + 2 <= bytes) {
        memcpy(to + n, token, unit);
        memcpy(to + n + unit, accented, 2);
        n += (uint32_t)unit + 2;
    }
    memset(to + n, '.', bytes - n);
    to[bytes] = '\0';
}

static int is_amid(const char *text, size_t at)
{
    return text[at] == accented[1];
}

/* ---- what is kept and told ---- */

static void check_blob(struct book_event *e, const char *whole, uint32_t bytes)
{
    const struct store_blob *blob = &e->event->blob;
    const struct json *named = json_get(e->body, "blob");

    if (blob->data.len != bytes || memcmp(blob->data.ptr, whole, bytes) != 0 ||
        blob->call != e->call)
        book_wrong(e, "the output that is kept is not the tool's");
    if (json_int(json_get(named, "bytes"), 0) != (int64_t)bytes ||
        !slice_equal(json_str(json_get(named, "hash")), blob->hash))
        book_wrong(e, "it does not name the output that is kept");
}

/* The beginning, the end, and between them how much is left out. */
static void check_ends(struct book_event *e, const char *whole, uint32_t bytes)
{
    struct slice text = json_str(json_get(e->body, "output"));
    size_t head = OUTPUT_MODEL_MAX / 2;
    size_t tail = bytes - OUTPUT_MODEL_MAX / 2;
    char said[80];

    head -= (size_t)is_amid(whole, head);
    tail += (size_t)is_amid(whole, tail);
    (void)snprintf(said, sizeof(said), "[... %zu of %u bytes are left out here", tail - head,
                   bytes);
    if (!memmem(text.ptr, text.len, whole, head) ||
        !memmem(text.ptr, text.len, said, strlen(said)) || text.len < bytes - tail ||
        memcmp(text.ptr + text.len - (bytes - tail), whole + tail, bytes - tail) != 0)
        book_wrong(e, "it is not told what of %u bytes is left out", bytes);
}

void book_check_output(struct book_event *e, struct book_call *call,
                       const struct given_result *given)
{
    char whole[OUTPUT_WHOLE_MAX + 1];

    if (given->bytes == 0) {
        if (e->event->blob.hash.len > 0 || json_get(e->body, "blob"))
            book_wrong(e, "a short output is kept beside its event");
        return;
    }
    sim_output(whole, given->output, given->bytes);
    check_blob(e, whole, given->bytes);
    check_ends(e, whole, given->bytes);
    call->whole_bytes = given->bytes;
    call->whole_seq = e->event->seq;
    (void)snprintf(call->whole, sizeof(call->whole), "%s", given->output);
}

/* ---- what is read of it ---- */

int book_is_reader(const struct world *world, const struct book_call *call)
{
    const struct scene *scene = &world->scene;

    for (size_t i = 0; i < scene->tools_n; i++) {
        if (strcmp(scene->tools[i].name, call->tool) == 0)
            return scene->tools[i].builtin && strcmp(scene->tools[i].builtin, "read_output") == 0;
    }
    return 0;
}

void book_draw_reading(struct world *world, const struct book_session *session,
                       char arguments[TEXT_MAX])
{
    const struct book_call *wanted = NULL;
    uint32_t seen = 0;

    for (size_t i = 0; i < session->calls_n; i++) {
        if (session->calls[i].whole_bytes > 0 && below(world, ++seen) == 0)
            wanted = &session->calls[i];
    }
    uint32_t call = wanted && below(world, 8) ? wanted->number : 1 + below(world, 40);
    uint32_t offset = below(world, OUTPUT_WHOLE_MAX);

    if (below(world, 2))
        (void)snprintf(arguments, TEXT_MAX, "{\"call\":%u,\"offset\":%u}", call, offset);
    else
        (void)snprintf(arguments, TEXT_MAX, "{\"call\":%u,\"length\":%u,\"offset\":%u}", call,
                       1 + below(world, 300), offset);
}

/* The number behind `before`, which is taken off *text; -1: it is not there. */
static int64_t number_after(const char **text, const char *before)
{
    const char *at = strstr(*text, before);
    char *end = NULL;

    if (!at)
        return -1;
    unsigned long value = strtoul(at + strlen(before), &end, 10);

    *text = end;
    return (int64_t)value;
}

/* Right bytes, told where they stand; from where they were asked for, but for a cut character. */
static void check_stretch(struct book_event *e, const struct book_call *of, int64_t offset)
{
    char text[OUTPUT_TEXT_MAX];
    char whole[OUTPUT_WHOLE_MAX + 1];
    struct slice output = json_str(json_get(e->body, "output"));

    (void)snprintf(text, sizeof(text), "%.*s", (int)output.len, output.ptr ? output.ptr : "");
    sim_output(whole, of->whole, of->whole_bytes);
    const char *head = text;
    const char *read = strchr(text, '\n');
    int is_end = strstr(text, "; this is the end]\n") != NULL;
    int64_t from = number_after(&head, "[bytes ");
    int64_t last = number_after(&head, " to ");
    int64_t bytes = number_after(&head, " of ");

    if (!read || from != offset + is_amid(whole, (size_t)offset) || last < from || last >= bytes ||
        bytes != (int64_t)of->whole_bytes || is_end != (last + 1 == bytes))
        book_wrong(e, "it does not say what was asked for: %.60s", text);
    if (last + 1 - from != (int64_t)strlen(read + 1) || is_amid(whole, (size_t)last + 1) ||
        memcmp(read + 1, whole + from, strlen(read + 1)) != 0)
        book_wrong(e, "it is not what stands there: %.60s", text);
}

/* Half a character is left to read: that it is none is all that can be said of it. */
static int is_last_half(const struct book_call *of, int64_t offset)
{
    char whole[OUTPUT_WHOLE_MAX + 1];

    sim_output(whole, of->whole, of->whole_bytes);
    return offset + 1 == (int64_t)of->whole_bytes && is_amid(whole, (size_t)offset);
}

void book_check_reading(struct book_event *e, const struct book_call *call)
{
    CLEANUP(json_cleanup) struct json *asked = NULL;
    int is_error = json_bool(json_get(e->body, "is_error"), 0);
    struct err err = { 0 };

    if (e->event->blob.hash.len > 0)
        book_wrong(e, "what was read is kept once more");
    if (json_read(&asked, slice_of(call->arguments), TEXT_MAX, &err))
        assert_failed(err.msg, __FILE__, __LINE__);
    int64_t number = json_int(json_get(asked, "call"), 0);
    int64_t offset = json_int(json_get(asked, "offset"), 0);
    const struct book_call *of = number > 0 ? book_call(e->session, (uint32_t)number) : NULL;
    int is_there = of && offset < (int64_t)of->whole_bytes;

    if (!is_error && !is_there)
        book_wrong(e, "there is no such output, and it was read");
    if (is_error && is_there && of->closed_seq < call->out_seq)
        book_wrong(e, "the output is there, and was not read");
    if (!is_error && !is_last_half(of, offset))
        check_stretch(e, of, offset);
}
