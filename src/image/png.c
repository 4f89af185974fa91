/* png: writes and reads pictures through libpng. libpng reports errors by longjmp: only encode(), read_header() and
 * decode() call what may jump, and they change no local variable that is read after the jump. */
#include "image/png.h"

#include "base/mem.h"

#include <errno.h>
#include <png.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_SIDE = 0x7fffffff };

enum { SIGNATURE_BYTES = 8, RGB = 3, RGBA = 4 };

/* An open file, as libpng's callbacks see it. */
struct channel {
    FILE *file;
    int fault;        /* errno of a failed read or write, else 0 */
    char reason[128]; /* libpng's own words */
};

static void note_error(png_structp png, png_const_charp text)
{
    struct channel *channel = png_get_error_ptr(png);

    snprintf(channel->reason, sizeof channel->reason, "%s", text);
    png_longjmp(png, 1);
}

static void ignore_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

static void write_bytes(png_structp png, png_bytep bytes, size_t n)
{
    struct channel *sink = png_get_io_ptr(png);

    if (fwrite(bytes, 1, n, sink->file) != n) {
        sink->fault = errno;
        png_error(png, "write failed");
    }
}

static void flush_nothing(png_structp png)
{
    (void)png;
}

static bool encode(png_structp png, png_infop info, const uint8_t *rgb, uint32_t width, uint32_t height)
{
    if (setjmp(png_jmpbuf(png)))
        return false;
    png_set_user_limits(png, MAX_SIDE, MAX_SIDE);
    png_set_IHDR(png, info, width, height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    for (uint32_t y = 0; y < height; y++)
        png_write_row(png, rgb + (size_t)y * width * 3);
    png_write_end(png, info);
    return true;
}

enum status png_write_rgb(FILE *file, const char *path, const uint8_t *rgb, uint32_t width, uint32_t height)
{
    struct channel sink = {.file = file};

    if (width == 0 || height == 0)
        return FAIL(ST_USAGE, "cannot write %s: a picture of %u x %u pixels", path, width, height);
    if (width > MAX_SIDE || height > MAX_SIDE)
        return FAIL(ST_USAGE, "cannot write %s: %u x %u pixels is more than a PNG can hold (%d a side)", path, width,
                    height, MAX_SIDE);

    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &sink, note_error, ignore_warning);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info) {
        png_destroy_write_struct(&png, NULL);
        return FAIL(ST_UNSUPPORTED, "cannot write %s: libpng %s does not start (built with %s)", path,
                    png_get_libpng_ver(NULL), PNG_LIBPNG_VER_STRING);
    }
    png_set_write_fn(png, &sink, write_bytes, flush_nothing);
    const bool done = encode(png, info, rgb, width, height);
    png_destroy_write_struct(&png, &info);
    if (done && fflush(file) != 0)
        return FAIL(ST_IO, "cannot write %s: %s", path, strerror(errno));
    if (!done)
        return FAIL(ST_IO, "cannot write %s: %s", path, sink.fault ? strerror(sink.fault) : sink.reason);
    return ST_OK;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static void read_bytes(png_structp png, png_bytep bytes, size_t n)
{
    struct channel *source = png_get_io_ptr(png);

    errno = 0;
    if (fread(bytes, 1, n, source->file) != n) {
        source->fault = ferror(source->file) ? errno : 0;
        png_error(png, "it is cut off");
    }
}

/* What a picture is made into, u8, whatever it was. */
struct wanted {
    size_t channels;        /* RGB: 8 bits, nothing transparent, of the size below; RGBA: up to PNG_MAX_READ_SIDE */
    uint32_t width, height; /* of RGB */
};

static void check_size(png_structp png, const struct wanted *wanted, uint32_t width, uint32_t height)
{
    char text[100];

    if (wanted->channels == RGBA && (width > PNG_MAX_READ_SIDE || height > PNG_MAX_READ_SIDE))
        snprintf(text, sizeof text, "%u x %u pixels is more than %d a side", width, height, PNG_MAX_READ_SIDE);
    else if (wanted->channels == RGB && (width != wanted->width || height != wanted->height))
        snprintf(text, sizeof text, "it is %u x %u pixels, not %u x %u", width, height, wanted->width, wanted->height);
    else
        return;
    png_error(png, text);
}

static bool read_header(png_structp png, png_infop info, const struct wanted *wanted, uint32_t *width, uint32_t *height)
{
    if (setjmp(png_jmpbuf(png)))
        return false;
    png_set_user_limits(png, MAX_SIDE, MAX_SIDE); /* its own words would not say why */
    png_set_sig_bytes(png, SIGNATURE_BYTES);
    png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT); /* nothing whose colours are in doubt */
    png_read_info(png, info);
    *width = png_get_image_width(png, info);
    *height = png_get_image_height(png, info);
    check_size(png, wanted, *width, *height);
    if (wanted->channels == RGB && png_get_bit_depth(png, info) > 8)
        png_error(png, "it has more than 8 bits a sample");
    if (wanted->channels == RGB &&
        ((png_get_color_type(png, info) & PNG_COLOR_MASK_ALPHA) || png_get_valid(png, info, PNG_INFO_tRNS)))
        png_error(png, "it has transparent pixels");
    png_set_expand(png);
    png_set_scale_16(png);
    png_set_gray_to_rgb(png);
    if (wanted->channels == RGBA)
        png_set_add_alpha(png, 255, PNG_FILLER_AFTER);
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
    if (png_get_rowbytes(png, info) != *width * wanted->channels)
        png_error(png, "its rows do not become RGB");
    return true;
}

static bool decode(png_structp png, png_infop info, uint8_t **rows)
{
    if (setjmp(png_jmpbuf(png)))
        return false;
    png_read_image(png, rows);
    png_read_end(png, info);
    return true;
}

static enum status read_pixels(png_structp png, png_infop info, const char *path, const struct wanted *wanted,
                               struct channel *source, uint8_t **pixels, uint32_t *width, uint32_t *height)
{
    uint8_t *made = NULL, **rows = NULL;
    bool done = read_header(png, info, wanted, width, height);
    enum status st = ST_OK;

    if (done) {
        const size_t w = *width, h = *height;
        made = mem_array(h * w, wanted->channels);
        rows = mem_array(h, sizeof *rows);
        if (!made || !rows) {
            st = ST_NOMEM;
            goto release;
        }
        for (size_t y = 0; y < h; y++)
            rows[y] = made + y * w * wanted->channels;
        done = decode(png, info, rows);
    }
    if (done) {
        *pixels = made;
        made = NULL;
    } else {
        st = FAIL(ST_FORMAT, "cannot read %s: %s", path, source->fault ? strerror(source->fault) : source->reason);
    }
release:
    free(made);
    free(rows);
    return st;
}

/* The signature is told apart from damage further on. */
static enum status check_signature(const char *path, struct channel *source)
{
    uint8_t first[SIGNATURE_BYTES];
    const size_t n = fread(first, 1, sizeof first, source->file);

    if (ferror(source->file))
        return FAIL(ST_FORMAT, "cannot read %s: %s", path, strerror(errno));
    if (n == 0)
        return FAIL(ST_FORMAT, "%s is empty", path);
    if (n < sizeof first || png_sig_cmp(first, 0, sizeof first) != 0)
        return FAIL(ST_FORMAT, "%s is not a PNG file", path);
    return ST_OK;
}

static enum status read_open(const char *path, const struct wanted *wanted, struct channel *source, uint8_t **pixels,
                             uint32_t *width, uint32_t *height)
{
    TRY(check_signature(path, source));
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, source, note_error, ignore_warning);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info) {
        png_destroy_read_struct(&png, NULL, NULL);
        return FAIL(ST_UNSUPPORTED, "cannot read %s: libpng %s does not start (built with %s)", path,
                    png_get_libpng_ver(NULL), PNG_LIBPNG_VER_STRING);
    }
    png_set_read_fn(png, source, read_bytes);
    const enum status st = read_pixels(png, info, path, wanted, source, pixels, width, height);
    png_destroy_read_struct(&png, &info, NULL);
    return st;
}

static enum status read_file(const char *path, const struct wanted *wanted, uint8_t **pixels, uint32_t *width,
                             uint32_t *height)
{
    struct channel source = {0};
    struct stat found;

    *pixels = NULL;
    *width = *height = 0;
    if (stat(path, &found) == 0 && !S_ISREG(found.st_mode)) /* checked first: opening a pipe may block */
        return FAIL(ST_USAGE,
                    S_ISDIR(found.st_mode) ? "cannot read %s: it is a folder"
                                           : "cannot read %s: it is not a regular file",
                    path);
    source.file = fopen(path, "rbe");
    if (!source.file)
        return FAIL(ST_USAGE, "cannot open %s: %s", path, strerror(errno));
    const enum status st = read_open(path, wanted, &source, pixels, width, height);
    fclose(source.file);
    return st;
}

enum status png_read_rgb(const char *path, uint32_t width, uint32_t height, uint8_t **rgb)
{
    const struct wanted wanted = {.channels = RGB, .width = width, .height = height};
    uint32_t found_width, found_height;

    return read_file(path, &wanted, rgb, &found_width, &found_height);
}

/* Luma on black, to the nearest. */
static uint8_t grey_of(const uint8_t *rgba)
{
    const uint32_t luma = 299u * rgba[0] + 587u * rgba[1] + 114u * rgba[2];

    return (uint8_t)((luma * rgba[3] + 127500) / 255000);
}

enum status png_read_grey(const char *path, uint8_t **pixels, uint32_t *width, uint32_t *height)
{
    const struct wanted wanted = {.channels = RGBA};
    uint8_t *rgba;

    *pixels = NULL;
    TRY(read_file(path, &wanted, &rgba, width, height));
    const size_t n = (size_t)*width * *height;
    for (size_t i = 0; i < n; i++) /* in place: a grey lies before what it is made of, or is its first byte */
        rgba[i] = grey_of(rgba + i * RGBA);
    uint8_t *less = realloc(rgba, n);
    *pixels = less ? less : rgba;
    return ST_OK;
}

void png_describe(char *text, size_t bytes)
{
    snprintf(text, bytes, "%s (built with %s)", png_get_libpng_ver(NULL), PNG_LIBPNG_VER_STRING);
}
