/* commands.c - what a committed tick asks of the outside. */
#include "engine/engine_internal.h"

/* A later event of the same tick may have closed what an earlier one asked for. */
static int is_still_wanted(const struct live *live, const struct session_command *command)
{
    const struct session_call *call = session_call(&live->state, command->call);

    return call && call->attempt == command->attempt &&
           (call->phase == CALL_RUNNING || call->phase == CALL_SENT);
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
        /* While draining nothing is begun: the next process takes it up. */
        if (is_still_wanted(live, command) && !live->engine->drain && live->row.owner != 0)
            tool_job_start(live, command->call, command->attempt);
        break;
    case CMD_STOP_TOOL: tool_job_stop(live, command->call, command->attempt); break;
    case CMD_TURN_ENDED: break; /* told by tick.c, with the row */
    case CMD_SEND_TOOL:
    case CMD_ASK:
    case CMD_WITHDRAW:
    case CMD_RECONCILE:
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
