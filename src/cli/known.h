/* known.h - pawl.yaml with what the other rooms know: builtin tools, scripts. */
#ifndef CLI_KNOWN_H
#define CLI_KNOWN_H

#include "config/config.h"

/* Reads it; on failure the report is printed on standard error, and the exit code given back. */
int known_load(struct config **ret_config, const char *path);

/* The same without a word: NULL if the file is not there or not good. */
struct config *known_try(const char *path);

/* The file of a "sqlite:PATH", or NULL for a store that is none. */
const char *known_store_path(const struct config *config);

#endif
