/* json_step.h - a step as clients see it; see docs/api.md. For api/ only. */
#ifndef API_JSON_STEP_H
#define API_JSON_STEP_H

#include "api/steps.h"

/* The most that it takes. */
size_t json_step_bytes_max(const struct step *step);

void json_put_step(struct buf *buf, const struct step *step);

#endif
