/* test_png: pictures written are read back, and pictures to read are made, with nothing but zlib, so that libpng does
 * not judge itself. */
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

/* --- reading ------------------------------------------------------------------------------------------------------ */

enum { GREY = 0, RGB = 2, PALETTE = 3, GREY_ALPHA = 4, RGBA = 6, MAX_MADE = 1 << 16 };

struct made {
    uint8_t bytes[MAX_MADE];
    size_t n;
};

static void add_chunk(struct made *png, const char *type, const void *data, size_t n)
{
    uint8_t *p = png->bytes + png->n;
    const uint8_t size[4] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};

    memcpy(p, size, 4);
    memcpy(p + 4, type, 4);
    if (n > 0)
        memcpy(p + 8, data, n);
    const uint32_t crc = (uint32_t)crc32(0, p + 4, (uInt)n + 4);
    for (int i = 0; i < 4; i++)
        p[8 + n + (size_t)i] = (uint8_t)(crc >> (24 - 8 * i));
    png->n += n + 12;
}

static void begin_png(struct made *png, uint32_t width, uint32_t height, uint8_t depth, uint8_t colour,
                      uint8_t interlaced)
{
    const uint8_t header[13] = {(uint8_t)(width >> 24),
                                (uint8_t)(width >> 16),
                                (uint8_t)(width >> 8),
                                (uint8_t)width,
                                (uint8_t)(height >> 24),
                                (uint8_t)(height >> 16),
                                (uint8_t)(height >> 8),
                                (uint8_t)height,
                                depth,
                                colour,
                                0,
                                0,
                                interlaced};

    memcpy(png->bytes, "\x89PNG\r\n\x1a\n", 8);
    png->n = 8;
    add_chunk(png, "IHDR", header, sizeof header);
}

/* raw: rows, each with its filter byte */
static void end_png(struct made *png, const uint8_t *raw, size_t n)
{
    static uint8_t packed[MAX_MADE / 2];
    uLongf packed_bytes = sizeof packed;

    CHECK_INT(compress(packed, &packed_bytes, raw, (uLong)n), Z_OK);
    add_chunk(png, "IDAT", packed, packed_bytes);
    add_chunk(png, "IEND", NULL, 0);
}

static void expect_grey(const struct made *png, uint32_t width, uint32_t height, const uint8_t *grey)
{
    const char *path = test_path("read.png");
    uint8_t *pixels;
    uint32_t w, h;

    test_write(path, png->bytes, png->n);
    if (CHECK_INT(png_read_grey(path, &pixels, &w, &h), ST_OK)) {
        if (CHECK(w == width && h == height))
            for (size_t i = 0; i < (size_t)width * height; i++)
                CHECK_INT(pixels[i], grey[i]);
    } else {
        printf("    %s\n", status_message());
    }
    free(pixels);
    unlink(path);
}

static void read_depths(void)
{
    static struct made png;

    begin_png(&png, 4, 2, 8, GREY, 0);
    end_png(&png, (const uint8_t[]){0, 0, 1, 128, 255, 2, 1, 1, 1, 0},
            10); /* the second row: what it adds to the first */
    expect_grey(&png, 4, 2, (const uint8_t[]){0, 1, 128, 255, 1, 2, 129, 255});
    begin_png(&png, 10, 1, 1, GREY, 0);
    end_png(&png, (const uint8_t[]){0, 0xA5, 0x40}, 3);
    expect_grey(&png, 10, 1, (const uint8_t[]){255, 0, 255, 0, 0, 255, 0, 255, 0, 255});
    begin_png(&png, 4, 1, 2, GREY, 0);
    end_png(&png, (const uint8_t[]){0, 0x1B}, 2);
    expect_grey(&png, 4, 1, (const uint8_t[]){0, 85, 170, 255});
    begin_png(&png, 3, 1, 4, GREY, 0);
    end_png(&png, (const uint8_t[]){0, 0x0F, 0x80}, 3);
    expect_grey(&png, 3, 1, (const uint8_t[]){0, 255, 136});
    begin_png(&png, 4, 1, 16, GREY, 0); /* v / 257 to the nearest: 127.498, 127.502 */
    end_png(&png, (const uint8_t[]){0, 0, 0, 255, 255, 0x7F, 0xFF, 0x80, 0x00}, 9);
    expect_grey(&png, 4, 1, (const uint8_t[]){0, 255, 127, 128});
}

static void read_colours(void)
{
    static struct made png;
    static const uint8_t palette[9] = {255, 255, 255, 255, 0, 0, 0, 0, 255};

    begin_png(&png, 6, 1, 8, RGB, 0);
    end_png(&png, (const uint8_t[]){0, 255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255, 7, 7, 7, 100, 150, 200}, 19);
    expect_grey(&png, 6, 1, (const uint8_t[]){76, 150, 29, 255, 7, 141}); /* 76.2, 149.7, 29.1, .., 140.75 */
    begin_png(&png, 2, 1, 16, RGB, 0);
    end_png(&png, (const uint8_t[]){0, 255, 255, 0, 0, 0, 0, 0, 0, 255, 255, 0, 0}, 13);
    expect_grey(&png, 2, 1, (const uint8_t[]){76, 150});
    begin_png(&png, 4, 1, 8, GREY_ALPHA, 0);
    end_png(&png, (const uint8_t[]){0, 200, 255, 200, 0, 200, 128, 255, 1}, 9);
    expect_grey(&png, 4, 1, (const uint8_t[]){200, 0, 100, 1}); /* 200 x 128 / 255 = 100.4 */
    begin_png(&png, 2, 1, 8, RGBA, 0);
    end_png(&png, (const uint8_t[]){0, 255, 0, 0, 128, 255, 255, 255, 51}, 9);
    expect_grey(&png, 2, 1, (const uint8_t[]){38, 51}); /* 76.245 x 128 / 255 = 38.27 */
    begin_png(&png, 1, 1, 16, RGBA, 0);
    end_png(&png, (const uint8_t[]){0, 255, 255, 255, 255, 255, 255, 0x80, 0x80}, 9);
    expect_grey(&png, 1, 1, (const uint8_t[]){128});
    begin_png(&png, 4, 1, 2, PALETTE, 0);
    add_chunk(&png, "PLTE", palette, sizeof palette);
    end_png(&png, (const uint8_t[]){0, 0x18}, 2);
    expect_grey(&png, 4, 1, (const uint8_t[]){255, 76, 29, 255});
    begin_png(&png, 3, 1, 8, PALETTE, 0);
    add_chunk(&png, "PLTE", palette, sizeof palette);
    add_chunk(&png, "tRNS", (const uint8_t[]){0, 255}, 2);
    end_png(&png, (const uint8_t[]){0, 0, 1, 2}, 4);
    expect_grey(&png, 3, 1, (const uint8_t[]){0, 76, 29});
    begin_png(&png, 3, 1, 8, GREY, 0); /* one grey is transparent */
    add_chunk(&png, "tRNS", (const uint8_t[]){0, 200}, 2);
    end_png(&png, (const uint8_t[]){0, 199, 200, 201}, 4);
    expect_grey(&png, 3, 1, (const uint8_t[]){199, 0, 201});
    begin_png(&png, 2, 1, 8, GREY, 0); /* gamma is not looked at */
    add_chunk(&png, "gAMA", (const uint8_t[]){0, 1, 0x86, 0xA0}, 4);
    end_png(&png, (const uint8_t[]){0, 60, 120}, 3);
    expect_grey(&png, 2, 1, (const uint8_t[]){60, 120});
}

/* 9 x 9 in the seven passes of Adam7. */
static void read_interlaced(void)
{
    static const int from_x[7] = {0, 4, 0, 2, 0, 1, 0}, from_y[7] = {0, 0, 4, 0, 2, 0, 1};
    static const int step_x[7] = {8, 8, 4, 4, 2, 2, 1}, step_y[7] = {8, 8, 8, 4, 4, 2, 2};
    static struct made png;
    uint8_t raw[200], grey[81];
    size_t n = 0;

    for (int i = 0; i < 81; i++)
        grey[i] = (uint8_t)(i * 3);
    for (int pass = 0; pass < 7; pass++)
        for (int y = from_y[pass]; y < 9; y += step_y[pass]) {
            raw[n++] = 0;
            for (int x = from_x[pass]; x < 9; x += step_x[pass])
                raw[n++] = grey[y * 9 + x];
        }
    begin_png(&png, 9, 9, 8, GREY, 1);
    end_png(&png, raw, n);
    expect_grey(&png, 9, 9, grey);
}

static void read_what_was_written(uint32_t width, uint32_t height)
{
    const size_t n = (size_t)width * height;
    const char *path = test_path("written.png");
    uint8_t *rgb = malloc(n * 3), *grey, *again;
    uint32_t w, h, noise = 1;

    for (size_t i = 0; i < n; i++) {
        noise = noise * 1664525 + 1013904223;
        rgb[3 * i] = rgb[3 * i + 1] = rgb[3 * i + 2] = (uint8_t)(noise >> 24);
    }
    FILE *file = fopen(path, "wb");
    CHECK_INT(png_write_rgb(file, path, rgb, width, height), ST_OK);
    fclose(file);
    if (CHECK_INT(png_read_grey(path, &grey, &w, &h), ST_OK) && CHECK(w == width && h == height)) {
        size_t n_same = 0;
        for (size_t i = 0; i < n; i++)
            n_same += grey[i] == rgb[3 * i];
        CHECK_INT(n_same, n);
    }
    if (CHECK_INT(png_read_rgb(path, width, height, &again), ST_OK))
        CHECK(memcmp(again, rgb, n * 3) == 0);
    free(again);
    free(grey);
    free(rgb);
    unlink(path);
}

static void refuse_bytes(const void *bytes, size_t n, const char *words)
{
    const char *path = test_path("refused.png");
    uint8_t *pixels = (uint8_t *)&n;
    uint32_t w = 1, h = 1;

    test_write(path, bytes, n);
    CHECK_INT(png_read_grey(path, &pixels, &w, &h), ST_FORMAT);
    CHECK(pixels == NULL);
    if (!CHECK(strstr(status_message(), path) != NULL && strstr(status_message(), words) != NULL))
        printf("    \"%s\" lacks \"%s\"\n", status_message(), words);
    unlink(path);
}

static void read_refusals(void)
{
    static struct made png, damaged;
    static uint8_t raw[200 * 41];
    uint8_t *pixels;
    uint32_t w, h;

    for (size_t i = 0; i < sizeof raw; i++)
        raw[i] = (uint8_t)(i % 41 ? i * i >> 3 : 0);
    begin_png(&png, 40, 200, 8, GREY, 0);
    end_png(&png, raw, sizeof raw);
    refuse_bytes("", 0, "is empty");
    refuse_bytes("\xff\xd8\xff\xe0 JFIF and so on", 20, "is not a PNG file");
    refuse_bytes(png.bytes, 7, "is not a PNG file");
    for (size_t n = 8; n < png.n; n += n < 60 ? 1 : 97)
        refuse_bytes(png.bytes, n, "it is cut off");
    for (size_t at = 8; at < png.n; at += at < 60 ? 1 : 211) { /* CRCs and lengths see to it */
        damaged = png;
        damaged.bytes[at] ^= 0x10;
        refuse_bytes(damaged.bytes, damaged.n, "cannot read ");
    }
    begin_png(&damaged, 40, 200, 8, GREY, 0); /* sound chunks, too few rows */
    end_png(&damaged, raw, sizeof raw / 2);
    refuse_bytes(damaged.bytes, damaged.n, "ot enough image data");
    begin_png(&damaged, 40, 200, 8, PALETTE, 0);
    end_png(&damaged, raw, sizeof raw);
    refuse_bytes(damaged.bytes, damaged.n, "Missing PLTE");
    begin_png(&damaged, 0, 200, 8, GREY, 0);
    end_png(&damaged, raw, sizeof raw);
    refuse_bytes(damaged.bytes, damaged.n, "Invalid IHDR data");
    begin_png(&damaged, 4097, 1, 8, GREY, 0);
    end_png(&damaged, raw, 4098);
    refuse_bytes(damaged.bytes, damaged.n, "4097 x 1 pixels is more than 4096 a side");
    begin_png(&damaged, 0x7fffffff, 0x7fffffff, 16, RGBA, 0);
    end_png(&damaged, raw, sizeof raw);
    refuse_bytes(damaged.bytes, damaged.n, "cannot read ");

    CHECK_INT(png_read_grey(test_path("absent.png"), &pixels, &w, &h), ST_USAGE);
    CHECK(strstr(status_message(), "No such file") != NULL);
    CHECK_INT(png_read_grey(test_folder(), &pixels, &w, &h), ST_USAGE);
    CHECK(strstr(status_message(), "it is a folder") != NULL);
    CHECK_INT(png_read_grey("/dev/null", &pixels, &w, &h), ST_USAGE);
    CHECK(strstr(status_message(), "not a regular file") != NULL && pixels == NULL);
}

/* --- reading colours ---------------------------------------------------------------------------------------------- */

static void expect_rgb(const struct made *png, uint32_t width, uint32_t height, const uint8_t *wanted)
{
    const char *path = test_path("rgb.png");
    uint8_t *rgb;

    test_write(path, png->bytes, png->n);
    if (CHECK_INT(png_read_rgb(path, width, height, &rgb), ST_OK))
        CHECK(memcmp(rgb, wanted, (size_t)width * height * 3) == 0);
    else
        printf("    %s\n", status_message());
    free(rgb);
    unlink(path);
}

static void refuse_rgb(const struct made *png, uint32_t width, uint32_t height, const char *words)
{
    const char *path = test_path("rgb.png");
    uint8_t *rgb = (uint8_t *)&width;

    test_write(path, png->bytes, png->n);
    CHECK_INT(png_read_rgb(path, width, height, &rgb), ST_FORMAT);
    CHECK(rgb == NULL);
    if (!CHECK(strstr(status_message(), path) != NULL && strstr(status_message(), words) != NULL))
        printf("    \"%s\" lacks \"%s\"\n", status_message(), words);
    unlink(path);
}

static void read_rgb(void)
{
    static struct made png, damaged;
    static const uint8_t rgb[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 255, 0, 128}, palette[6] = {9, 8, 7, 255, 0, 1};

    begin_png(&png, 2, 2, 8, RGB, 0);
    end_png(&png, (const uint8_t[]){0, 1, 2, 3, 4, 5, 6, 0, 7, 8, 9, 255, 0, 128}, 14);
    expect_rgb(&png, 2, 2, rgb);
    refuse_rgb(&png, 2, 3, "it is 2 x 2 pixels, not 2 x 3");
    refuse_rgb(&png, 1, 2, "it is 2 x 2 pixels, not 1 x 2");
    refuse_rgb(&png, 0, 0, "it is 2 x 2 pixels, not 0 x 0");
    for (size_t n = 8; n < png.n; n++) {
        damaged = png;
        damaged.n = n;
        refuse_rgb(&damaged, 2, 2, "it is cut off");
    }
    for (size_t at = 8; at < png.n; at++) {
        damaged = png;
        damaged.bytes[at] ^= 0x10;
        refuse_rgb(&damaged, 2, 2, "cannot read ");
    }
    begin_png(&png, 3, 1, 8, PALETTE, 0);
    add_chunk(&png, "PLTE", palette, sizeof palette);
    end_png(&png, (const uint8_t[]){0, 1, 0, 1}, 4);
    expect_rgb(&png, 3, 1, (const uint8_t[]){255, 0, 1, 9, 8, 7, 255, 0, 1});
    begin_png(&png, 2, 1, 8, GREY, 0);
    end_png(&png, (const uint8_t[]){0, 200, 3}, 3);
    expect_rgb(&png, 2, 1, (const uint8_t[]){200, 200, 200, 3, 3, 3});
    begin_png(&png, 1, 1, 8, RGBA, 0);
    end_png(&png, (const uint8_t[]){0, 1, 2, 3, 255}, 5);
    refuse_rgb(&png, 1, 1, "it has transparent pixels");
    begin_png(&png, 2, 1, 8, GREY, 0);
    add_chunk(&png, "tRNS", (const uint8_t[]){0, 200}, 2);
    end_png(&png, (const uint8_t[]){0, 199, 200}, 3);
    refuse_rgb(&png, 2, 1, "it has transparent pixels");
    begin_png(&png, 1, 1, 16, RGB, 0);
    end_png(&png, (const uint8_t[]){0, 255, 255, 0, 0, 0, 0}, 7);
    refuse_rgb(&png, 1, 1, "more than 8 bits");
    begin_png(&png, 0x7fffffff, 0x7fffffff, 8, RGB, 0); /* no memory for what a file claims */
    end_png(&png, rgb, 7);
    refuse_rgb(&png, 2, 1, "cannot read ");
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
    read_depths();
    read_colours();
    read_interlaced();
    read_what_was_written(1, 1);
    read_what_was_written(28, 28);
    read_what_was_written(PNG_MAX_READ_SIDE, 3);
    read_what_was_written(5, PNG_MAX_READ_SIDE);
    read_refusals();
    read_rgb();
    png_describe(text, sizeof text);
    CHECK(strstr(text, "built with 1.") != NULL);
    return test_end();
}
