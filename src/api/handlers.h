/* handlers.h - what answers each route; the table is in routes.c. For api/ only. */
#ifndef API_HANDLERS_H
#define API_HANDLERS_H

#include "api/routes.h"

/* sessions_write.c */
route_fn sessions_create, sessions_patch, sessions_erase, sessions_message, sessions_cancel,
    sessions_pause, sessions_resume, sessions_retry, sessions_fork, sessions_settle,
    sessions_signal, approvals_decide;

route_fn approvals_list, approvals_get; /* approvals.c */

route_fn audit_list; /* audit_list.c */

route_fn keys_create, keys_list, keys_revoke; /* keys.c */

route_fn deliveries_list, deliveries_get, deliveries_redeliver; /* deliveries.c */

route_fn sessions_get;   /* session_get.c */
route_fn sessions_list;  /* sessions_list.c */
route_fn events_get;     /* events_get.c */
route_fn steps_get;      /* steps_get.c */
route_fn output_get;     /* output_get.c */
route_fn agents_list;    /* agents_list.c */
route_fn schedules_list; /* schedules_list.c */
route_fn openapi_get;    /* openapi.c */

route_fn triggers_take; /* triggers.c */

/* health.c */
route_fn livez_get, readyz_get, version_get;

#endif
