#include "net/http_room.h"

#include <sys/socket.h>

static void cut_off_slow(const struct http_room *room)
{
    int64_t before_ms = loop_mono_ms(room->loop) - room->patience_ms;

    for (struct link *at = list_first(&room->tenants); at; at = at->next) {
        const struct http_tenant *tenant = CONTAINER_OF(at, struct http_tenant, link);

        if (tenant->since_ms < before_ms)
            (void)shutdown(tenant->fd, SHUT_RDWR);
    }
}

int http_room_has(struct http_room *room, size_t bytes)
{
    if (room->bytes <= room->bytes_max && bytes <= room->bytes_max - room->bytes)
        return 1;
    cut_off_slow(room);
    return 0;
}

void http_room_set(struct http_room *room, struct http_tenant *tenant, size_t bytes)
{
    if (tenant->bytes == 0 && bytes > 0) {
        tenant->since_ms = loop_mono_ms(room->loop);
        list_add(&room->tenants, &tenant->link);
    } else if (tenant->bytes > 0 && bytes == 0) {
        list_remove(&room->tenants, &tenant->link);
    }
    room->bytes += bytes - tenant->bytes;
    tenant->bytes = bytes;
}
