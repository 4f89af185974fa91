/* settings_read: out of a side-car's settings, what it takes to draw its pictures again, or to make its columns. */
#ifndef JACQUARD_BARCODE_SETTINGS_READ_H
#define JACQUARD_BARCODE_SETTINGS_READ_H

#include "barcode/render.h"
#include "compute/compute.h"

enum { SETTINGS_MAX_HEIGHT = 65535 };

struct picture_plan {
    uint32_t height; /* 1 .. SETTINGS_MAX_HEIGHT */
    enum order order;
    enum strip strip[N_STRIPS]; /* [n_strips] each once, n_strips >= 1; the first is the one with the plain name */
    int n_strips;
};

/* Reads "height", "order" and "strips" of what output_settings_text wrote; other members are passed over. ST_USAGE with
 * what is wrong (no names: the caller knows whose settings these are). Pure. */
enum status settings_read_plan(const char *settings_text, struct picture_plan *plan);

/* Likewise "k", "n_init", "plain" and "seed", what it takes to cluster a picture again. */
enum status settings_read_kmeans(const char *settings_text, struct kmeans_settings *kmeans);

#endif
