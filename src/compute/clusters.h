/* clusters: puts a search's result into the order that users see. Shared by the backends. */
#ifndef JACQUARD_COMPUTE_CLUSTERS_H
#define JACQUARD_COMPUTE_CLUSTERS_H

#include "compute/compute.h"

/* Drops empty clusters and sorts: largest count first, ties by colour. */
void clusters_arrange(struct frame_clusters *clusters);

#endif
