/* log: messages on stderr, one line at a time; notes come from one rank only, the speaker. */
#ifndef JACQUARD_BASE_LOG_H
#define JACQUARD_BASE_LOG_H

#include <stdbool.h>

/* Only a speaker prints notes; every rank is one until told otherwise. */
void log_set_speaker(bool speaks);

/* From now on messages are handed to `keep`, printable and without their prefix, instead of being printed. */
void log_set_keeper(void (*keep)(const char *line));

/* "jacquard: ..." on a line of its own. */
void log_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
