/* question.c - a person answers a question of the model: once. */
#include "core/waiting.h"
#include "engine/approvals.h"
#include "engine/engine_internal.h"

static int is_asked(const struct session_call *call, struct engine_request *request)
{
    if (call && call->phase == CALL_WAITING && call->type == CALL_QUESTION)
        return 1;
    if (call && call->phase == CALL_APPROVAL)
        return request_refuse_call(
            request, "approval_no_question", ERR_CONFLICT,
            ": it waits for approval; give a 'decision' and the 'arguments_hash'");
    if (call && call->phase == CALL_PERSON)
        return request_refuse_call(request, "approval_in_doubt", ERR_CONFLICT,
                                   ": it is in doubt whether it happened; say so with settle");
    return request_refuse_call(request, "approval_closed", ERR_CONFLICT,
                               ": no answer is asked for");
}

static int is_a_choice(const struct approval_record *record, struct engine_request *request)
{
    CLEANUP(json_cleanup) struct json *arguments = NULL;
    CLEANUP(buf_release) struct buf text = { .max = (size_t)64 * 1024 };
    struct err err = { 0 };

    if (json_read(&arguments, record->arguments, record->arguments.len + 1, &err))
        assert_failed(err.msg, __FILE__, __LINE__); /* they were checked */
    if (waiting_takes(arguments, request->text))
        return 1;
    const struct json *choices = json_get(arguments, "choices");

    buf_puts(&text, ": the answer must be one of: ");
    for (size_t i = 0; i < json_count(choices); i++) {
        struct slice choice = json_str(json_at(choices, i));

        buf_putf(&text, "%s'%.*s'", i > 0 ? ", " : "", (int)choice.len, choice.ptr);
    }
    return request_refuse_call(request, "not_a_choice", ERR_INVALID, "%s", buf_cstr(&text));
}

static uint32_t record_answer(struct tick *tick, const struct engine_request *request,
                              struct approval_record *record)
{
    struct session_event event = { .kind = EV_INPUT_ANSWERED, .call = request->call };
    const struct event_extra extras[] = {
        { .name = "answer", .kind = EXTRA_TEXT, .text = request->text },
        { .name = "by", .kind = EXTRA_TEXT, .text = request_by(request) },
        { .name = "note", .kind = EXTRA_TEXT, .text = slice_or_null(request->note) },
        { 0 },
    };

    record->answer = request->text;
    record->decisions = approval_with_decision(tick, record, request, "answer");
    approval_set(tick, request->call, APPROVAL_ANSWERED, record);
    enum verdict verdict =
        tick_add(tick, &(struct tick_event){ .event = &event, .extras = extras });

    ASSERT(verdict == VERDICT_MOVED);
    tick->came.text = request->text;
    return event.seq;
}

void question_apply(struct live *live, struct tick *tick, struct input *input)
{
    struct engine_request *request = request_anew(input);
    const struct session_call *call = session_call(&tick->state, request->call);

    if (!is_asked(call, request))
        return;
    struct approval_record record = approval_plain(tick, live_call(live, request->call));

    if (is_a_choice(&record, request))
        request_taken(tick, input, record_answer(tick, request, &record));
}
