#ifndef TORII_LDNS_H
#define TORII_LDNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reading a parsed ldns message without one call through the module boundary per field. */

struct ldns_struct_pkt;

typedef struct {
    const uint8_t *owner;   /* uncompressed wire octets, owned by the message */
    uint32_t owner_length;
    uint16_t type;
    uint16_t rclass;
    uint32_t ttl;
    uint32_t rdlength;      /* octets of the uncompressed data */
    const void *rr;         /* for torii_ldns_rdata */
} torii_ldns_record;

/* Returns the ldns status; on 0 the caller owns *packet. */
uint32_t torii_ldns_parse(struct ldns_struct_pkt **packet, const uint8_t *octets, size_t length);
void torii_ldns_free(struct ldns_struct_pkt *packet);
/* Section: 0 question, 1 answer, 2 authority, 3 additional. */
long torii_ldns_count(const struct ldns_struct_pkt *packet, int section);
bool torii_ldns_get(const struct ldns_struct_pkt *packet, int section, long index, torii_ldns_record *out);
/* Copies the record's data, at most `capacity` octets; returns how many. */
long torii_ldns_rdata(const void *rr, uint8_t *out, size_t capacity);

#endif
