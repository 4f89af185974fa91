/* pattern: see pattern.h. Packets are frames, in the same order; a decoder goes through those from the key frame on, as
 * a real decoder would, so that everything around it is used in the same way. */
#include "film/pattern.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/sha256.h"
#include "film/frame_source.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BYTES = 4096, MOST_SIDE = 8192, MOST_FRAMES = 1 << 21, MOST_RATE = 1000 };

static const char magic[] = "jacquard pattern 1\n";

struct pattern {
    int64_t bytes;
    int width, height;
    bool is_split;
    int64_t n_frames, rate, keys, bars, missed, damaged; /* the latter two: -1 = none */
};

int pattern_bar(int bar, int width)
{
    return bar == PATTERN_BARS ? width : width - (width >> bar);
}

void pattern_colour(int64_t frame, int bar, uint8_t rgb[3])
{
    const uint64_t n = (uint64_t)frame;

    for (uint64_t c = 0; c < 3; c++)
        rgb[c] = (uint8_t)(n * (7 + 2 * c) + (uint64_t)bar * 64 + c * 21);
}

/* --- the file ----------------------------------------------------------------------------------------------------- */

static bool claims(const void *head, size_t n)
{
    return n >= sizeof magic - 1 && memcmp(head, magic, sizeof magic - 1) == 0;
}

static bool read_line(struct pattern *p, const char *line)
{
    const struct {
        const char *name;
        int64_t low, high, *number;
    } numbers[] = {{"frames ", 1, MOST_FRAMES, &p->n_frames}, {"rate ", 1, MOST_RATE, &p->rate},
                   {"keys ", 1, MOST_FRAMES, &p->keys},       {"bars ", 0, MOST_SIDE, &p->bars},
                   {"misses ", 0, MOST_FRAMES, &p->missed},   {"damages ", 0, MOST_FRAMES, &p->damaged}};

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        const size_t n = strlen(numbers[i].name);
        if (strncmp(line, numbers[i].name, n) == 0)
            return number_read_int(line + n, numbers[i].low, numbers[i].high, numbers[i].number);
    }
    if (strncmp(line, "size ", 5) == 0)
        return number_read_pair(line + 5, 'x', 1, MOST_SIDE, &p->width, &p->height);
    p->is_split = strcmp(line, "split yes") == 0;
    return p->is_split || strcmp(line, "split no") == 0;
}

static enum status read_pattern(const char *path, struct pattern *p)
{
    char *text = NULL, *line, *rest;
    size_t bytes = 0;
    enum status st;

    *p = (struct pattern){.rate = 25, .keys = 12, .is_split = true, .missed = -1, .damaged = -1};
    TRY(file_read_most(path, ST_FORMAT, MOST_BYTES, &text, &bytes));
    p->bytes = (int64_t)bytes;
    st = claims(text, bytes) && strlen(text) == bytes ? ST_OK : FAIL(ST_FORMAT, "%s is not a pattern film", path);
    rest = text + (sizeof magic - 1);
    while (st == ST_OK && (line = strsep(&rest, "\n")) != NULL)
        if (*line && !read_line(p, line))
            st = FAIL(ST_FORMAT, "%s: \"%.64s\" is not a line of a pattern film", path, line);
    free(text);
    if (st == ST_OK && (p->width == 0 || p->n_frames == 0))
        st = FAIL(ST_FORMAT, "%s: a pattern film needs its size and its number of frames", path);
    p->height += 2 * (int)p->bars;
    return st;
}

/* --- index -------------------------------------------------------------------------------------------------------- */

static void describe(struct film_info *info, const struct pattern *p)
{
    snprintf(info->container, sizeof info->container, "pattern");
    snprintf(info->codec, sizeof info->codec, "pattern");
    snprintf(info->decoder, sizeof info->decoder, "pattern");
    snprintf(info->pixel_format, sizeof info->pixel_format, "gbrp");
    snprintf(info->matrix, sizeof info->matrix, "rgb");
    snprintf(info->range, sizeof info->range, "full");
    snprintf(info->unsplit, sizeof info->unsplit, "%s", p->is_split ? "" : "it says so");
    info->bytes = p->bytes;
    info->n_video_streams = 1;
    info->width = p->width;
    info->height = p->height;
    info->sar_num = info->sar_den = info->time_base_num = 1;
    info->time_base_den = (int)p->rate;
    info->usual_ticks = 1;
    info->duration_ticks = p->n_frames;
    info->sequential = info->one_thread = !p->is_split;
    info->decoder_bytes = 3 * (int64_t)p->width * p->height;
}

static enum status index_pattern(struct film *film, const atomic_int *stop, film_progress *progress, void *context)
{
    struct pattern p;

    (void)stop;
    TRY(read_pattern(film->path, &p));
    describe(&film->info, &p);
    TRY(film_identify(film));
    film->packet = mem_array((size_t)p.n_frames, sizeof *film->packet);
    film->frame = mem_array((size_t)p.n_frames, sizeof *film->frame);
    TRY_MEM(film->packet && film->frame);
    film->n_packets = film->n_frames = p.n_frames;
    for (int64_t i = 0; i < p.n_frames; i++) {
        const uint32_t key = i % p.keys == 0 ? PACKET_KEY | PACKET_CLEAN | PACKET_CLOSED : 0;
        film->packet[i] = (struct film_packet){.pts = i,
                                               .dts = i,
                                               .pos = -1,
                                               .frame = i,
                                               .key = i - i % p.keys,
                                               .bytes = 1000,
                                               .flags = PACKET_SHOWN | key};
        film->frame[i] = (struct film_frame){.pts = i, .ticks = i, .packet = p.is_split ? i : -1};
    }
    if (progress)
        progress(context, p.bytes, p.bytes);
    return ST_OK;
}

static enum status list_by_decoding(struct film *film, const char *why, const atomic_int *stop, film_progress *progress,
                                    void *context)
{
    struct pattern p;

    (void)stop;
    TRY(read_pattern(film->path, &p));
    film->info.sequential = true;
    if (!film->info.unsplit[0])
        snprintf(film->info.unsplit, sizeof film->info.unsplit, "%s", why);
    for (int64_t i = 0; i < film->n_frames; i++)
        film->frame[i].packet = -1;
    film->info.frames_damaged = p.damaged >= 0 && p.damaged < p.n_frames;
    if (film->info.frames_damaged > 0)
        snprintf(film->info.note, sizeof film->info.note, "1 of %" PRId64 " frames is damaged", p.n_frames);
    if (progress)
        progress(context, film->n_packets, film->n_packets);
    return ST_OK;
}

static enum status probe_pattern(const char *path, const atomic_int *stop, struct film_probe *probe)
{
    struct pattern p;

    (void)stop;
    TRY(read_pattern(path, &p));
    *probe = (struct film_probe){.bytes = p.bytes,
                                 .seconds = (double)p.n_frames / (double)p.rate,
                                 .fps = (double)p.rate,
                                 .width = p.width,
                                 .height = p.height,
                                 .codec = "pattern"};
    return ST_OK;
}

/* --- frames ------------------------------------------------------------------------------------------------------- */

struct picture {
    struct frame frame;
    uint8_t *samples; /* u8 [3][height][width]: G, B, R */
    int bars;         /* black rows above and below */
};

static enum status open_picture(struct picture *picture, const struct pattern *p)
{
    const size_t plane = (size_t)p->width * (size_t)p->height;

    picture->bars = (int)p->bars;
    picture->samples = mem_array(plane, 3);
    TRY_MEM(picture->samples);
    picture->frame = (struct frame){
        .n_planes = 3, .width = p->width, .height = p->height, .depth = 8, .matrix = FRAME_RGB, .full_range = true};
    for (int i = 0; i < 3; i++) {
        picture->frame.plane[i] = picture->samples + (size_t)i * plane;
        picture->frame.stride[i] = p->width;
    }
    return ST_OK;
}

static void draw(struct picture *picture, int64_t frame)
{
    static const int channel[3] = {1, 2, 0}; /* of planes G, B, R */
    const int width = picture->frame.width, height = picture->frame.height;
    uint8_t *row = picture->samples;

    for (int plane = 0; plane < 3; plane++)
        for (int y = 0; y < height; y++, row += width) {
            if (y < picture->bars || y >= height - picture->bars)
                continue;
            for (int bar = 0; bar < PATTERN_BARS; bar++) {
                const int from = pattern_bar(bar, width), to = pattern_bar(bar + 1, width);
                uint8_t rgb[3];
                pattern_colour(frame, bar, rgb);
                memset(row + from, rgb[channel[plane]], (size_t)(to - from));
            }
        }
}

static void hash_picture(const struct picture *picture, char hex[65])
{
    sha256_hex(picture->samples, 3 * (size_t)picture->frame.width * (size_t)picture->frame.height, hex);
}

struct pattern_decoder {
    struct decoder_setup setup;
    struct pattern pattern;
    struct picture picture;
    int64_t next; /* the frame that comes next; -1: nothing was decoded yet */
    struct decoder_stats stats;
};

static enum status open_decoder(void *priv, const struct decoder_setup *setup)
{
    struct pattern_decoder *d = priv;

    d->setup = *setup;
    d->next = -1;
    TRY(read_pattern(setup->film->path, &d->pattern));
    return open_picture(&d->picture, &d->pattern);
}

static void close_decoder(void *priv)
{
    free(((struct pattern_decoder *)priv)->picture.samples);
}

static enum status give(struct pattern_decoder *d, int64_t frame)
{
    const struct decoder_sink *sink = &d->setup.sink;
    const int64_t which = sink->which(sink->context, frame);
    char hash[65];

    if (which < 0)
        return ST_OK;
    const bool want_hash = d->setup.want_hash && (!sink->wants_hash || sink->wants_hash(sink->context, which));
    draw(&d->picture, frame);
    if (want_hash)
        hash_picture(&d->picture, hash);
    return sink->take(sink->context, which, &d->picture.frame, want_hash ? hash : NULL);
}

static enum status decode_frame(struct pattern_decoder *d, int64_t frame)
{
    if (atomic_load(d->setup.stop))
        return FAIL(ST_INTERRUPTED, "interrupted");
    d->next = frame + 1;
    d->stats.packets_in++;
    if (d->setup.progress)
        atomic_fetch_add(d->setup.progress, 1);
    if (frame == d->pattern.missed && !d->setup.film->info.sequential)
        return ST_OK;
    d->stats.frames_decoded++;
    d->stats.damaged += frame == d->pattern.damaged;
    return give(d, frame);
}

static enum status run(void *priv, const int64_t *frame, int64_t n)
{
    struct pattern_decoder *d = priv;
    const double started = clock_seconds();
    enum status st = ST_OK;

    for (int64_t i = 0; i < n && st == ST_OK; i++) {
        const int64_t start = film_start_packet(d->setup.film, frame[i]);
        for (int64_t at = d->next > start ? d->next : start; at <= frame[i] && st == ST_OK; at++)
            st = decode_frame(d, at);
    }
    d->stats.seconds += clock_seconds() - started;
    return st;
}

/* Nothing is ever held back: what comes next may lie before. */
static enum status turn_to(void *priv, int64_t frame)
{
    struct pattern_decoder *d = priv;

    if (frame < d->next)
        d->next = -1;
    return ST_OK;
}

static enum status finish(void *priv)
{
    (void)priv;
    return ST_OK;
}

static struct decoder_stats stats_of(const void *priv)
{
    return ((const struct pattern_decoder *)priv)->stats;
}

static enum status plain(const struct plain_decode *s, int64_t *n_taken)
{
    struct picture picture = {.samples = NULL};
    struct pattern p;
    enum status st;

    *n_taken = 0;
    TRY(read_pattern(s->path, &p));
    st = open_picture(&picture, &p);
    while (st == ST_OK && *n_taken < s->n && s->frame[*n_taken] < p.n_frames) {
        char hash[65];
        if (s->stop && atomic_load(s->stop)) {
            st = FAIL(ST_INTERRUPTED, "interrupted");
            break;
        }
        draw(&picture, s->frame[*n_taken]);
        if (s->want_hash)
            hash_picture(&picture, hash);
        st = s->take(s->taker, (*n_taken)++, &picture.frame, s->want_hash ? hash : NULL);
        if (s->progress)
            s->progress(s->watcher, s->frame[*n_taken - 1] + 1, s->frame[s->n - 1] + 1);
    }
    free(picture.samples);
    return st;
}

static const struct decoder_ops pattern_decoder = {
    .priv_bytes = sizeof(struct pattern_decoder),
    .open = open_decoder,
    .close = close_decoder,
    .run = run,
    .turn_to = turn_to,
    .finish = finish,
    .stats = stats_of,
};

const struct frame_source source_pattern = {
    .name = "pattern",
    .claims = claims,
    .index = index_pattern,
    .list_by_decoding = list_by_decoding,
    .probe = probe_pattern,
    .plain = plain,
    .decoder = &pattern_decoder,
};
