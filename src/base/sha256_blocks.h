/* sha256_blocks: the inner loop of sha256.c, in plain C and in the SHA instructions of x86; both give the same digests.
 * Private to sha256*.c. */
#ifndef JACQUARD_BASE_SHA256_BLOCKS_H
#define JACQUARD_BASE_SHA256_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

/* FIPS 180-4, 4.2.2: the first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
extern const uint32_t sha256_constant[64];

/* Adds n blocks of 64 bytes to the state. */
typedef void sha256_blocks(uint32_t state[8], const uint8_t *block, size_t n);

sha256_blocks sha256_blocks_plain;

/* The fastest that this processor runs. */
sha256_blocks *sha256_best_blocks(void);

#endif
