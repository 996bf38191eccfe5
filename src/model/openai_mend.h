/*
 * openai_mend.h - escapes that JSON's grammar allows and no text can hold. For model/ only. Pure.
 *
 * A model that writes \u0000 or half of a surrogate pair was paid for all the same, and asked again
 * it may well write the same again.
 */
#ifndef MODEL_OPENAI_MEND_H
#define MODEL_OPENAI_MEND_H

#include "base/buf.h"

/*
 * Puts \ufffd in place of each \u0000 and each surrogate without its other half, inside of strings
 * only; all else, and the length, stay. Any bytes may be given. Returns how many it replaced.
 */
size_t openai_mend(char *json, size_t len);

#endif
