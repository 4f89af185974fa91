/* test_backend: every backend with a device gives the same bits as cpu: pixels, light, lines and clusters, over forms
 * of frames, sizes, settings, slots and batches. Exits with 77 where there is no GPU. `test_backend quick` leaves out
 * large pictures; `test_backend brief` runs each kernel once or twice, for compute-sanitizer's slow racecheck. */
#include "compute/compute.h"
#include "tests/backend/frames.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <unistd.h>

static const struct compute_ops *tested;

struct pair {
    struct compute *cpu, *other;
    struct compute_setup setup;
    size_t n_pixels, line_bytes;
};

struct results {
    struct frame_clusters *clusters;
    struct frame_light *light;
    uint8_t **lines, *line_bytes;
};

static void *room(size_t bytes)
{
    void *p = calloc(1, bytes ? bytes : 1);

    if (!p) {
        printf("out of memory\n");
        exit(1);
    }
    return p;
}

static bool pair_open(struct pair *p, const struct compute_setup *setup)
{
    const struct picture_settings *ps = &setup->picture;

    p->setup = *setup;
    p->n_pixels = (size_t)ps->width * (size_t)ps->height;
    p->line_bytes = !ps->want_lines ? 0 : 3 * (size_t)(ps->lines_are_columns ? ps->width : ps->height);
    p->other = NULL;
    if (!CHECK_INT(compute_open(&compute_cpu, setup, &p->cpu), ST_OK) ||
        !CHECK_INT(compute_open(tested, setup, &p->other), ST_OK)) {
        printf("  %s\n", status_message());
        compute_close(&p->cpu);
        return false;
    }
    return true;
}

static void pair_close(struct pair *p)
{
    compute_close(&p->cpu);
    compute_close(&p->other);
}

static void results_init(struct results *r, const struct pair *p, int n)
{
    r->clusters = room((size_t)n * sizeof *r->clusters);
    r->light = room((size_t)n * sizeof *r->light);
    r->lines = room((size_t)n * sizeof *r->lines);
    r->line_bytes = room((size_t)n * p->line_bytes);
    for (int i = 0; i < n; i++)
        r->lines[i] = r->line_bytes + (size_t)i * p->line_bytes;
}

static void results_release(struct results *r)
{
    free(r->clusters);
    free(r->light);
    free(r->lines);
    free(r->line_bytes);
}

static bool same_clusters(const struct frame_clusters *a, const struct frame_clusters *b)
{
    return a->n == b->n && a->inertia == b->inertia && memcmp(a->centre, b->centre, sizeof a->centre) == 0 &&
           memcmp(a->count, b->count, sizeof a->count) == 0;
}

static void convert_both(struct pair *p, int slot, const struct frame *frame, const char *name)
{
    if (!CHECK_INT(compute_convert(p->cpu, slot, frame), ST_OK) ||
        !CHECK_INT(compute_convert(p->other, slot, frame), ST_OK))
        printf("  %s: %s\n", name, status_message());
}

static void compare_pixels(struct pair *p, int slot, const char *name)
{
    uint8_t *a = room(3 * p->n_pixels), *b = room(3 * p->n_pixels);

    CHECK_INT(compute_pixels(p->cpu, slot, a), ST_OK);
    if (!CHECK_INT(compute_pixels(p->other, slot, b), ST_OK))
        printf("  %s: %s\n", name, status_message());
    size_t at = 0;
    while (at < 3 * p->n_pixels && a[at] == b[at])
        at++;
    if (!CHECK(at == 3 * p->n_pixels))
        printf("  %s: slot %d, pixel %zu channel %zu of %d x %d: cpu %d, %s %d\n", name, slot, at / 3, at % 3,
               p->setup.picture.width, p->setup.picture.height, a[at], tested->name, b[at]);
    free(a);
    free(b);
}

static void print_clusters(const char *who, const struct frame_clusters *c)
{
    printf("  %s: n %d inertia %lld", who, c->n, (long long)c->inertia);
    for (int j = 0; j < c->n && j < 4; j++)
        printf("  (%d %d %d) x %u", c->centre[j][0], c->centre[j][1], c->centre[j][2], c->count[j]);
    printf("\n");
}

static void compare_clusters(struct pair *p, int n, const int64_t *frame_number, const char *name)
{
    struct results a, b;

    results_init(&a, p, n);
    results_init(&b, p, n);
    CHECK_INT(compute_cluster(p->cpu, n, frame_number, a.clusters, a.light, a.lines), ST_OK);
    if (!CHECK_INT(compute_cluster(p->other, n, frame_number, b.clusters, b.light, b.lines), ST_OK))
        printf("  %s: %s\n", name, status_message());
    for (int i = 0; i < n; i++) {
        if (!CHECK(same_clusters(&a.clusters[i], &b.clusters[i])) && test_n_failed < TEST_MAX_SHOWN) {
            printf("  %s: slot %d of %d, %d x %d, k %d n_init %d plain %d\n", name, i, n, p->setup.picture.width,
                   p->setup.picture.height, p->setup.kmeans.k, p->setup.kmeans.n_init, p->setup.kmeans.plain);
            print_clusters("cpu", &a.clusters[i]);
            print_clusters(tested->name, &b.clusters[i]);
        }
        if (!CHECK(memcmp(&a.light[i], &b.light[i], sizeof a.light[i]) == 0))
            printf("  %s: light of slot %d\n", name, i);
    }
    if (!CHECK(memcmp(a.line_bytes, b.line_bytes, (size_t)n * p->line_bytes) == 0))
        printf("  %s: lines\n", name);
    results_release(&a);
    results_release(&b);
}

static struct compute_setup setup_of(int width, int height, int batch, int k, int n_init)
{
    return (struct compute_setup){
        .batch = batch, .picture = {.width = width, .height = height}, .kmeans = {.k = k, .n_init = n_init, .seed = 1}};
}

/* The slots' pixels through a file, by host memory and, where it works, straight to the device: at any place of a
 * page's start, into other slots than they were in. */
static void test_load(void)
{
    enum { N = 40, PAGE = 4096 };
    static const int sizes[][2] = {{64, 36}, {480, 204}, {1, 1}, {33, 31}};

    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        const struct compute_setup setup = setup_of(sizes[s][0], sizes[s][1], N, 3, 2);
        struct pair p;
        if (!pair_open(&p, &setup))
            return;
        const size_t bytes = 3 * p.n_pixels, stride = (bytes + PAGE - 1) / PAGE * PAGE;
        uint8_t *all = room(N * stride), *found = room(bytes), digest[SHA256_BYTES], wanted[SHA256_BYTES];
        struct compute_file file = {.path = test_path("pixels")};
        char text[128];
        for (size_t i = 0; i < N * stride; i++)
            all[i] = (uint8_t)(i * 2654435761u >> 13);
        test_write(file.path, all, N * stride);
        file.fd = open(file.path, O_RDONLY);
        for (int direct = 0; direct < 2; direct++) {
            if (direct && (!tested->direct || tested->direct->describe(text, sizeof text) != ST_OK ||
                           tested->direct->add(&file) != ST_OK)) {
                printf("%s: not straight to the device: %s\n", tested->name,
                       tested->direct ? status_message() : "has no such way");
                break;
            }
            for (int i = 0; i < N; i++) {
                CHECK_INT(compute_load(p.other, (i + 7) % N, &file, (int64_t)i * (int64_t)stride, digest), ST_OK);
                sha256_of(all + (size_t)i * stride, bytes, wanted);
                CHECK(memcmp(digest, wanted, sizeof wanted) == 0);
                if (i % 5 == 0) { /* in between */
                    CHECK_INT(compute_pixels(p.other, (i + 7) % N, found), ST_OK);
                    CHECK(memcmp(found, all + (size_t)i * stride, bytes) == 0);
                }
            }
            for (int i = 0; i < N; i++) {
                CHECK_INT(compute_pixels(p.other, (i + 7) % N, found), ST_OK);
                CHECK(memcmp(found, all + (size_t)i * stride, bytes) == 0);
            }
            CHECK_INT(compute_load(p.other, 0, &file, (int64_t)(N * stride), digest), ST_FORMAT);
        }
        if (file.direct)
            tested->direct->remove(&file);
        close(file.fd);
        free(all);
        free(found);
        pair_close(&p);
    }
}

/* One instance takes all forms, one a slot; frames of other sizes follow, as where a film changes its size. Last come
 * films of more light or colour than sRGB, by windows of their frames. */
static void test_convert(void)
{
    static const struct tone_rules tone[] = {{TONE_SDR, TONE_BT709, 0},
                                             {TONE_PQ, TONE_BT2020, 1000},
                                             {TONE_PQ, TONE_P3, 4000},
                                             {TONE_HLG, TONE_BT2020, 0},
                                             {TONE_SDR, TONE_P3_DCI, 0}};
    const struct frame_crop none = {0}, some = {2, 5, 1, 3};
    static const struct {
        int from_w, from_h, to_w, to_h;
    } size[] = {{64, 36, 64, 36}, {64, 36, 16, 9},  {97, 61, 31, 17}, {101, 57, 101, 19},
                {33, 31, 32, 31}, {20, 15, 47, 31}, {1, 1, 1, 1},     {2, 2, 2, 2},
                {2, 2, 1, 1},     {5, 3, 1, 2},     {1, 1, 5, 4},     {301, 5, 7, 2}};
    static const enum content content[] = {CONTENT_NOISE, CONTENT_GRADIENT, CONTENT_DARK};

    for (size_t s = 0; s < sizeof size / sizeof *size; s++)
        for (int variant = 0; variant < 8; variant++) {
            struct compute_setup setup = setup_of(size[s].to_w, size[s].to_h, N_FORMS, 2, 1);
            struct pair p;
            int64_t number[N_FORMS] = {0};
            setup.picture.legacy = variant % 2 == 1;
            setup.picture.want_lines = variant > 0;
            setup.picture.lines_are_columns = variant >= 2;
            setup.picture.tone = tone[variant < 4 ? 0 : variant - 3];
            if (variant == 3 || variant == 5)
                setup.kmeans.space = (struct space_rules){variant == 3 ? SPACE_OKLAB : SPACE_CIELAB, 512};
            if (!pair_open(&p, &setup))
                return;
            for (size_t c = 0; c < sizeof content / sizeof *content; c++) {
                for (int f = 0; f < N_FORMS; f++) {
                    struct made_frame m;
                    made_frame_init(&m, &forms[f], size[s].from_w + (c == 1 ? 3 : 0), size[s].from_h, content[c],
                                    (uint64_t)f);
                    const struct frame window =
                        frame_window(&m.frame, variant < 4 ? &none : &some, m.frame.width, m.frame.height);
                    convert_both(&p, f, &window, forms[f].name);
                    made_frame_release(&m); /* the planes are the caller's again */
                }
                for (int f = 0; f < N_FORMS; f++)
                    compare_pixels(&p, f, forms[f].name);
                compare_clusters(&p, N_FORMS, number, "convert");
            }
            pair_close(&p);
        }
}

static void fill_slots(struct pair *p, int n, int width, int height, uint64_t seed)
{
    for (int i = 0; i < n; i++) {
        struct made_frame m;
        made_frame_init(&m, &forms[FORM_RGB], width, height, (enum content)(i % N_CONTENTS), seed + (uint64_t)i);
        convert_both(p, i, &m.frame, "RGB planes");
        made_frame_release(&m);
    }
}

/* Small: all colours at every level. Middle: search and seed levels are coarser. Large: all three are. */
static void test_clusters(int width, int height)
{
    static const int k[] = {1, 2, 3, 5, 8, 9, 16, 32}, n_init[] = {1, 2, 7, 48, 130};
    enum { BATCH = N_CONTENTS + 1 };

    for (size_t i = 0; i < sizeof k / sizeof *k; i++)
        for (size_t j = 0; j < sizeof n_init / sizeof *n_init; j++)
            for (int plain = 0; plain < 2; plain++) {
                struct compute_setup setup = setup_of(width, height, BATCH, k[i], n_init[j]);
                struct pair p;
                int64_t number[BATCH];
                if (plain && (n_init[j] > 7 || (width * height > 10000 && n_init[j] > 2)))
                    continue;
                if (width * height > 10000 && n_init[j] == 130 && k[i] != 8)
                    continue;
                setup.kmeans.plain = plain;
                setup.kmeans.seed = 0x123456789ABCDEF0u * (i + 1) + j;
                if (!pair_open(&p, &setup))
                    return;
                for (int f = 0; f < BATCH; f++)
                    number[f] = f == 1 ? -5 : f == 2 ? (int64_t)1 << 40 : 24 * f;
                fill_slots(&p, BATCH, width, height, 100 * j);
                compare_clusters(&p, BATCH, number, "clusters");
                pair_close(&p);
            }
}

static void compare_cells(struct pair *p, int n)
{
    int64_t *a = room(WEIGHTS_CELLS * sizeof *a), *b = room(WEIGHTS_CELLS * sizeof *b);

    a[7] = b[7] = (int64_t)1 << 40; /* it adds */
    CHECK_INT(compute_count_cells(p->cpu, n, a), ST_OK);
    if (!CHECK_INT(compute_count_cells(p->other, n, b), ST_OK))
        printf("  cells: %s\n", status_message());
    for (int cell = 0; cell < WEIGHTS_CELLS; cell++)
        if (!CHECK(a[cell] == b[cell])) {
            printf("  cell %d of %d slots: cpu %lld, %s %lld\n", cell, n, (long long)a[cell], tested->name,
                   (long long)b[cell]);
            break;
        }
    free(a);
    free(b);
}

/* Two pictures that no content is like: all black, which is dark altogether, and one grey with a few red pixels. */
static void fill_plain_slots(struct pair *p, int first, int width, int height)
{
    for (int i = 0; i < 2; i++) {
        struct made_frame m;
        made_frame_init(&m, &forms[FORM_RGB], width, height, CONTENT_ONE, 1);
        for (int c = 0; c < 3; c++)
            memset(m.plane[c], i == 0 ? 0 : 90, (size_t)m.frame.stride[c] * (size_t)height);
        for (int y = 0; i == 1 && y < height; y += 5)
            m.plane[2][y * m.frame.stride[2] + y % width] = 230;
        convert_both(p, first + i, &m.frame, "RGB planes");
        made_frame_release(&m);
    }
}

/* Weights by colour, and what is dark, in every space. */
static void test_weights(int width, int height, int n_init, int step)
{
    static const int k[] = {1, 2, 3, 8, 9, 31, 32}, near_black[] = {0, 40, 1500, 9900};
    enum { BATCH = N_CONTENTS + 3, N_K = sizeof k / sizeof *k, N_BLACK = sizeof near_black / sizeof *near_black };
    uint8_t rarity[WEIGHTS_CELLS];
    int64_t number[BATCH];

    for (int cell = 0; cell < WEIGHTS_CELLS; cell++)
        rarity[cell] = (uint8_t)(1 + mix_bits((uint64_t)cell) % WEIGHTS_MOST);
    for (int i = 0; i < BATCH; i++)
        number[i] = 24 * i;
    for (int way = 0; way < N_SPACES * N_WEIGHTS * N_BLACK * N_K * 2; way += step) {
        struct compute_setup setup = setup_of(width, height, BATCH, k[way / 2 % N_K], n_init);
        const int rest = way / 2 / N_K;
        struct pair p;
        char name[96];
        setup.rarity = rarity;
        setup.kmeans.plain = way % 2;
        setup.kmeans.n_init = setup.kmeans.plain && n_init > 2 ? 2 : n_init;
        setup.kmeans.weights =
            (struct weight_rules){(enum weight_name)(rest % N_WEIGHTS), near_black[rest / N_WEIGHTS % N_BLACK]};
        setup.kmeans.space.space = (enum space_name)(rest / N_WEIGHTS / N_BLACK);
        if (setup.kmeans.space.space != SPACE_SRGB)
            setup.kmeans.space.chroma = space_default_chroma(setup.kmeans.space.space);
        if (setup.kmeans.weights.near_black > 0 && setup.kmeans.k == COMPUTE_MAX_K)
            continue;
        snprintf(name, sizeof name, "weight %s, near black %d, space %s", weight_names[setup.kmeans.weights.weight],
                 setup.kmeans.weights.near_black, space_names[setup.kmeans.space.space]);
        if (!pair_open(&p, &setup))
            return;
        fill_slots(&p, BATCH - 2, width, height, 100 * (uint64_t)way);
        fill_plain_slots(&p, BATCH - 2, width, height);
        if (way % 3 == 0) /* before and after */
            compare_cells(&p, BATCH);
        compare_clusters(&p, BATCH, number, name);
        if (way % 3 == 1)
            compare_cells(&p, BATCH - 1);
        pair_close(&p);
    }
}

/* Sums are wide already at 2^32 / 255 / 31 pixels; the largest pictures that can be weighed are of 2^24. */
static void test_large_weights(void)
{
    static const int size[][2] = {{800, 700}, {4096, 4096}};
    const int64_t number[3] = {1, 2, 3};

    for (int i = 0; i < 4; i++) {
        struct compute_setup setup = setup_of(size[i / 2][0], size[i / 2][1], 3, i % 2 ? 31 : 8, 4);
        struct pair p;
        setup.kmeans.weights = (struct weight_rules){WEIGHT_ACCENT, 1500};
        if (!pair_open(&p, &setup))
            return;
        fill_slots(&p, 1, size[i / 2][0], size[i / 2][1], 9);
        fill_plain_slots(&p, 1, size[i / 2][0], size[i / 2][1]);
        compare_clusters(&p, 3, number, "large weights");
        compare_cells(&p, 3);
        pair_close(&p);
    }
}

/* 2^32 / 255 pixels and more need wide sums. */
static void test_wide_sums(void)
{
    struct compute_setup setup = setup_of(4200, 4100, 2, 8, 4);
    const int64_t number[2] = {1, 2};
    struct pair p;

    if (!pair_open(&p, &setup))
        return;
    for (int i = 0; i < 2; i++) {
        struct made_frame m;
        made_frame_init(&m, &forms[FORM_RGB], 4200, 4100, i == 0 ? CONTENT_SOFT : CONTENT_LETTERBOX, 3);
        convert_both(&p, i, &m.frame, "wide sums");
        made_frame_release(&m);
    }
    compare_pixels(&p, 1, "wide sums");
    compare_clusters(&p, 2, number, "wide sums");
    pair_close(&p);

    setup.kmeans.k = 32;
    if (!pair_open(&p, &setup))
        return;
    fill_slots(&p, 1, 4200, 4100, 9);
    compare_clusters(&p, 1, number, "wide sums, k = 32");
    pair_close(&p);
}

/* A film's frames at a usual size, in a full batch, twice in the same instance. */
static void test_full_batch(void)
{
    struct compute_setup setup = setup_of(240, 135, COMPUTE_MAX_FRAME_BATCH, 8, 16);
    int64_t number[COMPUTE_MAX_FRAME_BATCH];
    struct pair p;

    setup.picture.want_lines = true;
    if (!pair_open(&p, &setup))
        return;
    for (int turn = 0; turn < 2; turn++) {
        for (int i = 0; i < COMPUTE_MAX_FRAME_BATCH; i++) {
            struct made_frame m;
            made_frame_init(&m, &forms[i % 2 ? 6 : 0], 480, 270, (enum content)(i % N_CONTENTS), (uint64_t)(i + turn));
            convert_both(&p, i, &m.frame, "full batch");
            made_frame_release(&m);
            number[i] = 24 * (i + 1000 * turn);
        }
        compare_clusters(&p, COMPUTE_MAX_FRAME_BATCH - turn * 101, number, "full batch");
    }
    pair_close(&p);
}

/* The same frame in every slot, in batches of several sizes, gives the same clusters. */
static void test_slots(void)
{
    static const int batch[] = {1, 2, 3, 33};
    struct frame_clusters first = {0};

    for (size_t b = 0; b < sizeof batch / sizeof *batch; b++) {
        struct compute_setup setup = setup_of(96, 54, batch[b], 5, 48);
        struct compute *c;
        int64_t number[33];
        struct frame_clusters clusters[33];
        struct frame_light light[33];

        if (!CHECK_INT(compute_open(tested, &setup, &c), ST_OK))
            return;
        for (int same = 0; same < batch[b]; same++) {
            for (int i = 0; i < batch[b]; i++) {
                struct made_frame m;
                made_frame_init(&m, &forms[0], 192, 108, i == same ? CONTENT_SOFT : (enum content)(i % N_CONTENTS),
                                i == same ? 77 : (uint64_t)i);
                CHECK_INT(compute_convert(c, i, &m.frame), ST_OK);
                made_frame_release(&m);
                number[i] = i == same ? 4711 : i;
            }
            CHECK_INT(compute_cluster(c, batch[b], number, clusters, light, NULL), ST_OK);
            if (b == 0)
                first = clusters[0];
            if (!CHECK(same_clusters(&first, &clusters[same])))
                printf("  slot %d of %d\n", same, batch[b]);
        }
        compute_close(&c);
    }
}

/* Faults come back as one line, and leave nothing open. */
static void test_refusals(void)
{
    struct compute_setup setup = setup_of(8, 8, 1, 2, 1);
    struct compute *c;
    char text[256];

    setup.device = 1000;
    CHECK_INT(compute_open(tested, &setup, &c), ST_UNSUPPORTED);
    CHECK(c == NULL && strstr(status_message(), "no GPU 1000") != NULL);
    CHECK_INT(tested->describe(1000, text, sizeof text), ST_UNSUPPORTED);
}

static void test_all(const char *how)
{
    char text[256];

    if (CHECK_INT(tested->describe(0, text, sizeof text), ST_OK))
        printf("%s: %s\n", tested->name, text);
    CHECK(tested->has_device && tested->batch_frames >= 1 && tested->batch_frames <= COMPUTE_MAX_FRAME_BATCH &&
          tested->batch_pixels > 0 && tested->scan_slice > 0);
    if (strcmp(how, "brief") == 0) {
        test_slots();
        test_clusters(20, 15);
        test_weights(9, 7, 2, 31);
        return;
    }
    test_refusals();
    test_convert();
    test_load();
    test_clusters(3, 2);
    test_clusters(48, 27);
    test_clusters(80, 60);
    test_weights(48, 27, 7, 1);
    test_weights(80, 60, 48, 1);
    test_slots();
    if (strcmp(how, "quick") != 0) {
        test_clusters(200, 150);
        test_full_batch();
        test_wide_sums();
        test_weights(200, 150, 7, 1);
        test_large_weights();
    }
}

int main(int argc, char **argv)
{
    int n = 0;
    char text[256];

    for (const struct compute_ops *const *ops = compute_backends; *ops; ops++) {
        tested = *ops;
        if (tested->n_devices() > 0) {
            test_all(argc > 1 ? argv[1] : "");
            n++;
        } else if (tested != &compute_cpu) {
            printf("skipped: %s\n", tested->describe(0, text, sizeof text) == ST_OK ? "no GPU" : status_message());
        }
    }
    return n > 0 ? test_end() : TEST_SKIP;
}
