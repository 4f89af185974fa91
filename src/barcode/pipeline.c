#include "barcode/pipeline.h"

#include "barcode/assemble.h"
#include "barcode/frame_store.h"
#include "barcode/look.h"
#include "barcode/output.h"
#include "barcode/recheck.h"
#include "barcode/samples.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/file_mark.h"
#include "base/log.h"
#include "base/mem.h"
#include "film/frame_source.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Small enough that the last ones leave no thread waiting: threads take many at a time as long as there are many. */
enum { SEGMENTS_PER_SHARE = 1024 };

void pipeline_init(struct pipeline *p, const struct barcode_config *config, atomic_int *stop)
{
    *p = (struct pipeline){.config = *config, .stop = stop};
    barcode_settings_complete(&p->config.settings);
    memset(p->rarity, 1, sizeof p->rarity); /* none is rare until they are counted */
}

void pipeline_release(struct pipeline *p)
{
    extract_result_release(&p->samples);
    barcode_release(&p->barcode);
    free(p->hash);
    p->hash = NULL;
    plan_release(&p->plan);
    film_release(&p->film);
}

/* --- watching ----------------------------------------------------------------------------------------------------- */

static void begins(const struct pipeline *p, enum pipeline_step step)
{
    if (p->watch.begins)
        p->watch.begins(p->watch.context, step);
}

static void ends(const struct pipeline *p, enum pipeline_step step)
{
    if (p->watch.ends)
        p->watch.ends(p->watch.context, step);
}

static void show_progress(void *context, int64_t done, int64_t total)
{
    const struct pipeline *p = context;

    if (p->watch.progress)
        p->watch.progress(p->watch.context, done, total);
}

/* --- index -------------------------------------------------------------------------------------------------------- */

static void note_what_is_unusual(const struct film *f)
{
    const struct film_info *i = &f->info;

    if (i->n_video_streams > 1)
        log_note("%d video streams: taking stream %d, the default one", i->n_video_streams, i->stream);
    if (i->dovi_profile > 0 && !i->is_ipt)
        log_note("Dolby Vision profile %d: the layer is taken that other players show", i->dovi_profile);
    if (i->n_lead_in > 0)
        log_note("the film starts in the middle of a group of pictures: its first %lld frames cannot be decoded",
                 (long long)i->n_lead_in);
}

/* IPT-PQ is not converted: taken for Y'CbCr it looks green and violet, which only who asks for it wants. */
static enum status judge_colours(const struct pipeline *p)
{
    const struct film_info *i = &p->film.info;
    char profile[24] = "";

    if (!i->is_ipt)
        return ST_OK;
    if (i->dovi_profile > 0)
        snprintf(profile, sizeof profile, " profile %d", i->dovi_profile);
    if (!p->config.settings.raw_hdr)
        return FAIL(ST_FORMAT,
                    "%s: Dolby Vision%s without a compatible layer: its colours (IPT-PQ) are not converted (--hdr raw "
                    "takes them as they are coded)",
                    p->film.path, profile);
    log_note("Dolby Vision%s without a compatible layer: its colours (IPT-PQ) are taken as they are coded, for Y'CbCr",
             profile);
    return ST_OK;
}

/* Three outcomes: whole, whole with a note, and not whole. */
static enum status judge_whole(const struct pipeline *p)
{
    const struct film *f = &p->film;
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
    if (!p->config.allow_partial)
        return FAIL(ST_FORMAT, "%s is not whole: %s (--allow-partial draws what there is)", f->path, i->incomplete);
    log_note("%s is not whole: %s; drawing what there is", f->path, i->incomplete);
    return ST_OK;
}

enum status pipeline_judge_film(const struct pipeline *p)
{
    TRY(judge_colours(p));
    note_what_is_unusual(&p->film);
    return judge_whole(p);
}

/* Where the store has what is known of the film itself, as files between pieces have it (piece_files.h). */
struct stored_index {
    struct piece_files files;
    char path[PATH_MAX], key[65];
};

static enum status name_stored_index(const struct pipeline *p, const char *fingerprint, struct stored_index *index)
{
    char name[FRAME_STORE_NAME];

    frame_store_index_name(fingerprint, &p->config.settings.sampling, name, index->key);
    index->files = (struct piece_files){index->path, index->key};
    return snprintf(index->path, sizeof index->path, "%s/%s", p->config.store, name) < (int)sizeof index->path
               ? ST_OK
               : FAIL(ST_USAGE, "--store %s: that name is too long", p->config.store);
}

static enum status load_stored_index(struct pipeline *p)
{
    struct stored_index index;
    struct file_mark mark;

    if (!p->config.store)
        return ST_OK;
    TRY(file_mark_take("film", p->config.film, FILE_MARK_ENDS, &mark));
    TRY(name_stored_index(p, mark.fingerprint, &index));
    return piece_files_load_index(&index.files, p->config.film, &p->film, &p->is_index_stored);
}

/* As it is in the end: after the look, and after listing by decoding where that was needed. */
static enum status save_stored_index(const struct pipeline *p)
{
    struct stored_index index;

    if (!p->config.store || p->is_index_stored)
        return ST_OK;
    TRY(name_stored_index(p, p->film.info.fingerprint, &index));
    return piece_files_save_index(&index.files, &p->film);
}

static enum status read_index(struct pipeline *p)
{
    const double started = clock_seconds();
    bool found = false;

    if (p->kept)
        TRY(piece_files_load_index(p->kept, p->config.film, &p->film, &found));
    if (!found) {
        TRY(load_stored_index(p));
        found = p->is_index_stored;
    }
    if (!found)
        TRY(film_open(&p->film, p->config.film, p->stop, show_progress, p));
    p->index_seconds += clock_seconds() - started;
    return ST_OK;
}

enum status pipeline_share_film(struct pipeline *p)
{
    struct film *f = &p->film;
    int64_t n[2] = {f->n_packets, f->n_frames};
    enum status st = ST_OK;

    TRY(comm_bcast(p->comm, n, sizeof n));
    TRY(comm_bcast(p->comm, &f->info, sizeof f->info));
    if (p->comm->rank > 0) {
        film_release(&(struct film){.packet = f->packet, .frame = f->frame});
        f->n_packets = n[0];
        f->n_frames = n[1];
        f->path = f->path ? f->path : strdup(p->config.film);
        f->packet = mem_array((size_t)n[0], sizeof *f->packet);
        f->frame = mem_array((size_t)n[1], sizeof *f->frame);
        st = f->path && f->packet && f->frame ? ST_OK : ST_NOMEM;
    }
    TRY(comm_agree(p->comm, st));
    TRY(comm_bcast(p->comm, f->packet, (size_t)n[0] * sizeof *f->packet));
    return comm_bcast(p->comm, f->frame, (size_t)n[1] * sizeof *f->frame);
}

/* Something of the picture has to be left by a crop that was asked for. */
static enum status check_crop(const struct pipeline *p)
{
    const struct film_info *i = &p->film.info;
    const struct barcode_settings *s = &p->config.settings;
    const struct frame_crop crop = barcode_crop(i, s);

    if (crop.left + crop.right < i->width && crop.top + crop.bottom < i->height)
        return ST_OK;
    return FAIL(ST_USAGE, "--crop %d:%d:%d:%d leaves nothing of %s: its pictures are %dx%d%s", s->crop.top,
                s->crop.right, s->crop.bottom, s->crop.left, p->film.path, i->width, i->height,
                i->rotation % 180 ? ", seen turned by a quarter" : "");
}

static void note_bars(const struct film_info *i)
{
    const struct film_look *l = &i->look;
    const struct frame_crop seen = crop_as_seen(&l->crop, i->rotation);

    if (l->bars == BARS_FOUND)
        log_note("black bars in %d frames: top %d, right %d, bottom %d, left %d of %dx%d are cut off, %.2f:1 is left "
                 "(--crop none keeps them)",
                 l->n_frames, seen.top, seen.right, seen.bottom, seen.left, i->rotation % 180 ? i->height : i->width,
                 i->rotation % 180 ? i->width : i->height, barcode_aspect(i, &l->crop));
    else if (l->bars == BARS_NONE)
        log_note("no black bars in %d frames", l->n_frames);
    else if (l->bars == BARS_UNKNOWN)
        log_note("none of %d frames is bright enough for black bars to be told: nothing is cut off", l->n_frames);
    else
        log_note("the dark edges of %d frames would leave less than 45 %% of a side: nothing is cut off", l->n_frames);
}

static void note_tone(const struct film_info *i, const struct barcode_settings *s)
{
    const struct tone_rules *as_coded = &i->tone, tone = barcode_tone(i, s);
    const char *from = as_coded->peak > 0 ? i->peak_from : i->look.peak > 0 ? "the brightest that was seen" : "assumed";
    const int known = as_coded->peak > 0 ? as_coded->peak : i->look.peak;

    if (!tone_is_needed(as_coded))
        return;
    if (s->raw_hdr)
        log_note("transfer %s, primaries %s: colours are taken as they are coded, without mapping them into sRGB",
                 tone_transfer_names[as_coded->transfer], tone_primaries_names[as_coded->primaries]);
    else if (tone.transfer == TONE_PQ)
        log_note("transfer pq, primaries %s: a peak of %d cd/m2 (%s%s) is mapped to SDR (--hdr raw: as coded)",
                 tone_primaries_names[tone.primaries], tone.peak, from,
                 known > 0 && known < tone.peak ? ", raised to SDR's white" : "");
    else
        log_note("transfer %s, primaries %s: mapped into sRGB (--hdr raw: as coded)",
                 tone_transfer_names[tone.transfer], tone_primaries_names[tone.primaries]);
}

/* Not where the index was kept with what was seen, nor where nobody asks. */
static enum status look(struct pipeline *p)
{
    const struct barcode_settings *s = &p->config.settings;
    const struct film_info *i = &p->film.info;
    const bool asks_for_bars = s->crop_mode == CROP_AUTO;
    const bool asks_for_peak = i->tone.transfer == TONE_PQ && i->tone.peak == 0 && !s->raw_hdr;

    TRY(check_crop(p));
    if ((asks_for_bars || asks_for_peak) && i->look.n_frames == 0) {
        begins(p, PIPELINE_LOOK);
        TRY(look_at_film(p->comm, &p->film, &s->sampling, p->resources.threads, p->stop, show_progress, p));
        p->is_index_stored = false;
        ends(p, PIPELINE_LOOK);
    }
    if (asks_for_bars)
        note_bars(i);
    note_tone(i, s);
    return ST_OK;
}

enum status pipeline_index(struct pipeline *p)
{
    enum status st = ST_OK;

    if (p->comm->rank == 0) {
        begins(p, PIPELINE_INDEX);
        st = read_index(p);
        if (st == ST_OK)
            ends(p, PIPELINE_INDEX);
        if (st == ST_OK)
            st = pipeline_judge_film(p);
    }
    TRY(comm_agree(p->comm, st));
    TRY(pipeline_share_film(p));
    return look(p);
}

static enum status list_by_decoding(struct pipeline *p)
{
    TRY(film_list_by_decoding(&p->film, "split decoding did not give the frames that were listed", p->stop,
                              show_progress, p));
    p->is_index_stored = false;
    if (p->film.n_frames == 0)
        return FAIL(ST_FORMAT, "%s: no frame could be decoded", p->film.path);
    return judge_whole(p);
}

enum status pipeline_list_again(struct pipeline *p)
{
    enum status st = ST_OK;

    if (p->comm->rank == 0) {
        begins(p, PIPELINE_LIST);
        st = list_by_decoding(p);
        ends(p, PIPELINE_LIST);
    }
    TRY(comm_agree(p->comm, st));
    return pipeline_share_film(p);
}

/* --- plan --------------------------------------------------------------------------------------------------------- */

static bool is_rare(const struct barcode_config *c)
{
    return c->settings.kmeans.weights.weight == WEIGHT_RARE;
}

static void set_up_extract(struct pipeline *p, int share)
{
    const struct barcode_config *c = &p->config;
    struct picture_settings picture = {.legacy = c->settings.legacy, .tone = barcode_tone(&p->film.info, &c->settings)};
    bool want_lines = false;

    for (int i = 0; i < c->settings.n_strips; i++)
        want_lines |= c->settings.strip[i] == STRIP_SQUEEZED;
    barcode_picture_size(&p->film.info, &c->settings, &picture.width, &picture.height);
    picture.want_lines = want_lines;
    picture.lines_are_columns = p->film.info.rotation % 180 != 0;
    p->extract = (struct extract_setup){
        .film = &p->film,
        .plan = &p->plan,
        .rank = share,
        .ops = p->resources.ops,
        .device = p->resources.device,
        .crop = barcode_crop(&p->film.info, &c->settings),
        .picture = picture,
        .kmeans = c->settings.kmeans,
        .rarity = is_rare(c) ? p->rarity : NULL,
        .counts_cells = p->is_counting,
        .n_lines = !want_lines                 ? 0
                   : picture.lines_are_columns ? picture.width
                                               : picture.height,
        .threads = p->resources.threads,
        .n_gpu_sharers = p->resources.n_gpu_sharers,
        .n_host_sharers = p->resources.n_host_sharers,
        .want_hash = !p->is_counting && (c->frame_hashes != NULL || c->verify_samples > 0),
        .n_hashed = c->frame_hashes ? 0 : c->verify_samples,
        .store = c->store,
        .stop = p->stop,
        .drain = p->drain,
    };
}

enum status pipeline_plan(struct pipeline *p, int share, int n_shares)
{
    plan_release(&p->plan);
    enum status st = plan_make(&p->plan, &p->film, &p->config.settings.sampling, n_shares, SEGMENTS_PER_SHARE);

    if (st == ST_OK)
        set_up_extract(p, share);
    if (st == ST_OK && p->comm->rank == 0)
        st = output_check_size(&p->config, p->plan.n_columns, p->extract.n_lines);
    return comm_agree(p->comm, st);
}

/* --- extract ------------------------------------------------------------------------------------------------------ */

/* The ranks exchange their state several times a second: each exchange sums progress and trouble, so that a bar can be
 * drawn, and one rank's failure or signal ends all of them within a moment. */
static enum status exchange_until_done(struct pipeline *p, struct extract *e, enum status st, bool *troubled,
                                       double *own_seconds)
{
    enum { DONE, TOTAL, FINISHED, TROUBLE, N_VALUES };
    const double started = clock_seconds();
    int64_t state[N_VALUES];

    *troubled = false;
    *own_seconds = 0.0;
    do {
        bool finished = true;
        state[DONE] = state[TOTAL] = 0;
        if (st == ST_OK)
            finished = extract_wait(e, *troubled ? 0.02 : 0.1, &state[DONE], &state[TOTAL]);
        *own_seconds = finished && *own_seconds == 0.0 ? clock_seconds() - started : *own_seconds;
        state[FINISHED] = finished;
        state[TROUBLE] = st != ST_OK || atomic_load(p->stop) || (e && extract_failed(e));
        TRY(comm_sum_i64(p->comm, state, N_VALUES)); /* without the others there is no common end */
        if (state[TROUBLE] > 0)
            atomic_store(p->stop, 1);
        *troubled = *troubled || state[TROUBLE] > 0;
        show_progress(p, state[DONE], state[TOTAL]);
    } while (state[FINISHED] < p->comm->size);
    return ST_OK;
}

static enum status sum_stats(struct pipeline *p, const struct extract_stats *s, double own_seconds)
{
    struct extract_stats all = *s;
    int64_t own_us = (int64_t)(1e6 * own_seconds);

    TRY(comm_sum_i64(p->comm, all.each, N_EXTRACT_STATS));
    TRY(comm_sum_i64(p->comm, &own_us, 1));
    extract_stats_add(&p->stats, &all);
    p->mean_done = 1e-6 * (double)own_us / p->comm->size;
    if (s->nvdec_refusal)
        log_note("decoded on the CPU instead of NVDEC: %s", s->nvdec_refusal);
    return ST_OK;
}

static enum status run_extract(struct pipeline *p)
{
    const double started = clock_seconds();
    struct extract *e = NULL;
    struct extract_stats stats;
    double own_seconds;
    bool troubled;
    enum status st = extract_start(&p->extract, &e);

    const enum pipeline_step step = p->is_counting ? PIPELINE_COUNT : PIPELINE_EXTRACT;

    begins(p, step);
    const enum status exchanged = exchange_until_done(p, e, st, &troubled, &own_seconds);
    if (exchanged != ST_OK)
        atomic_store(p->stop, 1);
    const enum status finished = extract_finish(&e, &p->samples, &stats);
    TRY(exchanged);
    ends(p, step);
    st = st != ST_OK ? st : finished;
    if (st == ST_INTERRUPTED)
        st = ST_OK; /* reported below, unless another rank has a better reason */
    TRY(comm_agree(p->comm, st));
    if (troubled)
        return FAIL(ST_INTERRUPTED, "interrupted: nothing was written");
    p->extract_seconds += clock_seconds() - started;
    return sum_stats(p, &stats, own_seconds);
}

/* What was kept of the share is not done again. */
static enum status extract_share(struct pipeline *p, int share, int n_shares)
{
    struct extract_result earlier = {0};
    bool found = false;
    enum status st = ST_OK;

    if (p->kept)
        st = extract_result_make(&p->extract, &earlier);
    if (p->kept && st == ST_OK)
        st = piece_files_load_share(p->kept, share, n_shares, &p->extract, &earlier, &p->stats, &found);
    extract_result_release(&p->samples);
    p->extract.earlier = found ? &earlier : NULL;
    st = comm_agree(p->comm, st);
    if (st == ST_OK)
        st = run_extract(p);
    p->extract.earlier = NULL;
    extract_result_release(&earlier);
    return st;
}

/* Local. What the store was given of a share that is sound becomes a part of it. */
static enum status keep_frames(struct pipeline *p, const struct extract_count *c)
{
    struct frame_store *kept = p->samples.kept;
    enum status st = ST_OK;

    if (kept && extract_judge(c) == EXTRACT_SOUND) {
        st = frame_store_commit(kept);
        log_note("%lld frames are kept in %s (%.2f GB)", (long long)p->samples.n, p->config.store,
                 1e-9 * (double)frame_store_bytes(kept));
    }
    frame_store_close(&p->samples.kept);
    return st;
}

enum status pipeline_extract(struct pipeline *p, int share, int n_shares, struct extract_count *c)
{
    TRY(pipeline_plan(p, share, n_shares));
    TRY(extract_share(p, share, n_shares));
    *c = (struct extract_count){.n_missing = extract_result_missing(&p->samples),
                                .n_damaged = p->stats.damaged, /* a sum already */
                                .is_sequential = p->film.info.sequential,
                                .was_to_drain = p->extract.drain && atomic_load(p->extract.drain)};
    TRY(comm_sum_i64(p->comm, &c->n_missing, 1));
    return comm_agree(p->comm, keep_frames(p, c));
}

/* A film that is decoded from start to end has one segment: it cannot be drained on its way, nor is anything kept. */
static enum status extract_unsplit(struct pipeline *p, struct extract_count *c)
{
    const struct piece_files *kept = p->kept;
    const atomic_int *drain = p->drain;
    enum status st;

    p->stats = (struct extract_stats){0};
    p->kept = NULL;
    p->drain = NULL;
    st = pipeline_list_again(p);
    if (st == ST_OK)
        st = pipeline_extract(p, p->comm->rank, p->comm->size, c);
    p->kept = kept;
    p->drain = drain;
    return st;
}

/* --- join, verify, write ------------------------------------------------------------------------------------------ */

static enum status gather(struct pipeline *p)
{
    uint8_t *packed = NULL;
    void *all = NULL;
    size_t bytes = 0, all_bytes = 0;
    enum status st = comm_agree(p->comm, samples_pack(&p->extract, &p->samples, &packed, &bytes));

    if (st == ST_OK)
        st = comm_gather(p->comm, packed, bytes, &all, &all_bytes);
    if (st == ST_OK && p->comm->rank == 0) /* rank order is film order */
        st = assemble(&p->barcode, &p->config, &p->extract, all, all_bytes, &p->hash);
    free(packed);
    free(all);
    return comm_agree(p->comm, st);
}

/* By rank 0 alone: a decode from the start cannot be shared. */
static enum status verify(struct pipeline *p)
{
    enum status st;

    if (p->comm->rank > 0 || p->config.verify_samples == 0)
        return ST_OK;
    begins(p, PIPELINE_VERIFY);
    st = recheck_frames(&p->extract, (const char(*)[65])p->hash, p->config.verify_samples, show_progress, p);
    if (st == ST_OK)
        ends(p, PIPELINE_VERIFY);
    return st;
}

enum status pipeline_join(struct pipeline *p)
{
    const double started = clock_seconds();
    enum status st = ST_OK;

    TRY(gather(p));
    TRY(comm_agree(p->comm, verify(p)));
    TRY(comm_agree(p->comm, p->watch.may_write ? p->watch.may_write(p->watch.context) : ST_OK));
    if (p->comm->rank == 0)
        st = save_stored_index(p);
    if (p->comm->rank == 0 && st == ST_OK)
        st = output_write(&p->config, &p->barcode, (const char(*)[65])p->hash, p->plan.column_sample, p->stop);
    TRY(comm_agree(p->comm, st));
    p->write_seconds += clock_seconds() - started;
    return ST_OK;
}

/* --- all of it ---------------------------------------------------------------------------------------------------- */

/* All shares, again and unsplit where that turns out to be needed, or is known to be. */
static enum status extract_film(struct pipeline *p, bool unsplit, struct extract_count *c)
{
    bool again = unsplit && !p->film.info.unsplit[0]; /* else it is anyway */

    if (again) {
        log_note("the shares of the film did not give the frames that were listed: decoding again, unsplit");
    } else {
        TRY(pipeline_extract(p, p->comm->rank, p->comm->size, c));
        again = extract_judge(c) == EXTRACT_AGAIN;
        if (again)
            log_note("%lld of %lld sampled frames did not come out as listed, %lld faults in the stream: decoding "
                     "again, unsplit",
                     (long long)c->n_missing, (long long)p->plan.n_samples, (long long)c->n_damaged);
    }
    if (again)
        TRY(extract_unsplit(p, c));
    if (extract_judge(c) == EXTRACT_LOST)
        return FAIL(ST_FORMAT, "%s: %lld of %lld sampled frames could not be decoded", p->film.path,
                    (long long)c->n_missing, (long long)p->plan.n_samples);
    return ST_OK;
}

/* With --weight rare: which colours are rare in the film? Decides what cells weigh, the same on every rank. Nothing of
 * this pass is kept but its frames (--store). */
static enum status weigh_cells(struct pipeline *p, bool unsplit)
{
    const struct piece_files *kept = p->kept;
    const atomic_int *drain = p->drain;
    struct extract_count c;
    enum status st;

    p->kept = NULL;
    p->drain = NULL;
    p->is_counting = true;
    st = extract_film(p, unsplit, &c);
    p->is_counting = false;
    p->kept = kept;
    p->drain = drain;
    TRY(st);
    TRY(comm_sum_i64(p->comm, p->samples.frames_with, WEIGHTS_CELLS));
    weights_of_counts(p->samples.frames_with, p->plan.n_samples, p->rarity);
    return ST_OK;
}

enum status pipeline_run(struct pipeline *p, bool unsplit, bool *drained)
{
    struct extract_count c;

    *drained = false;
    TRY(pipeline_index(p));
    if (is_rare(&p->config))
        TRY(weigh_cells(p, unsplit));
    TRY(extract_film(p, unsplit, &c));
    if (extract_judge(&c) != EXTRACT_DRAINED)
        return pipeline_join(p);
    *drained = true;
    TRY(piece_files_save_index(p->kept, &p->film));
    return piece_files_save_share(p->kept, 0, 1, &p->extract, &p->samples, &p->stats);
}
