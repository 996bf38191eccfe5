#include "config/reference.h"

#include "config/keys.h"

static void put_words(struct buf *buf, const struct key *key)
{
    for (size_t i = 0; i < KEY_CHOICES_MAX && key->choices[i]; i++)
        buf_putf(buf, "%s`%s`", i > 0 ? " or " : "", key->choices[i]);
    for (size_t i = 0; i < KEY_CHOICES_MAX && key->later_choices[i]; i++)
        buf_putf(buf, "%s`%s`", i > 0 ? ", " : "; later ", key->later_choices[i]);
}

static void put_bounds(struct buf *buf, const struct key *key)
{
    int is_number = value_is_number(key->type);

    if (key->min && is_number)
        buf_putf(buf, ", %s to %s", key->min, key->max);
    else if (key->max)
        buf_putf(buf, ", at most %s", key->max);
}

static void put_value(struct buf *buf, const struct key *key)
{
    if (key->type == VALUE_CHOICE) {
        put_words(buf, key);
        return;
    }
    buf_puts(buf, value_type_name(key->type));
    put_bounds(buf, key);
}

static void put_fallback(struct buf *buf, const struct key *key)
{
    if (key->is_required)
        buf_puts(buf, "required");
    else if (key->fallback)
        buf_putf(buf, "`%s`", key->fallback);
    else if (key->fallback_text)
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
