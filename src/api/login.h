/*
 * login.h - who asks, and may he? Before anything else of a request is looked at. For api/ only.
 *
 * Without any key everybody may do everything: the server is on the loopback then. With the first
 * key each route asks for one, but for those that are open to all.
 *
 * Nothing of a key is logged. Wrong ones are counted, a line a minute at most.
 */
#ifndef API_LOGIN_H
#define API_LOGIN_H

#include "auth/throttle.h"
#include "loop/loop.h"

struct ask;

/* What the api keeps of failed log-ins. */
struct logins {
    struct throttle *throttle;
    struct loop_timer timer; /* armed: a line was written less than a minute ago */
    uint64_t failed;         /* since that */
    char address[46];        /* of the last one */
};

/* 0, and ask->actor says who it is; or 1, and it is answered. */
int login(struct ask *ask);

/* This request's right has gone while it was under way (ask->is_cut): answers it. */
void login_refuse_cut(struct ask *ask);

#endif
