/* The bytes of the file that is proved, from the first one that was not rebuilt; read bit by
 * bit. */

#ifndef DEDUPSTORE_FILE_BITS_H
#define DEDUPSTORE_FILE_BITS_H

#include "byte_vector.h"

typedef struct {
    byte_vector bytes;
    uint64_t start;  /* bytes of the file before those */
    uint64_t bit_at; /* in `bytes`: the next bit to be read */
    size_t rebuilt;  /* in `bytes`: the next byte to be compared */
} file_bits;

static inline uint64_t file_bits_left(const file_bits *f)
{
    return (uint64_t)f->bytes.size * 8 - f->bit_at;
}

/* Up to 32 bits, which are there. */
static inline uint32_t file_take_bits(file_bits *f, unsigned count)
{
    uint64_t bits = 0;
    size_t byte = (size_t)(f->bit_at / 8);
    for (unsigned i = 0; i < 5 && byte + i < f->bytes.size; i++) {
        bits |= (uint64_t)f->bytes.data[byte + i] << (8 * i);
    }
    bits >>= f->bit_at % 8;
    f->bit_at += count;
    return (uint32_t)(bits & (((uint64_t)1 << count) - 1));
}

/* Passes over the bits up to the next byte. Returns 0 if they are not 0, and would be lost. */
static inline int file_skip_to_byte(file_bits *f)
{
    return file_take_bits(f, (unsigned)((8 - f->bit_at % 8) % 8)) == 0;
}

/* Bytes of the file that were read, the last one maybe in part. */
static inline uint64_t file_consumed_bytes(const file_bits *f)
{
    return f->start + (f->bit_at + 7) / 8;
}

/* Drops what was rebuilt, when that moves less than it gains. */
static inline void file_forget(file_bits *f)
{
    if (f->rebuilt >= f->bytes.size - f->rebuilt) {
        byte_vector_drop(&f->bytes, f->rebuilt);
        f->bit_at -= (uint64_t)f->rebuilt * 8;
        f->start += f->rebuilt;
        f->rebuilt = 0;
    }
}

#endif
