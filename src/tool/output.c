#include "tool/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_MAX_BYTES = 4096 };

struct tool_output {
    const char *dir;
    size_t max;
    uint64_t total;
    struct buf memory;
    int fd; /* -1: it is in memory */
    size_t file_bytes;
    void *map;
    int is_full;            /* nothing more is kept */
    struct sha256_sum *sum; /* of what is in the file */
};

struct tool_output *tool_output_new(const char *dir, size_t max)
{
    struct tool_output *output = xcalloc(1, sizeof(*output));

    *output = (struct tool_output){ .dir = dir, .max = max, .memory.max = max + 1, .fd = -1 };
    return output;
}

/* Not every file system can make one that never had a name. */
static int open_nameless(const char *dir)
{
    char name[NAME_MAX_BYTES];
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, S_IRUSR | S_IWUSR);

    if (fd >= 0)
        return fd;
    int n = snprintf(name, sizeof(name), "%s/.pawl-output-", dir);

    if (n < 0 || (size_t)n + 7 > sizeof(name))
        return -1;
    memset(name + n, 'X', 6); /* the six that mkostemp() fills in */
    name[n + 6] = '\0';
    fd = mkostemp(name, O_CLOEXEC);
    if (fd >= 0)
        (void)unlink(name);
    return fd;
}

static void put_in_file(struct tool_output *output, struct slice bytes)
{
    while (bytes.len > 0) {
        ssize_t n = write(output->fd, bytes.ptr, bytes.len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) { /* no room on the disk */
            output->is_full = 1;
            return;
        }
        sha256_sum_add(output->sum, (struct slice){ bytes.ptr, (size_t)n });
        output->file_bytes += (size_t)n;
        bytes = (struct slice){ bytes.ptr + n, bytes.len - (size_t)n };
    }
}

/* It grows out of memory; if there is no file to go to, it stays there and grows no more. */
static void move_to_file(struct tool_output *output)
{
    output->fd = open_nameless(output->dir);
    if (output->fd < 0) {
        output->is_full = 1;
        return;
    }
    output->sum = sha256_sum_new();
    put_in_file(output, buf_slice(&output->memory));
    if (output->file_bytes == output->memory.len) {
        buf_release(&output->memory);
        return;
    }
    (void)close(output->fd); /* what is in memory is more */
    output->fd = -1;
}

void tool_output_add(struct tool_output *output, struct slice bytes)
{
    size_t kept = output->fd >= 0 ? output->file_bytes : output->memory.len;
    size_t room = output->is_full ? 0 : output->max - kept;

    output->total += bytes.len;
    if (bytes.len > room)
        bytes.len = room;
    if (bytes.len == 0)
        return;
    if (output->fd < 0 && output->dir && kept + bytes.len > OUTPUT_MEMORY_BYTES)
        move_to_file(output);
    if (output->fd >= 0)
        put_in_file(output, bytes);
    else if (!output->is_full)
        buf_put(&output->memory, bytes);
}

struct slice tool_output_end(struct tool_output *output)
{
    if (output->fd < 0)
        return buf_slice(&output->memory);
    if (!output->map) {
        void *map = mmap(NULL, output->file_bytes, PROT_READ, MAP_SHARED, output->fd, 0);

        if (map == MAP_FAILED) { /* no address space: none of it is kept */
            (void)close(output->fd);
            output->fd = -1;
            return buf_slice(&output->memory);
        }
        output->map = map;
    }
    return (struct slice){ output->map, output->file_bytes };
}

uint64_t tool_output_total(const struct tool_output *output)
{
    return output->total;
}

struct sha256 tool_output_hash(const struct tool_output *output)
{
    return output->fd >= 0 ? sha256_sum_get(output->sum) : sha256_of(buf_slice(&output->memory));
}

void tool_output_free(struct tool_output *output)
{
    if (!output)
        return;
    if (output->map)
        (void)munmap(output->map, output->file_bytes);
    if (output->fd >= 0)
        (void)close(output->fd);
    sha256_sum_free(output->sum);
    buf_release(&output->memory);
    free(output);
}
