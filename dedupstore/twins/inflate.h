/* Decodes the tokens of deflate blocks (RFC 1951) and the text they stand for. */

#ifndef DEDUPSTORE_INFLATE_H
#define DEDUPSTORE_INFLATE_H

#include "text_window.h"
#include "tokens.h"
#include "trees.h"

#define LITERAL_TABLE_BITS 11
#define DISTANCE_TABLE_BITS 9
/* Codes that are longer share tables of the bits that follow; a code that is complete has two or
 * more of them in each, so that half as many tables as symbols are enough. */
#define LITERAL_TABLE_SIZE \
    ((1 << LITERAL_TABLE_BITS) + (LITERAL_SYMBOLS / 2 << (CODE_BITS_MAX - LITERAL_TABLE_BITS)))
#define DISTANCE_TABLE_SIZE \
    ((1 << DISTANCE_TABLE_BITS) + (DISTANCE_SYMBOLS / 2 << (CODE_BITS_MAX - DISTANCE_TABLE_BITS)))

typedef struct {
    uint32_t literals[LITERAL_TABLE_SIZE];
    uint32_t distances[DISTANCE_TABLE_SIZE];
} inflate_tables;

void inflate_prepare(inflate_tables *tables, const trees *of);

enum inflate_status {
    INFLATE_LIMIT,     /* the tokens asked for were decoded */
    INFLATE_BLOCK_END, /* the block ended before */
    INFLATE_SHORT,     /* more input is needed; what was decoded stands */
    INFLATE_DAMAGED,
    INFLATE_UNUSUAL, /* a length of 258 that is coded as 227 + 31 */
};

/* Decodes up to `limit` tokens from bit *bit_at of data, which is moved on. Both `text` and
 * `tokens` have room for them. `last`: no input follows, so that INFLATE_SHORT means the file is
 * truncated; else a few bytes at the end may be left alone until more follow. */
enum inflate_status inflate_tokens(const inflate_tables *tables, const uint8_t *data, size_t size,
                                   int last, uint64_t *bit_at, text_window *text,
                                   token_vector *tokens, size_t limit);

#endif
