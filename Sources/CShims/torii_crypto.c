/* The digest states are plain structs only in libcrypto's older interface: that is why it is used here. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "torii_crypto.h"

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/md5.h>
#include <openssl/param_build.h>
#include <openssl/core_names.h>
#include <openssl/sha.h>
#include <string.h>

typedef union {
    MD5_CTX md5;
    SHA_CTX sha1;
    SHA256_CTX sha256;
    SHA512_CTX sha512;
} digest_context;

_Static_assert(sizeof(digest_context) <= sizeof(torii_digest_state), "room for every digest state");

size_t torii_digest_length(int algorithm)
{
    switch (algorithm) {
    case TORII_MD5: return 16;
    case TORII_SHA1: return 20;
    case TORII_SHA224: return 28;
    case TORII_SHA256: return 32;
    case TORII_SHA384: return 48;
    case TORII_SHA512: return 64;
    default: return 0;
    }
}

static size_t block_length(int algorithm)
{
    return algorithm == TORII_SHA384 || algorithm == TORII_SHA512 ? 128 : 64;
}

static void begin(torii_digest_state *state, int algorithm)
{
    digest_context *context = (digest_context *)state;
    switch (algorithm) {
    case TORII_MD5: MD5_Init(&context->md5); break;
    case TORII_SHA1: SHA1_Init(&context->sha1); break;
    case TORII_SHA224: SHA224_Init(&context->sha256); break;
    case TORII_SHA256: SHA256_Init(&context->sha256); break;
    case TORII_SHA384: SHA384_Init(&context->sha512); break;
    case TORII_SHA512: SHA512_Init(&context->sha512); break;
    }
}

static void update(torii_digest_state *state, int algorithm, const void *data, size_t length)
{
    digest_context *context = (digest_context *)state;
    switch (algorithm) {
    case TORII_MD5: MD5_Update(&context->md5, data, length); break;
    case TORII_SHA1: SHA1_Update(&context->sha1, data, length); break;
    case TORII_SHA224: SHA224_Update(&context->sha256, data, length); break;
    case TORII_SHA256: SHA256_Update(&context->sha256, data, length); break;
    case TORII_SHA384: SHA384_Update(&context->sha512, data, length); break;
    case TORII_SHA512: SHA512_Update(&context->sha512, data, length); break;
    }
}

static void finish(torii_digest_state *state, int algorithm, uint8_t *out)
{
    digest_context *context = (digest_context *)state;
    switch (algorithm) {
    case TORII_MD5: MD5_Final(out, &context->md5); break;
    case TORII_SHA1: SHA1_Final(out, &context->sha1); break;
    case TORII_SHA224: SHA224_Final(out, &context->sha256); break;
    case TORII_SHA256: SHA256_Final(out, &context->sha256); break;
    case TORII_SHA384: SHA384_Final(out, &context->sha512); break;
    case TORII_SHA512: SHA512_Final(out, &context->sha512); break;
    }
}

bool torii_digest(int algorithm, const void *data, size_t length, uint8_t *out)
{
    torii_digest_state state;
    if (!torii_digest_length(algorithm))
        return false;
    begin(&state, algorithm);
    update(&state, algorithm, data, length);
    finish(&state, algorithm, out);
    return true;
}

void torii_digest_begin(torii_digest_state *state, int algorithm)
{
    begin(state, algorithm);
}

void torii_digest_update(torii_digest_state *state, int algorithm, const void *data, size_t length)
{
    if (length)
        update(state, algorithm, data, length);
}

void torii_digest_finish(torii_digest_state *state, int algorithm, uint8_t *out)
{
    finish(state, algorithm, out);
}

bool torii_hmac_prepare(torii_hmac_key *key, int algorithm, const uint8_t *secret, size_t length)
{
    uint8_t block[128] = {0};
    size_t size = block_length(algorithm);
    if (!torii_digest_length(algorithm))
        return false;
    if (length > size)
        torii_digest(algorithm, secret, length, block);
    else if (length)
        memcpy(block, secret, length);
    for (size_t i = 0; i < size; i++)
        block[i] ^= 0x36;
    begin(&key->inner, algorithm);
    update(&key->inner, algorithm, block, size);
    for (size_t i = 0; i < size; i++)
        block[i] ^= 0x36 ^ 0x5c;
    begin(&key->outer, algorithm);
    update(&key->outer, algorithm, block, size);
    key->algorithm = algorithm;
    OPENSSL_cleanse(block, sizeof block);
    return true;
}

void torii_hmac_begin(torii_digest_state *state, const torii_hmac_key *key)
{
    *state = key->inner;
}

void torii_hmac_update(torii_digest_state *state, const torii_hmac_key *key, const void *data, size_t length)
{
    if (length)
        update(state, key->algorithm, data, length);
}

void torii_hmac_finish(torii_digest_state *state, const torii_hmac_key *key, uint8_t *out)
{
    uint8_t inner[TORII_LARGEST_DIGEST];
    finish(state, key->algorithm, inner);
    *state = key->outer;
    update(state, key->algorithm, inner, torii_digest_length(key->algorithm));
    finish(state, key->algorithm, out);
}

bool torii_equal(const void *left, const void *right, size_t length)
{
    return CRYPTO_memcmp(left, right, length) == 0;
}

void torii_forget(void *data, size_t length)
{
    OPENSSL_cleanse(data, length);
}

static inline uint64_t rotate(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

static inline uint64_t load64(const uint8_t *octets)
{
    uint64_t value;
    memcpy(&value, octets, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

#define SIP_ROUND                                                                                          \
    do {                                                                                                   \
        v0 += v1; v1 = rotate(v1, 13); v1 ^= v0; v0 = rotate(v0, 32);                                      \
        v2 += v3; v3 = rotate(v3, 16); v3 ^= v2;                                                           \
        v0 += v3; v3 = rotate(v3, 21); v3 ^= v0;                                                           \
        v2 += v1; v1 = rotate(v1, 17); v1 ^= v2; v2 = rotate(v2, 32);                                      \
    } while (0)

uint64_t torii_siphash24(const uint8_t *key, const void *data, size_t length)
{
    uint64_t k0 = load64(key), k1 = load64(key + 8);
    uint64_t v0 = 0x736f6d6570736575ULL ^ k0, v1 = 0x646f72616e646f6dULL ^ k1;
    uint64_t v2 = 0x6c7967656e657261ULL ^ k0, v3 = 0x7465646279746573ULL ^ k1;
    const uint8_t *octets = data;
    size_t whole = length & ~(size_t)7;
    for (size_t i = 0; i < whole; i += 8) {
        uint64_t word = load64(octets + i);
        v3 ^= word;
        SIP_ROUND;
        SIP_ROUND;
        v0 ^= word;
    }
    uint64_t last = (uint64_t)length << 56;
    for (size_t i = whole; i < length; i++)
        last |= (uint64_t)octets[i] << (8 * (i - whole));
    v3 ^= last;
    SIP_ROUND;
    SIP_ROUND;
    v0 ^= last;
    v2 ^= 0xff;
    SIP_ROUND;
    SIP_ROUND;
    SIP_ROUND;
    SIP_ROUND;
    return v0 ^ v1 ^ v2 ^ v3;
}
