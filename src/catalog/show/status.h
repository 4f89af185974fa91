/* status: how far a catalogue is, from its journals alone: of a run that is going on, here or elsewhere, or is over. */
#ifndef JACQUARD_CATALOG_SHOW_STATUS_H
#define JACQUARD_CATALOG_SHOW_STATUS_H

#include "base/status.h"

#include <stdbool.h>

/* Prints to stdout: done, running (which films, for how long, on which rank), failed (with the first 20 reasons), left,
 * ETA or how the last run ended, and how to go on. json: one JSON object with the same in one line:
 * {"films":N,"done":N,
 * "failed":N,"quarantined":N,"running":[{"name","path","kind","rank","tasks","since","seconds"}],"left":N,"eta_seconds":x
 * or null,"is_running":bool,"exit_code":n or null,"failures":[{"name","path","status","fault","error"}]}. left: films
 * that are neither done nor failed nor quarantined, those that run among them. exit_code: of the last run, null while
 * one goes on or where it did not say. since: seconds since the epoch. Names that are no UTF-8 are followed by name_hex
 * and path_hex. ST_USAGE where out is no catalogue. Local. */
enum status status_print(const char *out, bool json);

#endif
