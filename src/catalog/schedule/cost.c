#include "catalog/schedule/cost.h"

double cost_estimate(const struct film_probe *probe, const struct barcode_settings *settings)
{
    static const double opening = 0.03, read_bytes_a_second = 1e9, least_bytes_a_second = 250.0,
                        cluster_seconds_a_pixel = 7e-8;
    const struct sampling *s = &settings->sampling;
    const double pixels = (double)probe->width * probe->height, bytes = (double)probe->bytes;
    double seconds = probe->seconds > 0.0 ? probe->seconds : bytes / 250e3;

    if (seconds > bytes / least_bytes_a_second) /* a header may claim any length */
        seconds = bytes / least_bytes_a_second;
    const double frames = seconds * probe->fps;
    const double columns = s->unit == SAMPLE_FRAMES    ? frames / s->every
                           : s->unit == SAMPLE_SECONDS ? seconds / s->every
                                                       : s->every;
    double clustered = (double)settings->box_width * settings->box_height;
    if (settings->scale == SCALE_FULL || clustered > pixels)
        clustered = pixels;
    const double samples = columns < frames ? columns : frames;
    const double decoded = s->snap_to_keys ? samples : frames;
    return opening + bytes / read_bytes_a_second + decoded * pixels * film_seconds_a_pixel(probe->codec) +
           samples * clustered * cluster_seconds_a_pixel;
}
