#include "torii_ldns.h"

#include <ldns/ldns.h>
#include <string.h>

uint32_t torii_ldns_parse(struct ldns_struct_pkt **packet, const uint8_t *octets, size_t length)
{
    ldns_pkt *parsed = NULL;
    ldns_status status = ldns_wire2pkt(&parsed, octets, length);
    if (status == LDNS_STATUS_OK)
        *packet = parsed;
    return (uint32_t)status;
}

void torii_ldns_free(struct ldns_struct_pkt *packet)
{
    ldns_pkt_free(packet);
}

static const ldns_rr_list *section_of(const struct ldns_struct_pkt *packet, int section)
{
    switch (section) {
    case 0: return ldns_pkt_question(packet);
    case 1: return ldns_pkt_answer(packet);
    case 2: return ldns_pkt_authority(packet);
    case 3: return ldns_pkt_additional(packet);
    default: return NULL;
    }
}

long torii_ldns_count(const struct ldns_struct_pkt *packet, int section)
{
    const ldns_rr_list *list = section_of(packet, section);
    return list ? (long)ldns_rr_list_rr_count(list) : 0;
}

bool torii_ldns_get(const struct ldns_struct_pkt *packet, int section, long index, torii_ldns_record *out)
{
    const ldns_rr_list *list = section_of(packet, section);
    const ldns_rr *rr = list ? ldns_rr_list_rr(list, (size_t)index) : NULL;
    const ldns_rdf *owner = rr ? ldns_rr_owner(rr) : NULL;
    if (!owner)
        return false;
    uint32_t type = ldns_rr_get_type(rr);
    /* ldns keeps OPT and TSIG apart, except in sections where the survey has refused them. */
    if (section == 3 && (type == LDNS_RR_TYPE_OPT || type == LDNS_RR_TYPE_TSIG))
        return false;
    out->owner = ldns_rdf_data(owner);
    out->owner_length = (uint32_t)ldns_rdf_size(owner);
    out->type = (uint16_t)type;
    out->rclass = (uint16_t)ldns_rr_get_class(rr);
    out->ttl = ldns_rr_ttl(rr);
    out->rdlength = 0;
    for (size_t i = 0; i < ldns_rr_rd_count(rr); i++)
        if (ldns_rr_rdf(rr, i))
            out->rdlength += (uint32_t)ldns_rdf_size(ldns_rr_rdf(rr, i));
    out->rr = rr;
    return true;
}

long torii_ldns_rdata(const void *rr, uint8_t *out, size_t capacity)
{
    size_t used = 0;
    const ldns_rr *record = rr;
    for (size_t i = 0; i < ldns_rr_rd_count(record); i++) {
        const ldns_rdf *field = ldns_rr_rdf(record, i);
        size_t size = field ? ldns_rdf_size(field) : 0;
        if (used + size > capacity)
            break;
        if (size)
            memcpy(out + used, ldns_rdf_data(field), size);
        used += size;
    }
    return (long)used;
}
