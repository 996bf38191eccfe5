#include "unit/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "tool/output.h"

static const size_t MB = 1024UL * 1024;

/* Bytes that tell where they stand. */
static char byte_at(size_t i)
{
    return (char)(i * 7 + i / 251);
}

static void add(struct tool_output *output, size_t from, size_t n)
{
    char *bytes = xcalloc(1, n);

    for (size_t i = 0; i < n; i++)
        bytes[i] = byte_at(from + i);
    tool_output_add(output, (struct slice){ bytes, n });
    free(bytes);
}

static void expect(struct tool_output *output, size_t kept, uint64_t total)
{
    struct slice got = tool_output_end(output);
    struct sha256 whole = sha256_of(got);
    struct sha256 told = tool_output_hash(output);

    assert_int_equal(got.len, kept);
    for (size_t i = 0; i < kept; i++)
        if (got.ptr[i] != byte_at(i))
            fail_msg("byte %zu is another", i);
    assert_int_equal(tool_output_total(output), total);
    assert_memory_equal(whole.bytes, told.bytes, SHA256_BYTES);
    tool_output_free(output);
}

/* How many files are open that stand in no folder. */
static unsigned nameless_files(void)
{
    unsigned n = 0;

    for (int fd = 3; fd < 64; fd++) {
        char path[32];
        char name[256];

        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        ssize_t len = readlink(path, name, sizeof(name) - 1);

        if (len <= 0)
            continue;
        name[len] = '\0';
        n += strncmp(name, "/tmp/", 5) == 0 && strstr(name, " (deleted)") != NULL;
    }
    return n;
}

static void a_small_output_stands_in_memory(void **state)
{
    struct tool_output *output = tool_output_new("/tmp", 10 * MB);

    (void)state;
    expect(tool_output_new("/tmp", 100), 0, 0);
    add(output, 0, 1000);
    add(output, 1000, MB - 1000);
    assert_int_equal(nameless_files(), 0);
    expect(output, MB, MB);
    tool_output_free(NULL);
}

static void a_large_one_stands_in_a_file_without_a_name(void **state)
{
    struct tool_output *output = tool_output_new("/tmp", 10 * MB);

    (void)state;
    for (size_t at = 0; at < 5 * MB; at += 65536)
        add(output, at, 65536);
    assert_int_equal(nameless_files(), 1);
    expect(output, 5 * MB, 5 * MB);
    assert_int_equal(nameless_files(), 0);
}

static void what_is_beyond_the_bound_is_counted(void **state)
{
    struct tool_output *small = tool_output_new("/tmp", 1000);
    struct tool_output *large = tool_output_new("/tmp", 3 * MB);

    (void)state;
    add(small, 0, 999);
    add(small, 999, 999);
    expect(small, 1000, 1998);
    for (size_t at = 0; at < 5 * MB; at += MB)
        add(large, at, MB);
    expect(large, 3 * MB, 5 * MB);
}

static void without_a_folder_it_stays_in_memory(void **state)
{
    struct tool_output *output = tool_output_new(NULL, 3 * MB);
    struct tool_output *nowhere = tool_output_new("/tmp/there-is-no-such-folder", 3 * MB);

    (void)state;
    for (size_t at = 0; at < 4 * MB; at += MB) {
        add(output, at, MB);
        add(nowhere, at, MB);
    }
    expect(output, 3 * MB, 4 * MB);
    expect(nowhere, MB, 4 * MB); /* what was kept before there was no room */
}

/* As on a full disk. */
static void what_found_no_room_is_counted(void **state)
{
    const struct rlimit low = { 2 * MB, RLIM_INFINITY };
    struct tool_output *output = tool_output_new("/tmp", 10 * MB);
    struct rlimit before;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    for (size_t at = 0; at < 4 * MB; at += MB / 2)
        add(output, at, MB / 2);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    expect(output, 2 * MB, 4 * MB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_output_stands_in_memory),
        cmocka_unit_test(a_large_one_stands_in_a_file_without_a_name),
        cmocka_unit_test(what_is_beyond_the_bound_is_counted),
        cmocka_unit_test(without_a_folder_it_stays_in_memory),
        cmocka_unit_test(what_found_no_room_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
