/* test_base: status, options, random numbers, memory. */
#include "base/json.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/rng.h"
#include "base/status.h"
#include "unit/test.h"

#include <math.h>
#include <sys/resource.h>

static void test_status(void)
{
    CHECK_INT(FAIL(ST_FORMAT, "%s: %d", "a\x1b[31m\n", 7), ST_FORMAT);
    CHECK_STR(status_message(), "a?[31m?: 7"); /* nothing that steers a terminal */
    CHECK_INT(status_exit_code(ST_OK), 0);
    CHECK_INT(status_exit_code(ST_BUG), 1);
    CHECK_INT(status_exit_code(ST_USAGE), 2);
    CHECK_INT(status_exit_code(ST_UNSUPPORTED), 2);
    CHECK_INT(status_exit_code(ST_FORMAT), 3);
    CHECK_INT(status_exit_code(ST_INTERRUPTED), 75);
    status_adopt("rank 3: gone");
    CHECK_STR(status_message(), "rank 3: gone");
}

static void test_numbers(void)
{
    static const char *const no_ints[] = {"",
                                          " 1",
                                          "1 ",
                                          "+1",
                                          "0x10",
                                          "1e1",
                                          "1.0",
                                          "-",
                                          "--1",
                                          "x",
                                          "1x",
                                          "\n",
                                          "9223372036854775808",
                                          "-9223372036854775809",
                                          "99999999999999999999",
                                          "18446744073709551617",
                                          "inf"};
    static const char *const no_reals[] = {"",    " 1", "1 ", "+1",    "-1",  "0x10",  "inf", "nan",  "1e",
                                           "1e+", "e5", ".",  "1.2.3", "1,5", "1e400", ".e1", "1e5x", "0x1p3"};
    int64_t wide = 7;
    int32_t a = 7, b = 7;
    uint64_t large = 7;
    double real = 7;

    CHECK(number_read_int("9223372036854775807", INT64_MIN, INT64_MAX, &wide) && wide == INT64_MAX);
    CHECK(number_read_int("-9223372036854775808", INT64_MIN, INT64_MAX, &wide) && wide == INT64_MIN);
    CHECK(number_read_int("0007", 0, 10, &wide) && wide == 7);
    CHECK(number_read_int("-0", -1, 1, &wide) && wide == 0);
    wide = 7;
    for (size_t i = 0; i < sizeof no_ints / sizeof *no_ints; i++)
        if (!CHECK(!number_read_int(no_ints[i], INT64_MIN, INT64_MAX, &wide)))
            printf("    %s\n", no_ints[i]);
    CHECK(!number_read_int("5", 6, 10, &wide) && !number_read_int("11", 6, 10, &wide));
    CHECK_INT(wide, 7);                                                          /* as before */
    CHECK(!number_read_int32("4294967297", INT32_MIN, INT32_MAX, &a) && a == 7); /* not 1 */
    CHECK(number_read_int32("-2147483648", INT32_MIN, INT32_MAX, &a) && a == INT32_MIN);

    const char *text = "18446744073709551615of";
    CHECK(number_next_u64(&text, UINT64_MAX, &large) && large == UINT64_MAX);
    CHECK_STR(text, "of");
    CHECK(!number_next_u64(&text, UINT64_MAX, &large) && large == UINT64_MAX);
    CHECK_STR(text, "of");
    text = "12";
    CHECK(!number_next_u64(&text, 11, &large));
    CHECK_STR(text, "12");

    CHECK(number_read_pair("480x270", 'x', 1, 8192, &a, &b) && a == 480 && b == 270);
    a = b = 7;
    static const char *const no_pairs[] = {"480",   "480x",     "x270",         "480x270x",     "480x270 ", "480 x270",
                                           "0x270", "480x8193", "4294967297x1", "1x4294967297", "480X270",  ""};
    for (size_t i = 0; i < sizeof no_pairs / sizeof *no_pairs; i++)
        if (!CHECK(!number_read_pair(no_pairs[i], 'x', 1, 8192, &a, &b)))
            printf("    %s\n", no_pairs[i]);
    CHECK(a == 7 && b == 7);

    CHECK(number_read_real("2.5e-3", &real) && real == 2.5e-3);
    CHECK(number_read_real(".5", &real) && real == 0.5);
    CHECK(number_read_real("5.", &real) && real == 5.0);
    for (size_t i = 0; i < sizeof no_reals / sizeof *no_reals; i++)
        if (!CHECK(!number_read_real(no_reals[i], &real)))
            printf("    %s\n", no_reals[i]);
    text = "1.5:30";
    CHECK(number_next_decimal(&text, &real) && real == 1.5);
    CHECK_STR(text, ":30");
    text = "0x10"; /* strtod would read 16 */
    CHECK(!number_next_decimal(&text, &real));
}

static void test_rng(void)
{
    /* Known answers of the reference implementation, Random123 kat_vectors: philox4x32 10. */
    const struct rng_block zero = rng_philox(0, 0, 0, 0, 0);
    const struct rng_block ones = rng_philox(UINT64_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX);
    const struct rng_block pi = rng_philox(0x299f31d0a4093822, 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344);
    const uint32_t zero_wanted[4] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
    const uint32_t ones_wanted[4] = {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd};
    const uint32_t pi_wanted[4] = {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1};

    for (int i = 0; i < 4; i++) {
        CHECK_INT(zero.word[i], zero_wanted[i]);
        CHECK_INT(ones.word[i], ones_wanted[i]);
        CHECK_INT(pi.word[i], pi_wanted[i]);
    }
    CHECK_INT(rng_below(0, 0, 1000), 0);
    CHECK_INT(rng_below(UINT32_MAX, UINT32_MAX, 1000), 999);
    CHECK_INT(rng_below(0x80000000, 0, 1000), 500);
    CHECK(rng_below(UINT32_MAX, UINT32_MAX, UINT64_MAX) == UINT64_MAX - 1);
}

static void test_mem(void)
{
    size_t room = 0;
    int *array = NULL;

    for (size_t n = 0; n < 1000; n++) {
        int *grown = mem_grow(array, n, &room, sizeof *array);
        if (!CHECK(grown))
            break;
        array = grown;
        array[n] = (int)n;
    }
    for (int i = 0; i < 1000; i++)
        CHECK_INT(array[i], i);
    free(array);
    CHECK(mem_array((size_t)-1 / 4, 8) == NULL);
    CHECK(strstr(status_message(), "out of memory"));
    void *empty = mem_array(0, 8);
    CHECK(empty != NULL);
    free(empty);
}

static void test_mem_limit(void)
{
    const double before = mem_limit();
    struct rlimit old, less = {0};

    CHECK(before > 0x1p20);
#ifdef __SANITIZE_ADDRESS__ /* its shadow is larger than any limit */
    return;
#endif
    CHECK_INT(getrlimit(RLIMIT_DATA, &old), 0);
    less = old;
    less.rlim_cur = 1 << 20;
    CHECK_INT(setrlimit(RLIMIT_DATA, &less), 0);
    const double now = mem_limit();
    CHECK_INT(setrlimit(RLIMIT_DATA, &old), 0);
    CHECK(now == 0x1p20);
    CHECK(mem_limit() == before);
}

/* Of each value in turn: where it ends, whatever the pieces are in which it comes. */
static void test_json_walk(void)
{
    static const struct {
        const char *text;
        int length; /* of the value; -1: it goes on */
    } cases[] = {
        {"1,2", 1},         {"-1.5e3]", 6},    {"true }", 4}, {"12", -1}, {"\"a\",", 3},
        {"\"a\\\"b\"x", 6}, {"\"a\\\\\"x", 5}, {"{}", 2},     {"[]]", 2}, {"[1,[2,{\"a\":\"]}\"}],3] ,", 20},
        {"{\"a\":[", -1},   {"\"abc", -1},     {"}", 0},      {",", 0},   {"1[", 1},
        {"\"a\"\"b\"", 3},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t piece = 1; piece < 30; piece++) {
            const size_t n = strlen(cases[i].text);
            struct json_walk walk = {0};
            bool ended = false;
            size_t at = 0;
            while (at < n && !ended)
                at += json_walk(&walk, cases[i].text + at, n - at < piece ? n - at : piece, &ended);
            if (!CHECK_INT(ended ? (int)at : -1, cases[i].length))
                printf("    %s by %zu\n", cases[i].text, piece);
        }
    CHECK_INT(json_depth("[[],[[\"[[[[\"]]]", 14), 3);
    CHECK_INT(json_depth("]]]][", 5), 1);
    CHECK_INT(json_depth("", 0), 0);
}

int main(void)
{
    test_status();
    test_numbers();
    test_rng();
    test_mem();
    test_mem_limit();
    test_json_walk();
    return test_end();
}
