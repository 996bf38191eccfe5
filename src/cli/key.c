/*
 * key.c - `pawl key create | list | revoke`: who may use the server.
 *
 * A key's text goes to standard output, and nothing else does, so that it can be put where it is
 * kept without being shown.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cli/client.h"
#include "cli/key_offline.h"
#include "cli/known.h"
#include "cli/talk.h"
#include "cli/term.h"

enum {
    BODY_MAX = 64 * 1024,
    OUT_BYTES_MAX = 1024 * 1024 * 1024,
    ID_WIDTH = 12,
    NAME_WIDTH = 20,
    ROLES_WIDTH = 28,
    TENANT_WIDTH = 12,
    SHOWN_MAX = 256,
};

static const char route[] = "/v1/keys/";

/* ---- create ---- */

static void say_made(struct slice id)
{
    (void)fprintf(stderr,
                  "key %.*s was made; this is the only time that it is shown. Put it into "
                  "PAWL_API_KEY, or send it as 'Authorization: Bearer ...'\n",
                  (int)id.len, id.ptr ? id.ptr : "");
}

static int set_key(struct new_key *key, const struct args *args, struct err *err)
{
    const char *role;

    if (new_key_set(key, slice_of(args->words[1]), slice_of(args_value(args, "tenant", "")),
                    SLICE_LIT("offline"), err))
        return 1;
    for (unsigned at = 0; (role = args_next(args, "role", &at));) {
        if (new_key_add_role(key, slice_of(role), err))
            return 1;
    }
    return 0;
}

static int fail_offline(const struct err *err)
{
    if (err->code == ERR_CONFLICT)
        return command_fail(EXIT_CANNOT_RUN,
                            "%s\nor leave --offline out: then the server that runs makes the key",
                            err->msg);
    return command_fail(err->code == ERR_INVALID ? EXIT_USAGE : EXIT_CANNOT_RUN, "%s", err->msg);
}

static int create_offline(const struct args *args)
{
    CLEANUP(new_key_release) struct new_key key = { 0 };
    struct config *config = NULL;
    struct err err = { 0 };
    int status = known_load(&config, args_value(args, "config", "pawl.yaml"));

    if (status != EXIT_GOOD)
        return status;
    if (set_key(&key, args, &err) || key_offline_store(config, &key, &err)) {
        status = fail_offline(&err);
    } else {
        (void)printf("%s\n", key.text.text);
        say_made(key.row.id);
    }
    config_free(config);
    return status;
}

static void put_request(struct buf *body, const struct args *args)
{
    const char *tenant = args_value(args, "tenant", NULL);
    const char *role;

    json_begin(body, '{');
    json_key(body, "name");
    json_put_str(body, slice_of(args->words[1]));
    json_key(body, "roles");
    json_begin(body, '[');
    for (unsigned at = 0; (role = args_next(args, "role", &at));)
        json_put_str(body, slice_of(role));
    json_end(body, ']');
    if (tenant) {
        json_key(body, "tenant");
        json_put_str(body, slice_of(tenant));
    }
    json_end(body, '}');
}

static int print_made(const struct args *args, const struct answer *answer)
{
    struct slice text = json_str(json_get(answer->json, "key"));

    if (answer->status != 201)
        return command_fail(EXIT_FAILED, "%s", answer->problem);
    if (args_has(args, "json"))
        return client_print_json(answer->json);
    (void)printf("%.*s\n", (int)text.len, text.ptr ? text.ptr : "");
    say_made(json_str(json_get(answer->json, "id")));
    return EXIT_GOOD;
}

/* Not sent twice: a key whose answer is lost is of no use to anybody, and shows in the list. */
static int create(const struct args *args)
{
    CLEANUP(buf_release) struct buf body = { .max = BODY_MAX };
    CLEANUP(answer_release) struct answer answer = { 0 };
    struct client client;
    struct err err = { 0 };

    if (strlen(args->words[1]) > BODY_MAX / 16)
        return command_fail(EXIT_USAGE, "the name is too long");
    put_request(&body, args);
    if (client_open(&client, args, &err))
        return command_fail(EXIT_FAILED, "%s", err.msg);
    const struct client_request request = { .method = "POST",
                                            .path = "/v1/keys",
                                            .body = buf_slice(&body) };
    int status = client_call(&client, &request, &answer, &err) ? client_fail(&client, &err)
                                                               : print_made(args, &answer);

    client_close(&client);
    return status;
}

static int run_create(const struct args *args)
{
    if (!args_has(args, "role"))
        return command_fail(EXIT_USAGE, "--role is missing: submit, approve, operate, admin, "
                                        "executor, or a name of your own for approvals");
    return args_has(args, "offline") ? create_offline(args) : create(args);
}

/* ---- list ---- */

static void put_cell(struct buf *out, struct slice text, size_t width)
{
    CLEANUP(buf_release) struct buf cell = { .max = (size_t)64 * 1024 };

    text_put_line(&cell, text, width);
    buf_puts(out, buf_cstr(&cell));
    for (size_t at = text_width(buf_slice(&cell)); at < width + 1; at++)
        buf_puts(out, " ");
}

static void put_roles(struct buf *out, const struct json *roles)
{
    CLEANUP(buf_release) struct buf text = { .max = (size_t)64 * 1024 };

    for (size_t i = 0; i < json_count(roles); i++) {
        buf_puts(&text, i ? "," : "");
        buf_put(&text, json_str(json_at(roles, i)));
    }
    put_cell(out, buf_slice(&text), ROLES_WIDTH);
}

static void put_row(struct buf *out, const struct term *term, const struct json *key)
{
    struct slice revoked = json_str(json_get(key, "revoked_at"));
    char when[TEXT_SHORT_MAX];

    put_cell(out, json_str(json_get(key, "id")), ID_WIDTH);
    put_cell(out, json_str(json_get(key, "name")), NAME_WIDTH);
    put_roles(out, json_get(key, "roles"));
    put_cell(out, json_str(json_get(key, "tenant")), TENANT_WIDTH);
    buf_puts(out, text_date(when, text_read_time(json_str(json_get(key, "created_at")))));
    if (revoked.ptr)
        text_put_styled(out, term->has_color, STYLE_DIM, "  revoked %s",
                        text_date(when, text_read_time(revoked)));
    buf_puts(out, "\n");
}

static void put_head(struct buf *out, const struct term *term)
{
    text_put_styled(out, term->has_color, STYLE_BOLD, "%-*s %-*s %-*s %-*s %s", ID_WIDTH, "ID",
                    NAME_WIDTH, "NAME", ROLES_WIDTH, "ROLES", TENANT_WIDTH, "TENANT", "MADE");
    buf_puts(out, "\n");
}

/* One page, and *path of the next; an empty path: that was the last. */
static int list_page(struct client *client, const struct args *args, const struct term *term,
                     struct buf *path, struct buf *out)
{
    CLEANUP(answer_release) struct answer answer = { 0 };
    int status = client_get(client, buf_cstr(path), &answer);

    if (status != EXIT_GOOD)
        return status;
    const struct json *data = json_get(answer.json, "data");
    struct slice cursor = json_str(json_get(answer.json, "next_cursor"));

    for (size_t i = 0; i < json_count(data); i++) {
        struct err err = { 0 };

        if (!args_has(args, "json")) {
            put_row(out, term, json_at(data, i));
            continue;
        }
        buf_puts(out, out->len > 1 ? "," : "");
        if (json_write(out, json_at(data, i), &err))
            return command_fail(EXIT_FAILED, "%s", err.msg);
    }
    buf_clear(path);
    if (cursor.ptr) {
        buf_puts(path, "/v1/keys?limit=1000&cursor=");
        client_put_escaped(path, cursor);
    }
    return EXIT_GOOD;
}

static int run_list(const struct args *args)
{
    CLEANUP(buf_release) struct buf path = { .max = 1024 };
    CLEANUP(buf_release) struct buf out = { .max = OUT_BYTES_MAX };
    struct term term = term_of(stdout, args);
    struct client client;
    struct err err = { 0 };
    int status = EXIT_GOOD;

    if (client_open(&client, args, &err))
        return command_fail(EXIT_FAILED, "%s", err.msg);
    if (args_has(args, "json"))
        buf_puts(&out, "[");
    else
        put_head(&out, &term);
    buf_puts(&path, "/v1/keys?limit=1000");
    while (status == EXIT_GOOD && path.len > 0)
        status = list_page(&client, args, &term, &path, &out);
    if (args_has(args, "json"))
        buf_puts(&out, "]\n");
    if (status == EXIT_GOOD)
        term_put(&term, &out);
    client_close(&client);
    return status;
}

/* ---- revoke ---- */

static int print_revoked(struct client *client, const struct args *args, const struct json *key)
{
    struct slice id = json_str(json_get(key, "id"));
    struct slice name = json_str(json_get(key, "name"));
    CLEANUP(buf_release) struct buf shown = { .max = (size_t)64 * 1024 };

    (void)client;
    (void)args;
    text_put_line(&shown, name, SHOWN_MAX);
    (void)printf("key %.*s (%s) is revoked: nothing takes it any more\n", (int)id.len,
                 id.ptr ? id.ptr : "", buf_cstr(&shown));
    return EXIT_GOOD;
}

static int run_revoke(const struct args *args)
{
    const struct talk talk = {
        .method = "DELETE",
        .base = route,
        .route = "",
        .status = 200,
        .print = print_revoked,
        .look = "pawl key list",
    };
    struct args one = *args;

    one.words[0] = args->words[1];
    one.words[1] = NULL;
    one.words_n = 1;
    return talk_to(&one, &talk, (struct slice){ NULL, 0 });
}

/* ---- the command ---- */

static int run(const struct args *args)
{
    static const struct {
        const char *name;
        unsigned words_n;
        int (*run)(const struct args *args);
    } verbs[] = { { "create", 2, run_create },
                  { "list", 1, run_list },
                  { "revoke", 2, run_revoke } };

    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (strcmp(args->words[0], verbs[i].name) != 0)
            continue;
        if (args->words_n != verbs[i].words_n)
            break;
        return verbs[i].run(args);
    }
    return command_fail(EXIT_USAGE,
                        "usage: pawl key create NAME --role ROLE | list | revoke ID; see "
                        "pawl key --help");
}

static const struct option options[] = {
    { "role", "ROLE", "create: what it may do; may be repeated", 'r', 1 },
    { "tenant", "NAME", "create: whose sessions it sees (default: your own key's)", 't', 0 },
    { "offline", NULL, "create: into the store, while no server runs: for the first key", 0, 0 },
    OPTION_CONFIG,
    OPTION_JSON("as the API gives it"),
    OPTION_SERVER,
    OPTION_NO_COLOR,
    OPTIONS_END,
};

const struct command command_key = {
    .name = "key",
    .words = "create NAME | list | revoke ID",
    .summary = "Makes, lists and revokes the keys that the server asks for",
    .help =
        "Roles: submit begins sessions and talks to them, approve decides what waits for people,\n"
        "operate changes sessions, admin may do all and manages keys, executor runs tools.\n"
        "Other names are labels: a tool's approval may ask for one in `role`.\n\n"
        "From the first key on, which must be an admin's, every request needs one. Its text is\n"
        "printed once. Commands take theirs from PAWL_API_KEY.\n\n" SERVER_HELP,
    .options = options,
    .words_min = 1,
    .words_max = 2,
    .run = run,
};
