#include <fcntl.h>
#include <stdlib.h>

#include "cli/command.h"

/*
 * Somebody may have closed standard input, output or error. What is opened next would take its
 * place and be written to, so a file stands there that takes no bytes: writing fails and is
 * reported.
 */
static void fill_standard_streams(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) >= 0)
            continue;
        int filler = open("/dev/null", O_RDONLY);

        if (filler != fd)
            abort(); /* the lowest free one, so it is this one, or there is no /dev/null */
    }
}

int main(int argc, char **argv)
{
    fill_standard_streams();
    return command_main(argc, argv);
}
