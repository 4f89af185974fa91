/* test_sha256: the examples that NIST publishes for FIPS 180-4, lengths around a block's end, pieces of any size, and
 * both inner loops. */
#include "base/sha256.h"
#include "base/sha256_blocks.h"

#include "test.h"

static void check_text(const char *text, const char *wanted)
{
    char hex[2 * SHA256_BYTES + 1];

    sha256_hex(text, strlen(text), hex);
    CHECK_STR(hex, wanted);
}

static void standard_vectors(void)
{
    static char million[1000001];

    check_text("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check_text("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    check_text("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
               "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    check_text("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrs"
               "tnopqrstu",
               "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
    memset(million, 'a', sizeof million - 1);
    check_text(million, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* The digests of 0 to 199 bytes "a", one after the other: what Python's hashlib makes of them. */
static void every_length(void)
{
    struct sha256 all, one;
    uint8_t digest[SHA256_BYTES];
    char text[200], hex[2 * SHA256_BYTES + 1] = "";

    memset(text, 'a', sizeof text);
    sha256_init(&all);
    for (size_t n = 0; n < sizeof text; n++) {
        sha256_init(&one);
        sha256_add(&one, text, n);
        sha256_end(&one, digest);
        sha256_add(&all, digest, sizeof digest);
    }
    sha256_end(&all, digest);
    for (int i = 0; i < SHA256_BYTES; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    CHECK_STR(hex, "752c007f38611cfbf5fa42cb1cea3d8e086491c844d0cc4defd632cb81423506");
}

static void any_pieces(void)
{
    uint8_t bytes[1000], whole[SHA256_BYTES], digest[SHA256_BYTES];
    struct sha256 sha;

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 167 + (i >> 3));
    sha256_init(&sha);
    sha256_add(&sha, bytes, sizeof bytes);
    sha256_end(&sha, whole);
    for (size_t piece = 1; piece < 200; piece++) {
        sha256_init(&sha);
        for (size_t at = 0; at < sizeof bytes; at += piece)
            sha256_add(&sha, bytes + at, sizeof bytes - at < piece ? sizeof bytes - at : piece);
        sha256_end(&sha, digest);
        CHECK(memcmp(digest, whole, sizeof whole) == 0);
    }
}

/* The processor's own instructions, where it has them. */
static void all_loops(void)
{
    uint32_t state[8], plain[8];
    uint8_t bytes[64 * 9];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 211 + (i >> 2));
    for (size_t n = 0; n <= 9; n++) {
        for (uint32_t i = 0; i < 8; i++)
            state[i] = plain[i] = 0x9E3779B9u * (i + 1);
        sha256_blocks_plain(plain, bytes, n);
        sha256_best_blocks()(state, bytes, n);
        CHECK(memcmp(state, plain, sizeof state) == 0);
    }
}

int main(void)
{
    all_loops();
    standard_vectors();
    every_length();
    any_pieces();
    return test_end();
}
