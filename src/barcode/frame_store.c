/* frame_store: see frame_store.h. A file is a head of text, padded to a page; the frames, each padded to one too, as
 * direct input and output wants it; their digests; and the digest of head and digests. It is written in place by all
 * decode threads at once, under a temporary name. Frames are not compressed: that was measured (doc/performance.md). */
#include "barcode/frame_store.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "compute/convert_rules.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { VERSION = 1, MOST_FILES = 1024, FINGERPRINT_DIGITS = 16, KEY_DIGITS = 24, STALE_SECONDS = 3600 };

static const char suffix[] = ".frames";

struct store_file {
    char path[PATH_MAX];
    struct compute_file file;
    int64_t first, n;                /* samples of the plan */
    uint8_t (*digest)[SHA256_BYTES]; /* [n] */
};

struct frame_store {
    const struct compute_ops *ops;
    int64_t first, n;           /* the share's samples */
    size_t frame_bytes, stride; /* of a frame, and from one to the next */
    struct store_file *from;    /* [n_files], to be read */
    uint16_t *file_of;          /* [n] */
    int n_files;
    bool is_direct;
    char reader[64];
    struct store_file to; /* to be written, with this head */
    char head[FRAME_STORE_ALIGN];
    struct file_out out;
};

/* --- names and heads ---------------------------------------------------------------------------------------------- */

/* Of which frames: their numbers and times, and how many there are in all. */
static void digest_samples(const struct frame_store_frames *of, char hex[65])
{
    uint8_t digest[SHA256_BYTES];
    struct sha256 sha;

    sha256_init(&sha);
    sha256_add(&sha, &of->film->n_frames, sizeof of->film->n_frames);
    for (int64_t i = 0; i < of->plan->n_samples; i++) {
        const int64_t frame = of->plan->sample_frame[i], is[2] = {frame, of->film->frame[frame].pts};
        sha256_add(&sha, is, sizeof is);
    }
    sha256_end(&sha, digest);
    sha256_digits(digest, hex);
}

/* One line of JSON, then spaces up to the last byte, which ends the line. */
static void make_head(const struct frame_store_frames *of, const char *samples, int64_t first, int64_t n,
                      char head[FRAME_STORE_ALIGN])
{
    const struct picture_settings *p = &of->picture;
    const int used = snprintf(
        head, FRAME_STORE_ALIGN,
        "{\"format\":\"jacquard-frames\",\"version\":%d,\"fingerprint\":\"%s\",\"samples\":\"%s\",\"first\":%" PRId64
        ",\"n\":%" PRId64 ",\"crop\":[%d,%d,%d,%d],\"width\":%d,\"height\":%d,\"transfer\":\"%s\",\"primaries\":\"%s\","
        "\"peak\":%d,\"legacy\":%s,\"rules\":%d}",
        VERSION, of->film->info.fingerprint, samples, first, n, of->crop.top, of->crop.right, of->crop.bottom,
        of->crop.left, p->width, p->height, tone_transfer_names[p->tone.transfer],
        tone_primaries_names[p->tone.primaries], p->tone.peak, p->legacy ? "true" : "false", CONVERT_RULES);

    memset(head + used, ' ', (size_t)(FRAME_STORE_ALIGN - used));
    head[FRAME_STORE_ALIGN - 1] = '\n';
}

/* FINGERPRINT-KEY, which all files of these frames begin with. */
static void make_stem(const struct frame_store_frames *of, const char *samples, char stem[FRAME_STORE_NAME])
{
    char head[FRAME_STORE_ALIGN], key[65];

    make_head(of, samples, 0, 0, head);
    sha256_hex(head, sizeof head, key);
    snprintf(stem, FRAME_STORE_NAME, "%.*s-%.*s", FINGERPRINT_DIGITS, of->film->info.fingerprint, KEY_DIGITS, key);
}

/* STEM.FIRST-LAST.frames */
static bool read_name(const char *name, const char *stem, int64_t *first, int64_t *n)
{
    const size_t length = strlen(stem);
    long long from, last;
    int used = 0;

    if (strncmp(name, stem, length) != 0 || sscanf(name + length, ".%lld-%lld%n", &from, &last, &used) != 2 ||
        strcmp(name + length + used, suffix) != 0 || from < 0 || last < from || last > INT32_MAX)
        return false;
    *first = from;
    *n = last - from + 1;
    return true;
}

void frame_store_index_name(const char *fingerprint, const struct sampling *sampling, char name[FRAME_STORE_NAME],
                            char key[65])
{
    char text[512];
    const int n =
        snprintf(text, sizeof text, "jacquard index, program %s, film %s, range %d %d %.17g to %d %d %.17g",
                 JACQUARD_VERSION, fingerprint, sampling->start.is_given, sampling->start.is_percent,
                 sampling->start.value, sampling->end.is_given, sampling->end.is_percent, sampling->end.value);

    sha256_hex(text, (size_t)n, key);
    snprintf(name, FRAME_STORE_NAME, "%.*s-%.*s", FINGERPRINT_DIGITS, fingerprint, KEY_DIGITS, key);
}

bool frame_store_knows(const char *folder, const char *fingerprint)
{
    DIR *entries = opendir(folder);
    bool knows = false;

    for (const struct dirent *e = entries ? readdir(entries) : NULL; e && !knows; e = readdir(entries))
        knows = strncmp(e->d_name, fingerprint, FINGERPRINT_DIGITS) == 0;
    if (entries)
        closedir(entries);
    return knows;
}

/* --- life --------------------------------------------------------------------------------------------------------- */

static enum status make(const struct frame_store_frames *of, struct frame_store **out)
{
    struct frame_store *s = *out = mem_array(1, sizeof *s);
    int64_t last;

    TRY_MEM(s);
    s->ops = of->ops;
    plan_rank_samples(of->plan, of->rank, &s->first, &last);
    s->n = last - s->first;
    s->frame_bytes = 3 * (size_t)of->picture.width * (size_t)of->picture.height;
    s->stride = (s->frame_bytes + FRAME_STORE_ALIGN - 1) / FRAME_STORE_ALIGN * FRAME_STORE_ALIGN;
    s->to.file.fd = -1;
    return ST_OK;
}

static void close_file(const struct frame_store *s, struct store_file *f)
{
    if (f->file.direct)
        s->ops->direct->remove(&f->file);
    if (f->file.fd >= 0)
        close(f->file.fd);
    free(f->digest);
}

void frame_store_close(struct frame_store **in)
{
    struct frame_store *s = *in;

    *in = NULL;
    if (!s)
        return;
    for (int i = 0; i < s->n_files; i++)
        close_file(s, &s->from[i]);
    file_out_discard(&s->out);
    free(s->to.digest);
    free(s->from);
    free(s->file_of);
    free(s);
}

const char *frame_store_reader(const struct frame_store *s)
{
    return s->reader;
}

int64_t frame_store_bytes(const struct frame_store *s)
{
    return s->n * (int64_t)s->frame_bytes;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static int64_t place_of(const struct frame_store *s, const struct store_file *f, int64_t sample)
{
    return FRAME_STORE_ALIGN + (sample - f->first) * (int64_t)s->stride;
}

/* The digest of head and digests. */
static void seal(const char head[FRAME_STORE_ALIGN], const struct store_file *f, uint8_t digest[SHA256_BYTES])
{
    struct sha256 sha;

    sha256_init(&sha);
    sha256_add(&sha, head, FRAME_STORE_ALIGN);
    sha256_add(&sha, f->digest, (size_t)f->n * SHA256_BYTES);
    sha256_end(&sha, digest);
}

static enum status refuse(const char *path, const char *what)
{
    return FAIL(ST_FORMAT, "the frames kept in %s cannot be used: %s (remove it, and the film is decoded again)", path,
                what);
}

static enum status check_file(const struct frame_store *s, struct store_file *f, const char wanted[FRAME_STORE_ALIGN])
{
    const int64_t digests_at = place_of(s, f, f->first + f->n), digests_bytes = f->n * SHA256_BYTES;
    uint8_t found[SHA256_BYTES], digest[SHA256_BYTES];
    char head[FRAME_STORE_ALIGN];
    struct stat info;

    if (fstat(f->file.fd, &info) != 0 || !S_ISREG(info.st_mode) ||
        info.st_size != digests_at + digests_bytes + SHA256_BYTES)
        return refuse(f->path, "its length is not that of its frames");
    TRY(file_read_at(f->path, f->file.fd, head, sizeof head, 0));
    if (memcmp(head, wanted, sizeof head) != 0)
        return refuse(f->path, "its head does not speak of this film and these settings");
    f->digest = mem_array((size_t)f->n, SHA256_BYTES);
    TRY_MEM(f->digest);
    TRY(file_read_at(f->path, f->file.fd, f->digest, (size_t)digests_bytes, digests_at));
    TRY(file_read_at(f->path, f->file.fd, found, sizeof found, digests_at + digests_bytes));
    seal(head, f, digest);
    return memcmp(found, digest, sizeof digest) == 0 ? ST_OK : refuse(f->path, "its list of digests is damaged");
}

/* Adds the file where it has samples of the share. */
static enum status add_file(struct frame_store *s, const struct frame_store_frames *of, enum frame_store_way way,
                            const char *folder, const char *name, const char *samples, int64_t first, int64_t n)
{
    struct store_file *f = &s->from[s->n_files];
    char head[FRAME_STORE_ALIGN];

    *f = (struct store_file){.file.fd = -1, .first = first, .n = n};
    s->n_files++; /* closed with the others from here on */
    if (snprintf(f->path, sizeof f->path, "%s/%s", folder, name) >= (int)sizeof f->path)
        return FAIL(ST_USAGE, "--store %s: that name is too long", folder);
    f->file.path = f->path;
    f->file.fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (f->file.fd < 0)
        return FAIL(ST_USAGE, "cannot read %s: %s", f->path, strerror(errno));
    make_head(of, samples, first, n, head);
    TRY(check_file(s, f, head));
    if (s->is_direct && s->ops->direct->add(&f->file) != ST_OK) { /* not every file system takes part */
        snprintf(s->reader, sizeof s->reader, "pread");
        return way == FRAME_STORE_DIRECT ? ST_UNSUPPORTED : ST_OK;
    }
    return ST_OK;
}

static enum status add_files(struct frame_store *s, const struct frame_store_frames *of, enum frame_store_way way,
                             const char *folder, DIR *entries)
{
    char samples[65], stem[FRAME_STORE_NAME];
    int64_t first, n;

    digest_samples(of, samples);
    make_stem(of, samples, stem);
    for (const struct dirent *e = readdir(entries); e && s->n_files < MOST_FILES; e = readdir(entries)) {
        if (!read_name(e->d_name, stem, &first, &n) || first + n > of->plan->n_samples)
            continue;
        const int64_t from = first > s->first ? first : s->first;
        const int64_t to = first + n < s->first + s->n ? first + n : s->first + s->n;
        bool is_new = false;
        for (int64_t i = from; i < to; i++)
            is_new = is_new || s->file_of[i - s->first] == 0;
        if (!is_new)
            continue;
        TRY(add_file(s, of, way, folder, e->d_name, samples, first, n));
        for (int64_t i = from; i < to; i++)
            s->file_of[i - s->first] = (uint16_t)s->n_files;
    }
    return ST_OK;
}

static void choose_reader(struct frame_store *s, enum frame_store_way way)
{
    const struct compute_direct *direct = s->ops->direct;
    const char *wish = getenv("JACQUARD_CUFILE");

    if (way == FRAME_STORE_BEST && wish)
        way = strcmp(wish, "0") == 0 ? FRAME_STORE_PREAD : strcmp(wish, "1") == 0 ? FRAME_STORE_DIRECT : way;
    s->is_direct = direct && way != FRAME_STORE_PREAD && (way == FRAME_STORE_DIRECT || direct->pays()) &&
                   direct->describe(s->reader, sizeof s->reader) == ST_OK;
    if (!s->is_direct)
        snprintf(s->reader, sizeof s->reader, "pread");
}

enum status frame_store_find(const char *folder, const struct frame_store_frames *of, enum frame_store_way way,
                             struct frame_store **out)
{
    DIR *entries = opendir(folder);
    bool has_all = true;

    *out = NULL;
    if (!entries)
        return ST_OK;
    enum status st = make(of, out);
    struct frame_store *s = *out;
    if (st == ST_OK) {
        s->from = mem_array(MOST_FILES, sizeof *s->from);
        s->file_of = mem_array((size_t)s->n, sizeof *s->file_of);
        st = s->from && s->file_of ? ST_OK : ST_NOMEM;
    }
    if (st == ST_OK) {
        choose_reader(s, way);
        st = add_files(s, of, way, folder, entries);
    }
    closedir(entries);
    for (int64_t i = 0; st == ST_OK && i < s->n; i++)
        has_all = has_all && s->file_of[i] > 0;
    if (st != ST_OK || !has_all)
        frame_store_close(out);
    return st;
}

enum status frame_store_load(const struct frame_store *s, int64_t sample, struct compute *compute, int slot)
{
    const struct store_file *f = &s->from[s->file_of[sample - s->first] - 1];
    uint8_t digest[SHA256_BYTES];

    TRY(compute_load(compute, slot, &f->file, place_of(s, f, sample), digest));
    if (memcmp(digest, f->digest[sample - f->first], sizeof digest) != 0)
        return FAIL(ST_FORMAT,
                    "the frames kept in %s are damaged: the SHA-256 of sample %lld is not what was written (remove it, "
                    "and the film is decoded again)",
                    f->path, (long long)sample);
    return ST_OK;
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

/* What a process that was killed has left: temporary files of frames that nobody has written to for an hour. */
static void sweep(const char *folder)
{
    static const char ending[] = ".frames.XXXXXX.tmp";
    DIR *entries = opendir(folder);
    struct stat info;

    for (const struct dirent *e = entries ? readdir(entries) : NULL; e; e = readdir(entries)) {
        const size_t n = strlen(e->d_name), ends = sizeof ending - 1;
        if (n > ends && strncmp(e->d_name + n - ends, ending, sizeof suffix) == 0 &&
            strcmp(e->d_name + n - 4, ".tmp") == 0 && fstatat(dirfd(entries), e->d_name, &info, 0) == 0 &&
            time(NULL) - info.st_mtime > STALE_SECONDS)
            unlinkat(dirfd(entries), e->d_name, 0);
    }
    if (entries)
        closedir(entries);
}

enum status frame_store_create(const char *folder, const struct frame_store_frames *of, struct frame_store **out)
{
    char samples[65], stem[FRAME_STORE_NAME];

    TRY(make(of, out));
    struct frame_store *s = *out;
    struct store_file *f = &s->to;
    f->first = s->first;
    f->n = s->n;
    f->digest = mem_array((size_t)f->n, SHA256_BYTES);
    TRY_MEM(f->digest);
    digest_samples(of, samples);
    make_stem(of, samples, stem);
    if (snprintf(f->path, sizeof f->path, "%s/%s.%lld-%lld%s", folder, stem, (long long)f->first,
                 (long long)(f->first + f->n - 1), suffix) >= (int)sizeof f->path)
        return FAIL(ST_USAGE, "--store %s: that name is too long", folder);
    TRY(file_make_folder(folder));
    sweep(folder);
    TRY(file_out_open(&s->out, f->path, true));
    f->file.fd = fileno(s->out.stream);
    /* That there is no room is better known now. */
    if (fallocate(f->file.fd, 0, 0, place_of(s, f, f->first + f->n) + (f->n + 1) * SHA256_BYTES) != 0 &&
        (errno == ENOSPC || errno == EFBIG || errno == EDQUOT))
        return FAIL(ST_IO, "cannot keep %lld frames (%.3f GB) in %s: %s", (long long)f->n,
                    1e-9 * (double)(f->n * (int64_t)s->stride), folder, strerror(errno));
    make_head(of, samples, f->first, f->n, s->head);
    return file_write_at(f->path, f->file.fd, s->head, sizeof s->head, 0);
}

enum status frame_store_write(struct frame_store *s, int64_t sample, const uint8_t *pixels)
{
    const struct store_file *f = &s->to;

    sha256_of(pixels, s->frame_bytes, f->digest[sample - f->first]);
    return file_write_at(f->path, f->file.fd, pixels, s->frame_bytes, place_of(s, f, sample));
}

enum status frame_store_commit(struct frame_store *s)
{
    const struct store_file *f = &s->to;
    const int64_t at = place_of(s, f, f->first + f->n), bytes = f->n * SHA256_BYTES;
    uint8_t digest[SHA256_BYTES];

    seal(s->head, f, digest);
    TRY(file_write_at(f->path, f->file.fd, f->digest, (size_t)bytes, at));
    TRY(file_write_at(f->path, f->file.fd, digest, sizeof digest, at + bytes));
    return file_out_commit(&s->out);
}
