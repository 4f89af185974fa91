/* out_path: what the files in a catalogue's folder of results, OUT, are called: the films' OUT/NAME.json and so on
 * (barcode/output_names.h), those of the whole, and the folders. Pure. */
#ifndef JACQUARD_CATALOG_OUT_PATH_H
#define JACQUARD_CATALOG_OUT_PATH_H

#include <limits.h>
#include <stdio.h>

#define OUT_REPORT "report"   /* .json, .csv; in any case the NAME of no film */
#define OUT_PAGE "index"      /* .html; likewise */
#define OUT_JOURNAL "journal" /* a folder */
#define OUT_PIECES "pieces"   /* a folder: what is kept of films that are made in pieces */
#define OUT_FRAMES "frames"   /* a folder: frames that are kept (barcode/frame_store.h), where that is wanted */

enum { NAMES_MAX_BYTES = 200 }; /* of NAME */
enum { OUT_PATH_BYTES = PATH_MAX + NAMES_MAX_BYTES + 64 };

/* OUT/NAME and the suffix; returns its length, which is OUT_PATH_BYTES or more only where OUT is too long a name. */
static inline int out_path(const char *out, const char *name, const char *suffix, char path[OUT_PATH_BYTES])
{
    return snprintf(path, OUT_PATH_BYTES, "%s/%s%s", out, name, suffix);
}

/* OUT/pieces/NAME: the STORE of output_names.h. */
static inline int out_path_store(const char *out, const char *name, char path[OUT_PATH_BYTES])
{
    return out_path(out, OUT_PIECES "/", name, path);
}

#endif
