#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

static bool is_speaker = true;
static void (*keeper)(const char *line);

void log_set_keeper(void (*keep)(const char *line))
{
    keeper = keep;
}

void log_set_speaker(bool speaks)
{
    is_speaker = speaks;
}

/* One write a line, so that lines of several ranks on one terminal do not mix. */
static void say(const char *prefix, const char *format, va_list args)
{
    char line[2048];
    int used = snprintf(line, sizeof line, "jacquard: %s", prefix);
    const int head = used;

    used += vsnprintf(line + used, sizeof line - (size_t)used - 1, format, args);
    if (used > (int)sizeof line - 2)
        used = (int)sizeof line - 2;
    for (int i = 0; i < used; i++) /* file names must not steer the terminal */
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    if (keeper) {
        line[used] = '\0';
        keeper(line + head);
        return;
    }
    line[used++] = '\n';
    fwrite(line, 1, (size_t)used, stderr);
}

void log_note(const char *format, ...)
{
    va_list args;

    if (!is_speaker)
        return;
    va_start(args, format);
    say("", format, args);
    va_end(args);
}

void log_error(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say("error: ", format, args);
    va_end(args);
}
