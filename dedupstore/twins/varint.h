/* Numbers of recipes: unsigned LEB128, in the shortest form, below 2**63. */

#ifndef DEDUPSTORE_VARINT_H
#define DEDUPSTORE_VARINT_H

#include <stdint.h>

typedef struct {
    const uint8_t *at;
    const uint8_t *end;
} varint_reader;

/* Reads one and moves on. Returns 0, or -1 if there is none in the right form. */
static inline int varint_read(varint_reader *r, uint64_t *value)
{
    uint64_t number = 0;
    for (unsigned shift = 0; shift < 63; shift += 7) {
        if (r->at == r->end) {
            return -1;
        }
        uint8_t byte = *r->at++;
        number |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            *value = number;
            return byte == 0 && shift != 0 ? -1 : 0;
        }
    }
    return -1;
}

#endif
