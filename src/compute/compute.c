#include "compute/compute.h"

#include "base/mem.h"
#include "compute/kmeans_rules.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_RETIRED = 64, MOST_WEIGHED = 1 << 24 /* pixels: times WEIGHTS_MOST, costs fit 64 bits */ };

struct compute {
    const struct compute_ops *ops;
    struct compute_setup setup;
    void *priv;
};

const struct compute_ops *const compute_backends[] = {&compute_cpu, &compute_cuda, NULL};
const char *const compute_names[COMPUTE_N_NAMES] = {"auto", "cpu", "cuda"};

enum status compute_by_name(const char *name, const struct compute_ops **ops)
{
    const bool is_auto = strcmp(name, "auto") == 0;

    *ops = is_auto ? compute_backends[0] : NULL;
    for (const struct compute_ops *const *b = compute_backends; *b; b++)
        if (is_auto ? (*b)->n_devices() > 0 : strcmp(name, (*b)->name) == 0)
            *ops = *b;
    return *ops ? ST_OK : FAIL(ST_USAGE, "--backend %s: there is no such backend", name);
}

static enum status check_setup(const struct compute_setup *s)
{
    const struct picture_settings *p = &s->picture;
    const struct kmeans_settings *k = &s->kmeans;

    if (p->width < 1 || p->height < 1 || (int64_t)p->width * p->height > 1 << 26)
        return FAIL(ST_USAGE, "a picture of %d x %d pixels cannot be clustered: 1 to 67108864 pixels can", p->width,
                    p->height);
    if (k->k < 1 || k->k > COMPUTE_MAX_K || k->n_init < 1 || k->n_init > KMEANS_MAX_RESTARTS)
        return FAIL(ST_USAGE, "k = %d, n-init = %d: k is 1 to %d, n-init 1 to %d", k->k, k->n_init, COMPUTE_MAX_K,
                    KMEANS_MAX_RESTARTS);
    if (k->weights.near_black > 0 && k->k == COMPUTE_MAX_K)
        return FAIL(ST_USAGE, "k = %d: with a black band beside them clusters are at most %d", k->k, COMPUTE_MAX_K - 1);
    if (weights_are_needed(&k->weights) && (int64_t)p->width * p->height > MOST_WEIGHED)
        return FAIL(ST_USAGE, "a picture of %d x %d pixels cannot be clustered by weight: up to %d pixels can",
                    p->width, p->height, MOST_WEIGHED);
    if (k->weights.weight == WEIGHT_RARE && !s->rarity)
        return FAIL(ST_USAGE, "colours cannot be weighed by rarity: nobody has counted which frames have them");
    if (s->batch < 1 || s->batch > COMPUTE_MAX_FRAME_BATCH)
        return FAIL(ST_BUG, "compute: a batch of %d frames", s->batch);
    return ST_OK;
}

/* Instances without work, the oldest first. */
static struct {
    pthread_mutex_t lock;
    int n, n_open, most_open;
    struct compute *instance[MOST_RETIRED];
} retired = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void count_open(int change)
{
    pthread_mutex_lock(&retired.lock);
    retired.n_open += change;
    retired.most_open = retired.n_open > retired.most_open ? retired.n_open : retired.most_open;
    pthread_mutex_unlock(&retired.lock);
}

static struct compute *remove_retired(int i)
{
    struct compute *c = retired.instance[i];

    memmove(&retired.instance[i], &retired.instance[i + 1], (size_t)(--retired.n - i) * sizeof *retired.instance);
    return c;
}

static bool is_same_setup(const struct compute_setup *a, const struct compute_setup *b)
{
    const struct picture_settings *p = &a->picture, *q = &b->picture;
    const struct kmeans_settings *k = &a->kmeans, *l = &b->kmeans;

    return a->device == b->device && a->batch == b->batch && p->width == q->width && p->height == q->height &&
           p->tone.transfer == q->tone.transfer && p->tone.primaries == q->tone.primaries &&
           p->tone.peak == q->tone.peak && p->legacy == q->legacy && p->want_lines == q->want_lines &&
           p->lines_are_columns == q->lines_are_columns && k->k == l->k && k->n_init == l->n_init &&
           k->plain == l->plain && k->seed == l->seed && k->space.space == l->space.space &&
           k->space.chroma == l->space.chroma && k->weights.weight == l->weights.weight &&
           k->weights.near_black == l->weights.near_black && k->weights.weight != WEIGHT_RARE; /* of two films */
}

/* NULL where there is none. */
static struct compute *take_retired(const struct compute_ops *ops, const struct compute_setup *setup)
{
    struct compute *found = NULL;

    pthread_mutex_lock(&retired.lock);
    for (int i = 0; i < retired.n && !found; i++) {
        if (retired.instance[i]->ops != ops || !is_same_setup(&retired.instance[i]->setup, setup))
            continue;
        found = remove_retired(i);
    }
    pthread_mutex_unlock(&retired.lock);
    return found;
}

static void destroy(struct compute *c)
{
    if (c && c->priv) {
        c->ops->close(c->priv);
        free(c->priv);
    }
    free(c);
}

void compute_retire(struct compute **c)
{
    struct compute *oldest = NULL;

    if (!*c)
        return;
    pthread_mutex_lock(&retired.lock);
    if (retired.n == MOST_RETIRED || retired.n == retired.most_open)
        oldest = remove_retired(0);
    retired.instance[retired.n++] = *c;
    retired.n_open--;
    pthread_mutex_unlock(&retired.lock);
    *c = NULL;
    destroy(oldest);
}

enum status compute_open(const struct compute_ops *ops, const struct compute_setup *setup, struct compute **out)
{
    struct compute *c;
    enum status st;

    *out = NULL;
    TRY(check_setup(setup));
    *out = take_retired(ops, setup);
    if (*out) {
        count_open(1);
        return ST_OK;
    }
    c = mem_array(1, sizeof *c);
    TRY_MEM(c);
    c->ops = ops;
    c->setup = *setup;
    c->priv = mem_array(1, ops->priv_bytes);
    st = c->priv ? ops->open(c->priv, setup) : ST_NOMEM;
    if (st != ST_OK) {
        destroy(c);
        return st;
    }
    count_open(1);
    *out = c;
    return ST_OK;
}

void compute_close(struct compute **c)
{
    if (*c)
        count_open(-1);
    destroy(*c);
    *c = NULL;
}

enum status compute_convert(struct compute *c, int slot, const struct frame *f)
{
    if (slot < 0 || slot >= c->setup.batch)
        return FAIL(ST_BUG, "convert: slot %d of %d", slot, c->setup.batch);
    if (f->width < 1 || f->height < 1 || f->width > 65535 || f->height > 65535 || f->depth < 8 || f->depth > 16)
        return FAIL(ST_FORMAT, "a frame of %d x %d samples of %d bits cannot be converted", f->width, f->height,
                    f->depth);
    return c->ops->convert(c->priv, slot, f);
}

enum status compute_load(struct compute *c, int slot, const struct compute_file *file, int64_t at,
                         uint8_t digest[SHA256_BYTES])
{
    if (slot < 0 || slot >= c->setup.batch)
        return FAIL(ST_BUG, "load: slot %d of %d", slot, c->setup.batch);
    return c->ops->load(c->priv, slot, file, at, digest);
}

enum status compute_cluster(struct compute *c, int n, const int64_t *frame_number, struct frame_clusters *clusters,
                            struct frame_light *light, uint8_t **lines)
{
    if (n < 1 || n > c->setup.batch)
        return FAIL(ST_BUG, "cluster: %d of %d slots", n, c->setup.batch);
    return c->ops->cluster(c->priv, n, frame_number, clusters, light, lines);
}

enum status compute_count_cells(struct compute *c, int n, int64_t *frames)
{
    if (n < 1 || n > c->setup.batch)
        return FAIL(ST_BUG, "count_cells: %d of %d slots", n, c->setup.batch);
    return c->ops->count_cells(c->priv, n, frames);
}

enum status compute_pixels(struct compute *c, int slot, uint8_t *rgb)
{
    return c->ops->pixels(c->priv, slot, rgb);
}
