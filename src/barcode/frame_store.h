/* frame_store: what `convert` made of a film's sampled frames (compute.h), kept in files of a folder, so that the same
 * frames are clustered again, with another k, space, weight or number of restarts, without decoding. The pixels are
 * those before the space: the window, mapped to sRGB and scaled. Local.
 *
 * A file holds the samples of one rank's share (a job on N ranks leaves N files; a later one on any number of ranks
 * reads what it needs of them), and says of what they are: the film's fingerprint, which of its frames, window, size,
 * rules of conversion. All of that is in its name too, by digest, so that files of other films and settings lie side by
 * side. It appears whole or not at all; every frame has its SHA-256, which is checked when it is read. doc/formats.md
 * has the layout. */
#ifndef JACQUARD_BARCODE_FRAME_STORE_H
#define JACQUARD_BARCODE_FRAME_STORE_H

#include "barcode/plan.h"
#include "compute/compute.h"

enum { FRAME_STORE_ALIGN = 4096, FRAME_STORE_NAME = 96 };

/* How files are read: PREAD, through the host's memory; DIRECT, the backend's own way, where it has one that works
 * (compute_direct); BEST: direct where that pays. JACQUARD_CUFILE=0 and =1 make BEST the one or the other. */
enum frame_store_way { FRAME_STORE_BEST, FRAME_STORE_PREAD, FRAME_STORE_DIRECT };

struct frame_store;

/* Which frames, and how they became pixels. */
struct frame_store_frames {
    const struct film *film;
    const struct plan *plan;
    int rank;               /* whose share of the plan */
    struct frame_crop crop; /* of the film's pictures as they are coded */
    struct picture_settings picture;
    const struct compute_ops *ops; /* that has them */
};

/* What the folder has of the share's samples, to be read: *store stays NULL where one is missing (or the folder).
 * ST_FORMAT where a file that has the right name is damaged, cut or of something else. Ends with frame_store_close. */
enum status frame_store_find(const char *folder, const struct frame_store_frames *of, enum frame_store_way way,
                             struct frame_store **store);

/* Into slot `slot` of an instance that was opened with that picture; sample of the plan. ST_FORMAT where what
 * was read is not what was written. By any thread. */
enum status frame_store_load(const struct frame_store *store, int64_t sample, struct compute *compute, int slot);

/* A new file for the share's samples, with room for all; the folder is made where it is missing. ST_IO where it cannot
 * be written. Ends with frame_store_close, which leaves nothing of what was not committed. */
enum status frame_store_create(const char *folder, const struct frame_store_frames *of, struct frame_store **store);

/* pixels: u8 [height, width, 3]. By any thread, each sample once. */
enum status frame_store_write(struct frame_store *store, int64_t sample, const uint8_t *pixels);

/* After all samples are written: the file appears under its name. */
enum status frame_store_commit(struct frame_store *store);

void frame_store_close(struct frame_store **store);

/* How it reads ("pread", "cuFile 1.15"), and how many bytes of frames it has. */
const char *frame_store_reader(const struct frame_store *store);
int64_t frame_store_bytes(const struct frame_store *store);

/* What is known of the film itself beside its frames: its name in the folder and its key, as piece_files.h wants them.
 */
void frame_store_index_name(const char *fingerprint, const struct sampling *sampling, char name[FRAME_STORE_NAME],
                            char key[65]);

/* Whether the folder seems to have frames of the film, whichever they are: quick, for guesses. */
bool frame_store_knows(const char *folder, const char *fingerprint);

#endif
