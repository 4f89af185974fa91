/* mp4_box: the header of a box of an MP4 file (ISO/IEC 14496-12, 4.2). */
#ifndef JACQUARD_FILM_AV_MP4_BOX_H
#define JACQUARD_FILM_AV_MP4_BOX_H

#include <stdbool.h>
#include <stdint.h>

struct mp4_box {
    uint32_t type;
    int64_t body;  /* offset of what follows the header */
    int64_t bytes; /* all of it, the header included, as it says itself: the file may be shorter; 0: up to its end */
};

/* The box at an offset of an open file. False where none is there. */
bool mp4_box_read(int fd, int64_t at, struct mp4_box *box);

#endif
