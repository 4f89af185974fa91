/* direct_read: files read straight into GPU memory by NVIDIA's cuFile (GPUDirect Storage), which is loaded when it is
 * first asked for: neither building nor running needs it. Where storage and driver cannot exchange data past the host's
 * memory, cuFile goes through it (its compatibility mode). Any thread may call. */
#ifndef JACQUARD_KERNELS_DIRECT_READ_H
#define JACQUARD_KERNELS_DIRECT_READ_H

#include "compute/compute.h"

enum { DIRECT_READ_ALIGN = 4096 };

/* compute_ops.direct */
extern const struct compute_direct direct_read_cuda;

/* n bytes from byte `at` on, both multiples of DIRECT_READ_ALIGN, of a file that was added, to GPU memory; fewer, but
 * not less than `least`, where the file ends. Done when it returns, whatever stream. ST_FORMAT where it fails. */
enum status direct_read(const struct compute_file *file, void *device, size_t n, size_t least, int64_t at);

#endif
