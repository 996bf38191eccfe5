/* model.c - dispatch to a client, and what each error means. */
#include "model/model.h"

struct error_row {
    const char *name;
    const char *advice;
    int is_retryable;
    int may_have_cost;
};

static const struct error_row errors[MODEL_ERROR_COUNT] = {
    [MODEL_OK] = { "ok", "", 0, 0 },
    [MODEL_RATE_LIMITED] = { "rate_limited",
                             "it passes with time; a higher limit is the provider's to give", 1,
                             0 },
    [MODEL_OVERLOADED] = { "overloaded", "the provider is busy; it passes with time", 1, 0 },
    [MODEL_SERVER_ERROR] = { "server_error", "the fault is the provider's; it may pass", 1, 1 },
    [MODEL_UNREACHABLE] = { "unreachable", "check base_url and the network", 1, 0 },
    [MODEL_TIMED_OUT] = { "timed_out", "if it happens often, raise the model's timeout", 1, 1 },
    [MODEL_BAD_ANSWER] = { "bad_answer", "does base_url lead to a chat completions API?", 1, 1 },
    [MODEL_UNAUTHORIZED] = { "unauthorized", "check the account's api_key", 0, 0 },
    [MODEL_NOT_FOUND] = { "not_found", "check the model's name and base_url", 0, 0 },
    [MODEL_REFUSED] = { "refused", "the same request will never pass", 0, 0 },
    [MODEL_NO_QUOTA] = { "no_quota", "check plan and billing at the provider", 0, 0 },
    [MODEL_CANCELLED] = { "cancelled", "it was stopped from here", 0, 1 },
};

static const struct error_row *row_of(enum model_error error)
{
    ASSERT(error < MODEL_ERROR_COUNT && errors[error].name);
    return &errors[error];
}

int model_error_is_retryable(enum model_error error)
{
    return row_of(error)->is_retryable;
}

int model_error_may_have_cost(enum model_error error)
{
    return row_of(error)->may_have_cost;
}

const char *model_error_name(enum model_error error)
{
    return row_of(error)->name;
}

const char *model_error_advice(enum model_error error)
{
    return row_of(error)->advice;
}

enum model_error model_error_of_status(int status)
{
    if (status >= 200 && status < 300)
        return MODEL_OK;
    if (status >= 300 && status < 400) /* redirects are not followed: the address is wrong */
        return MODEL_NOT_FOUND;
    switch (status) {
    case 401:
    case 403: return MODEL_UNAUTHORIZED;
    case 402: return MODEL_NO_QUOTA;
    case 404:
    case 410: return MODEL_NOT_FOUND;
    case 408:
    case 409:
    case 425: return MODEL_SERVER_ERROR;
    case 429: return MODEL_RATE_LIMITED;
    case 503:
    case 529: return MODEL_OVERLOADED;
    default: return status >= 400 && status < 500 ? MODEL_REFUSED : MODEL_SERVER_ERROR;
    }
}

void model_client_start(struct model_client *client, struct model_call *call)
{
    ASSERT(client->ops->start && client->ops->cancel);
    ASSERT(call->done && call->timeout_ms > 0);
    call->result = (struct model_result){ 0 };
    client->ops->start(client, call);
}

void model_client_cancel(struct model_client *client, struct model_call *call)
{
    client->ops->cancel(client, call);
}

uint64_t model_prompt_bytes(const struct model_call *call)
{
    return (uint64_t)call->instructions.len + call->tools.len + call->messages.len;
}
