/* fragments: the sequence numbers of an MP4's fragments (ISO/IEC 14496-12, 8.8). Where they are not consecutive and the
 * film's time has a hole, a part is missing; where they are, the recorder paused. libavformat does not report them. */
#include "film/index/parts.h"

#include "base/file.h"
#include "base/mem.h"
#include "film/av/mp4_box.h"

#include <libavutil/intreadwrite.h>
#include <libavutil/macros.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fragment {
    int64_t pos; /* of its moof */
    uint32_t number;
};

struct fragments {
    struct fragment *of; /* [n] in the file's order */
    size_t n, room;
    bool is_cut; /* the file ends within a box */
};

/* The moof's first box, mfhd, has the number. */
static enum status add_fragment(struct fragments *f, int fd, const struct mp4_box *moof)
{
    uint8_t b[16];

    if (pread(fd, b, sizeof b, (off_t)moof->body) != sizeof b || memcmp(b + 4, "mfhd", 4) != 0)
        return ST_OK;
    struct fragment *grown = mem_grow(f->of, f->n, &f->room, sizeof *grown);
    TRY_MEM(grown);
    f->of = grown;
    f->of[f->n++] = (struct fragment){moof->at, AV_RB32(b + 12)};
    return ST_OK;
}

static enum status list_fragments(struct fragments *f, int fd, int64_t file_bytes)
{
    const uint32_t moof = MKBETAG('m', 'o', 'o', 'f'), mdat = MKBETAG('m', 'd', 'a', 't');
    struct mp4_box box;

    for (int64_t at = 0; mp4_box_read(fd, at, file_bytes, &box); at = box.end) {
        if (box.type == moof)
            TRY(add_fragment(f, fd, &box));
        f->is_cut = box.is_cut && (box.type == moof || box.type == mdat); /* whatever else is cut is no loss */
    }
    return ST_OK;
}

/* Numbers rise by one where all fragments are in one file, by more where a file holds one of several streams. */
static uint32_t usual_step(const struct fragments *f)
{
    uint32_t step = 0;

    for (size_t i = 1; i < f->n; i++) {
        const uint32_t here = f->of[i].number - f->of[i - 1].number;
        if (here > 0 && here < 1u << 31 && (step == 0 || here < step))
            step = here;
    }
    return step;
}

/* The first packet of the film behind a fragment that does not follow the one before it by number is marked: numbers
 * may also begin again with each segment of a stream, but then nothing says that the segments follow each other. */
static void mark_jumps(struct film *film, const struct fragments *f)
{
    const uint32_t step = usual_step(f);
    size_t at = 0;

    for (int64_t i = 0; i < film->n_packets; i++) {
        bool jumped = false;
        for (; at + 1 < f->n && f->of[at + 1].pos <= film->packet[i].pos; at++)
            jumped |= f->of[at + 1].number - f->of[at].number != step;
        if (jumped)
            film->packet[i].flags |= PACKET_BROKEN;
    }
}

enum status film_mark_fragments(struct film *film, bool *is_cut)
{
    struct fragments f = {0};
    struct file_in in;
    enum status st = ST_OK;

    *is_cut = false;
    if (file_in_open(&in, film->path, INT64_MAX) == ST_OK) /* else the reader of packets reports it */
        st = list_fragments(&f, in.fd, film->info.bytes);
    file_in_close(&in);
    if (st == ST_OK && f.n > 0) {
        mark_jumps(film, &f);
        *is_cut = f.is_cut;
    }
    free(f.of);
    return st;
}
