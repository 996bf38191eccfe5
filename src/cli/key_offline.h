/*
 * key_offline.h - a key that is made without a server: the first one, above all. For cli/ only.
 */
#ifndef CLI_KEY_OFFLINE_H
#define CLI_KEY_OFFLINE_H

#include "auth/new_key.h"
#include "config/config.h"

/*
 * Stores the key, which has its roles. While it works no server can, and none may be at work:
 * ERR_CONFLICT. ERR_INVALID: the store is none that is kept, or it is no first key.
 */
enum err_code key_offline_store(const struct config *config, struct new_key *key,
                                struct err *err) MUST_CHECK;

#endif
