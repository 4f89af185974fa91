#include "image/bars.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

/* In levels of 8 bits above black, of which white has 219. */
enum {
    DARKEST_PICTURE = 28, /* a bar is no brighter: black by the 7.5 IRE of old video is 16 */
    LEAST_NOISE = 12,     /* about a bar's mean, from a coder; more where the bar itself is noisy, but not more than */
    MOST_NOISE = 24,
    MOST_DRIFT = 6, /* of a line's mean from the outermost lines'; a sky is darker at the top */
    BRIGHT = 60,    /* above a bar's mean: no coder makes that of it */
    LIT = 40        /* what is brighter is exposed */
};
/* One sample in so many may be noisier, as beside a picture's edge, one may be bright: the letters of the shortest
 * subtitle are more. */
enum { OUTERMOST = 2, NOISY_SAMPLES = 20, BRIGHT_SAMPLES = 400 };

/* Samples of a plane as lines that lie one behind the other, the first one at the frame's edge. */
struct lines {
    const uint8_t *at;
    ptrdiff_t along, inwards; /* bytes from sample to sample, from line to line */
    int length, n;
    int bytes, shift;
};

/* What levels are in the frame's samples. */
struct scale {
    double level;      /* samples a level */
    int black, middle; /* of luma; of chroma */
};

enum side { TOP, RIGHT, BOTTOM, LEFT, N_SIDES };

static struct scale scale_of(const struct frame *f)
{
    const int one = 1 << (f->depth - 8);

    return (struct scale){f->full_range ? ((1 << f->depth) - 1) / 219.0 : one, f->full_range ? 0 : 16 * one, 128 * one};
}

static int sample(const struct lines *l, int line, int i)
{
    const uint8_t *at = l->at + line * l->inwards + i * l->along;

    return (l->bytes == 1 ? at[0] : at[0] | at[1] << 8) >> l->shift;
}

/* A plane's lines inwards from a side; of upright ones the stretch from row `first` to row `last`. channel: 0 or 1 of
 * interleaved planes. */
static struct lines lines_of(const struct frame *f, int plane, int channel, enum side side, int first, int last)
{
    const int cw = plane ? f->chroma_w_log2 : 0, ch = plane ? f->chroma_h_log2 : 0;
    const int bytes = f->depth > 8 ? 2 : 1, step = plane && f->n_planes == 2 ? 2 * bytes : bytes;
    const int width = (f->width + (1 << cw) - 1) >> cw, height = (f->height + (1 << ch) - 1) >> ch;
    const uint8_t *at = (const uint8_t *)f->plane[plane] + channel * bytes;
    const ptrdiff_t row = f->stride[plane];
    struct lines l = {at, step, row, width, height, bytes, f->shift};

    if (side == BOTTOM) {
        l.at = at + (height - 1) * row;
        l.inwards = -row;
    } else if (side != TOP) {
        const int from = first >> ch, to = (last + (1 << ch) - 1) >> ch;
        l = (struct lines){at + from * row, row, step, to - from, width, bytes, f->shift};
        if (side == RIGHT) {
            l.at += (width - 1) * step;
            l.inwards = -step;
        }
    }
    return l;
}

struct level {
    double mean, noise; /* standard deviation */
};

static struct level outermost(const struct lines *l)
{
    const int n_lines = l->n < OUTERMOST ? l->n : OUTERMOST, n = n_lines * l->length;
    int64_t sum = 0, squares = 0;

    for (int line = 0; line < n_lines; line++)
        for (int i = 0; i < l->length; i++) {
            const int64_t v = sample(l, line, i);
            sum += v;
            squares += v * v;
        }
    const double mean = (double)sum / n, variance = (double)squares / n - mean * mean;
    return (struct level){mean, sqrt(fmax(variance, 0.0))};
}

/* A line of the bar's mean but for noise. */
static bool is_even(const struct lines *l, int line, const struct scale *s, double mean, double margin)
{
    int64_t sum = 0;
    int n_noisy = 0, n_bright = 0;

    for (int i = 0; i < l->length; i++) {
        const int v = sample(l, line, i);
        sum += v;
        n_noisy += fabs(v - mean) > margin;
        n_bright += fabs(v - mean) > BRIGHT * s->level;
    }
    return (int64_t)n_noisy * NOISY_SAMPLES <= l->length && (int64_t)n_bright * BRIGHT_SAMPLES <= l->length &&
           fabs((double)sum / l->length - mean) <= MOST_DRIFT * s->level;
}

static double within(double value, double low, double high)
{
    return fmin(fmax(value, low), high);
}

/* Lines of one plane that are dark and alike. *mean: of the outermost. */
static int n_dark_lines(const struct lines *l, const struct scale *s, double *mean)
{
    const struct level edge = outermost(l);
    const double margin = within(3.0 * edge.noise, LEAST_NOISE * s->level, MOST_NOISE * s->level);
    int n = 0;

    *mean = edge.mean;
    if (edge.mean - s->black > DARKEST_PICTURE * s->level)
        return 0;
    while (n < l->n && is_even(l, n, s, edge.mean, margin))
        n++;
    return n;
}

/* How many of n dark lines are neutral: by chroma samples that lie in them with all of their luma. */
static int n_neutral_lines(const struct frame *f, const struct scale *s, enum side side, int n, int first, int last)
{
    const bool is_row = side == TOP || side == BOTTOM;
    const int cell_log2 = is_row ? f->chroma_h_log2 : f->chroma_w_log2, size = is_row ? f->height : f->width;
    /* the far side's last chroma sample may have fewer lines of luma */
    const int lacking = side == BOTTOM || side == RIGHT ? -size & ((1 << cell_log2) - 1) : 0;
    const int n_cells = (n + lacking) >> cell_log2;

    for (int channel = 0; channel < 2; channel++) {
        const bool is_interleaved = f->n_planes == 2;
        const struct lines l =
            lines_of(f, is_interleaved ? 1 : 1 + channel, is_interleaved ? channel : 0, side, first, last);
        for (int c = 0; c < n_cells && c < l.n; c++)
            if (!is_even(&l, c, s, s->middle, LEAST_NOISE * s->level)) {
                const int neutral = (c << cell_log2) - lacking;
                n = neutral < n ? neutral > 0 ? neutral : 0 : n;
                break;
            }
    }
    return n;
}

static int n_bar_lines(const struct frame *f, const struct scale *s, enum side side, int first, int last)
{
    double mean[3];
    struct lines l = lines_of(f, 0, 0, side, first, last);
    int n = n_dark_lines(&l, s, &mean[0]);

    if (f->matrix != FRAME_RGB)
        return n > 0 && f->n_planes > 1 ? n_neutral_lines(f, s, side, n, first, last) : n;
    for (int p = 1; p < f->n_planes && n > 0; p++) {
        l = lines_of(f, p, 0, side, first, last);
        const int of_plane = n_dark_lines(&l, s, &mean[p]);
        n = fabs(mean[p] - mean[0]) > LEAST_NOISE * s->level ? 0 : of_plane < n ? of_plane : n;
    }
    return n;
}

/* A quarter of the middle half is lit. */
static bool is_exposed(const struct frame *f, const struct scale *s)
{
    const struct lines l = lines_of(f, 0, 0, TOP, 0, 0);
    int n = 0, n_lit = 0;

    for (int y = f->height / 4; y < f->height - f->height / 4; y++)
        for (int x = f->width / 4; x < f->width - f->width / 4; x++, n++)
            n_lit += sample(&l, y, x) - s->black > LIT * s->level;
    return 4 * n_lit >= n && n > 0;
}

struct bars bars_measure(const struct frame *f)
{
    const struct scale s = scale_of(f);
    struct bars b = {.is_exposed = is_exposed(f, &s)};

    b.at.top = n_bar_lines(f, &s, TOP, 0, 0);
    b.at.bottom = n_bar_lines(f, &s, BOTTOM, 0, 0);
    const int last = f->height - b.at.bottom;
    if (b.at.top >= last) {
        b.at.left = b.at.right = f->width;
        return b;
    }
    b.at.left = n_bar_lines(f, &s, LEFT, b.at.top, last);
    b.at.right = n_bar_lines(f, &s, RIGHT, b.at.top, last);
    return b;
}

/* --- together ----------------------------------------------------------------------------------------------------- */

/* One side of all frames. */
static int extent(const struct bars *b, enum side side)
{
    const int of[N_SIDES] = {b->at.top, b->at.right, b->at.bottom, b->at.left};

    return of[side];
}

/* The most common extent of well exposed frames, the larger one of two as common; 0 where not even a third of them are
 * near it: dark pictures have dark edges, each its own. */
static int agreed(const struct bars *bars, int n, enum side side, int near)
{
    int best = 0, most = 0, n_exposed = 0, n_near = 0;

    for (int i = 0; i < n; i++) {
        const int at = extent(&bars[i], side);
        int n_same = 0;
        for (int j = 0; j < n; j++)
            n_same += bars[j].is_exposed && extent(&bars[j], side) == at;
        if (bars[i].is_exposed && (n_same > most || (n_same == most && at > best))) {
            most = n_same;
            best = at;
        }
        n_exposed += bars[i].is_exposed;
    }
    for (int i = 0; i < n; i++)
        n_near += bars[i].is_exposed && abs(extent(&bars[i], side) - best) <= near;
    return 3 * n_near >= n_exposed ? best : 0;
}

/* A side's bar: the smallest there is, but lines beside the edge may be noisy or not. */
static int join_side(const struct bars *bars, int n, enum side side, int length)
{
    const int near = length / 200 > 4 ? length / 200 : 4, most = agreed(bars, n, side, near);
    int least = most;

    for (int i = 0; i < n; i++)
        least = extent(&bars[i], side) < least ? extent(&bars[i], side) : least;
    least = most - least <= near ? most : least;
    return 100 * (int64_t)least < length ? 0 : least;
}

/* The two bars of an axis, rounded inwards. False where too little is left between them. */
static bool settle(int *near, int *far, int length, int chroma_log2)
{
    const int cell = 1 << chroma_log2, first = (*near + cell - 1) / cell * cell;
    const int last = *far ? (length - *far) / cell * cell : length;

    *near = first;
    *far = length - last;
    return 100 * (int64_t)(last - first) >= 45 * (int64_t)length;
}

enum bars_verdict bars_join(const struct bars *bars, int n, int width, int height, int chroma_w_log2, int chroma_h_log2,
                            struct frame_crop *crop)
{
    struct frame_crop c = {join_side(bars, n, TOP, height), join_side(bars, n, RIGHT, width),
                           join_side(bars, n, BOTTOM, height), join_side(bars, n, LEFT, width)};
    bool is_any = false;

    *crop = (struct frame_crop){0};
    for (int i = 0; i < n; i++)
        is_any |= bars[i].is_exposed;
    if (!is_any)
        return BARS_UNKNOWN;
    if (!settle(&c.top, &c.bottom, height, chroma_h_log2) || !settle(&c.left, &c.right, width, chroma_w_log2))
        return BARS_MISTAKEN;
    *crop = c;
    return c.top + c.right + c.bottom + c.left > 0 ? BARS_FOUND : BARS_NONE;
}
