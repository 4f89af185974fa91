/* tame: what another process says, in range, whatever it says. A film may have taken its decoder's process over. */
#ifndef JACQUARD_CATALOG_WORK_TAME_H
#define JACQUARD_CATALOG_WORK_TAME_H

#include "catalog/work/wire.h"

/* o: the bytes that came. is_ending: lanes were told to end. Afterwards o is of the order's task, its texts end, its
 * numbers are finite and not below 0 (the card's hue: not below -1), and no suffix leads to another folder. */
void tame_outcome(struct outcome *o, const struct work_order *order, bool is_ending);

/* data: a struct wire_ready as it came. False where a member of it is none. */
bool tame_ready(struct wire_ready *ready, const void *data);

#endif
