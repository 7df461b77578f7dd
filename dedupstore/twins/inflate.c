#include "inflate.h"

#include <string.h>

#include "byte_vector.h"

/* Entries: bits 0-4 length of the code, 5-7 kind, 8-12 extra bits or bits of a further table,
 * 16-31 literal, base of length or distance, or start of a further table. */
enum { LITERAL, BASE, END, INVALID, FURTHER };
#define ENTRY(value, extra, kind, bits) \
    ((uint32_t)(value) << 16 | (uint32_t)(extra) << 8 | (uint32_t)(kind) << 5 | (uint32_t)(bits))
#define ENTRY_BITS(entry) ((entry) & 0x1F)
#define ENTRY_KIND(entry) ((entry) >> 5 & 7)
#define ENTRY_EXTRA(entry) ((entry) >> 8 & 0x1F)
#define ENTRY_VALUE(entry) ((entry) >> 16)

static uint32_t literal_entry(unsigned symbol, unsigned bits)
{
    if (symbol < END_OF_BLOCK) {
        return ENTRY(symbol, 0, LITERAL, bits);
    }
    if (symbol == END_OF_BLOCK) {
        return ENTRY(0, 0, END, bits);
    }
    if (symbol >= LITERAL_SYMBOLS_USED) {
        return ENTRY(0, 0, INVALID, bits);
    }
    return ENTRY(length_base[symbol - 257], length_extra_bits[symbol - 257], BASE, bits);
}

static uint32_t distance_entry(unsigned symbol, unsigned bits)
{
    if (symbol >= DISTANCE_SYMBOLS_USED) {
        return ENTRY(0, 0, INVALID, bits);
    }
    return ENTRY(distance_base[symbol], distance_extra_bits[symbol], BASE, bits);
}

static void fill_table(uint32_t *table, unsigned table_bits, const uint8_t *lengths,
                       unsigned symbols, uint32_t entry_of(unsigned symbol, unsigned bits))
{
    uint16_t codes[LITERAL_SYMBOLS];
    trees_codes(lengths, symbols, codes);
    unsigned size = 1u << table_bits;
    unsigned further_bits = CODE_BITS_MAX - table_bits;
    unsigned further = size;
    for (unsigned i = 0; i < size; i++) {
        table[i] = ENTRY(0, 0, INVALID, CODE_BITS_MAX);
    }
    for (unsigned symbol = 0; symbol < symbols; symbol++) {
        unsigned bits = lengths[symbol];
        if (bits == 0) {
            continue;
        }
        uint32_t entry = entry_of(symbol, bits);
        if (bits <= table_bits) {
            for (unsigned i = codes[symbol]; i < size; i += 1u << bits) {
                table[i] = entry;
            }
            continue;
        }
        uint32_t *link = &table[codes[symbol] & (size - 1)];
        if (ENTRY_KIND(*link) != FURTHER) {
            *link = ENTRY(further, further_bits, FURTHER, 0);
            further += 1u << further_bits;
        }
        uint32_t *sub = table + ENTRY_VALUE(*link);
        for (unsigned i = codes[symbol] >> table_bits; i < 1u << further_bits;
             i += 1u << (bits - table_bits)) {
            sub[i] = entry;
        }
    }
}

void inflate_prepare(inflate_tables *tables, const trees *of)
{
    fill_table(tables->literals, LITERAL_TABLE_BITS, of->literal_bits, LITERAL_SYMBOLS,
               literal_entry);
    fill_table(tables->distances, DISTANCE_TABLE_BITS, of->distance_bits, DISTANCE_SYMBOLS,
               distance_entry);
}

static inline uint32_t look_up(const uint32_t *table, unsigned table_bits, uint64_t bits)
{
    uint32_t entry = table[bits & ((1u << table_bits) - 1)];
    if (ENTRY_KIND(entry) == FURTHER) {
        entry = table[ENTRY_VALUE(entry) +
                      (bits >> table_bits & ((1u << ENTRY_EXTRA(entry)) - 1))];
    }
    return entry;
}

/* Copies a match, up to 7 bytes too far. */
static inline void copy_match(uint8_t *to, unsigned distance, unsigned length)
{
    const uint8_t *from = to - distance;
    if (distance >= 8) {
        for (unsigned i = 0; i < length; i += 8) {
            memcpy(to + i, from + i, 8);
        }
    } else {
        for (unsigned i = 0; i < length; i++) {
            to[i] = from[i];
        }
    }
}

/* One token, each step held against the end of the data: for the last few bytes of a file. */
static enum inflate_status careful_token(const inflate_tables *tables, const uint8_t *data,
                                         size_t size, uint64_t *bit_at, uint64_t text_bytes,
                                         token *found)
{
    uint64_t bits = 0;
    size_t byte = (size_t)(*bit_at / 8);
    for (unsigned i = 0; i < 8 && byte + i < size; i++) {
        bits |= (uint64_t)data[byte + i] << (8 * i);
    }
    bits >>= *bit_at % 8;
    uint64_t end = (uint64_t)size * 8;
    uint64_t at = *bit_at;
    uint32_t entry = look_up(tables->literals, LITERAL_TABLE_BITS, bits);
    at += ENTRY_BITS(entry);
    bits >>= ENTRY_BITS(entry);
    if (at > end) {
        return INFLATE_SHORT;
    }
    if (ENTRY_KIND(entry) == INVALID) {
        return INFLATE_DAMAGED;
    }
    if (ENTRY_KIND(entry) != BASE) {
        *found = ENTRY_VALUE(entry);
        *bit_at = at;
        return ENTRY_KIND(entry) == END ? INFLATE_BLOCK_END : INFLATE_LIMIT;
    }
    unsigned extra = ENTRY_EXTRA(entry);
    unsigned length = ENTRY_VALUE(entry) + (unsigned)(bits & ((1u << extra) - 1));
    at += extra;
    bits >>= extra;
    if (at > end) {
        return INFLATE_SHORT;
    }
    if (length == LENGTH_MAX && extra != 0) {
        return INFLATE_UNUSUAL;
    }
    entry = look_up(tables->distances, DISTANCE_TABLE_BITS, bits);
    at += ENTRY_BITS(entry);
    bits >>= ENTRY_BITS(entry);
    if (at > end) {
        return INFLATE_SHORT;
    }
    if (ENTRY_KIND(entry) == INVALID) {
        return INFLATE_DAMAGED;
    }
    extra = ENTRY_EXTRA(entry);
    unsigned distance = ENTRY_VALUE(entry) + (unsigned)(bits & ((1u << extra) - 1));
    at += extra;
    if (at > end) {
        return INFLATE_SHORT;
    }
    if (distance > text_bytes) {
        return INFLATE_DAMAGED;
    }
    *found = token_match(length, distance);
    *bit_at = at;
    return INFLATE_LIMIT;
}

static enum inflate_status inflate_tail(const inflate_tables *tables, const uint8_t *data,
                                        size_t size, uint64_t *bit_at, text_window *text,
                                        token_vector *tokens, size_t limit)
{
    for (; limit > 0; limit--) {
        token found;
        enum inflate_status status =
            careful_token(tables, data, size, bit_at, text_end(text), &found);
        if (status != INFLATE_LIMIT) {
            return status;
        }
        uint8_t *to = text->bytes + text->size;
        if (token_distance(found) == 0) {
            *to = (uint8_t)found;
        } else {
            copy_match(to, token_distance(found), token_bytes(found));
        }
        text->size += token_bytes(found);
        tokens->items[tokens->count++] = found;
    }
    return INFLATE_LIMIT;
}

enum inflate_status inflate_tokens(const inflate_tables *tables, const uint8_t *data, size_t size,
                                   int last, uint64_t *bit_at, text_window *text,
                                   token_vector *tokens, size_t limit)
{
    enum inflate_status status = INFLATE_LIMIT;
    size_t next = (size_t)(*bit_at / 8); /* first byte of which `bits` holds nothing */
    if (next + 16 > size) {
        return last ? inflate_tail(tables, data, size, bit_at, text, tokens, limit) : INFLATE_SHORT;
    }
    unsigned count = 8 - (unsigned)(*bit_at % 8);
    uint64_t bits = (uint64_t)data[next++] >> (8 - count);
    uint8_t *const text_first = text->bytes + text->size;
    uint8_t *to = text_first;
    const uint64_t text_before = text_end(text);
    token *const tokens_first = tokens->items + tokens->count;
    token *found = tokens_first;
    token *const stop = tokens_first + limit;
    while (found != stop) {
        if (next + 8 > size) {
            status = INFLATE_SHORT;
            break;
        }
        bits |= load_little64(data + next) << count;
        next += (63 - count) >> 3;
        count |= 56;
        uint32_t entry = look_up(tables->literals, LITERAL_TABLE_BITS, bits);
        uint64_t bits_before = bits;
        unsigned count_before = count;
        bits >>= ENTRY_BITS(entry);
        count -= ENTRY_BITS(entry);
        if (ENTRY_KIND(entry) == LITERAL) {
            *found++ = *to++ = (uint8_t)ENTRY_VALUE(entry);
            continue;
        }
        if (ENTRY_KIND(entry) != BASE) {
            status = ENTRY_KIND(entry) == END ? INFLATE_BLOCK_END : INFLATE_DAMAGED;
            break;
        }
        unsigned extra = ENTRY_EXTRA(entry);
        unsigned length = ENTRY_VALUE(entry) + (unsigned)(bits & ((1u << extra) - 1));
        if (length == LENGTH_MAX && extra != 0) {
            status = INFLATE_UNUSUAL;
            break;
        }
        bits >>= extra;
        count -= extra;
        entry = look_up(tables->distances, DISTANCE_TABLE_BITS, bits);
        bits >>= ENTRY_BITS(entry);
        count -= ENTRY_BITS(entry);
        extra = ENTRY_EXTRA(entry);
        unsigned distance = ENTRY_VALUE(entry) + (unsigned)(bits & ((1u << extra) - 1));
        bits >>= extra;
        count -= extra;
        if (ENTRY_KIND(entry) != BASE || distance > text_before + (uint64_t)(to - text_first)) {
            bits = bits_before;
            count = count_before;
            status = INFLATE_DAMAGED;
            break;
        }
        copy_match(to, distance, length);
        to += length;
        *found++ = token_match(length, distance);
    }
    text->size += (size_t)(to - text_first);
    tokens->count += (size_t)(found - tokens_first);
    *bit_at = (uint64_t)next * 8 - count;
    if (status == INFLATE_SHORT && last) {
        return inflate_tail(tables, data, size, bit_at, text, tokens,
                            limit - (size_t)(found - tokens_first));
    }
    return status;
}
