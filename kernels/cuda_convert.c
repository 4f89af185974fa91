/* cuda_convert: how frames get into the GPU backend. A frame on the host is copied tightly into a pinned buffer and
 * travels from there, so that its planes are free when convert returns; the GPU converts it together with others when
 * the buffers are full or pixels are asked for. A frame on the GPU comes from NVDEC, which writes it in the legacy
 * default stream: our stream waits for that one, and convert waits for our stream. A slot's pixels stay on the GPU as
 * keys. */
#include "base/file.h"
#include "kernels/cuda_backend.h"
#include "kernels/direct_read.h"

#include <string.h>

enum { MIN_STAGING = 2, PLANE_ALIGN = 256, ROW_ALIGN = 16 };

static const size_t staging_budget = (size_t)8 << 20;

static enum convert_kind kind_of(const struct frame *f)
{
    if (f->n_planes == 1)
        return CONVERT_GREY;
    return f->matrix == FRAME_RGB && f->n_planes == 3 ? CONVERT_RGB : CONVERT_CHROMA;
}

/* Bytes of a row of samples, and rows. */
static void plane_size(const struct frame *f, int plane, size_t *row_bytes, size_t *n_rows)
{
    const size_t sample_bytes = f->depth == 8 ? 1 : 2;
    size_t width = (size_t)f->width, height = (size_t)f->height;

    if (plane > 0 && kind_of(f) == CONVERT_CHROMA) {
        width = (width + ((size_t)1 << f->chroma_w_log2) - 1) >> f->chroma_w_log2;
        height = (height + ((size_t)1 << f->chroma_h_log2) - 1) >> f->chroma_h_log2;
        if (f->n_planes == 2)
            width *= 2;
    }
    *row_bytes = width * sample_bytes;
    *n_rows = height;
}

static size_t round_up(size_t n, size_t multiple)
{
    return (n + multiple - 1) / multiple * multiple;
}

enum status cuda_convert_staged(struct cuda *cuda)
{
    const int n = cuda->n_staged;

    cuda->n_staged = 0;
    if (n > 0)
        CUDA_STEP(cuda, CUDA_STAGE_CONVERT, launch_convert(cuda->staged, n, cuda->transfer, cuda->gpu.stream));
    return ST_OK;
}

static enum status reserve_staging(struct cuda *cuda, size_t bytes)
{
    const size_t n = staging_budget / bytes;

    if (bytes <= cuda->staging_bytes)
        return ST_OK;
    TRY(cuda_convert_staged(cuda));
    CUDA_TRY(&cuda->gpu, cudaStreamSynchronize(cuda->gpu.stream), "convert the frames before");
    for (int i = 0; i < CUDA_MAX_STAGING; i++)
        gpu_release(&cuda->gpu, &cuda->staging[i].bytes);
    gpu_release(&cuda->gpu, &cuda->frame);
    cuda->staging_bytes = 0;
    cuda->n_staging = n < MIN_STAGING ? MIN_STAGING : n > CUDA_MAX_STAGING ? CUDA_MAX_STAGING : (int)n;
    for (int i = 0; i < cuda->n_staging; i++)
        TRY(gpu_pin(&cuda->gpu, &cuda->staging[i].bytes, bytes, "frames"));
    TRY(gpu_reserve(&cuda->gpu, &cuda->frame, (size_t)cuda->n_staging * bytes, "frames"));
    cuda->staging_bytes = bytes;
    return ST_OK;
}

/* Both go in one launch. */
static bool is_alike(const struct convert_job *a, const struct convert_job *b)
{
    return a->kind == b->kind && a->wide == b->wide && a->width == b->width && a->height == b->height &&
           a->key != b->key;
}

/* Copies a frame of the host to the GPU, points the job at it, and has it converted with those that come after. */
static enum status stage_frame(struct cuda *cuda, const struct frame *f, struct convert_job *job)
{
    size_t at[3], row_bytes[3], n_rows[3], bytes = 0;

    for (int i = 0; i < f->n_planes; i++) {
        plane_size(f, i, &row_bytes[i], &n_rows[i]);
        at[i] = bytes;
        job->stride[i] = (int64_t)round_up(row_bytes[i], ROW_ALIGN);
        bytes += round_up((size_t)job->stride[i] * n_rows[i], PLANE_ALIGN);
    }
    TRY(reserve_staging(cuda, bytes));
    for (int i = 0; i < cuda->n_staged; i++)
        if (!is_alike(&cuda->staged[i], job))
            TRY(cuda_convert_staged(cuda)); /* which ends the loop */

    struct cuda_staging *s = &cuda->staging[cuda->n_staged];
    uint8_t *frame = cuda->frame + (size_t)cuda->n_staged * cuda->staging_bytes;
    CUDA_TRY(&cuda->gpu, cudaEventSynchronize(s->sent), "copy a frame to it");
    for (int i = 0; i < f->n_planes; i++) {
        for (size_t y = 0; y < n_rows[i]; y++)
            memcpy(s->bytes + at[i] + y * (size_t)job->stride[i],
                   (const uint8_t *)f->plane[i] + (ptrdiff_t)y * f->stride[i], row_bytes[i]);
        job->plane[i] = frame + at[i];
    }
    CUDA_STEP(cuda, CUDA_STAGE_COPY, cudaMemcpyAsync(frame, s->bytes, bytes, cudaMemcpyHostToDevice, cuda->gpu.stream));
    CUDA_TRY(&cuda->gpu, cudaEventRecord(s->sent, cuda->gpu.stream), "copy a frame to it");
    cuda->staged[cuda->n_staged++] = *job;
    return cuda->n_staged == cuda->n_staging ? cuda_convert_staged(cuda) : ST_OK;
}

/* Points the job at a frame that the decoder left on the GPU, and waits for the decoder there. */
static enum status take_frame(struct cuda *cuda, const struct frame *f, struct convert_job *job)
{
    for (int i = 0; i < f->n_planes; i++) {
        job->plane[i] = f->plane[i];
        job->stride[i] = f->stride[i];
        if (f->depth > 8 && ((uintptr_t)f->plane[i] % 2 != 0 || f->stride[i] % 2 != 0))
            return FAIL(ST_BUG, "convert: 16-bit samples at odd addresses in GPU memory");
    }
    CUDA_TRY(&cuda->gpu, cudaEventRecord(cuda->decoded, cudaStreamLegacy), "wait for a decoded frame");
    CUDA_TRY(&cuda->gpu, cudaStreamWaitEvent(cuda->gpu.stream, cuda->decoded, 0), "wait for a decoded frame");
    return ST_OK;
}

enum status cuda_convert(void *priv, int slot, const struct frame *f)
{
    struct cuda *cuda = priv;
    struct convert_job job = {
        .coefs = cuda->tone ? convert_code_coefs_of(f) : convert_coefs_of(f),
        .tone = cuda->tone,
        .kind = kind_of(f),
        .interleaved = f->n_planes == 2,
        .wide = f->depth > 8,
        .shift = f->depth > 8 ? f->shift : 0,
        .chroma_w_log2 = f->chroma_w_log2,
        .chroma_h_log2 = f->chroma_h_log2,
        .width = (uint32_t)f->width,
        .height = (uint32_t)f->height,
        .to_width = (uint32_t)cuda->setup.picture.width,
        .to_height = (uint32_t)cuda->setup.picture.height,
        .inverse = convert_inverse((uint64_t)f->width * (uint64_t)f->height),
        .key = cuda->key + (size_t)slot * cuda->n_pixels,
    };

    TRY(gpu_use(&cuda->gpu));
    if (!f->on_device)
        return stage_frame(cuda, f, &job);
    TRY(cuda_convert_staged(cuda));
    TRY(take_frame(cuda, f, &job));
    CUDA_STEP(cuda, CUDA_STAGE_CONVERT, launch_convert(&job, 1, cuda->transfer, cuda->gpu.stream));
    CUDA_TRY(&cuda->gpu, cudaStreamSynchronize(cuda->gpu.stream), "convert a frame");
    return ST_OK;
}

/* Pixels travel through the same buffers as frames do; or straight to the one on the GPU, and to the host's from there,
 * where their digest is taken. */
enum status cuda_load(void *priv, int slot, const struct compute_file *file, int64_t at, uint8_t digest[SHA256_BYTES])
{
    struct cuda *cuda = priv;
    const size_t bytes = 3 * (size_t)cuda->n_pixels, whole = round_up(bytes, DIRECT_READ_ALIGN);

    TRY(gpu_use(&cuda->gpu));
    TRY(cuda_convert_staged(cuda));
    TRY(reserve_staging(cuda, whole));
    const int turn = slot % cuda->n_staging;
    const struct cuda_staging *s = &cuda->staging[turn];
    uint8_t *pixels = cuda->frame + (size_t)turn * cuda->staging_bytes;
    CUDA_TRY(&cuda->gpu, cudaEventSynchronize(s->sent), "use the pixels before");
    if (file->direct) {
        TRY(direct_read(file, pixels, whole, bytes, at));
        TRY(gpu_fetch(&cuda->gpu, s->bytes, pixels, bytes, "pixels"));
        CUDA_TRY(&cuda->gpu, cudaStreamSynchronize(cuda->gpu.stream), "copy pixels from it");
    } else {
        TRY(file_read_at(file->path, file->fd, s->bytes, bytes, at));
        CUDA_STEP(cuda, CUDA_STAGE_COPY,
                  cudaMemcpyAsync(pixels, s->bytes, bytes, cudaMemcpyHostToDevice, cuda->gpu.stream));
    }
    CUDA_STEP(cuda, CUDA_STAGE_CONVERT,
              launch_keys(pixels, cuda->n_pixels, cuda->key + (size_t)slot * cuda->n_pixels, cuda->gpu.stream));
    CUDA_TRY(&cuda->gpu, cudaEventRecord(s->sent, cuda->gpu.stream), "use the pixels");
    sha256_of(s->bytes, bytes, digest);
    return ST_OK;
}

enum status cuda_pixels(void *priv, int slot, uint8_t *rgb)
{
    struct cuda *cuda = priv;
    uint8_t *packed = cuda->points; /* free between calls of cluster */

    TRY(gpu_use(&cuda->gpu));
    TRY(cuda_convert_staged(cuda));
    CUDA_TRY(&cuda->gpu,
             launch_pixels(cuda->key + (size_t)slot * cuda->n_pixels, cuda->n_pixels, packed, cuda->gpu.stream),
             "unpack pixels");
    TRY(gpu_fetch(&cuda->gpu, rgb, packed, 3 * (size_t)cuda->n_pixels, "pixels"));
    CUDA_TRY(&cuda->gpu, cudaStreamSynchronize(cuda->gpu.stream), "copy pixels from it");
    return ST_OK;
}
