/* listing: which films a catalogue has: folders are walked, lists are read, the same film is taken once. A film here is
 * what looks like one from outside; whether it can be read is found out later. */
#ifndef JACQUARD_CATALOG_LISTING_LISTING_H
#define JACQUARD_CATALOG_LISTING_LISTING_H

#include "base/status.h"
#include "catalog/listing/passed.h"

#include <stdatomic.h>
#include <stdint.h>

struct listing_film {
    char *path;    /* as path_place has it, or INPUT/sub/film for what a folder holds; any bytes but 0, newlines too */
    char *name;    /* of its outputs, unique in the catalogue: NAME.json; set by names_assign, NULL before */
    int64_t bytes; /* 0 where it is no regular file or cannot be looked at */
    int64_t mtime_ns; /* since the epoch; 0 likewise */
};

struct listing {
    int64_t n;
    struct listing_film *film; /* [n] sorted by path, byte by byte */
    struct passed passed; /* files that are passed over: no film's suffix, a suffix that others than films bear too and
                             not a film's first bytes, or by --include or --exclude; not dot files. Sorted */
    int64_t n_twice;      /* further names (links, repetitions) of films that are listed already */
};

struct listing_request {
    const char *const *input; /* [n_inputs] */
    int n_inputs;
    const char *list; /* NULL: none; "-": standard input. One name a line (LF or CRLF), relative ones from where the
                         program runs; empty lines and lines that begin with # are passed over */
    const char *const *include, *const *exclude;
    int n_includes, n_excludes;
    const char *out;        /* this folder is never walked into; it need not exist; NULL: none */
    const atomic_int *stop; /* becomes non-zero: ST_INTERRUPTED while the list is being read; may be NULL */
    const char *base; /* stands before relative names, so that they hold wherever a program runs; NULL: nothing does */
};

/* A file that is named (INPUT or in the list) is taken whatever its suffix, unless --exclude speaks against it or there
 * are --include patterns and none speaks for it. In folders (named in either way; walked with their subfolders, links
 * followed) a file is taken if its suffix is a film's (one that music and data bear too, like .ogg, .mod and .dat: if
 * it begins like a film besides) or, where there are --include patterns, if one of them matches, and --exclude does not
 * speak against it; names that begin with a dot are passed over. A pattern (fnmatch(3), no
 * flags: '*' matches '/' too) matches against the file's name and against its path below INPUT (of a named file: the
 * path as named). A folder is walked once, which also ends loops: by its own name rather than by a link. Of the names
 * of one film (the same inode) the first by path is kept, one without links on its way before others. What
 * is no regular file (FIFO, device, dead link) but bears a film's suffix or is named, and what the list names and is
 * not there, is listed as well: its turn will say why it cannot be read.
 *
 * ST_USAGE where an INPUT does not exist or is OUT, the list does not exist, cannot be read or has bytes 0 in it, or a
 * folder that was named cannot be read at all (a subfolder that cannot be read is noted and passed over). ST_NOMEM.
 * *listing ends with listing_release, also after a failure. */
enum status listing_make(struct listing *listing, const struct listing_request *request);
/* Keeps share 1 .. n_shares alone: every n-th film in the order of their sizes, to and fro, so that shares are about
 * equal. All runs that share a catalogue list the same films, and so agree on who takes which. */
void listing_take_share(struct listing *listing, int share, int n_shares);

void listing_release(struct listing *listing);

#endif
