/* output_names: what the files of a barcode are called after the name that they share: NAME.barcode.png,
 * NAME.barcode.average.png, NAME.json; and in between, where it is made in pieces, STORE.index, STORE.3of8. Pure. */
#ifndef JACQUARD_BARCODE_OUTPUT_NAMES_H
#define JACQUARD_BARCODE_OUTPUT_NAMES_H

#include "barcode/render.h"

#include <stdbool.h>
#include <stddef.h>

#define PICTURE_SUFFIX ".barcode.png"
#define SIDECAR_SUFFIX ".json"
#define INDEX_SUFFIX ".index"

enum { OUTPUT_SUFFIX_BYTES = 32 };

/* Of a strip that is not the first: x.png -> x.average.png; a name without .png gets the strip's name and .png added.
 * name[bytes], cut where it does not fit: 32 more than the first one's are enough. */
void output_name_strip(const char *first, enum strip strip, char *name, size_t bytes);

/* Of strip[i], after NAME. */
void output_suffix_strip(const enum strip *strip, int i, char suffix[OUTPUT_SUFFIX_BYTES]);

/* Of share 0 .. n_shares - 1, after STORE. */
void output_suffix_share(int share, int n_shares, char suffix[OUTPUT_SUFFIX_BYTES]);

/* Whether this is the end of the name of a file in between; of any file that is made for a film. */
bool output_suffix_is_part(const char *suffix);
bool output_suffix_is_known(const char *suffix);

#endif
