/* The Huffman trees of dynamic blocks: made from counts as zlib makes them, or read from the
 * bits of a header (RFC 1951, 3.2.7). */

#ifndef DEDUPSTORE_TREES_H
#define DEDUPSTORE_TREES_H

#include <stddef.h>
#include <stdint.h>

#define LITERAL_SYMBOLS 288 /* literals, end of block, lengths; the last two are never used */
#define DISTANCE_SYMBOLS 32 /* the last two are never used */
#define LITERAL_SYMBOLS_USED 286
#define DISTANCE_SYMBOLS_USED 30
#define END_OF_BLOCK 256

#define CODE_BITS_MAX 15

/* HLIT, HDIST, HCLEN, 19 lengths of 3 bits, and one code with its extra bits for each length. */
#define TREE_HEADER_BITS_MAX (14 + 19 * 3 + (LITERAL_SYMBOLS_USED + DISTANCE_SYMBOLS_USED) * 14)
#define TREE_HEADER_BYTES_MAX ((TREE_HEADER_BITS_MAX + 7) / 8)

typedef struct {
    uint8_t literal_bits[LITERAL_SYMBOLS]; /* length of each symbol's code; 0: it has none */
    uint8_t distance_bits[DISTANCE_SYMBOLS];
    uint8_t header[TREE_HEADER_BYTES_MAX + 8]; /* HLIT to the last code length; spare bits are 0 */
    uint32_t header_bits;
} trees;

/* Makes the trees and the header that zlib makes for these counts; that of END_OF_BLOCK is 1. */
void trees_from_counts(trees *made, const uint32_t literals[LITERAL_SYMBOLS],
                       const uint32_t distances[DISTANCE_SYMBOLS]);

/* The trees of fixed blocks; they have no header. */
void trees_fixed(trees *fixed);

enum trees_status { TREES_OK, TREES_SHORT, TREES_WRONG };

/* Reads the header that starts at bit `bit_start` of data. TREES_SHORT: it ends behind the data. */
enum trees_status trees_read(trees *found, const uint8_t *data, size_t size, uint64_t bit_start);

/* Gives each symbol that has a length its code, the first bit lowest (RFC 1951, 3.2.2). */
void trees_codes(const uint8_t *bits, unsigned symbols, uint16_t *codes);

#endif
