#define OPENSSL_SUPPRESS_DEPRECATED 1 /* EC_GROUP_precompute_mult: nothing took its place in OpenSSL 3 */
#include "torii_multiples.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <stdlib.h>
#include <string.h>

enum { COORDINATE = 32 };

struct torii_multiples {
    EC_GROUP *curve;
    /* The curve with the key in the place of its generator: of a generator the library keeps multiples. */
    EC_GROUP *keyed;
};

void torii_multiples_free(struct torii_multiples *multiples)
{
    if (!multiples)
        return;
    EC_GROUP_free(multiples->keyed);
    EC_GROUP_free(multiples->curve);
    free(multiples);
}

struct torii_multiples *torii_multiples_make(const uint8_t *coordinates)
{
    struct torii_multiples *made = calloc(1, sizeof *made);
    if (!made)
        return NULL;
    uint8_t octets[1 + 2 * COORDINATE] = { POINT_CONVERSION_UNCOMPRESSED };
    memcpy(octets + 1, coordinates, 2 * COORDINATE);
    made->curve = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    made->keyed = made->curve ? EC_GROUP_dup(made->curve) : NULL;
    EC_POINT *point = made->curve ? EC_POINT_new(made->curve) : NULL;
    /* EC_POINT_oct2point refuses what is not on the curve. */
    bool ready = made->keyed && point && EC_POINT_oct2point(made->curve, point, octets, sizeof octets, NULL) == 1
        && EC_GROUP_set_generator(made->keyed, point, EC_GROUP_get0_order(made->curve), BN_value_one()) == 1
        && EC_GROUP_precompute_mult(made->keyed, NULL) == 1 && EC_GROUP_have_precompute_mult(made->keyed) == 1;
    EC_POINT_free(point);
    ERR_clear_error();
    if (ready)
        return made;
    torii_multiples_free(made);
    return NULL;
}

/* Whether 1 <= value < order. */
static bool is_in_range(const BIGNUM *value, const BIGNUM *order)
{
    return !BN_is_zero(value) && BN_cmp(value, order) < 0;
}

bool torii_multiples_verify(const struct torii_multiples *multiples, const uint8_t *digest, const uint8_t *signature,
    bool *is_good)
{
    const EC_GROUP *curve = multiples->curve;
    const BIGNUM *order = EC_GROUP_get0_order(curve);
    BN_CTX *context = BN_CTX_new();
    EC_POINT *left = EC_POINT_new(curve), *right = EC_POINT_new(curve);
    bool decided = false;
    *is_good = false;
    if (!context || !left || !right)
        goto done;
    BN_CTX_start(context);
    BIGNUM *r = BN_CTX_get(context), *s = BN_CTX_get(context), *e = BN_CTX_get(context), *w = BN_CTX_get(context);
    BIGNUM *u = BN_CTX_get(context), *x = BN_CTX_get(context);
    if (x && BN_bin2bn(signature, COORDINATE, r) && BN_bin2bn(signature + COORDINATE, COORDINATE, s)
        && BN_bin2bn(digest, COORDINATE, e)) {
        if (!is_in_range(r, order) || !is_in_range(s, order)) {
            decided = true;
        } else if (BN_mod_inverse(w, s, order, context)
            && BN_mod_mul(u, e, w, order, context)
            && EC_POINT_mul(curve, left, u, NULL, NULL, context)
            && BN_mod_mul(u, r, w, order, context)
            && EC_POINT_mul(multiples->keyed, right, u, NULL, NULL, context)
            && EC_POINT_add(curve, left, left, right, context)) {
            if (EC_POINT_is_at_infinity(curve, left)) {
                decided = true;
            } else if (EC_POINT_get_affine_coordinates(curve, left, x, NULL, context)
                && BN_nnmod(x, x, order, context)) {
                decided = true;
                *is_good = BN_cmp(x, r) == 0;
            }
        }
    }
    BN_CTX_end(context);
done:
    EC_POINT_free(left);
    EC_POINT_free(right);
    BN_CTX_free(context);
    ERR_clear_error();
    return decided;
}
