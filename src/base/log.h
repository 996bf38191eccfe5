/*
 * log.h - log lines on standard error: one line an event, key=value or JSON.
 *
 * A line is a level, a fixed message, and fields. Values are escaped, so that no text from
 * outside can forge a line. Libraries do not log; the rooms from engine/ upward do, once,
 * where an error stops. Secrets never get here: what holds one has no log function.
 * Threads: any; a line is one write(2).
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/buf.h"

/* LOG_SILENT is a threshold only: a simulation of a thousand worlds prints nothing. */
enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_SILENT };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

void log_setup(enum log_level least, enum log_format format);

/* Fields: name and value in turn, ended by NULL: log_line(LOG_INFO, "ready", "at", url, NULL) */
void log_line(enum log_level level, const char *message, ...) __attribute__((sentinel));

/* "15", "2.5": formats a number for a field. Valid until the calling thread's 8th next call. */
const char *log_int(int64_t value);
const char *log_usd(int64_t nanousd);

#endif
