/* commands.c - what a committed tick asks of the outside. */
#include "engine/engine_internal.h"

/* A later event of the same tick may have closed what an earlier one asked for. */
static int is_still_wanted(struct live *live, const struct session_command *command)
{
    const struct session_call *call = session_call(live_state(live), command->call);

    if (!call || call->attempt != command->attempt)
        return 0;
    switch (command->kind) {
    case CMD_RUN_TOOL: return call->phase == CALL_RUNNING;
    case CMD_SEND_TOOL: return call->phase == CALL_SENT;
    case CMD_RECONCILE: return call->phase == CALL_RECONCILE;
    case CMD_CALL_MODEL:
    case CMD_STOP_MODEL:
    case CMD_STOP_TOOL:
    case CMD_ASK:
    case CMD_WITHDRAW:
    case CMD_START_CHILD:
    case CMD_CANCEL_CHILD:
    case CMD_TURN_ENDED:
    case CMD_KIND_COUNT: break;
    }
    return 1;
}

/* While draining nothing is begun: the next process takes it up. */
static int may_begin(struct live *live, const struct session_command *command)
{
    return is_still_wanted(live, command) && !live->engine->drain && live->row.owner != 0;
}

/* Its commit was on its way when all calls were stopped: this one is interrupted before it began.
 */
static void give_permit_back(struct engine *engine)
{
    engine->model_calls--;
    drain_check(engine);
}

static void carry_out(struct live *live, const struct session_command *command)
{
    switch (command->kind) {
    case CMD_CALL_MODEL:
        if (drain_is_grace_over(live->engine))
            give_permit_back(live->engine);
        else
            model_job_start(live, command->call, command->attempt);
        break;
    case CMD_STOP_MODEL: model_job_stop(live, command->call, command->attempt); break;
    case CMD_RUN_TOOL:
        if (may_begin(live, command))
            tool_job_start(live, command->call, command->attempt);
        break;
    case CMD_SEND_TOOL: /* also while draining: it was begun before, and has its time to end */
        if (is_still_wanted(live, command))
            tool_job_send(live, command->call, command->attempt);
        break;
    case CMD_RECONCILE:
        if (may_begin(live, command))
            tool_job_reconcile(live, command->call, command->attempt);
        break;
    case CMD_STOP_TOOL: tool_job_stop(live, command->call, command->attempt); break;
    case CMD_TURN_ENDED: /* told by tick.c, with the row */
    case CMD_ASK:        /* rows, put by approvals.c into the commit itself */
    case CMD_WITHDRAW: break;
    case CMD_START_CHILD:
    case CMD_CANCEL_CHILD:
        /* No configuration of this version declares what leads to these. */
        assert_failed("a command that nothing declared", __FILE__, __LINE__);
        break;
    case CMD_KIND_COUNT: break;
    }
}

void commands_carry_out(struct live *live, const struct session_command *at, size_t n)
{
    for (size_t i = 0; i < n; i++)
        carry_out(live, &at[i]);
}
