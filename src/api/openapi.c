/* openapi.c - GET /openapi.json. */
#include "api/openapi.h"

#include "api/ask.h"

static const char document[] = {
#include "api/openapi_bytes.h" /* made of openapi.json, see tools/embed */
};

struct slice openapi_document(void)
{
    return (struct slice){ document, sizeof(document) };
}

void openapi_get(struct ask *ask)
{
    http_reply(ask->request, 200, "application/json", openapi_document(), NULL);
    ask_end(ask);
}
