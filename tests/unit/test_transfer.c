/* test_transfer: the tables between bytes and linear light, all of both modes. */
#include "image/transfer.h"

#include "test.h"

#include <math.h>

static struct transfer transfer;

static void check_tables(void)
{
    CHECK_INT(transfer.linear[0], 0);
    CHECK_INT(transfer.linear[255], 65535);
    CHECK_INT(transfer_encode(&transfer, 0), 0);
    CHECK_INT(transfer_encode(&transfer, 65535), 255);
    for (int v = 0; v < 256; v++) {
        CHECK_INT(transfer_encode(&transfer, transfer.linear[v]), v);
        CHECK(v == 0 || transfer.linear[v] > transfer.linear[v - 1]);
    }
    for (int x = 0; x < 65536; x++) { /* the nearest on the straight line between two codes; half way goes up */
        const int v = transfer_encode(&transfer, (uint32_t)x);
        CHECK(x == 0 || v == transfer_encode(&transfer, (uint32_t)(x - 1)) ||
              v == transfer_encode(&transfer, (uint32_t)(x - 1)) + 1);
        CHECK(v == 0 || 2 * x >= transfer.linear[v - 1] + transfer.linear[v]);
        CHECK(v == 255 || 2 * x < transfer.linear[v] + transfer.linear[v + 1]);
    }
}

static void check_uniform(void)
{
    static const uint64_t n[] = {1, 2, 3, 7, 129600, 8294400, UINT64_C(1) << 33, UINT64_C(1) << 44};

    for (size_t i = 0; i < sizeof n / sizeof n[0]; i++)
        for (uint32_t v = 0; v < 256; v++)
            CHECK_INT(transfer_encode_mean(&transfer, n[i] * transfer.linear[v], n[i]), v * 256);
}

/* Against the straight line between the codes, in long double. */
static void check_means(void)
{
    uint64_t state = 1;

    for (int i = 0; i < 20000; i++) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        const uint64_t n = 1 + (state >> 33) % (i % 2 ? 10 : 1000000);
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        const uint64_t sum = (state >> 20) % (n * 65535 + 1);
        const long double mean = (long double)sum / (long double)n;
        int v = 0;
        while (v < 254 && mean >= transfer.linear[v + 1])
            v++;
        const long double wanted = v + (mean - transfer.linear[v]) / (transfer.linear[v + 1] - transfer.linear[v]);
        const uint32_t found = transfer_encode_mean(&transfer, sum, n);
        CHECK(fabsl(found / 256.0L - wanted) <= 0.5L / 256 + 1e-12L);
    }
}

static void check_srgb(void)
{
    /* From the formula of IEC 61966-2-1 by an independent calculation with 50 digits. */
    static const int known[][2] = {{1, 20}, {10, 199}, {11, 219}, {50, 2090}, {128, 14146}, {188, 32957}, {254, 64952}};

    transfer_init(&transfer, false);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        CHECK_INT(transfer.linear[known[i][0]], known[i][1]);
    for (int v = 0; v < 256; v++) { /* far from a half: no difference between C libraries can change the table */
        const double c = v / 255.0;
        const double exact = 65535 * (c <= 0.04045 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4));
        CHECK(fabs(exact - transfer.linear[v]) < 0.5 - 1e-3);
    }
    /* Half black and half white is lighter than the middle grey. */
    CHECK_INT(transfer_encode(&transfer, 32768), 188);
    CHECK_INT(transfer_encode_mean(&transfer, 65535, 2) / 256, 187);
}

static void check_legacy(void)
{
    transfer_init(&transfer, true);
    for (int v = 0; v < 256; v++)
        CHECK_INT(transfer.linear[v], 257 * v);
    CHECK_INT(transfer_encode_mean(&transfer, 65535, 2), 127 * 256 + 128);
    CHECK_INT(transfer_encode_mean(&transfer, 257 * 10 + 257 * 11 + 257 * 11, 3), 10 * 256 + 171);
}

int main(void)
{
    for (int legacy = 0; legacy < 2; legacy++) {
        transfer_init(&transfer, legacy);
        check_tables();
        check_uniform();
        check_means();
    }
    check_srgb();
    check_legacy();
    return test_end();
}
