#include "core/price.h"

static const int64_t tokens_max = 100000000000; /* 10^11 */
static const int64_t price_max = 1000000; /* 1,000 dollars a million tokens: sums stay below 2^60 */

static int64_t clamp(int64_t value, int64_t max)
{
    if (value < 0)
        return 0;
    return value > max ? max : value;
}

struct spend price_usage(const struct price *price, const struct usage *usage)
{
    int64_t input = clamp(usage->input_tokens, tokens_max);
    int64_t cached = clamp(usage->cached_tokens, input);
    int64_t output = clamp(usage->output_tokens, tokens_max);

    return (struct spend){
        .tokens = input + output,
        .nanousd = (input - cached) * clamp(price->input, price_max) +
                   cached * clamp(price->cached_input, price_max) +
                   output * clamp(price->output, price_max),
    };
}

struct spend price_reservation(const struct price *price, uint64_t prompt_bytes,
                               int64_t max_output_tokens)
{
    uint64_t bytes_max = (uint64_t)tokens_max;
    struct usage most = {
        .input_tokens = (int64_t)(prompt_bytes < bytes_max ? prompt_bytes : bytes_max),
        .output_tokens = max_output_tokens,
    };

    /* Only by mistake does a cached token cost more than a fresh one; reserve for it even so. */
    if (price->cached_input > price->input)
        most.cached_tokens = most.input_tokens;
    return price_usage(price, &most);
}
