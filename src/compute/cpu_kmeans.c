/* cpu_kmeans: one frame's pixels become its clusters; the definition of the search that kmeans_rules.h describes. */
#include "base/mem.h"
#include "base/rng.h"
#include "compute/cpu.h"

#include <stdlib.h>
#include <string.h>

enum { RADIX_BITS = 12, RADIX = 1 << RADIX_BITS };

/* Points and their nearest centres, as assign keeps them up from step to step: most points stay where they are. */
struct assignment {
    uint32_t *label; /* u32 [points] */
    uint64_t sum[COMPUTE_MAX_K][4];
};

struct restart {
    struct cpu_centres centres;
    struct assignment *search; /* on the search level */
    int64_t cost;
    int number;
};

struct cpu_kmeans {
    struct kmeans_settings settings;
    struct kmeans_schedule schedule;
    const struct cpu_kmeans_loops *loops;
    struct weights *weights; /* NULL: a point weighs as much as it has pixels, as the following speaks of them */
    uint32_t *area;          /* u32 [n distinct]: pixels of the exact level's points; NULL without weights */
    uint32_t n_pixels;
    uint32_t *key, *sorted; /* u32 [n_pixels] Morton codes */
    uint32_t *exact_key;    /* u32 [n distinct] */
    struct cpu_points exact, polish, search, seed;
    struct assignment fine;       /* on the other levels */
    struct assignment *search_of; /* [n_search] the restarts' */
    int n_search;                 /* n_init; plain: 1, as it has one stage only */
    uint32_t *d2;                 /* u32 [seed points] */
    uint64_t *block;              /* u64 [seed points / 16] */
    uint64_t *weight_block;       /* the same of weights alone: the first seed is drawn by weight */
    struct restart *restart;      /* [n_init] */
};

/* --- levels ------------------------------------------------------------------------------------------------------- */

static enum status points_init(struct cpu_points *p, uint32_t room)
{
    room = (room + 15) & ~15u;
    *p = (struct cpu_points){.room = room};
    p->colour = mem_array(room, sizeof *p->colour);
    p->weight = mem_array(room, sizeof *p->weight);
    p->factor_rg = mem_array(room, sizeof *p->factor_rg);
    p->factor_b = mem_array(room, sizeof *p->factor_b);
    return p->colour && p->weight && p->factor_rg && p->factor_b ? ST_OK : ST_NOMEM;
}

static void points_release(struct cpu_points *p)
{
    free(p->colour);
    free(p->weight);
    free(p->factor_rg);
    free(p->factor_b);
}

static void points_add(struct cpu_points *p, uint32_t colour, uint32_t weight)
{
    p->colour[p->n] = colour;
    p->weight[p->n++] = weight;
}

CPU_CLONES static void make_factors(uint32_t n, const uint32_t *restrict colour, int32_t *restrict rg,
                                    int32_t *restrict b)
{
    for (uint32_t i = 0; i < n; i++) {
        rg[i] = (int32_t)(((uint32_t)kmeans_factor(colour[i] & 255) & 0xFFFF) |
                          (uint32_t)kmeans_factor(colour[i] >> 8 & 255) << 16);
        b[i] = (int32_t)((uint32_t)kmeans_factor(colour[i] >> 16 & 255) & 0xFFFF);
    }
}

/* Pads with points of no weight, and derives what the loops want. */
static void points_complete(struct cpu_points *p)
{
    const uint32_t n = p->n;

    p->n_padded = (n + 15) & ~15u;
    while (p->n < p->n_padded)
        points_add(p, kmeans_colour(0, 0, 0), 0);
    p->n = n;
    make_factors(p->n_padded, p->colour, p->factor_rg, p->factor_b);
}

CPU_CLONES static void make_keys(uint32_t n, const uint8_t *restrict rgb, uint32_t *restrict key)
{
    for (uint32_t i = 0; i < n; i++)
        key[i] = kmeans_morton(rgb[3 * i], rgb[3 * i + 1], rgb[3 * i + 2]);
}

CPU_CLONES static void decode_keys(uint32_t n, const uint32_t *restrict key, uint32_t *restrict colour)
{
    for (uint32_t i = 0; i < n; i++)
        colour[i] = kmeans_colour_of_morton(key[i]);
}

/* Least significant digit first: two passes of 12 bits. */
static void sort_keys(struct cpu_kmeans *km)
{
    uint32_t low[RADIX] = {0}, high[RADIX] = {0};
    uint32_t low_at = 0, high_at = 0;

    for (uint32_t i = 0; i < km->n_pixels; i++) {
        low[km->key[i] & (RADIX - 1)]++;
        high[km->key[i] >> RADIX_BITS]++;
    }
    for (int d = 0; d < RADIX; d++) {
        const uint32_t n_low = low[d], n_high = high[d];
        low[d] = low_at;
        high[d] = high_at;
        low_at += n_low;
        high_at += n_high;
    }
    for (uint32_t i = 0; i < km->n_pixels; i++)
        km->sorted[low[km->key[i] & (RADIX - 1)]++] = km->key[i];
    for (uint32_t i = 0; i < km->n_pixels; i++)
        km->key[high[km->sorted[i] >> RADIX_BITS]++] = km->sorted[i];
}

/* Counts equal neighbours; merged[d] = how many points are left when the low d bits are dropped. */
static void build_exact_level(struct cpu_kmeans *km, uint32_t *merged)
{
    uint32_t differ_at[KMEANS_COLOUR_BITS] = {0};
    uint32_t start = 0;

    km->exact.n = 0;
    for (uint32_t i = 1; i <= km->n_pixels; i++) {
        if (i < km->n_pixels && km->key[i] == km->key[i - 1])
            continue;
        if (i < km->n_pixels)
            differ_at[31 - __builtin_clz(km->key[i] ^ km->key[i - 1])]++;
        km->exact_key[km->exact.n] = km->key[i - 1];
        km->exact.weight[km->exact.n++] = i - start;
        start = i;
    }
    decode_keys(km->exact.n, km->exact_key, km->exact.colour);
    points_complete(&km->exact);

    merged[KMEANS_COLOUR_BITS] = 1;
    for (int d = KMEANS_COLOUR_BITS - 1; d >= 0; d--)
        merged[d] = merged[d + 1] + differ_at[d];
}

/* From pixels to what they count in the search; yields how many points count at all. */
static uint32_t weigh_points(struct cpu_kmeans *km)
{
    struct cpu_points *p = &km->exact;
    uint32_t n_light = 0;

    if (!km->weights)
        return p->n;
    memcpy(km->area, p->weight, p->n * sizeof *km->area);
    for (uint32_t i = 0; i < p->n; i++) {
        p->weight[i] *= weights_of(km->weights, km->exact_key[i] >> RADIX_BITS, p->colour[i]);
        n_light += p->weight[i] > 0;
    }
    return n_light;
}

static const struct cpu_points *build_level(const struct cpu_kmeans *km, struct cpu_points *level, int dropped)
{
    if (dropped == 0)
        return &km->exact;

    level->n = 0;
    for (uint32_t i = 0; i < km->exact.n;) {
        const uint32_t bin = km->exact_key[i] >> dropped;
        uint64_t r = 0, g = 0, b = 0, weight = 0;

        for (; i < km->exact.n && km->exact_key[i] >> dropped == bin; i++) {
            const uint64_t w = km->exact.weight[i];
            const uint32_t colour = km->exact.colour[i];
            r += w * (colour & 255);
            g += w * (colour >> 8 & 255);
            b += w * (colour >> 16 & 255);
            weight += w;
        }
        points_add(level, kmeans_mean_colour(r, g, b, weight), (uint32_t)weight);
    }
    points_complete(level);
    return level;
}

/* --- seeding ------------------------------------------------------------------------------------------------------ */

/* The first point at which the running sum of weight x d2 (d2 NULL: of weight) passes target. */
static uint32_t draw_point(const struct cpu_points *p, const uint32_t *d2, const uint64_t *block, uint64_t target)
{
    uint32_t i = 0;

    while (block[i / 16] <= target)
        target -= block[i / 16], i += 16;
    for (;; i++) {
        const uint64_t mass = (uint64_t)p->weight[i] * (d2 ? d2[i] : 1);
        if (mass > target)
            return i;
        target -= mass;
    }
}

static void set_centre(struct cpu_centres *centres, int j, uint32_t colour)
{
    for (int c = 0; c < 3; c++)
        centres->c[j][c] = (uint16_t)((colour >> 8 * c & 255) * COMPUTE_CENTRE_ONE);
}

/* Greedy k-means++: each next seed is the best of a few points drawn with probability proportional to weight x squared
 * distance to the nearest seed so far. */
static void seed_restart(struct cpu_kmeans *km, const struct cpu_points *p, int64_t frame_number, struct restart *r)
{
    const uint32_t f0 = (uint32_t)frame_number, f1 = (uint32_t)((uint64_t)frame_number >> 32);
    const uint32_t n_blocks = p->n_padded / 16;
    const struct rng_block first = rng_philox(km->settings.seed, f0, f1, (uint32_t)r->number, 0);
    uint64_t weight = 0;

    for (uint32_t b = 0; b < n_blocks; b++)
        weight += km->weight_block[b];
    uint32_t seed = draw_point(p, NULL, km->weight_block, rng_below(first.word[0], first.word[1], weight));

    memset(km->d2, 0xFF, p->n_padded * sizeof *km->d2);
    for (int j = 0;; j++) {
        set_centre(&r->centres, j, p->colour[seed]);
        if (j + 1 == r->centres.k)
            return;
        km->loops->take_seed(p, seed, km->d2, km->block);

        uint64_t mass = 0, potential[KMEANS_MAX_TRIALS];
        uint32_t trial[KMEANS_MAX_TRIALS];
        for (uint32_t b = 0; b < n_blocks; b++)
            mass += km->block[b];
        if (mass == 0) { /* fewer colours at this level than centres: the rest stays empty until a finer level */
            while (++j < r->centres.k)
                set_centre(&r->centres, j, p->colour[seed]);
            return;
        }
        for (int t = 0; t < km->schedule.trials; t++) {
            const struct rng_block x =
                rng_philox(km->settings.seed, f0, f1, (uint32_t)r->number, (uint32_t)(4 * (j + 1) + t / 2));
            const int h = 2 * (t % 2);
            trial[t] = draw_point(p, km->d2, km->block, rng_below(x.word[h], x.word[h + 1], mass));
        }
        km->loops->try_seeds(p, km->d2, trial, km->schedule.trials, potential);
        int best = 0;
        for (int t = 1; t < km->schedule.trials; t++)
            if (potential[t] < potential[best])
                best = t;
        seed = trial[best];
    }
}

/* --- Lloyd -------------------------------------------------------------------------------------------------------- */

static bool move_centres(struct cpu_centres *centres, const uint64_t (*sum)[4], int still)
{
    bool moved = false;

    for (int j = 0; j < centres->k; j++) {
        if (sum[j][3] == 0)
            continue; /* an empty cluster waits where it is */
        for (int c = 0; c < 3; c++) {
            const uint16_t to = kmeans_new_centre(sum[j][c], sum[j][3]);
            moved |= abs(to - centres->c[j][c]) > still;
            centres->c[j][c] = to;
        }
    }
    return moved;
}

static int64_t total_cost(const struct cpu_centres *centres, const uint64_t (*sum)[4])
{
    int64_t cost = 0;

    for (int j = 0; j < centres->k; j++)
        cost += kmeans_cost(centres->c[j], sum[j]);
    return cost;
}

static void assignment_clear(struct assignment *a, const struct cpu_points *p)
{
    memset(a->label, 0xFF, p->n_padded * sizeof *a->label);
    memset(a->sum, 0, sizeof a->sum);
}

/* At most n_steps Lloyd steps; cost is that of the last assignment with the centres it led to. */
static void run_lloyd(struct cpu_kmeans *km, const struct cpu_points *p, struct restart *r, struct assignment *a,
                      int n_steps)
{
    for (int step = 0; step < n_steps; step++) {
        km->loops->assign(p, &r->centres, a->label, a->sum);
        if (!move_centres(&r->centres, a->sum, km->schedule.still))
            break;
    }
    if (n_steps > 0)
        r->cost = total_cost(&r->centres, a->sum);
}

static int compare_restarts(const void *a, const void *b)
{
    const struct restart *x = a, *y = b;

    if (x->cost != y->cost)
        return x->cost < y->cost ? -1 : 1;
    return x->number < y->number ? -1 : 1;
}

/* Back to pixels, those of dark points put together as a cluster behind the others. */
static void part_dark(struct cpu_kmeans *km, struct frame_clusters *out)
{
    struct cpu_points *p = &km->exact;
    uint64_t dark[4] = {0};

    for (uint32_t i = 0; i < p->n; i++) {
        if (p->weight[i] > 0) {
            p->weight[i] = km->area[i];
            continue;
        }
        for (int c = 0; c < 4; c++)
            dark[c] += (uint64_t)km->area[i] * (p->colour[i] >> 8 * c & 255);
    }
    if (dark[3] == 0)
        return;
    for (int c = 0; c < 3; c++)
        out->centre[out->n][c] = kmeans_new_centre(dark[c], dark[3]);
    out->inertia += kmeans_cost(out->centre[out->n], dark);
    out->count[out->n++] = (uint32_t)dark[3];
}

/* Lloyd over all colours until it stands still; ends with an assignment, so that counts, inertia and centres agree. */
static void finish(struct cpu_kmeans *km, struct cpu_centres *centres, struct frame_clusters *out)
{
    const struct cpu_points *p = &km->exact;
    struct assignment *a = &km->fine;
    int64_t squares = 0;

    assignment_clear(a, p);
    for (int step = 0; step < km->schedule.fine_steps; step++) {
        struct cpu_centres moved = *centres;
        km->loops->assign(p, centres, a->label, a->sum);
        if (!move_centres(&moved, a->sum, km->schedule.still) || step + 1 == km->schedule.fine_steps)
            break;
        *centres = moved;
    }
    out->n = centres->k;
    out->inertia = 0;
    if (km->weights) { /* once more, by area */
        part_dark(km, out);
        assignment_clear(a, p);
        km->loops->assign(p, centres, a->label, a->sum);
    }
    for (uint32_t i = 0; i < p->n; i++) {
        const int64_t r = p->colour[i] & 255, g = p->colour[i] >> 8 & 255, b = p->colour[i] >> 16 & 255;
        squares += (km->weights ? km->area : p->weight)[i] * (r * r + g * g + b * b);
    }
    out->inertia += total_cost(centres, a->sum) + squares * COMPUTE_CENTRE_ONE * COMPUTE_CENTRE_ONE;
    for (int j = 0; j < centres->k; j++) {
        memcpy(out->centre[j], centres->c[j], sizeof out->centre[j]);
        out->count[j] = (uint32_t)a->sum[j][3];
    }
}

void cpu_kmeans_frame(struct cpu_kmeans *km, const uint8_t *rgb, int64_t frame_number, struct frame_clusters *out)
{
    const struct kmeans_schedule *s = &km->schedule;
    uint32_t merged[KMEANS_COLOUR_BITS + 1];

    make_keys(km->n_pixels, rgb, km->key);
    sort_keys(km);
    build_exact_level(km, merged);

    const uint32_t n_light = weigh_points(km);

    struct cpu_centres centres = {.k = km->settings.k};
    if (n_light <= (uint32_t)centres.k) { /* every colour its own cluster */
        centres.k = 0;
        for (uint32_t i = 0; centres.k < (int)n_light; i++)
            if (km->exact.weight[i] > 0)
                set_centre(&centres, centres.k++, km->exact.colour[i]);
    } else {
        const struct cpu_points *seed = build_level(km, &km->seed, kmeans_level(merged, s->seed_points));
        const struct cpu_points *search = build_level(km, &km->search, kmeans_level(merged, s->search_points));
        const struct cpu_points *polish = build_level(km, &km->polish, kmeans_level(merged, s->polish_points));

        for (uint32_t i = 0; i < seed->n_padded; i += 16) {
            km->weight_block[i / 16] = 0;
            for (uint32_t h = i; h < i + 16; h++)
                km->weight_block[i / 16] += seed->weight[h];
        }
        for (int i = 0; i < s->stage[0].n; i++) {
            struct restart *r = &km->restart[i];
            *r = (struct restart){
                .centres = {.k = centres.k}, .search = &km->search_of[i < km->n_search ? i : 0], .number = i};
            seed_restart(km, seed, frame_number, r);
        }
        for (int stage = 0; stage < KMEANS_STAGES; stage++) {
            for (int i = 0; i < s->stage[stage].n; i++) {
                struct restart *r = &km->restart[i];
                if (stage == 0)
                    assignment_clear(r->search, search);
                run_lloyd(km, search, r, r->search, s->stage[stage].steps);
            }
            qsort(km->restart, (size_t)s->stage[stage].n, sizeof *km->restart, compare_restarts);
        }
        const int n_last = s->stage[KMEANS_STAGES - 1].n;
        for (int i = 0; i < n_last && polish != search; i++) {
            assignment_clear(&km->fine, polish);
            run_lloyd(km, polish, &km->restart[i], &km->fine, km->schedule.fine_steps);
        }
        qsort(km->restart, (size_t)n_last, sizeof *km->restart, compare_restarts);
        centres = km->restart[0].centres;
    }
    finish(km, &centres, out);
    clusters_arrange(out);
}

/* --- life --------------------------------------------------------------------------------------------------------- */

static uint32_t level_room(uint32_t cap, uint32_t n_pixels)
{
    return cap < n_pixels ? cap : n_pixels;
}

static enum status open_weights(struct cpu_kmeans *km, const uint8_t *rarity)
{
    const struct kmeans_settings *s = &km->settings;

    if (!weights_are_needed(&s->weights))
        return ST_OK;
    km->weights = mem_array(1, sizeof *km->weights);
    km->area = mem_array(km->exact.room, sizeof *km->area);
    TRY_MEM(km->weights && km->area);
    weights_init(km->weights, &s->weights, &s->space, rarity);
    return ST_OK;
}

static enum status open_restarts(struct cpu_kmeans *km)
{
    const bool plain = km->settings.plain;
    const uint32_t room = plain ? km->exact.room : km->search.room;
    bool is_well = true;

    km->n_search = plain ? 1 : km->settings.n_init;
    km->restart = mem_array((size_t)km->settings.n_init, sizeof *km->restart);
    km->search_of = mem_array((size_t)km->n_search, sizeof *km->search_of);
    for (int i = 0; km->search_of && i < km->n_search; i++) {
        km->search_of[i].label = mem_array(room, sizeof *km->search_of[i].label);
        is_well = is_well && km->search_of[i].label;
    }
    return km->restart && km->search_of && is_well ? ST_OK : ST_NOMEM;
}

enum status cpu_kmeans_open(struct cpu_kmeans **km_out, const struct kmeans_settings *settings, const uint8_t *rarity,
                            uint32_t n_pixels, const struct cpu_kmeans_loops *loops)
{
    const struct kmeans_schedule s = kmeans_schedule_of(settings->k, settings->n_init, settings->plain);
    const uint32_t n_colours = n_pixels < 1u << KMEANS_COLOUR_BITS ? n_pixels : 1u << KMEANS_COLOUR_BITS;
    struct cpu_kmeans *km = mem_array(1, sizeof *km);

    *km_out = km;
    TRY_MEM(km);
    km->settings = *settings;
    km->schedule = s;
    km->loops = loops;
    km->n_pixels = n_pixels;
    TRY(points_init(&km->exact, n_colours));
    TRY(open_weights(km, rarity));
    if (!settings->plain) { /* a plain search never leaves the exact level */
        TRY(points_init(&km->polish, level_room(s.polish_points, n_colours)));
        TRY(points_init(&km->search, level_room(s.search_points, n_colours)));
        TRY(points_init(&km->seed, level_room(s.seed_points, n_colours)));
    }
    const uint32_t n_seed = (level_room(s.seed_points, n_colours) + 15) & ~15u;
    km->key = mem_array(n_pixels, sizeof *km->key);
    km->sorted = mem_array(n_pixels, sizeof *km->sorted);
    km->exact_key = mem_array(n_colours, sizeof *km->exact_key);
    km->fine.label = mem_array(km->exact.room, sizeof *km->fine.label);
    TRY(open_restarts(km));
    km->d2 = mem_array(n_seed, sizeof *km->d2);
    km->block = mem_array(n_seed / 16, sizeof *km->block);
    km->weight_block = mem_array(n_seed / 16, sizeof *km->weight_block);
    return km->key && km->sorted && km->exact_key && km->fine.label && km->d2 && km->block && km->weight_block
               ? ST_OK
               : ST_NOMEM;
}

void cpu_kmeans_close(struct cpu_kmeans **km_in)
{
    struct cpu_kmeans *km = *km_in;

    *km_in = NULL;
    if (!km)
        return;
    points_release(&km->exact);
    points_release(&km->polish);
    points_release(&km->search);
    points_release(&km->seed);
    free(km->weights);
    free(km->area);
    free(km->key);
    free(km->sorted);
    free(km->exact_key);
    free(km->fine.label);
    for (int i = 0; km->search_of && i < km->n_search; i++)
        free(km->search_of[i].label);
    free(km->search_of);
    free(km->d2);
    free(km->block);
    free(km->weight_block);
    free(km->restart);
    free(km);
}
