/*
 * price.h - what a model call costs, in whole nano-dollars.
 *
 * A price of p dollars a million tokens is p * 1000 nanousd a token.
 */
#ifndef CORE_PRICE_H
#define CORE_PRICE_H

#include "core/event.h"

struct price { /* nanousd a token */
    int64_t input;
    int64_t cached_input; /* of input tokens that the provider had cached */
    int64_t output;
};

struct usage {
    int64_t input_tokens; /* cached ones included */
    int64_t cached_tokens;
    int64_t output_tokens;
};

/* Tokens and cost of what was used. Absurd counts (negative, beyond 10^11) count as their bound. */
struct spend price_usage(const struct price *price, const struct usage *usage);

/*
 * What a call may cost at most: each byte of the prompt a token (no tokenizer makes more of
 * UTF-8 text than that), and all of max_output_tokens.
 */
struct spend price_reservation(const struct price *price, uint64_t prompt_bytes,
                               int64_t max_output_tokens);

#endif
