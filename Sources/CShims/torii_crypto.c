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

static EVP_PKEY *rsa_key(const uint8_t *key, size_t length)
{
    /* RFC 3110 2: one octet of exponent length, or zero and two octets. */
    if (length < 3)
        return NULL;
    size_t start = 1, size = key[0];
    if (!size) {
        start = 3;
        size = (size_t)key[1] << 8 | key[2];
    }
    if (!size || size > 64 || start + size + 64 > length || length - start - size > 512)
        return NULL;
    BIGNUM *e = BN_bin2bn(key + start, (int)size, NULL);
    BIGNUM *n = BN_bin2bn(key + start + size, (int)(length - start - size), NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    OSSL_PARAM *parameters = NULL;
    EVP_PKEY *result = NULL;
    if (e && n && build && context && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n)
        && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) && (parameters = OSSL_PARAM_BLD_to_param(build))
        && EVP_PKEY_fromdata_init(context) == 1)
        EVP_PKEY_fromdata(context, &result, EVP_PKEY_PUBLIC_KEY, parameters);
    OSSL_PARAM_free(parameters);
    OSSL_PARAM_BLD_free(build);
    EVP_PKEY_CTX_free(context);
    BN_free(e);
    BN_free(n);
    return result;
}

static EVP_PKEY *ec_key(const char *group, size_t coordinate, const uint8_t *key, size_t length)
{
    uint8_t point[97];
    if (length != 2 * coordinate)
        return NULL;
    point[0] = 4;
    memcpy(point + 1, key, length);
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, length + 1),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *result = NULL;
    if (context && EVP_PKEY_fromdata_init(context) == 1)
        EVP_PKEY_fromdata(context, &result, EVP_PKEY_PUBLIC_KEY, parameters);
    EVP_PKEY_CTX_free(context);
    return result;
}

/* The two halves of a DNSSEC ECDSA signature as DER; 0 when they do not fit. */
static size_t ecdsa_der(const uint8_t *signature, size_t length, size_t coordinate, uint8_t *out, size_t capacity)
{
    if (length != 2 * coordinate)
        return 0;
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature, (int)coordinate, NULL), *s = BN_bin2bn(signature + coordinate, (int)coordinate, NULL);
    size_t used = 0;
    if (pair && r && s && ECDSA_SIG_set0(pair, r, s)) {
        r = s = NULL; /* now owned by the pair */
        int size = i2d_ECDSA_SIG(pair, NULL);
        if (size > 0 && (size_t)size <= capacity) {
            uint8_t *cursor = out;
            used = (size_t)i2d_ECDSA_SIG(pair, &cursor);
        }
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(pair);
    return used;
}

int torii_signature_verify(int dnssec_algorithm, const uint8_t *key, size_t key_length, const uint8_t *signature,
    size_t signature_length, const uint8_t *data, size_t length)
{
    uint8_t der[160];
    EVP_PKEY *public_key = NULL;
    const EVP_MD *digest = NULL;
    switch (dnssec_algorithm) {
    case 5: case 7: digest = EVP_sha1(); public_key = rsa_key(key, key_length); break;
    case 8: digest = EVP_sha256(); public_key = rsa_key(key, key_length); break;
    case 10: digest = EVP_sha512(); public_key = rsa_key(key, key_length); break;
    case 13: digest = EVP_sha256(); public_key = ec_key("P-256", 32, key, key_length); break;
    case 14: digest = EVP_sha384(); public_key = ec_key("P-384", 48, key, key_length); break;
    case 15: public_key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, key_length); break;
    case 16: public_key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED448, NULL, key, key_length); break;
    default: return -1;
    }
    int result = -1;
    if (public_key) {
        if (dnssec_algorithm == 13 || dnssec_algorithm == 14) {
            signature_length = ecdsa_der(signature, signature_length, dnssec_algorithm == 13 ? 32 : 48, der, sizeof der);
            signature = der;
        }
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        if (context && EVP_DigestVerifyInit(context, NULL, digest, NULL, public_key) == 1)
            result = signature_length && EVP_DigestVerify(context, signature, signature_length, data, length) == 1;
        EVP_MD_CTX_free(context);
        EVP_PKEY_free(public_key);
    }
    ERR_clear_error();
    return result;
}
