/* cpu: the backend that defines every step. One instance works on one thread; workers make the parallelism. */
#include "compute/cpu.h"
#include "compute/haar/boost.h"
#include "compute/haar/scan.h"

#include "base/file.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct cpu {
    struct compute_setup setup;
    struct cpu_convert convert;
    struct cpu_kmeans *kmeans;
    uint8_t *pixels; /* u8 [batch, height, width, 3] */
    size_t frame_bytes;
    struct space *space; /* NULL: of sRGB */
    uint8_t *in_space;   /* u8 [height, width, 3]: a frame's pixels in it */
};

static enum status cpu_describe(int device, char *text, size_t bytes)
{
    (void)device;
    snprintf(text, bytes, "%ld cores online, k-means loops in %s", sysconf(_SC_NPROCESSORS_ONLN),
             cpu_kmeans_best_loops()->name);
    return ST_OK;
}

static int cpu_n_devices(void)
{
    return 0;
}

static enum status cpu_open(void *priv, const struct compute_setup *setup)
{
    struct cpu *cpu = priv;
    const size_t n_pixels = (size_t)setup->picture.width * (size_t)setup->picture.height;

    cpu->setup = *setup;
    cpu->frame_bytes = 3 * n_pixels;
    TRY(cpu_convert_init(&cpu->convert, &setup->picture));
    TRY(cpu_kmeans_open(&cpu->kmeans, &setup->kmeans, setup->rarity, (uint32_t)n_pixels, cpu_kmeans_best_loops()));
    cpu->pixels = mem_array((size_t)setup->batch, cpu->frame_bytes);
    TRY_MEM(cpu->pixels);
    if (setup->kmeans.space.space == SPACE_SRGB)
        return ST_OK;
    cpu->space = mem_array(1, sizeof *cpu->space);
    cpu->in_space = mem_array(1, cpu->frame_bytes);
    TRY_MEM(cpu->space && cpu->in_space);
    space_init(cpu->space, &setup->kmeans.space);
    return ST_OK;
}

static void cpu_close(void *priv)
{
    struct cpu *cpu = priv;

    cpu_convert_release(&cpu->convert);
    cpu_kmeans_close(&cpu->kmeans);
    free(cpu->pixels);
    free(cpu->space);
    free(cpu->in_space);
}

static uint8_t *slot_pixels(const struct cpu *cpu, int slot)
{
    return cpu->pixels + (size_t)slot * cpu->frame_bytes;
}

static enum status cpu_convert(void *priv, int slot, const struct frame *frame)
{
    struct cpu *cpu = priv;

    return cpu_convert_frame(&cpu->convert, frame, slot_pixels(cpu, slot));
}

static enum status cpu_load(void *priv, int slot, const struct compute_file *file, int64_t at,
                            uint8_t digest[SHA256_BYTES])
{
    const struct cpu *cpu = priv;

    TRY(file_read_at(file->path, file->fd, slot_pixels(cpu, slot), cpu->frame_bytes, at));
    sha256_of(slot_pixels(cpu, slot), cpu->frame_bytes, digest);
    return ST_OK;
}

/* The pixels that are clustered. */
static const uint8_t *points_of(struct cpu *cpu, int slot)
{
    const uint8_t *pixels = slot_pixels(cpu, slot);

    if (!cpu->space)
        return pixels;
    for (size_t i = 0; i < cpu->frame_bytes; i += 3)
        space_encode(cpu->space, pixels + i, cpu->in_space + i);
    return cpu->in_space;
}

static enum status cpu_cluster(void *priv, int n, const int64_t *frame_number, struct frame_clusters *clusters,
                               struct frame_light *light, uint8_t **lines)
{
    struct cpu *cpu = priv;

    for (int i = 0; i < n; i++) {
        cpu_measure_light(&cpu->convert, slot_pixels(cpu, i), &light[i], lines ? lines[i] : NULL);
        cpu_kmeans_frame(cpu->kmeans, points_of(cpu, i), frame_number[i], &clusters[i]);
    }
    return ST_OK;
}

static enum status cpu_count_cells(void *priv, int n, int64_t *frames)
{
    struct cpu *cpu = priv;

    for (int i = 0; i < n; i++) {
        const uint8_t *p = points_of(cpu, i);
        bool is_seen[WEIGHTS_CELLS] = {false};
        for (size_t at = 0; at < cpu->frame_bytes; at += 3)
            is_seen[kmeans_morton(p[at], p[at + 1], p[at + 2]) >> 12] = true;
        for (int cell = 0; cell < WEIGHTS_CELLS; cell++)
            frames[cell] += is_seen[cell];
    }
    return ST_OK;
}

static enum status cpu_pixels(void *priv, int slot, uint8_t *rgb)
{
    struct cpu *cpu = priv;

    memcpy(rgb, slot_pixels(cpu, slot), cpu->frame_bytes);
    return ST_OK;
}

const struct compute_ops compute_cpu = {
    .name = "cpu",
    .priv_bytes = sizeof(struct cpu),
    .batch_frames = 1,
    .batch_pixels = 1,
    .scan_slice = 8192, /* a few seconds */
    .describe = cpu_describe,
    .n_devices = cpu_n_devices,
    .open = cpu_open,
    .close = cpu_close,
    .convert = cpu_convert,
    .load = cpu_load,
    .cluster = cpu_cluster,
    .count_cells = cpu_count_cells,
    .pixels = cpu_pixels,
    .boost = &boost_cpu,
    .copy_speed = cpu_copy_speed,
    .scan = scan_cpu,
};
