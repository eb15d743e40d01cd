#ifndef TORII_CRYPTO_H
#define TORII_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Keyed hashes over libcrypto, without one allocation per message: a key is hashed into its inner and outer state
 * once, and each message starts from a copy of those states.
 */

enum {
    TORII_MD5 = 0,
    TORII_SHA1 = 1,
    TORII_SHA224 = 2,
    TORII_SHA256 = 3,
    TORII_SHA384 = 4,
    TORII_SHA512 = 5
};

enum { TORII_LARGEST_DIGEST = 64 };

/* Room for the largest digest state of libcrypto (SHA-512); checked when the shim is compiled. */
typedef struct {
    uint64_t octets[28];
} torii_digest_state;

typedef struct {
    torii_digest_state inner;
    torii_digest_state outer;
    int algorithm;
} torii_hmac_key;

/* Octets of the digest; 0 for an unknown algorithm. */
size_t torii_digest_length(int algorithm);
/* Prepares a key (RFC 2104 2); false for an unknown algorithm. */
bool torii_hmac_prepare(torii_hmac_key *key, int algorithm, const uint8_t *secret, size_t length);
void torii_hmac_begin(torii_digest_state *state, const torii_hmac_key *key);
void torii_hmac_update(torii_digest_state *state, const torii_hmac_key *key, const void *data, size_t length);
/* Writes the whole digest; `state` is used up. */
void torii_hmac_finish(torii_digest_state *state, const torii_hmac_key *key, uint8_t *out);
/* A plain digest of `data`; false for an unknown algorithm. */
bool torii_digest(int algorithm, const void *data, size_t length, uint8_t *out);
/* The same piece by piece; the algorithm is a known one. */
void torii_digest_begin(torii_digest_state *state, int algorithm);
void torii_digest_update(torii_digest_state *state, int algorithm, const void *data, size_t length);
void torii_digest_finish(torii_digest_state *state, int algorithm, uint8_t *out);
/* Whether the octets agree, in a time that does not depend on them. */
bool torii_equal(const void *left, const void *right, size_t length);
/* Overwrites a secret so that the compiler cannot leave it out. */
void torii_forget(void *data, size_t length);
/* SipHash-2-4 with a key of 16 octets; the result's octets in the order of the reference code. */
uint64_t torii_siphash24(const uint8_t *key, const void *data, size_t length);

#endif
