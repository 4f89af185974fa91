/* passed: files that a catalogue passes over, counted by their suffixes. Local. */
#ifndef JACQUARD_CATALOG_LISTING_PASSED_H
#define JACQUARD_CATALOG_LISTING_PASSED_H

#include <stddef.h>
#include <stdint.h>

enum { PASSED_SUFFIX_BYTES = 16, PASSED_MOST_KINDS = 200 };

struct passed {
    int64_t n; /* of all of them */
    int n_kinds;
    struct passed_kind {
        char suffix[PASSED_SUFFIX_BYTES]; /* ".jpg": small letters and digits; "" where a name has none like that */
        int64_t n;
    } kind[PASSED_MOST_KINDS];
    int64_t n_others; /* whose suffixes came when PASSED_MOST_KINDS were there */
};

/* Counts the file of this name or path. */
void passed_add(struct passed *passed, const char *path);

/* The most frequent first, of as many each by name. */
void passed_sort(struct passed *passed);

/* "12 .jpg, 3 .srt, 1 without a suffix, 4 others": the first ten kinds; "none". Sorted before. */
void passed_describe(const struct passed *passed, char *text, size_t bytes);

#endif
