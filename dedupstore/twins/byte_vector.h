/* A growing run of bytes, and loads that need no alignment. */

#ifndef DEDUPSTORE_BYTE_VECTOR_H
#define DEDUPSTORE_BYTE_VECTOR_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    uint8_t *data;
    size_t size;
    size_t capacity;
} byte_vector;

/* Makes room for `more` bytes behind the last one, so that small appends cannot fail.
 * Returns 0, or -1 without memory. */
int byte_vector_reserve(byte_vector *vector, size_t more);

/* Appends. Returns 0, or -1 without memory. */
int byte_vector_append(byte_vector *vector, const uint8_t *data, size_t size);
int byte_vector_append_byte(byte_vector *vector, uint8_t byte);
int byte_vector_append_varint(byte_vector *vector, uint64_t value);

/* Drops the first `count` bytes. */
void byte_vector_drop(byte_vector *vector, size_t count);

void byte_vector_free(byte_vector *vector);

static inline uint64_t load_little64(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

static inline uint32_t load_little32(const uint8_t *at)
{
    uint32_t word;
    memcpy(&word, at, sizeof word);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap32(word);
#endif
    return word;
}

static inline void store_little64(uint8_t *at, uint64_t word)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    memcpy(at, &word, sizeof word);
}

#endif
