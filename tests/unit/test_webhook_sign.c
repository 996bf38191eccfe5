/* Signatures and the schedule of Standard Webhooks. */
#include "unit/unit.h"

#include "base/base64.h"
#include "webhook/schedule.h"
#include "webhook/sign.h"

static struct slice key_of(struct buf *buf, const char *text)
{
    struct err err = { 0 };

    assert_int_equal(base64_add(buf, slice_of(text), &err), ERR_NONE);
    return buf_slice(buf);
}

/* Those of the specification and of its reference libraries. */
static void signatures_are_those_of_the_specification(void **state)
{
    static const struct {
        const char *key, *id;
        int64_t timestamp_s;
        const char *body, *signature;
    } vectors[] = {
        { "plJ3nmyCDGBKInavdOK15jsl", "msg_loFOjxBNrRLzqYUf", 1731705121,
          "{\"event_type\":\"ping\",\"data\":{\"success\":true}}",
          "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=" },
        { "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330,
          "{\"test\": 2432232314}", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        CLEANUP(buf_release) struct buf key = { .max = 100 };
        CLEANUP(buf_release) struct buf signature = { .max = WEBHOOK_SIGNATURE_MAX };
        const struct slice keys[] = { key_of(&key, vectors[i].key) };
        const struct webhook_message message = { slice_of(vectors[i].id), vectors[i].timestamp_s,
                                                 slice_of(vectors[i].body) };

        webhook_sign(&signature, &message, keys, 1);
        assert_string_equal(buf_cstr(&signature), vectors[i].signature);
    }
}

static void each_key_signs(void **state)
{
    CLEANUP(buf_release) struct buf old = { .max = 100 };
    CLEANUP(buf_release) struct buf new = { .max = 100 };
    CLEANUP(buf_release) struct buf signature = { .max = WEBHOOK_SIGNATURE_MAX };
    struct slice keys[WEBHOOK_KEYS_MAX] = { key_of(&old, "plJ3nmyCDGBKInavdOK15jsl"),
                                            key_of(&new, "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw") };
    const struct webhook_message message = { SLICE_LIT("msg_p5jXN8AQM9LWM0D4loKWxJek"), 1614265330,
                                             SLICE_LIT("{\"test\": 2432232314}") };

    (void)state;
    keys[2] = keys[1];
    webhook_sign(&signature, &message, keys, WEBHOOK_KEYS_MAX);
    const char *space = strchr(buf_cstr(&signature), ' ');

    assert_non_null(space);
    assert_string_equal(space, " v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
                               " v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    assert_memory_equal(buf_cstr(&signature), "v1,", 3);
}

static void the_schedule_is_that_of_the_specification(void **state)
{
    static const int64_t seconds[WEBHOOK_ATTEMPTS_MAX] = { 0,     5,     300,   1800,  7200,
                                                           18000, 36000, 50400, 72000, 86400 };
    struct random random;

    (void)state;
    random_seed(&random, 1);
    for (uint32_t failed = 0; failed < WEBHOOK_ATTEMPTS_MAX; failed++) {
        int64_t least = seconds[failed] * 1000;
        int is_jittered = 0;

        for (int i = 0; i < 100; i++) {
            int64_t delay_ms = webhook_delay_ms(failed, &random);

            assert_in_range(delay_ms, least, least + least / 10);
            is_jittered |= delay_ms > least;
        }
        assert_int_equal(is_jittered, failed > 0);
    }
    assert_int_equal(webhook_delay_ms(WEBHOOK_ATTEMPTS_MAX, &random), -1);
    assert_int_equal(webhook_delay_ms(UINT32_MAX, &random), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_are_those_of_the_specification),
        cmocka_unit_test(each_key_signs),
        cmocka_unit_test(the_schedule_is_that_of_the_specification),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
