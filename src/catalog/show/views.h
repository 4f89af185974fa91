/* views: what people look at, drawn from the journals: report and gallery. */
#ifndef JACQUARD_CATALOG_SHOW_VIEWS_H
#define JACQUARD_CATALOG_SHOW_VIEWS_H

#include "base/status.h"
#include "catalog/listing/passed.h"

/* OUT/report.json, OUT/report.csv and OUT/index.html. *n_settled: films that are shown as done or failed. Local. */
enum status views_write(const char *out, const struct passed *passed, int64_t *n_settled);

/* The same at the end of a run. Other runs may be at work on the same folder, and whoever writes last must not show
 * less than was there: if more has come while it was drawn, it is drawn again. */
enum status views_write_last(const char *out, const struct passed *passed);

/* The same of a catalogue that no run is at work on, from its folder alone; what was passed over as the report there
 * says. ST_USAGE where OUT is no catalogue. */
enum status views_rebuild(const char *out);

#endif
