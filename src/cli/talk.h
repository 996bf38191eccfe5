/*
 * talk.h - one request that changes a session, and what is printed of its answer. For cli/ only.
 *
 * It carries an Idempotency-Key, so an answer that is lost with its server is asked for again until
 * there is one, and what was asked for is done once.
 */
#ifndef CLI_TALK_H
#define CLI_TALK_H

#include "cli/client.h"
#include "cli/command.h"

/*
 * Prints what was asked for, for people; the exit code. The answer's body is the session, or what
 * the route gives. NULL: the session's status and what it waits for.
 */
typedef int talk_print_fn(struct client *client, const struct args *args,
                          const struct json *answer);

struct talk {
    const char *method;
    const char *base;  /* before the id; NULL: "/v1/sessions/" */
    const char *route; /* behind the session's id: "/cancel" */
    int status;        /* of a request that was carried out */
    talk_print_fn *print;
    const char *look; /* the command that says whether it was done; NULL: `pawl show` of the id */
};

/* To the session, or what else it is, that args->words[0] names. With --json the answer is printed
 * as it is. */
int talk_to(const struct args *args, const struct talk *talk, struct slice body);

/* The session's status and what it waits for. */
int talk_print_session(const struct args *args, const struct json *session);

#define OPTION_KEY                                                                                 \
    {                                                                                              \
        "key", "KEY", "Idempotency-Key: the same again is done once", 0, 0                         \
    }
#define TALK_OPTIONS                                                                               \
    OPTION_KEY, OPTION_JSON("the session, as the API gives it"), OPTION_SERVER, OPTION_NO_COLOR,   \
        OPTIONS_END

#endif
