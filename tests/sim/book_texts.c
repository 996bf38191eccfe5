/* book_texts.c - context, metadata and budget: what a session begins with, and what changes them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "sim/book.h"

static void keep(struct book_event *e, const char *member, char kept[TEXT_MAX])
{
    CLEANUP(buf_release) struct buf text = { .max = TEXT_MAX };
    const struct json *value = json_get(e->body, member);
    struct err err = { 0 };

    if (!value)
        return;
    if (json_write(&text, value, &err))
        book_wrong(e, "its %s cannot be written: %s", member, err.msg);
    (void)snprintf(kept, TEXT_MAX, "%s", buf_cstr(&text));
}

void book_take_texts(struct book_event *e)
{
    (void)snprintf(e->session->metadata, sizeof(e->session->metadata), "{}");
    keep(e, "context", e->session->context);
    keep(e, "metadata", e->session->metadata);
}

static void budget_changed(struct book_event *e)
{
    struct book_session *session = e->session;

    session->limits.tokens = json_int(json_get(e->body, "tokens"), 0);
    session->limits.nanousd = json_int(json_get(e->body, "nanousd"), 0);
    if (e->event->seq < 2 || session->kinds[e->event->seq - 2] != EV_RETRIED)
        session->is_patch_open = 1;
}

/* The patches of this world always have metadata, with a token of their own. */
static void context_changed(struct book_event *e)
{
    struct book_session *session = e->session;
    struct slice tag = json_str(json_get(json_get(e->body, "metadata"), "tag"));

    if (!tag.ptr)
        book_wrong(e, "nobody asked for this");
    if (session->context[0] && !json_get(e->body, "context"))
        book_wrong(e, "the context in force is lost");
    keep(e, "context", session->context);
    keep(e, "metadata", session->metadata);
    session->is_patch_open = 0;
    session->patches =
        xrealloc(session->patches, (session->patches_n + 1) * sizeof(*session->patches));
    (void)snprintf(session->patches[session->patches_n++], TOKEN_MAX, "%.*s", (int)tag.len,
                   tag.ptr);
}

void book_patch_event(struct book_event *e)
{
    if (e->session->life == LIFE_CANCELLED)
        book_wrong(e, "it is cancelled for good");
    if (e->event->kind == EV_BUDGET_CHANGED)
        budget_changed(e);
    else
        context_changed(e);
}

void book_put_instructions(struct buf *text, const struct book_session *session)
{
    CLEANUP(json_cleanup) struct json *context = NULL;
    struct err err = { 0 };

    if (json_read(&context, slice_of(session->context), TEXT_MAX, &err))
        assert_failed(err.msg, __FILE__, __LINE__);
    struct slice who = json_str(json_get(context, "who"));

    buf_putf(text, "Help %.*s.", (int)who.len, who.ptr ? who.ptr : "");
}
