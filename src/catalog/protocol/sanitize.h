/* sanitize: what another process says, in range, whatever it says. A film may have taken its decoder's process over. */
#ifndef JACQUARD_CATALOG_PROTOCOL_SANITIZE_H
#define JACQUARD_CATALOG_PROTOCOL_SANITIZE_H

#include "catalog/protocol/wire.h"

/* o: the bytes that came. is_ending: worker processes were told to end. Afterwards o is of the request's task, its
 * texts end, its numbers are finite and not below 0 (the summary's hue: not below -1), and no suffix leads to another
 * folder. */
void sanitize_outcome(struct outcome *o, const struct task_request *request, bool is_ending);

/* Whether the outcome's result is as sanitize_outcome leaves it. */
bool sanitize_is_sound(const struct outcome *o);

/* data: a struct wire_ready as it came. False where a member of it is none. */
bool sanitize_ready(struct wire_ready *ready, const void *data);

#endif
