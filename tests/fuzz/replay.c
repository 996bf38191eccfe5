/* replay.c - the inputs of a folder, given to a fuzz target one after the other. */
#include "fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

enum { INPUT_BYTES_MAX = 16 * 1024 * 1024, PATH_BYTES_MAX = 4096 };

static int replay_file(const char *path)
{
    CLEANUP(buf_release) struct buf input = { .max = INPUT_BYTES_MAX };
    char chunk[4096];
    size_t got;
    FILE *file = fopen(path, "re");

    if (!file) {
        perror(path);
        return 0;
    }
    while ((got = fread(chunk, 1, sizeof(chunk), file)) > 0)
        buf_put(&input, (struct slice){ chunk, got });
    int is_read = !ferror(file);

    (void)fclose(file);
    /* An exact copy, so that a sanitizer sees a read of one byte too many. */
    uint8_t *exact = xcalloc(input.len + 1, 1);
    uint8_t *data = xrealloc(exact, input.len > 0 ? input.len : 1);

    memcpy(data, buf_cstr(&input), input.len);
    (void)LLVMFuzzerTestOneInput(data, input.len);
    free(data);
    return is_read;
}

int main(int argc, char **argv)
{
    struct dirent **names = NULL;
    int replayed = 0;
    int n = argc == 2 ? scandir(argv[1], &names, NULL, alphasort) : -1;

    for (int i = 0; i < n; i++) {
        char path[PATH_BYTES_MAX];

        (void)snprintf(path, sizeof(path), "%s/%s", argv[1], names[i]->d_name);
        if (names[i]->d_name[0] != '.')
            replayed += replay_file(path);
        free(names[i]);
    }
    free((void *)names);
    (void)printf("%d inputs\n", replayed);
    return replayed > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
