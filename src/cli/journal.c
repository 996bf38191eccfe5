#include "cli/journal.h"

#include "cli/command.h"

enum { PAGE_LIMIT = 500, ANSWER_MARGIN_MS = 15000 };

static enum err_code call(struct client *client, const struct journal *journal, const char *path,
                          struct answer *ret_answer, struct err *err)
{
    const struct client_request request = {
        .method = "GET",
        .path = path,
        .timeout_ms = (int64_t)journal->wait_s * 1000 + ANSWER_MARGIN_MS,
    };

    if (journal->patience.ms == 0)
        return client_call(client, &request, ret_answer, err);
    return client_call_patiently(client, &request, &journal->patience, ret_answer, err);
}

int journal_read(struct client *client, struct journal *journal, journal_fn *fn, void *arg,
                 size_t *ret_n, int *ret_has_more)
{
    CLEANUP(buf_release) struct buf path = { .max = (size_t)64 * 1024 };
    CLEANUP(answer_release) struct answer answer = { 0 };
    struct err err = { 0 };

    buf_puts(&path, "/v1/sessions/");
    client_put_escaped(&path, slice_of(journal->session));
    buf_putf(&path, "/events?after=%u&limit=%d&wait=%u", journal->after, PAGE_LIMIT,
             journal->wait_s);
    if (call(client, journal, buf_cstr(&path), &answer, &err))
        return client_fail(client, &err);
    if (answer.status != 200)
        return command_fail(EXIT_FAILED, "%s", answer.problem);
    const struct json *data = json_get(answer.json, "data");

    for (size_t i = 0; i < json_count(data); i++) {
        const struct json *event = json_at(data, i);

        journal->after = (uint32_t)json_int(json_get(event, "seq"), journal->after);
        fn(arg, event);
    }
    *ret_n = json_count(data);
    *ret_has_more = json_str(json_get(answer.json, "next_cursor")).ptr != NULL;
    return EXIT_GOOD;
}
