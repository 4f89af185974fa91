/* index: what this folder provides to the source ffmpeg: the list of a film's frames, made from its file. See
 * frame_source.h. */
#ifndef JACQUARD_FILM_INDEX_INDEX_H
#define JACQUARD_FILM_INDEX_INDEX_H

#include "film/frame_source.h"

/* Of film->path, into an otherwise empty film. */
enum status ffmpeg_index(struct film *film, const atomic_int *stop, film_progress *progress, void *context);
enum status ffmpeg_list_by_decoding(struct film *film, const char *why, const atomic_int *stop, film_progress *progress,
                                    void *context);
enum status ffmpeg_probe(const char *path, const atomic_int *stop, struct film_probe *probe);

#endif
