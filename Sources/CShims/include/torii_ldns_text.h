#ifndef TORII_LDNS_TEXT_H
#define TORII_LDNS_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Record data from presentation format, for the types that are left to ldns. */

/* `line` is one whole record ending in NUL. Returns the octets written to `out`, or -1. */
long torii_ldns_data_from_text(const uint8_t *line, uint8_t *out, size_t capacity);

#endif
