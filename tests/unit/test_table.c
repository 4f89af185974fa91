/* test_table: what bench prints of its figures, as text and as JSON, to the byte. */
#include "bench/table.h"

#include "unit/test.h"

static struct bench_table table;

/* What is printed of the table: heap. */
static char *printed(bool as_json)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes);

    if (!file) {
        printf("out of memory\n");
        exit(1);
    }
    bench_table_print(&table, as_json, file);
    fclose(file);
    return text;
}

static void check_printed(bool as_json, const char *wanted)
{
    char *text = printed(as_json);

    CHECK_STR(text, wanted);
    free(text);
}

/* What a figure looks like: four digits that count, whatever its size. */
static void figures(void)
{
    static const struct {
        double v;
        const char *text;
    } cases[] = {{123456.7, "      123457 u"}, {1000.0, "        1000 u"},   {999.94, "       999.9 u"},
                 {99.994, "       99.99 u"},   {10.0, "       10.00 u"},     {9.8765, "       9.877 u"},
                 {0.1, "       0.100 u"},      {0.0987654, "     0.09877 u"}};
    char wanted[64];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bench_table_init(&table, "t");
        bench_table_row(&table, "u", true, cases[i].v, "x");
        snprintf(wanted, sizeof wanted, "t\n  x %s\n", cases[i].text);
        check_printed(false, wanted);
    }
}

static void nothing_in_it(void)
{
    bench_table_init(&table, "io");
    check_printed(false, "io\n");
    check_printed(true, "{\"bench\":\"io\",\"facts\":{},\"rows\":[]}\n");
}

/* A row of everything, one of the least there is, and a target without anything to hold it against. */
static void rows(void)
{
    bench_table_init(&table, "train");
    bench_table_fact(&table, "ranks", "%d", 4);
    bench_table_fact(&table, "device", "%s, %d threads", "GPU", 16);
    bench_row_limit(bench_table_row(&table, "ms", true, 3.0, "round, %d shards", 4), 2.0, "one rank / %d", 4);
    table.row[0].target = 1.5;
    bench_table_row(&table, "frames/s", false, 0.5, "extract");
    bench_table_row(&table, "s", true, 2048.0, "all")->target = 1.08;

    check_printed(false, "train\n"
                         "  ranks: 4\n"
                         "  device: GPU, 16 threads\n"
                         "  round, 4 shards        3.000 ms   1.500 of 2.000 (one rank / 4)   target <= 1.50: met\n"
                         "  extract                0.500 frames/s\n"
                         "  all                     2048 s\n");
    check_printed(true, "{\"bench\":\"train\",\"facts\":{\"ranks\":\"4\",\"device\":\"GPU, 16 threads\"},\"rows\":["
                        "{\"name\":\"round, 4 shards\",\"ours\":3,\"unit\":\"ms\",\"limit\":2,"
                        "\"limit_name\":\"one rank / 4\",\"ratio\":1.5,\"target\":1.5,\"lower_is_better\":true},"
                        "{\"name\":\"extract\",\"ours\":0.5,\"unit\":\"frames/s\",\"limit\":null,"
                        "\"limit_name\":null,\"ratio\":null,\"target\":null,\"lower_is_better\":false},"
                        "{\"name\":\"all\",\"ours\":2048,\"unit\":\"s\",\"limit\":null,"
                        "\"limit_name\":null,\"ratio\":null,\"target\":1.08,\"lower_is_better\":true}]}\n");
}

/* A target of ours / limit = ratio: "met", "missed", or "" where nothing is said. */
static void check_target(bool lower_is_better, double ours, double limit, double target, const char *wanted)
{
    char end[64] = "\n", *text;

    bench_table_init(&table, "t");
    struct bench_row *row = bench_table_row(&table, "u", lower_is_better, ours, "x");
    bench_row_limit(row, limit, "limit");
    row->target = target;
    text = printed(false);
    if (*wanted)
        snprintf(end, sizeof end, "   target %s %.2f: %s\n", lower_is_better ? "<=" : ">=", target, wanted);
    const size_t length = strlen(text), end_length = strlen(end);
    CHECK(length > end_length);
    CHECK_STR(text + length - end_length, end);
    CHECK((strstr(text, "target") != NULL) == (*wanted != '\0'));
    free(text);
}

static void targets(void)
{
    check_target(true, 107.0, 100.0, 1.08, "met");
    check_target(true, 109.0, 100.0, 1.08, "missed");
    check_target(true, 1.0, 2.0, 0.5, "met");
    check_target(false, 96.0, 100.0, 0.95, "met");
    check_target(false, 94.0, 100.0, 0.95, "missed");
    check_target(false, 1.0, 2.0, 0.5, "met");
    check_target(true, 109.0, 100.0, 0.0, "");
    check_target(true, 109.0, 0.0, 1.08, "");
}

/* Names are of films and devices: JSON stays JSON. */
static void odd_names(void)
{
    bench_table_init(&table, "t");
    bench_table_fact(&table, "film", "%s", "a \"b\" \\ c\n\xff%s.mkv");
    bench_row_limit(bench_table_row(&table, "u", true, 1.0, "%s", "\"x\""), 4.0, "%s", "\"y\"\t");
    check_printed(true,
                  "{\"bench\":\"t\",\"facts\":{\"film\":\"a \\\"b\\\" \\\\ c\\u000a\xef\xbf\xbd%s.mkv\"},\"rows\":["
                  "{\"name\":\"\\\"x\\\"\",\"ours\":1,\"unit\":\"u\",\"limit\":4,"
                  "\"limit_name\":\"\\\"y\\\"\\u0009\",\"ratio\":0.25,\"target\":null,\"lower_is_better\":true}]}\n");
}

/* What is beyond the room is left out: it can be filled in all the same, and what is there stays. */
static void too_much(void)
{
    char wanted[32];
    int n_lines = 0;

    bench_table_init(&table, "t");
    for (int i = 0; i < BENCH_MAX_FACTS + 3; i++)
        bench_table_fact(&table, "fact", "%d", i);
    for (int i = 0; i < BENCH_MAX_ROWS + 3; i++) {
        struct bench_row *row = bench_table_row(&table, "u", true, 1.0 + i, "row %d", i);
        if (!CHECK(row != NULL))
            return;
        bench_row_limit(row, 2.0, "limit %d", i);
        row->target = 3.0;
    }
    CHECK_INT(table.n_facts, BENCH_MAX_FACTS);
    CHECK_INT(table.n_rows, BENCH_MAX_ROWS);
    for (int i = 0; i < BENCH_MAX_ROWS; i++) {
        snprintf(wanted, sizeof wanted, "row %d", i);
        CHECK_STR(table.row[i].name, wanted);
        snprintf(wanted, sizeof wanted, "limit %d", i);
        CHECK_STR(table.row[i].limit_name, wanted);
        CHECK(table.row[i].ours == 1.0 + i);
    }
    snprintf(wanted, sizeof wanted, "%d", BENCH_MAX_FACTS - 1);
    CHECK_STR(table.fact[BENCH_MAX_FACTS - 1].text, wanted);

    char *text = printed(false);
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
        n_lines++;
    CHECK_INT(n_lines, 1 + BENCH_MAX_FACTS + BENCH_MAX_ROWS);
    free(text);
}

/* Texts that are too long are cut, and end. */
static void long_texts(void)
{
    char text[1000];

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    bench_table_init(&table, text);
    bench_table_fact(&table, text, "%s", text);
    struct bench_row *row = bench_table_row(&table, text, false, 1.0, "%s", text);
    bench_row_limit(row, 1.0, "%s", text);
    CHECK_INT(strlen(table.title), BENCH_TEXT_BYTES - 1);
    CHECK_INT(strlen(table.fact[0].name), sizeof table.fact[0].name - 1);
    CHECK_INT(strlen(table.fact[0].text), sizeof table.fact[0].text - 1);
    CHECK_INT(strlen(row->name), BENCH_TEXT_BYTES - 1);
    CHECK_INT(strlen(row->unit), sizeof row->unit - 1);
    CHECK_INT(strlen(row->limit_name), BENCH_TEXT_BYTES - 1);
    CHECK(row->ours == 1.0 && row->limit == 1.0);
}

int main(void)
{
    figures();
    nothing_in_it();
    rows();
    targets();
    odd_names();
    too_much();
    long_texts();
    return test_end();
}
