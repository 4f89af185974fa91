/* test_opts: tables of options: command lines, defaults, help, values as text, comparisons. */
#include "base/opts.h"

#include "unit/test.h"

enum colour { RED, GREEN, N_COLOURS };

struct things {
    bool flag, named;
    int32_t small;
    uint64_t large;
    enum colour colour;
    int width, height;
    double real, duration, bytes;
    const char *name, *text, *picture;
    int custom;
};

#define AT(member) OPT_AT(struct things, member)

static const char *const colour_names[] = {"red", "green"}, *const yes_no[] = {"no", "yes"};

static enum status parse_custom(const struct opt *row, const char *text, void *base)
{
    (void)row;
    ((struct things *)base)->custom = (int)strlen(text);
    return text[0] == '!' ? FAIL(ST_USAGE, "--custom %s: no", text) : ST_OK;
}

static void print_custom(const struct opt *row, const void *base, char *text, size_t room)
{
    (void)row;
    snprintf(text, room, "[%d]", ((const struct things *)base)->custom);
}

static const struct opt rows[] = {
    {OPT_FLAG, "flag", 'f', NULL, "a flag", AT(flag), .key = "flag"},
    {OPT_FLAG, "named", 0, NULL, "a flag with names", AT(named), OPT_NAMES(yes_no), .key = "named"},
    {OPT_INT, "small", 's', "N", "a small number", "7", AT(small), .low = -3, .high = 9, .key = "small"},
    {OPT_INT, "large", 0, "N", "a large number", AT(large), .high = INT64_MAX, .key = "large", .most = UINT64_MAX},
    {OPT_INT, "alias", 0, "N", NULL, AT(small), .low = -3, .high = 9},
    {OPT_CHOICE, "colour", 0, "COLOUR", "a colour", "green", AT(colour), OPT_NAMES(colour_names), .key = "colour"},
    {OPT_PAIR, "box", 0, "WxH", "a box", "4x3", AT(width), .low = 1, .high = 100, .key = "box"},
    {OPT_REAL, "real", 0, "X", "a real number", AT(real), .key = "real"},
    {OPT_DURATION, "duration", 0, "T", "a time", "90s", AT(duration)},
    {OPT_BYTES, "bytes", 0, "B", "so many bytes", AT(bytes), .excludes = "real"},
    {OPT_NAME, "name", 0, "NAME", "a name", "red", AT(name), OPT_NAMES(colour_names)},
    {OPT_TEXT, "text", 0, "TEXT", "any text", AT(text)},
    {OPT_PICTURE, "output", 'o', "OUT.png", "a picture", AT(picture)},
    {OPT_CUSTOM, "custom", 0, "C",
     "its own reader, and a help that is so long that it does not go into one line of a terminal and has to be wrapped",
     .parse = parse_custom, .key = "custom", .print = print_custom},
    {.kind = OPT_END},
};

static const struct opt_group groups[] = {{"All", rows, 0}, {0}};

static struct opts_line line;
static const char *operand[2];

static enum status parse(struct things *t, const char *words)
{
    static char copy[400];
    char *argv[24] = {(char *)"paint"}, *at = copy;
    int argc = 1;

    snprintf(copy, sizeof copy, "%s", words);
    for (char *word; (word = strsep(&at, " ")) && argc < 24;)
        if (*word)
            argv[argc++] = word;
    *t = (struct things){0};
    line.operand = operand;
    return opts_parse("paint", groups, t, argc, argv, 2, &line);
}

static bool is_given(const char *name)
{
    for (int i = 0; i < line.n_rows; i++)
        if (strcmp(line.row[i]->name, name) == 0)
            return line.is_given[i];
    return false;
}

static void test_good(void)
{
    struct things t;

    CHECK_INT(parse(&t, ""), ST_OK);
    CHECK(!t.flag && !t.named && t.small == 7 && t.large == 0 && t.colour == GREEN && t.width == 4 && t.height == 3);
    CHECK(t.real == 0 && t.duration == 90 && t.bytes == 0 && !t.text && !t.picture && t.custom == 0);
    CHECK(t.name == colour_names[RED]);
    CHECK(line.n_operands == 0 && !line.wants_help && !is_given("small"));
    CHECK_INT(parse(&t, "film -f --named -s 9 --large 9223372036854775807 --box 100x1 --colour=red -- -x"), ST_OK);
    CHECK(t.flag && t.named && t.small == 9 && t.large == INT64_MAX && t.width == 100 && t.height == 1);
    CHECK(t.colour == RED && is_given("flag") && is_given("small") && is_given("colour") && !is_given("name"));
    CHECK(line.n_operands == 2 && strcmp(operand[0], "film") == 0 && strcmp(operand[1], "-x") == 0);
    CHECK_INT(parse(&t, "-s-3 --real 0.5 --duration 1:30 --name green --text a=b -o x.png --custom abc"), ST_OK);
    CHECK(t.small == -3 && t.real == 0.5 && t.duration == 90 && t.name == colour_names[GREEN] && t.custom == 3);
    CHECK_STR(t.text, "a=b");
    CHECK_STR(t.picture, "x.png");
    CHECK_INT(parse(&t, "--alias 2"), ST_OK);
    CHECK_INT(t.small, 2);
    CHECK_INT(parse(&t, "--bytes 2K --smal 5"), ST_OK); /* a beginning of one name only */
    CHECK(t.bytes == 2048 && t.small == 5);
    CHECK_INT(parse(&t, "a b c --help"), ST_OK);
    CHECK(line.wants_help);
    CHECK_INT(parse(&t, "-h"), ST_OK);
    CHECK(line.wants_help);
}

static void test_bad(void)
{
    static const struct {
        const char *words, *says;
    } cases[] = {
        {"--nonsense", "unknown option --nonsense"},
        {"-z", "unknown option -z (see: jacquard paint --help)"},
        {"--flag=1", "an argument where none belongs"},
        {"-s", "-s needs an argument"},
        {"--text", "--text needs an argument"},
        {"a b c", "too many arguments: c"},
        {"-s 10", "-s 10: a whole number from -3 to 9 is wanted"},
        {"-s -4", "-s -4: "},
        {"-s 1x", "-s 1x: "},
        {"--alias 10", "--alias 10: a whole number from -3 to 9"},
        {"--large -1", "--large -1: a whole number from 0 to "},
        {"--large 9223372036854775808", "--large "},
        {"--colour blue", "--colour blue: one of red, green is wanted"},
        {"--colour gree", "--colour gree: "},
        {"--name blue", "--name blue: one of red, green is wanted"},
        {"--box 101x1", "--box 101x1: WxH like 4x3 is wanted, each 1 to 100"},
        {"--box 1x0", "--box"},
        {"--box 1x", "--box"},
        {"--box 1x2x3", "--box"},
        {"--real 0", "--real 0: a number above 0 is wanted"},
        {"--duration soon", "--duration soon: a time above 0"},
        {"--bytes lots", "--bytes lots: a number of bytes"},
        {"-o x.jpg", "-o x.jpg: pictures are written as PNG"},
        {"--custom !", "--custom !: no"},
        {"--bytes 1 --real 1", "--real and --bytes exclude each other"},
    };
    struct things t;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (!CHECK_INT(parse(&t, cases[i].words), ST_USAGE) || !CHECK(strstr(status_message(), cases[i].says)))
            printf("    %s: %s\n", cases[i].words, status_message());
}

static void test_bad_default(void)
{
    static const struct opt bad[] = {{OPT_INT, "n", 0, "N", "n", "10", AT(small), .high = 9}, {.kind = OPT_END}};
    struct things t = {0};

    CHECK_INT(opts_init(bad, &t), ST_BUG);
}

/* ---- readers ---- */

static const struct opt *row_of(const char *name)
{
    for (const struct opt *row = rows; row->kind != OPT_END; row++)
        if (strcmp(row->name, name) == 0)
            return row;
    return NULL;
}

static void test_numbers(void)
{
    static const char *const bad_int[] = {"", "0", "33", "8x", "x", "1e1", "99999999999999999999", " 8", "+8"};
    static const char *const bad_real[] = {"", "0", "-1", "nan", "inf", "1s", "0x10", " 1", "+1"};
    int64_t value;
    double real;

    CHECK_INT(opts_int("-k", "32", 1, 32, &value), ST_OK);
    CHECK_INT(value, 32);
    for (size_t i = 0; i < sizeof bad_int / sizeof *bad_int; i++)
        CHECK_INT(opts_int("-k", bad_int[i], 1, 32, &value), ST_USAGE);
    for (size_t i = 0; i < sizeof bad_real / sizeof *bad_real; i++)
        CHECK_INT(opts_positive("--every", bad_real[i], &real), ST_USAGE);
}

static void test_durations(void)
{
    static const struct {
        const char *text;
        double seconds;
    } good[] = {{"90", 90},       {"90s", 90},          {"0.5", 0.5},    {"15m", 900},      {"1.5h", 5400},
                {"12h", 43200},   {"2d", 172800},       {"30:00", 1800}, {"1:30:00", 5400}, {"0:00:01.5", 1.5},
                {"100:00", 6000}, {"48:00:00", 172800}, {".5m", 30}};
    static const char *const bad[] = {"",     "0",   "0s",   "0:00",    "-1",    "+1", " 1",      "1 ",    "s",
                                      "1x",   "1sm", "1:60", "1:60:00", "1:",    ":1", "1:2:3:4", "1:30m", "1.5:00",
                                      "0x10", "1e3", "nan",  "inf",     "1.2.3", ".",  "1,5",     "1:-5"};
    double seconds;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!CHECK_INT(opts_duration("--t", good[i].text, &seconds), ST_OK) || !CHECK(seconds == good[i].seconds))
            printf("    %s\n", good[i].text);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (!CHECK_INT(opts_duration("--t", bad[i], &seconds), ST_USAGE))
            printf("    %s\n", bad[i]);
    CHECK_INT(opts_duration("--time-limit", "soon", &seconds), ST_USAGE);
    CHECK(strstr(status_message(), "--time-limit soon"));
}

static void test_bytes(void)
{
    static const struct {
        const char *text;
        double bytes;
    } good[] = {{"1", 1},
                {"1048576", 1048576},
                {"1K", 1024},
                {"512M", 536870912.0},
                {"2G", 2147483648},
                {"1.5g", 1610612736},
                {"3T", 3298534883328.0},
                {"0.3K", 307},
                {"8192T", 0x1p53}};
    static const char *const bad[] = {"",    "0",   "0G",  "-1",   "1.5", "G",     "1GB",    "1P", "1 G",
                                      " 1G", "nan", "inf", "0x10", "1e9", "8193T", "1.2.3K", ".K", "0.0001K"};
    struct things t;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!CHECK_INT(opts_set(row_of("bytes"), good[i].text, &t), ST_OK) || !CHECK(t.bytes == good[i].bytes))
            printf("    %s\n", good[i].text);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (!CHECK_INT(opts_set(row_of("bytes"), bad[i], &t), ST_USAGE))
            printf("    %s\n", bad[i]);
}

static void test_pictures(void)
{
    static const char *const good[] = {"x.png",   "x.PNG", "x",        "./x", "dir.jpg/x",
                                       "film.v2", "jpg",   ".jpg.png", "x.",  ""};
    static const char *const bad[] = {"x.jpg", "x.JPG",  "a.b/x.jpeg", "x.webp",    "x.gif",
                                      "x.tif", "x.tiff", "x.bmp",      "x.png.jpg", ".jpg"};
    struct things t;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!CHECK_INT(opts_set(row_of("output"), good[i], &t), ST_OK) || !CHECK(t.picture == good[i]))
            printf("    %s\n", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (!CHECK_INT(opts_set(row_of("output"), bad[i], &t), ST_USAGE) ||
            !CHECK(strstr(status_message(), "PNG") != NULL))
            printf("    %s\n", bad[i]);
}

/* ---- help ---- */

static char *text_of_help(void)
{
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);

    opts_print(out, groups);
    fclose(out);
    return text;
}

static void test_help(void)
{
    char *help = text_of_help();
    size_t longest = 0;

    CHECK(strstr(help, "\nAll:\n  -f, --flag                a flag\n"));
    CHECK(strstr(help, "      --colour COLOUR       a colour: red, green (default)\n"));
    CHECK(strstr(help, "  -s, --small N             a small number (default 7)\n"));
    CHECK(strstr(help, "      --named               a flag with names\n"));
    CHECK(strstr(help, "--alias") == NULL);
    for (const char *at = help; *at; at += strcspn(at, "\n") + 1)
        longest = strcspn(at, "\n") > longest ? strcspn(at, "\n") : longest;
    CHECK(longest > 100 && longest <= 120);
    free(help);
}

/* ---- values ---- */

static void check_text(const struct things *t, const char *name, const char *plain, const char *json)
{
    char text[64];

    opts_text(row_of(name), t, false, text, sizeof text);
    CHECK_STR(text, plain);
    opts_text(row_of(name), t, true, text, sizeof text);
    CHECK_STR(text, json);
}

static void test_texts(void)
{
    const struct things t = {.flag = true,
                             .named = true,
                             .small = 5,
                             .large = UINT64_MAX,
                             .colour = GREEN,
                             .width = 6,
                             .height = 7,
                             .real = 0.1,
                             .custom = 4};
    struct things other = {.colour = RED};
    uint64_t least, most;

    check_text(&t, "flag", "true", "true");
    check_text(&other, "flag", "false", "false");
    check_text(&t, "named", "yes", "\"yes\"");
    check_text(&t, "small", "5", "5");
    check_text(&t, "large", "18446744073709551615", "18446744073709551615");
    check_text(&t, "colour", "green", "\"green\"");
    check_text(&t, "box", "6x7", "[6,7]");
    check_text(&t, "real", "0.10000000000000001", "0.10000000000000001");
    check_text(&t, "custom", "[4]", "[4]");
    opts_range(row_of("large"), &least, &most);
    CHECK(least == 0 && most == UINT64_MAX);
    opts_range(row_of("colour"), &least, &most);
    CHECK(least == 0 && most == 1);
    opts_set_number(row_of("colour"), &other, GREEN);
    CHECK_INT(other.colour, GREEN);
    CHECK_INT(opts_number(row_of("large"), &t), -1);
}

/* Each member with a key tells two apart; one without does not. */
static void test_difference(void)
{
    const struct things a = {.real = 1};
    struct things b;

    for (int i = 0; i < 8; i++) {
        static const char *const names[] = {"flag", "named", "small", "large", "colour", "box", "real", "custom"};
        b = a;
        b.flag = i == 0;
        b.named = i == 1;
        b.small = i == 2;
        b.large = i == 3;
        b.colour = i == 4 ? GREEN : RED;
        b.height = i == 5;
        b.real = i == 6 ? 1.0000000000000002 : 1;
        b.custom = i == 7;
        const struct opt *row = opts_difference(rows, &a, &b);
        CHECK(row != NULL && strcmp(row->name, names[i]) == 0);
    }
    b = a;
    b.duration = 3;
    CHECK(opts_difference(rows, &a, &b) == NULL);
}

int main(void)
{
    test_good();
    test_bad();
    test_bad_default();
    test_numbers();
    test_durations();
    test_bytes();
    test_pictures();
    test_help();
    test_texts();
    test_difference();
    return test_end();
}
