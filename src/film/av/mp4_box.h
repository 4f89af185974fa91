/* mp4_box: the header of a box of an MP4 file (ISO/IEC 14496-12, 4.2). */
#ifndef JACQUARD_FILM_AV_MP4_BOX_H
#define JACQUARD_FILM_AV_MP4_BOX_H

#include <stdbool.h>
#include <stdint.h>

struct mp4_box {
    uint32_t type;
    int64_t at, body, end; /* offsets of its header, of what follows that, and of what follows the box */
    bool is_cut;           /* by its own size it reaches beyond its surroundings; `end` is theirs then */
};

/* The box at an offset of an open file, in surroundings that end at `end`: another box or the file. False where none is
 * there. */
bool mp4_box_read(int fd, int64_t at, int64_t end, struct mp4_box *box);

#endif
