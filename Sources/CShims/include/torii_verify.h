#ifndef TORII_VERIFY_H
#define TORII_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Public keys of DNSSEC over libcrypto, parsed once and used often. */

struct torii_public_key;

/* The key in the form of DNSKEY record data; NULL when algorithm or key cannot be used. Freed by torii_key_free. */
struct torii_public_key *torii_key_parse(int dnssec_algorithm, const uint8_t *key, size_t length);
void torii_key_free(struct torii_public_key *key);
/*
 * Prepares a P-256 key that verifies often: multiples of its point are computed, which takes 20 ms and 150 KiB and halves
 * the time of each later verification. May be called while other threads verify. False for other keys, or without memory.
 */
bool torii_key_prepare(struct torii_public_key *key);
bool torii_key_is_prepared(const struct torii_public_key *key);
/* Whether the signature, in the form of RRSIG record data, is good. May be called from many threads at once. */
bool torii_key_verify(const struct torii_public_key *key, const uint8_t *signature, size_t signature_length,
    const uint8_t *data, size_t length);
/* The hash of RFC 5155 5 over a name in lower case, 20 octets. `additional` rounds after the first. */
bool torii_nsec3_hash(const uint8_t *name, size_t length, const uint8_t *salt, size_t salt_length,
    unsigned additional, uint8_t *out);

#endif
