#include "torii_ldns_text.h"

#include <ldns/ldns.h>
#include <string.h>

long torii_ldns_data_from_text(const uint8_t *line, uint8_t *out, size_t capacity)
{
    ldns_rr *rr = NULL;
    size_t used = 0;
    if (ldns_rr_new_frm_str(&rr, (const char *)line, 0, NULL, NULL) != LDNS_STATUS_OK)
        return -1;
    for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
        const ldns_rdf *field = ldns_rr_rdf(rr, i);
        size_t size = field ? ldns_rdf_size(field) : 0;
        if (used + size > capacity) {
            ldns_rr_free(rr);
            return -1;
        }
        if (size)
            memcpy(out + used, ldns_rdf_data(field), size);
        used += size;
    }
    ldns_rr_free(rr);
    return (long)used;
}

long torii_ldns_data_to_text(uint16_t type, const uint8_t *data, size_t length, uint8_t *out, size_t capacity)
{
    /* A whole record in wire format: root, type, class IN, TTL 0, length, data. */
    uint8_t wire[11 + 4096];
    ldns_rr *rr = NULL;
    size_t position = 0;
    long used = 0;
    if (length > 4096)
        return -1;
    memset(wire, 0, 11);
    wire[1] = (uint8_t)(type >> 8);
    wire[2] = (uint8_t)type;
    wire[4] = 1;
    wire[9] = (uint8_t)(length >> 8);
    wire[10] = (uint8_t)length;
    memcpy(wire + 11, data, length);
    if (ldns_wire2rr(&rr, wire, 11 + length, &position, LDNS_SECTION_ANSWER) != LDNS_STATUS_OK)
        return -1;
    for (size_t i = 0; i < ldns_rr_rd_count(rr) && used >= 0; i++) {
        char *text = ldns_rdf2str(ldns_rr_rdf(rr, i));
        size_t size = text ? strlen(text) : 0;
        if (!text || (size_t)used + size + 1 > capacity) {
            used = -1;
        } else {
            if (used > 0)
                out[used++] = ' ';
            memcpy(out + used, text, size);
            used += (long)size;
        }
        LDNS_FREE(text);
    }
    ldns_rr_free(rr);
    return used;
}
