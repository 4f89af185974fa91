#include "barcode/piece.h"

#include "barcode/output.h"
#include "barcode/piece_store.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/number.h"
#include "film/frame_source.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOOKS_A_SECOND = 5 };

void piece_init(struct piece *p, const struct piece_setup *setup)
{
    *p = (struct piece){.setup = *setup};
    pipeline_init(&p->pipeline, &setup->config, setup->stop);
    p->pipeline.resources = setup->resources;
}

void piece_release(struct piece *p)
{
    extract_result_release(&p->extracted);
    pipeline_release(&p->pipeline);
}

/* --- what is kept between pieces ---------------------------------------------------------------------------------- */

static void index_path(const struct piece_setup *setup, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s.index", setup->store);
}

static void share_path(const struct piece_setup *setup, int share, int n_shares, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s.%dof%d", setup->store, share + 1, n_shares);
}

/* Where it is not there (any more): another run that found it empty may have removed it. */
static void make_folder(const struct piece_setup *setup)
{
    const char *slash = strrchr(setup->store, '/');
    char folder[PATH_MAX];

    if (slash && (size_t)(slash - setup->store) < sizeof folder) {
        snprintf(folder, sizeof folder, "%.*s", (int)(slash - setup->store), setup->store);
        mkdir(folder, 0777); /* saving tells what is wrong, if anything is */
    }
}

/* "index" or "3of8" */
static bool is_part(const char *suffix)
{
    int32_t part, n;

    if (strcmp(suffix, "index") == 0)
        return true;
    if (!number_next_int32(&suffix, 0, INT32_MAX, &part) || strncmp(suffix, "of", 2) != 0)
        return false;
    return number_read_int32(suffix + 2, 1, INT32_MAX, &n);
}

void piece_forget(const char *store)
{
    const char *slash = strrchr(store, '/'), *name = slash ? slash + 1 : store;
    const size_t length = strlen(name);
    char folder[PATH_MAX];
    struct dirent *entry;

    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - store) : 1, slash ? store : ".");
    DIR *dir = opendir(folder);
    while (dir && (entry = readdir(dir)))
        if (strncmp(entry->d_name, name, length) == 0 && entry->d_name[length] == '.' &&
            is_part(entry->d_name + length + 1))
            unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir)
        closedir(dir);
}

struct index_sizes { /* the sizes tell of a program that was built otherwise */
    int64_t n_packets, n_frames, info_bytes, packet_bytes, frame_bytes;
};

static enum status save_index(const struct piece *p)
{
    const struct film *f = &p->pipeline.film;
    const struct index_sizes n = {f->n_packets, f->n_frames, sizeof f->info, sizeof *f->packet, sizeof *f->frame};
    const struct piece_block blocks[] = {{&n, sizeof n},
                                         {&f->info, sizeof f->info},
                                         {f->packet, (size_t)f->n_packets * sizeof *f->packet},
                                         {f->frame, (size_t)f->n_frames * sizeof *f->frame}};
    char path[PATH_MAX];

    make_folder(&p->setup);
    index_path(&p->setup, path);
    return piece_store_save(path, p->setup.key, blocks, 4);
}

static enum status take_index(struct film *f, const char *film, const char *data, size_t bytes, bool *taken)
{
    struct index_sizes n = {0};
    const char *at = data + sizeof n;

    *taken = false;
    if (bytes < sizeof n)
        return ST_OK;
    memcpy(&n, data, sizeof n);
    if (n.info_bytes != sizeof f->info || n.packet_bytes != sizeof *f->packet || n.frame_bytes != sizeof *f->frame ||
        bytes !=
            sizeof n + sizeof f->info + (size_t)n.n_packets * sizeof *f->packet + (size_t)n.n_frames * sizeof *f->frame)
        return ST_OK;
    f->path = strdup(film);
    f->packet = mem_array((size_t)n.n_packets, sizeof *f->packet);
    f->frame = mem_array((size_t)n.n_frames, sizeof *f->frame);
    if (!f->path || !f->packet || !f->frame)
        return ST_NOMEM; /* film_release gives back what there is */
    f->n_packets = n.n_packets;
    f->n_frames = n.n_frames;
    memcpy(&f->info, at, sizeof f->info);
    at += sizeof f->info;
    memcpy(f->packet, at, (size_t)n.n_packets * sizeof *f->packet);
    at += (size_t)n.n_packets * sizeof *f->packet;
    memcpy(f->frame, at, (size_t)n.n_frames * sizeof *f->frame);
    *taken = true;
    return ST_OK;
}

static enum status load_index(struct piece *p, bool *found)
{
    char path[PATH_MAX], *data = NULL;
    size_t bytes = 0;
    enum status st;

    index_path(&p->setup, path);
    TRY(piece_store_load(path, p->setup.key, &data, &bytes, found));
    st = *found ? take_index(&p->pipeline.film, p->setup.config.film, data, bytes, found) : ST_OK;
    free(data);
    return st;
}

struct share_head {
    int64_t n_samples, record_bytes; /* of the film's plan */
    struct extract_stats stats;      /* of all that was extracted of this share so far */
};

static void add_stats(struct extract_stats *sum, const struct extract_stats *s)
{
    sum->open_us += s->open_us;
    sum->wait_us += s->wait_us;
    sum->decode_us += s->decode_us;
    sum->convert_us += s->convert_us;
    sum->cluster_us += s->cluster_us;
    sum->frames_decoded += s->frames_decoded;
    sum->packets_sent += s->packets_sent;
    sum->frames_clustered += s->frames_clustered;
    sum->damaged += s->damaged;
    sum->n_cpu_decoders = s->n_cpu_decoders > sum->n_cpu_decoders ? s->n_cpu_decoders : sum->n_cpu_decoders;
    sum->n_nvdec_decoders = s->n_nvdec_decoders > sum->n_nvdec_decoders ? s->n_nvdec_decoders : sum->n_nvdec_decoders;
}

static enum status save_share(const struct piece *p, int share, int n_shares)
{
    struct share_head head = {p->pipeline.plan.n_samples, (int64_t)pipeline_record_bytes(&p->pipeline), p->stats};
    uint8_t *packed = NULL;
    size_t bytes = 0;
    char path[PATH_MAX];
    enum status st;

    head.stats.nvdec_refusal = NULL; /* a pointer means nothing to another process */
    st = pipeline_pack(&p->pipeline, &p->extracted, &packed, &bytes);
    if (st == ST_OK) {
        const struct piece_block blocks[] = {{&head, sizeof head}, {packed, bytes}};
        make_folder(&p->setup);
        share_path(&p->setup, share, n_shares, path);
        st = piece_store_save(path, p->setup.key, blocks, 2);
    }
    free(packed);
    return st;
}

/* Into r, which has room for samples first .. first + n - 1; those of others are not looked at. */
static enum status load_share(const struct piece *p, int share, int n_shares, struct extract_result *r,
                              struct extract_stats *stats, bool *found)
{
    struct share_head head;
    const size_t each = pipeline_record_bytes(&p->pipeline);
    char path[PATH_MAX], *data = NULL;
    size_t bytes = 0;

    share_path(&p->setup, share, n_shares, path);
    TRY(piece_store_load(path, p->setup.key, &data, &bytes, found));
    if (*found && bytes >= sizeof head)
        memcpy(&head, data, sizeof head);
    *found = *found && bytes >= sizeof head && head.n_samples == p->pipeline.plan.n_samples &&
             head.record_bytes == (int64_t)each && (bytes - sizeof head) % each == 0;
    if (*found) {
        add_stats(stats, &head.stats);
        for (const char *at = data + sizeof head; at < data + bytes; at += each) {
            const int64_t sample = pipeline_record_sample((const uint8_t *)at);
            if (sample >= r->first && sample < r->first + r->n)
                pipeline_unpack(&p->pipeline, (const uint8_t *)at, r);
        }
    }
    free(data);
    return ST_OK;
}

/* --- steps -------------------------------------------------------------------------------------------------------- */

static void show_progress(void *context, int64_t done, int64_t total)
{
    const struct piece *p = context;

    if (p->setup.progress)
        p->setup.progress(p->setup.context, done, total);
}

static enum status read_index(struct piece *p)
{
    const double started = clock_seconds();
    bool found;

    TRY(load_index(p, &found));
    if (!found)
        TRY(film_open(&p->pipeline.film, p->setup.config.film, p->setup.stop, show_progress, p));
    p->index_seconds += clock_seconds() - started;
    return pipeline_judge_film(&p->pipeline);
}

static enum status make_plan(struct piece *p, int share, int n_shares)
{
    TRY(pipeline_plan(&p->pipeline, n_shares));
    loom_setup_extract(&p->pipeline, share);
    p->pipeline.extract.drain = p->setup.drain;
    return output_check_size(&p->pipeline.config, p->pipeline.plan.n_columns, p->pipeline.extract.n_lines);
}

static enum status extract(struct piece *p, struct extract_result *earlier)
{
    struct extract *w = NULL;
    struct extract_stats stats;
    int64_t done = 0, total = 0;
    const double started = clock_seconds();
    bool finished = false;
    enum status st;

    extract_result_release(&p->extracted);
    p->pipeline.extract.earlier = earlier;
    st = extract_start(&p->pipeline.extract, &w);
    while (st == ST_OK && !finished) {
        finished = extract_wait(w, 1.0 / LOOKS_A_SECOND, &done, &total);
        show_progress(p, done, total);
    }
    const enum status extracted = extract_finish(&w, &p->extracted, &stats);
    p->pipeline.extract.earlier = NULL;
    p->extract_seconds += clock_seconds() - started;
    add_stats(&p->stats, &stats);
    if (stats.nvdec_refusal)
        log_note("decoded on the CPU instead of NVDEC: %s", stats.nvdec_refusal);
    return st != ST_OK ? st : extracted;
}

static int64_t count_missing(const struct piece *p)
{
    int64_t n = 0;

    for (int64_t i = 0; i < p->extracted.n; i++)
        n += p->extracted.delivered[i] != 1;
    return n;
}

/* What is missing after a extraction that was told to drain may only not have had its turn. */
static bool was_drained(const struct piece *p)
{
    return p->setup.drain && atomic_load(p->setup.drain) && count_missing(p) > 0;
}

static enum status extract_share(struct piece *p, int share, int n_shares)
{
    struct extract_result earlier;
    bool found;
    enum status st;

    TRY(make_plan(p, share, n_shares));
    st = extract_result_make(&p->pipeline.extract, &earlier);
    if (st == ST_OK)
        st = load_share(p, share, n_shares, &earlier, &p->stats, &found);
    if (st == ST_OK)
        st = extract(p, found ? &earlier : NULL);
    extract_result_release(&earlier);
    return st;
}

static enum status assemble_and_write(struct piece *p)
{
    const double started = clock_seconds();
    uint8_t *packed = NULL;
    size_t bytes = 0;
    enum status st = pipeline_pack(&p->pipeline, &p->extracted, &packed, &bytes);

    if (st == ST_OK)
        st = pipeline_assemble(&p->pipeline, packed, bytes);
    if (st == ST_OK && p->setup.may_write)
        st = p->setup.may_write(p->setup.context);
    if (st == ST_OK)
        st = pipeline_write(&p->pipeline);
    free(packed);
    p->write_seconds += clock_seconds() - started;
    return st;
}

/* A film that is decoded from start to end has one segment: it cannot be drained on its way. */
static enum status extract_unsplit(struct piece *p)
{
    p->stats = (struct extract_stats){0};
    TRY(pipeline_list_again(&p->pipeline, show_progress, p));
    TRY(make_plan(p, 0, 1));
    p->pipeline.extract.drain = NULL;
    TRY(extract(p, NULL));
    const int64_t n_missing = count_missing(p);
    if (n_missing > 0)
        return FAIL(ST_FORMAT, "%s: %lld of %lld sampled frames could not be decoded", p->pipeline.film.path,
                    (long long)n_missing, (long long)p->pipeline.plan.n_samples);
    return ST_OK;
}

enum status piece_index(struct piece *p, bool *splits)
{
    TRY(read_index(p));
    *splits = !p->pipeline.film.info.unsplit[0];
    return save_index(p);
}

enum status piece_extract(struct piece *p, int share, int n_shares, bool *drained)
{
    TRY(read_index(p));
    TRY(extract_share(p, share, n_shares));
    *drained = was_drained(p);
    return save_share(p, share, n_shares);
}

enum status piece_join(struct piece *p, int n_shares, bool *fits)
{
    bool found = true;

    TRY(read_index(p));
    TRY(make_plan(p, 0, 1)); /* one share: room for all samples */
    TRY(extract_result_make(&p->pipeline.extract, &p->extracted));
    for (int i = 0; i < n_shares && found; i++)
        TRY(load_share(p, i, n_shares, &p->extracted, &p->stats, &found));
    *fits = found && p->stats.damaged == 0 && count_missing(p) == 0;
    return *fits ? assemble_and_write(p) : ST_OK;
}

enum status piece_film(struct piece *p, bool unsplit, bool *drained)
{
    *drained = false;
    TRY(read_index(p));
    unsplit = unsplit && !p->pipeline.film.info.unsplit[0]; /* it would be anyway */
    if (!unsplit) {
        TRY(extract_share(p, 0, 1));
        *drained = was_drained(p);
        if (*drained) {
            TRY(save_index(p));
            return save_share(p, 0, 1);
        }
    }
    const int64_t n_missing = unsplit ? 0 : count_missing(p);
    if (unsplit || (!p->pipeline.film.info.sequential && (n_missing > 0 || p->stats.damaged > 0))) {
        log_note("%lld sampled frames did not come out as listed, %lld faults in the stream: decoding again, unsplit",
                 (long long)n_missing, (long long)p->stats.damaged);
        TRY(extract_unsplit(p));
    } else if (n_missing > 0) {
        return FAIL(ST_FORMAT, "%s: %lld of %lld sampled frames could not be decoded", p->pipeline.film.path,
                    (long long)n_missing, (long long)p->pipeline.plan.n_samples);
    }
    return assemble_and_write(p);
}
