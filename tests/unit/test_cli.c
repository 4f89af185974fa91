/* test_cli: the commands, called as main() calls them, in a folder of their own: what they refuse, what they print and
 * write. One rank. */
#include "cli/command.h"
#include "unit/y4m_film.h"

#include <fcntl.h>

static char *printed; /* by the last command, on stdout; heap */

/* Words are parted by single spaces; ~ in a word is a space, '' an empty word. */
static enum status run(const char *line)
{
    static char text[2000];
    char *argv[64];
    struct comm comm;
    atomic_int stop = 0;
    enum status st = ST_BUG;
    int argc = 0;
    size_t n;

    snprintf(text, sizeof text, "%s", line);
    for (char *rest = text, *word; (word = strsep(&rest, " ")) && argc < 63;) {
        if (strcmp(word, "''") == 0)
            *word = '\0';
        for (char *at = word; *at; at++)
            *at = *at == '~' ? ' ' : *at;
        argv[argc++] = word;
    }
    argv[argc] = NULL;

    const int out = dup(STDOUT_FILENO), file = open("stdout", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    fflush(stdout);
    dup2(file, STDOUT_FILENO);
    close(file);
    comm_open_self(&comm);
    const struct command *command = command_find(argv[0]);
    if (CHECK(command != NULL))
        st = command_run(command, &comm, argc, argv, &stop);
    comm_close(&comm);
    fflush(stdout);
    dup2(out, STDOUT_FILENO);
    close(out);
    free(printed);
    printed = test_read("stdout", &n);
    return st;
}

static void check_done(const char *line)
{
    if (!CHECK_INT(run(line), ST_OK))
        printf("%s: %s\n", line, status_message());
}

static void check_refused(const char *line)
{
    if (!CHECK_INT(run(line), ST_USAGE) || !CHECK_STR(printed, ""))
        printf("%s\n", line);
}

static bool is_same_file(const char *a, const char *b)
{
    size_t n_a, n_b;
    char *in_a = test_read(a, &n_a), *in_b = test_read(b, &n_b);
    const bool same = in_a && in_b && n_a == n_b && memcmp(in_a, in_b, n_a) == 0;

    free(in_a);
    free(in_b);
    return same;
}

static void test_help(void)
{
    for (size_t i = 0; commands[i]; i++) {
        char line[64], wanted[64];
        snprintf(line, sizeof line, "%s --help", commands[i]->name);
        snprintf(wanted, sizeof wanted, "usage: jacquard %s", commands[i]->name);
        check_done(line);
        CHECK(strncmp(printed, wanted, strlen(wanted)) == 0);
        snprintf(line, sizeof line, "%s --no-such-option", commands[i]->name);
        check_refused(line);
    }
}

/* An option of one command, with values that it does not take. */
static void check_values(const char *start, const char *option, const char *values)
{
    char line[300], all[300];

    snprintf(all, sizeof all, "%s", values);
    for (char *rest = all, *value; (value = strsep(&rest, " "));) {
        snprintf(line, sizeof line, "%s %s %s", start, option, value);
        check_refused(line);
    }
}

static void test_refused_values(void)
{
    static const char *const values[][2] = {
        {"-k", "0 33 -1 x 8x '' 99999999999999999999 2.5 ~8 +8 0x8 4294967304"},
        {"--every", "0f -1f f 0s -1s nans infs 1x x '' 1.5f 99999999999999999999f 0x10s ~1s +1s ~24f +24f 4294967320f"},
        {"--columns", "0 -1 x '' 1.5"},
        {"--height", "0 -5 x '' 99999999999"},
        {"--scale", "0x0 480 axb 480x -1x270 480x0 '' 4294967297x1 1x4294967297 8193x1 ~480x270 480x+270 480x270x"},
        {"--order", "nope '' Share"},
        {"--strips", "nope '' kmeans,nope kmeans, ,"},
        {"--start", "120% -1 1:2:3:4 0x10 ~1 +1 1e1 inf nan ."},
        {"--end", "nonsense"},
        {"--sampling", "nope"},
        {"--seed", "x ''"},
        {"--n-init", "0 x"},
        {"--threads", "-1 x"},
        {"--progress", "nope"},
        {"--backend", "nope"},
    };

    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        check_values("barcode -o x.png --json x.json film.y4m", values[i][0], values[i][1]);
    check_values("render x.json -o y.png", "--height", "0 65536 x");
    check_values("render x.json -o y.png", "--order", "nope");
    check_values("render x.json -o y.png", "--strip", "nope kmeans,average");
    check_values("verify .", "--samples", "-1 x");
    check_values("catalog . --out o", "--share", "0/2 3/2 1 x");
    check_values("train --images i --labels l -o m", "--rounds", "0 x");
    check_values("train --images i --labels l -o m", "--leaves", "1 33");
    check_values("train --images i --labels l -o m", "--learner", "forest");
    check_values("bench comm", "--runs", "0 many");
    CHECK(!test_exists("x.png") && !test_exists("x.json") && !test_exists("y.png"));
}

static void test_refused_lines(void)
{
    static const char *const lines[] = {
        "barcode -o x.png",
        "barcode film.y4m film.y4m -o x.png",
        "barcode film.y4m -o x.png -k",
        "barcode film.y4m -o x.png --every 5f --columns 10",
        "barcode film.y4m -o x.png --scale 64x48 --full",
        "barcode film.y4m -o x.png --start 2 --end 1",
        "barcode film.y4m -o x.png --start 1 --end 1",
        "barcode film.y4m -o x.png --start 99 --end 100",
        "barcode no_such_film.y4m -o x.png",
        "barcode film.y4m -o film.y4m --force",
        "barcode film.y4m -o x.png --json ./x.png",
        "barcode film.y4m -o none/x.png",
        "barcode film.y4m -o x.jpg",
        "render",
        "render x.json",
        "render no_such.json -o x.png",
        "render film.y4m -o film.y4m --force",
        "status",
        "status no_such_folder",
        "verify",
        "verify no_such_folder",
        "catalog . ",
        "info extra",
        "scan",
        "scan --images no_such.idx",
        "train --images i --labels l",
        "evaluate no_such_model --images i --labels l",
        "predict no_such_model",
        "predict no_such_model i",
        "export no_such_model",
        "export no_such_model --c x.h",
        "bench",
        "bench --runs 1",
        "bench films",
        "bench barcode",
        "bench barcode film.y4m film.y4m",
        "bench scan film.y4m",
        "bench barcode no_such_film.y4m",
        "bench scan --images no_such.idx",
        "bench train --images i",
        "bench train --labels l",
        "bench scan --labels l",
        "bench comm --images i",
        "bench io --features seed",
        "bench barcode film.y4m --folder .",
        "bench train -k 3",
        "bench kmeans --columns 5",
        "bench barcode film.y4m -o x.png",
        "bench train --features all",
        "bench comm --backend tpu",
        "bench comm --fast",
    };

    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        check_refused(lines[i]);
    CHECK(!test_exists("x.png") && !test_exists("x.jpg") && !test_exists("x.h"));
}

static void test_info(void)
{
    check_done("info");
    CHECK(strncmp(printed, "jacquard " JACQUARD_VERSION "\nbackend cpu: ", strlen("jacquard " JACQUARD_VERSION) + 14) ==
          0);
    CHECK(strstr(printed, "\nrank 0 of 1 on ") != NULL);
}

static void test_film(void)
{
    size_t n;
    char *text;

    check_done("barcode film.y4m -o x.png --json x.json --csv x.csv --frame-hashes x.txt -k 3 --every 4f --height 12 "
               "--backend cpu --threads 2 --progress none --strips kmeans,average --verify-samples 2");
    CHECK_STR(printed, "x.png\nx.average.png\nx.json\nx.csv\nx.txt\n");
    text = test_read("x.txt", &n);
    for (int i = 0; text && i < Y4M_COLUMNS; i++) { /* a line a frame: its number, time, hash */
        char frame[16];
        snprintf(frame, sizeof frame, "%s%d ", i > 0 ? "\n" : "", i * Y4M_EVERY);
        CHECK(i > 0 ? strstr(text, frame) != NULL : strncmp(text, frame, strlen(frame)) == 0);
    }
    free(text);

    /* The same again, of one thread; and without leave nothing is written over. */
    check_done("barcode film.y4m -o again.png --json again.json -k 3 --every 4f --height 12 --backend cpu --threads 1 "
               "--progress none --strips kmeans,average");
    CHECK(is_same_file("x.json", "again.json") && is_same_file("x.png", "again.png"));
    check_refused("barcode film.y4m -o x.png -k 3 --progress none");

    /* The side-car is enough to draw all of it. */
    check_done("render x.json -o kmeans.png --height 12");
    CHECK_STR(printed, "kmeans.png\n");
    CHECK(is_same_file("kmeans.png", "x.png"));
    check_done("render x.json -o average.png --height 12 --strip average");
    CHECK(is_same_file("average.png", "x.average.png"));
    CHECK(!is_same_file("average.png", "kmeans.png"));
    check_refused("render x.json -o average.png --height 12");
    check_done("render x.json -o average.png --height 12 --order hue --force");
    CHECK_INT(run("render x.csv -o y.png"), ST_USAGE);

    test_write("text.mp4", "this is not a film\n", 19);
    CHECK_INT(run("barcode text.mp4 -o y.png --progress none"), ST_FORMAT);
    CHECK(!test_exists("y.png"));
}

/* Images of 9x9: class 0 is bright above, class 1 below, class 2 on the left; with noise. */
static void write_images(void)
{
    enum { N = 60, SIDE = 9, AREA = SIDE * SIDE };
    static uint8_t images[16 + N * AREA] = {0, 0, 8, 3, 0, 0, 0, N, 0, 0, 0, SIDE, 0, 0, 0, SIDE};
    static uint8_t labels[8 + N] = {0, 0, 8, 1, 0, 0, 0, N};
    uint32_t noise = 1;

    for (int i = 0; i < N; i++) {
        labels[8 + i] = (uint8_t)(i % 3);
        for (int p = 0; p < AREA; p++) {
            const bool is_bright = i % 3 == 0 ? p < AREA / 2 : i % 3 == 1 ? p > AREA / 2 : p % SIDE < SIDE / 2;
            noise = noise * 1664525u + 1013904223u;
            images[16 + i * AREA + p] = (uint8_t)((is_bright ? 180 : 20) + (noise >> 24) % 60);
        }
    }
    test_write("i", images, sizeof images);
    test_write("l", labels, sizeof labels);
}

static void test_classifier(void)
{
    size_t n;
    char *text;
    int n_lines = 0;

    write_images();
    check_done(
        "train --images i --labels l -o model --rounds 4 --leaves 4 --log log.csv --checkpoint ck --every-rounds 2 "
        "--validation 6 --threads 1 --backend cpu --progress none");
    check_done("train --images i --labels l -o again --rounds 4 --leaves 4 --validation 6 --threads 2 --backend cpu "
               "--progress none");
    CHECK(is_same_file("model", "again"));
    check_refused("train --images i --labels l -o model --rounds 4 --progress none");
    check_done("train --images i --labels l -o none --rounds 4 --plan");
    CHECK(!test_exists("none"));

    check_done("evaluate model --images i --labels l --json e.json --curve e.csv --confusion e.png --backend cpu");
    text = test_read("e.json", &n);
    CHECK(text && strstr(text, "\"wrong\":0,\"total\":60,") && strstr(text, "[20,0,0],\n[0,20,0],\n[0,0,20]"));
    free(text);
    CHECK(test_exists("e.csv") && test_exists("e.png"));

    check_done("predict model i");
    for (const char *at = printed; at && *at; at = strchr(at, '\n') + 1) {
        char wanted[32];
        snprintf(wanted, sizeof wanted, "i:%d\t%d\t", n_lines, n_lines % 3);
        CHECK(strncmp(at, wanted, strlen(wanted)) == 0);
        n_lines++;
    }
    CHECK_INT(n_lines, 60);

    check_done("export model --c model.h");
    text = test_read("model.h", &n);
    CHECK(text && strstr(text, "jacquard_classify(const uint8_t *pixels, int32_t *scores)"));
    free(text);
    check_refused("export model --c model.h");

    check_done("scan --images i --labels l --features seed -o records --json scan.json --backend cpu --threads 1 "
               "--progress none");
    check_done("scan --images i --labels l --features seed -o again.records --json again.json --force --backend cpu "
               "--threads 2 "
               "--progress none");
    CHECK(test_exists("scan.json") && is_same_file("records", "again.records"));
}

int main(void)
{
    if (chdir(test_folder()) != 0)
        return 1;
    y4m_write("film.y4m", Y4M_FRAMES);
    test_help();
    test_refused_values();
    test_refused_lines();
    test_info();
    test_film();
    test_classifier();
    free(printed);
    return test_end();
}
