/* features: the sets of Haar-like features, as pure lists: how many a type has, feature number i of a type, all of
 * them. A type's features are the products of what its two axes allow, so a number becomes a feature by arithmetic and
 * a small table; nothing is stored per feature. Every function is pure.
 *
 *   seed        the student project's rectangles (github.com/karmeleon/ImageRecognitionCUDA): sides of at least 5,
 *               halves and 1:2:1 quarters of any side by integer division: 450,000 at 28 x 28
 *   full        the same with sides of at least 4: 528,125
 *   multiboost  equal parts only, as in MultiBoost (Benbouzid and others, JMLR 13, 2012) and most others: every
 *               rectangle whose split sides are multiples of 2, of 3 for lines: 299,880, and 162,336 at 24 x 24 */
#ifndef JACQUARD_HAAR_FEATURES_H
#define JACQUARD_HAAR_FEATURES_H

#include "compute/haar/feature.h"

enum haar_set { HAAR_SEED, HAAR_MULTIBOOST, HAAR_FULL, HAAR_N_SETS };

extern const char *const haar_set_names[HAAR_N_SETS]; /* seed, multiboost, full */

/* What one axis of a type allows: at each position so many lengths: first_length, first_length + step, ... */
struct haar_axis {
    int step, first_length;
    int n[HAAR_MAX_SIDE];               /* lengths at a position */
    uint32_t before[HAAR_MAX_SIDE + 1]; /* lengths at all lower positions; the last: at all */
};

struct haar_feature_list {
    enum haar_set set;
    int width, height, n_channels;
    int n_types;              /* 5, or 6 with BOX */
    uint32_t n[HAAR_N_TYPES]; /* of a type, in one channel; 0 where the image is too small, and for BOX without it */
    uint32_t n_all;           /* of all types and channels */
    struct haar_axis x[HAAR_N_TYPES], y[HAAR_N_TYPES];
};

/* width and height: 1..HAAR_MAX_SIDE, n_channels: 1..HAAR_MAX_CHANNELS. with_box adds every rectangle's plain sum. */
void haar_feature_list_init(struct haar_feature_list *list, enum haar_set set, int width, int height, bool with_box,
                            int n_channels);

/* Feature number i, below n[type], of a type in a channel; numbers ascend by x, then y, w, h. */
struct haar_feature haar_feature_at(const struct haar_feature_list *list, enum haar_type type, int channel, uint32_t i);

/* All n_all features by type, channel, x, y, w, h. */
void haar_feature_list_all(const struct haar_feature_list *list, struct haar_feature *feature);

#endif
