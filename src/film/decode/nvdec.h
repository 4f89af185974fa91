/* nvdec: sessions of a GPU's video decoders, driven by FFmpeg. The driver takes 0.06 s to open one and 0.05 s to close
 * one, and does one at a time on a host, whichever process and GPU it is for (measured: 1 to 16 sessions on one and two
 * H200s). So sessions are opened ahead, while a film's index is being read, and kept for what is decoded next, if it is
 * of the same kind: a stream with the same headers. The process has one store of them; any thread may call. Local. */
#ifndef JACQUARD_FILM_DECODE_NVDEC_H
#define JACQUARD_FILM_DECODE_NVDEC_H

#include "film/film.h"

/* On a GPU: an H200 has 7 engines; 7 to 8 sessions saturate them, more gain nothing. */
enum { NVDEC_SESSIONS = 8 };

struct nvdec_user {
    int device, threads;               /* CUDA ordinal; processor threads that decode beside it */
    int n_gpu_sharers, n_host_sharers; /* processes at such work on this GPU and on this host, this one too; 0 = 1 */
};

/* Sessions to decode so many of the film's frames with, 0 where NVDEC does not give the same bits: no more than this
 * process's share of its GPU's, and as many as pay, those that are there already or pay by what is decoded before and
 * after. JACQUARD_NVDEC=N asks for N whatever there is to do; ST_USAGE where it is no number from 0 to 64. */
enum status nvdec_choose(const struct film_info *film, const struct nvdec_user *user, int64_t n_frames, int *n);

/* In the background, as many as pay for the film's n_shares-th part by what its headers claim. Nothing that goes wrong
 * is told: whoever needs a session opens it then. *stop != 0 ends it soon. *ahead ends with nvdec_end_ahead; NULL where
 * no thread could start. */
struct nvdec_ahead;
struct nvdec_ahead *nvdec_open_ahead(const char *path, const struct nvdec_user *user, int n_shares,
                                     const atomic_int *stop);
void nvdec_end_ahead(struct nvdec_ahead **ahead);

#endif
