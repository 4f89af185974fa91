/* checkpoint: the file of a model with one member, whose training is not finished. */
#ifndef JACQUARD_HAAR_CHECKPOINT_H
#define JACQUARD_HAAR_CHECKPOINT_H

#include "haar/model/model.h"

/* The file of member number `member` (from 0) of n_members: path itself for one member, path.1, path.2, ... for
 * several. Heap; NULL with a message when memory ran out. */
char *checkpoint_path(const char *path, int member, int n_members);

/* Gives the model, which has its settings and one member without rounds, the rounds of the checkpoint; none where there
 * is no file. Refuses (ST_USAGE) a checkpoint of other settings or images, naming the first difference; only the number
 * of rounds may have been raised. */
enum status checkpoint_read(const char *path, struct model *model);

#endif
