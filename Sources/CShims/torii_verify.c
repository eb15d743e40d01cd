#define OPENSSL_SUPPRESS_DEPRECATED 1 /* SHA1_Init and its like: no look-up of an algorithm for each hash */
#include "torii_multiples.h"
#include "torii_verify.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/sha.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct torii_public_key {
    EVP_PKEY *pkey;
    EVP_MD *digest;         /* NULL for EdDSA; fetched once, which costs as much as hashing a record */
    size_t coordinate;      /* octets of r and s for ECDSA, else 0 */
    /* Once made never changed, and freed with the key: readers need nothing but the pointer. */
    _Atomic(struct torii_multiples *) multiples;
    uint8_t point[64];      /* the octets of a P-256 key, for the multiples */
};

static EVP_PKEY *from_params(const char *type, OSSL_PARAM_BLD *build)
{
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *pkey = NULL;
    if (params && context && EVP_PKEY_fromdata_init(context) == 1
        && EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
        pkey = NULL;
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(params);
    return pkey;
}

/* RFC 3110 2: length of the exponent in one octet, or in three of which the first is 0; exponent; modulus. */
static EVP_PKEY *rsa_key(const uint8_t *key, size_t length)
{
    size_t exponent_length, header;
    if (length < 3)
        return NULL;
    if (key[0] != 0) {
        exponent_length = key[0];
        header = 1;
    } else {
        exponent_length = (size_t)key[1] << 8 | key[2];
        header = 3;
    }
    if (exponent_length == 0 || header + exponent_length >= length)
        return NULL;
    BIGNUM *exponent = BN_bin2bn(key + header, (int)exponent_length, NULL);
    BIGNUM *modulus = BN_bin2bn(key + header + exponent_length, (int)(length - header - exponent_length), NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY *pkey = NULL;
    /* A huge exponent makes verifying as dear as signing; an even one is no key. */
    if (exponent && modulus && build && BN_num_bits(exponent) <= 64 && BN_is_odd(exponent) && BN_is_odd(modulus)
        && BN_num_bits(modulus) >= 512 && BN_num_bits(modulus) <= 4096
        && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus) == 1
        && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent) == 1)
        pkey = from_params("RSA", build);
    OSSL_PARAM_BLD_free(build);
    BN_free(exponent);
    BN_free(modulus);
    return pkey;
}

/* RFC 6605 4: the two coordinates of the point. */
static EVP_PKEY *ec_key(const char *group, size_t coordinate, const uint8_t *key, size_t length)
{
    uint8_t point[1 + 2 * 48];
    EVP_PKEY *pkey = NULL;
    if (length != 2 * coordinate)
        return NULL;
    point[0] = 4;
    memcpy(point + 1, key, length);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    if (build && OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) == 1
        && OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + length) == 1)
        pkey = from_params("EC", build);
    OSSL_PARAM_BLD_free(build);
    return pkey;
}

struct torii_public_key *torii_key_parse(int algorithm, const uint8_t *key, size_t length)
{
    struct torii_public_key made = { 0 };
    const char *digest = NULL;
    if (!key || length == 0 || length > 65535)
        return NULL;
    switch (algorithm) {
    case 5:
    case 7:
        made.pkey = rsa_key(key, length);
        digest = "SHA1";
        break;
    case 8:
        made.pkey = rsa_key(key, length);
        digest = "SHA256";
        break;
    case 10:
        made.pkey = rsa_key(key, length);
        digest = "SHA512";
        break;
    case 13:
        made.pkey = ec_key("P-256", 32, key, length);
        digest = "SHA256";
        made.coordinate = 32;
        if (made.pkey)
            memcpy(made.point, key, sizeof made.point);
        break;
    case 14:
        made.pkey = ec_key("P-384", 48, key, length);
        digest = "SHA384";
        made.coordinate = 48;
        break;
    case 15:
        made.pkey = length == 32 ? EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, length) : NULL;
        break;
    case 16:
        made.pkey = length == 57 ? EVP_PKEY_new_raw_public_key(EVP_PKEY_ED448, NULL, key, length) : NULL;
        break;
    default:
        break;
    }
    if (made.pkey && digest)
        made.digest = EVP_MD_fetch(NULL, digest, NULL);
    ERR_clear_error();
    struct torii_public_key *result = made.pkey && (made.digest || !digest) ? malloc(sizeof *result) : NULL;
    if (result) {
        *result = made;
    } else {
        EVP_MD_free(made.digest);
        EVP_PKEY_free(made.pkey);
    }
    return result;
}

void torii_key_free(struct torii_public_key *key)
{
    if (!key)
        return;
    torii_multiples_free(atomic_load_explicit(&key->multiples, memory_order_acquire));
    EVP_MD_free(key->digest);
    EVP_PKEY_free(key->pkey);
    free(key);
}

bool torii_key_prepare(struct torii_public_key *key)
{
    if (!key || key->coordinate != 32)
        return false;
    if (torii_key_is_prepared(key))
        return true;
    struct torii_multiples *made = torii_multiples_make(key->point), *none = NULL;
    if (!made)
        return false;
    if (!atomic_compare_exchange_strong_explicit(&key->multiples, &none, made, memory_order_acq_rel,
            memory_order_acquire))
        torii_multiples_free(made); /* another thread was faster */
    return true;
}

bool torii_key_is_prepared(const struct torii_public_key *key)
{
    return key && atomic_load_explicit(&key->multiples, memory_order_acquire) != NULL;
}

/* One positive INTEGER of ASN.1 DER. Returns the octets written, at most size + 3. */
static size_t der_integer(const uint8_t *value, size_t size, uint8_t *out)
{
    while (size > 1 && value[0] == 0) {
        value++;
        size--;
    }
    size_t sign = value[0] & 0x80 ? 1 : 0;
    out[0] = 2;
    out[1] = (uint8_t)(size + sign);
    if (sign)
        out[2] = 0;
    memcpy(out + 2 + sign, value, size);
    return 2 + sign + size;
}

bool torii_key_verify(const struct torii_public_key *key, const uint8_t *signature, size_t signature_length,
    const uint8_t *data, size_t length)
{
    uint8_t der[2 * (48 + 3) + 2];
    if (!key || !signature || !data || signature_length == 0)
        return false;
    if (key->coordinate) {
        if (signature_length != 2 * key->coordinate)
            return false;
        struct torii_multiples *multiples = atomic_load_explicit(&key->multiples, memory_order_acquire);
        if (multiples) {
            uint8_t hash[SHA256_DIGEST_LENGTH];
            SHA256(data, length, hash);
            bool is_good;
            if (torii_multiples_verify(multiples, hash, signature, &is_good))
                return is_good;
        }
        size_t used = der_integer(signature, key->coordinate, der + 2);
        used += der_integer(signature + key->coordinate, key->coordinate, der + 2 + used);
        der[0] = 0x30;
        der[1] = (uint8_t)used;
        signature = der;
        signature_length = 2 + used;
    }
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context && EVP_DigestVerifyInit(context, NULL, key->digest, NULL, key->pkey) == 1
        && EVP_DigestVerify(context, signature, signature_length, data, length) == 1;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return good;
}

bool torii_nsec3_hash(const uint8_t *name, size_t length, const uint8_t *salt, size_t salt_length,
    unsigned additional, uint8_t *out)
{
    SHA_CTX context;
    if (length > 255 || salt_length > 255)
        return false;
    for (unsigned round = 0; round <= additional; round++) {
        SHA1_Init(&context);
        if (round == 0)
            SHA1_Update(&context, name, length);
        else
            SHA1_Update(&context, out, SHA_DIGEST_LENGTH);
        if (salt_length)
            SHA1_Update(&context, salt, salt_length);
        SHA1_Final(out, &context);
    }
    return true;
}
