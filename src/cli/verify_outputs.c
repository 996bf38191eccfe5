#include "cli/verify_outputs.h"

#include <stdio.h>
#include <stdlib.h>

void verify_outputs_add(struct verify_outputs *outputs, const struct store_event *event)
{
    const struct store_blob *blob = &event->blob;
    struct named_output *named;

    if (blob->hash.len == 0)
        return;
    if (outputs->n == outputs->cap) {
        outputs->cap = outputs->cap ? outputs->cap * 2 : 8;
        outputs->at = xrealloc(outputs->at, outputs->cap * sizeof(*outputs->at));
    }
    named = &outputs->at[outputs->n++];
    *named = (struct named_output){ .seq = event->seq, .call = blob->call };
    (void)snprintf(named->hash, sizeof(named->hash), "%.*s", (int)blob->hash.len, blob->hash.ptr);
}

static void on_stretch(struct store_op *op, void *arg);

static void read_stretch(struct verify_outputs *outputs)
{
    outputs->op = (struct store_op){ .kind = STORE_BLOB,
                                     .blob = { .session = outputs->session,
                                               .call = outputs->at[outputs->n - 1].call,
                                               .offset = outputs->offset,
                                               .length = STORE_BLOB_READ_MAX },
                                     .done = on_stretch,
                                     .arg = outputs };
    store_submit(outputs->store, &outputs->op);
}

static void read_next(struct verify_outputs *outputs)
{
    if (outputs->n == 0) {
        outputs->done(outputs->arg, &(struct err){ 0 });
        return;
    }
    sha256_sum_free(outputs->sum);
    outputs->sum = sha256_sum_new();
    outputs->offset = 0;
    read_stretch(outputs);
}

static void end_one(struct verify_outputs *outputs, const char *fault)
{
    const struct named_output *named = &outputs->at[--outputs->n];

    if (fault)
        outputs->on_fault(outputs->arg, named->seq, fault);
    read_next(outputs);
}

static void check_hash(struct verify_outputs *outputs)
{
    struct sha256 hash = sha256_sum_get(outputs->sum);
    char text[SHA256_TEXT_MAX];

    if (strcmp(sha256_text(text, &hash), outputs->at[outputs->n - 1].hash) == 0)
        end_one(outputs, NULL);
    else
        end_one(outputs, "the output that it names is not the one that its hash names");
}

static void on_stretch(struct store_op *op, void *arg)
{
    struct verify_outputs *outputs = arg;
    struct err err = op->err;

    if (err.code == ERR_CORRUPT || err.code == ERR_NOT_FOUND) {
        end_one(outputs, err.msg);
        return;
    }
    if (err.code) {
        outputs->done(outputs->arg, &err);
        return;
    }
    sha256_sum_add(outputs->sum, op->blob.data);
    outputs->offset += op->blob.data.len;
    if (outputs->offset < op->blob.bytes)
        read_stretch(outputs);
    else
        check_hash(outputs);
}

void verify_outputs_run(struct verify_outputs *outputs, int64_t session)
{
    outputs->session = session;
    read_next(outputs);
}

void verify_outputs_release(struct verify_outputs *outputs)
{
    sha256_sum_free(outputs->sum);
    free(outputs->at);
}
