#include "store/sqlite_checkpoint.h"

#include <pthread.h>
#include <stdlib.h>

struct sqlite_checkpointer {
    sqlite3 *db; /* the thread's */
    pthread_t thread;
    pthread_mutex_t lock; /* for what follows */
    pthread_cond_t asked, passed;
    uint64_t asked_n;  /* passes asked for */
    uint64_t passed_n; /* passes done; the last one's outcome: */
    struct err outcome;
    int is_stopping;
};

static void *run(void *arg)
{
    struct sqlite_checkpointer *c = arg;

    (void)pthread_mutex_lock(&c->lock);
    for (;;) {
        while (c->asked_n == c->passed_n && !c->is_stopping)
            (void)pthread_cond_wait(&c->asked, &c->lock);
        if (c->is_stopping)
            break;
        uint64_t pass = c->asked_n;
        struct err outcome = { 0 };

        (void)pthread_mutex_unlock(&c->lock);
        int rc = sqlite3_wal_checkpoint_v2(c->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);

        if (rc != SQLITE_OK && rc != SQLITE_BUSY) /* busy: another's checkpoint is under way */
            (void)sqlite_db_error(c->db, rc, "copy the log into the store", &outcome);
        (void)pthread_mutex_lock(&c->lock);
        c->passed_n = pass;
        c->outcome = outcome;
        (void)pthread_cond_broadcast(&c->passed);
    }
    (void)pthread_mutex_unlock(&c->lock);
    return NULL;
}

void sqlite_checkpointer_nudge(struct sqlite_checkpointer *c)
{
    (void)pthread_mutex_lock(&c->lock);
    if (c->asked_n == c->passed_n) {
        c->asked_n++;
        (void)pthread_cond_signal(&c->asked);
    }
    (void)pthread_mutex_unlock(&c->lock);
}

enum err_code sqlite_checkpointer_wait(struct sqlite_checkpointer *c, struct err *err)
{
    (void)pthread_mutex_lock(&c->lock);
    uint64_t pass = ++c->asked_n;

    (void)pthread_cond_signal(&c->asked);
    while (c->passed_n < pass)
        (void)pthread_cond_wait(&c->passed, &c->lock);
    struct err outcome = c->outcome;

    (void)pthread_mutex_unlock(&c->lock);
    if (outcome.code)
        *err = outcome;
    return outcome.code;
}

enum err_code sqlite_checkpointer_start(struct sqlite_checkpointer **ret_checkpointer,
                                        const char *path, struct err *err)
{
    struct sqlite_checkpointer *c = xcalloc(1, sizeof(*c));

    if (sqlite_db_open(&c->db, path, SQLITE_DB_READ_WRITE, err)) {
        free(c);
        return err->code;
    }
    (void)pthread_mutex_init(&c->lock, NULL);
    (void)pthread_cond_init(&c->asked, NULL);
    (void)pthread_cond_init(&c->passed, NULL);
    int failed = pthread_create(&c->thread, NULL, run, c);

    if (failed == 0) {
        *ret_checkpointer = c;
        return ERR_NONE;
    }
    sqlite_db_close(c->db);
    free(c);
    return err_sys(err, failed, "start the checkpoint thread");
}

void sqlite_checkpointer_stop(struct sqlite_checkpointer *c)
{
    if (!c)
        return;
    (void)pthread_mutex_lock(&c->lock);
    c->is_stopping = 1;
    (void)pthread_cond_signal(&c->asked);
    (void)pthread_mutex_unlock(&c->lock);
    (void)pthread_join(c->thread, NULL);
    (void)pthread_cond_destroy(&c->asked);
    (void)pthread_cond_destroy(&c->passed);
    (void)pthread_mutex_destroy(&c->lock);
    sqlite_db_close(c->db);
    free(c);
}
