#include "barcode/assemble.h"

#include "barcode/output.h"
#include "barcode/samples.h"
#include "base/mem.h"
#include "image/transfer.h"

#include <stdlib.h>
#include <string.h>

/* The picture's lines as they are seen: a film turned by 90 degrees has them from right to left, by 270 from left to
 * right; by 180 from bottom to top. */
static bool lines_are_reversed(int rotation)
{
    return rotation == 180 || rotation == 270;
}

struct colours { /* out of the clusterings' numbers */
    struct transfer transfer;
    struct space_back back;
};

static enum status fill_column(struct column *c, const struct extract_setup *e, const struct colours *colours,
                               const struct sample_record *record, const uint8_t *lines)
{
    const struct film *f = e->film;
    const uint64_t n_pixels = (uint64_t)e->picture.width * (uint64_t)e->picture.height;
    const size_t n_lines = (size_t)e->n_lines;

    c->frame = e->plan->sample_frame[record->sample];
    c->pts = f->frame[c->frame].pts;
    c->time = film_seconds(f, f->frame[c->frame].ticks);
    c->clusters = record->clusters;
    memcpy(c->native, c->clusters.centre, sizeof c->native);
    for (int i = 0; i < c->clusters.n; i++)
        space_decode(&colours->back, c->native[i], c->clusters.centre[i]);
    for (int i = 0; i < 3; i++)
        c->mean[i] = transfer_encode_mean(&colours->transfer, record->light.sum[i], n_pixels);
    if (n_lines == 0)
        return ST_OK;
    c->lines = mem_array(n_lines, 3);
    TRY_MEM(c->lines);
    for (size_t i = 0; i < n_lines; i++)
        memcpy(c->lines + 3 * i, lines + 3 * (lines_are_reversed(f->info.rotation) ? n_lines - 1 - i : i), 3);
    return ST_OK;
}

static void fill_window(struct window *w, const struct barcode_settings *s, const struct extract_setup *e)
{
    const struct film_info *i = &e->film->info;

    w->tone = e->picture.tone;
    w->is_known = s->crop_mode != CROP_NONE || tone_is_needed(&w->tone);
    w->crop = crop_as_seen(&e->crop, i->rotation);
    w->n_frames = i->look.n_frames;
    const double aspect = barcode_aspect(i, &e->crop);
    snprintf(w->aspect, sizeof w->aspect, aspect < 0.1 ? "%.4f" : "%.2f", aspect);
}

static enum status fill_columns(struct barcode *b, const struct extract_setup *e, const uint8_t *records,
                                char (*hash)[65])
{
    const size_t each = samples_record_bytes(e);
    struct colours *colours = mem_array(1, sizeof *colours);
    enum status st = colours ? ST_OK : ST_NOMEM;

    if (colours) {
        transfer_init(&colours->transfer, b->legacy);
        space_back_init(&colours->back, &e->kmeans.space);
    }
    for (int64_t i = 0; st == ST_OK && i < b->n_columns; i++) {
        const int64_t sample = e->plan->column_sample[i];
        const uint8_t *at = records + (size_t)sample * each;
        const struct sample_record record = samples_read(at);
        memcpy(hash[sample], record.hash, sizeof hash[sample]);
        st = fill_column(&b->columns[i], e, colours, &record, at + sizeof record);
    }
    free(colours);
    return st;
}

enum status assemble(struct barcode *b, const struct barcode_config *config, const struct extract_setup *e,
                     const uint8_t *records, size_t bytes, char (**hash)[65])
{
    const struct picture_settings *p = &e->picture;
    const size_t wanted = (size_t)e->plan->n_samples * samples_record_bytes(e);

    if (bytes != wanted)
        return FAIL(ST_BUG, "gathered %zu bytes instead of %zu", bytes, wanted);
    b->film_path = strdup(config->film);
    b->film = e->film->info;
    b->film_frames = e->film->n_frames;
    b->film_seconds = film_seconds(e->film, e->film->info.duration_ticks);
    b->space = e->kmeans.space;
    fill_window(&b->window, &config->settings, e);
    b->settings_text = barcode_settings_text(&config->settings);
    b->clustered_width = p->lines_are_columns ? p->height : p->width;
    b->clustered_height = p->lines_are_columns ? p->width : p->height;
    b->legacy = p->legacy;
    b->n_lines = e->n_lines;
    *hash = mem_array((size_t)e->plan->n_samples, sizeof **hash);
    b->columns = mem_array((size_t)e->plan->n_columns, sizeof *b->columns);
    if (e->rarity)
        b->rarity = mem_array(WEIGHTS_CELLS, 1);
    TRY_MEM(b->settings_text && *hash && b->columns && (b->rarity || !e->rarity));
    if (e->rarity)
        memcpy(b->rarity, e->rarity, WEIGHTS_CELLS);
    if (!b->film_path)
        return FAIL(ST_NOMEM, "out of memory for the film's name");
    b->n_columns = e->plan->n_columns;
    return fill_columns(b, e, records, *hash);
}
