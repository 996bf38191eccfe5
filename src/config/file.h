/* file.h - a whole file into a buf: for this room only. */
#ifndef CONFIG_FILE_H
#define CONFIG_FILE_H

#include "base/buf.h"

/* Appends at most buf->max bytes: a file of that size or more is cut there, and its reader sees
 * that it is too large. The message is the system's reason alone. */
enum err_code file_read(struct buf *buf, const char *path, struct err *err) MUST_CHECK;

#endif
