#include "film/film.h"

#include "base/file_mark.h"

#include <stdlib.h>
#include <string.h>

enum status film_identify(struct film *film)
{
    struct file_mark mark;

    TRY(file_mark_take("film", film->path, FILE_MARK_ENDS, &mark));
    film->info.bytes = mark.bytes;
    memcpy(film->info.fingerprint, mark.fingerprint, sizeof mark.fingerprint);
    return ST_OK;
}

int64_t film_start_packet(const struct film *film, int64_t frame)
{
    const struct film_packet *packet = film->packet;

    if (film->info.sequential)
        return 0;
    int64_t key = packet[film->frame[frame].packet].key;
    /* Shown before the key frame that precedes it in the file: it also refers to what came before that. */
    if (key > 0 && packet[key].frame > frame)
        key = packet[key - 1].key;
    /* A recovery point is exact only some frames on; the one before it is far enough. */
    if (key > 0 && !(packet[key].flags & PACKET_CLEAN))
        key = packet[key - 1].key;
    return key < 0 ? 0 : key;
}

double film_seconds(const struct film *film, int64_t ticks)
{
    return (double)ticks * film->info.time_base_num / film->info.time_base_den;
}

/* Those at 1080p on 16 cores of an Intel Xeon server: H.264 450 to 530 source frames a second and core, HEVC 443,
 * AV1 434, VP9 175, MPEG-2 1,460; a column every 24th frame. The others are estimates relative to these. */
double film_seconds_a_pixel(const char *codec)
{
    static const struct {
        const char *codec;
        double seconds;
    } known[] = {{"h264", 1.0e-9},  {"hevc", 1.1e-9},        {"vp9", 2.8e-9},      {"vp8", 1.0e-9},
                 {"av1", 1.1e-9},   {"mpeg2video", 0.35e-9}, {"mpeg4", 0.8e-9},    {"prores", 2.5e-9},
                 {"dnxhd", 1.5e-9}, {"mjpeg", 2.0e-9},       {"rawvideo", 0.3e-9}, {"dvvideo", 1.5e-9}};

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(codec, known[i].codec) == 0)
            return known[i].seconds;
    return 1.5e-9;
}

void film_release(struct film *film)
{
    free(film->path);
    free(film->packet);
    free(film->frame);
    *film = (struct film){0};
}
