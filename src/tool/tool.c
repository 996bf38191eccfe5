#include "tool/tool.h"

void tool_runner_start(struct tool_runner *runner, struct tool_run *run)
{
    ASSERT(runner->ops->start && runner->ops->stop);
    ASSERT(run->spec && run->done && !run->runner_slot);
    run->result = (struct tool_result){ .end = TOOL_END_COUNT };
    runner->ops->start(runner, run);
}

void tool_runner_stop(struct tool_runner *runner, struct tool_run *run)
{
    runner->ops->stop(runner, run);
}

const char *tool_end_name(enum tool_end end)
{
    switch (end) {
    case TOOL_EXITED: return "exited";
    case TOOL_SIGNALLED: return "signalled";
    case TOOL_TIMED_OUT: return "timed_out";
    case TOOL_STOPPED: return "stopped";
    case TOOL_NOT_STARTED: return "not_started";
    case TOOL_LOST: return "lost";
    case TOOL_END_COUNT: break;
    }
    return "open";
}
