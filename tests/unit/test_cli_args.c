/* The command line: options, words, and what is wrong with them. */
#include "cli/args.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/text.h"
#include "unit/unit.h"

static const struct option options[] = {
    { "config", "FILE", "", 'c', 0 },
    { "json", NULL, "", 0, 0 },
    { "metadata", "NAME=VALUE", "", 'm', 1 },
    { 0 },
};

static enum err_code read_line(struct args *args, struct err *err, ...)
{
    char *argv[32];
    int argc = 0;
    va_list ap;

    va_start(ap, err);
    while ((argv[argc] = va_arg(ap, char *)))
        argc++;
    va_end(ap);
    *err = (struct err){ 0 };
    return args_read(args, options, argc, argv, err);
}

static void options_and_words_in_any_order(void **state)
{
    struct args args;
    struct err err;
    unsigned at = 0;

    (void)state;
    assert_int_equal(read_line(&args, &err, "one", "--config=a.yaml", "-m", "k=v", "two", "--json",
                               "--metadata", "x=", "--", "--json", NULL),
                     ERR_NONE);
    assert_int_equal(args.words_n, 3);
    assert_string_equal(args.words[0], "one");
    assert_string_equal(args.words[1], "two");
    assert_string_equal(args.words[2], "--json");
    assert_string_equal(args_value(&args, "config", "none"), "a.yaml");
    assert_true(args_has(&args, "json"));
    assert_string_equal(args_next(&args, "metadata", &at), "k=v");
    assert_string_equal(args_next(&args, "metadata", &at), "x=");
    assert_null(args_next(&args, "metadata", &at));
    assert_string_equal(args_value(&args, "other", "otherwise"), "otherwise");
    assert_false(args.wants_help);
}

static void a_dash_is_a_word_and_help_is_always_there(void **state)
{
    struct args args;
    struct err err;

    (void)state;
    assert_int_equal(read_line(&args, &err, "-", "-h", NULL), ERR_NONE);
    assert_int_equal(args.words_n, 1);
    assert_true(args.wants_help);
}

static void what_is_wrong_is_said(void **state)
{
    struct args args = { .words_n = 77 };
    struct err err;

    (void)state;
    assert_int_equal(read_line(&args, &err, "--jsno", NULL), ERR_INVALID);
    assert_string_equal(err.msg, "there is no option '--jsno'; did you mean --json?");
    assert_int_equal(read_line(&args, &err, "-x", NULL), ERR_INVALID);
    assert_int_equal(read_line(&args, &err, "-cfile", NULL), ERR_INVALID);
    assert_int_equal(read_line(&args, &err, "--config", NULL), ERR_INVALID);
    assert_string_equal(err.msg, "--config needs a value: --config FILE");
    assert_int_equal(read_line(&args, &err, "--json=yes", NULL), ERR_INVALID);
    assert_string_equal(err.msg, "--json takes no value");
    assert_int_equal(read_line(&args, &err, "--json", "--json", NULL), ERR_INVALID);
    assert_string_equal(err.msg, "--json is given twice");
    assert_int_equal(read_line(&args, &err, "1", "2", "3", "4", "5", "6", "7", "8", "9", NULL),
                     ERR_INVALID);
    assert_int_equal(args.words_n, 77); /* untouched on failure */
}

/* The whole program, without its output. */
static int run_pawl(char *const *argv)
{
    int argc = 0;
    int status;
    pid_t child;

    while (argv[argc])
        argc++;
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
            _exit(99);
        _exit(command_main(argc, argv));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

#define W(text)   ((char[]){ text })
#define PAWL(...) run_pawl((char *const[]){ W("pawl"), __VA_ARGS__, NULL })

static void exit_codes_of_wrong_command_lines(void **state)
{
    (void)state;
    assert_int_equal(run_pawl((char *const[]){ W("pawl"), NULL }), EXIT_USAGE);
    assert_int_equal(PAWL(W("srve")), EXIT_USAGE);
    assert_int_equal(PAWL(W("run"), W("agent")), EXIT_USAGE);
    assert_int_equal(PAWL(W("show"), W("a"), W("b")), EXIT_USAGE);
    assert_int_equal(PAWL(W("ps"), W("--jsn")), EXIT_USAGE);
    assert_int_equal(PAWL(W("help"), W("nothing")), EXIT_USAGE);
    assert_int_equal(PAWL(W("serve"), W("--grace"), W("30")), EXIT_USAGE);
    assert_int_equal(PAWL(W("help")), EXIT_GOOD);
    assert_int_equal(PAWL(W("help"), W("run")), EXIT_GOOD);
    assert_int_equal(PAWL(W("run"), W("--help")), EXIT_GOOD);
    assert_int_equal(PAWL(W("version")), EXIT_GOOD);
    assert_int_equal(PAWL(W("check"), W("-c"), W("/nonexistent/pawl.yaml")), EXIT_CONFIG);
    /* Nobody listens on the port of tcpmux, and nobody may without being root. */
    assert_int_equal(PAWL(W("ps"), W("--server"), W("http://127.0.0.1:1")), EXIT_UNREACHABLE);
}

/* The server did answer: only where nobody does is there none. */
static void a_call_that_failed_says_whether_a_server_is_there(void **state)
{
    static const struct {
        enum err_code code;
        int exit_code;
    } cases[] = {
        { ERR_LIMIT, EXIT_FAILED },
        { ERR_TIMEOUT, EXIT_UNREACHABLE },
        { ERR_UNAVAILABLE, EXIT_UNREACHABLE },
        { ERR_INVALID, EXIT_USAGE },
        { ERR_CONFLICT, EXIT_INTERRUPTED },
    };
    char base[] = "http://127.0.0.1:1";
    const struct client client = { .base = base, .base_source = "from here" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct err err = { .code = cases[i].code, .msg = "why" };

        assert_int_equal(client_fail(&client, &err), cases[i].exit_code);
    }
}

static void expect_line(const char *text, size_t chars, const char *expected)
{
    struct buf buf = { .max = 4096 };

    text_put_line(&buf, slice_of(text), chars);
    assert_string_equal(buf_cstr(&buf), expected);
    buf_release(&buf);
}

static void texts_for_people(void **state)
{
    char text[TEXT_SHORT_MAX];

    (void)state;
    assert_string_equal(text_duration(text, 0), "0 ms");
    assert_string_equal(text_duration(text, 1250), "1.2 s");
    assert_string_equal(text_duration(text, 125000), "2m 05s");
    assert_string_equal(text_duration(text, 3725000), "1h 02m");
    assert_string_equal(text_duration(text, 100LL * 3600 * 1000), "4d 04h");
    assert_string_equal(text_duration(text, -1), "?");
    assert_string_equal(text_count(text, 0), "0");
    assert_string_equal(text_count(text, 999), "999");
    assert_string_equal(text_count(text, 1234567), "1,234,567");
    assert_string_equal(text_count(text, -123456), "-123,456");
    assert_string_equal(text_dollars(text, 0), "$0.0000");
    assert_string_equal(text_dollars(text, 1.5), "$1.5000");
    assert_string_equal(text_dollars(text, 0.00012), "$0.000120");
    assert_int_equal(text_read_time(SLICE_LIT("1970-01-02T00:00:01.005Z")), 86401005);
    assert_int_equal(text_read_time(SLICE_LIT("1970-01-02 00:00:01.005Z")), -1);
    assert_int_equal(text_read_time((struct slice){ NULL, 0 }), -1);
    expect_line("short", 10, "short");
    expect_line("a line\nand another\n", 40, "a line and another");
    expect_line("exactly10!", 10, "exactly10!");
    expect_line("eleven char", 10, "eleven ...");
    expect_line("\x1b[31mred", 40, "\\u{1b}[31mred");
    expect_line("\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f\xc3\xa4", 4, "\xc3\xa4...");
    expect_line("", 4, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_and_words_in_any_order),
        cmocka_unit_test(a_dash_is_a_word_and_help_is_always_there),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(exit_codes_of_wrong_command_lines),
        cmocka_unit_test(a_call_that_failed_says_whether_a_server_is_there),
        cmocka_unit_test(texts_for_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
