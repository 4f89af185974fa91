/* test_whole: whole, whole with a note, or not: made-up lists of frames with holes and evidence. */
#include "film/index/parts.h"
#include "unit/test.h"

enum { MOST_FRAMES = 20000, STEP = 40 }; /* ms */

enum outcome { WHOLE, NOTE, NOT_WHOLE };

/* Frames every 40 ms, the packets as well, those from `hole` on `lost` steps later; the packet there is broken. */
struct made {
    int64_t n, hole, lost;
    bool broken;
    int64_t n_damaged, n_lost, n_marked; /* that decoding told */
    enum outcome outcome;
    int64_t missing;
};

static void check_made(const struct made *m)
{
    struct film f = {
        .n_packets = m->n, .n_frames = m->n, .info = {.usual_ticks = STEP, .time_base_num = 1, .time_base_den = 1000}};
    const struct film_decoded decoded = {m->n_damaged, m->n_lost, m->n_marked};

    f.packet = calloc(MOST_FRAMES, sizeof *f.packet);
    f.frame = calloc(MOST_FRAMES, sizeof *f.frame);
    for (int64_t i = 0; i < m->n; i++) {
        const int64_t t = STEP * (m->hole > 0 && i >= m->hole ? i + m->lost : i);
        f.packet[i] = (struct film_packet){.pts = t, .dts = t, .flags = PACKET_SHOWN};
        if (m->broken && i == m->hole)
            f.packet[i].flags |= PACKET_BROKEN;
        f.frame[i] = (struct film_frame){.pts = t, .ticks = t, .packet = i};
    }
    film_judge_frames(&f, &decoded);
    const enum outcome found = f.info.incomplete[0] ? NOT_WHOLE : f.info.note[0] ? NOTE : WHOLE;
    const bool is_found = CHECK_INT(found, m->outcome);
    if (!CHECK_INT(f.info.frames_missing, m->missing) || !is_found)
        printf("    (n %lld, hole %lld, lost %lld: \"%s\" \"%s\")\n", (long long)m->n, (long long)m->hole,
               (long long)m->lost, f.info.incomplete, f.info.note);
    film_release(&f);
}

static void test_holes(void)
{
    static const struct made made[] = {
        {1000, 0, 0, false, 0, 0, 0, WHOLE, 0},
        {1, 0, 0, false, 0, 0, 0, WHOLE, 0},
        /* A hole alone is a pause. */
        {1000, 500, 1, false, 0, 0, 0, WHOLE, 0},
        {1000, 500, 4, false, 0, 0, 0, WHOLE, 0},
        {1000, 500, 40, false, 0, 0, 0, NOTE, 0},
        {1000, 500, 250, false, 0, 0, 0, NOTE, 0},
        {1000, 500, 100000, false, 0, 0, 0, NOTE, 0},
        /* With evidence few frames are a note, 5 or a thousandth, and no more than 2 s. */
        {1000, 500, 1, true, 0, 0, 0, NOTE, 1},
        {1000, 500, 5, true, 0, 0, 0, NOTE, 5},
        {1000, 500, 6, true, 0, 0, 0, NOT_WHOLE, 6},
        {15000, 500, 15, true, 0, 0, 0, NOTE, 15},
        {15000, 500, 16, true, 0, 0, 0, NOT_WHOLE, 16},
        {15000, 500, 51, true, 0, 0, 0, NOT_WHOLE, 51},
        /* What decoders lose counts alike; damage that is shown is a note, up to a quarter. */
        {1000, 0, 0, false, 0, 5, 0, NOTE, 5},
        {1000, 0, 0, false, 0, 6, 0, NOT_WHOLE, 6},
        {1000, 0, 0, false, 250, 0, 0, NOTE, 0},
        {1000, 0, 0, false, 251, 0, 0, NOT_WHOLE, 0},
        {1000, 500, 4, true, 0, 3, 0, NOTE, 4}, /* the same ones */
        {1000, 500, 0, true, 0, 0, 1, NOTE, 0}, /* the container says so, decoders do not */
        {1000, 500, 0, true, 0, 0, 900, NOTE, 0},
    };

    for (size_t i = 0; i < sizeof made / sizeof *made; i++)
        check_made(&made[i]);
}

/* Of films that are not evenly spaced nobody knows how many frames a hole had; but a long one with evidence is lost. */
static void test_uneven(void)
{
    for (int broken = 0; broken < 2; broken++) {
        struct film f = {.n_packets = 300,
                         .n_frames = 300,
                         .info = {.usual_ticks = STEP, .time_base_num = 1, .time_base_den = 1000}};
        int64_t t = 0;

        f.packet = calloc(300, sizeof *f.packet);
        f.frame = calloc(300, sizeof *f.frame);
        for (int64_t i = 0; i < 300; i++) {
            t += i == 150 ? 5000 : 20 + 7 * (i % 9);
            f.packet[i] = (struct film_packet){.pts = t, .dts = t, .flags = PACKET_SHOWN};
            if (broken && i == 150)
                f.packet[i].flags |= PACKET_BROKEN;
            f.frame[i] = (struct film_frame){.pts = t, .ticks = t, .packet = i};
        }
        film_judge_frames(&f, NULL);
        CHECK(!f.info.note[0]);
        CHECK((f.info.incomplete[0] != '\0') == broken);
        CHECK(f.info.largest_gap_ticks == 5000);
        film_release(&f);
    }
}

/* Steps of one tick are steps like others; a jump of the clock comes first. */
static void test_list_of_holes(void)
{
    static const int64_t steps[] = {1, 2, 100, 3003};

    for (size_t s = 0; s < sizeof steps / sizeof *steps; s++) {
        struct film f = {.n_frames = 200, .info = {.time_base_num = 1, .time_base_den = 1000}};
        int64_t n;
        f.frame = calloc(200, sizeof *f.frame);
        for (int64_t i = 0; i < 200; i++)
            f.frame[i] = (struct film_frame){.pts = 7 + steps[s] * i, .ticks = steps[s] * i};
        free(film_list_holes(&f, &n));
        CHECK_INT(n, 0);
        for (int64_t i = 0; i < 200; i++) {
            f.frame[i].ticks += steps[s] * (i >= 50) + steps[s] * 9 * (i >= 120);
            f.frame[i].pts += steps[s] * (i >= 50) + steps[s] * 9 * (i >= 120) - 5000 * (i >= 160);
        }
        struct film_hole *hole = film_list_holes(&f, &n);
        if (CHECK_INT(n, 3)) {
            CHECK_INT(hole[0].frame, 159);
            CHECK_INT(hole[1].frame, 119);
            CHECK_INT(hole[1].ticks, 10 * steps[s]);
            CHECK_INT(hole[2].frame, 49);
        }
        free(hole);
        film_release(&f);
    }
}

int main(void)
{
    test_list_of_holes();
    test_holes();
    test_uneven();
    return test_end();
}
