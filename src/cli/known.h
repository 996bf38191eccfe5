/* known.h - pawl.yaml with what the other rooms know: builtin tools, scripts. */
#ifndef CLI_KNOWN_H
#define CLI_KNOWN_H

#include "cli/args.h"
#include "config/config.h"

/* Reads it; on failure the report is printed on standard error, and the exit code given back. */
int known_load(struct config **ret_config, const char *path);

/* The same without a word: NULL if the file is not there or not good. */
struct config *known_try(const char *path);

/*
 * The URL of the store that an offline command looks into: --store, else that of the configuration.
 * The exit code; what is wrong is printed. *ret_url is the caller's to free.
 */
int known_store_url(char **ret_url, const struct args *args);

#endif
