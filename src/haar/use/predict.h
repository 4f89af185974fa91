/* predict: the job of `jacquard predict`: a model's answers for images without labels. */
#ifndef JACQUARD_HAAR_PREDICT_H
#define JACQUARD_HAAR_PREDICT_H

#include "mpi/comm.h"

#include <stdatomic.h>

struct predict_config {
    const char *model;
    const char *const *files; /* [n_files]: IDX images, plain or gzip, or PNG */
    int n_files;
};

/* Collective; rank 0 does it alone. A line an image to stdout: name, class, confidence, with tabs between them; the
 * name of an IDX file's image is FILE:INDEX. Ends at the first bad file, after the lines of those before it. */
enum status predict_run(struct comm *comm, const struct predict_config *config, atomic_int *stop);

#endif
