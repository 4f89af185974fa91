/* planes: pictures whose samples do not lie in planes that `convert` takes (packed, big-endian, palettes, a few bits a
 * sample, floats, colour filter arrays, X'Y'Z') become such planes. FFmpeg's descriptors say where samples lie; all
 * arithmetic is here and on integers, so that every host and every version of FFmpeg gives the same. */
#ifndef JACQUARD_FILM_AV_PLANES_H
#define JACQUARD_FILM_AV_PLANES_H

#include "base/status.h"
#include "image/frame.h"

#include <libavutil/frame.h>
#include <libavutil/pixdesc.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct transfer;

/* Zeroed at first; ends with av_planes_release. */
struct av_planes {
    uint8_t *bytes; /* the planes */
    size_t room;
    uint32_t *row; /* three rows of samples, as they are read */
    size_t row_room;
    struct transfer *transfer;
    uint32_t *xyz_light; /* av_xyz_light's, where it was needed */
};

/* Fills in planes, depth and layout of *frame, whose size is set; RGB also in its matrix and range. The planes stay
 * valid until the next call. is_xyz: the three components are X', Y' and Z' of SMPTE ST 428-1. ST_FORMAT: a layout that
 * is not known. */
enum status av_planes_unpack(struct av_planes *planes, const AVFrame *av, bool is_xyz, struct frame *frame);
void av_planes_release(struct av_planes *planes);

enum { AV_XYZ_CODES = 4096, AV_XYZ_WHITE = 65535 << 8 };

/* Light of each 12-bit code value of SMPTE ST 428-1, 52.37 cd/m2 * (code / 4095)^2.6, AV_XYZ_WHITE = 48 cd/m2. */
void av_xyz_light(uint32_t light[AV_XYZ_CODES]);

/* X, Y, Z as above to R, G, B of BT.709 primaries, linear, 0..65535 (clipped). White is D65 of 48 cd/m2 luminance;
 * chromaticities are kept as they are, not adapted to another white. */
void av_xyz_to_rgb(const uint32_t xyz[3], uint32_t rgb[3]);

#endif
