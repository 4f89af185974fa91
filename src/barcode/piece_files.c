#include "barcode/piece_files.h"

#include "barcode/output_names.h"
#include "barcode/piece_store.h"
#include "barcode/samples.h"
#include "base/mem.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void index_path(const struct piece_files *f, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s" INDEX_SUFFIX, f->store);
}

static void share_path(const struct piece_files *f, int share, int n_shares, char path[PATH_MAX])
{
    char suffix[OUTPUT_SUFFIX_BYTES];

    output_suffix_share(share, n_shares, suffix);
    snprintf(path, PATH_MAX, "%s%s", f->store, suffix);
}

/* Where it is not there (any more): another run that found it empty may have removed it. */
static void make_folder(const struct piece_files *f)
{
    const char *slash = strrchr(f->store, '/');
    char folder[PATH_MAX];

    if (slash && (size_t)(slash - f->store) < sizeof folder) {
        snprintf(folder, sizeof folder, "%.*s", (int)(slash - f->store), f->store);
        mkdir(folder, 0777); /* saving tells what is wrong, if anything is */
    }
}

void piece_files_remove(const char *store)
{
    const char *slash = strrchr(store, '/'), *name = slash ? slash + 1 : store;
    const size_t length = strlen(name);
    char folder[PATH_MAX];
    struct dirent *entry;

    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - store) : 1, slash ? store : ".");
    DIR *dir = opendir(folder);
    while (dir && (entry = readdir(dir)))
        if (strncmp(entry->d_name, name, length) == 0 && output_suffix_is_part(entry->d_name + length))
            unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir)
        closedir(dir);
}

struct index_sizes { /* the sizes tell of a program that was built otherwise */
    int64_t n_packets, n_frames, info_bytes, packet_bytes, frame_bytes;
};

enum status piece_files_save_index(const struct piece_files *f, const struct film *film)
{
    const struct index_sizes n = {film->n_packets, film->n_frames, sizeof film->info, sizeof *film->packet,
                                  sizeof *film->frame};
    const struct piece_block blocks[] = {{&n, sizeof n},
                                         {&film->info, sizeof film->info},
                                         {film->packet, (size_t)film->n_packets * sizeof *film->packet},
                                         {film->frame, (size_t)film->n_frames * sizeof *film->frame}};
    char path[PATH_MAX];

    make_folder(f);
    index_path(f, path);
    return piece_store_save(path, f->key, blocks, 4);
}

static enum status take_index(struct film *film, const char *path, const char *data, size_t bytes, bool *taken)
{
    struct index_sizes n = {0};
    const char *at = data + sizeof n;

    *taken = false;
    if (bytes < sizeof n)
        return ST_OK;
    memcpy(&n, data, sizeof n);
    if (n.info_bytes != sizeof film->info || n.packet_bytes != sizeof *film->packet ||
        n.frame_bytes != sizeof *film->frame ||
        bytes != sizeof n + sizeof film->info + (size_t)n.n_packets * sizeof *film->packet +
                     (size_t)n.n_frames * sizeof *film->frame)
        return ST_OK;
    film->path = strdup(path);
    film->packet = mem_array((size_t)n.n_packets, sizeof *film->packet);
    film->frame = mem_array((size_t)n.n_frames, sizeof *film->frame);
    if (!film->path || !film->packet || !film->frame)
        return ST_NOMEM; /* film_release gives back what there is */
    film->n_packets = n.n_packets;
    film->n_frames = n.n_frames;
    memcpy(&film->info, at, sizeof film->info);
    at += sizeof film->info;
    memcpy(film->packet, at, (size_t)n.n_packets * sizeof *film->packet);
    at += (size_t)n.n_packets * sizeof *film->packet;
    memcpy(film->frame, at, (size_t)n.n_frames * sizeof *film->frame);
    *taken = true;
    return ST_OK;
}

enum status piece_files_load_index(const struct piece_files *f, const char *path, struct film *film, bool *found)
{
    char name[PATH_MAX], *data = NULL;
    size_t bytes = 0;
    enum status st;

    index_path(f, name);
    TRY(piece_store_load(name, f->key, &data, &bytes, found));
    st = *found ? take_index(film, path, data, bytes, found) : ST_OK;
    free(data);
    return st;
}

struct share_head {
    int64_t n_samples, record_bytes; /* of the film's plan */
    struct extract_stats stats;      /* of all that was extracted of this share so far */
};

enum status piece_files_save_share(const struct piece_files *f, int share, int n_shares,
                                   const struct extract_setup *setup, const struct extract_result *r,
                                   const struct extract_stats *stats)
{
    struct share_head head = {setup->plan->n_samples, (int64_t)samples_record_bytes(setup), *stats};
    uint8_t *packed = NULL;
    size_t bytes = 0;
    char path[PATH_MAX];
    enum status st;

    head.stats.nvdec_refusal = NULL; /* a pointer means nothing to another process */
    st = samples_pack(setup, r, &packed, &bytes);
    if (st == ST_OK) {
        const struct piece_block blocks[] = {{&head, sizeof head}, {packed, bytes}};
        make_folder(f);
        share_path(f, share, n_shares, path);
        st = piece_store_save(path, f->key, blocks, 2);
    }
    free(packed);
    return st;
}

enum status piece_files_load_share(const struct piece_files *f, int share, int n_shares,
                                   const struct extract_setup *setup, struct extract_result *r,
                                   struct extract_stats *stats, bool *found)
{
    struct share_head head = {0};
    const size_t each = samples_record_bytes(setup);
    char path[PATH_MAX], *data = NULL;
    size_t bytes = 0;

    share_path(f, share, n_shares, path);
    TRY(piece_store_load(path, f->key, &data, &bytes, found));
    *found = *found && bytes >= sizeof head;
    if (*found)
        memcpy(&head, data, sizeof head);
    *found = *found && head.n_samples == setup->plan->n_samples && head.record_bytes == (int64_t)each &&
             (bytes - sizeof head) % each == 0;
    if (*found) {
        extract_stats_add(stats, &head.stats);
        samples_unpack(setup, (const uint8_t *)data + sizeof head, bytes - sizeof head, r);
    }
    free(data);
    return ST_OK;
}
