/* verify_parts: what the files verify*.c share. Private to them. */
#ifndef JACQUARD_CATALOG_SHOW_VERIFY_PARTS_H
#define JACQUARD_CATALOG_SHOW_VERIFY_PARTS_H

#include "barcode/column.h"
#include "catalog/show/verify.h"
#include "catalog/store/history.h"

#include <pthread.h>

/* A film that should be done. */
struct check {
    char *name;
    const struct history_film *film;  /* NULL: no journal knows it */
    const struct film_result *result; /* NULL likewise */
    bool is_off;
    bool is_changed[MAX_OUTPUTS]; /* result->output[i], told already */
    char *again;                  /* the film, where columns of it are to be made again */
    char settings[65];            /* sha256 of what its side-car says; "" where that was not read */
};

struct verifier {
    const struct verify_setup *setup;
    int64_t n;
    size_t room;
    struct check *check;   /* [n] */
    pthread_mutex_t mutex; /* of what follows, and of stdout and the progress bar */
    struct progress progress;
    int64_t n_checked, n_not_ours;
    enum status fault; /* of this program or machine, not of a film: the end */
    char why[STATUS_MESSAGE_BYTES];
};

/* One line about the film on stdout, which is off from now on. */
void verify_off(struct verifier *v, struct check *c, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* What a step came back with: true where it went well, else it is the film's fault, or ends everything. */
bool verify_went_well(struct verifier *v, struct check *c, enum status st);

/* verify_list.c. All that is to be checked: v->check. */
enum status verify_list(struct verifier *v, const struct history *history);

/* verify_again.c. First, of a film whose side-car and file are as they should be: puts it down for columns to be made
 * again, or counts it as not ours. Then all of them, one thread: makes the columns, counts in *result. */
void verify_note_for_again(struct verifier *v, struct check *c, const struct barcode *b, const char *film_path);
enum status verify_make_again(struct verifier *v, struct verify_result *result);

#endif
