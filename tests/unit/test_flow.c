/* test_flow: the assignment against all ways there are, and bands that run on, whatever their shares do. */
#include "barcode/flow.h"

#include "test.h"

static uint32_t seed = 1;

static uint32_t below(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

/* The least sum of all ways to give rows from `row` on columns that are not taken. */
static int64_t least_of_all(const int64_t *cost, int row, int n_rows, int n_columns, unsigned taken)
{
    int64_t best = INT64_MAX;

    if (row == n_rows)
        return 0;
    for (int j = 0; j < n_columns; j++)
        if (!(taken >> j & 1)) {
            const int64_t rest = least_of_all(cost, row + 1, n_rows, n_columns, taken | 1u << j);
            const int64_t sum = cost[row * COMPUTE_MAX_K + j] + rest;
            best = sum < best ? sum : best;
        }
    return best;
}

static void assignments(void)
{
    int64_t cost[COMPUTE_MAX_K * COMPUTE_MAX_K] = {0};

    for (int i = 0; i < 2000; i++) {
        const int n_columns = 1 + (int)below(6), n_rows = (int)below((uint32_t)n_columns + 1);
        const uint32_t most = i % 3 == 0 ? 3 : 1u << 22; /* many ties, or few */
        int column_of[COMPUTE_MAX_K];
        unsigned taken = 0;
        int64_t sum = 0;
        for (int j = 0; j < COMPUTE_MAX_K * COMPUTE_MAX_K; j++)
            cost[j] = (int64_t)below(most) << (i % 2 ? 18 : 0);
        flow_assign(cost, n_rows, n_columns, column_of);
        for (int row = 0; row < n_rows; row++) {
            CHECK(column_of[row] >= 0 && column_of[row] < n_columns && !(taken >> column_of[row] & 1));
            taken |= 1u << column_of[row];
            sum += cost[row * COMPUTE_MAX_K + column_of[row]];
        }
        CHECK_INT(sum, least_of_all(cost, 0, n_rows, n_columns, 0));
    }
}

/* Clusters of the colours 0xrrggbb with these counts, largest first. */
static struct frame_clusters clusters_of(int n, const uint32_t *colour, const uint32_t *count)
{
    struct frame_clusters c = {.n = n};

    for (int i = 0; i < n; i++) {
        for (int channel = 0; channel < 3; channel++)
            c.centre[i][channel] = (uint16_t)(256 * (colour[i] >> (16 - 8 * channel) & 255));
        c.count[i] = count[i];
    }
    clusters_arrange(&c);
    return c;
}

static struct flow flow;

/* The colours from the top, as 0xrrggbb. */
static void next(int n, const uint32_t *colour, const uint32_t *count, uint32_t *stacked)
{
    const struct frame_clusters c = clusters_of(n, colour, count);
    int index[COMPUTE_MAX_K];
    unsigned taken = 0;

    flow_next(&flow, &c, index);
    for (int i = 0; i < n; i++) {
        CHECK(index[i] >= 0 && index[i] < n && !(taken >> index[i] & 1));
        taken |= 1u << index[i];
        stacked[i] = 0;
        for (int channel = 0; channel < 3; channel++)
            stacked[i] = stacked[i] << 8 | c.centre[index[i]][channel] / 256u;
    }
}

static void bands(void)
{
    static const uint32_t light_first[] = {0xffffff, 0x60a0e0, 0x408020, 0x301810};
    uint32_t stacked[COMPUTE_MAX_K];

    flow_init(&flow);
    next(4, light_first, (const uint32_t[]){10, 20, 30, 40}, stacked);
    CHECK(flow.is_cut && memcmp(stacked, light_first, sizeof light_first) == 0);
    for (uint32_t i = 0; i < 100; i++) { /* shares change places; colours drift */
        const uint32_t colour[] = {0xffffff - 0x010101 * (i / 2), 0x60a0e0, 0x408020 + i, 0x301810};
        const uint32_t count[] = {1 + (i * 37) % 100, 1 + (i * 61) % 100, 1 + (i * 17) % 100, 1 + (i * 29) % 100};
        next(4, colour, count, stacked);
        CHECK(!flow.is_cut);
        CHECK(stacked[0] == colour[0] && stacked[1] == colour[1] && stacked[2] == colour[2] && stacked[3] == colour[3]);
    }
    /* A band ends, another begins in its place by lightness, the others stay. */
    next(3, (const uint32_t[]){0xcecece, 0x408080, 0x301810}, (const uint32_t[]){10, 20, 30}, stacked);
    next(4, (const uint32_t[]){0xcecece, 0x408080, 0x301810, 0xc00000}, (const uint32_t[]){10, 20, 30, 5}, stacked);
    CHECK(!flow.is_cut && stacked[0] == 0xcecece && stacked[3] == 0x301810);
    CHECK(stacked[1] == 0x408080 || stacked[1] == 0xc00000);
    /* A band that grows darker than the one below stays where it is, until there is a cut. */
    flow_init(&flow);
    for (uint32_t v = 200; v > 20; v -= 4)
        next(2, (const uint32_t[]){0x010101 * v, 0x3060c0}, (const uint32_t[]){50, 50}, stacked);
    CHECK(stacked[1] == 0x3060c0);
    next(2, (const uint32_t[]){0xe0e020, 0xff8080}, (const uint32_t[]){50, 50}, stacked);
    CHECK(flow.is_cut && stacked[0] == 0xe0e020);
}

static void any_columns(void)
{
    flow_init(&flow);
    for (int i = 0; i < 3000; i++) {
        const int n = 1 + (int)below(COMPUTE_MAX_K);
        uint32_t colour[COMPUTE_MAX_K], count[COMPUTE_MAX_K], stacked[COMPUTE_MAX_K];
        for (int j = 0; j < n; j++) {
            colour[j] = below(1 << 24);
            count[j] = 1 + below(i % 2 ? 100 : 1u << 24);
        }
        next(n, colour, count, stacked);
    }
}

int main(void)
{
    assignments();
    bands();
    any_columns();
    return test_end();
}
