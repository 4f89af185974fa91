/* ffmpeg: the source that takes every film, by libav*. */
#include "film/decode/ffmpeg.h"
#include "film/index/index.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libswscale/swscale.h>

#include <stdio.h>

static bool claims(const void *head, size_t n)
{
    (void)head, (void)n;
    return true;
}

const struct frame_source source_ffmpeg = {
    .name = "ffmpeg",
    .claims = claims,
    .index = ffmpeg_index,
    .list_by_decoding = ffmpeg_list_by_decoding,
    .probe = ffmpeg_probe,
    .plain = ffmpeg_plain_decode,
    .decoder = &ffmpeg_decoder,
};

void decoder_describe(char *text, size_t bytes)
{
    const unsigned f = avformat_version(), c = avcodec_version(), u = avutil_version(), s = swscale_version();

    snprintf(
        text, bytes,
        "libavformat %u.%u.%u, libavcodec %u.%u.%u, libavutil %u.%u.%u, libswscale %u.%u.%u (built with %d.%d, %d.%d, "
        "%d.%d, %d.%d), FFmpeg %s, %s",
        f >> 16, f >> 8 & 255, f & 255, c >> 16, c >> 8 & 255, c & 255, u >> 16, u >> 8 & 255, u & 255, s >> 16,
        s >> 8 & 255, s & 255, LIBAVFORMAT_VERSION_MAJOR, LIBAVFORMAT_VERSION_MINOR, LIBAVCODEC_VERSION_MAJOR,
        LIBAVCODEC_VERSION_MINOR, LIBAVUTIL_VERSION_MAJOR, LIBAVUTIL_VERSION_MINOR, LIBSWSCALE_VERSION_MAJOR,
        LIBSWSCALE_VERSION_MINOR, av_version_info(), avutil_license());
}
