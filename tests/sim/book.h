/*
 * book.h - what an observer from outside knows, and the promises checked against it.
 *
 * The book shares no code with core/ or engine/: it reads journal entries as JSON, as they are
 * written to the disk, and what the model and the tools saw. It knows the rules of a session in
 * its own words, and fails the world when something breaks one.
 *
 * The disk may know more than the engine: an event is *written* when it is on the disk, and
 * *known* when the engine was told, or has started after it.
 */
#ifndef SIM_BOOK_H
#define SIM_BOOK_H

#include "base/json.h"
#include "sim/sim.h"

enum {
    TOKEN_MAX = 16,
    CALLS_MAX = 32,
    TEXT_MAX = 80,
    OUTPUT_MODEL_MAX = 256, /* limits.tool_output */
    OUTPUT_WHOLE_MAX = 1000,
    OUTPUT_TEXT_MAX = 640, /* what the model is told of one */
    CHARGES_MAX = 64,
    SUSPECT_AT = 3,
    PROMPT_MS = 30000,
    KEPT_SLACK_MS = 20000, /* until retention comes round */
    SIGNAL_NAMES = 3,      /* n1, n2, n3 */
};

enum life { LIFE_ACTIVE = 1, LIFE_ENDED, LIFE_CANCELLED };
enum asking { ASKING_NOT, ASKING_WANTED, ASKING_RUNNING, ASKING_BACKOFF };
enum tooling {
    TOOLING_CLOSED,
    TOOLING_REFUSED,
    TOOLING_OUT,
    TOOLING_SENT, /* effects: once */
    TOOLING_BACKOFF,
    TOOLING_HELD,
    TOOLING_DOUBT,
    TOOLING_LOOK, /* its reconcile command runs */
    TOOLING_PERSON,
    TOOLING_APPROVAL,
    TOOLING_EXPIRED, /* what follows must do so in the same tick */
    TOOLING_WAITING, /* for people, a time or a signal */
    TOOLING_CAME,    /* what it waited for: its answer must follow in the same tick */
};
enum waits { WAITS_NOT, WAITS_INPUT, WAITS_TIME, WAITS_SIGNAL };

struct money {
    int64_t tokens;
    int64_t nanousd;
};

/* A tool call as the book knows it. Closed ones are kept: late runs refer to them. */
struct book_call {
    uint32_t number;
    enum tooling state;
    char id[TOKEN_MAX];
    char tool[TOKEN_MAX];
    char arguments[TEXT_MAX];
    uint32_t attempt;
    uint32_t failures;
    int64_t due_ms;
    unsigned out_process; /* the process in which this attempt was handed out */
    uint32_t ran;         /* the highest attempt that a runner has seen */
    uint32_t closed_seq;  /* by this event */
    uint32_t out_seq;     /* this attempt was handed out by this event */
    size_t item;          /* of its answer */
    int is_misfit;        /* refused, as its arguments are not what the tool's schema says */
    int is_once, has_reconcile;
    uint32_t needed; /* different people; who has approved these arguments: */
    char people[4][8];
    uint32_t people_n;
    int is_edited; /* its arguments are a person's */
    enum expiry_action on_expiry;
    int64_t expires_ms;
    enum waits waits;
    int is_time_up;
    char came[TEXT_MAX]; /* what it must be answered with, or begin with if the time is up */
    uint32_t came_seq;
    int is_orphan;         /* in doubt, and its turn is over */
    uint32_t sent_seq;     /* this attempt was sent by this event */
    uint32_t whole_bytes;  /* of its output, if that is kept beside its event; else 0 */
    uint32_t whole_seq;    /* the event that names it */
    char whole[TOKEN_MAX]; /* which output that is: sim_output() */
    uint32_t proven;       /* the highest attempt of which it is known that it did nothing */
    struct {               /* what webhooks were told last that people are asked about it */
        enum tooling state;
        enum expiry_action on_expiry;
        char hash[SHA256_TEXT_MAX];
    } told;
    struct { /* what its reconcile command came to, the last time */
        uint32_t attempt;
        enum tool_end end;
        int status;
        char output[16];
        int64_t peace_ms;
    } look;
};

/* The result of a tool call as the model must get it. */
struct book_result {
    char id[TOKEN_MAX];
    int is_there;
    uint32_t seq; /* since this event */
    int has_text; /* known word for word, */
    int is_begin; /* or the words that it begins with */
    char text[OUTPUT_TEXT_MAX];
};

/* A message of the history: a user's, or an answer with what must follow it. */
struct book_item {
    int is_answer;
    char token[TOKEN_MAX];
    uint32_t seq;
    uint32_t started_seq; /* an answer: the model_started that asked for it */
    struct book_result *results;
    size_t results_n;
};

/* An event from outside, and the event of the call that took it, or 0. */
struct book_signal {
    uint32_t seq;
    char name[8];
    char token[TOKEN_MAX];
    uint32_t taken_seq;
};

struct book_charge {
    uint32_t call, attempt;
    struct money money;
};

struct book_session {
    char id[ID_TEXT_MAX];
    unsigned index;
    int64_t key; /* of its row */
    int is_pill;
    int is_erased;
    int64_t ended_at_ms; /* its last end */
    size_t told_n;       /* rows of what webhooks are told of it */
    const struct config_agent *agent;
    enum life life;
    const char *due; /* this end must follow in the same tick */
    char error[32];  /* of the last final model_failed */
    uint32_t seq, known_seq;
    uint64_t version;
    uint32_t turn, turn_seq, end_seq;
    int is_turn_started, is_paused;
    char end[32];
    uint32_t unread, unread_seq;
    uint32_t steps, last_call;
    struct {
        uint32_t steps;
        int64_t wall_ms, tokens, nanousd;
        uint32_t crashes;
    } limits;
    struct money spent;
    struct book_charge charges[CHARGES_MAX];
    size_t charges_n;
    uint32_t crashes;
    unsigned recovered_in; /* the process that found it in flight when the one before had died */
    int64_t wall_used_ms, wall_since_ms;
    struct {
        enum asking state;
        uint32_t number, attempt, failures;
        struct money reserved;
        int64_t due_ms;
        uint32_t started_seq;
        int is_asked; /* the model has seen this attempt */
        unsigned process;
    } model;
    struct book_call *calls;
    size_t calls_n, calls_cap;
    struct book_item *items;
    size_t items_n, items_cap;
    struct book_signal *signals;
    size_t signals_n;
    char context[TEXT_MAX]; /* in force, as JSON */
    char metadata[TEXT_MAX];
    char row_metadata[TEXT_MAX]; /* as the store has them */
    int is_patch_open;           /* a budget came that is not a retry's: its patch must follow */
    char (*patches)[TOKEN_MAX];
    size_t patches_n;
    unsigned answers_n;        /* with tool calls: for the script */
    unsigned char *kinds;      /* of event i + 1: enum event_kind */
    struct book_session *past; /* as it was after event i + 1; its pointers are not its own */
    uint32_t decided_seq;      /* the last decision on a call, and the hash of what it saw */
    char decided_hash[SHA256_TEXT_MAX];
    size_t refused_n;     /* calls whose error must follow in the same tick */
    unsigned forked_from; /* index of the session whose copy it is */
    uint32_t forked_seq;  /* and the event that says so; 0: it is none */
    char forked_by[TOKEN_MAX];
    int tick_counts; /* `counts` seen in this tick */
    int tick_interrupted;
    int64_t tick_ms;
};

/* What an attempt of a model call came to, as the simulated model gave it to the engine. */
struct given_answer {
    unsigned session;
    uint32_t call, attempt;
    enum model_error error;
    char say[TOKEN_MAX];
    int has_usage;
    struct usage usage;
    enum answer_finish finish;
    int64_t retry_after_ms;
    struct {
        char id[TOKEN_MAX];
        char tool[TOKEN_MAX];
        char arguments[TEXT_MAX];
    } calls[40];
    size_t calls_n;
    int is_stopped; /* it was cancelled before */
    unsigned process;
    int64_t peace_ms; /* when it was given, if that was in peace; else 0 */
};

/* The same of a tool's run. */
struct given_result {
    unsigned session;
    uint32_t call, attempt;
    enum tool_end end;
    int status;
    char output[TOKEN_MAX];
    uint32_t bytes; /* it is a long one, of which that is the token; else 0 */
    enum err_code err;
    int is_stopped; /* it was asked to end before */
    int is_look;    /* of the reconcile command */
    int64_t peace_ms;
};

struct book {
    struct world *world;
    struct map *by_id;
    struct book_session **sessions;
    size_t sessions_n;
    struct map *answers; /* key of session, call, attempt -> struct given_answer */
    struct map *results;
    struct given_answer **answer_list;
    size_t answers_n;
};

struct book *book_new(struct world *world);
void book_free(struct book *book);
struct book_session *book_find(const struct book *book, struct slice id); /* NULL: none */

/* ---- what is seen ---- */
void book_written(struct book *book, const struct store_commit *commit); /* it is on the disk */
void book_erased(struct book *book, const struct store_op *op);          /* from the disk */
void book_audited(struct world *world, const struct store_op *op); /* book_audit.c: of a commit */
void book_check_kept(const struct book *book); /* what should be gone by now is */
void book_copied(
    struct book *book, struct book_session *session,
    const struct store_commit *commit); /* a creation that begins with another's events */
void book_known(struct book *book, struct slice id, uint32_t seq); /* the engine was told */
void book_restarted(struct book *book); /* a new process knows all that is written */

/* The model is asked: which call and attempt it is; *ret_money what it may cost. */
struct book_session *book_asked(struct book *book, const struct model_call *call);
void book_answered(struct book *book, const struct given_answer *answer); /* given to the engine */
struct book_session *book_ran(struct book *book, const struct tool_run *run);
struct book_session *book_looked(struct book *book, const struct tool_run *run); /* reconcile */
void book_result(struct book *book, const struct given_result *result);
int book_is_look(const struct tool_run *run);

/* At the end of all: every session has ended or is paused, and the disk says the same. */
void book_close(struct book *book);
int book_is_quiet(const struct book *book); /* all ended or paused */
void book_print(const struct book *book, FILE *to);

/* ---- between the files of the book ---- */
const struct given_answer *book_given(const struct book *book, const struct book_session *session,
                                      uint32_t call, uint32_t attempt);
const struct given_result *book_run_of(const struct book *book, const struct book_session *session,
                                       uint32_t call, uint32_t attempt);
struct book_call *book_call(const struct book_session *session, uint32_t number); /* or NULL */
size_t book_open_calls(const struct book_session *session);
struct book_result *book_result_of(struct book_session *session, const struct book_call *call);
void book_wants_model(struct book_session *session);
int book_has_model(const struct world *world, const struct book_session *session); /* now */
void book_close_call(struct book_session *session, struct book_call *call, uint32_t seq,
                     const char *text);
void book_charge(struct book_session *session, struct money money);
int64_t book_wall_used_ms(const struct book_session *session, int64_t now_ms);
void book_item_add(struct book_session *session, const struct book_item *item);
/* What instructions of an agent in this world come to. */
void book_put_instructions(struct buf *text, const struct book_session *session);

struct book_event {
    struct world *world;
    struct book_session *session;
    const struct store_event *event;
    const struct json *body;
    uint32_t call, attempt;
};

void book_model_event(struct book_event *e); /* book_model.c */
void book_tool_event(struct book_event *e);  /* book_tool.c */
void book_once_event(struct book_event *e);  /* book_once.c */
/* book_output.c. A long output: its token again and again, with an accent after each. */
void sim_output(char to[OUTPUT_WHOLE_MAX + 1], const char *token, uint32_t bytes);
void book_check_output(struct book_event *e, struct book_call *call,
                       const struct given_result *given);
int book_is_reader(const struct world *world, const struct book_call *call);
void book_check_reading(struct book_event *e, const struct book_call *call);
void book_draw_reading(struct world *world, const struct book_session *session,
                       char arguments[TEXT_MAX]);
void book_end_once(struct book_event *e, struct book_call *call); /* its turn ends */
/* book_approval.c */
void book_check_asked(struct book_event *e, struct book_call *call, const struct json *decl);
void book_approval_event(struct book_event *e);
int book_approval_timer(struct book_event *e);
void book_approval_hash(const struct book_call *call, char text[SHA256_TEXT_MAX]);
void book_check_shown(struct book *book, const struct store_commit *commit);
void book_check_inbox(struct book *book); /* when nothing is on its way */
/* book_notice.c */
void book_check_told(struct book *book, struct book_session *session,
                     const struct store_commit *commit);
void book_check_deliveries(struct book *book); /* the same */
/* book_waits.c */
int book_waits(const struct config_tool *tool);
void book_draw_wait(struct world *world, const struct config_tool *tool, char arguments[TEXT_MAX]);
int book_is_wait_text(const char *text);
int book_is_good_wait(const struct config_tool *tool, const char *text);
void book_check_wait(struct book_event *e, struct book_call *call, const struct config_tool *tool,
                     const struct json *decl);
void book_begin_wait(struct book_event *e, struct book_call *call);
void book_wait_event(struct book_event *e);
int book_wait_timer(struct book_event *e);
void book_wait_finished(struct book_event *e, struct book_call *call);
void book_check_waits(struct book *book, const struct book_session *session);
void book_copy_signals(struct book_session *session, const struct book_session *source);
void book_check_signals(struct book *book, const struct book_session *session); /* on the disk */
int book_in_doubt(const struct book_call *call);
int book_asks_person(const struct book_session *session); /* nothing but people can go on */
void book_check_reason(struct book_event *e, unsigned process, int is_crash, int counts);
void book_after_answer(struct book_session *session);
void book_hand_out(struct book_event *e, struct book_call *call);
void book_life_event(struct book_event *e); /* book_life.c */
void book_restart_turn(struct book_session *session);
void book_fork_event(struct book_event *e); /* book_fork.c */
void book_keep_past(struct book_session *session);
int book_is_amid_tick(const struct book_session *session, uint32_t seq); /* after that event */
void book_take_texts(struct book_event *e); /* book_texts.c: context and metadata of a creation */
void book_patch_event(struct book_event *e);
__attribute__((noreturn)) void book_wrong(const struct book_event *e, const char *fmt, ...)
    PRINTF(2, 3);
struct money book_money(const struct json *body, const char *key);
void book_check_row(struct book *book, const struct book_session *session,
                    const struct store_session *row); /* book_row.c */
void book_check_prompt(struct book_event *e, int64_t peace_ms);
void book_check_retry(struct book_event *e, const struct retry_policy *policy, uint32_t failures,
                      int64_t floor_ms, int is_final);

/* verify.c: the journals folded through the core give the stored states */
void verify_all(struct world *world);

#endif
