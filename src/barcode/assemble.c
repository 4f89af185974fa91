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

static enum status fill_column(struct column *c, const struct extract_setup *e, const struct transfer *transfer,
                               const struct sample_record *record, const uint8_t *lines)
{
    const struct film *f = e->film;
    const uint64_t n_pixels = (uint64_t)e->picture.width * (uint64_t)e->picture.height;
    const size_t n_lines = (size_t)e->n_lines;

    c->frame = e->plan->sample_frame[record->sample];
    c->pts = f->frame[c->frame].pts;
    c->time = film_seconds(f, f->frame[c->frame].ticks);
    c->clusters = record->clusters;
    for (int i = 0; i < 3; i++)
        c->mean[i] = transfer_encode_mean(transfer, record->light.sum[i], n_pixels);
    if (n_lines == 0)
        return ST_OK;
    c->lines = mem_array(n_lines, 3);
    if (!c->lines)
        return ST_NOMEM;
    for (size_t i = 0; i < n_lines; i++)
        memcpy(c->lines + 3 * i, lines + 3 * (lines_are_reversed(f->info.rotation) ? n_lines - 1 - i : i), 3);
    return ST_OK;
}

static enum status copy_facts(struct film_facts *f, const struct film *film, const char *path)
{
    const struct film_info *i = &film->info;

    f->path = strdup(path);
    f->bytes = i->bytes;
    memcpy(f->fingerprint, i->fingerprint, sizeof f->fingerprint);
    memcpy(f->container, i->container, sizeof f->container);
    memcpy(f->codec, i->codec, sizeof f->codec);
    memcpy(f->pixel_format, i->pixel_format, sizeof f->pixel_format);
    memcpy(f->matrix, i->matrix, sizeof f->matrix);
    memcpy(f->range, i->range, sizeof f->range);
    f->width = i->width;
    f->height = i->height;
    f->rotation = i->rotation;
    f->sar_num = i->sar_num;
    f->sar_den = i->sar_den;
    f->frames = film->n_frames;
    f->seconds = film_seconds(film, i->duration_ticks);
    f->time_base_num = i->time_base_num;
    f->time_base_den = i->time_base_den;
    f->frames_lead_in = i->n_lead_in;
    f->frames_missing = i->frames_missing;
    f->frames_damaged = i->frames_damaged;
    f->partial = i->incomplete[0] ? strdup(i->incomplete) : NULL;
    f->note = i->note[0] ? strdup(i->note) : NULL;
    return f->path && (f->partial || !i->incomplete[0]) && (f->note || !i->note[0])
               ? ST_OK
               : FAIL(ST_NOMEM, "out of memory for the film's facts");
}

static enum status fill_columns(struct barcode *b, const struct extract_setup *e, const uint8_t *records,
                                char (*hash)[65])
{
    const size_t each = samples_record_bytes(e);
    struct transfer *transfer = mem_array(1, sizeof *transfer);
    enum status st = transfer ? ST_OK : ST_NOMEM;

    if (transfer)
        transfer_init(transfer, b->legacy);
    for (int64_t i = 0; st == ST_OK && i < b->n_columns; i++) {
        const int64_t sample = e->plan->column_sample[i];
        const uint8_t *at = records + (size_t)sample * each;
        const struct sample_record record = samples_read(at);
        memcpy(hash[sample], record.hash, sizeof hash[sample]);
        st = fill_column(&b->columns[i], e, transfer, &record, at + sizeof record);
    }
    free(transfer);
    return st;
}

enum status assemble(struct barcode *b, const struct barcode_config *config, const struct extract_setup *e,
                     const uint8_t *records, size_t bytes, char (*hash)[65])
{
    const struct picture_settings *p = &e->picture;
    const size_t wanted = (size_t)e->plan->n_samples * samples_record_bytes(e);

    if (bytes != wanted)
        return FAIL(ST_BUG, "gathered %zu bytes instead of %zu", bytes, wanted);
    TRY(copy_facts(&b->film, e->film, config->film));
    b->settings_text = barcode_settings_text(&config->settings);
    b->clustered_width = p->lines_are_columns ? p->height : p->width;
    b->clustered_height = p->lines_are_columns ? p->width : p->height;
    b->legacy = p->legacy;
    b->n_lines = e->n_lines;
    b->columns = mem_array((size_t)e->plan->n_columns, sizeof *b->columns);
    if (!b->settings_text || !b->columns)
        return ST_NOMEM;
    b->n_columns = e->plan->n_columns;
    return fill_columns(b, e, records, hash);
}
