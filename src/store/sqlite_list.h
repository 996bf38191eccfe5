/* sqlite_list.h - the SQL of a list, made for its filter. For src/store/sqlite*.c only. */
#ifndef STORE_SQLITE_LIST_H
#define STORE_SQLITE_LIST_H

#include "store/backend.h"
#include "store/sqlite_db.h"

/*
 * The statement for one page, its parameters bound; it gives at most list->limit + 1 rows of
 * `columns`, from the tables s (session) and t, e, c (the events of its texts). The caller
 * finalizes *ret_st while list's slices are still in place.
 */
enum err_code sqlite_list_prepare(sqlite3 *db, const char *columns, const struct store_list *list,
                                  sqlite3_stmt **ret_st, struct err *err) MUST_CHECK;

/* The joins that give t, e and c; without a match their columns are NULL. */
extern const char sqlite_text_joins[];

#endif
