/* json_approval.h - what a person is asked, as the API shows it, and its public id. For api/ only.
 */
#ifndef API_JSON_APPROVAL_H
#define API_JSON_APPROVAL_H

#include "base/id.h"
#include "store/store.h"

/*
 * An approval is named by its session and its call: "ses_...:7", which is the call's idempotency
 * key, too. 0, or 1 and nothing set: it is none.
 */
int approval_id_read(struct slice *ret_session, uint32_t *ret_call, struct slice text);

size_t json_approval_bytes_max(const struct store_approval *row);

/* ERR_CORRUPT, and nothing put: what is stored is no such row. */
enum err_code json_put_approval(struct buf *buf, const struct store_approval *row,
                                struct err *err) MUST_CHECK;

/* Who decided, and when, in words: "approved by anna at 2026-01-01T00:00:00.000Z". */
void approval_put_outcome(struct buf *text, const struct store_approval *row);

#endif
