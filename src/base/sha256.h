/* sha256: the Secure Hash Algorithm of FIPS 180-4, section 6.2, over bytes that come in any pieces. */
#ifndef JACQUARD_BASE_SHA256_H
#define JACQUARD_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { SHA256_BYTES = 32 };

struct sha256 {
    uint32_t state[8];
    uint64_t n_bytes; /* so far */
    uint8_t block[64];
};

void sha256_init(struct sha256 *sha);
void sha256_add(struct sha256 *sha, const void *bytes, size_t n);
void sha256_end(struct sha256 *sha, uint8_t digest[SHA256_BYTES]); /* sha256_init begins another one */

/* Of n bytes. */
void sha256_of(const void *bytes, size_t n, uint8_t digest[SHA256_BYTES]);

/* A digest as 64 lower-case hexadecimal digits and a 0. */
void sha256_digits(const uint8_t digest[SHA256_BYTES], char hex[2 * SHA256_BYTES + 1]);

/* Of n bytes, as 64 lower-case hexadecimal digits and a 0. */
void sha256_hex(const void *bytes, size_t n, char hex[2 * SHA256_BYTES + 1]);

#endif
