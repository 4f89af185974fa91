/* probe: what a film's headers claim, quickly. For estimates only: no result depends on it. */
#include "film/index/index.h"

#include "film/av/av.h"

#include <math.h>
#include <stdio.h>

enum status ffmpeg_probe(const char *path, const atomic_int *stop, struct film_probe *probe)
{
    struct av_input in;
    enum status st = av_input_open(&in, path, stop);

    if (st == ST_OK)
        st = film_refuse_by_headers(&in, path);

    *probe = (struct film_probe){0};
    if (st == ST_OK) {
        const AVCodecParameters *par = in.stream->codecpar;
        const double fps = av_q2d(in.stream->avg_frame_rate), seconds = av_input_seconds(&in);
        probe->bytes = avio_size(in.format->pb);
        probe->seconds = isfinite(seconds) && seconds > 0.0 ? seconds : 0.0;
        probe->fps = isfinite(fps) && fps > 0.0 && fps < 1000.0 ? fps : 25.0;
        probe->width = par->width;
        probe->height = par->height;
        snprintf(probe->codec, sizeof probe->codec, "%s", avcodec_get_name(par->codec_id));
    }
    av_input_close(&in);
    return st;
}
