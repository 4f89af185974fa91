/* model_format: what the writer and the reader of model files share; private to them. The file is lines of ASCII text,
 * fields one space apart, all numbers whole and decimal, in the one shape that the writer gives them:
 *
 *   jacquard-model 1
 *   sha256 (of all that follows, 64 hexadecimal digits)
 *   width 28                       and so on: the rows of model_rows that have a key
 *   member SEED ROUNDS             followed by so many lines, one a weak learner:
 *   tree LEAVES shift S loss L | TYPE CHANNEL X Y W H A B CUT LEFT RIGHT ; ... | VOTE ...
 *   product TERMS shift S loss L | TYPE CHANNEL X Y W H A B CUT ; ... | VOTE ...
 *   end
 *
 * A tree has LEAVES - 1 nodes; LEFT and RIGHT are a later node's number or, negative, leaf -1 - number. A product's
 * leaf has bit t set where term t goes right (CUT or more). VOTE: all classes of leaf 0, of leaf 1, ... */
#ifndef JACQUARD_HAAR_MODEL_FORMAT_H
#define JACQUARD_HAAR_MODEL_FORMAT_H

#include "haar/model/model.h"

#define MODEL_MAGIC "jacquard-model"
enum { MODEL_VERSION = 1 };

/* No two weights are further apart than this: a larger vote means damage. */
enum { MODEL_MOST_VOTE = 64 * HAAR_OCTAVE };

extern const char *const model_type_names[HAAR_N_TYPES];
extern const char *const model_kind_names[2]; /* enum weak_kind */

#endif
