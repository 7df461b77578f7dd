/* Writes bits, the first lowest (RFC 1951, 3.1.1). */

#ifndef DEDUPSTORE_BIT_WRITER_H
#define DEDUPSTORE_BIT_WRITER_H

#include "byte_vector.h"

typedef struct {
    byte_vector out; /* whole bytes */
    uint64_t bits;   /* those that do not make a byte yet, or, while writing, eight */
    unsigned count;
} bit_writer;

/* Writes up to 56 bits; `out` has room for 8 bytes more. */
static inline void put_bits(bit_writer *w, uint64_t bits, unsigned count)
{
    w->bits |= bits << w->count;
    w->count += count;
    store_little64(w->out.data + w->out.size, w->bits);
    unsigned bytes = w->count / 8;
    w->out.size += bytes;
    w->bits >>= 8 * bytes;
    w->count %= 8;
}

/* Fills up the last byte with zeros. */
static inline void align_bits(bit_writer *w)
{
    if (w->count != 0) {
        put_bits(w, 0, 8 - w->count);
    }
}

#endif
