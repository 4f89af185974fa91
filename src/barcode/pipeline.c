#include "barcode/pipeline.h"

#include "barcode/output.h"
#include "base/log.h"
#include "base/mem.h"
#include "compute/kmeans_rules.h"
#include "film/frame_source.h"
#include "image/transfer.h"

#include <stdlib.h>
#include <string.h>

/* Small enough that the last ones leave no worker waiting: workers take many at a time as long as there are many. */
enum { SEGMENTS_PER_SHARE = 1024 };

void pipeline_init(struct pipeline *pipeline, const struct barcode_config *config, atomic_int *stop)
{
    *pipeline = (struct pipeline){.config = *config, .stop = stop};
    if (pipeline->config.n_init == 0)
        pipeline->config.n_init = kmeans_default_restarts(config->k, config->plain);
}

void pipeline_release(struct pipeline *pipeline)
{
    barcode_release(&pipeline->barcode);
    free(pipeline->hash);
    pipeline->hash = NULL;
    plan_release(&pipeline->plan);
    film_release(&pipeline->film);
}

/* --- index -------------------------------------------------------------------------------------------------------- */

void pipeline_describe_film(const struct pipeline *pipeline)
{
    const struct film *f = &pipeline->film;
    const struct film_info *i = &f->info;

    log_note("%s: %s, %s %dx%d %s%s, %lld frames, %.2f s", f->path, i->container, i->codec, i->width, i->height,
             i->pixel_format, i->rotation ? " (turned)" : "", (long long)f->n_frames,
             film_seconds(f, i->duration_ticks));
}

static void note_what_is_uncommon(const struct pipeline *pipeline)
{
    const struct film *f = &pipeline->film;
    const struct film_info *i = &f->info;

    if (i->n_video_streams > 1)
        log_note("%d video streams: taking stream %d, the default one", i->n_video_streams, i->stream);
    if (i->n_lead_in > 0)
        log_note("the film starts in the middle of a group of pictures: its first %lld frames cannot be decoded",
                 (long long)i->n_lead_in);
    if (i->is_hdr)
        log_note("the film is HDR (PQ or HLG): its colours are taken as they are coded, without tone mapping");
}

/* Three outcomes: whole, whole with a note, and not whole. */
static enum status judge_whole(const struct pipeline *pipeline)
{
    const struct film *f = &pipeline->film;
    const struct film_info *i = &f->info;

    if (i->unsplit[0])
        log_note("decoded from start to end, unsplit: %s", i->unsplit);
    if (i->note[0])
        log_note("%s counts as whole, with a note: %s", f->path, i->note);
    else if (i->largest_gap_ticks > 0 && !i->incomplete[0])
        log_note("no frame for %.1f s after %.1f s", film_seconds(f, i->largest_gap_ticks),
                 film_seconds(f, i->largest_gap_at));
    if (!i->incomplete[0])
        return ST_OK;
    if (!pipeline->config.allow_partial)
        return FAIL(ST_FORMAT, "%s is not whole: %s (--allow-partial draws what there is)", pipeline->film.path,
                    i->incomplete);
    log_note("%s is not whole: %s; drawing what there is", pipeline->film.path, i->incomplete);
    return ST_OK;
}

enum status pipeline_judge_film(const struct pipeline *pipeline)
{
    note_what_is_uncommon(pipeline);
    return judge_whole(pipeline);
}

enum status pipeline_list_again(struct pipeline *pipeline, film_progress *progress, void *context)
{
    TRY(film_list_by_decoding(&pipeline->film, "split decoding did not give the frames that were listed",
                              pipeline->stop, progress, context));
    if (pipeline->film.n_frames == 0)
        return FAIL(ST_FORMAT, "%s: no frame could be decoded", pipeline->film.path);
    return judge_whole(pipeline);
}

/* --- plan --------------------------------------------------------------------------------------------------------- */

enum status pipeline_plan(struct pipeline *pipeline, int n_shares)
{
    plan_release(&pipeline->plan);
    return plan_make(&pipeline->plan, &pipeline->film, &pipeline->config.sampling, n_shares, SEGMENTS_PER_SHARE);
}

void loom_setup_extract(struct pipeline *pipeline, int share)
{
    const struct barcode_config *c = &pipeline->config;
    struct picture_settings picture = {.legacy = c->legacy};
    bool want_lines = false;

    for (int i = 0; i < c->n_strips; i++)
        want_lines |= c->strip[i] == STRIP_SQUEEZED;
    barcode_picture_size(&pipeline->film.info, c, &picture.width, &picture.height);
    picture.want_lines = want_lines;
    picture.lines_are_columns = pipeline->film.info.rotation % 180 != 0;
    pipeline->extract = (struct extract_setup){
        .film = &pipeline->film,
        .plan = &pipeline->plan,
        .rank = share,
        .ops = pipeline->resources.ops,
        .device = pipeline->resources.device,
        .picture = picture,
        .kmeans = {.k = c->k, .n_init = c->n_init, .plain = c->plain, .seed = c->seed},
        .n_lines = !want_lines                 ? 0
                   : picture.lines_are_columns ? picture.width
                                               : picture.height,
        .threads = pipeline->resources.threads,
        .n_gpu_sharers = pipeline->resources.n_gpu_sharers,
        .n_host_sharers = pipeline->resources.n_host_sharers,
        .want_hash = c->frame_hashes != NULL || c->verify_samples > 0,
        .n_hashed = c->frame_hashes ? 0 : c->verify_samples,
        .stop = pipeline->stop,
    };
}

enum status pipeline_share_film(struct pipeline *pipeline, struct comm *comm)
{
    struct film *f = &pipeline->film;
    int64_t n[2] = {f->n_packets, f->n_frames};
    enum status st = ST_OK;

    TRY(comm_bcast(comm, n, sizeof n));
    TRY(comm_bcast(comm, &f->info, sizeof f->info));
    if (comm->rank > 0) {
        film_release(&(struct film){.packet = f->packet, .frame = f->frame});
        f->n_packets = n[0];
        f->n_frames = n[1];
        f->path = f->path ? f->path : strdup(pipeline->config.film);
        f->packet = mem_array((size_t)n[0], sizeof *f->packet);
        f->frame = mem_array((size_t)n[1], sizeof *f->frame);
        st = f->path && f->packet && f->frame ? ST_OK : ST_NOMEM;
    }
    TRY(comm_agree(comm, st));
    TRY(comm_bcast(comm, f->packet, (size_t)n[0] * sizeof *f->packet));
    return comm_bcast(comm, f->frame, (size_t)n[1] * sizeof *f->frame);
}

enum status pipeline_plan_ranks(struct pipeline *pipeline, struct comm *comm)
{
    enum status st = pipeline_plan(pipeline, comm->size);

    if (st == ST_OK)
        loom_setup_extract(pipeline, comm->rank);
    if (st == ST_OK && comm->rank == 0)
        st = output_check_size(&pipeline->config, pipeline->plan.n_columns, pipeline->extract.n_lines);
    return comm_agree(comm, st);
}

/* --- samples ------------------------------------------------------------------------------------------------------ */

struct sample_record { /* followed by the lines */
    int64_t sample;
    struct frame_clusters clusters;
    struct frame_light light;
    char hash[65];
};

size_t pipeline_record_bytes(const struct pipeline *pipeline)
{
    return sizeof(struct sample_record) + 3 * (size_t)pipeline->extract.n_lines;
}

enum status pipeline_pack(const struct pipeline *pipeline, const struct extract_result *r, uint8_t **packed,
                          size_t *bytes)
{
    const size_t each = pipeline_record_bytes(pipeline), line_bytes = each - sizeof(struct sample_record);
    uint8_t *at = *packed = mem_array((size_t)r->n, each);

    if (!at)
        return ST_NOMEM;
    for (int64_t i = 0; i < r->n; i++) {
        struct sample_record record;
        if (r->delivered[i] != 1)
            continue;
        memset(&record, 0, sizeof record);
        record.sample = r->first + i;
        record.clusters = r->clusters[i];
        record.light = r->light[i];
        if (pipeline->extract.want_hash)
            memcpy(record.hash, r->hash[i], sizeof record.hash);
        memcpy(at, &record, sizeof record);
        memcpy(at + sizeof record, r->lines + (size_t)i * line_bytes, line_bytes);
        at += each;
    }
    *bytes = (size_t)(at - *packed);
    return ST_OK;
}

int64_t pipeline_record_sample(const uint8_t *at)
{
    struct sample_record record;

    memcpy(&record, at, sizeof record);
    return record.sample;
}

void pipeline_unpack(const struct pipeline *pipeline, const uint8_t *at, struct extract_result *r)
{
    const size_t line_bytes = 3 * (size_t)pipeline->extract.n_lines;
    struct sample_record record;

    memcpy(&record, at, sizeof record);
    const int64_t i = record.sample - r->first;
    r->clusters[i] = record.clusters;
    r->light[i] = record.light;
    if (pipeline->extract.want_hash)
        memcpy(r->hash[i], record.hash, sizeof record.hash);
    memcpy(r->lines + (size_t)i * line_bytes, at + sizeof record, line_bytes);
    r->delivered[i] = 1;
}

/* --- columns ------------------------------------------------------------------------------------------------------ */

/* The picture's lines as they are seen: a film turned by 90 degrees has them from right to left, by 270 from left to
 * right; by 180 from bottom to top. */
static bool lines_are_reversed(int rotation)
{
    return rotation == 180 || rotation == 270;
}

static enum status fill_column(struct pipeline *pipeline, const struct transfer *transfer, int64_t i,
                               const struct sample_record *record, const uint8_t *lines)
{
    const struct film *f = &pipeline->film;
    const struct film_frame *frame = &f->frame[pipeline->plan.sample_frame[record->sample]];
    const uint64_t n_pixels = (uint64_t)pipeline->extract.picture.width * (uint64_t)pipeline->extract.picture.height;
    const size_t n_lines = (size_t)pipeline->extract.n_lines;
    struct column *c = &pipeline->barcode.columns[i];

    c->frame = pipeline->plan.sample_frame[record->sample];
    c->pts = frame->pts;
    c->time = film_seconds(f, frame->ticks);
    c->clusters = record->clusters;
    for (int j = 0; j < 3; j++)
        c->mean[j] = transfer_encode_mean(transfer, record->light.sum[j], n_pixels);
    if (n_lines == 0)
        return ST_OK;
    c->lines = mem_array(n_lines, 3);
    if (!c->lines)
        return ST_NOMEM;
    for (size_t j = 0; j < n_lines; j++)
        memcpy(c->lines + 3 * j, lines + 3 * (lines_are_reversed(f->info.rotation) ? n_lines - 1 - j : j), 3);
    return ST_OK;
}

static enum status copy_facts(struct pipeline *pipeline)
{
    const struct film_info *i = &pipeline->film.info;
    struct film_facts *f = &pipeline->barcode.film;

    f->path = strdup(pipeline->config.film);
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
    f->frames = pipeline->film.n_frames;
    f->seconds = film_seconds(&pipeline->film, i->duration_ticks);
    f->time_base_num = i->time_base_num;
    f->time_base_den = i->time_base_den;
    f->frames_lead_in = i->n_lead_in;
    f->frames_missing = i->frames_missing;
    f->frames_damaged = i->frames_damaged;
    if (i->incomplete[0])
        f->partial = strdup(i->incomplete);
    if (i->note[0])
        f->note = strdup(i->note);
    return f->path && (f->partial || !i->incomplete[0]) && (f->note || !i->note[0])
               ? ST_OK
               : FAIL(ST_NOMEM, "out of memory for the film's facts");
}

enum status pipeline_assemble(struct pipeline *pipeline, const uint8_t *packed, size_t bytes)
{
    const struct picture_settings *p = &pipeline->extract.picture;
    const size_t each = pipeline_record_bytes(pipeline);
    struct barcode *b = &pipeline->barcode;
    struct transfer *transfer = mem_array(1, sizeof *transfer);
    enum status st = ST_NOMEM;

    if (bytes != (size_t)pipeline->plan.n_samples * each) {
        st = FAIL(ST_BUG, "gathered %zu bytes instead of %zu", bytes, (size_t)pipeline->plan.n_samples * each);
        goto done;
    }
    TRY_OR(done, st, copy_facts(pipeline));
    st = ST_NOMEM;
    b->settings_text = output_settings_text(&pipeline->config);
    b->clustered_width = p->lines_are_columns ? p->height : p->width;
    b->clustered_height = p->lines_are_columns ? p->width : p->height;
    b->legacy = p->legacy;
    b->n_lines = pipeline->extract.n_lines;
    b->columns = mem_array((size_t)pipeline->plan.n_columns, sizeof *b->columns);
    pipeline->hash = mem_array((size_t)pipeline->plan.n_samples, sizeof *pipeline->hash);
    if (!transfer || !b->settings_text || !b->columns || !pipeline->hash)
        goto done;
    b->n_columns = pipeline->plan.n_columns;
    transfer_init(transfer, p->legacy);
    for (int64_t i = 0; i < b->n_columns; i++) {
        struct sample_record record; /* rank order is film order */
        const uint8_t *at = packed + (size_t)pipeline->plan.column_sample[i] * each;
        memcpy(&record, at, sizeof record);
        memcpy(pipeline->hash[pipeline->plan.column_sample[i]], record.hash, sizeof record.hash);
        TRY_OR(done, st, fill_column(pipeline, transfer, i, &record, at + sizeof record));
    }
    st = ST_OK;
done:
    free(transfer);
    return st;
}

enum status pipeline_write(struct pipeline *pipeline)
{
    const char **hash = mem_array((size_t)pipeline->barcode.n_columns, sizeof *hash);
    enum status st;

    if (!hash)
        return ST_NOMEM;
    for (int64_t i = 0; i < pipeline->barcode.n_columns; i++)
        hash[i] = pipeline->hash[pipeline->plan.column_sample[i]];
    st = output_write(&pipeline->config, &pipeline->barcode, hash, pipeline->stop);
    free(hash);
    return st;
}
