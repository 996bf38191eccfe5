#include "unit/unit.h"

#include "base/json.h"
#include "model/openai.h"
#include "model/scripted.h"
#include "model/scripted_reply.h"
#include "model/scripted_template.h"

/* The script of docs/scripted-model.md, as the configuration turns it into JSON. */
static const char documented[] =
    "{\"replies\":["
    "{\"text\":\"Let me look at {{input.word.1}}.\",\"calls\":["
    "{\"tool\":\"largest\",\"arguments\":{\"count\":3}},{\"tool\":\"now\"}],\"delay\":\"200ms\"},"
    "{\"fail\":{\"status\":429,\"retry_after\":\"1s\",\"times\":2,\"message\":\"slow down\"},"
    "\"for_each\":{\"lines_of\":\"largest\",\"max\":3,\"call\":{\"tool\":\"owner\",\"arguments\":"
    "{\"package\":\"{{line.word.1}}\",\"position\":\"{{line.word.2 | json}}\"}}}},"
    "{\"text\":\"The largest of {{result.largest.line.1}} is not needed by anything else.\\n"
    "What the tools said:\\n{{results}}\\n\",\"usage\":{\"input\":900,\"output\":60}}]}";

/* True if all strings and keys below node stand in the text, a string line by line. */
static void check_is_in(struct slice text, const struct json *node)
{
    struct slice rest = json_str(node);

    for (struct slice line = script_next_line(&rest); line.ptr; line = script_next_line(&rest))
        if (!memmem(text.ptr, text.len, line.ptr, line.len))
            fail_msg("the document does not have '%.*s'", (int)line.len, line.ptr);
    for (struct json_iter *it = json_first(node); it; it = json_next(node, it)) {
        if (!memmem(text.ptr, text.len, json_iter_key(it), strlen(json_iter_key(it))))
            fail_msg("the document does not have the key '%s'", json_iter_key(it));
        check_is_in(text, json_iter_value(it));
    }
    for (size_t i = 0; json_kind(node) == JSON_KIND_ARRAY && i < json_count(node); i++)
        check_is_in(text, json_at(node, i));
}

/* The example in the document must not drift away from the script that is tested here. */
static void the_document_has_this_script(void **state)
{
    const char *source = getenv("PAWL_SOURCE");
    CLEANUP(json_cleanup) struct json *root = NULL;
    struct err err = { 0 };
    char path[4096];
    char text[16384];

    (void)state;
    if (!source)
        skip(); /* not started by meson */
    (void)snprintf(path, sizeof(path), "%s/docs/scripted-model.md", source);
    FILE *file = fopen(path, "r");

    assert_non_null(file);
    size_t len = fread(text, 1, sizeof(text) - 1, file);

    assert_int_equal(fclose(file), 0);
    text[len] = '\0';
    const char *begin = strstr(text, "```yaml\n");

    assert_non_null(begin);
    const char *fence = strstr(begin + 3, "```");

    assert_non_null(fence);
    assert_int_equal(scripted_check(slice_of(documented), &err), ERR_NONE);
    assert_int_equal(json_read(&root, slice_of(documented), 10000, &err), ERR_NONE);
    check_is_in((struct slice){ begin, (size_t)(fence - begin) }, root);
}

/* A session's messages, grown as the engine grows them. */
struct session {
    struct buf messages;
    struct script_reply reply;
};

static void say(struct session *s, const char *text)
{
    s->messages.max = 1 << 20;
    model_format_openai.put_user(&s->messages, slice_of(text));
}

static const struct model_result *ask(struct session *s, const char *script, uint32_t attempt)
{
    const struct model_call call = { .script = slice_of(script),
                                     .messages = buf_slice(&s->messages),
                                     .timeout_ms = 60000,
                                     .attempt = attempt };

    script_reply_release(&s->reply);
    script_reply_make(&s->reply, &call);
    return &s->reply.result;
}

/* Takes the latest reply into the history. */
static void take(struct session *s)
{
    assert_int_equal(s->reply.result.error, MODEL_OK);
    if (s->messages.len > 0)
        buf_puts(&s->messages, ",");
    buf_put(&s->messages, s->reply.result.wire);
}

static void give(struct session *s, const char *id, const char *output, int is_error)
{
    model_format_openai.put_tool_result(&s->messages, slice_of(id), slice_of(output), is_error);
}

static void end(struct session *s)
{
    script_reply_release(&s->reply);
    buf_release(&s->messages);
}

static void assert_slice(struct slice got, const char *wanted)
{
    if (!slice_is(got, wanted))
        fail_msg("'%.*s' is not '%s'", (int)got.len, got.ptr ? got.ptr : "", wanted);
}

static void the_documented_script_runs(void **state)
{
    struct session s = { 0 };
    const struct model_result *r;

    (void)state;
    say(&s, "disk usage, please");
    r = ask(&s, documented, 1);
    assert_slice(r->text, "Let me look at disk.");
    assert_int_equal(r->calls_n, 2);
    assert_slice(r->calls[0].id, "call_1_1");
    assert_slice(r->calls[0].name, "largest");
    assert_slice(r->calls[0].arguments, "{\"count\":3}");
    assert_slice(r->calls[1].id, "call_1_2");
    assert_slice(r->calls[1].arguments, "{}");
    assert_int_equal(s.reply.delay_ms, 200);
    take(&s);
    give(&s, "call_1_1", "gcc 120 MB\n\n  clang 80 MB\nvim 9\nnano 1\n", 0);
    give(&s, "call_1_2", "12:00", 0);

    for (uint32_t attempt = 1; attempt <= 2; attempt++) {
        r = ask(&s, documented, attempt);
        assert_int_equal(r->error, MODEL_RATE_LIMITED);
        assert_int_equal(r->http_status, 429);
        assert_int_equal(r->retry_after_ms, 1000);
        assert_string_equal(r->message, "scripted answered 429: slow down");
    }
    r = ask(&s, documented, 3);
    assert_int_equal(r->calls_n, 3);
    assert_slice(r->calls[0].arguments, "{\"package\":\"gcc\",\"position\":120}");
    assert_slice(r->calls[1].arguments, "{\"package\":\"clang\",\"position\":80}");
    assert_slice(r->calls[2].id, "call_2_3");
    take(&s);
    give(&s, "call_2_1", "root", 0);
    give(&s, "call_2_2", "no such package", 1);
    give(&s, "call_2_3", "me", 0);

    r = ask(&s, documented, 1);
    assert_slice(r->text, "The largest of gcc 120 MB is not needed by anything else.\n"
                          "What the tools said:\nowner: root\nowner: Error: no such package\n"
                          "owner: me\n");
    assert_int_equal(r->usage.input_tokens, 900);
    assert_int_equal(r->usage.output_tokens, 60);
    take(&s);
    say(&s, "and then?");
    r = ask(&s, documented, 1);
    assert_int_equal(r->error, MODEL_REFUSED);
    assert_string_equal(r->message,
                        "scripted: the script has 3 replies, and this would be number 4");
    end(&s);
}

static void every_placeholder_finds_its_text(void **state)
{
    static const struct {
        const char *text;
        const char *wanted;
    } cases[] = {
        { "plain", "plain" },
        { "{{input}}", "second question\nwith two lines" },
        { "{{ input.line.2 }}", "with two lines" },
        { "{{input.word.2}}", "question" },
        { "a{{result.list}}b{{result.list}}c", "a{\"items\":[{\"a/b\":\"x\"},2.5,null]}b"
                                               "{\"items\":[{\"a/b\":\"x\"},2.5,null]}c" },
        { "{{result.list.json./items/0/a~1b}}", "x" },
        { "{{result.list.json./items/1}}", "2.5" },
        { "{{result.list.json./items/0}}", "{\"a/b\":\"x\"}" },
        { "{{result.list.json./items/2}}", "null" },
        { "{{result.find.line.2}}|{{result.find.word.3}}", "four five|three" },
        { "{{results}}", "find: one two\tthree\n\nfour five\nlist: "
                         "{\"items\":[{\"a/b\":\"x\"},2.5,null]}" },
        { "}} { {", "}} { {" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_release) struct buf script = { .max = 10000 };
        struct session s = { 0 };

        say(&s, "first question");
        buf_puts(&script, "{\"replies\":[{\"calls\":[{\"tool\":\"find\",\"id\":\"f\"}]},"
                          "{\"calls\":[{\"tool\":\"find\"},{\"tool\":\"list\"}]},{\"text\":");
        json_put_str(&script, slice_of(cases[i].text));
        buf_puts(&script, "}]}");
        (void)ask(&s, buf_cstr(&script), 1);
        take(&s);
        give(&s, "f", "an older result", 0);
        say(&s, "second question\nwith two lines");
        (void)ask(&s, buf_cstr(&script), 1);
        take(&s);
        give(&s, "call_2_1", "  one two\tthree\n\nfour five\n", 0);
        give(&s, "call_2_2", "{\"items\":[{\"a/b\":\"x\"},2.5,null]}", 0);
        const struct model_result *r = ask(&s, buf_cstr(&script), 1);

        assert_int_equal(r->error, MODEL_OK);
        assert_slice(r->text, cases[i].wanted);
        end(&s);
    }
}

/* The message of the failure that this reply comes to, after a call of `find` with this result. */
static const char *failure(struct session *s, const char *reply, const char *result)
{
    CLEANUP(buf_release) struct buf script = { .max = 10000 };

    *s = (struct session){ 0 };
    say(s, "question");
    buf_putf(&script, "{\"replies\":[{\"calls\":[{\"tool\":\"find\"}]},%s]}", reply);
    (void)ask(s, buf_cstr(&script), 1);
    take(s);
    give(s, "call_1_1", result, 0);
    const struct model_result *r = ask(s, buf_cstr(&script), 1);

    assert_int_equal(r->error, MODEL_REFUSED);
    assert_int_equal(r->calls_n, 0);
    return r->message;
}

static void a_placeholder_that_finds_nothing_says_what_there_is(void **state)
{
    static const struct {
        const char *reply;
        const char *result;
        const char *message;
    } cases[] = {
        { "{\"text\":\"{{result.fund}}\"}", "x",
          "scripted: reply 2: {{result.fund}}: there is no result of fund; there are results of "
          "find" },
        { "{\"text\":\"{{result.find.line.3}}\"}", "a\nb\n\n",
          "scripted: reply 2: {{result.find.line.3}}: the text has 2 lines only" },
        { "{\"text\":\"{{input.word.2}}\"}", "x",
          "scripted: reply 2: {{input.word.2}}: the first line has 1 words only" },
        { "{\"text\":\"{{result.find.json./a}}\"}", "{\"b\":1}",
          "scripted: reply 2: {{result.find.json./a}}: the JSON has nothing there" },
        { "{\"text\":\"{{result.find.json./a}}\"}", "no json",
          "scripted: reply 2: {{result.find.json./a}}: its text is no JSON: line 1, column 1: not "
          "valid JSON" },
        { "{\"calls\":[{\"tool\":\"t\",\"arguments\":{\"n\":\"{{result.find | json}}\"}}]}", "no",
          "scripted: reply 2: {{result.find | json}} is no JSON: line 1, column 1: not valid "
          "JSON" },
        { "{\"for_each\":{\"lines_of\":\"x\",\"call\":{\"tool\":\"t\"}}}", "a",
          "scripted: reply 2: for_each: there is no result of x; there are results of find" },
        { "{\"for_each\":{\"lines_of\":\"find\",\"call\":{\"tool\":\"t\"}}}", " \n \n",
          "scripted: reply 2: it comes to neither text nor calls" },
        { "{\"text\":\"{{result.find}}\"}", " ",
          "scripted: reply 2: it comes to neither text nor calls" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct session s;

        assert_string_equal(failure(&s, cases[i].reply, cases[i].result), cases[i].message);
        end(&s);
    }
}

static const struct bad_script {
    const char *script;
    const char *message; /* how it begins */
} bad_scripts[] = {
    { "", "the script: line 1, column 1: " },
    { "[]", "the script: must be of kind object, but is array" },
    { "{}", "replies: must be of kind array, but is absent" },
    { "{\"replies\":[]}", "replies: must have from 1 to 10000 replies" },
    { "{\"replys\":[]}", "replys: unknown key, did you mean \"replies\"?" },
    { "{\"replies\":[17]}", "replies[0]: must be of kind object, but is integer" },
    { "{\"replies\":[{}]}", "replies[0]: has neither text nor calls nor for_each" },
    { "{\"replies\":[{\"text\":\"x\"},{\"text\":\"x\"},{\"cals\":[]}]}",
      "replies[2].cals: unknown key, did you mean \"calls\"?" },
    { "{\"replies\":[{\"tixt\\u001b\":1}]}",
      "replies[0].tixt\\u{1b}: unknown key; known are text, calls, for_each, delay, usage, "
      "finish, fail" },
    { "{\"replies\":[{\"text\":\"\"}]}", "replies[0].text: must not be empty" },
    { "{\"replies\":[{\"text\":5}]}", "replies[0].text: must be of kind string, but is integer" },
    { "{\"replies\":[{\"text\":\"{{inptu}}\"}]}",
      "replies[0].text: {{inptu}}: there are input, line, result.TOOL and results; did you "
      "mean 'input'?" },
    { "{\"replies\":[{\"text\":\"a {{input\"}]}", "replies[0].text: '{{' without '}}'" },
    { "{\"replies\":[{\"text\":\"{{}}\"}]}",
      "replies[0].text: {{}}: there are input, line, result.TOOL and results" },
    { "{\"replies\":[{\"text\":\"{{result}}\"}]}",
      "replies[0].text: {{result}}: the tool's name is missing, as in result.TOOL" },
    { "{\"replies\":[{\"text\":\"{{result.x.line.0}}\"}]}",
      "replies[0].text: {{result.x.line.0}}: lines and words are counted from 1, as in "
      ".line.1" },
    { "{\"replies\":[{\"text\":\"{{result.x.col.1}}\"}]}",
      "replies[0].text: {{result.x.col.1}}: what may follow is .line.N, .word.N or "
      ".json./pointer" },
    { "{\"replies\":[{\"text\":\"{{result.x.json.a}}\"}]}",
      "replies[0].text: {{result.x.json.a}}: after 'json.' comes a JSON pointer, as in "
      "json./items/0/name" },
    { "{\"replies\":[{\"text\":\"{{results.line.1}}\"}]}",
      "replies[0].text: {{results.line.1}}: nothing may follow results" },
    { "{\"replies\":[{\"text\":\"{{input | upper}}\"}]}",
      "replies[0].text: {{input | upper}}: after '|' only 'json' is known" },
    { "{\"replies\":[{\"text\":\"{{input | json}}\"}]}",
      "replies[0].text: {{input | json}}: '| json' must be all of an argument" },
    { "{\"replies\":[{\"text\":\"{{line}}\"}]}",
      "replies[0].text: {{line}}: there is a line in the call of for_each only" },
    { "{\"replies\":[{\"calls\":[]}]}", "replies[0].calls: must have from 1 to 128 calls" },
    { "{\"replies\":[{\"calls\":[{\"tol\":\"x\"}]}]}",
      "replies[0].calls[0].tol: unknown key, did you mean \"tool\"?" },
    { "{\"replies\":[{\"calls\":[{}]}]}",
      "replies[0].calls[0].tool: must be of kind string, but is absent" },
    { "{\"replies\":[{\"calls\":[{\"tool\":\"t\",\"arguments\":[]}]}]}",
      "replies[0].calls[0].arguments: must be of kind object, but is array" },
    { "{\"replies\":[{\"calls\":[{\"tool\":\"t\",\"arguments\":{\"a\":[{\"b\":\"{{x}}\"}]}}]}]"
      "}",
      "replies[0].calls[0].arguments.a[0].b: {{x}}: there are input, line, result.TOOL and "
      "results" },
    { "{\"replies\":[{\"calls\":[{\"tool\":\"t\",\"arguments\":{\"a\":\"x{{input | "
      "json}}\"}}]}]}",
      "replies[0].calls[0].arguments.a: {{input | json}}: '| json' must be all of an "
      "argument" },
    { "{\"replies\":[{\"calls\":[{\"tool\":\"t\",\"id\":\"i\"},{\"tool\":\"t\",\"id\":\"i\"}]}]"
      "}",
      "replies[0].calls[1].id: another call of this reply has the same id" },
    { "{\"replies\":[{\"for_each\":{\"call\":{\"tool\":\"t\"}}}]}",
      "replies[0].for_each.lines_of: must be of kind string, but is absent" },
    { "{\"replies\":[{\"for_each\":{\"lines_of\":\"x\"}}]}",
      "replies[0].for_each.call: must be of kind object, but is absent" },
    { "{\"replies\":[{\"for_each\":{\"lines_of\":\"x\",\"max\":0,\"call\":{\"tool\":\"t\"}}}]}",
      "replies[0].for_each.max: must be a whole number from 1 to 128" },
    { "{\"replies\":[{\"for_each\":{\"lines_of\":\"x\",\"max\":1.5,\"call\":{\"tool\":\"t\"}}}]"
      "}",
      "replies[0].for_each.max: must be a whole number from 1 to 128" },
    { "{\"replies\":[{\"text\":\"x\",\"delay\":200}]}",
      "replies[0].delay: must be of kind string, but is integer" },
    { "{\"replies\":[{\"text\":\"x\",\"delay\":\"5\"}]}",
      "replies[0].delay: '5' is no duration: " },
    { "{\"replies\":[{\"text\":\"x\",\"usage\":{\"input\":-1}}]}",
      "replies[0].usage.input: must be a whole number from 0 to 1000000000000" },
    { "{\"replies\":[{\"text\":\"x\",\"finish\":\"done\"}]}",
      "replies[0].finish: must be stop, length or content_filter" },
    { "{\"replies\":[{\"fail\":{}}]}", "replies[0].fail: needs either a status or a kind" },
    { "{\"replies\":[{\"fail\":{\"status\":500,\"kind\":\"hang\"}}]}",
      "replies[0].fail: needs either a status or a kind" },
    { "{\"replies\":[{\"fail\":{\"status\":200}}]}",
      "replies[0].fail.status: must be a whole number from 300 to 599" },
    { "{\"replies\":[{\"fail\":{\"kind\":\"boom\"}}]}",
      "replies[0].fail.kind: must be one of timeout hang garbage unreachable no_quota" },
    { "{\"replies\":[{\"fail\":{\"status\":500,\"times\":1}}]}",
      "replies[0]: has neither text nor calls nor for_each" },
    { "{\"replies\":[{\"fail\":{\"status\":500,\"retry_after\":\"x\"}}]}",
      "replies[0].fail.retry_after: 'x' is no duration: " },
};

static void a_script_that_is_none_says_where(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad_scripts); i++) {
        struct err err = { 0 };
        struct session s = { 0 };

        assert_int_equal(scripted_check(slice_of(bad_scripts[i].script), &err), ERR_INVALID);
        if (strncmp(err.msg, bad_scripts[i].message, strlen(bad_scripts[i].message)) != 0)
            fail_msg("'%s' does not begin with '%s'", err.msg, bad_scripts[i].message);
        /* One that was never checked is refused when it is used. */
        assert_int_equal(ask(&s, bad_scripts[i].script, 1)->error, MODEL_REFUSED);
        end(&s);
    }
}

static void a_place_is_cut_but_never_too_long(void **state)
{
    CLEANUP(buf_release) struct buf script = { .max = 1 << 20 };
    struct err err = { 0 };

    (void)state;
    buf_puts(&script, "{\"replies\":[{\"calls\":[{\"tool\":\"t\",\"arguments\":");
    for (int i = 0; i < 100; i++)
        buf_puts(&script, "{\"k\xc3\xa9y\xf0\x9f\x98\x80with a long, long name and "
                          "\\u202e\\u202e\\u202e\\u202e\\u202e\\u202e\\u202e\":");
    buf_puts(&script, "\"{{x}}\"");
    for (int i = 0; i < 100; i++)
        buf_puts(&script, "}");
    buf_puts(&script, "}]}]}");
    assert_int_equal(scripted_check(buf_slice(&script), &err), ERR_INVALID);
    assert_non_null(strstr(err.msg, "{{x}}: there are input"));
}

static void failures_have_their_kind(void **state)
{
    static const struct {
        const char *fail;
        enum model_error error;
        int status;
        int64_t delay_ms;
    } cases[] = {
        { "\"status\":500", MODEL_SERVER_ERROR, 500, 5 },
        { "\"status\":401", MODEL_UNAUTHORIZED, 401, 5 },
        { "\"status\":529", MODEL_OVERLOADED, 529, 5 },
        { "\"kind\":\"timeout\"", MODEL_TIMED_OUT, 0, 5 },
        { "\"kind\":\"hang\"", MODEL_TIMED_OUT, 0, 60000 },
        { "\"kind\":\"garbage\"", MODEL_BAD_ANSWER, 0, 5 },
        { "\"kind\":\"unreachable\"", MODEL_UNREACHABLE, 0, 5 },
        { "\"kind\":\"no_quota\"", MODEL_NO_QUOTA, 0, 5 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_release) struct buf script = { .max = 1000 };
        struct session s = { 0 };

        buf_putf(&script, "{\"replies\":[{\"delay\":\"5ms\",\"fail\":{%s}}]}", cases[i].fail);
        const struct model_result *r = ask(&s, buf_cstr(&script), 1000);

        assert_int_equal(r->error, cases[i].error);
        assert_int_equal(r->http_status, cases[i].status);
        assert_int_equal(s.reply.delay_ms, cases[i].delay_ms);
        assert_true(strlen(r->message) > 10);
        end(&s);
    }
}

static void what_is_said_of_an_answer_is_in_it(void **state)
{
    struct session s = { 0 };
    const struct model_result *r;

    (void)state;
    r = ask(&s, "{\"replies\":[{\"text\":\"12345678\",\"finish\":\"length\"}]}", 1);
    assert_int_equal(r->error, MODEL_OK);
    assert_int_equal(r->finish, FINISH_LENGTH);
    assert_true(r->has_usage);
    assert_int_equal(r->usage.input_tokens, 1);
    assert_int_equal(r->usage.output_tokens, 3);
    assert_slice(r->wire, "{\"role\":\"assistant\",\"content\":\"12345678\"}");
    r = ask(&s, "{\"replies\":[{\"text\":\"x\",\"finish\":\"content_filter\",\"delay\":\"60s\"}]}",
            1);
    assert_int_equal(r->error, MODEL_TIMED_OUT);
    assert_int_equal(s.reply.delay_ms, 60000);
    r = ask(&s,
            "{\"replies\":[{\"calls\":[{\"tool\":\"t\",\"id\":\"call_1_2\"},{\"tool\":\"u\","
            "\"arguments\":{\"a\":[true,null,1e3,-7,\"{{input}}\"]}}]}]}",
            1);
    assert_int_equal(r->calls_n, 2);
    assert_slice(r->calls[0].id, "call_1_2");
    assert_slice(r->calls[1].id, "call_1_130");
    assert_slice(r->calls[1].arguments, "{\"a\":[true,null,1000.0,-7,\"\"]}");
    end(&s);
}

static void a_reply_is_bounded(void **state)
{
    CLEANUP(buf_release) struct buf big = { .max = 1 << 20 };
    struct session s = { 0 };
    const char *script = "{\"replies\":[{\"calls\":[{\"tool\":\"t\"}]},{\"for_each\":{\"lines_of\":"
                         "\"t\",\"max\":128,\"call\":{\"tool\":\"u\",\"arguments\":{\"a\":"
                         "\"{{result.t}}\"}}},\"calls\":[{\"tool\":\"t\"}]},{\"text\":\"x\"}]}";

    (void)state;
    (void)ask(&s, script, 1);
    s.messages.max = 8 << 20;
    take(&s);
    for (int i = 0; i < 50000; i++)
        buf_puts(&big, "a line\n");
    give(&s, "call_1_1", buf_cstr(&big), 0);
    assert_int_equal(ask(&s, script, 1)->error, MODEL_REFUSED);
    assert_string_equal(s.reply.result.message,
                        "scripted: reply 2: its placeholders stand for more than 4 MiB");
    end(&s);

    (void)ask(&s, script, 1);
    s.messages.max = 8 << 20;
    take(&s);
    buf_cut(&big, 1400); /* 200 lines, of which for_each takes 128: one too many beside a call */
    give(&s, "call_1_1", buf_cstr(&big), 0);
    assert_int_equal(ask(&s, script, 1)->error, MODEL_OK);
    assert_int_equal(s.reply.result.calls_n, MODEL_CALLS_MAX);
    assert_int_equal(s.reply.result.calls_dropped, 1);
    end(&s);
}

static void messages_that_are_none_are_refused(void **state)
{
    struct session s = { 0 };

    (void)state;
    s.messages.max = 100;
    buf_puts(&s.messages, "{\"role\":");
    assert_int_equal(ask(&s, documented, 1)->error, MODEL_REFUSED);
    assert_non_null(strstr(s.reply.result.message, "the session's messages"));
    buf_clear(&s.messages);
    buf_puts(&s.messages, "17,null,[],{\"role\":5},{\"tool_calls\":5}");
    assert_int_equal(ask(&s, documented, 1)->error, MODEL_REFUSED); /* {{input.word.1}} */
    end(&s);
}

/* ---- the client ---- */

struct fake_time {
    int64_t now_ms;
};

static int64_t read_fake_time(void *arg)
{
    return ((struct fake_time *)arg)->now_ms;
}

struct client_test {
    struct fake_time time;
    struct loop *loop;
    struct scripted *scripted;
    struct model_call call;
    unsigned done;
    enum model_error error;
    int64_t done_at_ms;
};

static void on_done(struct model_call *call, void *arg)
{
    struct client_test *t = arg;

    t->done++;
    t->error = call->result.error;
    t->done_at_ms = loop_mono_ms(t->loop);
}

static void client_setup(struct client_test *t, const char *script)
{
    *t = (struct client_test){ .time.now_ms = 1000 };
    t->loop = loop_new_simulated(
        (struct clock){ .wall_ms = read_fake_time, .mono_ms = read_fake_time, .arg = &t->time });
    t->scripted = scripted_new(t->loop);
    t->call = (struct model_call){
        .script = slice_of(script), .timeout_ms = 60000, .attempt = 1, .done = on_done, .arg = t
    };
}

static void client_teardown(struct client_test *t)
{
    scripted_free(t->scripted);
    scripted_free(NULL);
    loop_free(t->loop);
}

/* Runs the loop, and its clock to each next timer, until nothing is left to do. */
static void run(struct client_test *t)
{
    for (;;) {
        while (loop_step(t->loop)) {
        }
        if (loop_next_due_ms(t->loop) < 0)
            return;
        t->time.now_ms = loop_next_due_ms(t->loop);
    }
}

static void an_answer_comes_after_its_delay(void **state)
{
    struct client_test t;

    (void)state;
    client_setup(&t, "{\"replies\":[{\"text\":\"x\",\"delay\":\"2s\"}]}");
    model_client_start(scripted_client(t.scripted), &t.call);
    assert_int_equal(t.done, 0);
    run(&t);
    assert_int_equal(t.done, 1);
    assert_int_equal(t.error, MODEL_OK);
    assert_int_equal(t.done_at_ms, 3000);
    client_teardown(&t);
}

struct said {
    struct client_test *t;
    struct buf text;
    size_t pieces;
};

static struct said said; /* `arg` is the client test's */

static void on_delta(struct model_call *call, struct slice text, void *arg)
{
    (void)call;
    assert_ptr_equal(arg, said.t);
    assert_int_equal(said.t->done, 0);
    buf_put(&said.text, text);
    said.pieces++;
}

static void say_pieces(struct client_test *t, const char *script)
{
    client_setup(t, script);
    said = (struct said){ .t = t, .text.max = 65536 };
    t->call.on_delta = on_delta;
    model_client_start(scripted_client(t->scripted), &t->call);
    assert_int_equal(said.pieces, 0);
}

static void who_listens_hears_the_text_in_pieces(void **state)
{
    struct client_test t;

    (void)state;
    say_pieces(
        &t, "{\"replies\":[{\"text\":\"one two  \u00e4\u00f6\u00fc\\nthree\",\"delay\":\"2s\"}]}");
    run(&t);
    assert_string_equal(buf_cstr(&said.text), "one two  \u00e4\u00f6\u00fc\nthree");
    assert_true(said.pieces > 2);
    assert_int_equal(t.done, 1);
    assert_int_equal(t.done_at_ms, 3000); /* the delay is what it is without them */
    buf_release(&said.text);
    client_teardown(&t);

    say_pieces(&t, "{\"replies\":[{\"text\":\"at once\"}]}");
    run(&t);
    assert_string_equal(buf_cstr(&said.text), "at once");
    assert_int_equal(t.done_at_ms, 1000);
    buf_release(&said.text);
    client_teardown(&t);
}

static void nothing_is_said_of_a_failure_or_after_a_cancel(void **state)
{
    struct client_test t;

    (void)state;
    say_pieces(&t, "{\"replies\":[{\"text\":\"x y\",\"fail\":{\"status\":500}}]}");
    run(&t);
    assert_int_equal(said.pieces, 0);
    assert_int_equal(t.error, MODEL_SERVER_ERROR);
    client_teardown(&t);

    say_pieces(&t, "{\"replies\":[{\"text\":\"x y z\",\"delay\":\"1s\"}]}");
    while (said.pieces == 0) {
        while (loop_step(t.loop)) {
        }
        if (said.pieces == 0)
            t.time.now_ms = loop_next_due_ms(t.loop);
    }
    model_client_cancel(scripted_client(t.scripted), &t.call);
    run(&t);
    assert_int_equal(said.pieces, 1);
    assert_int_equal(t.error, MODEL_CANCELLED);
    buf_release(&said.text);
    client_teardown(&t);
}

static void an_answer_without_delay_is_still_not_at_once(void **state)
{
    struct client_test t;

    (void)state;
    client_setup(&t, "{\"replies\":[{\"text\":\"x\"}]}");
    model_client_start(scripted_client(t.scripted), &t.call);
    assert_int_equal(t.done, 0);
    run(&t);
    assert_int_equal(t.done, 1);
    assert_int_equal(t.done_at_ms, 1000);
    /* The same call, asked again, is answered again. */
    model_client_start(scripted_client(t.scripted), &t.call);
    run(&t);
    assert_int_equal(t.done, 2);
    client_teardown(&t);
}

static void a_cancelled_call_ends_once_and_soon(void **state)
{
    struct client_test t;

    (void)state;
    client_setup(&t, "{\"replies\":[{\"fail\":{\"kind\":\"hang\"}}]}");
    model_client_start(scripted_client(t.scripted), &t.call);
    model_client_cancel(scripted_client(t.scripted), &t.call);
    model_client_cancel(scripted_client(t.scripted), &t.call);
    assert_int_equal(t.done, 0);
    run(&t);
    assert_int_equal(t.done, 1);
    assert_int_equal(t.error, MODEL_CANCELLED);
    assert_int_equal(t.done_at_ms, 1000);
    model_client_cancel(scripted_client(t.scripted), &t.call); /* too late: nothing happens */
    run(&t);
    assert_int_equal(t.done, 1);
    client_teardown(&t);
}

static void a_call_that_hangs_ends_at_its_timeout(void **state)
{
    struct client_test t;

    (void)state;
    client_setup(&t, "{\"replies\":[{\"fail\":{\"kind\":\"hang\"}}]}");
    model_client_start(scripted_client(t.scripted), &t.call);
    run(&t);
    assert_int_equal(t.error, MODEL_TIMED_OUT);
    assert_int_equal(t.done_at_ms, 61000);
    client_teardown(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_document_has_this_script),
        cmocka_unit_test(the_documented_script_runs),
        cmocka_unit_test(every_placeholder_finds_its_text),
        cmocka_unit_test(a_placeholder_that_finds_nothing_says_what_there_is),
        cmocka_unit_test(a_script_that_is_none_says_where),
        cmocka_unit_test(a_place_is_cut_but_never_too_long),
        cmocka_unit_test(failures_have_their_kind),
        cmocka_unit_test(what_is_said_of_an_answer_is_in_it),
        cmocka_unit_test(a_reply_is_bounded),
        cmocka_unit_test(messages_that_are_none_are_refused),
        cmocka_unit_test(an_answer_comes_after_its_delay),
        cmocka_unit_test(who_listens_hears_the_text_in_pieces),
        cmocka_unit_test(nothing_is_said_of_a_failure_or_after_a_cancel),
        cmocka_unit_test(an_answer_without_delay_is_still_not_at_once),
        cmocka_unit_test(a_cancelled_call_ends_once_and_soon),
        cmocka_unit_test(a_call_that_hangs_ends_at_its_timeout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
