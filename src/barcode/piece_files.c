#include "barcode/piece_files.h"

#include "barcode/output_names.h"
#include "barcode/samples.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/sha256.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- one file ----------------------------------------------------------------------------------------------------- */

struct head {
    char magic[16];
    char key[64];
    uint64_t bytes;
};

struct block {
    const void *data;
    size_t bytes;
};

static struct head make_head(const struct piece_files *f, size_t bytes)
{
    struct head head = {.magic = "jacquard-piece", .bytes = bytes};

    memcpy(head.key, f->key, sizeof head.key);
    return head;
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

/* STORE and suffix: a head, the blocks one after the other, and their digest; under a temporary name, synced, renamed.
 */
static enum status save(const struct piece_files *f, const char *suffix, const struct block *block, int n_blocks)
{
    struct file_out out;
    struct sha256 sha;
    uint8_t digest[SHA256_BYTES];
    char path[PATH_MAX];
    size_t bytes = 0;

    for (int i = 0; i < n_blocks; i++)
        bytes += block[i].bytes;
    const struct head head = make_head(f, bytes);

    make_folder(f);
    snprintf(path, sizeof path, "%s%s", f->store, suffix);
    TRY(file_out_open(&out, path, true));
    sha256_init(&sha);
    sha256_add(&sha, &head, sizeof head);
    fwrite(&head, 1, sizeof head, out.stream);
    for (int i = 0; i < n_blocks; i++) {
        sha256_add(&sha, block[i].data, block[i].bytes);
        fwrite(block[i].data, 1, block[i].bytes, out.stream);
    }
    sha256_end(&sha, digest);
    fwrite(digest, 1, sizeof digest, out.stream);
    return file_out_commit(&out); /* knows of failed writes */
}

static bool is_sound(const struct piece_files *f, const char *text, size_t bytes)
{
    uint8_t digest[SHA256_BYTES];
    struct sha256 sha;

    if (bytes < sizeof(struct head) + SHA256_BYTES)
        return false;
    const struct head wanted = make_head(f, bytes - sizeof wanted - SHA256_BYTES);
    sha256_init(&sha);
    sha256_add(&sha, text, bytes - SHA256_BYTES);
    sha256_end(&sha, digest);
    return memcmp(text, &wanted, sizeof wanted) == 0 && memcmp(text + bytes - SHA256_BYTES, digest, SHA256_BYTES) == 0;
}

/* *text is heap; *blocks lie in it, of *bytes in all. What is torn, foreign or of another key is as good as not there:
 * *blocks is NULL then. */
static enum status load(const struct piece_files *f, const char *suffix, char **text, const char **blocks,
                        size_t *bytes)
{
    char path[PATH_MAX];
    struct stat info;

    *text = NULL;
    *blocks = NULL;
    snprintf(path, sizeof path, "%s%s", f->store, suffix);
    if (stat(path, &info) != 0)
        return ST_OK;
    TRY(file_read_all(path, ST_IO, text, bytes));
    if (is_sound(f, *text, *bytes)) {
        *blocks = *text + sizeof(struct head);
        *bytes -= sizeof(struct head) + SHA256_BYTES;
    }
    return ST_OK;
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

/* --- the index ---------------------------------------------------------------------------------------------------- */

struct index_sizes { /* the sizes tell of a program that was built otherwise */
    int64_t n_packets, n_frames, info_bytes, packet_bytes, frame_bytes;
};

enum status piece_files_save_index(const struct piece_files *f, const struct film *film)
{
    const struct index_sizes n = {film->n_packets, film->n_frames, sizeof film->info, sizeof *film->packet,
                                  sizeof *film->frame};
    const struct block blocks[] = {{&n, sizeof n},
                                   {&film->info, sizeof film->info},
                                   {film->packet, (size_t)film->n_packets * sizeof *film->packet},
                                   {film->frame, (size_t)film->n_frames * sizeof *film->frame}};

    return save(f, INDEX_SUFFIX, blocks, 4);
}

static enum status take_index(struct film *film, const char *path, const char *data, size_t bytes, bool *taken)
{
    struct index_sizes n = {0};
    const char *at = data + sizeof n;

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
    const char *blocks;
    char *text;
    size_t bytes;
    enum status st;

    *found = false;
    TRY(load(f, INDEX_SUFFIX, &text, &blocks, &bytes));
    st = blocks ? take_index(film, path, blocks, bytes, found) : ST_OK;
    free(text);
    return st;
}

/* --- shares ------------------------------------------------------------------------------------------------------- */

struct share_head {
    int64_t n_samples, record_bytes; /* of the film's plan */
    struct extract_stats stats;      /* of all that was extracted of this share so far */
};

enum status piece_files_save_share(const struct piece_files *f, int share, int n_shares,
                                   const struct extract_setup *setup, const struct extract_result *r,
                                   const struct extract_stats *stats)
{
    struct share_head head = {setup->plan->n_samples, (int64_t)samples_record_bytes(setup), *stats};
    char suffix[OUTPUT_SUFFIX_BYTES];
    uint8_t *packed = NULL;
    size_t bytes = 0;
    enum status st;

    head.stats.nvdec_refusal = NULL; /* a pointer means nothing to another process */
    st = samples_pack(setup, r, &packed, &bytes);
    if (st == ST_OK) {
        const struct block blocks[] = {{&head, sizeof head}, {packed, bytes}};
        output_suffix_share(share, n_shares, suffix);
        st = save(f, suffix, blocks, 2);
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
    char suffix[OUTPUT_SUFFIX_BYTES], *text;
    const char *blocks;
    size_t bytes;

    output_suffix_share(share, n_shares, suffix);
    TRY(load(f, suffix, &text, &blocks, &bytes));
    *found = blocks && bytes >= sizeof head;
    if (*found)
        memcpy(&head, blocks, sizeof head);
    *found = *found && head.n_samples == setup->plan->n_samples && head.record_bytes == (int64_t)each &&
             (bytes - sizeof head) % each == 0;
    if (*found) {
        extract_stats_add(stats, &head.stats);
        samples_unpack(setup, (const uint8_t *)blocks + sizeof head, bytes - sizeof head, r);
    }
    free(text);
    return ST_OK;
}
