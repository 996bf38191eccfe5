/*
 * usd.h - money as text. Money is an integer of nano-dollars everywhere: a billionth of a
 * US dollar, exact for every price a million tokens.
 */
#ifndef BASE_USD_H
#define BASE_USD_H

#include <stdint.h>

enum { USD_TEXT_MAX = 24 };

/* Decimal dollars, no digit more than needed: 1234000 -> "0.001234". Returns text. */
const char *usd_text(char text[USD_TEXT_MAX], int64_t nanousd);

#endif
