/* init.c - `pawl init`: a pawl.yaml that works at once. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "config/template.h"

static int write_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t wrote = write(fd, text, len);

        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return errno;
        text += wrote;
        len -= (size_t)wrote;
    }
    return 0;
}

static int run(const struct args *args)
{
    const char *path = args_value(args, "config", "pawl.yaml");
    char reason[96];
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

    if (fd < 0 && errno == EEXIST)
        return command_fail(EXIT_FAILED, "%s is there already; it stays as it is", path);
    if (fd < 0)
        return command_fail(EXIT_FAILED, "cannot write %s: %s", path,
                            strerror_r(errno, reason, sizeof(reason)));
    int failed = write_all(fd, config_template, strlen(config_template));

    if (close(fd) != 0 && !failed)
        failed = errno;
    if (failed) {
        (void)unlink(path); /* half a file is worse than none */
        return command_fail(EXIT_FAILED, "cannot write %s: %s", path,
                            strerror_r(failed, reason, sizeof(reason)));
    }
    (void)printf("%s is written. Next:\n"
                 "  pawl serve                               starts the server\n"
                 "  pawl run hello \"What machine is this?\"   in another terminal\n",
                 path);
    return EXIT_GOOD;
}

static const struct option options[] = { OPTION_CONFIG, OPTIONS_END };

const struct command command_init = {
    .name = "init",
    .words = "",
    .summary = "Writes a commented pawl.yaml that works at once",
    .help = "A file that is there already is left alone (exit code 1).\n",
    .options = options,
    .run = run,
};
