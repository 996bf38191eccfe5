/* fuzz_openai_answer.c - whatever a provider answers, what is made of it can be used. */
#include "fuzz/fuzz.h"

#include "base/json.h"
#include "base/utf8.h"
#include "model/openai_answer.h"
#include "model/openai_error.h"

static struct slice secret(void)
{
    return SLICE_LIT("sk-secret-0123");
}

/* A message for people: one line of text, without the key. */
static void check_message(const struct model_result *result)
{
    struct slice message = slice_of(result->message);

    ASSERT(message.len > 0 && utf8_is_valid(message));
    ASSERT(!memchr(message.ptr, '\n', message.len));
    ASSERT(!memmem(message.ptr, message.len, secret().ptr, secret().len));
}

static void check_json(struct slice text, enum json_kind kind)
{
    CLEANUP(json_cleanup) struct json *root = NULL;
    struct err err = { 0 };

    ASSERT(json_read(&root, text, SIZE_MAX / 2, &err) == ERR_NONE);
    ASSERT(json_kind(root) == kind);
}

static void check_calls(const struct model_result *result)
{
    ASSERT(result->calls_n <= MODEL_CALLS_MAX);
    for (size_t i = 0; i < result->calls_n; i++) {
        const struct model_tool_call *call = &result->calls[i];

        ASSERT(call->id.len > 0 && call->name.len > 0 && call->arguments.len > 0);
        for (size_t j = 0; j < i; j++)
            ASSERT(!slice_equal(call->id, result->calls[j].id));
    }
}

static void check_answer(const struct model_result *result)
{
    check_json(result->wire, JSON_KIND_OBJECT);
    check_json(result->raw, JSON_KIND_OBJECT);
    ASSERT(utf8_is_valid(result->text));
    ASSERT(result->text.len > 0 || result->calls_n > 0 || result->finish != FINISH_STOP);
    ASSERT(result->finish < FINISH_COUNT);
    check_calls(result);
}

static void check_usage(const struct model_result *result)
{
    const struct usage *usage = &result->usage;

    ASSERT(usage->input_tokens >= 0 && usage->output_tokens >= 0);
    ASSERT(usage->cached_tokens >= 0 && usage->cached_tokens <= usage->input_tokens);
}

/* The same bytes as an error's body, and as its headers. */
static void check_as_error(struct slice body)
{
    static const int statuses[] = { 301, 400, 401, 404, 429, 500, 503 };
    const struct openai_hints hints = { .retry_after_ms = body,
                                        .retry_after = body,
                                        .remaining_requests = SLICE_LIT("0"),
                                        .reset_requests = body,
                                        .request_id = body };

    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        struct model_result result = { .http_status = statuses[i] };

        openai_error_read(&result, body, &hints, secret(), 1000000);
        ASSERT(result.error != MODEL_OK && result.error < MODEL_ERROR_COUNT);
        ASSERT(result.retry_after_ms >= 0 && result.retry_after_ms <= OPENAI_RETRY_AFTER_MAX_MS);
        check_message(&result);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct openai_answer answer = { 0 };
    struct model_result result = { .http_status = 200 };
    struct slice body = { (const char *)data, size };

    openai_answer_read(&answer, body, secret(), &result);
    if (result.error == MODEL_OK)
        check_answer(&result);
    else
        check_message(&result);
    check_usage(&result);
    openai_answer_release(&answer);
    check_as_error(body);
    return 0;
}
