#include "webhook/schedule.h"

#define SECONDS(n) ((int64_t)(n)*1000)
#define MINUTES(n) SECONDS((n)*60)
#define HOURS(n)   MINUTES((n)*60)

int64_t webhook_delay_ms(uint32_t failed, struct random *random)
{
    static const int64_t delays[WEBHOOK_ATTEMPTS_MAX] = {
        0,        SECONDS(5), MINUTES(5), MINUTES(30), HOURS(2),
        HOURS(5), HOURS(10),  HOURS(14),  HOURS(20),   HOURS(24),
    };

    if (failed >= WEBHOOK_ATTEMPTS_MAX)
        return -1;
    return delays[failed] + (int64_t)random_below(random, (uint64_t)delays[failed] / 10 + 1);
}
