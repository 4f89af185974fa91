/* fuzz_film: the index and the plan of made-up packets, as a demuxer would give them (see fuzz.h): any times, lengths,
 * flags, clocks. It fails too where times fall, frames and packets do not name each other, a sample does not lie in
 * exactly one segment, a segment starts where decoding may not, or a column names another frame than the one that is
 * shown at its time.
 *
 * An input is 8 bytes of settings, then packets: a byte that says of what kind its pts (low 4 bits) and dts are, a byte
 * of flags, and the bytes that the kinds want. */
#define FUZZ_NAME "fuzz_film"
#define FUZZ_ROUNDS 4000
#include "fuzz/fuzz.h"

#include "barcode/plan.h"
#include "base/mem.h"
#include "film/frame_source.h"
#include "film/index/parts.h"
#include "film/ticks.h"

#include <math.h>

enum { MOST_PACKETS = 4000, HEAD_BYTES = 8 };

static int64_t n_by_time, n_sequential, n_plans, n_refused; /* in all */

/* --- an input ----------------------------------------------------------------------------------------------------- */

struct bytes {
    const uint8_t *at, *end;
};

static uint64_t take(struct bytes *b, int n)
{
    uint64_t v = 0;

    for (int i = 0; i < n && b->at < b->end; i++)
        v |= (uint64_t)*b->at++ << 8 * i;
    return v;
}

static const int64_t ends[] = {INT64_MIN,
                               INT64_MIN + 1,
                               INT64_MAX,
                               INT64_MAX - 1,
                               (int64_t)1 << 62,
                               -((int64_t)1 << 62),
                               TICKS_TIME_MOST,
                               TICKS_TIME_MOST + 1,
                               -TICKS_TIME_MOST,
                               TICKS_MOST,
                               TICKS_MOST + 1,
                               (int64_t)1 << 33,
                               ((int64_t)1 << 33) - 1,
                               (int64_t)1 << 32,
                               INT32_MAX,
                               0};

/* As a container might count: on from the last one, back, anywhere; the sum wraps as a careless demuxer's would. */
static int64_t take_time(struct bytes *b, int kind, int64_t last, int64_t step)
{
    const uint64_t from = last == INT64_MIN ? 0 : (uint64_t)last;

    switch (kind) {
    case 0:
    case 1:
    case 2:
        return (int64_t)(from + (uint64_t)step);
    case 3:
        return (int64_t)(from + take(b, 1));
    case 4:
        return (int64_t)(from - take(b, 1));
    case 5:
        return (int64_t)(from + (take(b, 2) << take(b, 1) % 56));
    case 6:
        return (int64_t)(from - (take(b, 2) << take(b, 1) % 56));
    case 7:
        return (int64_t)take(b, 8);
    case 8:
        return ends[take(b, 1) % (sizeof ends / sizeof *ends)];
    case 9:
        return last;
    case 10:
        return (int64_t)take(b, 4);
    case 11:
        return (int64_t)(from + 3 * (uint64_t)step);
    case 12:
        return (int64_t)(from - (uint64_t)step);
    default:
        return INT64_MIN;
    }
}

struct input {
    int video_delay, wrap_bits, n_ranks;
    bool told_wrong;             /* found by decoding: the film has to be listed by its decoder */
    int64_t *claimed;            /* [n_packets] the time of the frame that a decoder would give back, as it comes */
    struct film_decoded decoded; /* what a decoder says */
    bool was_decoded;
    struct bytes rest;
};

static void read_packets(struct input *in, struct film *f, const uint8_t *data, size_t size)
{
    static const int clocks[][2] = {{1, 1000},      {1, 90000},        {1, 1000000000}, {1001, 30000},
                                    {1, INT32_MAX}, {INT32_MAX, 1},    {1, 1},          {1, 25},
                                    {1, 2},         {INT32_MAX, 1000}, {1, 44100},      {INT32_MAX, INT32_MAX - 1}};
    struct bytes b = {data, data + size};
    int64_t pts = 0, dts = 0;

    const uint64_t settings = take(&b, HEAD_BYTES);
    const int *clock = clocks[(settings & 255) % (sizeof clocks / sizeof *clocks)];
    const int64_t step = (int64_t)(settings >> 8 & 255) * (settings >> 16 & 1 ? 1 : 90);
    f->info.time_base_num = clock[0];
    f->info.time_base_den = clock[1];
    in->video_delay = (int)(settings >> 17 & 3);
    in->was_decoded = settings >> 19 & 1;
    in->decoded.n_damaged = (int64_t)(settings >> 44 & 15);
    in->decoded.n_lost = (int64_t)(settings >> 48 & 255);
    in->told_wrong = (settings >> 20 & 7) == 0;
    in->wrap_bits = settings >> 23 & 1 ? 64 : settings >> 24 & 1 ? 33 : (int)(settings >> 25 & 127) - 2;
    in->n_ranks = 1 + (int)(settings >> 32 & 7);
    f->info.usual_ticks = ticks_length(take_time(&b, settings >> 40 & 15, 0, step));
    in->rest = (struct bytes){b.at, b.end};
    while (b.at < b.end && f->n_packets < MOST_PACKETS) {
        const uint64_t kinds = take(&b, 1), flags = take(&b, 1);
        struct film_packet *p = &f->packet[f->n_packets];
        dts = take_time(&b, (int)(kinds >> 4), dts, step);
        pts = take_time(&b, (int)(kinds & 15), (kinds & 15) == 0 ? dts : pts, (kinds & 15) == 0 ? 0 : step);
        in->claimed[f->n_packets] = flags & 64 ? pts : dts;
        p->pts = ticks_time(pts);
        p->dts = ticks_time(dts);
        p->pos = f->n_packets;
        p->bytes = flags & 128 ? UINT32_MAX : (uint32_t)flags * 50;
        p->flags = (flags & 3) == 0                           ? 0
                   : (flags & 12) == 0                        ? PACKET_SHOWN | PACKET_KEY | PACKET_CLEAN
                   : (flags & 12) == 4 && (flags & 0x30) == 0 ? PACKET_SHOWN | PACKET_KEY
                                                              : PACKET_SHOWN;
        if ((flags & 0x30) == 0x30) {
            p->flags |= PACKET_BROKEN;
            in->decoded.n_marked++;
        }
        f->n_packets++;
    }
}

/* --- the index ---------------------------------------------------------------------------------------------------- */

static void check_times(const struct film *f)
{
    demand(f->frame[0].ticks == 0, "the first frame is not at 0");
    for (int64_t i = 1; i < f->n_frames; i++)
        demand(f->frame[i].ticks >= f->frame[i - 1].ticks, "times fall");
    demand(f->frame[f->n_frames - 1].ticks <= TICKS_MOST, "a film longer than one can be");
    demand(f->info.duration_ticks > f->frame[f->n_frames - 1].ticks && f->info.duration_ticks <= 2 * TICKS_MOST,
           "the film does not end after its last frame");
    demand(f->info.largest_gap_ticks >= 0 && f->info.largest_gap_ticks <= TICKS_MOST, "a hole longer than the film");
    demand(f->info.largest_gap_at >= 0 && f->info.largest_gap_at <= TICKS_MOST, "a hole outside of the film");
    demand(f->info.frames_missing >= 0, "fewer frames missing than none");
    demand(memchr(f->info.incomplete, 0, sizeof f->info.incomplete) && memchr(f->info.note, 0, sizeof f->info.note),
           "a text without an end");
    const double seconds = film_seconds(f, f->info.duration_ticks);
    demand(isfinite(seconds) && seconds > 0.0, "a length that is none");
}

static void check_links(const struct film *f)
{
    int64_t n_shown = 0, key = -1;

    for (int64_t i = 0; i < f->n_packets; i++) {
        const struct film_packet *p = &f->packet[i];
        const bool is_shown = p->flags & PACKET_SHOWN;
        n_shown += is_shown;
        if (f->info.sequential) {
            demand(p->frame == -1 && p->key == -1, "a packet of a sequential film with a frame or a key");
            continue;
        }
        demand(is_shown == (p->frame >= 0) && p->frame < f->n_frames, "a shown packet without a frame");
        demand(!is_shown || f->frame[p->frame].packet == i, "a packet's frame is another packet's");
        key = is_shown && (p->flags & PACKET_KEY) ? i : key;
        demand(p->key == key, "a key that is not the last one");
    }
    for (int64_t i = 0; i < f->n_frames; i++) {
        const int64_t from = f->frame[i].packet;
        if (f->info.sequential) {
            demand(from == -1, "a frame of a sequential film has a packet");
            continue;
        }
        demand(from >= 0 && from < f->n_packets && f->packet[from].frame == i, "a frame's packet is another frame's");
        demand(f->frame[i].pts == (f->packet[from].pts != FILM_NO_TIME ? f->packet[from].pts : f->packet[from].dts),
               "a frame's time is not its packet's");
    }
    demand(n_shown == f->n_frames, "not a frame for each packet");
}

/* Where decode times only rise and no clock wraps: the order of the pts, and their differences. */
static void check_plain_order(const struct film *f, const struct input *in)
{
    const int64_t plain = (int64_t)1 << 40;

    if (in->wrap_bits > 0 && in->wrap_bits < 63)
        return;
    for (int64_t i = 0; i < f->n_packets; i++) {
        const struct film_packet *p = &f->packet[i];
        if (p->pts < 0 || p->pts > plain || p->dts < 0 || p->dts > plain || (i > 0 && p->dts < p[-1].dts))
            return;
    }
    for (int64_t i = 0; i < f->n_frames; i++)
        demand(f->frame[i].ticks == f->frame[i].pts - f->frame[0].pts, "a plain time is not the container's");
}

static void make_index(struct film *f, const struct input *in)
{
    if (!in->told_wrong && film_order_by_time(f, in->video_delay, in->wrap_bits)) {
        n_by_time += f->n_frames > 0;
        film_settle(f, in->was_decoded ? &in->decoded : NULL);
        if (f->n_frames > 0)
            check_plain_order(f, in);
        return;
    }
    f->info.sequential = true;
    f->n_frames = 0;
    for (int64_t i = 0; i < f->n_packets; i++)
        if (f->packet[i].flags & PACKET_SHOWN) {
            const struct film_frame *last = f->n_frames > 0 ? &f->frame[f->n_frames - 1] : NULL;
            f->frame[f->n_frames++] = film_listed_frame(last, in->claimed[i], f->info.usual_ticks);
        }
    n_sequential += f->n_frames > 0;
    film_settle(f, in->was_decoded ? &in->decoded : NULL);
}

/* --- the plan ----------------------------------------------------------------------------------------------------- */

static void check_columns(const struct plan *p, const struct film *f, const struct sampling *s)
{
    demand(p->n_columns >= 1 && p->n_columns <= 1 << 21, "no columns, or more than a picture has");
    if (s->unit == SAMPLE_SECONDS)
        demand(p->n_columns <= 86400 || p->n_columns <= 64 * f->n_frames, "more columns than frames can be worth");
    demand(p->n_samples >= 1 && p->n_samples <= f->n_frames, "no samples, or more than frames");
    for (int64_t i = 0; i < p->n_samples; i++)
        demand(p->sample_frame[i] >= 0 && p->sample_frame[i] < f->n_frames &&
                   (i == 0 || p->sample_frame[i] > p->sample_frame[i - 1]),
               "samples do not rise");
    for (int64_t i = 0; i < p->n_columns; i++) {
        const int64_t step = p->column_sample[i] - (i == 0 ? -1 : p->column_sample[i - 1]);
        demand(i == 0 ? step == 1 : step == 0 || step == 1, "columns pass a sample over, or go back");
    }
    demand(p->column_sample[p->n_columns - 1] == p->n_samples - 1, "a sample without a column");
    demand(p->largest_time_error >= 0.0 && isfinite(p->largest_time_error), "a time error that is none");
}

/* The frame of a column is shown at its time: as exactly as numbers of 53 bits tell. */
static void check_moments(const struct plan *p, const struct film *f, double every)
{
    const long double tick = (long double)f->info.time_base_num / f->info.time_base_den;

    for (int64_t i = 0; i < p->n_columns; i++) {
        const int64_t at = p->sample_frame[p->column_sample[i]];
        const long double t = (long double)i * (long double)every / tick, slack = 1.0L + t * 1e-12L;
        demand((long double)f->frame[at].ticks <= t + slack, "a column's frame comes after it");
        demand(at + 1 == f->n_frames || (long double)f->frame[at + 1].ticks >= t - slack,
               "a column's frame is over before it");
    }
}

static void check_segments(const struct plan *p, const struct film *f)
{
    int64_t at = 0, sample = 0;

    demand(p->n_segments >= 1 && p->n_segments <= p->n_samples, "more segments than samples");
    for (int64_t i = 0; i < p->n_segments; i++) {
        const struct segment *s = &p->segment[i];
        demand(s->first == at && s->last > s->first && s->last <= p->n_samples, "segments with holes");
        demand(s->cost >= 0 && s->packets >= 0, "a segment that costs less than nothing");
        at = s->last;
        if (f->info.sequential)
            continue;
        const int64_t start = film_start_packet(f, p->sample_frame[s->first]);
        demand(start == 0 || (f->packet[start].flags & (PACKET_KEY | PACKET_SHOWN)) == (PACKET_KEY | PACKET_SHOWN),
               "a segment starts where decoding may not");
        for (int64_t j = s->first; j < s->last; j++)
            demand(film_start_packet(f, p->sample_frame[j]) <= f->frame[p->sample_frame[j]].packet,
                   "decoding starts after what it is for");
        demand(i == 0 || start > film_start_packet(f, p->sample_frame[s->first - 1]),
               "a cut where decoding cannot start anew");
    }
    demand(at == p->n_samples, "samples without a segment");
    demand(p->rank_segment[0] == 0 && p->rank_segment[p->n_ranks] == p->n_segments, "ranks without all segments");
    for (int r = 0; r < p->n_ranks; r++) {
        int64_t first, last;
        demand(p->rank_segment[r] <= p->rank_segment[r + 1], "ranks' segments fall");
        plan_rank_samples(p, r, &first, &last);
        demand(first == last || first == sample, "ranks' samples have holes");
        sample = first == last ? sample : last;
    }
    demand(sample == p->n_samples, "samples without a rank");
}

static void try_plan(const struct film *f, const struct input *in, const struct sampling *s)
{
    struct plan p;
    const enum status st = plan_make(&p, f, s, in->n_ranks, 4);

    demand(st == ST_OK || st == ST_USAGE, "a fault of another kind than the request's");
    if (st == ST_OK) {
        n_plans++;
        check_columns(&p, f, s);
        if (s->unit == SAMPLE_SECONDS && !s->start.is_given && !s->end.is_given && !s->snap_to_keys)
            check_moments(&p, f, s->every);
        check_segments(&p, f);
        fuzz_notice_size(1, (uint64_t)p.n_columns);
        fuzz_notice_size(2, (uint64_t)p.n_segments);
    } else {
        n_refused++;
        fuzz_notice_text(status_message());
    }
    plan_release(&p);
}

static void try_plans(const struct film *f, const struct input *in)
{
    static const double seconds[] = {1.0, 1.0 / 3.0, 0.04, 1e-6, 3600.0, 1e9, 1e300},
                        marks[] = {0.0, 1.0, 10.0, 0.5, 1e6, 1e18, 99.0, 50.0};
    struct bytes b = in->rest; /* chance, of the packets' own bytes */
    const uint64_t r = take(&b, 8) * 0x9e3779b97f4a7c15u;
    struct sampling s = {.snap_to_keys = r >> 63};

    s.start = (struct film_time){marks[r >> 40 & 7], r >> 43 & 1, (r >> 60 & 3) == 0};
    s.end = (struct film_time){marks[r >> 44 & 7], r >> 47 & 1, (r >> 58 & 3) == 0};
    s.unit = SAMPLE_FRAMES;
    s.every = (double)(1 + (r >> 20 & 31));
    try_plan(f, in, &s);
    s.unit = SAMPLE_COLUMNS;
    s.every = (double)(1 + (r >> 24 & (r >> 50 & 15 ? 255 : 65535)));
    try_plan(f, in, &s);
    s.unit = SAMPLE_SECONDS;
    s.every = seconds[(r >> 30 & 1023) % (sizeof seconds / sizeof *seconds)];
    try_plan(f, in, &s);
    try_plan(f, in, &(struct sampling){.unit = SAMPLE_SECONDS, .every = 1.0});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct film f = {.packet = mem_array(MOST_PACKETS, sizeof *f.packet)};
    struct input in = {.claimed = mem_array(MOST_PACKETS, sizeof *in.claimed)};

    demand(f.packet && in.claimed, "out of memory");
    read_packets(&in, &f, data, size);
    f.frame = mem_array((size_t)f.n_packets, sizeof *f.frame); /* of just this length */
    demand(f.frame != NULL, "out of memory");
    make_index(&f, &in);
    if (f.n_frames > 0) {
        check_times(&f);
        check_links(&f);
        try_plans(&f, &in);
        fuzz_notice_size(3, (uint64_t)f.n_frames);
        fuzz_notice_size(4, (uint64_t)f.info.duration_ticks);
        fuzz_notice_size(5 + f.info.sequential, (uint64_t)f.info.frames_missing);
        fuzz_notice_size(7, (uint64_t)f.info.largest_gap_ticks);
        fuzz_notice_text(f.info.incomplete);
        fuzz_notice_text(f.info.note);
    }
    free(in.claimed);
    film_release(&f);
    return 0;
}

#ifndef FUZZ_WITH_LIBFUZZER

/* n packets of these kinds, every gop-th a key packet. */
static void add_film(uint64_t settings, int n, int gop, int kinds)
{
    uint8_t bytes[FUZZ_MOST_BYTES];
    size_t at = 0;

    for (int i = 0; i < HEAD_BYTES; i++)
        bytes[at++] = (uint8_t)(settings >> 8 * i);
    for (int i = 0; i < n; i++) {
        bytes[at++] = (uint8_t)kinds;
        bytes[at++] = (uint8_t)(i % gop == 0 ? 0x21 : 0x29);
        for (int more = (kinds & 15) == 3; more > 0; more--)
            bytes[at++] = (uint8_t)(i * 7 % 3 * 40);
    }
    add_seed(bytes, at);
}

static void add_samples(void)
{
    const uint64_t in_order = (uint64_t)1 << 20 | (uint64_t)1 << 23 | 1 << 16;

    add_film(in_order | 40 << 8, 500, 12, 0x00);
    add_film(in_order | 1 | 40 << 8, 100, 25, 0x10);
    add_film(in_order | 2 | (uint64_t)2 << 17 | 100 << 8, 60, 10, 0x03); /* pts on from the last pts */
    add_film((in_order & ~((uint64_t)1 << 23)) | 1 | (uint64_t)1 << 24 | 200 << 8, 200, 5, 0x00);
    add_film(40 << 8 | 1 << 16, 50, 10, 0x00); /* sequential */
    add_film(in_order | 7 | 1 << 8, 20, 1, 0x05);
    add_film(in_order | 6 | 255 << 8 | (uint64_t)3 << 32, 3000, 100, 0x00);
}

static size_t mutate(uint8_t *bytes, size_t n)
{
    return fuzz_mutate_bytes(bytes, n, 64);
}

static void tell(void)
{
    demand(n_by_time > 0 && n_sequential > 0 && n_plans > 0 && n_refused > 0, "a way was never taken");
    printf(FUZZ_NAME ": %lld films ordered by time, %lld sequential ones, %lld plans, %lld refused\n",
           (long long)n_by_time, (long long)n_sequential, (long long)n_plans, (long long)n_refused);
}

#endif
