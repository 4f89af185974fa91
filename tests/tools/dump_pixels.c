/* dump_pixels: writes the very pixels that `jacquard barcode` clusters, one OUTDIR/NNNNNN.ppm (binary P6) a sampled
 * frame, named by frame number; bars are not looked for. For measuring against other programs on the same bytes. usage:
 * dump_pixels FILM OUTDIR
 * [--every 24f] [--columns W] [--scale WxH] */
#include "barcode/config.h"
#include "barcode/look.h"
#include "base/mem.h"
#include "compute/compute.h"
#include "film/frame_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct dump {
    const char *folder;
    const struct plan *plan;
    struct compute *compute;
    int width, height;
    uint8_t *rgb;
};

static int64_t which_frame(void *context, int64_t frame)
{
    const struct dump *d = context;

    for (int64_t i = 0; i < d->plan->n_samples; i++)
        if (d->plan->sample_frame[i] == frame)
            return frame;
    return -1;
}

static enum status dump_frame(void *context, int64_t number, const struct frame *frame, const char *hash)
{
    struct dump *d = context;
    char path[4096];
    FILE *file;

    (void)hash;
    TRY(compute_convert(d->compute, 0, frame));
    TRY(compute_pixels(d->compute, 0, d->rgb));
    snprintf(path, sizeof path, "%s/%06lld.ppm", d->folder, (long long)number);
    file = fopen(path, "wb");
    if (!file)
        return FAIL(ST_IO, "cannot write %s", path);
    fprintf(file, "P6\n%d %d\n255\n", d->width, d->height);
    fwrite(d->rgb, 3, (size_t)d->width * (size_t)d->height, file);
    return fclose(file) == 0 ? ST_OK : FAIL(ST_IO, "cannot write %s", path);
}

static const struct opt_group groups[] = {BARCODE_SETTINGS_GROUPS(0), {0}};

static enum status run(int argc, char **argv)
{
    struct barcode_settings settings = {0};
    struct opts_line line = {0};
    atomic_int stop = 0;
    struct comm comm;
    struct film film;
    struct plan plan;
    struct dump d = {.folder = argv[2], .plan = &plan};
    struct compute_setup setup = {.batch = 1, .kmeans = {.k = 1, .n_init = 1}};
    struct decoder *decoder;

    TRY(opts_parse("barcode", groups, &settings, argc - 2, argv + 2, 0, &line));
    TRY(film_open(&film, argv[1], &stop, NULL, NULL));
    if (film.info.tone.transfer == TONE_PQ) { /* for its peak */
        comm_open_self(&comm);
        TRY(look_at_film(&comm, &film, &settings.sampling, 1, &stop, NULL, NULL));
        comm_close(&comm);
        film.info.look.crop = (struct frame_crop){0};
    }
    TRY(plan_make(&plan, &film, &settings.sampling, 1, 1));
    barcode_picture_size(&film.info, &settings, &d.width, &d.height);
    setup.picture.width = d.width;
    setup.picture.height = d.height;
    setup.picture.tone = barcode_tone(&film.info, &settings);
    d.rgb = mem_array((size_t)d.width * (size_t)d.height, 3);
    if (!d.rgb)
        return ST_NOMEM;
    TRY(compute_open(&compute_cpu, &setup, &d.compute));
    const struct decoder_setup decoding = {
        .film = &film, .threads = 1, .sink = {&d, which_frame, dump_frame, NULL}, .stop = &stop};
    TRY(decoder_open(&decoding, &decoder));
    TRY(decoder_run(decoder, plan.sample_frame, plan.n_samples));
    TRY(decoder_finish(decoder));
    decoder_close(&decoder);
    compute_close(&d.compute);
    free(d.rgb);
    plan_release(&plan);
    film_release(&film);
    return ST_OK;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fputs("usage: dump_pixels FILM OUTDIR [--every Nf] [--columns W] [--scale WxH]\n", stderr);
        return 2;
    }
    const enum status st = run(argc, argv);
    if (st != ST_OK)
        fprintf(stderr, "dump_pixels: %s\n", status_message());
    return status_exit_code(st);
}
