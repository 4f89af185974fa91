/* weights: how much a pixel counts in the search of k-means, by its colour alone. Areas are what they are: weights move
 * where centres lie, not what a cluster covers. A point is a colour of the clustering space, three bytes; a cell is the
 * cube of 16 levels a side in which it lies, numbered by the upper 12 bits of its Morton code (kmeans_rules.h). All of
 * it is integers and tables, which are the same on every machine. Pure. */
#ifndef JACQUARD_COMPUTE_WEIGHTS_H
#define JACQUARD_COMPUTE_WEIGHTS_H

#include "base/host_device.h"
#include "image/space.h"

#include <stdbool.h>
#include <stdint.h>

/* All count alike; the more, the more chroma they have; the more, the fewer of the film's frames have their cell. */
enum weight_name { WEIGHT_AREA, WEIGHT_ACCENT, WEIGHT_RARE, N_WEIGHTS };
extern const char *const weight_names[N_WEIGHTS];

struct weight_rules { /* all 0: every pixel counts 1 */
    enum weight_name weight;
    int near_black; /* colours below it are clustered apart; in 1/100 of CIE lightness L*, 1..9999; 0: none are */
};

enum { WEIGHTS_CELLS = 4096, WEIGHTS_MOST = 31 };

struct weights {
    uint8_t of_cell[WEIGHTS_CELLS]; /* 1..WEIGHTS_MOST */
    uint32_t part[3][256];          /* dark is a colour whose three parts */
    uint32_t dark_below;            /* add up to less than this */
};

static inline bool weights_are_needed(const struct weight_rules *rules)
{
    return rules->weight != WEIGHT_AREA || rules->near_black > 0;
}

/* rarity: of WEIGHT_RARE, what becomes of_cell; else not looked at. */
void weights_init(struct weights *weights, const struct weight_rules *rules, const struct space_rules *space,
                  const uint8_t *rarity);

/* of_cell by inverse document frequency, log((1 + n_frames) / (1 + frames_with)): 1 for what all frames have,
 * WEIGHTS_MOST for what the fewest have, and for what none has. */
void weights_of_counts(const int64_t frames_with[WEIGHTS_CELLS], int64_t n_frames, uint8_t of_cell[WEIGHTS_CELLS]);

/* What a pixel of this cell and colour (kmeans_colour) counts: 0 if it is dark. */
HOST_DEVICE uint32_t weights_of(const struct weights *weights, uint32_t cell, uint32_t colour)
{
    const uint32_t light =
        weights->part[0][colour & 255] + weights->part[1][colour >> 8 & 255] + weights->part[2][colour >> 16 & 255];

    return light < weights->dark_below ? 0 : weights->of_cell[cell];
}

#endif
