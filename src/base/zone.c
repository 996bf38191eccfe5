#include "base/zone.h"

#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/nearest.h"

enum { PATH_TEXT_MAX = 128, LINE_MAX_BYTES = 256, NAMES_MAX = 1000 };

static const char folder[] = "/usr/share/zoneinfo";

struct zone {
    GTimeZone *rules; /* NULL: UTC */
};

static int is_name(struct slice name)
{
    static const char known[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-/";

    if (name.len == 0 || name.len >= ZONE_NAME_MAX || name.ptr[0] == '/')
        return 0;
    for (size_t i = 0; i < name.len; i++)
        if (!memchr(known, name.ptr[i], sizeof(known) - 1))
            return 0;
    return 1;
}

/* GLib would take other files, and rules such as EST5, too. */
static int has_file(struct slice name)
{
    static const char mark[4] = { 'T', 'Z', 'i', 'f' };
    char path[PATH_TEXT_MAX];
    char found[sizeof(mark)] = { 0 };

    (void)snprintf(path, sizeof(path), "%s/%.*s", folder, (int)name.len, name.ptr);
    FILE *file = fopen(path, "re");
    size_t n = file ? fread(found, 1, sizeof(found), file) : 0; /* of a folder: nothing */

    if (file)
        (void)fclose(file);
    return n == sizeof(mark) && memcmp(found, mark, sizeof(mark)) == 0;
}

struct zone *zone_new(struct slice name)
{
    char text[ZONE_NAME_MAX];
    GTimeZone *rules = NULL;

    if (!slice_is(name, "UTC")) {
        if (!is_name(name) || !has_file(name))
            return NULL;
        (void)snprintf(text, sizeof(text), "%.*s", (int)name.len, name.ptr);
        rules = g_time_zone_new_identifier(text);
        if (!rules)
            return NULL;
    }
    struct zone *zone = xcalloc(1, sizeof(*zone));

    zone->rules = rules;
    return zone;
}

void zone_free(struct zone *zone)
{
    if (zone && zone->rules)
        g_time_zone_unref(zone->rules);
    free(zone);
}

int64_t zone_offset_s(const struct zone *zone, int64_t at_s)
{
    if (!zone->rules)
        return 0;
    int interval = g_time_zone_find_interval(zone->rules, G_TIME_TYPE_UNIVERSAL, at_s);

    return g_time_zone_get_offset(zone->rules, interval);
}

/* ---- names ---- */

/* Of a line of the database's text: "Z NAME ..." is a zone, "L ZONE NAME" another name of one. */
static struct slice name_in(char *line)
{
    char *rest = NULL;
    char *kind = strtok_r(line, " \n", &rest);
    char *name = kind && (strcmp(kind, "Z") == 0 || strcmp(kind, "L") == 0)
                     ? strtok_r(NULL, " \n", &rest)
                     : NULL;

    if (name && kind[0] == 'L')
        name = strtok_r(NULL, " \n", &rest);
    return name ? slice_of(name) : (struct slice){ 0 };
}

const char *zone_nearest(char text[ZONE_NAME_MAX], struct slice name)
{
    char **names = xcalloc(NAMES_MAX, sizeof(*names));
    char path[PATH_TEXT_MAX];
    char line[LINE_MAX_BYTES];
    size_t n = 0;

    text[0] = '\0';
    (void)snprintf(path, sizeof(path), "%s/tzdata.zi", folder);
    FILE *file = fopen(path, "re"); /* not every system has it: then there is no hint */

    while (file && n < NAMES_MAX && fgets(line, sizeof(line), file)) {
        struct slice found = name_in(line);

        if (found.ptr)
            names[n++] = slice_dup(found);
    }
    if (file)
        (void)fclose(file);
    const char *nearest = nearest_word(name, (const char *const *)names, n);

    if (nearest)
        (void)snprintf(text, ZONE_NAME_MAX, "%s", nearest);
    for (size_t i = 0; i < n; i++)
        free(names[i]);
    free((void *)names);
    return text;
}
