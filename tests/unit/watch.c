#include "unit/watch.h"

static const int64_t absurd = (int64_t)1 << 40;

static void add(struct spend *sum, struct spend more)
{
    sum->tokens += more.tokens;
    sum->nanousd += more.nanousd;
}

static int is_zero(struct spend spend)
{
    return spend.tokens == 0 && spend.nanousd == 0;
}

/* ---- what is open ---- */

/* attempt 0: any of that call */
static void close_command(struct watch *watch, uint32_t call, uint32_t attempt)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < watch->open_n; i++) {
        if (watch->open[i].call != call || (attempt != 0 && watch->open[i].attempt != attempt))
            watch->open[kept++] = watch->open[i];
    }
    watch->open_n = kept;
}

static void open_command(struct watch *watch, const struct session_command *command)
{
    close_command(watch, command->call, command->attempt);
    ASSERT(watch->open_n < WATCH_OPEN_MAX);
    watch->open[watch->open_n++] = *command;
}

static const char *answer(struct watch *watch, uint32_t call)
{
    close_command(watch, call, 0);
    if (watch->calls[call].answers++ > 0)
        return "a call was answered twice";
    if (!watch->calls[call].is_child_started)
        watch->calls[call].reserved = (struct spend){ 0 };
    return NULL;
}

/* ---- money ---- */

static void charge(struct watch *watch, uint32_t call, uint32_t attempt, struct spend amount)
{
    if (is_zero(amount))
        return;
    ASSERT(watch->charged_n < WATCH_CHARGED_MAX);
    watch->charged[watch->charged_n++] = (struct watch_charge){ call, attempt, amount };
}

/* A charge that is no longer among the latest stays for good. */
static void uncharge(struct watch *watch, uint32_t call, uint32_t attempt)
{
    unsigned first =
        watch->charged_n > SESSION_UNSETTLED_MAX ? watch->charged_n - SESSION_UNSETTLED_MAX : 0;

    for (unsigned i = first; i < watch->charged_n; i++) {
        if (watch->charged[i].call != call || watch->charged[i].attempt != attempt)
            continue;
        /* The place stays free: an older charge does not become replaceable again. */
        memmove(&watch->charged[first + 1], &watch->charged[first],
                (i - first) * sizeof(watch->charged[0]));
        watch->charged[first] = (struct watch_charge){ 0 };
        return;
    }
}

/* The reservation of a model call that is given up stays, as charged. */
static void give_up(struct watch *watch, uint32_t call, uint32_t attempt)
{
    charge(watch, call, attempt, watch->reserved);
    watch->reserved = (struct spend){ 0 };
}

static struct spend total(const struct watch *watch)
{
    struct spend sum = watch->used;

    add(&sum, watch->reserved);
    for (unsigned i = 0; i < watch->charged_n; i++)
        add(&sum, watch->charged[i].amount);
    for (uint32_t i = 0; i <= watch->calls_n; i++)
        add(&sum, watch->calls[i].reserved);
    return sum;
}

static const char *check_ceiling(const struct watch *watch)
{
    struct spend sum = total(watch);

    if (watch->is_money_absurd)
        return NULL;
    if ((watch->limits.tokens != 0 && sum.tokens > watch->limits.tokens) ||
        (watch->limits.nanousd != 0 && sum.nanousd > watch->limits.nanousd))
        return "a model call was started beyond a ceiling";
    return NULL;
}

static void note_amount(struct watch *watch, struct spend amount)
{
    if (amount.tokens > absurd || amount.nanousd > absurd)
        watch->is_money_absurd = 1;
}

/* ---- events ---- */

static const char *on_model_answered(struct watch *watch, const struct session_event *event)
{
    const char *wrong = answer(watch, event->call);

    note_amount(watch, event->model_answered.used);
    uncharge(watch, event->call, event->attempt);
    add(&watch->used, event->model_answered.used);
    for (uint32_t i = 0; i < event->model_answered.calls_n; i++) {
        const struct call_decl *decl = &event->model_answered.calls[i];
        uint32_t number = event->model_answered.first_call + i;

        if (number <= watch->calls_n)
            return "a number was given twice";
        ASSERT(number < WATCH_CALLS_MAX);
        watch->calls_n = number;
        watch->calls[number].is_once = decl->is_once != 0;
        if (decl->type == CALL_CHILD)
            watch->calls[number].reserved = decl->reserved;
        note_amount(watch, decl->reserved);
    }
    return wrong;
}

static void on_interrupted(struct watch *watch, const struct session_event *event)
{
    int is_model = 0;

    for (unsigned i = 0; i < watch->open_n; i++)
        is_model |= watch->open[i].kind == CMD_CALL_MODEL && watch->open[i].call == event->call;
    close_command(watch, event->call, event->attempt);
    if (!is_model)
        return;
    watch->reserved = (struct spend){ 0 };
    charge(watch, event->call, event->attempt, event->interrupted.charged);
}

static const char *on_model_event(struct watch *watch, const struct session_event *event)
{
    if (event->kind == EV_MODEL_STARTED) {
        watch->calls_n = event->call > watch->calls_n ? event->call : watch->calls_n;
        watch->reserved = event->model_started.reserved;
        note_amount(watch, watch->reserved);
        return check_ceiling(watch);
    }
    if (event->kind == EV_MODEL_ANSWERED)
        return on_model_answered(watch, event);
    if (event->kind == EV_MODEL_FAILED) {
        close_command(watch, event->call, event->attempt);
        watch->reserved = (struct spend){ 0 };
        charge(watch, event->call, event->attempt, event->model_failed.charged);
        return NULL;
    }
    note_amount(watch, event->model_usage.used);
    uncharge(watch, event->call, event->attempt);
    add(&watch->used, event->model_usage.used);
    return NULL;
}

static const char *on_tool_event(struct watch *watch, const struct session_event *event)
{
    struct watch_call *call = &watch->calls[event->call];
    enum reconcile_outcome outcome = event->tool_reconciled.outcome;

    if (event->kind == EV_TOOL_FINISHED)
        return answer(watch, event->call);
    if (event->kind == EV_TOOL_RECONCILED) {
        close_command(watch, event->call, 0);
        if (outcome == OUTCOME_NOT_HAPPENED && event->attempt == call->unproven)
            call->unproven = 0;
        return outcome == OUTCOME_HAPPENED ? answer(watch, event->call) : NULL;
    }
    close_command(watch, event->call, event->attempt);
    if (event->kind == EV_TOOL_FAILED && event->attempt == call->unproven)
        call->unproven = 0; /* whoever says so knows that it did not happen */
    if (event->kind == EV_TOOL_FAILED && event->tool_failed.retry_at_ms == 0)
        return answer(watch, event->call);
    return NULL;
}

static void on_forked(struct watch *watch)
{
    watch->open_n = 0;
    watch->charged_n = 0;
    watch->used = watch->reserved = (struct spend){ 0 };
    for (uint32_t i = 0; i <= watch->calls_n; i++) {
        watch->calls[i].reserved = (struct spend){ 0 };
        watch->calls[i].answers = 1; /* whatever was open is not this session's */
    }
}

/* A child that was never started costs nothing; one that runs is paid when it ends. */
static void on_turn_over(struct watch *watch)
{
    for (uint32_t i = 0; i <= watch->calls_n; i++) {
        if (!watch->calls[i].is_child_started)
            watch->calls[i].reserved = (struct spend){ 0 };
    }
}

static const char *note_event(struct watch *watch, const struct session_event *event)
{
    switch (event->kind) {
    case EV_CREATED: watch->limits = event->created; return NULL;
    case EV_MODEL_STARTED:
    case EV_MODEL_ANSWERED:
    case EV_MODEL_FAILED:
    case EV_MODEL_USAGE: return on_model_event(watch, event);
    case EV_TOOL_SENT:
    case EV_TOOL_FINISHED:
    case EV_TOOL_FAILED:
    case EV_TOOL_IN_DOUBT:
    case EV_TOOL_RECONCILED: return on_tool_event(watch, event);
    case EV_APPROVAL_DECIDED:
        return event->approval_decided.decision == DECISION_REJECT ? answer(watch, event->call)
                                                                   : NULL;
    case EV_APPROVAL_EXPIRED:
        return event->approval_expired.outcome == EXPIRY_REJECT ? answer(watch, event->call) : NULL;
    case EV_CHILD_ENDED:
        note_amount(watch, event->child_ended.used);
        watch->calls[event->call].reserved = (struct spend){ 0 };
        add(&watch->used, event->child_ended.used);
        return NULL;
    case EV_INTERRUPTED: on_interrupted(watch, event); return NULL;
    case EV_TURN_ENDED:
    case EV_CANCELLED: on_turn_over(watch); return NULL;
    case EV_BUDGET_CHANGED:
        watch->limits.tokens = event->budget_changed.tokens;
        watch->limits.nanousd = event->budget_changed.nanousd;
        return NULL;
    case EV_FORKED: on_forked(watch); return NULL;
    case EV_MESSAGE:
    case EV_INPUT_ANSWERED:
    case EV_TIMER_FIRED:
    case EV_SIGNAL:
    case EV_CONTEXT_CHANGED:
    case EV_PAUSED:
    case EV_RESUMED:
    case EV_RETRIED:
    case EV_KIND_COUNT: break;
    }
    return NULL;
}

/* ---- commands ---- */

static const char *note_begun(struct watch *watch, const struct session_event *event,
                              const struct session_command *command)
{
    struct watch_call *call = &watch->calls[command->call];

    if (call->answers > 0 && command->kind != CMD_RECONCILE)
        return "something was asked that has its answer";
    if (command->kind == CMD_SEND_TOOL && call->is_once) {
        if (call->unproven != 0)
            return "an effects: once call was sent again without proof";
        call->unproven = command->attempt;
    }
    /* A claim with a lease is at work elsewhere: the lease's timer ends it. */
    if (command->kind != CMD_SEND_TOOL || event->tool_sent.deadline_ms == 0)
        open_command(watch, command);
    return NULL;
}

static const char *note_command(struct watch *watch, const struct session_event *event,
                                const struct session_command *command)
{
    switch (command->kind) {
    case CMD_CALL_MODEL:
    case CMD_RUN_TOOL:
    case CMD_SEND_TOOL:
    case CMD_RECONCILE: return note_begun(watch, event, command);
    case CMD_START_CHILD:
        if (watch->calls[command->call].is_child_started)
            return "a child was started twice";
        watch->calls[command->call].is_child_started = 1;
        return NULL;
    case CMD_STOP_MODEL:
        give_up(watch, command->call, command->attempt);
        close_command(watch, command->call, 0);
        return NULL;
    case CMD_STOP_TOOL: close_command(watch, command->call, 0); return NULL;
    case CMD_ASK:
    case CMD_WITHDRAW:
    case CMD_CANCEL_CHILD:
    case CMD_TURN_ENDED:
    case CMD_KIND_COUNT: break;
    }
    return NULL;
}

const char *watch_event(struct watch *watch, const struct session_event *event,
                        const struct session_commands *commands)
{
    struct spend reserved = watch->reserved;
    const char *wrong = note_event(watch, event);

    /* The attempt that answered owes its reservation no longer; one that lost is stopped below. */
    if (event->kind == EV_MODEL_ANSWERED) {
        watch->reserved = (struct spend){ 0 };
        for (unsigned i = 0; i < commands->n; i++) {
            if (commands->at[i].kind == CMD_STOP_MODEL)
                watch->reserved = reserved;
        }
    }
    for (unsigned i = 0; i < commands->n && !wrong; i++)
        wrong = note_command(watch, event, &commands->at[i]);
    return wrong;
}

/* ---- the state ---- */

static int is_open(const struct watch *watch, const struct session_command *command)
{
    for (unsigned i = 0; i < watch->open_n; i++) {
        if (watch->open[i].kind == command->kind && watch->open[i].call == command->call &&
            watch->open[i].attempt == command->attempt)
            return 1;
    }
    return 0;
}

const char *watch_state(const struct watch *watch, const struct session_state *state)
{
    struct spend sum = total(watch);
    struct spend said = session_committed_spend(state);
    struct session_commands open;

    session_open_commands(state, &open);
    if (open.n != watch->open_n)
        return "another number of commands is open";
    for (unsigned i = 0; i < open.n; i++) {
        if (!is_open(watch, &open.at[i]))
            return "a command is open that was not handed out, or was answered";
    }
    if (!watch->is_money_absurd && (sum.tokens != said.tokens || sum.nanousd != said.nanousd))
        return "the accounts differ";
    return NULL;
}
