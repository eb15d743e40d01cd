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
