/*
 * keys.h - every key of pawl.yaml, in one table: what the checker knows and what the reference in
 * docs/configuration.md says are the same rows.
 */
#ifndef CONFIG_KEYS_H
#define CONFIG_KEYS_H

#include "base/buf.h"

/* The kinds of mappings that there are. */
enum section {
    SECTION_TOP,
    SECTION_ACCOUNT,
    SECTION_MODEL,
    SECTION_PRICE,
    SECTION_RETRY,
    SECTION_TOOL,
    SECTION_EXEC,
    SECTION_RECONCILE,
    SECTION_APPROVAL,
    SECTION_CONDITION,
    SECTION_AGENT,
    SECTION_AGENT_LIMITS,
    SECTION_WINDOW,
    SECTION_LIMITS,
    SECTION_RETENTION,
    SECTION_WEBHOOK,
    SECTION_SCHEDULE,
    SECTION_TRIGGER,
    SECTION_TRIGGER_MESSAGE,
    SECTION_COUNT
};

enum value_type {
    VALUE_TEXT,
    VALUE_SECRET,   /* a text that no message shows */
    VALUE_NAME,     /* a text that names an entry of another section */
    VALUE_CHOICE,   /* one of key.choices */
    VALUE_DURATION, /* a number from here on: milliseconds */
    VALUE_SIZE,     /* bytes */
    VALUE_COUNT,
    VALUE_USD,        /* nano-dollars */
    VALUE_PRICE,      /* dollars a million tokens: nano-dollars a token */
    VALUE_TEXTS,      /* a list of texts */
    VALUE_COMMAND,    /* a list of texts, or one word */
    VALUE_MAP,        /* a section of its own: key.inner */
    VALUE_SECRETS,    /* a text that no message shows, or a list of them */
    VALUE_MAPS,       /* a list of sections: key.inner */
    VALUE_NAMED_MAPS, /* names, and for each a section: key.inner */
    VALUE_TEXT_MAP,   /* names, and for each a text */
    VALUE_SCHEMA,     /* free YAML, expanded */
    VALUE_APPROVAL,   /* never, always, or one or a list of SECTION_APPROVAL */
    VALUE_WHEN,       /* always, or a list of SECTION_CONDITION */
    VALUE_ANY_NUMBER, /* as JSON has them */
    VALUE_SINGLE,     /* text, a number, true, false or null, as JSON has them */
    VALUE_SINGLES,    /* a list of those */
    VALUE_SCRIPT,     /* free YAML, left as it is */
    VALUE_TYPE_COUNT
};

enum { KEY_CHOICES_MAX = 6 };

struct key {
    enum section section; /* the mapping in which it stands */
    const char *name;
    enum value_type type;
    enum section inner;
    int is_required;
    int is_later;              /* a later version brings it; only `about` counts */
    const char *fallback;      /* what counts if it is absent, as one would write it; or NULL */
    const char *fallback_text; /* for the reference: the same, if it is no constant */
    const char *min;           /* the same for the least and the most: of a number its value, */
    const char *max;           /* of a text its size, of lists and named maps their entries */
    const char *choices[KEY_CHOICES_MAX];
    const char *later_choices[KEY_CHOICES_MAX];
    const char *about; /* one line for the reference */
};

const struct key *keys_at(size_t i); /* in the order of the reference; NULL at the end */
const struct key *keys_find(enum section section, struct slice name); /* NULL: unknown */

/* How a section is called in the reference: "tools.NAME.exec"; "" for the top. */
const char *section_title(enum section section);

/* What a value of this type is: "a duration such as 30s". */
const char *value_type_name(enum value_type type);

int value_is_number(enum value_type type);

/* Reads a number of this type. The message says what to write instead. */
enum err_code value_parse(int64_t *ret_value, enum value_type type, struct slice text,
                          struct err *err) MUST_CHECK;

/* key->min and key->max as numbers; 0 and INT64_MAX where there are none. */
struct bounds {
    int64_t min;
    int64_t max;
};
struct bounds key_bounds(const struct key *key);

#endif
