#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char message[STATUS_MESSAGE_BYTES];

/* File names and metadata come from outside: they must not steer the terminal. */
static void make_printable(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

enum status status_fail(const char *file, int line, enum status st, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    make_printable(message);
    if (st == ST_BUG) {
        const size_t used = strlen(message);
        snprintf(message + used, sizeof message - used, " (%s:%d; please report this)", file, line);
    }
    return st;
}

const char *status_message(void)
{
    return message;
}

void status_adopt(const char *text)
{
    snprintf(message, sizeof message, "%s", text);
    make_printable(message);
}

int status_exit_code(enum status st)
{
    switch (st) {
    case ST_OK:
        return 0;
    case ST_IO:
    case ST_USAGE:
    case ST_UNSUPPORTED:
    case ST_DEVICE:
    case ST_NOMEM:
        return 2;
    case ST_FORMAT:
        return 3;
    case ST_NO_MATCH:
        return 4;
    case ST_MISMATCH:
        return 5;
    case ST_INTERRUPTED:
        return 75;
    case ST_END:
    case ST_COMM:
    case ST_BUG:
        break;
    }
    return 1;
}
