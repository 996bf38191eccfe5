/*
 * What the model is sent with a window: told in a few requests word for word, and in random
 * journals against a search that tries every cut. A history that was cut again and again, one that
 * was read whole and one of which only the end was read must give the same request.
 *
 * Try more seeds with: test_history FIRST LAST
 */
#include "engine/history.h"

#include "base/random.h"
#include "unit/unit.h"

enum { TEXT_MAX = 65536, WIRE_MAX = 1024, EVENTS_MAX = 400, SEEDS = 2000 };

struct entry {
    enum event_kind kind;
    char wire[WIRE_MAX];
};

/* A message of a person, or an answer with its results, where a request without window has it. */
struct part {
    uint32_t seq;
    int is_answer;
    unsigned messages;
    char text[WIRE_MAX];
};

static struct {
    uint64_t seed;
    struct random random;
    uint32_t window;
    struct entry journal[EVENTS_MAX]; /* of event i + 1 */
    struct session_state state;       /* what of it counts here */
    struct part parts[EVENTS_MAX];
    size_t parts_n, read_n; /* parts from read_n on: not yet seen by a call of the model */
    struct history history; /* cut at each request */
} sim;

static unsigned below(unsigned n)
{
    return (unsigned)random_below(&sim.random, n);
}

/* ---- the events, and what a request would have of them ---- */

static void add(enum event_kind kind, const char *wire)
{
    struct entry *entry = &sim.journal[sim.state.seq++];

    assert_true(sim.state.seq < EVENTS_MAX);
    entry->kind = kind;
    (void)snprintf(entry->wire, sizeof(entry->wire), "%s", wire);
    history_add(&sim.history, kind, sim.state.seq, slice_of(wire));
}

/* Behind all others, or as the model has it, an answer before what it has not seen. */
static struct part *put_part(int is_answer, const char *text)
{
    size_t at = is_answer ? sim.read_n++ : sim.parts_n;

    memmove(&sim.parts[at + 1], &sim.parts[at], (sim.parts_n - at) * sizeof(sim.parts[0]));
    sim.parts_n++;
    sim.parts[at] =
        (struct part){ .seq = sim.state.seq + 1, .is_answer = is_answer, .messages = 1 };
    (void)snprintf(sim.parts[at].text, sizeof(sim.parts[at].text), "%s", text);
    return &sim.parts[at];
}

static void say(enum event_kind kind)
{
    char wire[64];

    (void)snprintf(wire, sizeof(wire), "{\"user\":\"} \\\" %u\"}", sim.state.seq + 1);
    (void)put_part(0, wire);
    add(kind, wire);
}

static void begin_turn(uint32_t seq)
{
    sim.state.turn_seq = seq;
    sim.state.unread = 0;
    sim.state.unread_seq = 0;
}

/* A message: the turn's input if none is under way, else unread. */
static void person(int is_busy)
{
    say(sim.state.seq == 0 ? EV_CREATED : EV_MESSAGE);
    if (!is_busy)
        begin_turn(sim.state.seq);
    else if (sim.state.unread++ == 0)
        sim.state.unread_seq = sim.state.seq;
}

static void lengthen(struct part *answer, const char *wire)
{
    size_t len = strlen(answer->text);

    (void)snprintf(answer->text + len, sizeof(answer->text) - len, ",%s", wire);
    answer->messages++;
}

static void answer(unsigned results, unsigned refused)
{
    char wire[WIRE_MAX];
    int len = snprintf(wire, sizeof(wire), "{\"assistant\":[{\"a\":\"%u\"}]}", sim.state.seq + 1);
    struct part *part = put_part(1, "");

    for (unsigned i = 0; i < refused; i++)
        len += snprintf(wire + len, sizeof(wire) - (size_t)len, ",{\"no\":%u}", i);
    (void)snprintf(part->text, sizeof(part->text), "%s", wire);
    part->messages += refused;
    add(EV_MODEL_ANSWERED, wire);
    for (unsigned i = 0; i < results; i++) {
        if (below(4) == 0)
            person(1);
        (void)snprintf(wire, sizeof(wire), "{\"result\":\"%u\"}", sim.state.seq + 1);
        lengthen(part, wire);
        add(below(2) ? EV_TOOL_FINISHED : EV_TOOL_FAILED, wire);
    }
}

/* ---- the request, by trying every cut ---- */

static size_t input_at(void)
{
    size_t i = 0;

    while (sim.parts[i].is_answer || sim.parts[i].seq != sim.state.turn_seq)
        i++;
    return i;
}

static int must_be_sent(size_t i)
{
    const struct part *part = &sim.parts[i];
    int is_last = 1;

    for (size_t k = i + 1; k < sim.parts_n; k++)
        is_last &= !sim.parts[k].is_answer;
    if (part->is_answer)
        return is_last && i > input_at();
    return i == input_at() || is_last ||
           (sim.state.unread > 0 && part->seq >= sim.state.unread_seq);
}

/* May a request begin with part `from`, but for the input? */
static int is_allowed(size_t from)
{
    unsigned messages = input_at() < from;

    for (size_t i = 0; i < sim.parts_n; i++)
        if (i < from && i != input_at() && must_be_sent(i))
            return 0;
    for (size_t i = from; i < sim.parts_n; i++)
        messages += sim.parts[i].messages;
    if (from <= input_at() && sim.parts[from].is_answer)
        return 0;
    return sim.window == 0 || messages <= sim.window;
}

/* The longest that is allowed, or nothing but what must be sent. */
static size_t expected_from(void)
{
    size_t from = 0;

    while (from < sim.parts_n && !is_allowed(from))
        from++;
    if (from < sim.parts_n)
        return from;
    from = 0;
    while (!must_be_sent(from) ||
           (from == input_at() && from + 1 < sim.parts_n && !must_be_sent(from + 1)))
        from++;
    return from;
}

static void expected(char *text)
{
    size_t from = expected_from();
    size_t len = 0;

    for (size_t i = 0; i < sim.parts_n; i++) {
        if (i < from && i != input_at())
            continue;
        len += (size_t)snprintf(text + len, TEXT_MAX - len, "%s%s", len > 0 ? "," : "",
                                sim.parts[i].text);
    }
    assert_true(len < TEXT_MAX);
}

static void assert_request(struct history *history, const char *wanted, const char *which)
{
    history_cut(history, &sim.state);
    if (strcmp(buf_cstr(&history->read.text), wanted) != 0)
        fail_msg("seed %llu, event %u, window %u, %s: the request is\n%s\nand should be\n%s",
                 (unsigned long long)sim.seed, sim.state.seq, sim.window, which,
                 buf_cstr(&history->read.text), wanted);
}

static void read_from(struct history *history, uint32_t seq)
{
    for (; seq <= sim.state.seq; seq++)
        history_add(history, sim.journal[seq - 1].kind, seq, slice_of(sim.journal[seq - 1].wire));
}

/* Of the end of the journal, if it holds enough. */
static void check_end(const char *wanted, uint32_t seq)
{
    struct history end = { 0 };
    int needs_input = 0;

    history_reset(&end, sim.window);
    read_from(&end, seq);
    if (history_has_window(&end, &sim.state, &needs_input)) {
        if (needs_input)
            history_add_input(&end, sim.state.turn_seq,
                              slice_of(sim.journal[sim.state.turn_seq - 1].wire));
        assert_request(&end, wanted, "of the journal's end");
    }
    history_release(&end);
}

static void request(void)
{
    static char wanted[TEXT_MAX];
    struct history whole = { 0 };

    expected(wanted);
    history_reset(&whole, sim.window);
    read_from(&whole, 1);
    assert_request(&whole, wanted, "read whole");
    history_release(&whole);
    for (uint32_t seq = 1; sim.window > 0 && seq <= sim.state.seq; seq++)
        if (sim.journal[seq - 1].kind == EV_MODEL_STARTED)
            check_end(wanted, seq);
    assert_request(&sim.history, wanted, "cut each time");
    add(EV_MODEL_STARTED, "");
    sim.read_n = sim.parts_n;
}

/* ---- a random session ---- */

/* A call of the model, perhaps after some that failed, one of which may answer late. */
static void ask(unsigned results)
{
    uint32_t missed = 0;
    uint32_t missed_seq = 0;

    request();
    begin_turn(sim.state.turn_seq);
    while (below(4) == 0) {
        if (below(2))
            person(1);
        if (missed == 0)
            missed_seq = sim.state.unread_seq;
        missed += sim.state.unread;
        add(EV_MODEL_FAILED, "");
        request();
        begin_turn(sim.state.turn_seq);
    }
    if (below(3) == 0)
        person(1);
    if (missed > 0 && below(2)) { /* the first attempt's: it has not seen these */
        sim.state.unread += missed;
        sim.state.unread_seq = missed_seq;
    }
    answer(results, below(8) == 0 ? below(4) : 0);
}

static void random_turn(void)
{
    for (unsigned calls = below(5); calls > 0; calls--)
        ask(1 + (below(6) ? below(3) : below(12)));
    if (below(8) == 0) { /* the turn ends with a call open */
        ask(0);
        lengthen(&sim.parts[sim.read_n - 1], "{\"closed\":1}");
        add(EV_TURN_ENDED, "{\"closed\":1}");
    } else {
        ask(0);
        add(EV_TURN_ENDED, "");
    }
    if (sim.state.unread > 0 && below(4)) /* else they are held until somebody speaks anew */
        begin_turn(sim.state.unread_seq);
    else
        person(0);
}

static void reset(uint32_t window)
{
    history_release(&sim.history);
    memset(&sim, 0, sizeof(sim));
    sim.window = window;
    history_reset(&sim.history, window);
}

static void random_session(uint64_t seed)
{
    reset(0);
    sim.seed = seed;
    random_seed(&sim.random, seed);
    sim.window = below(8) == 0 ? 0 : 1 + below(below(2) ? 6 : 40);
    history_reset(&sim.history, sim.window);
    person(0);
    while (sim.state.seq < EVENTS_MAX / 3 && sim.parts_n < 100)
        random_turn();
}

static uint64_t first_seed = 1, last_seed = SEEDS;

static void every_request_is_the_longest_that_the_window_allows(void **state)
{
    (void)state;
    for (uint64_t seed = first_seed; seed <= last_seed; seed++)
        random_session(seed);
    history_release(&sim.history);
}

/* ---- word for word ---- */

static void sent(const char *wanted)
{
    history_cut(&sim.history, &sim.state);
    assert_string_equal(buf_cstr(&sim.history.read.text), wanted);
    add(EV_MODEL_STARTED, "");
}

static void calls_and_results_stay_together_behind_the_input(void **state)
{
    (void)state;
    reset(4);
    add(EV_CREATED, "{\"u\":1}");
    sim.state.turn_seq = 1;
    sent("{\"u\":1}");
    add(EV_MODEL_ANSWERED, "{\"a\":1}");
    add(EV_TOOL_FINISHED, "{\"r\":1}");
    add(EV_TOOL_FINISHED, "{\"r\":2}");
    sent("{\"u\":1},{\"a\":1},{\"r\":1},{\"r\":2}");
    add(EV_MODEL_ANSWERED, "{\"a\":2}");
    add(EV_TOOL_FINISHED, "{\"r\":3}");
    sent("{\"u\":1},{\"a\":2},{\"r\":3}");
    add(EV_MODEL_ANSWERED, "{\"a\":3}");
    add(EV_TURN_ENDED, "");
    add(EV_MESSAGE, "{\"u\":2}");
    sim.state.turn_seq = sim.state.seq;
    sent("{\"u\":2}"); /* two answers would fit, but a person's message is the first */
    history_release(&sim.history);
}

/* The calls that were open at a fork have their answers in its wire: one message each. */
static void answers_at_a_fork_are_counted(void **state)
{
    (void)state;
    reset(5);
    add(EV_CREATED, "{\"u\":1}");
    sim.state.turn_seq = 1;
    sent("{\"u\":1}");
    add(EV_MODEL_ANSWERED, "{\"a\":1}");
    add(EV_FORKED, "{\"c\":1},{\"c\":2}");
    sent("{\"u\":1},{\"a\":1},{\"c\":1},{\"c\":2}");
    add(EV_MODEL_ANSWERED, "{\"a\":2}");
    add(EV_TOOL_FINISHED, "{\"r\":1}");
    sent("{\"u\":1},{\"a\":2},{\"r\":1}");
    history_release(&sim.history);
}

static void more_than_the_window_is_sent_where_it_belongs_together(void **state)
{
    (void)state;
    reset(1);
    add(EV_CREATED, "{\"u\":1}");
    sim.state.turn_seq = 1;
    sent("{\"u\":1}");
    add(EV_MODEL_ANSWERED, "{\"a\":1}");
    add(EV_MESSAGE, "{\"u\":2}");
    add(EV_TOOL_FAILED, "{\"r\":1}");
    sim.state.unread = 1;
    sim.state.unread_seq = 4;
    sent("{\"u\":1},{\"a\":1},{\"r\":1},{\"u\":2}");
    history_release(&sim.history);
}

static void a_journal_s_end_that_holds_too_little_is_not_taken(void **state)
{
    const struct session_state late = { .turn_seq = 3, .seq = 20 };
    const struct session_state unread = { .turn_seq = 3, .seq = 20, .unread = 1, .unread_seq = 9 };
    struct history end = { 0 };
    int needs_input = 0;

    (void)state;
    history_reset(&end, 3);
    history_add(&end, EV_MODEL_STARTED, 10, (struct slice){ 0 });
    history_add(&end, EV_MESSAGE, 11, SLICE_LIT("{\"u\":1}"));
    history_add(&end, EV_MESSAGE, 12, SLICE_LIT("{\"u\":2}"));
    history_add(&end, EV_MESSAGE, 13, SLICE_LIT("{\"u\":3}"));
    assert_false(history_has_window(&end, &late, &needs_input)); /* the last answer is older */
    history_add(&end, EV_MODEL_ANSWERED, 14, SLICE_LIT("{\"a\":1}"));
    assert_true(history_has_window(&end, &late, &needs_input));
    assert_true(needs_input);
    assert_true(history_has_window(&end, &(struct session_state){ .turn_seq = 12, .seq = 20 },
                                   &needs_input));
    assert_false(needs_input);
    history_reset(&end, 3);
    history_add(&end, EV_MODEL_ANSWERED, 14, SLICE_LIT("{\"a\":1},{\"r\":1},{\"r\":2}"));
    assert_true(history_has_window(&end, &late, &needs_input));
    assert_false(history_has_window(&end, &unread, &needs_input)); /* a message is older */
    history_reset(&end, 4);
    history_add(&end, EV_MODEL_ANSWERED, 14, SLICE_LIT("{\"a\":1},{\"r\":1},{\"r\":2}"));
    assert_false(history_has_window(&end, &late, &needs_input)); /* three are not four */
    history_release(&end);
}

/* The next request is refused for it; the process goes on. */
static void more_than_a_request_may_hold_is_told_and_not_kept(void **state)
{
    static char part[HISTORY_BYTES_MAX / 8];
    const struct slice wire = { part, sizeof(part) };
    struct history history = { 0 };

    (void)state;
    memset(part, 'x', sizeof(part));
    history_reset(&history, 0);
    for (uint32_t i = 0; i < 7; i++)
        history_add(&history, i % 2 ? EV_MODEL_ANSWERED : EV_MESSAGE, i + 1, wire);
    assert_false(history.is_too_large);
    history_add(&history, EV_MESSAGE, 8, wire);
    assert_true(history.is_too_large);
    history_add(&history, EV_MODEL_STARTED, 9, (struct slice){ 0 });
    assert_true(history.read.text.len <= HISTORY_BYTES_MAX);
    history_add_input(&history, 10, wire);
    assert_true(history.read.text.len <= HISTORY_BYTES_MAX);
    history_reset(&history, 0);
    assert_false(history.is_too_large);
    history_release(&history);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_and_results_stay_together_behind_the_input),
        cmocka_unit_test(answers_at_a_fork_are_counted),
        cmocka_unit_test(more_than_the_window_is_sent_where_it_belongs_together),
        cmocka_unit_test(a_journal_s_end_that_holds_too_little_is_not_taken),
        cmocka_unit_test(more_than_a_request_may_hold_is_told_and_not_kept),
        cmocka_unit_test(every_request_is_the_longest_that_the_window_allows),
    };

    if (argc > 1)
        first_seed = strtoull(argv[1], NULL, 10);
    if (argc > 2)
        last_seed = strtoull(argv[2], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
