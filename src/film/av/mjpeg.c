/* mjpeg: libavformat takes a stream of JPEG pictures for a still (its "jpeg_pipe" answers first, by the first 2 KiB),
 * and stills are refused. So two pictures are walked through here, marker by marker (ITU-T T.81, annex B). */
#include "film/av/mjpeg.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum {
    MOST_BYTES = 64 << 20, /* of a picture: 8192x8192 at 8 bits a pixel */
    SOF0 = 0xc0,
    SOF15 = 0xcf,
    DHT = 0xc4,
    JPG = 0xc8,
    DAC = 0xcc,
    RST0 = 0xd0,
    RST7 = 0xd7,
    SOI = 0xd8,
    EOI = 0xd9,
    SOS = 0xda,
    APP2 = 0xe2,
    TEM = 0x01
};

struct size {
    int width, height;
};

/* -1 at the end. A marker may have any number of fill bytes 0xff before it. */
static int next_marker(FILE *file)
{
    int c = getc(file);

    if (c != 0xff)
        return -1;
    while (c == 0xff)
        c = getc(file);
    return c <= 0 ? -1 : c;
}

static int next_word(FILE *file)
{
    const int high = getc(file), low = getc(file);

    return high < 0 || low < 0 ? -1 : high << 8 | low;
}

static bool is_frame_header(int marker)
{
    return marker >= SOF0 && marker <= SOF15 && marker != DHT && marker != JPG && marker != DAC;
}

/* A segment with its length. False where it ends too early, or says that the file holds several photos. */
static bool walk_segment(FILE *file, int marker, struct size *size)
{
    const int length = next_word(file);
    uint8_t head[5] = {0};
    size_t n = 0;

    if (length < 2)
        return false;
    if (is_frame_header(marker) || marker == APP2)
        n = fread(head, 1, length - 2 < 5 ? (size_t)length - 2 : 5, file);
    if (marker == APP2 && n >= 4 && memcmp(head, "MPF", 4) == 0)
        return false;
    if (is_frame_header(marker)) {
        if (n < 5)
            return false;
        *size = (struct size){head[3] << 8 | head[4], head[1] << 8 | head[2]};
    }
    return fseek(file, length - 2 - (long)n, SEEK_CUR) == 0;
}

/* Entropy-coded bytes up to the marker behind them, which is returned. */
static int walk_scan(FILE *file)
{
    for (long n = 0; n < MOST_BYTES; n++) {
        int c = getc_unlocked(file);
        if (c < 0)
            return -1;
        if (c != 0xff)
            continue;
        while (c == 0xff)
            c = getc_unlocked(file);
        if (c < 0)
            return -1;
        if (c != 0 && !(c >= RST0 && c <= RST7))
            return c;
    }
    return -1;
}

static bool walk_picture(FILE *file, struct size *size)
{
    const long start = ftell(file);
    bool has_scan = false;

    *size = (struct size){0, 0};
    if (next_marker(file) != SOI)
        return false;
    for (int marker = next_marker(file); marker > 0 && ftell(file) - start < MOST_BYTES;) {
        if (marker == EOI)
            return has_scan && size->width > 0;
        if (marker == SOI)
            return false;
        if (marker != TEM && !walk_segment(file, marker, size))
            return false;
        has_scan |= marker == SOS;
        marker = marker == SOS ? walk_scan(file) : next_marker(file);
    }
    return false;
}

bool av_is_mjpeg(const char *path)
{
    FILE *file = fopen(path, "rbe");
    struct size first, second;

    if (!file)
        return false;
    const bool is_stream = walk_picture(file, &first) && walk_picture(file, &second) && first.width == second.width &&
                           first.height == second.height;
    fclose(file);
    return is_stream;
}
