/* grow: one weak learner on the present weights: a Hamming tree or a product of stumps. */
#ifndef JACQUARD_HAAR_GROW_H
#define JACQUARD_HAAR_GROW_H

#include "haar/train/boosting.h"

/* Best first: the leaf whose best cut lowers Z most is split, until there are settings->leaves or nothing is gained. */
enum status grow_tree(struct boosting *b, struct boost_scale scale, struct weak *weak);

/* Terms are added while the edge grows, then searched again one after the other until one search gains nothing. sign:
 * i8 [n_leaves, n_classes]: the product of the terms' signs in each leaf. */
enum status grow_product(struct boosting *b, struct boost_scale scale, struct weak *weak, int8_t *sign);

#endif
