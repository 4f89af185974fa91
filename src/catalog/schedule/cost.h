/* cost: what a film will take, estimated from its headers: seconds of one processor core. Pure. Good to a factor of two
 * or so: the order of the work and the ETA depend on it, nothing else does. */
#ifndef JACQUARD_CATALOG_SCHEDULE_COST_H
#define JACQUARD_CATALOG_SCHEDULE_COST_H

#include "barcode/settings.h"
#include "film/frame_source.h"

double cost_estimate(const struct film_probe *probe, const struct barcode_settings *settings);

#endif
