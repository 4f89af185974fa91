/* test_picture: what becomes of a decoded picture's samples, for every pixel format that this FFmpeg has and every
 * matrix: packed here by hand from known values, byte by byte, taken in as a decoder's picture would be, and compared
 * with the colours that the standards' formulas give in double precision. A format without an entry below is packed by
 * FFmpeg's own writer. Also the hash of a picture, which is that of little-endian samples. */
#include "compute/cpu.h"
#include "film/av/av.h"
#include "tests/unit/test.h"

#include <libavutil/dovi_meta.h>
#include <libavutil/intreadwrite.h>
#include <libavutil/pixdesc.h>

#include <math.h>

enum { W = 13, H = 6, MOST = W * H };

enum kind { GREY, YUV, RGB, XYZ };

/* Where samples lie: component c of column x is the bits at `shift` of word `first + step * x` of its row. Components
 * are Y U V, R G B or X Y Z; words of `bytes` bytes. */
struct layout {
    const char *name;
    enum kind kind;
    bool is_be;
    int bytes, bits[3], shift[3], plane[3], first[3], step[3], cw, ch;
    int per_byte; /* pixels in a byte, the first one highest; 0: words as above */
};

struct picture {
    struct layout form;
    uint32_t code[3][MOST];
};

static uint64_t random_state = 7;

static uint32_t draw(uint32_t below)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((random_state >> 33) % below);
}

/* --- the formats -------------------------------------------------------------------------------------------------- */

#define WORD(name, kind, bytes, b0, b1, b2, s0, s1, s2)                                                                \
    {                                                                                                                  \
        name, kind, false, bytes, {b0, b1, b2}, {s0, s1, s2}, {0, 0, 0}, {0, 0, 0}, {1, 1, 1}, 0, 0, 0                 \
    }
#define UNITS(name, kind, bytes, bits, shift, n, f0, f1, f2)                                                           \
    {                                                                                                                  \
        name, kind, false, bytes, {bits, bits, bits}, {shift, shift, shift}, {0, 0, 0}, {f0, f1, f2}, {n, n, n}, 0, 0, \
            0                                                                                                          \
    }
#define PAIRS(name, bytes, bits, shift, y, u, v)                                                                       \
    {                                                                                                                  \
        name, YUV, false, bytes, {bits, bits, bits}, {shift, shift, shift}, {0, 0, 0}, {y, u, v}, {2, 4, 4}, 1, 0, 0   \
    }
#define SEMI(name, bytes, bits, shift, u, v, cw, ch)                                                                   \
    {                                                                                                                  \
        name, YUV, false, bytes, {bits, bits, bits}, {shift, shift, shift}, {0, 1, 1}, {0, u, v}, {1, 2, 2}, cw, ch, 0 \
    }

/* Names that end with "le" stand for a twin that ends with "be". */
static const struct layout listed[] = {
    WORD("rgb565le", RGB, 2, 5, 6, 5, 11, 5, 0),
    WORD("bgr565le", RGB, 2, 5, 6, 5, 0, 5, 11),
    WORD("rgb555le", RGB, 2, 5, 5, 5, 10, 5, 0),
    WORD("bgr555le", RGB, 2, 5, 5, 5, 0, 5, 10),
    WORD("rgb444le", RGB, 2, 4, 4, 4, 8, 4, 0),
    WORD("bgr444le", RGB, 2, 4, 4, 4, 0, 4, 8),
    WORD("rgb8", RGB, 1, 3, 3, 2, 5, 2, 0),
    WORD("bgr8", RGB, 1, 3, 3, 2, 0, 3, 6),
    WORD("rgb4_byte", RGB, 1, 1, 2, 1, 3, 1, 0),
    WORD("bgr4_byte", RGB, 1, 1, 2, 1, 0, 1, 3),
    WORD("x2rgb10le", RGB, 4, 10, 10, 10, 20, 10, 0),
    WORD("x2bgr10le", RGB, 4, 10, 10, 10, 0, 10, 20),
    WORD("xv30le", YUV, 4, 10, 10, 10, 10, 0, 20),
    WORD("v30xle", YUV, 4, 10, 10, 10, 12, 2, 22),
    {"rgb4", RGB, false, 1, {1, 2, 1}, {3, 1, 0}, {0}, {0}, {1, 1, 1}, 0, 0, 2},
    {"bgr4", RGB, false, 1, {1, 2, 1}, {0, 1, 3}, {0}, {0}, {1, 1, 1}, 0, 0, 2},
    {"monow", GREY, false, 1, {1}, {0}, {0}, {0}, {1}, 0, 0, 8},
    {"monob", GREY, false, 1, {1}, {0}, {0}, {0}, {1}, 0, 0, 8},
    UNITS("rgb24", RGB, 1, 8, 0, 3, 0, 1, 2),
    UNITS("bgr24", RGB, 1, 8, 0, 3, 2, 1, 0),
    UNITS("argb", RGB, 1, 8, 0, 4, 1, 2, 3),
    UNITS("0rgb", RGB, 1, 8, 0, 4, 1, 2, 3),
    UNITS("rgba", RGB, 1, 8, 0, 4, 0, 1, 2),
    UNITS("rgb0", RGB, 1, 8, 0, 4, 0, 1, 2),
    UNITS("abgr", RGB, 1, 8, 0, 4, 3, 2, 1),
    UNITS("0bgr", RGB, 1, 8, 0, 4, 3, 2, 1),
    UNITS("bgra", RGB, 1, 8, 0, 4, 2, 1, 0),
    UNITS("bgr0", RGB, 1, 8, 0, 4, 2, 1, 0),
    UNITS("rgb48le", RGB, 2, 16, 0, 3, 0, 1, 2),
    UNITS("bgr48le", RGB, 2, 16, 0, 3, 2, 1, 0),
    UNITS("rgba64le", RGB, 2, 16, 0, 4, 0, 1, 2),
    UNITS("bgra64le", RGB, 2, 16, 0, 4, 2, 1, 0),
    UNITS("rgb96le", RGB, 4, 32, 0, 3, 0, 1, 2),
    UNITS("rgba128le", RGB, 4, 32, 0, 4, 0, 1, 2),
    UNITS("xyz12le", XYZ, 2, 12, 4, 3, 0, 1, 2),
    UNITS("ayuv64le", YUV, 2, 16, 0, 4, 1, 2, 3),
    UNITS("xv36le", YUV, 2, 12, 4, 4, 1, 0, 2),
    UNITS("xv48le", YUV, 2, 16, 0, 4, 1, 0, 2),
    UNITS("vuya", YUV, 1, 8, 0, 4, 2, 1, 0),
    UNITS("vuyx", YUV, 1, 8, 0, 4, 2, 1, 0),
    UNITS("ayuv", YUV, 1, 8, 0, 4, 1, 2, 3),
    UNITS("uyva", YUV, 1, 8, 0, 4, 1, 0, 2),
    UNITS("vyu444", YUV, 1, 8, 0, 3, 1, 2, 0),
    PAIRS("yuyv422", 1, 8, 0, 0, 1, 3),
    PAIRS("uyvy422", 1, 8, 0, 1, 0, 2),
    PAIRS("yvyu422", 1, 8, 0, 0, 3, 1),
    PAIRS("y210le", 2, 10, 6, 0, 1, 3),
    PAIRS("y212le", 2, 12, 4, 0, 1, 3),
    PAIRS("y216le", 2, 16, 0, 0, 1, 3),
    {"uyyvyy411", YUV, false, 1, {8, 8, 8}, {0}, {0}, {1, 0, 3}, {1, 6, 6}, 2, 0, 0},
    SEMI("nv12", 1, 8, 0, 0, 1, 1, 1),
    SEMI("nv21", 1, 8, 0, 1, 0, 1, 1),
    SEMI("nv16", 1, 8, 0, 0, 1, 1, 0),
    SEMI("nv24", 1, 8, 0, 0, 1, 0, 0),
    SEMI("nv42", 1, 8, 0, 1, 0, 0, 0),
    SEMI("nv20le", 2, 10, 0, 0, 1, 1, 0),
    SEMI("p010le", 2, 10, 6, 0, 1, 1, 1),
    SEMI("p012le", 2, 12, 4, 0, 1, 1, 1),
    SEMI("p016le", 2, 16, 0, 0, 1, 1, 1),
    SEMI("p210le", 2, 10, 6, 0, 1, 1, 0),
    SEMI("p212le", 2, 12, 4, 0, 1, 1, 0),
    SEMI("p216le", 2, 16, 0, 0, 1, 1, 0),
    SEMI("p410le", 2, 10, 6, 0, 1, 0, 0),
    SEMI("p412le", 2, 12, 4, 0, 1, 0, 0),
    SEMI("p416le", 2, 16, 0, 0, 1, 0, 0),
    {"ya8", GREY, false, 1, {8}, {0}, {0}, {0}, {2}, 0, 0, 0},
    {"ya16le", GREY, false, 2, {16}, {0}, {0}, {0}, {2}, 0, 0, 0},
    {"gray", GREY, false, 1, {8}, {0}, {0}, {0}, {1}, 0, 0, 0},
    {"gray32le", GREY, false, 4, {32}, {0}, {0}, {0}, {1}, 0, 0, 0},
};

/* Planar formats are told by their names: yuv420p10be, yuva444p16le, yuvj422p, gbrap12le, gray14be. */
static bool read_planar_name(const char *name, struct layout *form)
{
    static const char sizes[][4] = {"410", "411", "420", "422", "440", "444"};
    static const int cw[] = {2, 2, 1, 1, 0, 0}, ch[] = {2, 0, 1, 0, 1, 0};
    const char *at = name;
    int bits = 8, end = 0;
    char tail[8] = "";

    *form = (struct layout){.name = name, .step = {1, 1, 1}, .plane = {0, 1, 2}, .kind = YUV};
    if (strncmp(at, "gray", 4) == 0) {
        form->kind = GREY;
        at += 4;
    } else if (strncmp(at, "gbrp", 4) == 0 || strncmp(at, "gbrap", 5) == 0) {
        form->kind = RGB;
        form->plane[0] = 2;
        form->plane[1] = 0;
        form->plane[2] = 1;
        at += at[3] == 'a' ? 5 : 4;
    } else if (strncmp(at, "yuv", 3) == 0) {
        at += 3;
        at += *at == 'a' || *at == 'j';
        int i = 0;
        while (i < 6 && strncmp(at, sizes[i], 3) != 0)
            i++;
        if (i == 6 || at[3] != 'p')
            return false;
        form->cw = cw[i];
        form->ch = ch[i];
        at += 4;
    } else {
        return false;
    }
    if (*at && (sscanf(at, "%d%7s%n", &bits, tail, &end) != 2 || at[end] || bits < 9 || bits > 16))
        return false;
    if (*at && strcmp(tail, "le") != 0 && strcmp(tail, "be") != 0)
        return false;
    form->is_be = tail[0] == 'b';
    form->bytes = bits > 8 ? 2 : 1;
    for (int c = 0; c < 3; c++)
        form->bits[c] = bits;
    return true;
}

static bool find_layout(const char *name, struct layout *form)
{
    const size_t length = strlen(name);

    for (size_t i = 0; i < sizeof listed / sizeof *listed; i++) {
        const size_t n = strlen(listed[i].name);
        const bool has_twin = n > 2 && strcmp(listed[i].name + n - 2, "le") == 0;
        *form = listed[i];
        if (strcmp(name, listed[i].name) == 0)
            return true;
        form->is_be = true;
        if (has_twin && n == length && strncmp(name, listed[i].name, n - 2) == 0 && strcmp(name + n - 2, "be") == 0)
            return true;
    }
    return read_planar_name(name, form);
}

static int plane_width(const struct layout *form, int c)
{
    return c && form->kind == YUV ? (W + (1 << form->cw) - 1) >> form->cw : W;
}

static int plane_height(const struct layout *form, int c)
{
    return c && form->kind == YUV ? (H + (1 << form->ch) - 1) >> form->ch : H;
}

static int n_components(const struct layout *form)
{
    return form->kind == GREY ? 1 : 3;
}

/* ORs the value into its word. */
static void put(AVFrame *av, const struct layout *form, int c, int x, int y, uint32_t value)
{
    uint8_t *row = av->data[form->plane[c]] + y * av->linesize[form->plane[c]];
    int word = form->first[c] + form->step[c] * x, shift = form->shift[c];

    if (strcmp(form->name, "uyyvyy411") == 0 && c == 0)
        word = x / 4 * 6 + (x % 4 < 2 ? 1 : 2) + x % 4;
    if (form->per_byte) {
        word = x / form->per_byte;
        shift += (form->per_byte - 1 - x % form->per_byte) * (8 / form->per_byte);
    }
    if (strcmp(form->name, "monow") == 0)
        value = !value;
    const uint64_t bits = (uint64_t)value << shift;
    for (int i = 0; i < form->bytes; i++)
        row[word * form->bytes + (form->is_be ? form->bytes - 1 - i : i)] |= (uint8_t)(bits >> 8 * i);
}

static AVFrame *make_frame(enum AVPixelFormat format, int width, int height)
{
    AVFrame *av = av_frame_alloc();

    if (av) {
        av->format = format;
        av->width = width;
        av->height = height;
    }
    if (!av || av_frame_get_buffer(av, 0) < 0) {
        printf("out of memory\n");
        exit(1);
    }
    for (int p = 0; p < 4 && av->data[p]; p++)
        if (av->linesize[p] > 0)
            memset(av->data[p], 0, (size_t)av->linesize[p] * (size_t)height);
    return av;
}

static AVFrame *pack(const struct picture *p, enum AVPixelFormat format)
{
    AVFrame *av = make_frame(format, W, H);

    for (int c = 0; c < n_components(&p->form); c++)
        for (int y = 0; y < plane_height(&p->form, c); y++)
            for (int x = 0; x < plane_width(&p->form, c); x++)
                put(av, &p->form, c, x, y, p->code[c][y * W + x]);
    return av;
}

/* Of FFmpeg's description alone, where the lists above know nothing. */
static AVFrame *pack_by_descriptor(struct picture *p, enum AVPixelFormat format)
{
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(format);
    AVFrame *av = make_frame(format, W, H);

    p->form = (struct layout){.name = d->name,
                              .kind = d->nb_components < 3             ? GREY
                                      : d->flags & AV_PIX_FMT_FLAG_RGB ? RGB
                                                                       : YUV,
                              .cw = d->log2_chroma_w,
                              .ch = d->log2_chroma_h};
    for (int c = 0; c < n_components(&p->form); c++) {
        p->form.bits[c] = d->comp[c].depth;
        for (int y = 0; y < plane_height(&p->form, c); y++) {
            uint16_t row[W];
            for (int x = 0; x < plane_width(&p->form, c); x++)
                row[x] = (uint16_t)(p->code[c][y * W + x] &= (uint32_t)((UINT64_C(1) << d->comp[c].depth) - 1));
            av_write_image_line(row, av->data, av->linesize, d, 0, y, c, plane_width(&p->form, c));
        }
    }
    return av;
}

/* --- the oracle --------------------------------------------------------------------------------------------------- */

static double clamp(double v)
{
    return v < 0 ? 0 : v > 1 ? 1 : v;
}

static double to_srgb(double light)
{
    return light <= 0.0031308 ? 12.92 * light : 1.055 * pow(light, 1 / 2.4) - 0.055;
}

static void solve(double m[3][3], const double right[3], double x[3])
{
    const double det = m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) -
                       m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0]) +
                       m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0]);

    for (int i = 0; i < 3; i++) { /* Cramer's rule */
        double n[3][3];
        memcpy(n, m, sizeof n);
        for (int row = 0; row < 3; row++)
            n[row][i] = right[row];
        x[i] = (n[0][0] * (n[1][1] * n[2][2] - n[1][2] * n[2][1]) - n[0][1] * (n[1][0] * n[2][2] - n[1][2] * n[2][0]) +
                n[0][2] * (n[1][0] * n[2][1] - n[1][1] * n[2][0])) /
               det;
    }
}

/* SMPTE ST 428-1: code values to cd/m2; light of 48 cd/m2 and D65 is white. Primaries: BT.709's chromaticities. */
static void xyz_to_rgb(const double code[3], double rgb[3])
{
    static const double xy[4][2] = {{0.64, 0.33}, {0.30, 0.60}, {0.15, 0.06}, {0.3127, 0.3290}};
    double column[4][3], primaries[3][3], scale[3], xyz[3];

    for (int i = 0; i < 4; i++) {
        column[i][0] = xy[i][0] / xy[i][1];
        column[i][1] = 1;
        column[i][2] = (1 - xy[i][0] - xy[i][1]) / xy[i][1];
    }
    for (int row = 0; row < 3; row++)
        for (int i = 0; i < 3; i++)
            primaries[row][i] = column[i][row];
    solve(primaries, column[3], scale);
    for (int row = 0; row < 3; row++)
        for (int i = 0; i < 3; i++)
            primaries[row][i] *= scale[i];
    for (int i = 0; i < 3; i++)
        xyz[i] = 52.37 * pow(code[i], 2.6) / 48;
    solve(primaries, xyz, rgb);
    for (int i = 0; i < 3; i++)
        rgb[i] = to_srgb(clamp(rgb[i]));
}

static void oracle_pixel(const struct picture *p, bool is_full, int x, int y, double rgb[3])
{
    const struct layout *form = &p->form;
    const double kr = 0.299, kb = 0.114; /* small and untagged: BT.601 */
    double v[3] = {0};

    rgb[0] = rgb[1] = rgb[2] = 0;
    for (int c = 0; c < n_components(form); c++) {
        const int cx = c && form->kind == YUV ? x >> form->cw : x, cy = c && form->kind == YUV ? y >> form->ch : y;
        const double code = p->code[c][cy * W + cx], unit = pow(2, form->bits[c] - 8), most = pow(2, form->bits[c]) - 1;
        if (form->kind != YUV)
            v[c] = code / most;
        else if (c == 0)
            v[c] = is_full ? code / most : (code - 16 * unit) / (219 * unit);
        else
            v[c] = (code - 128 * unit) / (is_full ? most : 224 * unit);
    }
    switch (form->kind) {
    case GREY:
        rgb[0] = rgb[1] = rgb[2] = v[0];
        break;
    case RGB:
        memcpy(rgb, v, sizeof v);
        break;
    case XYZ:
        xyz_to_rgb(v, rgb);
        break;
    case YUV:
        rgb[0] = clamp(v[0] + 2 * (1 - kr) * v[2]);
        rgb[1] = clamp(v[0] - (2 * (1 - kr) * kr * v[2] + 2 * (1 - kb) * kb * v[1]) / (1 - kr - kb));
        rgb[2] = clamp(v[0] + 2 * (1 - kb) * v[1]);
    }
    for (int i = 0; i < 3; i++)
        rgb[i] *= 255;
}

/* --- as the program does it --------------------------------------------------------------------------------------- */

static bool to_pixels(const AVFrame *av, uint8_t *rgb, struct frame *out)
{
    const struct picture_settings settings = {.width = av->width, .height = av->height};
    struct av_picture picture = {0};
    struct cpu_convert convert;
    struct frame f;
    enum status st = av_picture_view(&picture, NULL, av, &f);

    if (st == ST_OK && CHECK_INT(cpu_convert_init(&convert, &settings), ST_OK)) {
        st = cpu_convert_frame(&convert, &f, rgb);
        cpu_convert_release(&convert);
    }
    if (out)
        *out = f;
    av_picture_release(&picture);
    return st == ST_OK;
}

static const char *hash_of(const AVFrame *av, char hex[65])
{
    struct av_picture picture = {0};

    if (!CHECK_INT(av_picture_hash(&picture, NULL, av, hex), ST_OK))
        hex[0] = '\0';
    av_picture_release(&picture);
    return hex;
}

/* Half a level for rounding, and what repeating bits is away from the straight line. */
static double tolerance(const struct layout *form)
{
    if (form->kind == XYZ)
        return 1;
    return form->bits[0] < 8 ? 0.75 : 0.55;
}

static void compare_colours(const struct picture *p, const AVFrame *av, const char *what)
{
    const bool is_full = strncmp(p->form.name, "yuvj", 4) == 0;
    uint8_t found[3 * MOST];
    double worst = 0;

    if (!CHECK(to_pixels(av, found, NULL))) {
        printf("  %s: %s\n", p->form.name, status_message());
        return;
    }
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            double wanted[3] = {0};
            oracle_pixel(p, is_full, x, y, wanted);
            for (int i = 0; i < 3; i++) {
                worst = fmax(worst, fabs(found[3 * (y * W + x) + i] - wanted[i]));
                if (wanted[i] <= 0 || wanted[i] >= 255) /* black and white leave no room */
                    CHECK_INT(found[3 * (y * W + x) + i], wanted[i]);
            }
        }
    if (!CHECK(worst <= tolerance(&p->form)))
        printf("  %s, %s: %.2f levels off\n", p->form.name, what, worst);
}

/* The codes of black, white and middle grey, else anything. */
static void fill(struct picture *p, int content)
{
    for (int c = 0; c < n_components(&p->form); c++) {
        const uint32_t most = (uint32_t)((UINT64_C(1) << p->form.bits[c]) - 1);
        const bool is_full = p->form.kind != YUV || strncmp(p->form.name, "yuvj", 4) == 0;
        const uint32_t unit = p->form.bits[c] > 8 ? 1u << (p->form.bits[c] - 8) : 1;
        const uint32_t low = is_full ? 0 : 16 * unit, high = is_full ? most : 235 * unit;
        const uint32_t grey = (uint32_t)(((uint64_t)low + high + 1) / 2);
        const uint32_t luma = content == 0 ? low : content == 1 ? high : grey;
        for (int i = 0; i < MOST; i++) {
            p->code[c][i] = content == 3 ? draw(most) + draw(2) : c && p->form.kind == YUV ? 128 * unit : luma;
            if (p->form.kind == XYZ && content == 1) { /* D65 of 48 cd/m2 in 12 bits */
                static const uint32_t white[] = {3883, 3960, 4092};
                p->code[c][i] = white[c];
            }
        }
    }
}

static void test_format(enum AVPixelFormat format)
{
    static const char *const names[] = {"black", "white", "grey", "noise"};
    const char *name = av_get_pix_fmt_name(format);
    struct picture p;
    const bool is_listed = find_layout(name, &p.form);

    for (int content = is_listed ? 0 : 3; content < 4; content++) {
        char hash[65], twin_hash[65];
        if (!is_listed) {
            p.form = (struct layout){.bits = {16, 16, 16}, .kind = RGB};
            fill(&p, 3);
        } else {
            fill(&p, content);
        }
        AVFrame *av = is_listed ? pack(&p, format) : pack_by_descriptor(&p, format);
        compare_colours(&p, av, names[content]);
        uint8_t found[3 * MOST];
        if (content == 1 && to_pixels(av, found, NULL))
            for (int i = 0; i < 3 * MOST; i++)
                CHECK(found[i] == 255);

        /* The same samples in the other order of bytes: the same hash. */
        const enum AVPixelFormat twin = av_pix_fmt_swap_endianness(format);
        struct picture other = p;
        if (is_listed && twin != AV_PIX_FMT_NONE && find_layout(av_get_pix_fmt_name(twin), &other.form)) {
            AVFrame *swapped = pack(&other, twin);
            if (!CHECK_STR(hash_of(swapped, twin_hash), hash_of(av, hash)))
                printf("  %s\n", name);
            av_frame_free(&swapped);
        }
        av_frame_free(&av);
    }
}

static void test_palette(void)
{
    AVFrame *av = make_frame(AV_PIX_FMT_PAL8, W, H);
    uint8_t found[3 * MOST];

    for (uint32_t i = 0; i < 256; i++) {
        const uint32_t colour = 0xFF000000u | i << 16 | (255 - i) << 8 | (i * 7 & 255);
        memcpy(av->data[1] + 4 * i, &colour, 4);
    }
    for (int i = 0; i < MOST; i++)
        av->data[0][i / W * av->linesize[0] + i % W] = (uint8_t)(3 * i);
    CHECK(to_pixels(av, found, NULL));
    for (int i = 0; i < MOST; i++) {
        const uint8_t index = (uint8_t)(3 * i);
        CHECK(found[3 * i] == index && found[3 * i + 1] == 255 - index && found[3 * i + 2] == (index * 7 & 255));
    }
    av_frame_free(&av);
}

/* One colour behind the filter: it comes back whatever the order of the filter, at edges too. */
static void test_bayer(enum AVPixelFormat format)
{
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(format);
    const int bytes = d->comp[0].step;
    AVFrame *av = make_frame(format, W, 5);
    uint8_t found[3 * MOST];

    for (int y = 0; y < 5; y++)
        for (int x = 0; x < W; x++) {
            const char colour = d->name[6 + y % 2 * 2 + x % 2];
            const int v = colour == 'r' ? 200 : colour == 'g' ? 30 : 90;
            for (int i = 0; i < bytes; i++) /* 257 v: the same bytes in any order */
                av->data[0][y * av->linesize[0] + x * bytes + i] = (uint8_t)v;
        }
    if (CHECK(to_pixels(av, found, NULL)))
        for (int i = 0; i < W * 5; i++)
            CHECK(found[3 * i] == 200 && found[3 * i + 1] == 30 && found[3 * i + 2] == 90);
    av_frame_free(&av);
}

/* R, G, B or grey as floats: 0..1 as it is, or linear light where the decoder says so; outside of it clipped. */
static void test_float(enum AVPixelFormat format, bool is_light)
{
    static const float value[] = {0.0f, 1.0f, 0.5f, 0.25f, -3.0f, 7.0f, 1e-6f, 0.75f};
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(format);
    const int n = d->nb_components < 3 ? 1 : 3;
    AVFrame *av = make_frame(format, W, H);
    uint8_t found[3 * MOST];

    av->color_trc = is_light ? AVCOL_TRC_LINEAR : AVCOL_TRC_UNSPECIFIED;
    for (int c = 0; c < n; c++)
        for (int i = 0; i < MOST; i++) {
            const int plane = d->comp[c].plane;
            uint8_t *to = av->data[plane] + i / W * av->linesize[plane] + i % W * d->comp[c].step + d->comp[c].offset;
            uint32_t bits;
            memcpy(&bits, &value[(i + c) % 8], 4);
            if (d->flags & AV_PIX_FMT_FLAG_BE)
                AV_WB32(to, bits);
            else
                AV_WL32(to, bits);
        }
    if (CHECK(to_pixels(av, found, NULL)))
        for (int i = 0; i < 3 * MOST; i++) {
            const double v = clamp((double)value[(i / 3 + (n == 3 ? i % 3 : 0)) % 8]);
            CHECK(fabs(found[i] - 255 * (is_light ? to_srgb(v) : v)) <= 0.6);
        }
    else
        printf("  %s: %s\n", d->name, status_message());
    av_frame_free(&av);
}

static void test_formats(void)
{
    const AVPixFmtDescriptor *d = NULL;
    int n_listed = 0, n_others = 0;

    while ((d = av_pix_fmt_desc_next(d))) {
        const enum AVPixelFormat format = av_pix_fmt_desc_get_id(d);
        struct layout form;
        if (d->flags & AV_PIX_FMT_FLAG_HWACCEL)
            continue;
        if (d->flags & AV_PIX_FMT_FLAG_BAYER) {
            test_bayer(format);
        } else if (d->flags & AV_PIX_FMT_FLAG_PAL) {
            test_palette();
        } else if (d->flags & AV_PIX_FMT_FLAG_FLOAT) {
            if (d->comp[0].depth == 32) {
                test_float(format, false);
                test_float(format, true);
            }
        } else {
            test_format(format);
            n_listed += find_layout(d->name, &form);
            n_others += !find_layout(d->name, &form);
        }
    }
    printf("%d formats packed by hand, %d by FFmpeg\n", n_listed, n_others);
    CHECK(n_listed > 150);
}

/* --- matrices ----------------------------------------------------------------------------------------------------- */

/* Y'CgCo as ITU-T H.273 makes it of R, G, B: integers of the picture's own depth and range. */
static void test_ycgco(enum AVPixelFormat format, int bits, bool is_full)
{
    const int unit = 1 << (bits - 8), low = is_full ? 0 : 16 * unit, span = is_full ? (1 << bits) - 1 : 219 * unit;
    AVFrame *av = make_frame(format, W, H);
    double wanted[MOST][3], worst = 0;
    uint8_t found[3 * MOST];
    struct frame f;

    av->colorspace = AVCOL_SPC_YCGCO;
    av->color_range = is_full ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
    for (int i = 0; i < MOST; i++) {
        int rgb[3];
        for (int c = 0; c < 3; c++) {
            wanted[i][c] = i < 8 ? 255 * (i >> c & 1) : (int)draw(256);
            rgb[c] = low + (int)lround(wanted[i][c] * span / 255);
        }
        const double y = 0.5 * rgb[1] + 0.25 * (rgb[0] + rgb[2]), cg = 0.5 * rgb[1] - 0.25 * (rgb[0] + rgb[2]),
                     co = 0.5 * (rgb[0] - rgb[2]);
        const double code[3] = {y, cg + 128 * unit, co + 128 * unit};
        for (int p = 0; p < 3; p++) {
            const long v = lround(fmin(code[p], pow(2, bits) - 1));
            uint8_t *to = av->data[p] + i / W * av->linesize[p] + i % W * (bits > 8 ? 2 : 1);
            to[0] = (uint8_t)v;
            if (bits > 8)
                to[1] = (uint8_t)(v >> 8);
        }
    }
    CHECK(to_pixels(av, found, &f));
    CHECK_INT(f.matrix, FRAME_YCGCO);
    CHECK_STR(av_matrix_name(f.matrix), "ycgco");
    for (int i = 0; i < MOST; i++)
        for (int c = 0; c < 3; c++)
            worst = fmax(worst, fabs(found[3 * i + c] - wanted[i][c]));
    /* three rounded samples make a colour */
    if (!CHECK(worst <= (bits == 8 ? 2.3 : 1.1)))
        printf("  Y'CgCo, %d bits%s: %.2f levels off\n", bits, is_full ? " full" : "", worst);
    av_frame_free(&av);
}

static void refused(enum AVPixelFormat format, int matrix, int primaries, int transfer, const char *name)
{
    AVFrame *av = make_frame(format, W, H);
    struct av_picture picture = {0};
    struct frame f;

    av->colorspace = (enum AVColorSpace)matrix;
    av->color_primaries = (enum AVColorPrimaries)primaries;
    av->color_trc = (enum AVColorTransferCharacteristic)transfer;
    const enum status st = av_picture_view(&picture, NULL, av, &f);
    if (!name)
        CHECK_INT(st, ST_OK);
    else if (CHECK_INT(st, ST_FORMAT) && !CHECK(strstr(status_message(), name)))
        printf("  %s: %s\n", name, status_message());
    av_picture_release(&picture);
    av_frame_free(&av);
}

static void test_refusals(void)
{
    enum { ANY = 2 };

    refused(AV_PIX_FMT_YUV420P10LE, AVCOL_SPC_ICTCP, ANY, ANY, "ICtCp");
    refused(AV_PIX_FMT_YUV420P10BE, AVCOL_SPC_ICTCP, ANY, ANY, "ICtCp");
    refused(AV_PIX_FMT_YUV420P10LE, AVCOL_SPC_BT2020_CL, ANY, ANY, "constant luminance");
    refused(AV_PIX_FMT_YUV444P, AVCOL_SPC_SMPTE2085, ANY, ANY, "ST 2085");
    refused(AV_PIX_FMT_YUV444P, AVCOL_SPC_CHROMA_DERIVED_CL, AVCOL_PRI_BT709, ANY, "constant luminance");
    refused(AV_PIX_FMT_YUV444P, AVCOL_SPC_CHROMA_DERIVED_NCL, AVCOL_PRI_FILM, ANY, "derived from its primaries");
    refused(AV_PIX_FMT_YUV444P, AVCOL_SPC_CHROMA_DERIVED_NCL, AVCOL_PRI_BT709, ANY, NULL);
    refused(AV_PIX_FMT_YUV444P, AVCOL_SPC_CHROMA_DERIVED_NCL, AVCOL_PRI_BT2020, ANY, NULL);
    refused(AV_PIX_FMT_YUV444P10LE, 16, ANY, ANY, "YCgCo-Re");
    refused(AV_PIX_FMT_YUV444P10LE, 17, ANY, ANY, "YCgCo-Ro");
    refused(AV_PIX_FMT_YUV444P, AVCOL_SPC_BT709, AVCOL_PRI_SMPTE428, AVCOL_TRC_SMPTE428, "X'Y'Z'");
    refused(AV_PIX_FMT_XYZ12LE, ANY, ANY, AVCOL_TRC_SMPTE2084, "X'Y'Z'");
    refused(AV_PIX_FMT_GBRP12LE, AVCOL_SPC_RGB, AVCOL_PRI_SMPTE428, AVCOL_TRC_LINEAR, "X'Y'Z'");
    refused(AV_PIX_FMT_GRAY8, AVCOL_SPC_ICTCP, ANY, ANY, NULL); /* has no chroma */
}

/* Pictures of a film whose container has no Dolby Vision record tell by themselves what they are; as Y'CbCr they can be
 * taken all the same. */
static void test_dovi(void)
{
    static const struct {
        uint8_t profile, full_range;
        int matrix;
        bool is_ipt;
    } kinds[] = {{0, 1, 2, true}, {0, 0, 2, false}, {1, 0, 2, false}, {1, 1, 2, false}, {1, 0, 15, true}};

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        AVFrame *av = make_frame(AV_PIX_FMT_YUV420P10LE, W, H);
        struct av_picture picture = {0};
        struct frame f;
        size_t bytes;
        AVDOVIMetadata *dovi = av_dovi_metadata_alloc(&bytes);
        AVBufferRef *buffer = dovi ? av_buffer_create((uint8_t *)dovi, bytes, NULL, NULL, 0) : NULL;
        if (!buffer || !av_frame_new_side_data_from_buf(av, AV_FRAME_DATA_DOVI_METADATA, buffer)) {
            printf("out of memory\n");
            exit(1);
        }
        av_dovi_get_header(dovi)->vdr_rpu_profile = kinds[i].profile;
        av_dovi_get_header(dovi)->bl_video_full_range_flag = kinds[i].full_range;
        av->colorspace = (enum AVColorSpace)kinds[i].matrix;
        CHECK_INT(av_picture_is_ipt(av), kinds[i].is_ipt);
        CHECK_INT(av_picture_view(&picture, NULL, av, &f), ST_OK);
        av_picture_release(&picture);
        av_frame_free(&av);
    }
}

/* X'Y'Z' in planes that FFmpeg calls G, B, R: told by the primaries; the same colours as packed. */
static void test_xyz_planes(void)
{
    struct picture p;
    uint8_t packed[3 * MOST], planes[3 * MOST];

    CHECK(find_layout("xyz12le", &p.form));
    fill(&p, 3);
    AVFrame *a = pack(&p, AV_PIX_FMT_XYZ12LE);
    CHECK(find_layout("gbrp12be", &p.form));
    AVFrame *b = pack(&p, AV_PIX_FMT_GBRP12BE);
    b->color_primaries = AVCOL_PRI_SMPTE428;
    b->color_trc = AVCOL_TRC_SMPTE428;
    CHECK(to_pixels(a, packed, NULL) && to_pixels(b, planes, NULL) && memcmp(packed, planes, sizeof packed) == 0);
    b->color_primaries = AVCOL_PRI_BT709;
    b->color_trc = AVCOL_TRC_BT709;
    CHECK(to_pixels(b, planes, NULL) && memcmp(packed, planes, sizeof packed) != 0);
    av_frame_free(&a);
    av_frame_free(&b);
}

/* No value of the table lies so near to a half that a C library's pow could round it the other way. */
static void test_xyz_table(void)
{
    static uint32_t light[AV_XYZ_CODES];
    double least = 1;

    av_xyz_light(light);
    CHECK_INT(light[0], 0);
    for (int i = 1; i < AV_XYZ_CODES; i++) {
        const long double exact = AV_XYZ_WHITE * (52.37L / 48) * powl(i / 4095.0L, 2.6L);
        least = fmin(least, (double)fabsl(exact - floorl(exact) - 0.5L));
        CHECK(light[i] >= light[i - 1] && fabsl((long double)light[i] - exact) <= 0.5L);
    }
    if (!CHECK(least > 1e-6))
        printf("  %.3g from a half\n", least);
}

int main(void)
{
    test_formats();
    for (int full = 0; full < 2; full++) {
        test_ycgco(AV_PIX_FMT_YUV444P, 8, full);
        test_ycgco(AV_PIX_FMT_YUV444P10LE, 10, full);
        test_ycgco(AV_PIX_FMT_YUV444P12LE, 12, full);
        test_ycgco(AV_PIX_FMT_YUV444P16LE, 16, full);
    }
    test_refusals();
    test_dovi();
    test_xyz_planes();
    test_xyz_table();
    return test_end();
}
