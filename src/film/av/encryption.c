/* encryption: see encryption.h. */
#include "film/av/encryption.h"

#include "film/av/mp4_box.h"

#include <libavutil/intreadwrite.h>
#include <libavutil/macros.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_BOXES = 100000, MAX_DEPTH = 8 }; /* a long film in fragments has tens of thousands, after its headers */

static bool read_at(int fd, int64_t at, uint8_t *to, size_t bytes)
{
    size_t got = 0;

    while (got < bytes) {
        const ssize_t n = pread(fd, to + got, bytes - got, at + (int64_t)got);
        if (n == 0 || (n < 0 && errno != EINTR))
            return false;
        got += n > 0 ? (size_t)n : 0;
    }
    return true;
}

static int open_file(const char *path, int64_t *bytes)
{
    const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    *bytes = fd >= 0 ? (int64_t)lseek(fd, 0, SEEK_END) : 0;
    return fd;
}

/* --- MP4 ---------------------------------------------------------------------------------------------------------- */

struct boxes {
    int fd, n_left;
    uint32_t wanted, track; /* of the track that is being walked */
    bool found;
};

struct box {
    uint32_t type;
    int64_t at, body, end;
};

/* The box at `at`, which may not reach beyond `end`. */
static bool read_box(struct boxes *b, int64_t at, int64_t end, struct box *box)
{
    struct mp4_box header;

    if (b->n_left <= 0 || end - at < 8 || !mp4_box_read(b->fd, at, &header) || header.body > end)
        return false;
    b->n_left--;
    *box = (struct box){.type = header.type, .at = at, .body = header.body, .end = end};
    if (header.bytes > 0 && header.bytes < end - at) /* else cut off, perhaps */
        box->end = at + header.bytes;
    return true;
}

static void read_track(struct boxes *b, const struct box *tkhd)
{
    uint8_t body[24];

    b->track = 0;
    if (tkhd->end - tkhd->body >= 24 && read_at(b->fd, tkhd->body, body, 24))
        b->track = AV_RB32(body + (body[0] == 1 ? 20 : 12));
}

static void walk_boxes(struct boxes *b, int64_t at, int64_t end, int depth)
{
    struct box box;

    for (; !b->found && depth < MAX_DEPTH && read_box(b, at, end, &box); at = box.end) {
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
    int64_t bytes;
    struct boxes b = {.fd = open_file(path, &bytes), .n_left = MAX_BOXES, .wanted = track > 0 ? (uint32_t)track : 0};
    struct box box;

    if (b.fd < 0)
        return false;
    if (read_box(&b, 0, bytes, &box))
        for (size_t i = 0; i < sizeof first / sizeof *first; i++)
            if (box.type == first[i]) {
                walk_boxes(&b, 0, bytes, 0);
                break;
            }
    close(b.fd);
    return b.found;
}

/* --- the beginning of a file -------------------------------------------------------------------------------------- */

enum { LOOK_BYTES = 1 << 20 };

/* The first bytes, *n at most LOOK_BYTES of them; NULL where they cannot be read. Ends with free(). */
static uint8_t *read_beginning(const char *path, size_t *n)
{
    int64_t bytes;
    const int fd = open_file(path, &bytes);
    uint8_t *data;

    *n = bytes < LOOK_BYTES ? (size_t)(bytes > 0 ? bytes : 0) : LOOK_BYTES;
    data = fd >= 0 ? malloc(*n + 1) : NULL;
    if (data && !read_at(fd, 0, data, *n)) {
        free(data);
        data = NULL;
    }
    if (fd >= 0)
        close(fd);
    return data;
}

/* --- MXF ---------------------------------------------------------------------------------------------------------- */

bool encryption_in_mxf(const char *path)
{
    enum { KEY_BYTES = 16 };
    static const uint8_t key[][KEY_BYTES] = {
        {0x06, 0x0e, 0x2b, 0x34, 0x02, 0x53, 0x01, 0x01, 0x0d, 0x01, 0x04, 0x01, 0x02, 0x02, 0x00, 0x00}, /* context */
        {0x06, 0x0e, 0x2b, 0x34, 0x02, 0x04, 0x01, 0x07, 0x0d, 0x01, 0x03, 0x01, 0x02, 0x7e, 0x01, 0x00}, /* triplet */
    };
    bool found = false;
    size_t n;
    uint8_t *data = read_beginning(path, &n);

    for (size_t at = 0; data && !found && at + KEY_BYTES <= n; at++)
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
    size_t n, at, step;
    uint8_t *data = read_beginning(path, &n);
    int n_payloads = 0, n_scrambled = 0;

    if (data && find_ts_packets(data, n, &at, &step))
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
