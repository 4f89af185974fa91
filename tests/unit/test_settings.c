/* test_settings: what decides a barcode's bytes: options to settings to the side-car's text and back. */
#include "barcode/settings.h"

#include "unit/test.h"

#define LAST "\"legacy\":false,\"height\":480,\"order\":\"share\",\"strips\":[\"kmeans\"]}"

static const struct opt_group groups[] = {BARCODE_SETTINGS_GROUPS(0), {0}};

/* Of a command line. */
static struct barcode_settings settings_of(const char *words)
{
    static char copy[400];
    char *argv[40] = {(char *)"barcode"}, *at = copy;
    struct barcode_settings s = {0};
    struct opts_line line = {0};
    int argc = 1;

    snprintf(copy, sizeof copy, "%s", words);
    for (char *word; (word = strsep(&at, " ")) && argc < 40;)
        if (*word)
            argv[argc++] = word;
    if (!CHECK_INT(opts_parse("barcode", groups, &s, argc, argv, 0, &line), ST_OK))
        printf("    %s: %s\n", words, status_message());
    return s;
}

static const struct opt *difference(const struct barcode_settings *a, const struct barcode_settings *b)
{
    const struct opt *row = NULL;

    for (int t = 0; !row && barcode_settings_tables[t]; t++)
        row = opts_difference(barcode_settings_tables[t], a, b);
    return row;
}

static void check_text(const char *words, const char *wanted)
{
    const struct barcode_settings s = settings_of(words);
    char *text = barcode_settings_text(&s);

    CHECK_STR(text, wanted);
    free(text);
}

/* Side-cars of all times have this shape. */
static void test_text(void)
{
    check_text("--crop none",
               "{\"every\":24,\"every_unit\":\"frames\",\"start\":null,\"end\":null,\"sampling\":\"exact\",\"k\":8,"
               "\"n_init\":48,\"plain\":false,\"seed\":0,\"scale\":\"fit\",\"box\":[480,270]," LAST);
    check_text(
        "--crop none --every 0.1s --start 1:30 --end 12.5% --sampling key -k 3 --n-init 7 --plain --seed "
        "9223372036854775807 "
        "--scale 1x8192 --legacy --height 65535 --order hue --strips least,kmeans",
        "{\"every\":0.10000000000000001,\"every_unit\":\"seconds\",\"start\":90,\"end\":\"12.5%\","
        "\"sampling\":\"key\",\"k\":3,\"n_init\":7,\"plain\":true,\"seed\":9223372036854775807,\"scale\":\"fit\","
        "\"box\":[1,8192],\"legacy\":true,\"height\":65535,\"order\":\"hue\",\"strips\":[\"least\",\"kmeans\"]}");
    check_text("--crop none --columns 100 --full --plain",
               "{\"every\":100,\"every_unit\":\"columns\",\"start\":null,\"end\":null,\"sampling\":\"exact\",\"k\":8,"
               "\"n_init\":20,\"plain\":true,\"seed\":0,\"scale\":\"full\",\"box\":[480,270]," LAST);
}

static const char *const lines[] = {
    "",
    "--every 7f",
    "--every 0.1s",
    "--columns 24",
    "--start 0",
    "--start 0%",
    "--start .00001",
    "--start 1:02:03.25",
    "--end 33.3%",
    "--end 100%",
    "--sampling key",
    "-k 32",
    "--n-init 5",
    "--plain",
    "--seed 9223372036854775807",
    "--full",
    "--space oklab",
    "--space oklab --chroma 1.5",
    "--space cielab",
    "--space cielab --chroma 2",
    "--weight accent",
    "--weight rare",
    "--near-black 10",
    "--near-black 0.0001",
    "--near-black 0.0099",
    "--near-black 1",
    "--near-black 10.05",
    "--near-black 99.99",
    "--weight accent --near-black 0.5",
    "--crop none",
    "--crop 0:0:0:0",
    "--crop 88:0:88:0",
    "--crop 88:0:0:88",
    "--scale 481x270",
    "--scale 480x271",
    "--legacy",
    "--height 1",
    "--width 1",
    "--width 1048576",
    "--smooth 2",
    "--smooth 2:cuts",
    "--smooth 0.001:cuts",
    "--smooth 3600",
    "--layout circle",
    "--layout rows:10",
    "--layout rows:0.5",
    "--order lightness",
    "--strips average",
    "--strips kmeans,average",
    "--strips average,kmeans",
    "--strips kmeans,average,prominent,squeezed,least,equal",
};

/* Each comes back from its text as it was, and is equal to no other. */
static void test_round_trip(void)
{
    enum { N = sizeof lines / sizeof *lines };
    struct barcode_settings s[N];

    for (int i = 0; i < N; i++) {
        struct barcode_settings back = {.kmeans.k = -1};
        s[i] = settings_of(lines[i]);
        char *text = barcode_settings_text(&s[i]);
        barcode_settings_complete(&s[i]);
        for (int t = 0; barcode_settings_tables[t]; t++)
            if (!CHECK_INT(barcode_settings_read(text, barcode_settings_tables[t], &back), ST_OK))
                printf("    %s: %s\n", lines[i], status_message());
        if (!CHECK(difference(&s[i], &back) == NULL))
            printf("    %s: %s\n", lines[i], difference(&s[i], &back)->key);
        free(text);
        for (int j = 0; j < i; j++)
            if (!CHECK(difference(&s[i], &s[j]) != NULL))
                printf("    %s is not told from %s\n", lines[i], lines[j]);
    }
}

static void refuse(const char *text, const struct opt *rows, const char *says)
{
    struct barcode_settings s = {0};

    if (!CHECK_INT(barcode_settings_read(text, rows, &s), ST_USAGE) || !CHECK(strstr(status_message(), says)))
        printf("    %s: %s\n", text, status_message());
}

static void test_bad_text(void)
{
    static const char frames[] = "{\"every\":%s,\"every_unit\":%s,\"start\":%s,\"end\":%s,\"sampling\":%s}";
    static const char *const bad[][6] = {
        {"0", "\"frames\"", "null", "null", "\"key\"", "settings.every "},
        {"\"1\"", "\"frames\"", "null", "null", "\"key\"", "settings.every "},
        {"1", "\"weeks\"", "null", "null", "\"key\"", "settings.every_unit"},
        {"1", "\"frames\"", "-1", "null", "\"key\"", "settings.start"},
        {"1", "\"frames\"", "null", "\"101%\"", "\"key\"", "settings.end"},
        {"1", "\"frames\"", "null", "\"%\"", "\"key\"", "settings.end"},
        {"1", "\"frames\"", "null", "null", "true", "settings.sampling"},
    };
    char text[256];

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(text, sizeof text, frames, bad[i][0], bad[i][1], bad[i][2], bad[i][3], bad[i][4]);
        refuse(text, barcode_sampling_rows, bad[i][5]);
    }
    refuse("{\"every\":1}", barcode_sampling_rows, "settings.every_unit");
    refuse("{\"scale\":\"fit\",\"box\":[1],\"legacy\":true}", barcode_pixels_rows, "settings.box");
    refuse("{\"scale\":\"fit\",\"box\":[1,8193],\"legacy\":true}", barcode_pixels_rows, "8193");
    refuse("{\"scale\":\"fit\",\"box\":[1,4294967297],\"legacy\":true}", barcode_pixels_rows, "4294967297");
    refuse("{\"scale\":\"fit\",\"box\":[1,2],\"crop\":[1,2,3,4],\"legacy\":true}", barcode_pixels_rows,
           "settings.crop");
    refuse("{\"scale\":\"fit\",\"box\":[1,2],\"crop\":\"some\",\"legacy\":true}", barcode_pixels_rows, "settings.crop");
    refuse("{\"scale\":\"fit\",\"box\":[1,2],\"legacy\":1}", barcode_pixels_rows, "settings.legacy");
    /* What the command line would take, but no side-car holds. */
    refuse("{\"scale\":\"fit\",\"box\":\"480x270\",\"legacy\":true}", barcode_pixels_rows, "settings.box");
    refuse("{\"height\":9,\"order\":\"hue\",\"strips\":\"kmeans\"}", barcode_picture_rows, "settings.strips");
    refuse("{\"height\":9,\"order\":\"hue\",\"strips\":[\"kmeans,average\"]}", barcode_picture_rows, "settings.strips");
    refuse("{\"height\":9,\"order\":\"hue\",\"strips\":[[\"kmeans\"]]}", barcode_picture_rows, "settings.strips");
}

static void test_bad_options(void)
{
    static const char *const bad[][2] = {
        {"every", "24"},          {"every", "0f"},       {"every", "1.5f"},
        {"every", "0s"},          {"every", "f"},        {"columns", "0"},
        {"start", "-1"},          {"start", "1:60"},     {"start", "1:2:3:4"},
        {"end", "101%"},          {"end", "1:30%"},      {"strips", ""},
        {"strips", "kmeans,"},    {"strips", ",kmeans"}, {"strips", "kmeans,kmeans"},
        {"strips", "dots"},       {"sampling", "never"}, {"clusters", "33"},
        {"n-init", "0"},          {"height", "65536"},   {"scale", "0x1"},
        {"order", "size"},        {"seed", "-1"},        {"crop", "all"},
        {"crop", "1:2:3"},        {"crop", "1:2:3:4:5"}, {"crop", "-1:0:0:0"},
        {"crop", "1:2:3:65536"},  {"space", "hsv"},      {"chroma", "0"},
        {"chroma", "17"},         {"weight", "colour"},  {"near-black", "0"},
        {"near-black", "100"},    {"near-black", "-1"},  {"near-black", "0.00001"},
        {"near-black", "99.996"},
    };
    struct barcode_settings s;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        bool is_found = false;
        for (int t = 0; barcode_settings_tables[t]; t++)
            for (const struct opt *row = barcode_settings_tables[t]; row->kind != OPT_END; row++)
                if (row->name && strcmp(row->name, bad[i][0]) == 0) {
                    is_found = true;
                    s = (struct barcode_settings){0};
                    if (!CHECK_INT(opts_set(row, bad[i][1], &s), ST_USAGE))
                        printf("    --%s %s\n", bad[i][0], bad[i][1]);
                }
        CHECK(is_found);
    }
}

/* A lightness, or a share of white's; a cluster more has to have room. */
static void test_near_black(void)
{
    struct barcode_settings s = settings_of("--near-black 10 -k 32");

    CHECK_INT(s.kmeans.weights.near_black, 1000);
    CHECK_INT(barcode_settings_check(&s), ST_USAGE);
    s = settings_of("--near-black 0.1 -k 31");
    CHECK_INT(s.kmeans.weights.near_black, 1000);
    CHECK_INT(barcode_settings_check(&s), ST_OK);
    s = settings_of("-k 32");
    CHECK_INT(barcode_settings_check(&s), ST_OK);
    CHECK_INT(settings_of("--near-black 12.5").kmeans.weights.near_black, 1250);
    CHECK_INT(settings_of("--near-black 1").kmeans.weights.near_black, 100);
    check_text("--crop none --weight accent --near-black 0.125",
               "{\"every\":24,\"every_unit\":\"frames\",\"start\":null,\"end\":null,\"sampling\":\"exact\",\"k\":8,"
               "\"n_init\":48,\"weight\":\"accent\",\"near_black\":12.5,\"plain\":false,\"seed\":0,\"scale\":\"fit\","
               "\"box\":[480,270]," LAST);
    refuse("{\"k\":3,\"n_init\":1,\"near_black\":0,\"plain\":false,\"seed\":0}", barcode_kmeans_rows,
           "settings.near_black");
    refuse("{\"k\":3,\"n_init\":1,\"near_black\":\"10\",\"plain\":false,\"seed\":0}", barcode_kmeans_rows,
           "settings.near_black");
    refuse("{\"k\":3,\"n_init\":1,\"weight\":1,\"plain\":false,\"seed\":0}", barcode_kmeans_rows, "settings.weight");
}

int main(void)
{
    test_near_black();
    test_text();
    test_round_trip();
    test_bad_text();
    test_bad_options();
    return test_end();
}
