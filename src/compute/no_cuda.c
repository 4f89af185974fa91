/* no_cuda: what the name `cuda` answers in a build without the CUDA toolkit. */
#include "compute/compute.h"

static enum status refuse(void)
{
    return FAIL(ST_UNSUPPORTED, "backend cuda: built without CUDA (no CUDA toolkit was found when jacquard was built)");
}

static enum status cuda_describe(int device, char *text, size_t bytes)
{
    (void)device, (void)text, (void)bytes;
    return refuse();
}

static int cuda_n_devices(void)
{
    return 0;
}

static enum status cuda_open(void *priv, const struct compute_setup *setup)
{
    (void)priv, (void)setup;
    return refuse();
}

static void cuda_close(void *priv)
{
    (void)priv;
}

/* No step is reached: open never succeeds. */
const struct compute_ops compute_cuda = {
    .name = "cuda",
    .priv_bytes = 1,
    .describe = cuda_describe,
    .n_devices = cuda_n_devices,
    .open = cuda_open,
    .close = cuda_close,
};
