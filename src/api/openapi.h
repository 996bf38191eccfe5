/*
 * openapi.h - the API as an OpenAPI 3.1 document, for programs: openapi.json, built in.
 *
 * tests/unit/test_openapi.c compares it with the routes' table, the names of core and the codes of
 * refusals, in both directions; tests/npm compares it with what a server answers.
 */
#ifndef API_OPENAPI_H
#define API_OPENAPI_H

#include "base/buf.h"

struct slice openapi_document(void); /* of static life */

#endif
