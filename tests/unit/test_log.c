/* The log writes on standard error: the test puts a pipe in its place. */
#include "unit/unit.h"

#include <fcntl.h>
#include <pthread.h>

#include "base/json.h"
#include "base/log.h"

struct capture {
    int pipe[2];
    int saved;
    char text[65536];
};

static int setup(void **state)
{
    struct capture *c = xcalloc(1, sizeof(*c));

    assert_int_equal(pipe2(c->pipe, O_CLOEXEC | O_NONBLOCK), 0);
    c->saved = dup(STDERR_FILENO);
    assert_int_equal(dup2(c->pipe[1], STDERR_FILENO), STDERR_FILENO);
    *state = c;
    return 0;
}

static int teardown(void **state)
{
    struct capture *c = *state;

    if (c->saved >= 0)
        assert_int_equal(dup2(c->saved, STDERR_FILENO), STDERR_FILENO);
    (void)close(c->saved);
    (void)close(c->pipe[0]);
    (void)close(c->pipe[1]);
    free(c);
    return 0;
}

static const char *captured(struct capture *c)
{
    ssize_t got = read(c->pipe[0], c->text, sizeof(c->text) - 1);

    c->text[got > 0 ? got : 0] = '\0';
    return c->text;
}

/* The line after its time, which is checked here. */
static const char *captured_line(struct capture *c)
{
    const char *line = captured(c);

    assert_true(strlen(line) > 25);
    assert_memory_equal(line, "20", 2);
    assert_int_equal(line[10], 'T');
    assert_memory_equal(line + 23, "Z ", 2);
    return line + 25;
}

static void text_lines_have_fields(void **state)
{
    struct capture *c = *state;

    log_setup(LOG_INFO, LOG_FORMAT_TEXT);
    log_line(LOG_INFO, "ready", NULL);
    assert_string_equal(captured_line(c), "INFO ready\n");
    log_line(LOG_WARN, "message here", "key", "value", "q", "quoted value", "e", "", "n",
             log_int(-5), "usd", log_usd(1234000), NULL);
    assert_string_equal(captured_line(c), "WARN message here key=value q=\"quoted value\" e=\"\" "
                                          "n=-5 usd=0.001234\n");
}

static void no_value_forges_a_line(void **state)
{
    struct capture *c = *state;

    log_setup(LOG_INFO, LOG_FORMAT_TEXT);
    log_line(LOG_ERROR, "m", "a", "x\nERROR y=\"1\" \\ \x1b[0m", "b", "k=v", "c", "\xff", NULL);
    assert_string_equal(captured_line(c), "ERROR m a=\"x ERROR y=\\\"1\\\" \\\\ \\u{1b}[0m\" "
                                          "b=\"k=v\" c=\"\xef\xbf\xbd\"\n");
}

static void levels_below_the_least_are_silent(void **state)
{
    struct capture *c = *state;

    log_setup(LOG_WARN, LOG_FORMAT_TEXT);
    log_line(LOG_INFO, "no", NULL);
    log_line(LOG_DEBUG, "no", NULL);
    assert_string_equal(captured(c), "");
    log_setup(LOG_DEBUG, LOG_FORMAT_TEXT);
    log_line(LOG_DEBUG, "yes", NULL);
    assert_string_equal(captured_line(c), "DEBUG yes\n");
}

static void json_lines_are_objects(void **state)
{
    struct capture *c = *state;
    CLEANUP(json_cleanup) struct json *root = NULL;
    struct err err = { 0 };

    log_setup(LOG_INFO, LOG_FORMAT_JSON);
    log_line(LOG_ERROR, "broken", "why", "a \"b\"\n\xff", NULL);
    const char *line = captured(c);

    assert_int_equal(line[strlen(line) - 1], '\n');
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
    assert_int_equal(json_read(&root, slice_of(line), 10000, &err), ERR_NONE);
    assert_int_equal(json_count(root), 4);
    assert_int_equal(json_str(json_get(root, "at")).len, 24);
    assert_true(slice_is(json_str(json_get(root, "level")), "error"));
    assert_true(slice_is(json_str(json_get(root, "message")), "broken"));
    assert_true(slice_is(json_str(json_get(root, "why")), "a \"b\"\n\xef\xbf\xbd"));
}

static void a_huge_value_is_cut(void **state)
{
    struct capture *c = *state;
    char *huge = xcalloc(1, 100001);

    memset(huge, 'x', 100000);
    log_setup(LOG_INFO, LOG_FORMAT_TEXT);
    log_line(LOG_INFO, "m", "huge", huge, "after", "1", NULL);
    const char *line = captured_line(c);

    assert_in_range(strlen(line), 1000, 10000);
    assert_non_null(strstr(line, " after=1\n"));
    free(huge);
}

static void numbers_stay_for_eight_calls(void **state)
{
    const char *first = log_int(INT64_MIN);

    (void)state;
    for (int i = 0; i < 7; i++)
        assert_true(strtoll(log_int(i), NULL, 10) == i);
    assert_string_equal(first, "-9223372036854775808");
}

enum { LINES = 200 };

static void *log_lines(void *arg)
{
    for (int i = 0; i < LINES; i++)
        log_line(LOG_INFO, "from", "thread", arg, "n", log_int(i), NULL);
    return NULL;
}

static void lines_of_threads_do_not_mix(void **state)
{
    struct capture *c = *state;
    static char name_a[] = "aaaa", name_b[] = "bbbb";
    pthread_t a, b;
    int count = 0;

    log_setup(LOG_INFO, LOG_FORMAT_TEXT);
    assert_int_equal(pthread_create(&a, NULL, log_lines, name_a), 0);
    assert_int_equal(pthread_create(&b, NULL, log_lines, name_b), 0);
    assert_int_equal(pthread_join(a, NULL) + pthread_join(b, NULL), 0);
    char *rest = NULL;

    (void)captured(c);
    for (char *line = strtok_r(c->text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        int is_a = strstr(line, "INFO from thread=aaaa n=") != NULL;
        int is_b = strstr(line, "INFO from thread=bbbb n=") != NULL;

        assert_true(is_a != is_b);
        count++;
    }
    assert_int_equal(count, 2 * LINES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
        TEST(text_lines_have_fields),
        TEST(no_value_forges_a_line),
        TEST(levels_below_the_least_are_silent),
        TEST(json_lines_are_objects),
        TEST(a_huge_value_is_cut),
        TEST(numbers_stay_for_eight_calls),
        TEST(lines_of_threads_do_not_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
