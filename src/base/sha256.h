/* SHA-256 (FIPS 180-4): what the hub names large files by. For checking, not for secrets. */
#ifndef PARALLM_BASE_SHA256_H
#define PARALLM_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

struct sha256 {
    uint32_t state[8];
    uint64_t n_bytes;
    uint8_t block[64]; /* the last n_bytes % 64 bytes, not yet mixed in */
};

void sha256_init(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *bytes, size_t n);

/* The digest of all that was added as 64 lower-case hexadecimal digits and a NUL; *s is used up. */
void sha256_hex(struct sha256 *s, char out[65]);

#endif
