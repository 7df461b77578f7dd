/* Reading the trees of dynamic blocks, with the rules that zlib holds them to. */

#include <string.h>

#include "tree_header.h"

typedef struct {
    const uint8_t *data;
    uint64_t at;
    uint64_t end;
} bit_reader;

/* The next 16 bits, zeros where there are none. */
static unsigned peek(const bit_reader *r)
{
    uint32_t word = 0;
    for (unsigned i = 0; i < 3; i++) {
        uint64_t byte = r->at / 8 + i;
        if (byte < r->end / 8) {
            word |= (uint32_t)r->data[byte] << (8 * i);
        }
    }
    return (word >> (r->at & 7)) & 0xFFFF;
}

static unsigned take(bit_reader *r, unsigned count)
{
    unsigned value = peek(r) & ((1u << count) - 1);
    r->at += count;
    return value;
}

/* Whether the lengths make a code: every string of bits is one, or `single` and there is but one
 * code of one bit. */
static int is_code(const uint8_t *lengths, unsigned symbols, int single)
{
    unsigned of_length[CODE_BITS_MAX + 1] = {0};
    unsigned longest = 0;
    for (unsigned i = 0; i < symbols; i++) {
        of_length[lengths[i]]++;
        if (lengths[i] > longest) {
            longest = lengths[i];
        }
    }
    uint32_t taken = 0;
    for (unsigned bits = 1; bits <= CODE_BITS_MAX; bits++) {
        taken += of_length[bits] << (CODE_BITS_MAX - bits);
    }
    return taken == 1u << CODE_BITS_MAX || (single && longest == 1 && of_length[1] == 1);
}

/* A table of 7 bits: symbol * 8 + length of the code. */
static void make_length_table(const uint8_t *lengths, uint8_t table[1 << TREE_LENGTH_BITS_MAX])
{
    uint16_t codes[TREE_LENGTH_SYMBOLS];
    trees_codes(lengths, TREE_LENGTH_SYMBOLS, codes);
    for (unsigned i = 0; i < TREE_LENGTH_SYMBOLS; i++) {
        if (lengths[i] != 0) {
            for (unsigned j = codes[i]; j < 1 << TREE_LENGTH_BITS_MAX; j += 1u << lengths[i]) {
                table[j] = (uint8_t)(i * 8 + lengths[i]);
            }
        }
    }
}

static enum trees_status read_lengths(bit_reader *r, const uint8_t *table, uint8_t *lengths,
                                      unsigned total)
{
    for (unsigned i = 0; i < total;) {
        unsigned entry = table[peek(r) & ((1 << TREE_LENGTH_BITS_MAX) - 1)];
        unsigned symbol = entry / 8;
        r->at += entry % 8;
        unsigned repeat = 1;
        uint8_t length = (uint8_t)symbol;
        if (symbol >= REPEAT_LENGTH) {
            unsigned kind = symbol - REPEAT_LENGTH;
            repeat = tree_repeat_base[kind] + take(r, tree_repeat_extra_bits[kind]);
            length = symbol == REPEAT_LENGTH && i > 0 ? lengths[i - 1] : 0;
        }
        if (r->at > r->end) {
            return TREES_SHORT;
        }
        if (repeat > total - i || (symbol == REPEAT_LENGTH && i == 0)) {
            return TREES_WRONG;
        }
        memset(lengths + i, length, repeat);
        i += repeat;
    }
    return TREES_OK;
}

enum trees_status trees_read(trees *found, const uint8_t *data, size_t size, uint64_t bit_start)
{
    bit_reader r = {data, bit_start, (uint64_t)size * 8};
    unsigned literals = take(&r, 5) + 257;
    unsigned distances = take(&r, 5) + 1;
    unsigned stored = take(&r, 4) + 4;
    if (r.at > r.end) {
        return TREES_SHORT;
    }
    if (literals > LITERAL_SYMBOLS_USED || distances > DISTANCE_SYMBOLS_USED) {
        return TREES_WRONG;
    }
    uint8_t code_lengths[TREE_LENGTH_SYMBOLS] = {0};
    for (unsigned i = 0; i < stored; i++) {
        code_lengths[tree_length_order[i]] = (uint8_t)take(&r, 3);
    }
    if (r.at > r.end) {
        return TREES_SHORT;
    }
    if (!is_code(code_lengths, TREE_LENGTH_SYMBOLS, 0)) {
        return TREES_WRONG;
    }
    uint8_t table[1 << TREE_LENGTH_BITS_MAX];
    make_length_table(code_lengths, table);
    uint8_t lengths[LITERAL_SYMBOLS + DISTANCE_SYMBOLS];
    enum trees_status status = read_lengths(&r, table, lengths, literals + distances);
    if (status != TREES_OK) {
        return status;
    }
    memset(found->literal_bits, 0, sizeof found->literal_bits);
    memset(found->distance_bits, 0, sizeof found->distance_bits);
    memcpy(found->literal_bits, lengths, literals);
    memcpy(found->distance_bits, lengths + literals, distances);
    int none = 1;
    for (unsigned i = 0; i < distances; i++) {
        none &= found->distance_bits[i] == 0;
    }
    if (found->literal_bits[END_OF_BLOCK] == 0 ||
        !is_code(found->literal_bits, LITERAL_SYMBOLS, 1) ||
        !(none || is_code(found->distance_bits, DISTANCE_SYMBOLS, 1))) {
        return TREES_WRONG;
    }
    memset(found->header, 0, sizeof found->header);
    found->header_bits = 0;
    uint32_t bits = (uint32_t)(r.at - bit_start);
    r.at = bit_start;
    while (found->header_bits < bits) {
        uint32_t left = bits - found->header_bits;
        uint32_t count = left < 16 ? left : 16;
        trees_put_header(found, take(&r, count), count);
    }
    return TREES_OK;
}
