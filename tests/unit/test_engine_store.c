/*
 * test_engine_store.c - what the engine makes of a store that refuses, is damaged, or does not say
 * what it did; and of a stored policy that is longer than any that pawl.yaml allows.
 */
#include "unit/engine_fixture.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "store/backend.h"

enum { LOG_MAX = 64 * 1024 };

/* What the store of the one world makes of an operation. Its backend stands behind it. */
static struct {
    const struct store_backend *real;
    struct world *world;
    int (*refuses)(const struct store_op *op);
    struct err with;
    size_t purges_n, refused_n;
    struct store_op *refused; /* to be completed */
    struct loop_post post;
    struct store_op
        *erase; /* done; its answer is held back until the row was read, and then lost */
    store_done_fn *load_done;
    void *load_arg;
    int loses_erasures;
    int log, saved_stderr;
    char text[LOG_MAX];
} odd;

static void complete_refused(void *arg)
{
    struct store_op *op = odd.refused;

    (void)arg;
    odd.refused = NULL;
    op->err = odd.with;
    store_complete(odd.world->store, op);
}

/* It has happened; who asked is told later that nobody knows. */
static void hold_back(struct store_op *op, void *arg)
{
    op->arg = arg;
    odd.erase = op;
}

static store_done_fn *erase_done_fn;

static void lose_answer(void)
{
    struct store_op *op = odd.erase;

    odd.erase = NULL;
    (void)err_set(&op->err, ERR_TIMEOUT, "the connection was lost");
    erase_done_fn(op, op->arg);
}

/* The row is read before that, and nothing comes between. */
static void load_then_lose(struct store_op *op, void *arg)
{
    (void)arg;
    odd.load_done(op, odd.load_arg);
    lose_answer();
}

static void submit(struct store *store, struct store_op *op)
{
    odd.purges_n += op->kind == STORE_PURGE;
    if (odd.refuses && odd.refuses(op)) {
        assert_null(odd.refused);
        odd.refused_n++;
        odd.refused = op;
        loop_post(odd.world->loop, &odd.post, complete_refused, NULL);
        return;
    }
    if (odd.loses_erasures && op->kind == STORE_ERASE) {
        erase_done_fn = op->done;
        op->done = hold_back;
    }
    if (odd.erase && op->kind == STORE_LOAD) {
        odd.load_done = op->done;
        odd.load_arg = op->arg;
        op->done = load_then_lose;
    }
    const struct store_backend *odd_backend = store->backend;

    store->backend = odd.real;
    odd.real->submit(store, op);
    store->backend = odd_backend;
}

static int set_up_odd(void **state)
{
    static struct store_backend backend;

    (void)set_up(state);
    memset(&odd, 0, sizeof(odd));
    odd.world = *state;
    odd.real = odd.world->store->backend;
    backend = *odd.real;
    backend.submit = submit;
    odd.world->store->backend = &backend;
    odd.log = memfd_create("log", MFD_CLOEXEC);
    odd.saved_stderr = dup(STDERR_FILENO);
    assert_int_equal(dup2(odd.log, STDERR_FILENO), STDERR_FILENO);
    log_setup(LOG_INFO, LOG_FORMAT_TEXT);
    return 0;
}

static const char *log_text(void)
{
    ssize_t got = pread(odd.log, odd.text, sizeof(odd.text) - 1, 0);

    odd.text[got > 0 ? got : 0] = 0;
    return odd.text;
}

static int tear_down_odd(void **state)
{
    assert_int_equal(dup2(odd.saved_stderr, STDERR_FILENO), STDERR_FILENO);
    (void)fputs(log_text(), stderr); /* with what cmocka says of an assertion */
    (void)close(odd.saved_stderr);
    (void)close(odd.log);
    odd.world->store->backend = odd.real;
    return tear_down(state);
}

/* How many lines of the log say so. */
static size_t said(const char *what)
{
    size_t n = 0;

    for (const char *at = log_text(); (at = strstr(at, what)); at++)
        n++;
    return n;
}

static int is_purge(const struct store_op *op)
{
    return op->kind == STORE_PURGE;
}

static int is_look(const struct store_op *op)
{
    return op->kind == STORE_SIZE || (op->kind == STORE_SCAN && op->scan.what == STORE_SCAN_ENDED);
}

static void a_refused_purge_is_said_once_and_waited_for(void **state)
{
    struct world *w = *state;

    odd.refuses = is_purge;
    (void)err_set(&odd.with, ERR_UNAVAILABLE, "the disk is full");
    retain(w, 0, 1);
    w->steps_n = 0;
    pass(w, 35000);
    assert_in_range(odd.refused_n, 2, 10);
    assert_in_range(w->steps_n, 1, 1000); /* retention does not spin on it */
    assert_int_equal(said("cannot be removed now; trying again error=\"the disk is full\""), 1);
    odd.refuses = NULL;
    pass(w, 10000);
    retain(w, 0, 0); /* the next process begins with a purge */
    odd.refuses = is_purge;
    retain(w, 0, 0);
    pass(w, 25000);
    assert_int_equal(said("cannot be removed now"), 2);
}

static void a_damaged_purge_stops_and_nothing_more_goes_for_it(void **state)
{
    static const struct said answers[] = { { .text = "42" } };
    struct world *w = *state;

    w->said = answers;
    w->said_n = ARRAY_LEN(answers);
    create(w);
    pass(w, 1000);
    odd.refuses = is_purge;
    (void)err_set(&odd.with, ERR_CORRUPT, "x.db is damaged");
    odd.with.sys = EUCLEAN;
    odd.purges_n = 0;
    retain(w, 0, 1);
    pass(w, 100000);
    assert_int_equal(odd.purges_n, 1);
    assert_int_equal(said("cannot be removed; see pawl verify error=\"x.db is damaged\""), 1);
    assert_int_equal(w->erased_n, 0);
}

static void what_retention_cannot_read_it_says_once_a_round(void **state)
{
    struct world *w = *state;

    odd.refuses = is_look;
    (void)err_set(&odd.with, ERR_UNAVAILABLE, "the disk is gone");
    retain(w, 100000, 1);
    pass(w, 1500);
    assert_int_equal(odd.refused_n, 2); /* the first page, and then the sum */
    assert_int_equal(said("retention cannot look at the sessions now"), 1);
    assert_int_equal(said("nothing that is left may go"), 0);
    pass(w, 5000);
    assert_int_equal(said("retention cannot look at the sessions now"), 2);
}

/* Retention's answer is lost, and whoever asks for the session meanwhile finds it gone. */
static void an_erasure_whose_answer_is_lost_is_told_of(void **state)
{
    static const struct said answers[] = { { .text = "42" } };
    struct world *w = *state;

    w->said = answers;
    w->said_n = ARRAY_LEN(answers);
    create(w);
    struct id id = w->request.id;

    pass(w, 1000);
    retain(w, 10000, 0);
    odd.loses_erasures = 1;
    pass(w, 11000);
    assert_non_null(odd.erase);
    assert_int_equal(w->erased_n, 0);
    odd.purges_n = 0;
    ask(w, (struct engine_request){ .kind = ENGINE_RESUME, .session = id_slice(&id) });
    assert_string_equal(w->request.code, "removed");
    pass(w, 1000);
    assert_null(odd.erase);
    assert_in_range(w->erased_n, 1, 2);
    assert_int_equal(odd.purges_n, 1);
}

/* Of a file that another version wrote, say. */
static void a_long_policy_is_asked_by(void **state)
{
    static const struct said answers[] = { { .tools = { "add" } }, { .text = "42" } };
    static char policy[128 * 1024];
    struct world *w = *state;

    (void)snprintf(
        policy, sizeof(policy),
        "[{\"when\":\"always\",\"approvers\":1,\"on_expiry\":\"reject\",\"reason\":\"%0*d\"}]",
        100000, 7);
    w->config_tool.approval = policy;
    make_revision(w);
    engine_free(w->engine);
    engine_begin(w);
    w->said = answers;
    w->said_n = ARRAY_LEN(answers);
    create(w);
    struct id id = w->request.id;

    pass(w, 1000);
    assert_int_equal(w->asked_n, 1);
    assert_int_equal(w->runs_total, 0);
    ask(w, (struct engine_request){ .kind = ENGINE_CANCEL, .session = id_slice(&id) });
    assert_int_equal(w->request.err.code, ERR_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_refused_purge_is_said_once_and_waited_for, set_up_odd,
                                        tear_down_odd),
        cmocka_unit_test_setup_teardown(a_damaged_purge_stops_and_nothing_more_goes_for_it,
                                        set_up_odd, tear_down_odd),
        cmocka_unit_test_setup_teardown(what_retention_cannot_read_it_says_once_a_round, set_up_odd,
                                        tear_down_odd),
        cmocka_unit_test_setup_teardown(an_erasure_whose_answer_is_lost_is_told_of, set_up_odd,
                                        tear_down_odd),
        cmocka_unit_test_setup_teardown(a_long_policy_is_asked_by, set_up_odd, tear_down_odd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
