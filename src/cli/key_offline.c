#include "cli/key_offline.h"

#include <stdio.h>

#include "auth/keyring.h"
#include "cli/store_lock.h"
#include "tool/lock.h"

struct writing {
    struct loop *loop;
    struct store *store;
    struct keyring *keys;
    struct new_key *key;
    struct store_op op;
    struct store_audit audit;
    struct err err;
};

static void finish(struct writing *writing, const struct err *err)
{
    writing->err = *err;
    loop_stop(writing->loop);
}

static void on_stored(struct store_op *op, void *arg)
{
    finish(arg, &op->err);
}

static void on_loaded(void *arg, const struct err *err)
{
    struct writing *writing = arg;
    struct err failed = *err;

    if (failed.code || new_key_check(writing->key, keyring_at(writing->keys, 0) == NULL, &failed)) {
        finish(writing, &failed);
        return;
    }
    new_key_make(writing->key, loop_wall_ms(writing->loop));
    writing->audit = (struct store_audit){
        .at_ms = loop_wall_ms(writing->loop),
        .tenant = writing->key->row.tenant,
        .actor = SLICE_LIT("offline"),
        .actor_name = writing->key->row.created_by,
        .action = audit_action_name(AUDIT_KEY_CREATE),
        .target = writing->key->row.id,
        .outcome = SLICE_LIT("done"),
    };
    writing->op = (struct store_op){ .kind = STORE_API_KEY_ADD,
                                     .api_key.row = writing->key->row,
                                     .audits = &writing->audit,
                                     .audits_n = 1,
                                     .done = on_stored,
                                     .arg = writing };
    store_submit(writing->store, &writing->op);
}

static enum err_code write_key(struct writing *writing, const char *url, const char *path,
                               struct err *err)
{
    int guard_fd = -1;

    if (loop_new(&writing->loop, err) ||
        store_open(&writing->store, url, STORE_OPEN_READ_WRITE, writing->loop, err) ||
        store_lock_guard(path, &guard_fd, err))
        return err->code;
    writing->keys = keyring_new();
    keyring_load(writing->keys, writing->store, on_loaded, writing);
    loop_run(writing->loop);
    *err = writing->err;
    return err->code;
}

enum err_code key_offline_store(const struct config *config, struct new_key *key, struct err *err)
{
    struct writing writing = { .key = key };
    const char *store = config_store_path(config);
    char real[PATH_MAX];
    char lock[PATH_MAX + 16];
    int lock_fd = -1;

    if (!store)
        return err_set(err, ERR_INVALID,
                       "the store %s is in the memory of its server: make the key there, without "
                       "--offline",
                       config->store);
    store_lock_resolve(store, real);
    (void)snprintf(lock, sizeof(lock), "%s.lock", real);
    /* It is held until the process ends, as a server's is. */
    if (lock_take(&lock_fd, lock, err))
        return err->code;
    (void)write_key(&writing, config->store, real, err);
    store_close(writing.store);
    keyring_free(writing.keys);
    loop_free(writing.loop);
    return err->code;
}
