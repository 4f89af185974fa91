/* hand: a rank's side of a catalogue: takes orders from the dealer to its lanes and outcomes back. */
#ifndef JACQUARD_CATALOG_DEAL_HAND_H
#define JACQUARD_CATALOG_DEAL_HAND_H

#include "catalog/deal/message.h"

#include <stdatomic.h>

struct hand {
    struct comm *comm;
    struct lanes *lanes;
    const atomic_int *n_signals; /* counted by the signal handler */
    int n_signals_told;
    double told;     /* when progress was told last */
    bool *lost_told; /* [LANES_MAX] */
    bool is_over;
    struct message_end end; /* once it is over */
};

/* Takes over the lanes and greets the dealer. Local. */
enum status hand_open(struct hand *h, struct comm *comm, struct lanes **lanes, const struct wire_ready *ready,
                      const atomic_int *n_signals);
void hand_close(struct hand *h);

/* Tells the dealer what is new, sleeping up to `seconds` for something new of a lane. */
enum status hand_step(struct hand *h, double seconds);

/* A message for a hand. */
enum status hand_hear(struct hand *h, const struct message *m);

#endif
