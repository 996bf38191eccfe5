#include "api/login.h"

#include <stdio.h>

#include "api/ask.h"
#include "auth/key_text.h"
#include "base/log.h"

enum { LOG_EVERY_MS = 60000 };

/* RFC 6750, section 3: what a client is to send. */
static const char *const say_bearer[] = { "WWW-Authenticate", "Bearer", NULL };
static const char *const say_invalid[] = { "WWW-Authenticate", "Bearer error=\"invalid_token\"",
                                           NULL };

/* ---- failures ---- */

static void on_minute(void *arg);

static void tell(struct api *api)
{
    struct logins *logins = &api->logins;

    log_line(LOG_WARN, "wrong API keys were refused", "n", log_int((int64_t)logins->failed), "last",
             logins->address, NULL);
    logins->failed = 0;
    loop_timer_start(api->deps.loop, &logins->timer, LOG_EVERY_MS, on_minute, api);
}

static void on_minute(void *arg)
{
    struct api *api = arg;

    if (api->logins.failed > 0)
        tell(api);
}

static void count_failure(struct ask *ask)
{
    struct logins *logins = &ask->api->logins;

    logins->failed++;
    (void)snprintf(logins->address, sizeof(logins->address), "%s", ask->actor.address);
    if (logins->timer.heap_at == 0)
        tell(ask->api);
}

/* Of two wrong keys nobody learns which was nearer: both get the same answer. */
static int refuse_wrong(struct ask *ask, const char *detail)
{
    int64_t now_ms = loop_mono_ms(ask->api->deps.loop);
    int64_t wait_ms =
        throttle_fail(ask->api->logins.throttle, auth_place_of(ask->actor.address), now_ms);
    struct refusal refusal;
    char seconds[24];
    const char *const extra[] = { "Retry-After", seconds, NULL };

    count_failure(ask);
    if (wait_ms == 0) {
        (void)refuse(&refusal, 401, "key_invalid", "%s", detail);
        ask_refuse_with(ask, &refusal, say_invalid);
        return 1;
    }
    (void)snprintf(seconds, sizeof(seconds), "%lld", (long long)(wait_ms + 999) / 1000);
    (void)refuse(&refusal, 429, "too_many_attempts",
                 "Too many wrong keys came from your address; a right one is taken at any time.");
    ask_refuse_with(ask, &refusal, extra);
    return 1;
}

/* ---- good ones ---- */

static int refuse_revoked(struct ask *ask)
{
    struct refusal refusal;

    (void)refuse(&refusal, 401, "key_revoked", "This key was revoked; ask for another.");
    ask_refuse_with(ask, &refusal, say_invalid);
    return 1;
}

static int refuse_none(struct ask *ask)
{
    struct refusal refusal;

    (void)refuse(&refusal, 401, "key_required",
                 "This needs a key: send 'Authorization: Bearer pawl_...'; the pawl command takes "
                 "it from PAWL_API_KEY.");
    ask_refuse_with(ask, &refusal, say_bearer);
    return 1;
}

static int check_right(struct ask *ask, enum auth_right right)
{
    const struct auth_key *key = ask->actor.key;
    char wanted[AUTH_RIGHT_TEXT_MAX];
    char name[QUOTED_TEXT_MAX], roles[QUOTED_TEXT_MAX];

    if (key->rights & (1u << (unsigned)right))
        return 0;
    ask_reply_problem(ask, 403, "role_required",
                      "This needs a key with the role %s; '%s' has '%s'.",
                      auth_right_text(wanted, right), quoted_text(name, slice_of(key->name)),
                      quoted_text(roles, slice_of(key->roles)));
    return 1;
}

int login(struct ask *ask)
{
    const struct keyring *keys = ask->api->deps.keys;
    enum auth_right right = ask->match.route->right;
    struct slice text = { NULL, 0 };

    ask->actor = auth_actor_at(http_request_peer(ask->request));
    if (right == RIGHT_OPEN || !keyring_at(keys, 0))
        return 0;
    switch (bearer_read(http_request_header(ask->request, "Authorization"), &text)) {
    case BEARER_NONE: return refuse_none(ask);
    case BEARER_BAD: return refuse_wrong(ask, "Send the key as 'Authorization: Bearer pawl_...'.");
    case BEARER_FOUND: break;
    }
    switch (keyring_check(keys, text, &ask->actor.key)) {
    case KEY_GOOD: return check_right(ask, right);
    case KEY_REVOKED: return refuse_revoked(ask);
    case KEY_MALFORMED:
        return refuse_wrong(ask, "This is no key: a character is wrong or missing.");
    case KEY_WRONG: break;
    }
    return refuse_wrong(ask, "There is no such key.");
}

void login_refuse_cut(struct ask *ask)
{
    if (ask->actor.key)
        (void)refuse_revoked(ask);
    else
        (void)refuse_none(ask);
}
