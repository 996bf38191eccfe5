/*
 * sqlite_check.h - is the file itself sound: each page, and what indexes say of their tables? For
 * src/store/ only.
 */
#ifndef STORE_SQLITE_CHECK_H
#define STORE_SQLITE_CHECK_H

#include "store/store.h"

/* See store_check(). */
enum err_code sqlite_check(const char *path, store_fault_fn *fault, void *arg,
                           struct err *err) MUST_CHECK;

#endif
