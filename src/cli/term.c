#include "cli/term.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct term term_of(FILE *out, const struct args *args)
{
    struct term term = { .out = out, .is_tty = isatty(fileno(out)), .width = TERM_WIDTH };
    const char *no_color = getenv("NO_COLOR"); /* no-color.org: any text that is not empty */
    const char *kind = getenv("TERM");
    struct winsize size;

    term.has_color = term.is_tty && !args_has(args, "no-color") && !(no_color && no_color[0]) &&
                     !(kind && strcmp(kind, "dumb") == 0);
    if (term.is_tty && ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        term.width = size.ws_col > TERM_WIDTH_LEAST ? size.ws_col : TERM_WIDTH_LEAST;
    return term;
}

void term_put(const struct term *term, const struct buf *text)
{
    (void)fwrite(buf_cstr(text), 1, text->len, term->out); /* failures are found at the end */
    (void)fflush(term->out);
}
