#include "bench/measure.h"

#include "base/mem.h"
#include "base/rng.h"

#include <stdlib.h>

enum status bench_check_stop(const struct bench_run *run)
{
    return atomic_load(run->stop) ? FAIL(ST_INTERRUPTED, "interrupted") : ST_OK;
}

enum status bench_time_runs(const struct bench_run *run, struct comm *comm, bench_once *once, void *context, int n,
                            double *figure)
{
    double *found = mem_array((size_t)run->runs, 2 * sizeof *found), now[2];
    enum status st = found ? ST_OK : ST_NOMEM;

    for (int i = -1; i < run->runs; i++) {
        st = st == ST_OK ? bench_check_stop(run) : st;
        st = comm ? comm_agree(comm, st) : st;
        if (st == ST_OK)
            st = once(context, now);
        if (st != ST_OK)
            break;
        for (int j = 0; j < n && i >= 0; j++)
            found[j * run->runs + i] = now[j];
    }
    for (int j = 0; j < n && st == ST_OK; j++)
        figure[j] = bench_median(found + j * run->runs, run->runs);
    free(found);
    return st;
}

void bench_add_resources(const struct bench_run *run, const struct resources *resources)
{
    char on[320];

    resources_describe(resources, on, sizeof on);
    bench_table_fact(run->table, "runs on", "%s", on);
}

/* A round spot of ink at (x, y), in 1/16 of a pixel. */
static void draw_spot(uint8_t *image, int x, int y, int ink)
{
    for (int py = y / 16 - 2; py <= y / 16 + 2; py++)
        for (int px = x / 16 - 2; px <= x / 16 + 2; px++) {
            const int dx = 16 * px + 8 - x, dy = 16 * py + 8 - y, v = ink - (dx * dx + dy * dy) / 3;
            uint8_t *pixel = image + py * MADE_UP_SIDE + px;
            if (v > *pixel)
                *pixel = (uint8_t)v;
        }
}

uint8_t bench_draw_digit(uint32_t number, uint8_t image[MADE_UP_PIXELS])
{
    enum { N_STEPS = 56, LOW = 5 * 16, HIGH = (MADE_UP_SIDE - 5) * 16, SPEED = 14, SEED = 28 };
    int x = 14 * 16, y = 14 * 16, vx = 8, vy = -8;

    for (uint32_t step = 0; step < N_STEPS; step++) {
        const struct rng_block r = rng_philox(SEED, number, step, 3, 0);
        vx += (int)(r.word[0] % 9) - 4;
        vy += (int)(r.word[1] % 9) - 4;
        vx = vx > SPEED ? SPEED : vx < -SPEED ? -SPEED : vx;
        vy = vy > SPEED ? SPEED : vy < -SPEED ? -SPEED : vy;
        vx = x + vx < LOW || x + vx > HIGH ? -vx : vx;
        vy = y + vy < LOW || y + vy > HIGH ? -vy : vy;
        x += vx;
        y += vy;
        draw_spot(image, x, y, 255 - (int)(r.word[2] % 64));
    }
    return 0;
}

enum status bench_make_images(int64_t n, int n_classes, int part, int n_parts,
                              uint8_t (*draw)(uint32_t number, uint8_t image[MADE_UP_PIXELS]), struct dataset *set)
{
    const int64_t first = dataset_share(n, part, n_parts), end = dataset_share(n, part + 1, n_parts);

    *set = (struct dataset){.width = MADE_UP_SIDE,
                            .height = MADE_UP_SIDE,
                            .n_classes = n_classes,
                            .n_total = n,
                            .first = first,
                            .n = end - first,
                            .pixels = mem_array((size_t)(end - first), MADE_UP_PIXELS),
                            .labels = n_classes > 0 ? mem_array((size_t)(end - first), 1) : NULL};
    if (!set->pixels || (n_classes > 0 && !set->labels))
        return ST_NOMEM;
    for (int64_t i = 0; i < set->n; i++) {
        const uint8_t label = draw((uint32_t)(first + i), set->pixels + i * MADE_UP_PIXELS);
        if (set->labels)
            set->labels[i] = label;
    }
    return ST_OK;
}
