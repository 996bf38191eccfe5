/* Calls that go to public addresses only: checked on the address that is connected to. */
#include "unit/unit.h"

#include "net/http_client.h"
#include "unit/http_fixture.h"

enum { URL_MAX = 200 };

struct guard_fixture {
    struct fixture *f; /* a server of ours */
    struct http_client *client;
    struct http_call call;
    char url[URL_MAX];
    int is_done;
};

static int setup_guard(void **state)
{
    struct guard_fixture *g = xcalloc(1, sizeof(*g));

    assert_int_equal(setup((void **)&g->f), 0);
    g->client = http_client_new(g->f->loop);
    *state = g;
    return 0;
}

static int teardown_guard(void **state)
{
    struct guard_fixture *g = *state;

    http_client_free(g->client);
    assert_int_equal(teardown((void **)&g->f), 0);
    free(g);
    return 0;
}

static void on_done(struct http_call *call, void *arg)
{
    struct guard_fixture *g = arg;

    (void)call;
    g->is_done = 1;
    loop_stop(g->f->loop);
}

static void run_call(struct guard_fixture *g, const char *host, int is_public_only)
{
    (void)snprintf(g->url, sizeof(g->url), "http://%s:%u/secret-path", host, (unsigned)g->f->port);
    g->call = (struct http_call){ .method = "POST",
                                  .url = g->url,
                                  .body = SLICE_LIT("{}"),
                                  .timeout_ms = 30000,
                                  .response_bytes_max = 1000,
                                  .is_public_only = is_public_only,
                                  .done = on_done,
                                  .arg = g };
    g->is_done = 0;
    http_call_start(g->client, &g->call);
    while (!g->is_done)
        loop_run(g->f->loop);
}

/* However the address is written, or found by a name. */
static void a_private_address_is_not_connected_to(void **state)
{
    static const char *const hosts[] = { "127.0.0.1",          "localhost",  "[::1]",
                                         "[::ffff:127.0.0.1]", "2130706433", "0" };
    struct guard_fixture *g = *state;

    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        run_call(g, hosts[i], 1);
        assert_int_equal(g->call.err.code, ERR_UNAVAILABLE);
        assert_non_null(strstr(g->call.err.msg, "its address is private"));
        assert_non_null(strstr(g->call.err.msg, "nothing was sent"));
        assert_null(strstr(g->call.err.msg, "secret-path"));
    }
    assert_int_equal(g->f->seen, 0);
}

static void other_calls_are_not_asked(void **state)
{
    struct guard_fixture *g = *state;

    run_call(g, "127.0.0.1", 0);
    assert_int_equal(g->call.err.code, ERR_NONE);
    assert_int_equal(g->call.status, 200);
}

static void a_connection_that_others_left_open_is_no_way_around(void **state)
{
    struct guard_fixture *g = *state;

    run_call(g, "127.0.0.1", 0);
    assert_int_equal(g->call.err.code, ERR_NONE);
    run_call(g, "127.0.0.1", 1);
    assert_int_equal(g->call.err.code, ERR_UNAVAILABLE);
    run_call(g, "127.0.0.1", 0); /* and leaves nothing behind in its handle */
    assert_int_equal(g->call.err.code, ERR_NONE);
    assert_int_equal(g->f->seen, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup_guard, teardown_guard)
        CASE(a_private_address_is_not_connected_to),
        CASE(other_calls_are_not_asked),
        CASE(a_connection_that_others_left_open_is_no_way_around),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
