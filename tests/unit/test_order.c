/* test_order: frames in the order in which they are shown, out of made-up packets; arithmetic with a container's times.
 */
#include "film/index/parts.h"
#include "film/ticks.h"
#include "unit/test.h"

#include <math.h>

enum { MOST_PACKETS = 16 };
#define NONE FILM_NO_TIME

struct times {
    int64_t pts, dts;
};

/* A film of these packets, each shown, with 10 ticks a frame; the times as a container gives them. */
static struct film make_film(const struct times *t, int64_t n)
{
    struct film f = {.n_packets = n, .info = {.usual_ticks = 10, .time_base_num = 1, .time_base_den = 1000}};

    f.packet = calloc(MOST_PACKETS, sizeof *f.packet);
    f.frame = calloc(MOST_PACKETS, sizeof *f.frame);
    for (int64_t i = 0; i < n; i++)
        f.packet[i] = (struct film_packet){.pts = ticks_time(t[i].pts),
                                           .dts = ticks_time(t[i].dts),
                                           .flags = PACKET_SHOWN | (i == 0 ? PACKET_KEY : 0)};
    return f;
}

/* Packets and ticks in the order of display; n_frames < 0: times that do not tell the order. */
struct wanted {
    int64_t packet, ticks;
};

#define CHECK_ORDER(times, delay, bits, wanted)                                                                        \
    check_order((times), sizeof(times) / sizeof *(times), (delay), (bits), (wanted), __LINE__)

static void check_order(const struct times *t, size_t n, int delay, int bits, const struct wanted *w, int line)
{
    struct film f = make_film(t, (int64_t)n);
    const bool known = film_order_by_time(&f, delay, bits);

    if (!CHECK(known == (w != NULL)))
        printf("    (line %d)\n", line);
    CHECK_INT(f.n_frames, known ? n : 0);
    for (int64_t i = 0; i < f.n_frames && w; i++) {
        const bool is_packet = CHECK_INT(f.frame[i].packet, w[i].packet);
        if (!CHECK_INT(f.frame[i].ticks, w[i].ticks) || !is_packet)
            printf("    (line %d, frame %lld)\n", line, (long long)i);
        const struct times *of = &t[f.frame[i].packet]; /* what is printed is the container's own */
        CHECK_INT(f.frame[i].pts, of->pts != NONE ? of->pts : of->dts);
    }
    film_release(&f);
}

static void test_plain(void)
{
    static const struct times reordered[] = {{100, 80}, {140, 90}, {120, 100}, {110, 110}, {130, 120}},
                              without_pts[] = {{NONE, 5}, {NONE, 15}, {NONE, 30}},
                              twice[] = {{0, 0}, {10, 10}, {10, 20}};
    static const struct wanted of_reordered[] = {{0, 0}, {3, 10}, {2, 20}, {4, 30}, {1, 40}},
                               of_dts[] = {{0, 0}, {1, 10}, {2, 25}};

    CHECK_ORDER(reordered, 2, 64, of_reordered);
    CHECK_ORDER(without_pts, 0, 64, of_dts);
    CHECK_ORDER(without_pts, 1, 64, NULL);
    CHECK_ORDER(twice, 0, 64, NULL);
}

static void test_wraps_and_jumps(void)
{
    const int64_t end = (int64_t)1 << 33;
    const struct times wrapping[] = {{end - 20, end - 20}, {end - 10, end - 10}, {0, 0}, {10, 10}},
                       reordered[] = {{end - 10, end - 20}, {5, end - 10}, {end - 5, 0}, {15, 10}};
    static const struct times jumping[] = {{1000, 1000}, {1010, 1010}, {7, 7}, {17, 17}};
    static const struct wanted even[] = {{0, 0}, {1, 10}, {2, 20}, {3, 30}},
                               of_reordered[] = {{0, 0}, {2, 5}, {1, 15}, {3, 25}};

    CHECK_ORDER(wrapping, 0, 33, even);
    CHECK_ORDER(reordered, 1, 33, of_reordered);
    CHECK_ORDER(jumping, 0, 64, even);
    CHECK_ORDER(jumping, 0, 0, even);
}

/* Times that cannot be meant count as none; those at the ends of what can be make a film as long as one can be. */
static void test_hostile(void)
{
    static const struct times no_pts[] = {{INT64_MAX, 0}, {INT64_MIN + 1, 10}, {(int64_t)1 << 62, 20}},
                              far[] = {{-TICKS_TIME_MOST, -TICKS_TIME_MOST}, {0, 0}, {1, 1},
                                       {TICKS_TIME_MOST, TICKS_TIME_MOST},   {5, 5}, {TICKS_TIME_MOST, 6}};
    static const struct wanted of_far[] = {{0, 0},          {1, TICKS_MOST}, {2, TICKS_MOST},
                                           {3, TICKS_MOST}, {4, TICKS_MOST}, {5, TICKS_MOST}};
    struct film f = make_film(no_pts, 3);

    CHECK(film_order_by_time(&f, 0, 64));
    CHECK_INT(f.frame[2].pts, 20);
    CHECK_INT(f.frame[2].ticks, 20);
    CHECK(!film_order_by_time(&f, 1, 64));
    film_release(&f);
    CHECK_ORDER(far, 0, 64, of_far);

    f = make_film(far, 6);
    f.info.usual_ticks = ticks_length(INT64_MAX);
    CHECK(film_order_by_time(&f, 0, 64));
    film_settle(&f, NULL);
    CHECK_INT(f.info.duration_ticks, 2 * TICKS_MOST);
    film_release(&f);
}

/* Period by period, as a reader would do it by hand. */
static int64_t unwrap_slowly(int64_t t, int64_t reference, int bits)
{
    const int64_t period = (int64_t)1 << bits;

    while (t < reference - period / 2)
        t += period;
    while (t > reference + period / 2)
        t -= period;
    return t;
}

static void test_unwrapping(void)
{
    for (int bits = 1; bits <= 6; bits++)
        for (int64_t reference = -70; reference <= 70; reference += 7)
            for (int64_t t = -150; t <= 150; t++)
                CHECK_INT(ticks_unwrap(t, reference, bits), unwrap_slowly(t, reference, bits));
    CHECK_INT(ticks_unwrap(TICKS_TIME_MOST, -TICKS_TIME_MOST, 2), -TICKS_TIME_MOST); /* at once */
    CHECK_INT(ticks_unwrap(-TICKS_TIME_MOST, TICKS_TIME_MOST, 3), TICKS_TIME_MOST);
    CHECK_INT(ticks_unwrap(-TICKS_TIME_MOST, TICKS_TIME_MOST, 62), TICKS_TIME_MOST);
    CHECK_INT(ticks_unwrap(1 - TICKS_TIME_MOST, TICKS_TIME_MOST, 62), 1 - TICKS_TIME_MOST); /* lies out of range */
    CHECK_INT(ticks_unwrap(3, TICKS_TIME_MOST, 63), 3);
    CHECK_INT(ticks_unwrap(3, TICKS_TIME_MOST, -1), 3);
    CHECK_INT(ticks_unwrap(NONE, 5, 33), NONE);
    CHECK_INT(ticks_unwrap(3, NONE, 1), 3);
}

static void test_ticks(void)
{
    CHECK_INT(ticks_time(INT64_MIN), NONE);
    CHECK_INT(ticks_time(INT64_MAX), NONE);
    CHECK_INT(ticks_time(TICKS_TIME_MOST + 1), NONE);
    CHECK_INT(ticks_time(TICKS_TIME_MOST), TICKS_TIME_MOST);
    CHECK_INT(ticks_time(-TICKS_TIME_MOST), -TICKS_TIME_MOST);
    CHECK_INT(ticks_time(0), 0);
    CHECK_INT(ticks_length(INT64_MIN), 1);
    CHECK_INT(ticks_length(0), 1);
    CHECK_INT(ticks_length(3600), 3600);
    CHECK_INT(ticks_length(INT64_MAX), TICKS_MOST);
    CHECK_INT(ticks_later(7, INT64_MIN), 7);
    CHECK_INT(ticks_later(7, 3), 10);
    CHECK_INT(ticks_later(TICKS_MOST, 1), TICKS_MOST);
    CHECK_INT(ticks_later(0, INT64_MAX), TICKS_MOST);
    CHECK_INT(ticks_whole(-2.5), -2);
    CHECK_INT(ticks_whole(1e300), (int64_t)1 << 62);
    CHECK_INT(ticks_whole(-INFINITY), -((int64_t)1 << 62));
    CHECK_INT(ticks_whole(NAN), 0);
}

int main(void)
{
    test_plain();
    test_wraps_and_jumps();
    test_hostile();
    test_unwrapping();
    test_ticks();
    return test_end();
}
