/* transfer: the curve is evaluated 256 times in double precision and rounded once; none of the 256 values
 * lies near a half, so that every C library gives the same table (a unit test holds the margin). */
#include "image/transfer.h"

#include <math.h>

double transfer_light(double encoded)
{
    return encoded <= 0.04045 ? encoded / 12.92 : pow((encoded + 0.055) / 1.055, 2.4);
}

void transfer_init(struct transfer *transfer, bool legacy)
{
    for (int v = 0; v < 256; v++)
        transfer->linear[v] = (uint16_t)(legacy ? 257 * v : (int)(65535.0 * transfer_light(v / 255.0) + 0.5));

    /* From half way to the next code on, that one is nearer (a half goes up). */
    for (uint32_t v = 0; v < 255; v++)
        transfer->next[v] = ((uint32_t)transfer->linear[v] + transfer->linear[v + 1] + 1) / 2;
    transfer->next[255] = 65536;
    for (uint32_t i = 0, v = 0; i < 65536 >> TRANSFER_BUCKET_BITS; i++) {
        while (i << TRANSFER_BUCKET_BITS >= transfer->next[v])
            v++;
        transfer->bucket[i] = (uint8_t)v;
    }
}

uint32_t transfer_encode_mean(const struct transfer *transfer, uint64_t sum, uint64_t n)
{
    const uint64_t whole = sum / n;
    uint32_t v = transfer_encode(transfer, (uint32_t)whole);

    if (transfer->linear[v] > whole) /* the nearest code may be the one above */
        v--;
    if (v == 255)
        return 255 * 256;
    const uint64_t from = transfer->linear[v], step = transfer->linear[v + 1] - from;
    return 256 * v + (uint32_t)((512 * (sum - from * n) + step * n) / (2 * step * n));
}
