/* test_plan: sampling and segments on made-up films: every column names the right frame, every sample lies in exactly
 * one segment, segments start at key frames, ranks get contiguous shares of about equal cost. */
#include "barcode/config.h"
#include "barcode/plan.h"
#include "base/status.h"
#include "film/film.h"
#include "film/ticks.h"
#include "unit/test.h"

#include <math.h>

/* A film of n frames, a key frame every gop, times in 1/24 s; key packets are clean. Closed groups: decode order is
 * presentation order. Open groups: two frames are coded after the key frame that they are shown before. */
static struct film make_film(int64_t n, int64_t gop, bool open_groups)
{
    struct film f = {.n_packets = n, .n_frames = n};

    f.info.time_base_num = 1;
    f.info.time_base_den = 24;
    f.info.duration_ticks = n;
    f.packet = calloc((size_t)n, sizeof *f.packet);
    f.frame = calloc((size_t)n, sizeof *f.frame);
    for (int64_t i = 0; i < n; i++)
        f.packet[i].frame = i;
    for (int64_t k = gop; open_groups && k + 2 < n; k += gop) {
        f.packet[k].frame = k + 2;
        f.packet[k + 1].frame = k;
        f.packet[k + 2].frame = k + 1;
    }
    int64_t key = -1;
    for (int64_t i = 0; i < n; i++) {
        f.packet[i].bytes = 1000 + (uint32_t)(i % 7) * 100;
        f.packet[i].flags = PACKET_SHOWN | (i % gop == 0 ? PACKET_KEY | PACKET_CLEAN : 0);
        key = i % gop == 0 ? i : key;
        f.packet[i].key = key;
        f.frame[f.packet[i].frame] =
            (struct film_frame){.pts = f.packet[i].frame, .ticks = f.packet[i].frame, .packet = i};
    }
    return f;
}

static void check_segments(const struct film *f, const struct plan *p)
{
    int64_t at = 0;

    CHECK_INT(p->rank_segment[0], 0);
    CHECK_INT(p->rank_segment[p->n_ranks], p->n_segments);
    for (int r = 0; r < p->n_ranks; r++)
        CHECK(p->rank_segment[r] <= p->rank_segment[r + 1]);
    for (int64_t i = 0; i < p->n_segments; i++) {
        CHECK_INT(p->segment[i].first, at);
        CHECK(p->segment[i].last > p->segment[i].first);
        at = p->segment[i].last;
        const int64_t start = film_start_packet(f, p->sample_frame[p->segment[i].first]);
        CHECK(start == 0 || (f->packet[start].flags & PACKET_KEY));
    }
    CHECK_INT(at, p->n_samples);
    for (int64_t i = 1; i < p->n_samples; i++)
        CHECK(p->sample_frame[i] > p->sample_frame[i - 1]);
    for (int64_t i = 0; i < p->n_columns; i++)
        CHECK(p->column_sample[i] >= 0 && p->column_sample[i] < p->n_samples);
}

static int64_t frame_of(const struct plan *p, int64_t column)
{
    return p->sample_frame[p->column_sample[column]];
}

static void test_every_n_frames(void)
{
    struct film f = make_film(14315, 48, false);
    const struct sampling s = {.unit = SAMPLE_FRAMES, .every = 24};
    struct plan p;

    CHECK_INT(plan_make(&p, &f, &s, 3, 8), ST_OK);
    CHECK_INT(p.n_columns, 597);
    for (int64_t i = 0; i < p.n_columns; i++)
        CHECK_INT(frame_of(&p, i), 24 * i);
    check_segments(&f, &p);
    CHECK(p.n_segments >= 20 && p.n_segments <= 24);
    plan_release(&p);
    film_release(&f);
}

static void test_columns_reach_both_ends(void)
{
    struct film f = make_film(3600, 24, false);

    for (int64_t w = 1; w < 8000; w = w * 3 + 1) {
        const struct sampling s = {.unit = SAMPLE_COLUMNS, .every = (double)w};
        struct plan p;
        CHECK_INT(plan_make(&p, &f, &s, 2, 4), ST_OK);
        CHECK_INT(p.n_columns, w);
        CHECK(frame_of(&p, 0) <= 3600 / w);
        CHECK(frame_of(&p, w - 1) >= 3600 - 1 - 3600 / w);
        for (int64_t i = 1; i < w; i++)
            CHECK(frame_of(&p, i) >= frame_of(&p, i - 1));
        check_segments(&f, &p);
        plan_release(&p);
    }
    film_release(&f);
}

static void test_every_seconds(void)
{
    struct film f = make_film(240, 24, false);
    const struct sampling second = {.unit = SAMPLE_SECONDS, .every = 1.0},
                          fine = {.unit = SAMPLE_SECONDS, .every = 0.01};
    struct plan p;

    CHECK_INT(plan_make(&p, &f, &second, 1, 4), ST_OK);
    CHECK_INT(p.n_columns, 10);
    for (int64_t i = 0; i < p.n_columns; i++)
        CHECK_INT(frame_of(&p, i), 24 * i);
    plan_release(&p);

    /* Finer than the film's frames: the frame that is shown then, several times. */
    CHECK_INT(plan_make(&p, &f, &fine, 1, 4), ST_OK);
    CHECK_INT(p.n_columns, 1000);
    CHECK_INT(p.n_samples, 240);
    for (int64_t i = 0; i < p.n_columns; i++)
        CHECK_INT(frame_of(&p, i), i * 24 / 100);
    check_segments(&f, &p);
    plan_release(&p);
    film_release(&f);
}

/* A film of n frames shown every so many ticks of 1/24 s. */
static struct film make_slides(int64_t n, int64_t every)
{
    struct film f = make_film(n, 1, false);

    for (int64_t i = 0; i < n; i++)
        f.frame[i].ticks = i * every;
    f.info.usual_ticks = every;
    f.info.duration_ticks = n * every;
    return f;
}

/* 20 slides in two hours, a still of a day: each is drawn once for each second. 20 frames of 24 days are none, and
 * 10,000 frames may make more columns than 20. */
static void test_slides(void)
{
    const struct sampling second = {.unit = SAMPLE_SECONDS, .every = 1.0},
                          part = {.unit = SAMPLE_SECONDS, .every = 1.0, .end = {70000.0, false, true}},
                          columns = {.unit = SAMPLE_COLUMNS, .every = 300000.0};
    struct film slides = make_slides(20, 360 * 24), still = make_slides(1, 86400 * 24),
                wrong = make_slides(20, 80000 * 24), many = make_slides(10000, 60 * 24);
    struct plan p;

    CHECK_INT(plan_make(&p, &slides, &second, 2, 4), ST_OK);
    CHECK_INT(p.n_columns, 7200);
    CHECK_INT(p.n_samples, 20);
    for (int64_t i = 0; i < p.n_columns; i++)
        CHECK_INT(frame_of(&p, i), i / 360);
    check_segments(&slides, &p);
    plan_release(&p);
    CHECK_INT(plan_make(&p, &still, &second, 1, 4), ST_OK);
    CHECK_INT(p.n_columns, 86400);
    plan_release(&p);
    CHECK_INT(plan_make(&p, &wrong, &second, 1, 4), ST_USAGE);
    CHECK(strstr(status_message(), "the film: 1600000 columns are too many for 20 frames, 86400 are the most") != NULL);
    CHECK(strstr(status_message(), "lasts 1600000 s") != NULL);
    plan_release(&p);
    CHECK_INT(plan_make(&p, &wrong, &part, 1, 4), ST_OK); /* not the part of it that is meant */
    CHECK_INT(p.n_columns, 80000);                        /* until the frame after 70,000 s comes */
    plan_release(&p);
    CHECK_INT(plan_make(&p, &wrong, &columns, 1, 4), ST_OK); /* nor what is asked for by number */
    CHECK_INT(p.n_columns, 300000);
    plan_release(&p);
    CHECK_INT(plan_make(&p, &many, &second, 1, 4), ST_OK);
    CHECK_INT(p.n_columns, 600000);
    plan_release(&p);
    film_release(&slides);
    film_release(&still);
    film_release(&wrong);
    film_release(&many);
}

/* The longest film that there can be, in the slowest and the fastest clock; points beyond all numbers. */
static void test_ends_of_numbers(void)
{
    static const double odd[] = {0.0, 1e-300, 1e-6, 1.0, 1e18, 1e300, INFINITY};
    struct film f = make_slides(3, 1);

    f.frame[1].ticks = TICKS_MOST - 1;
    f.frame[2].ticks = TICKS_MOST;
    f.info.duration_ticks = 2 * TICKS_MOST;
    for (int clock = 0; clock < 2; clock++) {
        f.info.time_base_num = clock == 0 ? INT32_MAX : 1;
        f.info.time_base_den = clock == 0 ? 1 : INT32_MAX;
        for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
            const struct sampling s = {.unit = SAMPLE_SECONDS, .every = odd[i]},
                                  range = {.unit = SAMPLE_FRAMES,
                                           .every = 1.0,
                                           .start = {-odd[i], false, true},
                                           .end = {odd[i], i % 2 == 1, true}};
            struct plan p;
            const enum status st = plan_make(&p, &f, &s, 2, 4);
            CHECK(st == ST_OK || st == ST_USAGE);
            if (st == ST_OK)
                check_segments(&f, &p);
            plan_release(&p);
            const enum status of_range = plan_make(&p, &f, &range, 2, 4);
            CHECK(of_range == ST_OK || (of_range == ST_USAGE && odd[i] < 1e17)); /* before the first tick: empty */
            plan_release(&p);
        }
    }
    film_release(&f);
}

static void test_range(void)
{
    struct film f = make_film(240, 24, false);
    struct sampling s = {.unit = SAMPLE_FRAMES, .every = 10, .start = {2.0, false, true}, .end = {50.0, true, true}};
    struct plan p;

    CHECK_INT(plan_make(&p, &f, &s, 1, 4), ST_OK);
    CHECK_INT(p.n_columns, 8); /* frames 48 .. 119 */
    CHECK_INT(frame_of(&p, 0), 48);
    CHECK_INT(frame_of(&p, 7), 118);
    plan_release(&p);
    s.end = (struct film_time){2.0, false, true}; /* half-open: empty */
    CHECK_INT(plan_make(&p, &f, &s, 1, 4), ST_USAGE);
    plan_release(&p);
    s.start = (struct film_time){11.0, false, true};
    s.end.is_given = false;
    CHECK_INT(plan_make(&p, &f, &s, 1, 4), ST_USAGE);
    plan_release(&p);
    film_release(&f);
}

static void test_keys(void)
{
    struct film f = make_film(240, 24, false);
    const struct sampling s = {.unit = SAMPLE_FRAMES, .every = 10, .snap_to_keys = true};
    struct plan p;

    CHECK_INT(plan_make(&p, &f, &s, 1, 4), ST_OK);
    CHECK_INT(p.n_columns, 24);
    for (int64_t i = 0; i < p.n_columns; i++) {
        const int64_t wanted = 10 * i, below = wanted / 24 * 24, above = below + 24;
        const int64_t nearest = above < 240 && above - wanted < wanted - below ? above : below;
        CHECK_INT(frame_of(&p, i), nearest);
    }
    CHECK(p.largest_time_error > 0.0 && p.largest_time_error <= 1.0);
    plan_release(&p);
    film_release(&f);
}

static void test_open_groups_start_one_key_earlier(void)
{
    struct film f = make_film(240, 24, true);

    CHECK_INT(film_start_packet(&f, 0), 0);
    CHECK_INT(film_start_packet(&f, 24), 0); /* coded after key packet 24, but shown before it */
    CHECK_INT(film_start_packet(&f, 25), 0);
    CHECK_INT(film_start_packet(&f, 26), 24); /* the key frame itself */
    CHECK_INT(film_start_packet(&f, 27), 24);
    CHECK_INT(film_start_packet(&f, 47), 24);
    f.packet[48].flags &= ~(uint32_t)PACKET_CLEAN; /* a recovery point: the key before it */
    CHECK_INT(film_start_packet(&f, 60), 24);
    film_release(&f);
}

static void test_balance(void)
{
    struct film f = make_film(24000, 24, false);
    const struct sampling s = {.unit = SAMPLE_FRAMES, .every = 24};

    for (int n = 1; n <= 16; n++) {
        struct plan p;
        int64_t total = 0, most = 0;
        CHECK_INT(plan_make(&p, &f, &s, n, 16), ST_OK);
        check_segments(&f, &p);
        for (int r = 0; r < n; r++) {
            int64_t cost = 0;
            for (int64_t i = p.rank_segment[r]; i < p.rank_segment[r + 1]; i++)
                cost += p.segment[i].cost;
            total += cost;
            most = cost > most ? cost : most;
        }
        CHECK((double)most * n <= 1.1 * (double)total);
        plan_release(&p);
    }
    film_release(&f);
}

static void test_more_ranks_than_segments(void)
{
    struct film one = make_film(1, 1, false), single_key = make_film(100, 1000, false);
    const struct sampling s = {.unit = SAMPLE_FRAMES, .every = 24};
    struct plan p;

    CHECK_INT(plan_make(&p, &one, &s, 5, 16), ST_OK);
    CHECK_INT(p.n_columns, 1);
    check_segments(&one, &p);
    plan_release(&p);
    CHECK_INT(plan_make(&p, &single_key, &s, 5, 16), ST_OK);
    CHECK_INT(p.n_segments, 1);
    check_segments(&single_key, &p);
    plan_release(&p);
    film_release(&one);
    film_release(&single_key);
}

static void test_picture_size(void)
{
    struct film_info i = {.width = 1920, .height = 1080, .sar_num = 1, .sar_den = 1};
    struct barcode_settings c = {.box_width = 480, .box_height = 270};
    int w, h;

    barcode_picture_size(&i, &c, &w, &h);
    CHECK(w == 480 && h == 270);
    i.rotation = 90; /* seen upright it is 1080 x 1920: 152 x 270, in the frame's own orientation 270 x 152 */
    barcode_picture_size(&i, &c, &w, &h);
    CHECK(w == 270 && h == 152);
    i = (struct film_info){.width = 100, .height = 50, .sar_num = 2, .sar_den = 1}; /* never enlarged, square pixels */
    barcode_picture_size(&i, &c, &w, &h);
    CHECK(w == 100 && h == 25);
    i = (struct film_info){.width = 16, .height = 4000, .sar_num = 1, .sar_den = 1};
    barcode_picture_size(&i, &c, &w, &h);
    CHECK(w == 1 && h == 270);
    c.scale = SCALE_FULL;
    barcode_picture_size(&i, &c, &w, &h);
    CHECK(w == 16 && h == 4000);
}

/* A crop by hand begins at a whole chroma sample, as the window of a frame does, and leaves something where it was to.
 */
static void test_given_crop(void)
{
    static const struct {
        int rotation;
        struct frame_crop as_seen, as_coded;
    } rows[] = {
        {0, {2, 3, 4, 6}, {2, 3, 4, 6}},     {0, {1, 1, 1, 1}, {2, 1, 1, 2}},     {0, {0, 0, 0, 639}, {0, 0, 0, 638}},
        {0, {0, 2, 0, 637}, {0, 2, 0, 636}}, {0, {0, 2, 0, 638}, {0, 2, 0, 638}}, /* nothing is left: refused later */
        {90, {3, 0, 0, 0}, {0, 0, 0, 4}},    {90, {0, 3, 0, 0}, {4, 0, 0, 0}},    {180, {0, 0, 3, 5}, {4, 5, 0, 0}},
        {270, {0, 0, 3, 5}, {6, 0, 0, 4}},
    };
    struct film_info i = {.width = 640, .height = 360, .sar_num = 1, .sar_den = 1, .chroma_w_log2 = 1};
    struct barcode_settings s = {.crop_mode = CROP_GIVEN, .scale = SCALE_FULL};

    i.chroma_h_log2 = 1;
    for (size_t n = 0; n < sizeof rows / sizeof *rows; n++) {
        const struct frame f = {.width = 640, .height = 360, .depth = 8, .chroma_w_log2 = 1, .chroma_h_log2 = 1};
        i.rotation = rows[n].rotation;
        s.crop = rows[n].as_seen;
        const struct frame_crop c = barcode_crop(&i, &s), *wanted = &rows[n].as_coded;
        CHECK_INT(c.top, wanted->top);
        CHECK_INT(c.right, wanted->right);
        CHECK_INT(c.bottom, wanted->bottom);
        CHECK_INT(c.left, wanted->left);
        const struct frame window = frame_window(&f, &c, 640, 360);
        int w, h;
        barcode_picture_size(&i, &s, &w, &h);
        CHECK(w == 0 || (window.width == w && window.height == h)); /* not enlarged */
    }
}

/* 250 frames of 40 ms, key frames every 25: frames first, first + step... below end. */
static void test_table(void)
{
#define FROM(seconds) .start = { seconds, false, true }
#define TO(seconds) .end = {seconds, false, true}
    static const struct {
        struct sampling sampling;
        int64_t n, first;
        double step;
    } table[] = {
        {{.unit = SAMPLE_FRAMES, .every = 24}, 11, 0, 24},
        {{.unit = SAMPLE_FRAMES, .every = 250}, 1, 0, 0},
        {{.unit = SAMPLE_FRAMES, .every = 249}, 2, 0, 249},
        {{.unit = SAMPLE_FRAMES, .every = 1e6}, 1, 0, 0},
        {{.unit = SAMPLE_SECONDS, .every = 1}, 10, 0, 25},
        {{.unit = SAMPLE_SECONDS, .every = 2}, 5, 0, 50},
        {{.unit = SAMPLE_SECONDS, .every = 2.4}, 5, 0, 60},
        {{.unit = SAMPLE_SECONDS, .every = 0.2, TO(1.04)}, 6, 0, 5},
        {{.unit = SAMPLE_FRAMES, .every = 25, FROM(2), TO(5)}, 3, 50, 25},
        {{.unit = SAMPLE_SECONDS, .every = 1, FROM(2), TO(5)}, 3, 50, 25},
        {{.unit = SAMPLE_FRAMES, .every = 25, FROM(2.4), TO(4)}, 2, 60, 25},
        {{.unit = SAMPLE_FRAMES, .every = 25, FROM(9)}, 1, 225, 0},
        {{.unit = SAMPLE_FRAMES, .every = 25, .start = {20, true, true}, .end = {50, true, true}}, 3, 50, 25},
        {{.unit = SAMPLE_FRAMES, .every = 25, .start = {90, true, true}, .end = {100, true, true}}, 1, 225, 0},
        {{.unit = SAMPLE_FRAMES, .every = 25, FROM(0), .end = {100, true, true}}, 10, 0, 25},
        {{.unit = SAMPLE_COLUMNS, .every = 250}, 250, 0, 1},
        {{.unit = SAMPLE_COLUMNS, .every = 125}, 125, 1, 2},
        {{.unit = SAMPLE_COLUMNS, .every = 10}, 10, 12, 25},
        {{.unit = SAMPLE_COLUMNS, .every = 10, FROM(2), TO(4)}, 10, 52, 5},
        {{.unit = SAMPLE_COLUMNS, .every = 1}, 1, 125, 0},
        {{.unit = SAMPLE_FRAMES, .every = 24, .snap_to_keys = true, .end = {9.2, false, true}}, 10, 0, 25},
    };
#undef FROM
#undef TO
    struct film f = make_film(250, 25, false);

    f.info.time_base_den = 25;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct plan p;
        CHECK_INT(plan_make(&p, &f, &table[i].sampling, 1, 4), ST_OK);
        if (!CHECK_INT(p.n_columns, table[i].n))
            printf("row %zu\n", i);
        for (int64_t c = 0; c < p.n_columns; c++)
            if (!CHECK_INT(frame_of(&p, c), table[i].first + (int64_t)((double)c * table[i].step)))
                printf("row %zu, column %lld\n", i, (long long)c);
        plan_release(&p);
    }
    film_release(&f);
}

int main(void)
{
    test_table();
    test_every_n_frames();
    test_columns_reach_both_ends();
    test_every_seconds();
    test_slides();
    test_ends_of_numbers();
    test_range();
    test_keys();
    test_open_groups_start_one_key_earlier();
    test_balance();
    test_more_ranks_than_segments();
    test_picture_size();
    test_given_crop();
    return test_end();
}
