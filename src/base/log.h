/* log: messages on stderr, one line at a time, from the rank that was made the speaker. */
#ifndef JACQUARD_BASE_LOG_H
#define JACQUARD_BASE_LOG_H

#include <stdbool.h>

/* Only the speaker prints notes; every rank starts as one. */
void log_set_speaker(bool speaks);

/* From now on notes are handed to keep, printable and without their prefix, instead of being printed. */
void log_set_keeper(void (*keep)(const char *line));

/* "jacquard: ..." on a line of its own. */
void log_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
