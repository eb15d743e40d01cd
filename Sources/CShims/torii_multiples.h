#ifndef TORII_MULTIPLES_H
#define TORII_MULTIPLES_H

#include <stdbool.h>
#include <stdint.h>

/* ECDSA over P-256 (FIPS 186-5 6.4.2) with multiples of the public key computed ahead. */

struct torii_multiples;

/* The multiples of a point, given by its coordinates, 32 octets each; NULL when the library cannot. */
struct torii_multiples *torii_multiples_make(const uint8_t *point);
void torii_multiples_free(struct torii_multiples *multiples);
/*
 * Whether r and s, 32 octets each, sign the SHA-256 digest. Returns false, and decides nothing, when the library fails.
 * Everything is public here: the time may depend on the values.
 */
bool torii_multiples_verify(const struct torii_multiples *multiples, const uint8_t *digest, const uint8_t *signature,
    bool *is_good);

#endif
