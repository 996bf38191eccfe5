#include "config/reference.h"

#include "config/keys.h"

static void put_words(struct buf *buf, const struct key *key)
{
    for (size_t i = 0; i < KEY_CHOICES_MAX && key->choices[i]; i++)
        buf_putf(buf, "%s`%s`", i > 0 ? " or " : "", key->choices[i]);
    for (size_t i = 0; i < KEY_CHOICES_MAX && key->later_choices[i]; i++)
        buf_putf(buf, "%s`%s`", i > 0 ? ", " : "; later ", key->later_choices[i]);
}

/* Shorter than value_type_name(), which is made for sentences. */
static const char *noun(enum value_type type)
{
    switch (type) {
    case VALUE_TEXT:
    case VALUE_SECRET: return "text";
    case VALUE_NAME: return "name";
    case VALUE_DURATION: return "duration";
    case VALUE_SIZE: return "size";
    case VALUE_COUNT: return "whole number";
    case VALUE_USD: return "US dollars";
    case VALUE_PRICE: return "US dollars, three decimals";
    case VALUE_TEXTS: return "list of texts";
    case VALUE_COMMAND: return "list of texts, or one word";
    case VALUE_MAP: return "mapping, see below";
    case VALUE_SECRETS: return "text, or list of texts";
    case VALUE_MAPS: return "list of mappings, see below";
    case VALUE_NAMED_MAPS: return "for each name a mapping, see below";
    case VALUE_TEXT_MAP: return "mapping of texts";
    case VALUE_SCHEMA: return "JSON Schema";
    case VALUE_SCRIPT: return "list of replies";
    case VALUE_APPROVAL: return "word, mapping or list of mappings, see below";
    case VALUE_WHEN: return "word, or list of mappings, see below";
    case VALUE_ANY_NUMBER: return "number";
    case VALUE_SINGLE: return "text, number, true, false or null";
    case VALUE_SINGLES: return "list of such values";
    case VALUE_CHOICE:
    case VALUE_TYPE_COUNT: break;
    }
    assert_failed("a type of value has a noun", __FILE__, __LINE__);
}

static void put_value(struct buf *buf, const struct key *key)
{
    int is_counted = key->type == VALUE_TEXTS || key->type == VALUE_COMMAND ||
                     key->type == VALUE_APPROVAL || key->type == VALUE_WHEN ||
                     key->type == VALUE_SINGLES || key->type == VALUE_SECRETS ||
                     key->type == VALUE_MAPS || key->type == VALUE_TEXT_MAP;

    if (key->type == VALUE_CHOICE) {
        put_words(buf, key);
        return;
    }
    buf_puts(buf, noun(key->type));
    if (value_is_number(key->type) && key->min)
        buf_putf(buf, ", %s to %s", key->min, key->max);
    else if (key->max && (value_is_number(key->type) || is_counted))
        buf_putf(buf, ", at most %s", key->max);
}

static void put_fallback(struct buf *buf, const struct key *key)
{
    if (key->is_required)
        buf_puts(buf, "required");
    else if (key->fallback)
        buf_putf(buf, "`%s`", key->fallback);
    else
        buf_puts(buf, key->fallback_text);
}

static void put_key(struct buf *buf, const struct key *key)
{
    buf_putf(buf, "| `%s` | ", key->name);
    put_value(buf, key);
    buf_puts(buf, " | ");
    put_fallback(buf, key);
    buf_putf(buf, " | %s |\n", key->about);
}

static void put_later(struct buf *buf, enum section section)
{
    const struct key *key;
    size_t n = 0;

    for (size_t i = 0; (key = keys_at(i)); i++)
        if (key->section == section && key->is_later)
            buf_putf(buf, "%s`%s`",
                     n++ > 0 ? ", "
                             : "\nIn a later version, and refused by name "
                               "until then: ",
                     key->name);
    if (n > 0)
        buf_puts(buf, ".\n");
}

static void put_section(struct buf *buf, enum section section)
{
    const struct key *key;

    buf_putf(buf, "### %s\n\n", section == SECTION_TOP ? "The top level" : section_title(section));
    buf_puts(buf, "| key | value | if it is absent | meaning |\n|---|---|---|---|\n");
    for (size_t i = 0; (key = keys_at(i)); i++)
        if (key->section == section && !key->is_later)
            put_key(buf, key);
    put_later(buf, section);
    buf_puts(buf, "\n");
}

void config_reference(struct buf *buf)
{
    for (unsigned section = 0; section < SECTION_COUNT; section++)
        put_section(buf, (enum section)section);
}
