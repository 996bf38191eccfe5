/* reference.h - the reference of pawl.yaml, made from the table of keys. */
#ifndef CONFIG_REFERENCE_H
#define CONFIG_REFERENCE_H

#include "base/buf.h"

enum { REFERENCE_BYTES_MAX = 256 * 1024 };

/* Appends it as Markdown. A test compares docs/configuration.md with it. */
void config_reference(struct buf *buf);

#endif
