/* refusal: films whose headers show that a decoder would give something other than their pictures without reporting a
 * fault: encrypted ones, and colours that are not converted. They are refused by name, in catalogues and single films
 * alike; checked once, where a film's headers or its index are read. */
#include "film/av/av.h"
#include "film/av/encryption.h"

#include <libavutil/dovi_meta.h>

#include <string.h>

const uint8_t *av_side_data(const AVStream *s, enum AVPacketSideDataType type, size_t *bytes)
{
    *bytes = 0;
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 30, 100)
    const AVCodecParameters *par = s->codecpar;
    const AVPacketSideData *side = av_packet_side_data_get(par->coded_side_data, par->nb_coded_side_data, type);
    *bytes = side ? side->size : 0;
    return side ? side->data : NULL;
#else
    return av_stream_get_side_data(s, type, bytes);
#endif
}

/* --- encryption --------------------------------------------------------------------------------------------------- */

static bool is_container(const struct av_input *in, const char *name)
{
    return strncmp(in->format->iformat->name, name, strlen(name)) == 0;
}

static bool is_encrypted(const struct av_input *in, const char *path)
{
    const AVDictionary *tags = in->format->metadata;
    size_t bytes;

    if (is_container(in, "mov"))
        return encryption_in_mp4(path, in->stream->id);
    if (is_container(in, "matroska")) /* a track's ContentEncryption */
        return av_dict_get(in->stream->metadata, "enc_key_id", NULL, 0) ||
               av_side_data(in->stream, AV_PKT_DATA_ENCRYPTION_INIT_INFO, &bytes);
    if (is_container(in, "mpegts"))
        return encryption_in_ts(path, in->stream->id);
    if (is_container(in, "mxf"))
        return encryption_in_mxf(path);
    if (is_container(in, "asf")) /* the header objects' names, as libavformat gives them */
        return av_dict_get(tags, "ASF_Protection_Type", NULL, 0) || av_dict_get(tags, "ASF_Key_ID", NULL, 0) ||
               av_dict_get(tags, "encryption", NULL, 0);
    return false;
}

static enum status refuse_encrypted(const char *path)
{
    return FAIL(ST_FORMAT, "%s is encrypted: its pictures cannot be decoded without a key", path);
}

enum status film_blame_encryption(const char *path, enum status st)
{
    return st == ST_FORMAT && (encryption_in_mp4(path, 0) || encryption_in_mxf(path)) ? refuse_encrypted(path) : st;
}

/* --- Dolby Vision ------------------------------------------------------------------------------------------------- */

enum { DOVI_NO_COMPATIBILITY = 0 };

/* Profiles 7 and 8 have a layer that is HDR10, HLG or SDR by itself, 4 and 9 one that is SDR, 10 and 20 have one where
 * their records say so. The pictures of the others are IPT-PQ. */
static bool has_plain_layer(const AVDOVIDecoderConfigurationRecord *c)
{
    switch (c->dv_profile) {
    case 1:
    case 3:
    case 5:
        return false;
    case 10:
    case 20:
        return c->dv_bl_signal_compatibility_id != DOVI_NO_COMPATIBILITY;
    default:
        return true;
    }
}

int film_dovi_profile(const struct av_input *in, bool *is_ipt)
{
    size_t bytes;
    const void *data = av_side_data(in->stream, AV_PKT_DATA_DOVI_CONF, &bytes);
    const AVDOVIDecoderConfigurationRecord *c = bytes >= sizeof *c ? data : NULL;

    *is_ipt = c && !has_plain_layer(c);
    return c ? c->dv_profile : 0;
}

bool film_is_dovi_ipt(const AVFrame *av)
{
    const AVFrameSideData *side = av_frame_get_side_data(av, AV_FRAME_DATA_DOVI_METADATA);

    if (!side)
        return false;
    const AVDOVIRpuDataHeader *header = av_dovi_get_header((const AVDOVIMetadata *)side->data);
    return header->vdr_rpu_profile == 0 && header->bl_video_full_range_flag;
}

/* --- all ---------------------------------------------------------------------------------------------------------- */

static enum status refuse_colours(const struct av_input *in, const char *path)
{
    const AVCodecParameters *par = in->stream->codecpar;
    const struct av_colours colours = {(enum AVPixelFormat)par->format, par->color_space, par->color_primaries,
                                       par->color_trc};
    const char *refused = par->format >= 0 && !av_colours_are_ipt(&colours) ? av_colours_refused(&colours) : NULL;

    return refused ? FAIL(ST_FORMAT, "%s: its colours are %s, which this program does not convert", path, refused)
                   : ST_OK;
}

enum status film_refuse_by_headers(const struct av_input *in, const char *path)
{
    if (is_encrypted(in, path))
        return refuse_encrypted(path);
    return refuse_colours(in, path);
}
