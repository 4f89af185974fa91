/* listing: see listing.h. All names are found first, in an order that depends on nothing but the names; then they are
 * sorted, and what is the same film is dropped. */
#include "catalog/listing/listing.h"

#include "base/file_mark.h"
#include "base/lines.h"
#include "base/log.h"
#include "base/mem.h"
#include "catalog/listing/content.h"
#include "catalog/listing/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <search.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LONGEST_NAME = 2 * PATH_MAX /* a longer line names no file */, MOST_LIST_BYTES = 1 << 30 };

static const char *const suffixes[] = {
    "mp4", "m4v", "mov", "mkv", "webm", "avi",  "mpg",  "mpeg", "m2v", "ts",  "m2ts", "mts",  "vob",   "flv",
    "f4v", "wmv", "asf", "ogv", "ogm",  "3gp",  "3g2",  "mxf",  "dv",  "gif", "264",  "h264", "265",   "ivf",
    "nut", "rm",  "y4m", "av1", "rmvb", "obu",  "mj2",  "wtv",  "m1v", "qt",  "divx", "hevc", "h265",  "m2t",
    "m2p", "tod", "trp", "vro", "evo",  "mk3d", "apng", "pva",  "nsv", "4xm", "dxa",  "mjpg", "mjpeg",
};

/* Films' suffixes that other files bear as well: Vorbis, tracker music and modules, Video CD and any data, archives. */
static const char *const doubtful[] = {"ogg", "mod", "dat", "cpk", "dfa", "pmp", "pattern"};

/* A folder that waits for its turn. */
struct folder {
    char *path;
    size_t input_bytes; /* of path: INPUT, what follows is below it */
    bool is_named, by_link;
};

struct folders {
    struct folder *folder;
    size_t n, room, next;
};

struct id {
    dev_t device;
    ino_t inode;
};

/* A film by one of its names. */
struct found {
    char *path;
    bool has_id, by_link;
    struct id id; /* 0, 0 without one */
    int64_t bytes, mtime_ns;
};

struct finder {
    const struct listing_request *request;
    struct folders real, linked; /* the linked ones come when all real ones are done */
    void *seen;                  /* tree of struct id: folders that were walked */
    struct found *found;
    size_t n_found, room;
    struct passed passed;
    struct id out;
    bool has_out;
};

/* --- names -------------------------------------------------------------------------------------------------------- */

static bool has_suffix(const char *path, const char *const *list, size_t n)
{
    const char *name = path_file(path), *dot = strrchr(name, '.');

    for (size_t i = 0; dot && i < n; i++)
        if (strcasecmp(dot + 1, list[i]) == 0)
            return true;
    return false;
}

static bool is_matched(const char *const *pattern, int n, const char *path, const char *below)
{
    for (int i = 0; i < n; i++)
        if (fnmatch(pattern[i], path_file(path), 0) == 0 || fnmatch(pattern[i], below, 0) == 0)
            return true;
    return false;
}

enum wish { NOT_WANTED, WANTED_IF_FILM /* its first bytes decide */, WANTED };

static enum wish is_wanted(const struct listing_request *r, const char *path, const char *below, bool is_named)
{
    if (is_matched(r->exclude, r->n_excludes, path, below))
        return NOT_WANTED;
    if (r->n_includes > 0)
        return is_matched(r->include, r->n_includes, path, below) ? WANTED : NOT_WANTED;
    if (is_named || has_suffix(path, suffixes, sizeof suffixes / sizeof *suffixes))
        return WANTED;
    return has_suffix(path, doubtful, sizeof doubtful / sizeof *doubtful) ? WANTED_IF_FILM : NOT_WANTED;
}

/* --- finding ------------------------------------------------------------------------------------------------------ */

/* Takes over path. */
static enum status add_film(struct finder *f, char *path, const struct stat *info, bool by_link)
{
    struct found *grown = mem_grow(f->found, f->n_found, &f->room, sizeof *grown);

    if (!grown) {
        free(path);
        return ST_NOMEM;
    }
    f->found = grown;
    grown[f->n_found] = (struct found){.path = path, .by_link = by_link};
    struct found *film = &grown[f->n_found++];
    if (info->st_mode != 0) {
        film->has_id = true;
        film->id = (struct id){info->st_dev, info->st_ino};
    }
    if (S_ISREG(info->st_mode)) {
        film->bytes = info->st_size;
        film->mtime_ns = file_mark_time(info);
    }
    return ST_OK;
}

/* Takes over path. */
static enum status add_folder(struct finder *f, char *path, size_t input_bytes, bool is_named, bool by_link)
{
    struct folders *q = by_link ? &f->linked : &f->real;
    struct folder *grown = mem_grow(q->folder, q->n, &q->room, sizeof *grown);

    if (!grown) {
        free(path);
        return ST_NOMEM;
    }
    q->folder = grown;
    q->folder[q->n++] =
        (struct folder){.path = path, .input_bytes = input_bytes, .is_named = is_named, .by_link = by_link};
    return ST_OK;
}

static int compare_ids(const void *a, const void *b)
{
    const struct id *x = a, *y = b;

    if (x->device != y->device)
        return x->device < y->device ? -1 : 1;
    return x->inode < y->inode ? -1 : x->inode > y->inode;
}

/* Whether the folder has not been walked; it counts as walked from now on. */
static enum status mark(struct finder *f, const struct stat *info, bool *is_new)
{
    struct id *id = mem_array(1, sizeof *id);

    TRY_MEM(id);
    *id = (struct id){info->st_dev, info->st_ino};
    struct id **node = tsearch(id, &f->seen, compare_ids);
    *is_new = node && *node == id;
    if (!*is_new)
        free(id);
    return node ? ST_OK : FAIL(ST_NOMEM, "out of memory for the list of folders");
}

static bool is_out(const struct finder *f, const struct stat *info)
{
    return f->has_out && info->st_dev == f->out.device && info->st_ino == f->out.inode;
}

/* Of the file itself, or of the link where that leads nowhere; a mode of 0 where there is nothing. */
static void look(const char *path, struct stat *info, bool *is_link)
{
    struct stat target;

    if (lstat(path, info) != 0)
        info->st_mode = 0;
    *is_link = S_ISLNK(info->st_mode);
    if (*is_link && stat(path, &target) == 0)
        *info = target;
}

/* An entry of a folder; takes over path. */
static enum status look_at_entry(struct finder *f, const struct folder *in, char *path, unsigned char type)
{
    const char *below = path + in->input_bytes;
    struct stat info;
    bool is_link;

    while (*below == '/')
        below++;
    const enum wish wish = is_wanted(f->request, path, below, false);
    if (wish == NOT_WANTED && type != DT_DIR && type != DT_LNK && type != DT_UNKNOWN)
        goto passed_over;
    look(path, &info, &is_link);
    if (S_ISDIR(info.st_mode) || (info.st_mode == 0 && type == DT_DIR)) { /* if out of reach: reading it will tell */
        if (info.st_mode != 0 && is_out(f, &info))
            free(path);
        else
            return add_folder(f, path, in->input_bytes, false, in->by_link || is_link);
        return ST_OK;
    }
    if (wish == WANTED || (wish == WANTED_IF_FILM && S_ISREG(info.st_mode) && content_file_is_film(path)))
        return add_film(f, path, &info, in->by_link || is_link);
passed_over:
    passed_add(&f->passed, path);
    free(path);
    return ST_OK;
}

static int not_hidden(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int compare_entries(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static enum status walk_folder(struct finder *f, const struct folder *folder)
{
    struct dirent **entry = NULL;
    enum status st = ST_OK;
    struct stat info;
    bool is_new = true;

    if (stat(folder->path, &info) == 0)
        TRY(mark(f, &info, &is_new));
    if (!is_new)
        return ST_OK;
    const int n = scandir(folder->path, &entry, not_hidden, compare_entries);
    if (n < 0 && errno == ENOMEM)
        return FAIL(ST_NOMEM, "out of memory for the names in %s", folder->path);
    if (n < 0 && folder->is_named)
        return FAIL(ST_USAGE, "cannot read folder %s: %s", folder->path, strerror(errno));
    if (n < 0)
        log_note("cannot read folder %s: %s; it is passed over", folder->path, strerror(errno));
    for (int i = 0; i < n && st == ST_OK; i++) {
        char *path = path_join(folder->path, entry[i]->d_name);
        st = path ? look_at_entry(f, folder, path, entry[i]->d_type) : ST_NOMEM;
    }
    for (int i = 0; i < n; i++)
        free(entry[i]);
    free(entry);
    return st;
}

/* A file or folder that the user names. is_listed: it may be missing. */
static enum status look_at_named(struct finder *f, const char *name, bool is_listed)
{
    struct stat info;
    bool is_link;

    errno = 0;
    look(name, &info, &is_link);
    if (info.st_mode == 0 && !is_listed)
        return FAIL(ST_USAGE, "cannot open %s: %s", name, strerror(errno));
    const bool is_folder = S_ISDIR(info.st_mode);
    if (is_folder && is_out(f, &info))
        return FAIL(ST_USAGE, "%s holds the results (--out): it cannot hold the films as well", name);
    if (!is_folder && is_wanted(f->request, name, name, true) == NOT_WANTED) {
        passed_add(&f->passed, name);
        return ST_OK;
    }
    char *path = path_place(f->request->base, name);
    TRY_MEM(path);
    if (is_folder)
        look(path, &info, &is_link); /* a slash at the end of a link's name would hide that it is one */
    return is_folder ? add_folder(f, path, strlen(path), true, is_link) : add_film(f, path, &info, is_link);
}

/* A line of the list: length bytes and a 0. */
static enum status look_at_line(struct finder *f, char *line, size_t length, bool is_cut, int64_t number)
{
    static const char byte_order_mark[] = "\xef\xbb\xbf";

    if (strlen(line) != length)
        return FAIL(ST_USAGE, "%s: line %lld holds a 0 byte: this is no list of names in UTF-8", f->request->list,
                    (long long)number);
    if (is_cut)
        return FAIL(ST_USAGE, "%s: line %lld is longer than a file's name can be (%d bytes)", f->request->list,
                    (long long)number, LONGEST_NAME);
    if (length > 0 && line[length - 1] == '\r')
        line[--length] = '\0';
    if (number == 1 && strncmp(line, byte_order_mark, 3) == 0)
        line += 3;
    return *line == '\0' || *line == '#' ? ST_OK : look_at_named(f, line, true);
}

static enum status read_list(struct finder *f)
{
    const char *name = f->request->list;
    const bool is_stdin = strcmp(name, "-") == 0;
    const int fd = is_stdin ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    enum status st = ST_OK;
    struct lines lines;
    char *line = NULL, what[PATH_MAX + 16];
    size_t length = 0;
    bool is_cut = false;

    if (fd < 0)
        return FAIL(ST_USAGE, "cannot open the list %s: %s", name, strerror(errno));
    snprintf(what, sizeof what, "the list %s", name);
    lines_start(&lines, fd, what, ST_USAGE, LONGEST_NAME, MOST_LIST_BYTES);
    lines.stop = f->request->stop;
    for (int64_t number = 1; st == ST_OK; number++) {
        st = lines_next(&lines, &line, &length, &is_cut);
        if (st == ST_OK)
            st = look_at_line(f, line, length, is_cut, number);
    }
    lines_end(&lines);
    if (!is_stdin)
        close(fd);
    return st == ST_END ? ST_OK : st;
}

static enum status walk_folders(struct finder *f)
{
    for (;;) {
        struct folders *q = f->real.next < f->real.n ? &f->real : &f->linked;
        if (q->next == q->n)
            return ST_OK;
        const struct folder folder = q->folder[q->next++]; /* a copy: the queue may move */
        TRY(walk_folder(f, &folder));
    }
}

static enum status find(struct finder *f)
{
    const struct listing_request *r = f->request;
    struct stat info;

    if (r->out && stat(r->out, &info) == 0) {
        f->out = (struct id){info.st_dev, info.st_ino};
        f->has_out = true;
    }
    for (int i = 0; i < r->n_inputs; i++)
        TRY(look_at_named(f, r->input[i], false));
    if (r->list)
        TRY(read_list(f));
    return walk_folders(f);
}

static void finder_release(struct finder *f)
{
    for (size_t i = 0; i < f->real.n; i++)
        free(f->real.folder[i].path);
    for (size_t i = 0; i < f->linked.n; i++)
        free(f->linked.folder[i].path);
    for (size_t i = 0; i < f->n_found; i++)
        free(f->found[i].path);
    free(f->real.folder);
    free(f->linked.folder);
    free(f->found);
    tdestroy(f->seen, free);
}

/* --- each film once ----------------------------------------------------------------------------------------------- */

static bool is_same(const struct found *a, const struct found *b)
{
    if (a->has_id != b->has_id)
        return false;
    return a->has_id ? compare_ids(&a->id, &b->id) == 0 : strcmp(a->path, b->path) == 0;
}

/* Names of one film come together, the one to keep first. */
static int compare_identities(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    const int order = compare_ids(&x->id, &y->id);

    if (order != 0)
        return order;
    if (x->by_link != y->by_link)
        return x->by_link ? 1 : -1;
    return strcmp(x->path, y->path);
}

static int compare_paths(const void *a, const void *b)
{
    const struct listing_film *x = a, *y = b;

    return strcmp(x->path, y->path);
}

static enum status keep(struct listing *listing, struct finder *f)
{
    listing->passed = f->passed;
    passed_sort(&listing->passed);
    listing->film = mem_array(f->n_found, sizeof *listing->film);
    TRY_MEM(listing->film);
    if (f->n_found > 0)
        qsort(f->found, f->n_found, sizeof *f->found, compare_identities);
    for (size_t i = f->n_found; i-- > 0;) {
        struct found *film = &f->found[i];
        if (i > 0 && is_same(film, film - 1)) {
            listing->n_twice++;
            continue;
        }
        listing->film[listing->n++] =
            (struct listing_film){.path = film->path, .bytes = film->bytes, .mtime_ns = film->mtime_ns};
        film->path = NULL;
    }
    qsort(listing->film, (size_t)listing->n, sizeof *listing->film, compare_paths);
    return ST_OK;
}

enum status listing_make(struct listing *listing, const struct listing_request *request)
{
    struct finder f = {.request = request};

    *listing = (struct listing){0};
    enum status st = find(&f);
    if (st == ST_OK)
        st = keep(listing, &f);
    finder_release(&f);
    return st;
}

/* --- shares ------------------------------------------------------------------------------------------------------- */

static int compare_sizes(const void *a, const void *b)
{
    const struct listing_film *x = a, *y = b;

    return x->bytes != y->bytes ? (x->bytes < y->bytes) - (x->bytes > y->bytes) : strcmp(x->path, y->path);
}

void listing_take_share(struct listing *l, int share, int n_shares)
{
    int64_t n = 0;

    if (n_shares == 1)
        return;
    qsort(l->film, (size_t)l->n, sizeof *l->film, compare_sizes);
    for (int64_t i = 0; i < l->n; i++) {
        const int64_t lap = i / n_shares, at = i % n_shares;
        const bool is_mine = (lap % 2 ? n_shares - 1 - at : at) == share - 1; /* to and fro */
        if (is_mine) {
            l->film[n++] = l->film[i];
        } else {
            free(l->film[i].path);
            free(l->film[i].name);
        }
    }
    l->n = n;
}

void listing_release(struct listing *listing)
{
    for (int64_t i = 0; i < listing->n; i++) {
        free(listing->film[i].path);
        free(listing->film[i].name);
    }
    free(listing->film);
    *listing = (struct listing){0};
}
