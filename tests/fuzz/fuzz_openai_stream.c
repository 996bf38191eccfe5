/* fuzz_openai_stream.c - whatever a provider streams, and however it is cut, can be used. */
#include "fuzz/fuzz.h"

#include "base/json.h"
#include "base/utf8.h"
#include "model/openai_error.h"
#include "model/openai_stream.h"

static struct slice secret(void)
{
    return SLICE_LIT("sk-secret-0123");
}

struct read {
    struct openai_answer answer;
    struct model_result result;
};

static void on_text(struct slice text, void *arg)
{
    (void)arg;
    ASSERT(text.len > 0 && utf8_is_valid(text));
}

static void read_in_steps(struct slice stream, size_t step, struct read *read)
{
    struct openai_stream *s = openai_stream_new(on_text, NULL);
    int is_good = 1;

    read->result.http_status = 200;
    for (size_t at = 0; at < stream.len && is_good; at += step) {
        size_t n = stream.len - at < step ? stream.len - at : step;

        is_good =
            openai_stream_feed(s, (struct slice){ stream.ptr + at, n }, secret(), &read->result);
        ASSERT(is_good == (read->result.error == MODEL_OK));
    }
    if (is_good)
        openai_stream_end(s, &read->answer, secret(), &read->result);
    openai_stream_free(s);
}

/* A message for people: one line of text, without the key. */
static void check_message(const struct model_result *result)
{
    struct slice message = slice_of(result->message);

    ASSERT(message.len > 0 && utf8_is_valid(message));
    ASSERT(!memchr(message.ptr, '\n', message.len));
    ASSERT(!memmem(message.ptr, message.len, secret().ptr, secret().len));
}

static void check_json(struct slice text)
{
    CLEANUP(json_cleanup) struct json *root = NULL;
    struct err err = { 0 };

    ASSERT(json_read(&root, text, SIZE_MAX / 2, &err) == ERR_NONE);
    ASSERT(json_kind(root) == JSON_KIND_OBJECT);
}

static void check_answer(const struct model_result *result)
{
    check_json(result->wire);
    check_json(result->raw);
    ASSERT(utf8_is_valid(result->text));
    ASSERT(result->text.len > 0 || result->calls_n > 0 || result->finish != FINISH_STOP);
    for (size_t i = 0; i < result->calls_n; i++)
        for (size_t j = 0; j < i; j++)
            ASSERT(!slice_equal(result->calls[i].id, result->calls[j].id));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t steps[] = { 1, 3, 7, 64 };
    struct slice stream = { (const char *)data, size };
    struct read whole = { 0 };

    read_in_steps(stream, size > 0 ? size : 1, &whole);
    if (whole.result.error == MODEL_OK)
        check_answer(&whole.result);
    else
        check_message(&whole.result);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct read read = { 0 };

        read_in_steps(stream, steps[i], &read);
        ASSERT(read.result.error == whole.result.error);
        ASSERT(slice_equal(read.result.wire, whole.result.wire));
        ASSERT(slice_equal(read.result.raw, whole.result.raw));
        openai_answer_release(&read.answer);
    }
    openai_answer_release(&whole.answer);
    return 0;
}
