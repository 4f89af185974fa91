/* test_png: the pictures are read back with nothing but zlib, so that libpng does not judge itself. */
#include "image/png.h"

#include "test.h"

#include <stdint.h>
#include <zlib.h>

static uint32_t big_endian(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int paeth(int a, int b, int c)
{
    const int p = a + b - c, pa = abs(p - a), pb = abs(p - b), pc = abs(p - c);

    return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}

/* Undoes the filters of ISO/IEC 15948 section 9 in place; each row is a filter byte and row_bytes of 3-byte pixels. */
static bool unfilter(uint8_t *rows, size_t row_bytes, size_t height)
{
    for (size_t y = 0; y < height; y++) {
        uint8_t *row = rows + y * (row_bytes + 1) + 1;
        const uint8_t *above = y > 0 ? row - row_bytes - 1 : NULL;
        for (size_t i = 0; i < row_bytes; i++) {
            const int a = i >= 3 ? row[i - 3] : 0, b = above ? above[i] : 0, c = above && i >= 3 ? above[i - 3] : 0;
            switch (row[-1]) {
            case 0:
                break;
            case 1:
                row[i] = (uint8_t)(row[i] + a);
                break;
            case 2:
                row[i] = (uint8_t)(row[i] + b);
                break;
            case 3:
                row[i] = (uint8_t)(row[i] + (a + b) / 2);
                break;
            case 4:
                row[i] = (uint8_t)(row[i] + paeth(a, b, c));
                break;
            default:
                return false;
            }
        }
    }
    return true;
}

/* Whether the bytes are a PNG of exactly these pixels, every chunk with its right CRC. */
static bool shows(const uint8_t *png, size_t n, const uint8_t *rgb, uint32_t width, uint32_t height)
{
    static const uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    static const uint8_t kind[5] = {8, 2, 0, 0, 0}; /* 8 bits, truecolour, deflate, adaptive filters, not interlaced */
    const size_t row_bytes = (size_t)width * 3;
    uLongf raw_bytes = (uLongf)((row_bytes + 1) * height);
    uint8_t *data = malloc(n), *raw = malloc(raw_bytes);
    size_t data_bytes = 0, at = 8;
    bool good = n > 8 && memcmp(png, signature, 8) == 0, ended = false;

    while (good && !ended && at + 12 <= n) {
        const size_t length = big_endian(png + at);
        const uint8_t *type = png + at + 4;
        good = length <= n - at - 12 && crc32(0, type, (uInt)length + 4) == big_endian(type + 4 + length);
        if (good && memcmp(type, "IHDR", 4) == 0)
            good = at == 8 && big_endian(type + 4) == width && big_endian(type + 8) == height &&
                   memcmp(type + 12, kind, 5) == 0;
        if (good && memcmp(type, "IDAT", 4) == 0) {
            memcpy(data + data_bytes, type + 4, length);
            data_bytes += length;
        }
        ended = memcmp(type, "IEND", 4) == 0;
        at += length + 12;
    }
    good = good && ended && at == n && uncompress(raw, &raw_bytes, data, (uLong)data_bytes) == Z_OK &&
           raw_bytes == (row_bytes + 1) * height && unfilter(raw, row_bytes, height);
    for (size_t y = 0; good && y < height; y++)
        good = memcmp(raw + y * (row_bytes + 1) + 1, rgb + y * row_bytes, row_bytes) == 0;
    free(data);
    free(raw);
    return good;
}

static void round_trip(uint32_t width, uint32_t height, int kind)
{
    const size_t bytes = (size_t)width * height * 3;
    const char *path = test_path("x.png");
    uint8_t *rgb = malloc(bytes);
    uint32_t noise = 1;
    size_t n;

    for (size_t i = 0; i < bytes; i++) {
        noise = noise * 1664525 + 1013904223;
        rgb[i] = (uint8_t)(kind == 0 ? 0 : kind == 1 ? i % 251 : noise >> 24);
    }
    FILE *file = fopen(path, "wb");
    CHECK_INT(png_write_rgb(file, path, rgb, width, height), ST_OK);
    fclose(file);
    char *png = test_read(path, &n);
    if (!CHECK(shows((const uint8_t *)png, n, rgb, width, height)))
        printf("    picture %u x %u, kind %d\n", width, height, kind);
    rgb[bytes - 1] ^= 1; /* the judge can see one wrong bit */
    CHECK(!shows((const uint8_t *)png, n, rgb, width, height));
    free(png);
    free(rgb);
    unlink(path);
}

static void refusals(void)
{
    static const uint8_t rgb[3];
    const char *path = test_path("none.png");
    FILE *file = fopen(path, "wb");

    CHECK_INT(png_write_rgb(file, path, rgb, 0, 1), ST_USAGE);
    CHECK_INT(png_write_rgb(file, path, rgb, 1, 0), ST_USAGE);
    CHECK_INT(png_write_rgb(file, path, rgb, 0x80000000u, 1), ST_USAGE);
    CHECK(strstr(status_message(), "2147483648 x 1") && strstr(status_message(), path));
    CHECK_INT(png_write_rgb(file, path, rgb, 1, 0x80000000u), ST_USAGE);
    CHECK_INT(ftell(file), 0);
    fclose(file);
    unlink(path);
}

/* A disk that is full at once, and one that is only found full at the flush. */
static void full_disk(void)
{
    enum { W = 400, H = 300 };
    static uint8_t rgb[W * H * 3];

    for (size_t i = 0; i < sizeof rgb; i++)
        rgb[i] = (uint8_t)(i * i >> 7);
    for (int small = 0; small < 2; small++) {
        FILE *file = fopen("/dev/full", "wb");
        if (!file) {
            printf("not tested: no /dev/full here\n");
            return;
        }
        CHECK_INT(png_write_rgb(file, "out.png", rgb, small ? 2 : W, small ? 2 : H), ST_IO);
        CHECK_STR(status_message(), "cannot write out.png: No space left on device");
        fclose(file);
    }
}

int main(void)
{
    char text[100];

    for (int kind = 0; kind < 3; kind++) {
        round_trip(1, 1, kind);
        round_trip(1, 480, kind);
        round_trip(597, 480, kind);
        round_trip(7, 1, kind);
        round_trip(1000001, 1, kind); /* past libpng's own limit of a million */
        round_trip(1, 1000001, kind);
    }
    refusals();
    full_disk();
    png_describe(text, sizeof text);
    CHECK(strstr(text, "built with 1.") != NULL);
    return test_end();
}
