#include "cli/client.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/command.h"
#include "cli/known.h"

#define DEFAULT_BASE "http://127.0.0.1:7295"

enum {
    CALL_TIMEOUT_MS = 30000,
    CONNECT_TIMEOUT_MS = 5000,
    ANSWER_BYTES_MAX = 512 * 1024 * 1024,
    JSON_BYTES_MAX = 1024 * 1024 * 1024,
    PROBLEM_BODY_MAX = 64 * 1024,
    RETRY_FIRST_MS = 50,
    RETRY_MAX_MS = 1000,
    KEY_TEXT_SENT_MAX = 1024, /* what is longer is none */
};

/* ---- where the server is ---- */

/* The address in ./pawl.yaml, or NULL. Its mistakes are not this command's business. */
static char *base_of_config(void)
{
    static const char path[] = "pawl.yaml";
    CLEANUP(buf_release) struct buf base = { .max = 256 };
    struct config *config = known_try(path);

    if (!config)
        return NULL;
    int is_ipv6 = strchr(config->listen_host, ':') != NULL;

    buf_putf(&base, "http://%s%s%s:%u", is_ipv6 ? "[" : "", config->listen_host, is_ipv6 ? "]" : "",
             config->listen_port);
    config_free(config);
    return buf_detach(&base);
}

static void find_base(struct client *client, const struct args *args)
{
    const char *option = args_value(args, "server", NULL);
    const char *environment = getenv("PAWL_SERVER");

    if (option) {
        client->base = xstrdup(option);
        client->base_source = "from --server";
    } else if (environment && environment[0]) {
        client->base = xstrdup(environment);
        client->base_source = "from PAWL_SERVER";
    } else if ((client->base = base_of_config())) {
        client->base_source = "from pawl.yaml";
    } else {
        client->base = xstrdup(DEFAULT_BASE);
        client->base_source = "the default";
    }
    size_t len = strlen(client->base);

    while (len > 0 && client->base[len - 1] == '/')
        client->base[--len] = '\0';
}

/* Not from the command line: that is in the list of processes, for everybody to read. */
static void take_key(struct client *client)
{
    const char *key = getenv("PAWL_API_KEY");

    if (key && key[0])
        buf_putf(&client->authorization, "Bearer %.*s", KEY_TEXT_SENT_MAX, key);
}

enum err_code client_open(struct client *ret_client, const struct args *args, struct err *err)
{
    struct client client = { .authorization.max = KEY_TEXT_SENT_MAX + 16 };

    if (loop_new(&client.loop, err))
        return err->code;
    client.http = http_client_new(client.loop);
    take_key(&client);
    find_base(&client, args);
    *ret_client = client;
    return ERR_NONE;
}

void client_close(struct client *client)
{
    loop_signal_stop(client->sigint);
    http_client_free(client->http);
    loop_free(client->loop);
    free(client->base);
    buf_release(&client->authorization);
    *client = (struct client){ 0 };
}

static void on_interrupt(void *arg)
{
    struct client *client = arg;

    client->is_interrupted = 1;
    if (client->open)
        http_call_cancel(client->open);
    else
        loop_stop(client->loop);
}

void client_catch_interrupt(struct client *client)
{
    if (!client->sigint)
        client->sigint = loop_signal_start(client->loop, SIGINT, on_interrupt, client);
}

/* ---- one call ---- */

struct exchange {
    struct client *client;
    const struct client_request *request;
    struct answer *answer;
    struct buf body; /* where the request wants its pieces: of another status than 200 */
    struct err err;
    int is_done;
};

static void read_problem(struct answer *answer, struct slice body)
{
    struct slice detail = json_str(json_get(answer->json, "detail"));
    struct slice code = json_str(json_get(answer->json, "code"));

    if (!detail.ptr) /* not ours: perhaps another program's port */
        detail = body.len ? body : SLICE_LIT("(no text)");
    (void)snprintf(answer->problem, sizeof(answer->problem), "%.*s", (int)detail.len, detail.ptr);
    (void)snprintf(answer->code, sizeof(answer->code), "%.*s", (int)code.len,
                   code.ptr ? code.ptr : "");
}

static int on_body(struct http_call *call, struct slice bytes, void *arg)
{
    struct exchange *exchange = arg;
    struct err err = { 0 };

    if (call->status == 200)
        return exchange->request->on_piece(exchange->request->arg, bytes);
    return buf_add(&exchange->body, bytes, &err) != ERR_NONE;
}

static void on_done(struct http_call *call, void *arg)
{
    struct exchange *exchange = arg;
    struct answer *answer = exchange->answer;
    struct slice body = exchange->request->on_piece ? buf_slice(&exchange->body) : call->response;

    exchange->err = call->err;
    exchange->is_done = 1;
    if (!call->err.code) {
        struct err err = { 0 };

        answer->status = call->status;
        if (json_read(&answer->json, body, ANSWER_BYTES_MAX, &err))
            answer->json = NULL;
        if (call->status / 100 != 2)
            read_problem(answer, body);
    }
    loop_stop(exchange->client->loop);
}

static void add_header(struct http_call *call, const char *name, const char *value)
{
    if (value)
        call->headers[call->headers_n++] = (struct http_header){ name, slice_of(value) };
}

enum err_code client_call(struct client *client, const struct client_request *request,
                          struct answer *ret_answer, struct err *err)
{
    CLEANUP(buf_release) struct buf url = { .max = (size_t)64 * 1024 };
    struct answer answer = { 0 };
    struct exchange exchange = {
        .client = client, .request = request, .answer = &answer, .body.max = PROBLEM_BODY_MAX
    };
    struct http_call call = {
        .method = request->method,
        .body = request->body,
        .timeout_ms = request->timeout_ms ? request->timeout_ms : CALL_TIMEOUT_MS,
        .connect_timeout_ms = CONNECT_TIMEOUT_MS,
        .response_bytes_max = request->on_piece ? SIZE_MAX : ANSWER_BYTES_MAX,
        .on_body = request->on_piece ? on_body : NULL,
        .done = on_done,
        .arg = &exchange,
    };

    if (client->is_interrupted)
        return err_set(err, ERR_CONFLICT, "interrupted");
    if (buf_addf(&url, err, "%s%s", client->base, request->path))
        return err_wrap(err, "the address is too long");
    call.url = buf_cstr(&url);
    add_header(&call, "Content-Type", request->body.len > 0 ? "application/json" : NULL);
    add_header(&call, "Idempotency-Key", request->idempotency_key);
    add_header(&call, "Accept", request->accept);
    add_header(&call, "Last-Event-ID", request->last_event_id);
    add_header(&call, "Authorization",
               client->authorization.len > 0 ? buf_cstr(&client->authorization) : NULL);
    client->open = &call;
    http_call_start(client->http, &call);
    while (!exchange.is_done)
        loop_run(client->loop);
    client->open = NULL;
    buf_release(&exchange.body);
    if (exchange.err.code) {
        *err = exchange.err;
        if (err->code == ERR_CONFLICT && !client->is_interrupted)
            err->code = ERR_TIMEOUT; /* client_give_up() */
        return err->code;
    }
    *ret_answer = answer;
    return ERR_NONE;
}

void client_give_up(struct client *client)
{
    if (client->open)
        http_call_cancel(client->open);
}

void answer_release(struct answer *answer)
{
    json_free(answer->json);
    answer->json = NULL;
}

/* ---- over a restart ---- */

static void on_pause_over(void *arg)
{
    struct client *client = arg;

    loop_stop(client->loop);
}

enum err_code client_pause(struct client *client, int64_t ms, struct err *err)
{
    struct loop_timer timer = { 0 };
    int64_t until_ms = loop_mono_ms(client->loop) + ms;

    loop_timer_start(client->loop, &timer, ms, on_pause_over, client);
    while (!client->is_interrupted && loop_mono_ms(client->loop) < until_ms)
        loop_run(client->loop);
    loop_timer_stop(client->loop, &timer);
    return client->is_interrupted ? err_set(err, ERR_CONFLICT, "interrupted") : ERR_NONE;
}

static int is_worth_waiting(enum err_code code, const struct answer *answer)
{
    return code == ERR_UNAVAILABLE || code == ERR_TIMEOUT ||
           (code == ERR_NONE && answer->status == 503);
}

enum err_code client_call_patiently(struct client *client, const struct client_request *request,
                                    const struct client_patience *patience,
                                    struct answer *ret_answer, struct err *err)
{
    int64_t until_ms = 0; /* counts from the first failure, not from the start of a long wait */
    int64_t pause_ms = RETRY_FIRST_MS;

    for (;;) {
        struct answer answer = { 0 };
        enum err_code code = client_call(client, request, &answer, err);
        int64_t now_ms = loop_mono_ms(client->loop);

        if (!is_worth_waiting(code, &answer) || (until_ms != 0 && now_ms >= until_ms)) {
            if (!code)
                *ret_answer = answer;
            return code;
        }
        answer_release(&answer);
        if (until_ms == 0) {
            until_ms = now_ms + patience->ms;
            if (patience->on_lost)
                patience->on_lost(patience->arg);
        }
        *err = (struct err){ 0 };
        if (client_pause(client, pause_ms, err))
            return err->code;
        pause_ms = pause_ms * 2 < RETRY_MAX_MS ? pause_ms * 2 : RETRY_MAX_MS;
    }
}

static int is_lost_answer(enum err_code code, const struct answer *answer)
{
    return code == ERR_TIMEOUT || (code == ERR_NONE && answer->status == 503);
}

enum err_code client_change(struct client *client, const struct client_request *request,
                            const struct client_patience *patience, struct answer *ret_answer,
                            struct err *err)
{
    struct answer answer = { 0 };
    enum err_code code = client_call(client, request, &answer, err);

    if (is_lost_answer(code, &answer)) {
        answer_release(&answer);
        *err = (struct err){ 0 };
        return client_call_patiently(client, request, patience, ret_answer, err);
    }
    if (!code)
        *ret_answer = answer;
    return code;
}

/* ---- for commands ---- */

int client_fail(const struct client *client, const struct err *err)
{
    if (err->code == ERR_CONFLICT)
        return EXIT_INTERRUPTED;
    if (err->code == ERR_INVALID)
        return command_fail(EXIT_USAGE, "%s is no address of a server (%s): %s", client->base,
                            client->base_source, err->msg);
    if (err->code == ERR_LIMIT)
        return command_fail(EXIT_FAILED, "what the server at %s (%s) answers cannot be taken: %s",
                            client->base, client->base_source, err->msg);
    if (err->code == ERR_TIMEOUT)
        return command_fail(EXIT_UNREACHABLE, "the server at %s (%s) gave no whole answer: %s",
                            client->base, client->base_source, err->msg);
    return command_fail(EXIT_UNREACHABLE,
                        "no server answers at %s (%s): %s\nstart one with 'pawl serve', or say "
                        "where it is with --server or PAWL_SERVER",
                        client->base, client->base_source, err->msg);
}

int client_get(struct client *client, const char *path, struct answer *ret_answer)
{
    const struct client_request request = { .method = "GET", .path = path };
    struct answer answer = { 0 };
    struct err err = { 0 };

    if (client_call(client, &request, &answer, &err))
        return client_fail(client, &err);
    if (answer.status == 200 && answer.json) {
        *ret_answer = answer;
        return EXIT_GOOD;
    }
    int status = command_fail(EXIT_FAILED, "%s",
                              answer.problem[0] ? answer.problem
                                                : "the server's answer is none that pawl gives");
    answer_release(&answer);
    return status;
}

int client_fetch(const struct args *args, const char *path, struct answer *ret_answer)
{
    struct client client = { 0 };
    struct err err = { 0 };

    if (client_open(&client, args, &err))
        return command_fail(EXIT_FAILED, "%s", err.msg);
    int status = client_get(&client, path, ret_answer);

    client_close(&client);
    return status;
}

int client_print_json(const struct json *json)
{
    CLEANUP(buf_release) struct buf text = { .max = JSON_BYTES_MAX };
    struct err err = { 0 };

    if (json_write(&text, json, &err))
        return command_fail(EXIT_FAILED, "%s", err.msg);
    (void)printf("%s\n", buf_cstr(&text));
    return EXIT_GOOD;
}

void client_put_escaped(struct buf *url, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        int is_plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                       c == '-' || c == '.' || c == '_' || c == '~';

        if (is_plain)
            buf_put(url, (struct slice){ &c, 1 });
        else
            buf_putf(url, "%%%02X", (unsigned)(unsigned char)c);
    }
}
