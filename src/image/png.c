/* png: writes an 8-bit RGB picture through libpng, row by row. libpng leaves on an error by longjmp: only encode()
 * calls what may jump, and it changes no local variable that is looked at after the jump. */
#include "image/png.h"

#include <errno.h>
#include <png.h>
#include <setjmp.h>
#include <stdbool.h>
#include <string.h>

enum { MAX_SIDE = 0x7fffffff };

struct sink {
    FILE *file;
    int fault;        /* errno of a failed write, else 0 */
    char reason[128]; /* libpng's own words */
};

static void note_error(png_structp png, png_const_charp text)
{
    struct sink *sink = png_get_error_ptr(png);

    snprintf(sink->reason, sizeof sink->reason, "%s", text);
    png_longjmp(png, 1);
}

static void ignore_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void write_bytes(png_structp png, png_bytep bytes, size_t n)
{
    struct sink *sink = png_get_io_ptr(png);

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
    struct sink sink = {.file = file};

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

void png_describe(char *text, size_t bytes)
{
    snprintf(text, bytes, "%s (built with %s)", png_get_libpng_ver(NULL), PNG_LIBPNG_VER_STRING);
}
