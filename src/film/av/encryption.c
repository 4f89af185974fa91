/* encryption: see encryption.h. */
#include "film/av/encryption.h"

#include "base/file.h"
#include "base/mem.h"
#include "film/av/mp4_box.h"

#include <libavutil/intreadwrite.h>
#include <libavutil/macros.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_BOXES = 100000, MAX_DEPTH = 8 }; /* a long film in fragments has tens of thousands, after its headers */

/* --- MP4 ---------------------------------------------------------------------------------------------------------- */

struct boxes {
    int fd, n_left;
    uint32_t wanted, track; /* of the track that is being walked */
    bool found;
};

static void read_track(struct boxes *b, const struct mp4_box *tkhd)
{
    uint8_t body[24];

    b->track = 0;
    if (tkhd->end - tkhd->body >= 24 && pread(b->fd, body, sizeof body, (off_t)tkhd->body) == sizeof body)
        b->track = AV_RB32(body + (body[0] == 1 ? 20 : 12));
}

static void walk_boxes(struct boxes *b, int64_t at, int64_t end, int depth)
{
    struct mp4_box box;

    for (; !b->found && depth < MAX_DEPTH && b->n_left > 0 && mp4_box_read(b->fd, at, end, &box); at = box.end) {
        b->n_left--;
        switch (box.type) {
        case MKBETAG('t', 'k', 'h', 'd'):
            read_track(b, &box);
            break;
        case MKBETAG('e', 'n', 'c', 'v'):
        case MKBETAG('d', 'r', 'm', 'i'):
            b->found = b->wanted == 0 || b->track == b->wanted;
            break;
        case MKBETAG('s', 't', 's', 'd'): /* a count before its entries */
            walk_boxes(b, box.body + 8, box.end, depth + 1);
            break;
        case MKBETAG('t', 'r', 'a', 'k'):
            b->track = 0;
            walk_boxes(b, box.body, box.end, depth + 1);
            break;
        case MKBETAG('m', 'd', 'i', 'a'):
        case MKBETAG('m', 'i', 'n', 'f'):
        case MKBETAG('s', 't', 'b', 'l'):
            walk_boxes(b, box.body, box.end, depth + 1);
            break;
        case MKBETAG('m', 'o', 'o', 'v'):
            walk_boxes(b, box.body, box.end, depth + 1);
            return;
        default:
            break;
        }
    }
}

bool encryption_in_mp4(const char *path, int track)
{
    static const uint32_t first[] = {MKBETAG('f', 't', 'y', 'p'), MKBETAG('s', 't', 'y', 'p'),
                                     MKBETAG('m', 'o', 'o', 'v'), MKBETAG('m', 'd', 'a', 't'),
                                     MKBETAG('f', 'r', 'e', 'e'), MKBETAG('s', 'k', 'i', 'p'),
                                     MKBETAG('w', 'i', 'd', 'e'), MKBETAG('p', 'd', 'i', 'n')};
    struct file_in in;
    struct mp4_box box;
    bool is_mp4 = false;

    if (file_in_open(&in, path, INT64_MAX) != ST_OK)
        return false;
    struct boxes b = {.fd = in.fd, .n_left = MAX_BOXES, .wanted = track > 0 ? (uint32_t)track : 0};
    const bool is_there = mp4_box_read(in.fd, 0, in.bytes, &box);
    for (size_t i = 0; i < sizeof first / sizeof *first; i++)
        is_mp4 |= is_there && box.type == first[i];
    if (is_mp4)
        walk_boxes(&b, 0, in.bytes, 0);
    file_in_close(&in);
    return b.found;
}

enum { LOOK_BYTES = 1 << 20 }; /* of the file's beginning, where other containers are looked at */

/* --- MXF ---------------------------------------------------------------------------------------------------------- */

bool encryption_in_mxf(const char *path)
{
    enum { KEY_BYTES = 16 };
    static const uint8_t key[][KEY_BYTES] = {
        {0x06, 0x0e, 0x2b, 0x34, 0x02, 0x53, 0x01, 0x01, 0x0d, 0x01, 0x04, 0x01, 0x02, 0x02, 0x00, 0x00}, /* context */
        {0x06, 0x0e, 0x2b, 0x34, 0x02, 0x04, 0x01, 0x07, 0x0d, 0x01, 0x03, 0x01, 0x02, 0x7e, 0x01, 0x00}, /* triplet */
    };
    bool found = false;
    uint8_t *data = mem_array(LOOK_BYTES, 1);
    const size_t n = data ? file_read_head(path, data, LOOK_BYTES) : 0;

    for (size_t at = 0; !found && at + KEY_BYTES <= n; at++)
        if (data[at] == key[0][0])
            found = memcmp(data + at, key[0], KEY_BYTES) == 0 || memcmp(data + at, key[1], KEY_BYTES) == 0;
    free(data);
    return found;
}

/* --- MPEG-TS ------------------------------------------------------------------------------------------------------ */

enum { TS_SYNC = 0x47, TS_SYNCS = 5 };

/* Where packets begin and how far apart: 188 bytes, 192 with a time code, 204 with a checksum. */
static bool find_ts_packets(const uint8_t *data, size_t n, size_t *first, size_t *step)
{
    static const size_t steps[] = {188, 192, 204};

    for (size_t at = 0; at < 1024 && at < n; at++)
        for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
            size_t k = 0;
            while (k < TS_SYNCS && at + k * steps[i] < n && data[at + k * steps[i]] == TS_SYNC)
                k++;
            if (k == TS_SYNCS) {
                *first = at;
                *step = steps[i];
                return true;
            }
        }
    return false;
}

bool encryption_in_ts(const char *path, int pid)
{
    size_t at, step;
    uint8_t *data = mem_array(LOOK_BYTES, 1);
    const size_t n = data ? file_read_head(path, data, LOOK_BYTES) : 0;
    int n_payloads = 0, n_scrambled = 0;

    if (find_ts_packets(data, n, &at, &step))
        for (; at + 4 <= n; at += step) {
            const uint8_t *p = data + at;
            if (p[0] != TS_SYNC || ((p[1] & 0x1F) << 8 | p[2]) != pid || !(p[3] & 0x10))
                continue;
            n_payloads++;
            n_scrambled += (p[3] & 0xC0) != 0;
        }
    free(data);
    return n_scrambled > 0 && 2 * n_scrambled >= n_payloads;
}
