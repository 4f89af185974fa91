/* test_idx: IDX files of every kind that has gone wrong somewhere, made here, and what is said about each; then whole
 * data sets. */
#include "haar/data/dataset.h"
#include "haar/data/idx.h"

#include "test.h"

#include <stdint.h>
#include <sys/resource.h>
#include <zlib.h>

enum { N = 100, SIDE = 28, ITEM = SIDE * SIDE, HEADER = 16, IMAGES = HEADER + N * ITEM, LABELS = 8 + N };

static uint8_t images[IMAGES + 1], labels[LABELS];

static void put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static void make_samples(void)
{
    uint32_t noise = 1;

    put32(images, 0x803);
    put32(images + 4, N);
    put32(images + 8, SIDE);
    put32(images + 12, SIDE);
    for (size_t i = HEADER; i < sizeof images; i++) {
        noise = noise * 1664525 + 1013904223;
        images[i] = (uint8_t)(noise >> 30 ? 0 : noise >> 22); /* compresses, but not to nothing */
    }
    put32(labels, 0x801);
    put32(labels + 4, N);
    for (int i = 0; i < N; i++)
        labels[8 + i] = (uint8_t)(i * 7 % 10);
}

/* The bytes as one gzip member; heap. */
static uint8_t *gzip(const void *bytes, size_t n, size_t *packed)
{
    z_stream z = {0};

    if (deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK)
        exit(1);
    *packed = deflateBound(&z, (uLong)n) + 64;
    uint8_t *out = malloc(*packed);
    z.next_in = (Bytef *)(uintptr_t)bytes;
    z.avail_in = (uInt)n;
    z.next_out = out;
    z.avail_out = (uInt)*packed;
    CHECK_INT(deflate(&z, Z_FINISH), Z_STREAM_END);
    *packed = z.total_out;
    deflateEnd(&z);
    return out;
}

static enum status read_all(const char *path, bool are_labels)
{
    struct idx idx;
    enum status st = are_labels ? idx_open_labels(path, &idx) : idx_open_images(path, &idx);

    if (st == ST_OK) {
        const int64_t bytes = idx.dim[0] * idx.item_bytes;
        uint8_t *all = malloc((size_t)bytes);
        st = idx_read(&idx, 0, idx.dim[0], all);
        free(all);
    }
    idx_close(&idx);
    idx_close(&idx); /* twice is harmless */
    return st;
}

/* --- refusals ----------------------------------------------------------------------------------------------------- */

static char said[64][STATUS_MESSAGE_BYTES];
static int n_said;

/* The message is one line, names the file, holds the words, and is unlike all others with the path left out. */
static void check_message(const char *path, const char *words)
{
    const char *at = strstr(status_message(), path);

    if (!CHECK(at != NULL) || !CHECK(strstr(status_message(), words) != NULL))
        printf("    %s: \"%s\" lacks \"%s\"\n", path, status_message(), words);
    CHECK(strchr(status_message(), '\n') == NULL);
    if (!at)
        return;
    snprintf(said[n_said], sizeof said[0], "%.*s<path>%s", (int)(at - status_message()), status_message(),
             at + strlen(path));
    for (int i = 0; i < n_said; i++)
        if (!CHECK(strcmp(said[i], said[n_said]) != 0))
            printf("    said twice: %s\n", said[i]);
    n_said++;
}

static void refuse(const char *name, const void *bytes, size_t n, bool as_labels, const char *words)
{
    const char *path = test_path(name);

    test_write(path, bytes, n);
    if (!CHECK_INT(read_all(path, as_labels), ST_FORMAT))
        printf("    %s\n", name);
    check_message(path, words);
    unlink(path);
}

/* An images file with this header, and n_pixels bytes after it. */
static void refuse_header(const char *name, uint32_t magic, uint32_t count, uint32_t height, uint32_t width,
                          size_t n_pixels, const char *words)
{
    uint8_t file[HEADER + 2000] = {0};

    put32(file, magic);
    put32(file + 4, count);
    put32(file + 8, height);
    put32(file + 12, width);
    refuse(name, file, HEADER + n_pixels, false, words);
}

static void plain_refusals(void)
{
    refuse("empty", "", 0, false, "is empty");
    refuse("three-bytes", images, 3, false, "3 bytes, wanted 16");
    refuse("short-header", images, 8, false, "header is cut off: 8 bytes, wanted 16");
    refuse("short-labels", labels, 7, true, "header is cut off: 7 bytes, wanted 8");
    refuse_header("bad-magic", 0x12345678, N, SIDE, SIDE, 100, "begins with 12 34 56 78");
    refuse("little-endian", "\x03\x08\0\0d\0\0\0\x1c\0\0\0\x1c\0\0\0", 16, false, "little-endian");
    refuse("labels-as-images", labels, sizeof labels, false, "holds labels (1 dimension), wanted images (3)");
    refuse("images-as-labels", images, IMAGES, true, "holds images (3 dimensions), wanted labels (1)");
    refuse_header("floats", 0xD03, 2, SIDE, SIDE, 2 * ITEM, "type 0x0d (floats)");
    refuse_header("signed", 0x903, 2, SIDE, SIDE, 2 * ITEM, "type 0x09 (signed bytes)");
    refuse_header("dims-255", 0x8FF, 2, SIDE, SIDE, 1000, "255 dimensions");
    refuse_header("dims-0", 0x800, 2, SIDE, SIDE, 1000, "0 dimensions");
    refuse("truncated", images, IMAGES - 1, false, "cut off: 78415 bytes long, wanted 78416 for 100 images of 28 x 28");
    refuse("trailing", images, IMAGES + 1, false, "too long: 78417 bytes, wanted 78416 for 100 images of 28 x 28");
    refuse("short-items", labels, LABELS - 1, true, "cut off: 107 bytes long, wanted 108 for 100 labels");
    refuse_header("count-max", 0x803, 0xffffffff, SIDE, SIDE, 1000, "4294967295 images");
    refuse_header("count-2^31", 0x803, 0x80000000, SIDE, SIDE, 1000, "2147483648 images");
    refuse_header("count-2^31-1", 0x803, 0x7fffffff, 64, 64, 1000, "wanted 8796093018128 for 2147483647 images");
    refuse_header("overflow-32", 0x803, 0x10000, 0x10000, 1, 1000, "images of 1 x 65536 pixels, more than 64 a side");
    refuse_header("overflow-64", 0x803, 0x7fffffff, 0xffffffff, 0xffffffff, 1000, "4294967295 x 4294967295");
    refuse_header("wide", 0x803, 2, 1, 65, 130, "images of 65 x 1 pixels");
    refuse_header("no-height", 0x803, N, 0, SIDE, 0, "28 wide, 0 high");
    refuse_header("no-width", 0x803, N, SIDE, 0, 0, "0 wide, 28 high");
    refuse_header("no-images", 0x803, 0, SIDE, SIDE, 0, "announces no images");
    refuse("html.gz", "<!DOCTYPE html><html>404</html>", 31, false, "begins with 3c 21 44 4f");
}

/* Like refuse, of the bytes packed. */
static void refuse_packed(const char *name, const void *bytes, size_t n, const char *words)
{
    size_t packed;
    uint8_t *gz = gzip(bytes, n, &packed);

    refuse(name, gz, packed, false, words);
    free(gz);
}

static void gzip_refusals(void)
{
    size_t n, twice;
    uint8_t *gz = gzip(images, IMAGES, &n), *in = malloc(2 * n + 1);

    refuse("cut.gz", gz, n / 2, false, "gzip data is cut off");
    refuse("cut-in-header.gz", gz, 5, false, "ends after 5 bytes");
    memcpy(in, gz, n);
    in[n - 8] ^= 1;
    refuse("crc.gz", in, n, false, "incorrect data check");
    in[n - 8] ^= 1;
    in[n - 1] ^= 1;
    refuse("length.gz", in, n, false, "incorrect length check");
    in[n - 1] ^= 1;
    in[2] = 9;
    refuse("method.gz", in, n, false, "unknown compression method");
    in[2] = 8;
    in[10] = 0xff;
    refuse("damage.gz", in, n, false, "damaged gzip data near byte 11 of ");
    in[10] = gz[10];
    memcpy(in + n, gz, n);
    refuse("two-members.gz", in, 2 * n, false, "more bytes follow the end of the gzip data");
    in[n] = 0;
    refuse("one-byte-behind.gz", in, n + 1, false, ": 1 more bytes follow");
    uint8_t *again = gzip(gz, n, &twice);
    refuse("double.gz", again, twice, false, "gzip within gzip");
    free(again);
    free(in);
    free(gz);

    refuse_packed("nothing.gz", "", 0, "empty inside");
    refuse_packed("short-header.gz", images, 9, "header is cut off: 9 bytes, wanted 16");
    refuse_packed("truncated.gz", images, IMAGES - 1, "78415 bytes when unpacked, wanted 78416");
    refuse_packed("trailing.gz", images, IMAGES + 1, "goes on after the 78416 bytes of 100 images of 28 x 28");
    refuse_packed("magic.gz", "\1\2\3\4plain", 9, "begins with 01 02 03 04");

    uint8_t huge[HEADER];
    memcpy(huge, images, HEADER);
    put32(huge + 4, 0x7fffffff);
    refuse_packed("huge.gz", huge, HEADER, "too few for 2147483647 images");
}

/* A header for 100 images and then 256 MB of zeros, in 256 KB: refused without unpacking them. */
static void bomb(void)
{
    enum { ZEROS = 1 << 28 };
    struct rusage before, after;
    const char *path = test_path("bomb.gz");
    uint8_t *zeros = calloc(ZEROS, 1);
    size_t n;

    memcpy(zeros, images, HEADER);
    uint8_t *gz = gzip(zeros, ZEROS, &n);
    free(zeros);
    CHECK(n < 1 << 20);
    test_write(path, gz, n);
    getrusage(RUSAGE_SELF, &before);
    CHECK_INT(read_all(path, false), ST_FORMAT);
    CHECK(strstr(status_message(), "goes on after the 78416 bytes") != NULL);
    getrusage(RUSAGE_SELF, &after);
    CHECK(after.ru_utime.tv_sec - before.ru_utime.tv_sec <= 1);
    unlink(path);
    free(gz);
}

static void unopenable(void)
{
    const char *path = test_path("pipe");

    CHECK_INT(read_all(test_path("absent"), false), ST_USAGE);
    check_message(test_path("absent"), "No such file");
    CHECK_INT(read_all(test_folder(), false), ST_USAGE);
    check_message(test_folder(), "it is a folder");
    CHECK_INT(mkfifo(path, 0600), 0);
    CHECK_INT(read_all(path, true), ST_USAGE);
    check_message(path, "not a regular file");
    unlink(path);
    if (geteuid() == 0) {
        printf("not tested: no permission (this is root)\n");
        return;
    }
    path = test_path("closed");
    test_write(path, images, IMAGES);
    chmod(path, 0);
    CHECK_INT(read_all(path, false), ST_USAGE);
    check_message(path, "Permission denied");
    unlink(path);
}

/* --- what is well ------------------------------------------------------------------------------------------------- */

static void check_range(const char *path, int64_t first, int64_t n)
{
    static uint8_t out[N * ITEM];
    struct idx idx;

    if (!CHECK_INT(idx_open_images(path, &idx), ST_OK))
        return;
    CHECK_INT(idx.dim[0], N);
    CHECK_INT(idx.item_bytes, ITEM);
    memset(out, 0xA5, sizeof out);
    CHECK_INT(idx_read(&idx, first, n, out), ST_OK);
    CHECK(memcmp(out, images + HEADER + first * ITEM, (size_t)(n * ITEM)) == 0);
    CHECK(n == N || out[n * ITEM] == 0xA5);
    idx_close(&idx);
}

static void check_ranges(const char *path)
{
    static const int range[][2] = {{0, N}, {0, 1}, {N - 1, 1}, {37, 21}, {0, 0}, {N, 0}, {50, 50}};
    static const int wrong[][2] = {{-1, 1}, {0, N + 1}, {N, 1}, {3, -1}};
    uint8_t out[1];
    struct idx idx;

    for (size_t i = 0; i < sizeof range / sizeof range[0]; i++)
        check_range(path, range[i][0], range[i][1]);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CHECK_INT(idx_open_images(path, &idx), ST_OK);
        CHECK_INT(idx_read(&idx, wrong[i][0], wrong[i][1], out), ST_BUG);
        idx_close(&idx);
    }
}

/* Plain and packed, each under the other's name. A share of a packed file still finds damage at its far end. */
static void good_files(void)
{
    const char *plain = test_path("plain.gz"), *packed = test_path("packed");
    struct idx idx;
    uint8_t out[ITEM];
    size_t n;
    uint8_t *gz = gzip(images, IMAGES, &n);

    test_write(plain, images, IMAGES);
    test_write(packed, gz, n);
    check_ranges(plain);
    check_ranges(packed);
    gz[n - 8] ^= 1;
    test_write(packed, gz, n);
    CHECK_INT(idx_open_images(packed, &idx), ST_OK);
    CHECK_INT(idx_read(&idx, 0, 1, out), ST_FORMAT);
    idx_close(&idx);
    unlink(plain);
    unlink(packed);
    free(gz);
}

/* --- data sets ---------------------------------------------------------------------------------------------------- */

static struct comm comm;
static const struct dataset_range whole = {0, -1};

/* All shares together are the range, whatever their number. */
static void shares(const char *i, const char *l, int first, int n, int n_parts)
{
    const int n_range = n < 0 ? N - first : n;
    int64_t next = 0;

    for (int part = 0; part < n_parts; part++) {
        struct dataset set;
        if (CHECK_INT(dataset_load(&comm, i, l, (struct dataset_range){first, n}, part, n_parts, &set), ST_OK)) {
            CHECK_INT(set.width, SIDE);
            CHECK_INT(set.height, SIDE);
            CHECK_INT(set.n_total, n_range);
            CHECK_INT(set.n_classes, 10);
            CHECK_INT(set.first, next);
            CHECK(memcmp(set.pixels, images + HEADER + (first + next) * ITEM, (size_t)(set.n * ITEM)) == 0);
            CHECK(memcmp(set.labels, labels + 8 + first + next, (size_t)set.n) == 0);
            next = set.first + set.n;
        }
        dataset_release(&set);
    }
    CHECK_INT(next, n_range);
}

static void refuse_set(const char *i, const char *l, struct dataset_range range, enum status wanted, const char *words)
{
    struct dataset set;

    CHECK_INT(dataset_load(&comm, i, l, range, 0, 1, &set), wanted);
    if (!CHECK(strstr(status_message(), words) != NULL))
        printf("    \"%s\" lacks \"%s\"\n", status_message(), words);
    dataset_release(&set);
    dataset_release(&set);
    CHECK(set.pixels == NULL && set.labels == NULL);
}

/* The fingerprint is zlib's CRC-32 of the header's numbers and the labels. */
static void fingerprints(const char *i, const char *l)
{
    struct dataset set;
    const uint32_t header = (uint32_t)crc32(0, images + 4, 12);

    CHECK_INT(dataset_load(&comm, i, NULL, whole, 0, 1, &set), ST_OK);
    CHECK_INT(set.fingerprint, header);
    CHECK_INT(set.n_classes, 0);
    CHECK(set.labels == NULL);
    dataset_release(&set);
    CHECK_INT(dataset_load(&comm, i, l, (struct dataset_range){10, 20}, 1, 3, &set), ST_OK);
    CHECK_INT(set.fingerprint, (uint32_t)crc32(header, labels + 8, N));
    dataset_release(&set);
}

static void data_sets(void)
{
    const char *i = test_path("i"), *l = test_path("l"), *odd = test_path("odd");
    struct dataset set;
    uint8_t bad[LABELS];
    size_t n;

    CHECK_INT(comm_open_world(&comm), ST_OK);
    uint8_t *gz = gzip(images, IMAGES, &n);
    test_write(i, gz, n);
    free(gz);
    test_write(l, labels, LABELS);
    shares(i, l, 0, -1, 1);
    shares(i, l, 0, -1, 7);
    shares(i, l, 13, 5, 8); /* some have none */
    shares(i, l, 99, -1, 1);
    fingerprints(i, l);

    refuse_set(i, l, (struct dataset_range){N, -1}, ST_USAGE, "holds 100 images: there is no number 100");
    refuse_set(i, l, (struct dataset_range){1, N}, ST_USAGE, "there are no 100 from number 1 on");
    refuse_set(i, l, (struct dataset_range){0, 0}, ST_USAGE, "no images are asked for");
    refuse_set(i, l, (struct dataset_range){-1, 1}, ST_USAGE, "there is no number -1");
    refuse_set(i, l, (struct dataset_range){1, INT64_MAX}, ST_USAGE, "from number 1 on");
    refuse_set(i, i, whole, ST_FORMAT, "holds images (3 dimensions), wanted labels");
    refuse_set(test_path("absent"), l, whole, ST_USAGE, "No such file");

    memcpy(bad, labels, LABELS);
    bad[8 + 41] = 200;
    test_write(odd, bad, LABELS);
    refuse_set(i, odd, (struct dataset_range){0, 1}, ST_FORMAT, "label 200 of image 41 is above 63");
    bad[8 + 41] = 63;
    test_write(odd, bad, LABELS);
    CHECK_INT(dataset_load(&comm, i, odd, whole, 0, 2, &set), ST_OK);
    CHECK_INT(set.n_classes, 64);
    dataset_release(&set);
    memset(bad + 8, 0, N);
    test_write(odd, bad, LABELS);
    CHECK_INT(dataset_load(&comm, i, odd, whole, 0, 1, &set), ST_OK);
    CHECK_INT(set.n_classes, 2);
    dataset_release(&set);
    put32(bad + 4, N - 1);
    test_write(odd, bad, LABELS - 1);
    refuse_set(i, odd, whole, ST_FORMAT, "holds 100 images, but ");
    CHECK(strstr(status_message(), odd) && strstr(status_message(), "holds 99 labels"));
    comm_close(&comm);
}

int main(void)
{
    make_samples();
    plain_refusals();
    gzip_refusals();
    bomb();
    unopenable();
    good_files();
    data_sets();
    return test_end();
}
