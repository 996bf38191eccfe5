/*
 * fuzz_scripted.c - a script and messages, parted by a line of "---": any script gives a result,
 * and one that is checked gives no other than an answer or a refusal that says why.
 */
#include "fuzz/fuzz.h"

#include "base/json.h"
#include "base/utf8.h"
#include "model/scripted.h"
#include "model/scripted_reply.h"

static void check_reply(const struct script_reply *reply)
{
    const struct model_result *result = &reply->result;
    CLEANUP(json_cleanup) struct json *wire = NULL;
    struct err err = { 0 };

    ASSERT(result->error < MODEL_ERROR_COUNT);
    ASSERT(reply->delay_ms >= 0);
    if (result->error != MODEL_OK) {
        ASSERT(result->message[0] && utf8_is_valid(slice_of(result->message)));
        return;
    }
    ASSERT(result->text.len > 0 || result->calls_n > 0);
    ASSERT(json_read(&wire, result->wire, SIZE_MAX / 2, &err) == ERR_NONE);
    for (size_t i = 0; i < result->calls_n; i++) {
        CLEANUP(json_cleanup) struct json *arguments = NULL;

        ASSERT(json_read(&arguments, result->calls[i].arguments, SIZE_MAX / 2, &err) == ERR_NONE);
        ASSERT(json_kind(arguments) == JSON_KIND_OBJECT);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char mark[] = "\n---\n";
    struct slice text = { (const char *)data, size };
    const char *at = size > 0 ? memmem(text.ptr, text.len, mark, sizeof(mark) - 1) : NULL;
    struct model_call call = { .script = text, .timeout_ms = 1000, .attempt = 1 };
    struct err err = { 0 };

    if (at) {
        call.script.len = (size_t)(at - text.ptr);
        call.messages = (struct slice){ at + sizeof(mark) - 1,
                                        text.len - call.script.len - (sizeof(mark) - 1) };
    }
    int is_script = scripted_check(call.script, &err) == ERR_NONE;

    for (call.attempt = 1; call.attempt <= 2; call.attempt++) {
        struct script_reply reply = { 0 };

        script_reply_make(&reply, &call);
        check_reply(&reply);
        ASSERT(is_script || reply.result.error == MODEL_REFUSED);
        script_reply_release(&reply);
    }
    return 0;
}
