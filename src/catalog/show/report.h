/* report: what became of a catalogue, from its journals: OUT/report.json and OUT/report.csv. */
#ifndef JACQUARD_CATALOG_SHOW_REPORT_H
#define JACQUARD_CATALOG_SHOW_REPORT_H

#include "catalog/listing/passed.h"
#include "catalog/store/history.h"

/* Both files, written and renamed. report.json: {"format":"jacquard-catalog","version":1,"settings":{...} or null,
 * "totals":{"films","done","failed","quarantined","left","columns","film_seconds","seconds","frames"},
 * "passed_over":{"files":N,"suffixes":[{"suffix":".jpg","files":N},...],"others":N},"films":[{...}]}: what the last
 * listing passed over, the most frequent first, "" where a name has no suffix. One film a line, sorted by name; per
 * film: name, path, status, columns, frames, film_seconds, seconds (of work), fps (frames / seconds), decode ("3 cpu,
 * 8 nvdec"), pieces, attempts, width, height, codec, container, fingerprint, frames_missing, frames_damaged, note,
 * notes, hue, lightness, outputs [{file, bytes, sha256}], and for failures "fault" and "error". What a film does not
 * have (yet) is left out, what is not a number is null. Names and paths that are not UTF-8 are shown with U+FFFD and
 * followed by their bytes in hexadecimal digits: name_hex, path_hex, file_hex. report.csv: one row a film with the
 * flat ones of these under a header line (RFC 4180, UTF-8, CRLF not used: lines end in LF as the project's other CSVs
 * do), without the hexadecimal ones. Local. ST_IO; ST_USAGE where a folder has one of their names. */
enum status report_write(const char *out, const struct history *history, const struct passed *passed);

/* What an older report of the folder says was passed over: no journal tells. Zeroed where there is none that can be
 * read: that is no fault. */
void report_read_passed(const char *out, struct passed *passed);

#endif
