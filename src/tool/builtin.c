#include "tool/builtin.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"

struct builtin {
    struct tool_runner runner; /* first: see builtin_of() */
    struct loop *loop;
    size_t open;
};

/* One run: worked out when it starts, told in the next turn of the loop. */
struct builtin_run {
    struct builtin *builtin;
    struct tool_run *run;
    struct loop_post post;
    int64_t started_mono_ms;
    struct buf text;
};

/* Appends the answer to run->text. An error is the model's to read: status 1, not a failure. */
typedef enum err_code builtin_fn(struct builtin_run *b, struct err *err);

static enum err_code run_now(struct builtin_run *b, struct err *err)
{
    char text[CLOCK_TEXT_MAX];

    return buf_addf(&b->text, err, "%s", clock_text(text, loop_wall_ms(b->builtin->loop)));
}

static enum err_code run_echo(struct builtin_run *b, struct err *err)
{
    CLEANUP(json_cleanup) struct json *root = NULL;
    struct slice arguments = b->run->arguments;

    if (json_read(&root, arguments, arguments.len + 1, err))
        return err_wrap(err, "echo: arguments");
    const struct json *text = json_get(root, "text");

    if (json_kind(text) != JSON_KIND_STRING)
        return err_set(err, ERR_INVALID, "echo: `text` is missing or no string");
    return buf_add(&b->text, json_str(text), err);
}

static const struct {
    struct builtin_info info;
    builtin_fn *fn;
} builtins[] = {
    { { "now", "The present date and time, as RFC 3339 in UTC.",
        "{\"type\":\"object\",\"properties\":{},\"additionalProperties\":false}" },
      run_now },
    { { "echo", "Gives the text back unchanged.",
        "{\"type\":\"object\",\"properties\":{\"text\":{\"type\":\"string\"}},"
        "\"required\":[\"text\"],\"additionalProperties\":false}" },
      run_echo },
    { { "read_output",
        "Reads what was left out of the output of an earlier tool call, a stretch at a time.",
        "{\"type\":\"object\",\"properties\":{"
        "\"call\":{\"type\":\"integer\",\"minimum\":1,"
        "\"description\":\"the number that the line about what is left out gives\"},"
        "\"offset\":{\"type\":\"integer\",\"minimum\":0,"
        "\"description\":\"where to begin, in bytes; 0 if left out\"},"
        "\"length\":{\"type\":\"integer\",\"minimum\":1,"
        "\"description\":\"how many bytes at most\"}},"
        "\"required\":[\"call\"],\"additionalProperties\":false}" },
      NULL }, /* the engine's: it reads the store */
    /* These three are the engine's, too: nothing runs, the session waits. */
    { { "ask_user", "Asks a person a question and waits for the answer, however long that takes.",
        "{\"type\":\"object\",\"properties\":{"
        "\"question\":{\"type\":\"string\",\"minLength\":1,"
        "\"description\":\"what the person is shown\"},"
        "\"choices\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":20,"
        "\"items\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":200},"
        "\"description\":\"the answers to choose from; leave it out to take any\"}},"
        "\"required\":[\"question\"],\"additionalProperties\":false}" },
      NULL },
    { { "sleep_until", "Waits until a time, or for so long. Give `at` or `for`, not both.",
        "{\"type\":\"object\",\"properties\":{"
        "\"at\":{\"type\":\"string\","
        "\"description\":\"RFC 3339 with its zone: 2026-11-23T22:11:35Z\"},"
        "\"for\":{\"type\":\"string\",\"description\":\"a duration: 90s, 15m, 2h, 3d\"}},"
        "\"additionalProperties\":false}" },
      NULL },
    { { "wait_for_event", "Waits for an event from outside and gives its data.",
        "{\"type\":\"object\",\"properties\":{"
        "\"name\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":128,"
        "\"description\":\"the event's\"},"
        "\"timeout\":{\"type\":\"string\","
        "\"description\":\"how long at most, a duration: 90s, 15m, 2h, 3d\"}},"
        "\"required\":[\"name\"],\"additionalProperties\":false}" },
      NULL },
};

const struct builtin_info *builtin_at(size_t i)
{
    return i < ARRAY_LEN(builtins) ? &builtins[i].info : NULL;
}

const struct builtin_info *builtin_find(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(builtins); i++) {
        if (slice_is(name, builtins[i].info.name))
            return &builtins[i].info;
    }
    return NULL;
}

static builtin_fn *builtin_fn_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(builtins); i++) {
        if (strcmp(name, builtins[i].info.name) == 0)
            return builtins[i].fn;
    }
    return NULL;
}

static struct builtin *builtin_of(struct tool_runner *runner)
{
    return CONTAINER_OF(runner, struct builtin, runner);
}

static void finish(void *arg)
{
    struct builtin_run *b = arg;
    struct tool_run *run = b->run;

    run->result.duration_ms = loop_mono_ms(b->builtin->loop) - b->started_mono_ms;
    run->runner_slot = NULL;
    b->builtin->open--;
    run->done(run, run->arg);
    buf_release(&b->text);
    free(b);
}

static void work(struct builtin_run *b)
{
    struct tool_result *result = &b->run->result;
    builtin_fn *fn = builtin_fn_of(b->run->spec->name);
    struct err err = { 0 };

    if (!fn) {
        result->end = TOOL_NOT_STARTED;
        (void)err_set(&result->err, ERR_NOT_FOUND, "there is no builtin '%s'", b->run->spec->name);
        return;
    }
    result->end = TOOL_EXITED;
    if (fn(b, &err)) {
        result->status = 1;
        buf_clear(&b->text);
        b->text.max = ERR_MSG_MAX;
        buf_puts(&b->text, err.msg);
    }
    result->output = buf_slice(&b->text);
    result->output_bytes = b->text.len;
}

static void builtin_start(struct tool_runner *runner, struct tool_run *run)
{
    struct builtin *builtin = builtin_of(runner);
    struct builtin_run *b = xcalloc(1, sizeof(*b));

    *b = (struct builtin_run){ .builtin = builtin, .run = run };
    b->text.max = run->spec->output_bytes_max ? run->spec->output_bytes_max : ERR_MSG_MAX;
    b->started_mono_ms = loop_mono_ms(builtin->loop);
    run->runner_slot = b;
    run->result.started_at_ms = loop_wall_ms(builtin->loop);
    builtin->open++;
    work(b);
    loop_post(builtin->loop, &b->post, finish, b);
}

/* Nothing to end: it is over already, and done is on its way. */
static void builtin_stop(struct tool_runner *runner, struct tool_run *run)
{
    (void)runner;
    (void)run;
}

static const struct tool_runner_ops builtin_ops = { .start = builtin_start, .stop = builtin_stop };

struct builtin *builtin_new(struct loop *loop)
{
    struct builtin *builtin = xcalloc(1, sizeof(*builtin));

    builtin->runner.ops = &builtin_ops;
    builtin->loop = loop;
    return builtin;
}

void builtin_free(struct builtin *builtin)
{
    if (!builtin)
        return;
    ASSERT(builtin->open == 0);
    free(builtin);
}

struct tool_runner *builtin_runner(struct builtin *builtin)
{
    return &builtin->runner;
}
