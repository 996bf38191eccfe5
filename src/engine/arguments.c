/*
 * arguments.c - may a tool call of the model be carried out? Looked at before anything runs.
 */
#include "engine/arguments.h"

#include "core/waiting.h"
#include "engine/approvals.h"
#include "engine/engine_internal.h"

/* The arguments as JSON and as canonical text; ERR_INVALID if they are no JSON object. */
static enum err_code read_object(struct slice arguments, struct json **ret_root,
                                 struct buf *ret_text, struct err *err)
{
    if (json_read(ret_root, arguments, ARGUMENTS_BYTES_MAX, err))
        return ERR_INVALID;
    if (json_kind(*ret_root) != JSON_KIND_OBJECT)
        return err_set(err, ERR_INVALID, "they are a JSON %s, not an object",
                       json_kind_name(json_kind(*ret_root)));
    return json_write_canonical(ret_text, *ret_root, err);
}

static struct slice no_such_tool(struct tick *tick, struct slice name)
{
    const struct revision *revision = tick->live->revision;
    CLEANUP(buf_release) struct buf names = { .max = ARGUMENTS_BYTES_MAX };

    for (size_t i = 0; i < revision->tools_n; i++)
        buf_putf(&names, "%s%.*s", i ? ", " : "", (int)revision->tools[i].name.len,
                 revision->tools[i].name.ptr);
    return tick_text(tick, "There is no tool named '%.*s'. The tools are: %.800s.",
                     name.len < 100 ? (int)name.len : 100, name.ptr,
                     names.len ? buf_cstr(&names) : "none");
}

/* Nobody approves a wait: nothing runs. */
static void check_wait(struct tick *tick, const struct json *root, struct arguments_check *check)
{
    struct err err = { 0 };

    if (waiting_read(&check->decl, check->decl.type, root, tick->now_ms, &err))
        check->refusal =
            tick_text(tick, "The arguments are no good: %s. Send them again.", err.msg);
}

/* Sets whether they fit, and what the model is told if they do not. */
static void check_fit(struct tick *tick, const struct revision_tool *tool, const struct json *root,
                      struct arguments_check *check)
{
    CLEANUP(buf_release) struct buf text = { .max = JSON_SCHEMA_FAULTS_TEXT_MAX + 256 };
    struct json_schema_faults faults;
    struct err err = { 0 };

    if (!tool->schema) {
        check->refusal =
            tick_text(tick,
                      "The arguments of this tool cannot be checked, so it does not run: "
                      "%s. Go on without it.",
                      tool->defect);
        return;
    }
    if (json_schema_check(tool->schema, root, &faults, &err) == ERR_NONE) {
        check->fit = ARGUMENTS_FIT;
        if (tool->type != CALL_TOOL) {
            check_wait(tick, root, check);
            return;
        }
        check->need = approval_judge(tool->policy, root);
        if (check->need.approvers > 0 && check->text.len > APPROVAL_ARGUMENTS_MAX)
            check->refusal = tick_text(tick,
                                       "A person must approve this call, and its arguments are "
                                       "too long to be looked at: at most %d bytes are.",
                                       APPROVAL_ARGUMENTS_MAX);
        return;
    }
    check->fit = ARGUMENTS_MISFIT;
    buf_puts(&text, "The arguments do not fit: ");
    json_schema_faults_put(&text, &faults);
    buf_puts(&text, ". Send them again.");
    check->refusal = arena_slice(tick->arena, buf_slice(&text));
}

struct arguments_check arguments_check(struct tick *tick, const struct model_tool_call *call)
{
    const struct revision_tool *tool = revision_tool(tick->live->revision, call->name);
    struct arguments_check check = { .text = call->arguments };
    CLEANUP(json_cleanup) struct json *root = NULL;
    CLEANUP(buf_release) struct buf canonical = { .max = ARGUMENTS_BYTES_MAX };
    struct err err = { 0 };

    if (read_object(call->arguments.len > 0 ? call->arguments : SLICE_LIT("{}"), &root, &canonical,
                    &err) == ERR_NONE) {
        check.is_object = 1;
        check.text = arena_slice(tick->arena, buf_slice(&canonical));
    }
    check.decl.type = tool ? tool->type : CALL_TOOL;
    if (!tool) {
        check.refusal = no_such_tool(tick, call->name);
    } else if (!check.is_object) {
        check.fit = ARGUMENTS_MISFIT;
        check.refusal =
            tick_text(tick, "The arguments are not a JSON object: %s. Send them again.", err.msg);
    } else {
        check_fit(tick, tool, root, &check);
    }
    return check;
}
