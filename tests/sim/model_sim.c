/* model_sim.c - a model that says what chance says: text, calls good and bad, errors of each kind.
 */
#include <stdio.h>
#include <stdlib.h>

#include "sim/book.h"

struct sim_call {
    struct link link; /* world->calls */
    struct world *world;
    struct model_call *call;
    struct loop_timer timer;
    struct given_answer answer;
    struct model_tool_call calls[MODEL_CALLS_MAX];
    struct buf wire;
    int is_cancelled;
};

/* ---- the format: plain enough for the book to read ---- */

static void put_member(struct buf *buf, const char *key, struct slice text)
{
    json_key(buf, key);
    json_put_str(buf, text);
}

static void put_user(struct buf *wire, struct slice text)
{
    json_begin(wire, '{');
    put_member(wire, "role", SLICE_LIT("user"));
    put_member(wire, "text", text);
    json_end(wire, '}');
}

static void put_tool_result(struct buf *wire, struct slice call_id, struct slice output,
                            int is_error)
{
    json_begin(wire, '{');
    put_member(wire, "role", SLICE_LIT("tool"));
    put_member(wire, "id", call_id);
    put_member(wire, "text", output);
    json_key(wire, "is_error");
    json_put_bool(wire, is_error);
    json_end(wire, '}');
}

static void put_tools(struct buf *tools, const struct model_tool *at, size_t n)
{
    json_begin(tools, '[');
    for (size_t i = 0; i < n; i++)
        json_put_str(tools, at[i].name);
    json_end(tools, ']');
}

const struct model_format sim_format = {
    .name = "sim",
    .put_user = put_user,
    .put_tool_result = put_tool_result,
    .put_tools = put_tools,
};

/* ---- what it will say ---- */

static void draw_call(struct sim_call *s, const struct book_session *session, size_t i)
{
    static const char *const good[] = { "{}", "", "{\"a\":1}", "{\"b\":[1,2],\"a\":\"x\"}" };
    static const char *const bad[] = { "[1]", "no json", "{\"a\":1,\"a\":2}", "\"text\"" };
    static const char some_misfit[] = "{\"a\":77}"; /* a tool without a maximum takes it */
    struct world *world = s->world;
    const struct config_agent *agent = session->agent;
    const struct config_tool *drawn = agent->tools[below(world, (uint32_t)agent->tools_n)];
    const char *tool = drawn->name;
    const char *arguments = good[below(world, ARRAY_LEN(good))];
    char reading[TEXT_MAX];

    if (book_waits(drawn)) {
        book_draw_wait(world, drawn, reading);
        arguments = reading;
    } else if (drawn->builtin && strcmp(drawn->builtin, "read_output") == 0) {
        book_draw_reading(world, session, reading);
        arguments = reading;
    }

    if (chance(world, world->weights.model_odd))
        tool = "nosuch";
    if (chance(world, world->weights.model_odd))
        arguments = bad[below(world, ARRAY_LEN(bad))];
    if (chance(world, world->weights.model_odd))
        arguments = some_misfit;
    (void)snprintf(s->answer.calls[i].id, TOKEN_MAX, "id%u", (unsigned)i % 100);
    (void)snprintf(s->answer.calls[i].tool, TOKEN_MAX, "%s", tool);
    (void)snprintf(s->answer.calls[i].arguments, TEXT_MAX, "%s", arguments);
}

static void draw_calls(struct sim_call *s, struct book_session *session)
{
    struct world *world = s->world;

    if (session->answers_n >= 12 || !chance(world, world->weights.model_calls_tools))
        return;
    session->answers_n++;
    s->answer.calls_n =
        chance(world, world->weights.model_many) ? 1 + below(world, 40) : 1 + below(world, 3);
    for (size_t i = 0; i < s->answer.calls_n; i++)
        draw_call(s, session, i);
}

static void draw_usage(struct sim_call *s)
{
    struct world *world = s->world;
    const struct model_call *call = s->call;

    if (chance(world, world->weights.model_no_usage))
        return;
    s->answer.has_usage = 1;
    s->answer.usage.input_tokens = below(world, (uint32_t)model_prompt_bytes(call) + 1);
    s->answer.usage.cached_tokens = below(world, (uint32_t)s->answer.usage.input_tokens + 1);
    s->answer.usage.output_tokens = below(world, (uint32_t)call->max_output_tokens + 1);
}

static void draw_answer(struct sim_call *s, struct book_session *session)
{
    static const enum model_error errors[] = {
        MODEL_RATE_LIMITED, MODEL_OVERLOADED, MODEL_SERVER_ERROR, MODEL_UNREACHABLE,
        MODEL_TIMED_OUT,    MODEL_BAD_ANSWER, MODEL_RATE_LIMITED, MODEL_UNAUTHORIZED,
        MODEL_NOT_FOUND,    MODEL_REFUSED,    MODEL_NO_QUOTA,
    };
    struct world *world = s->world;

    (void)snprintf(s->answer.say, TOKEN_MAX, "s%u", token(world));
    draw_usage(s);
    if (!world->is_peace && chance(world, world->weights.model_fails)) {
        s->answer.error = errors[below(world, ARRAY_LEN(errors))];
        s->answer.has_usage = 0;
        if (s->answer.error == MODEL_RATE_LIMITED && below(world, 2))
            s->answer.retry_after_ms = below(world, 20000);
        return;
    }
    draw_calls(s, session);
    if (s->answer.calls_n == 0 && chance(world, world->weights.model_odd))
        s->answer.finish = (enum answer_finish)below(world, FINISH_COUNT);
}

/* ---- how it says it ---- */

static void put_wire(struct sim_call *s)
{
    s->wire.max = (size_t)64 * 1024;
    json_begin(&s->wire, '{');
    put_member(&s->wire, "role", SLICE_LIT("assistant"));
    put_member(&s->wire, "text", slice_of(s->answer.say));
    json_key(&s->wire, "calls");
    json_begin(&s->wire, '[');
    for (size_t i = 0; i < s->answer.calls_n; i++)
        json_put_str(&s->wire, slice_of(s->answer.calls[i].id));
    json_end(&s->wire, ']');
    json_end(&s->wire, '}');
}

static void set_result(struct sim_call *s)
{
    const struct given_answer *answer = &s->answer;
    struct model_result *result = &s->call->result;

    *result = (struct model_result){ .error = answer->error,
                                     .retry_after_ms = answer->retry_after_ms,
                                     .has_usage = answer->has_usage,
                                     .usage = answer->usage,
                                     .finish = answer->finish };
    if (answer->error != MODEL_OK) {
        (void)snprintf(result->message, sizeof(result->message), "the sim says %s",
                       model_error_name(answer->error));
        return;
    }
    put_wire(s);
    result->text = slice_of(answer->say);
    result->wire = buf_slice(&s->wire);
    result->calls = s->calls;
    result->calls_n = answer->calls_n;
    for (size_t i = 0; i < answer->calls_n; i++)
        result->calls[i] =
            (struct model_tool_call){ .id = slice_of(answer->calls[i].id),
                                      .name = slice_of(answer->calls[i].tool),
                                      .arguments = slice_of(answer->calls[i].arguments) };
}

static void call_free(struct sim_call *s)
{
    list_remove(&s->world->calls, &s->link);
    loop_timer_stop(s->world->loop, &s->timer);
    buf_release(&s->wire);
    free(s);
}

static void on_time(void *arg)
{
    struct sim_call *s = arg;
    struct model_call *call = s->call;

    s->answer.is_stopped = s->is_cancelled;
    s->answer.process = s->world->process_n;
    set_result(s);
    book_answered(s->world->book, &s->answer);
    call->done(call, call->arg);
    call_free(s);
}

static void start(struct model_client *client, struct model_call *call)
{
    struct world *world = CONTAINER_OF(client, struct world, model);
    struct book_session *session = book_asked(world->book, call);
    struct sim_call *s = xcalloc(1, sizeof(*s));
    int64_t delay_ms = 1 + below(world, 2000);

    s->world = world;
    s->call = call;
    s->answer.session = session->index;
    s->answer.call = session->model.number;
    s->answer.attempt = session->model.attempt;
    draw_answer(s, session);
    if (chance(world, world->weights.model_slow))
        delay_ms += below(world, (uint32_t)call->timeout_ms * 2);
    if (delay_ms >= call->timeout_ms) {
        delay_ms = call->timeout_ms;
        s->answer = (struct given_answer){ .session = session->index,
                                           .call = session->model.number,
                                           .attempt = session->model.attempt,
                                           .error = MODEL_TIMED_OUT };
    }
    call->client_slot = s;
    list_add(&world->calls, &s->link);
    loop_timer_start(world->loop, &s->timer, delay_ms, on_time, s);
    if (session->is_pill && below(world, 2))
        world->is_crash_due = 1;
}

/* Its answer may have been on its way already. */
static void cancel(struct model_client *client, struct model_call *call)
{
    struct world *world = CONTAINER_OF(client, struct world, model);
    struct sim_call *s = call->client_slot;

    if (s->is_cancelled)
        return;
    s->is_cancelled = 1;
    if (!chance(world, world->weights.model_late)) {
        s->answer.error = MODEL_CANCELLED;
        s->answer.has_usage = s->answer.has_usage && below(world, 4) == 0;
        s->answer.calls_n = 0;
    }
    loop_timer_start(world->loop, &s->timer, below(world, 300), on_time, s);
}

const struct model_client_ops sim_model_ops = { .start = start, .cancel = cancel };

void models_drop(struct world *world)
{
    for (struct link *at = list_first(&world->calls), *next; at; at = next) {
        next = at->next;
        call_free(CONTAINER_OF(at, struct sim_call, link));
    }
}
