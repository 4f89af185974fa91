#include "barcode/recheck.h"

#include "barcode/config.h"
#include "barcode/spread.h"
#include "base/mem.h"
#include "image/transfer.h"
#include "film/frame_source.h"

#include <stdlib.h>
#include <string.h>

/* --- frames ------------------------------------------------------------------------------------------------------- */

struct frames_check {
    const struct film *film;
    const char (*hash)[65]; /* [n_samples] */
    int64_t n;
    int64_t *sample, *frame; /* [n] */
    int64_t n_off, first_off;
    char found[65]; /* hash of the first that is off */
};

static enum status compare_hash(void *context, int64_t which, const struct frame *picture, const char *hash)
{
    struct frames_check *c = context;

    (void)picture;
    if (strcmp(hash, c->hash[c->sample[which]]) != 0 && c->n_off++ == 0) {
        c->first_off = which;
        memcpy(c->found, hash, sizeof c->found);
    }
    return ST_OK;
}

static enum status judge_frames(const struct frames_check *c, int64_t n_taken)
{
    const struct film *f = c->film;
    const int64_t which = c->n_off > 0 ? c->first_off : n_taken, frame = c->n > which ? c->frame[which] : 0;
    const double time = film_seconds(f, f->frame[frame].ticks);
    const long long n_off = c->n_off + c->n - n_taken;

    if (n_off == 0)
        return ST_OK;
    if (c->n_off == 0)
        return FAIL(ST_MISMATCH,
                    "%s: frame %lld at %.3f s does not come out of a plain sequential decode (%lld of %lld frames that "
                    "were verified are off): nothing was written",
                    f->path, (long long)frame, time, n_off, (long long)c->n);
    return FAIL(ST_MISMATCH,
                "%s: frame %lld at %.3f s is not what a plain sequential decode gives (SHA-256 %.8s..., not %.8s...; "
                "%lld of %lld frames that were verified are off): nothing was written",
                f->path, (long long)frame, time, c->hash[c->sample[which]], c->found, n_off, (long long)c->n);
}

enum status recheck_frames(const struct extract_setup *extract, const char (*hash)[65], int64_t n,
                           film_progress *progress, void *context)
{
    const struct plan *plan = extract->plan;
    struct frames_check c = {.film = extract->film, .hash = hash};
    enum status st = ST_NOMEM;
    int64_t n_taken = 0;

    c.n = spread_count(plan->n_samples, n);
    c.sample = mem_array((size_t)c.n, sizeof *c.sample);
    c.frame = mem_array((size_t)c.n, sizeof *c.frame);
    if (!c.sample || !c.frame)
        goto done;
    for (int64_t i = 0; i < c.n; i++) {
        c.sample[i] = spread_at(plan->n_samples, c.n, i);
        c.frame[i] = plan->sample_frame[c.sample[i]];
    }
    const struct plain_decode plain = {.path = extract->film->path,
                                       .frame = c.frame,
                                       .n = c.n,
                                       .want_hash = true,
                                       .stop = extract->stop,
                                       .progress = progress,
                                       .watcher = context,
                                       .take = compare_hash,
                                       .taker = &c};
    st = plain_decode(&plain, &n_taken);
    if (st == ST_OK)
        st = judge_frames(&c, n_taken);
done:
    free(c.sample);
    free(c.frame);
    return st;
}

/* --- columns ------------------------------------------------------------------------------------------------------ */

struct columns_check {
    const struct barcode *barcode;
    const char *path;
    int64_t n;
    int64_t *column, *frame; /* [n] */
    int64_t n_same;
    struct frame_crop crop; /* of the film's pictures as they are coded */
    struct picture_settings picture;
    struct space_back space;
    struct compute *compute;
    struct transfer transfer;
    uint8_t *lines; /* [barcode->n_lines][3], as the picture has them */
};

/* What the column says of the clusters, in their space and as sRGB. */
static bool are_same_clusters(const struct columns_check *c, const struct column *column,
                              const struct frame_clusters *found)
{
    const struct frame_clusters *said = &column->clusters;
    bool is_same =
        said->n == found->n && (double)said->inertia == (double)found->inertia; /* as side-cars can hold it */

    for (int i = 0; is_same && i < said->n; i++) {
        const bool is_native = c->space.rules.space == SPACE_SRGB ||
                               memcmp(column->native[i], found->centre[i], sizeof found->centre[i]) == 0;
        uint16_t rgb[3];
        space_decode(&c->space, found->centre[i], rgb);
        is_same = is_native && said->count[i] == found->count[i] && memcmp(said->centre[i], rgb, sizeof rgb) == 0;
    }
    return is_same;
}

/* A picture that is seen turned by 180 or 270 degrees has its lines the other way round. */
static bool are_same_lines(const struct columns_check *c, const struct column *column)
{
    const size_t n = (size_t)c->barcode->n_lines;
    const bool is_reversed = c->barcode->film.rotation >= 180;

    for (size_t i = 0; i < n; i++)
        if (memcmp(column->lines + 3 * i, c->lines + 3 * (is_reversed ? n - 1 - i : i), 3) != 0)
            return false;
    return true;
}

static const char *what_differs(const struct columns_check *c, const struct column *column,
                                const struct frame_clusters *clusters, const struct frame_light *light)
{
    const uint64_t n_pixels = (uint64_t)c->picture.width * (uint64_t)c->picture.height;
    bool is_same_mean = true;

    for (int i = 0; i < 3; i++)
        is_same_mean = is_same_mean && column->mean[i] == transfer_encode_mean(&c->transfer, light->sum[i], n_pixels);
    return !is_same_mean                             ? "mean colour"
           : !are_same_clusters(c, column, clusters) ? "clusters"
           : !are_same_lines(c, column)              ? "lines"
                                                     : NULL;
}

static enum status compare_column(void *context, int64_t which, const struct frame *picture, const char *hash)
{
    struct columns_check *c = context;
    const struct column *column = &c->barcode->columns[c->column[which]];
    struct frame_clusters clusters;
    struct frame_light light;

    (void)hash;
    const struct frame window = frame_window(picture, &c->crop, c->barcode->film.width, c->barcode->film.height);
    TRY(compute_convert(c->compute, 0, &window));
    TRY(compute_cluster(c->compute, 1, &column->frame, &clusters, &light, &c->lines));
    const char *what = what_differs(c, column, &clusters, &light);
    if (what)
        return FAIL(ST_MISMATCH,
                    "frame %lld at %.3f s (column %lld) is not what a plain sequential decode of its film %s gives: "
                    "another %s",
                    (long long)column->frame, column->time, (long long)c->column[which], c->path, what);
    c->n_same++;
    return ST_OK;
}

/* Several columns may be of one frame. */
static enum status choose_columns(struct columns_check *c, int64_t n)
{
    const struct barcode *b = c->barcode;
    const int64_t wanted = spread_count(b->n_columns, n);

    c->column = mem_array((size_t)wanted, sizeof *c->column);
    c->frame = mem_array((size_t)wanted, sizeof *c->frame);
    TRY_MEM(c->column && c->frame);
    for (int64_t i = 0; i < wanted; i++) {
        const int64_t column = spread_at(b->n_columns, wanted, i), frame = b->columns[column].frame;
        if (frame >= b->film_frames)
            return FAIL(ST_FORMAT, "column %lld is of frame %lld of %lld", (long long)column, (long long)frame,
                        (long long)b->film_frames);
        if (c->n > 0 && frame < c->frame[c->n - 1])
            return FAIL(ST_FORMAT, "the frames of its columns do not rise: column %lld", (long long)column);
        if (c->n > 0 && frame == c->frame[c->n - 1])
            continue;
        c->column[c->n] = column;
        c->frame[c->n++] = frame;
    }
    return ST_OK;
}

static enum status open_compute(struct columns_check *c)
{
    const struct barcode *b = c->barcode;
    const bool is_on_side = b->film.rotation % 180 != 0;
    struct compute_setup setup = {.batch = 1};

    c->crop = crop_as_coded(&b->window.crop, b->film.rotation);
    c->picture = (struct picture_settings){.width = is_on_side ? b->clustered_height : b->clustered_width,
                                           .height = is_on_side ? b->clustered_width : b->clustered_height,
                                           .tone = b->window.tone,
                                           .legacy = b->legacy,
                                           .want_lines = b->n_lines > 0,
                                           .lines_are_columns = is_on_side};
    setup.picture = c->picture;
    TRY(barcode_settings_read_kmeans(b->settings_text, &setup.kmeans));
    space_back_init(&c->space, &setup.kmeans.space);
    setup.rarity = b->rarity;
    if (setup.kmeans.weights.weight == WEIGHT_RARE && !b->rarity)
        return FAIL(ST_FORMAT, "its colours were weighed by rarity, of which it says nothing");
    if (b->n_lines > 0 && b->n_lines != b->clustered_height)
        return FAIL(ST_FORMAT, "its columns have %d lines, its picture %d", b->n_lines, b->clustered_height);
    c->lines = mem_array((size_t)b->n_lines, 3);
    TRY_MEM(c->lines);
    transfer_init(&c->transfer, b->legacy);
    return compute_open(&compute_cpu, &setup, &c->compute);
}

static enum status decode_columns(struct columns_check *c, const atomic_int *stop, film_progress *progress,
                                  void *context)
{
    const struct plain_decode plain = {.path = c->path,
                                       .frame = c->frame,
                                       .n = c->n,
                                       .stop = stop,
                                       .progress = progress,
                                       .watcher = context,
                                       .take = compare_column,
                                       .taker = c};
    int64_t n_taken;

    TRY(plain_decode(&plain, &n_taken));
    if (n_taken == c->n)
        return ST_OK;
    const struct column *lost = &c->barcode->columns[c->column[n_taken]];
    return FAIL(ST_MISMATCH,
                "frame %lld at %.3f s (column %lld) does not come out of a plain sequential decode of its film %s",
                (long long)lost->frame, lost->time, (long long)c->column[n_taken], c->path);
}

enum status recheck_columns(const struct barcode *b, const char *path, int64_t n, const atomic_int *stop,
                            film_progress *progress, void *context, int64_t *n_same)
{
    struct columns_check *c = mem_array(1, sizeof *c);
    enum status st;

    *n_same = 0;
    TRY_MEM(c);
    c->barcode = b;
    c->path = path;
    st = choose_columns(c, n);
    if (st == ST_OK)
        st = open_compute(c);
    if (st == ST_OK)
        st = decode_columns(c, stop, progress, context);
    *n_same = c->n_same;
    compute_close(&c->compute);
    free(c->lines);
    free(c->frame);
    free(c->column);
    free(c);
    return st;
}
