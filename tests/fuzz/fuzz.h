/*
 * fuzz.h - what every fuzz target is: one function over bytes from anywhere.
 *
 * Built in two ways: with libFuzzer (meson setup -Dfuzz=true, clang) it looks for new inputs; else
 * with replay.c, as a test, it takes those of tests/fuzz/corpus/<name>/ again.
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* libFuzzer's name and form. Returns 0; what is wrong ends the process. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
