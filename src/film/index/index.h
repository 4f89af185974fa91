/* index: makes the list of a film's frames (film.h) from its file. */
#ifndef JACQUARD_FILM_INDEX_INDEX_H
#define JACQUARD_FILM_INDEX_INDEX_H

#include "film/film.h"

/* Reads the index. Refuses (ST_USAGE) what is not a regular file, (ST_FORMAT) what is not a film. A film that is not
 * whole is no fault here: info.incomplete says so. *stop != 0 ends it with ST_INTERRUPTED. Local. */
enum status film_open(struct film *film, const char *path, const atomic_int *stop, film_progress *progress,
                      void *context);

/* Lists the frames of a film by decoding all of it, and makes it sequential: the way out when what film_open derived
 * from the packets turns out wrong, for which `why` goes into info.unsplit. Counts damage. */
enum status film_list_by_decoding(struct film *film, const char *why, const atomic_int *stop, film_progress *progress,
                                  void *context);

/* What the headers claim; 0 where they do not say. */
struct film_probe {
    int64_t bytes;
    double seconds, fps;
    int width, height;
    char codec[64];
};

/* In a moment, without reading the film. Refuses as film_open does. Local. */
enum status film_probe(const char *path, const atomic_int *stop, struct film_probe *probe);

#endif
