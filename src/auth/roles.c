#include "auth/roles.h"

#include <stdio.h>

#include "base/utf8.h"

#define BIT(right) (1u << (unsigned)(right))

static const struct {
    const char *role;
    unsigned rights;
} table[] = {
    { "submit", BIT(RIGHT_READ) | BIT(RIGHT_SUBMIT) },
    { "approve", BIT(RIGHT_READ) | BIT(RIGHT_INBOX) | BIT(RIGHT_APPROVE) },
    /* A call in doubt is settled by who operates, and is found in the inbox. */
    { "operate", BIT(RIGHT_READ) | BIT(RIGHT_INBOX) | BIT(RIGHT_OPERATE) },
    { "executor", BIT(RIGHT_EXECUTE) },
    { AUTH_ROLE_ADMIN, BIT(RIGHT_READ) | BIT(RIGHT_SUBMIT) | BIT(RIGHT_INBOX) | BIT(RIGHT_APPROVE) |
                           BIT(RIGHT_OPERATE) | BIT(RIGHT_ADMIN) | BIT(RIGHT_EXECUTE) },
};

int auth_next_role(struct slice roles, size_t *at, struct slice *ret_role)
{
    if (*at >= roles.len)
        return 0;
    const char *begin = roles.ptr + *at;
    const char *comma = memchr(begin, ',', roles.len - *at);
    size_t len = comma ? (size_t)(comma - begin) : roles.len - *at;

    *ret_role = (struct slice){ begin, len };
    *at += len + 1;
    return 1;
}

unsigned auth_rights(struct slice roles)
{
    unsigned rights = BIT(RIGHT_OPEN);
    struct slice role;

    for (size_t at = 0; auth_next_role(roles, &at, &role);) {
        for (size_t i = 0; i < ARRAY_LEN(table); i++)
            rights |= slice_is(role, table[i].role) ? table[i].rights : 0;
    }
    return rights;
}

int auth_has_role(struct slice roles, struct slice role)
{
    struct slice own;

    for (size_t at = 0; auth_next_role(roles, &at, &own);) {
        if (slice_equal(own, role))
            return 1;
    }
    return 0;
}

const char *auth_right_text(char text[AUTH_RIGHT_TEXT_MAX], enum auth_right right)
{
    size_t len = 0;

    text[0] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (!(table[i].rights & BIT(right)))
            continue;
        int n = snprintf(text + len, AUTH_RIGHT_TEXT_MAX - len, "%s'%s'", len ? " or " : "",
                         table[i].role);

        ASSERT(n > 0 && (size_t)n < AUTH_RIGHT_TEXT_MAX - len);
        len += (size_t)n;
    }
    return text;
}

/* Text for people, on one line: what it is read as, without anything that is not shown. */
static int is_name(struct slice name)
{
    if (name.len == 0 || name.len > AUTH_NAME_MAX || name.ptr[0] == ' ' ||
        name.ptr[name.len - 1] == ' ' || !utf8_is_valid(name))
        return 0;
    for (size_t i = 0; i < name.len; i++) {
        if ((unsigned char)name.ptr[i] < 0x20 || name.ptr[i] == 0x7f)
            return 0;
    }
    return 1;
}

int auth_is_key_name(struct slice name)
{
    return is_name(name);
}

int auth_is_role(struct slice name)
{
    return is_name(name) && !memchr(name.ptr, ',', name.len);
}

int auth_is_tenant(struct slice name)
{
    if (name.len > AUTH_NAME_MAX)
        return 0;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              c == '_' || c == '-' || c == '.'))
            return 0;
    }
    return 1;
}

int auth_add_role(struct buf *roles, struct slice role)
{
    size_t n = 0;
    struct slice own;

    for (size_t at = 0; auth_next_role(buf_slice(roles), &at, &own); n++) {
        if (slice_equal(own, role))
            return 0;
    }
    if (n == AUTH_ROLES_MAX)
        return 1;
    if (n > 0)
        buf_puts(roles, ",");
    buf_put(roles, role);
    return 0;
}
