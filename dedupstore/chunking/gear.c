/* The walk from chunk to chunk, and the scalar scan for a raw cut. */

#include "gear.h"

#include <string.h>

#define PREFETCH_BYTES 1024

int gear_load_table(gear_rules *rules, const uint8_t *packed)
{
    for (size_t i = 0; i < GEAR_TABLE_ENTRIES; i++) {
        uint64_t entry = 0;
        for (size_t j = 0; j < 8; j++) {
            entry |= (uint64_t)packed[8 * i + j] << (8 * j);
        }
        rules->table[i] = entry;
    }
    /* Any pair (A ^ x, B ^ x) gives the same table; take the one whose high_nibble[0] is zero. */
    for (size_t i = 0; i < 16; i++) {
        uint64_t low = rules->table[i];
        uint64_t high = rules->table[16 * i] ^ rules->table[0];
        rules->low_nibble[0][i] = (uint8_t)low;
        rules->low_nibble[1][i] = (uint8_t)(low >> 8);
        rules->high_nibble[0][i] = (uint8_t)high;
        rules->high_nibble[1][i] = (uint8_t)(high >> 8);
    }
    uint64_t wrong = 0;
    for (size_t i = 0; i < GEAR_TABLE_ENTRIES; i++) {
        wrong |= rules->table[i] ^ rules->table[i & 15] ^ rules->table[i & 0xF0] ^ rules->table[0];
    }
    return (wrong & 0xFFFF) == 0 ? 0 : -1;
}

/* Rolls *hash, which is that of position first - 1, over the positions first .. last. Returns the
 * first position where (hash & mask) is zero, else 0; *hash is then that of last.
 *
 * Two positions to a step: the hash of the second follows from that before the first, so that one
 * shift and one addition have the time of two bytes. */
static size_t roll(const uint64_t *table, const uint8_t *chunk, size_t first, size_t last,
                   uint64_t mask, uint64_t *hash)
{
    uint64_t rolled = *hash;
    size_t position = first;
#define ROLL_TWO(offset)                                                   \
    do {                                                                   \
        uint64_t one = table[chunk[position - 1 + (offset)]];              \
        uint64_t two = table[chunk[position + (offset)]];                  \
        uint64_t middle = (rolled << 1) + one;                             \
        rolled = (rolled << 2) + ((one << 1) + two);                       \
        if ((middle & mask) == 0) {                                        \
            return position + (offset);                                    \
        }                                                                  \
        if ((rolled & mask) == 0) {                                        \
            return position + (offset) + 1;                                \
        }                                                                  \
    } while (0)
    for (; position + 7 <= last; position += 8) {
        GEAR_PREFETCH(chunk + position, PREFETCH_BYTES);
        ROLL_TWO(0);
        ROLL_TWO(2);
        ROLL_TWO(4);
        ROLL_TWO(6);
    }
#undef ROLL_TWO
    for (; position <= last; position++) {
        rolled = (rolled << 1) + table[chunk[position - 1]];
        if ((rolled & mask) == 0) {
            return position;
        }
    }
    *hash = rolled;
    return 0;
}

size_t gear_scan_range(const gear_rules *rules, const uint8_t *chunk, size_t first, size_t last)
{
    /* The hash of the 63 bytes that position `first` shares with the one before it. */
    uint64_t hash = 0;
    for (size_t i = first - GEAR_WINDOW_BYTES; i < first - 1; i++) {
        hash = (hash << 1) + rules->table[chunk[i]];
    }
    const size_t ends[3] = {rules->target_bytes, rules->late_bytes, last + 1};
    const uint64_t masks[3] = {rules->mask_hard, rules->mask_easy, GEAR_LOW_MASK};
    for (int i = 0; i < 3 && first <= last; i++) {
        size_t end = ends[i] <= last ? ends[i] : last + 1;
        if (first < end) {
            size_t cut = roll(rules->table, chunk, first, end - 1, masks[i], &hash);
            if (cut != 0) {
                return cut;
            }
            first = end;
        }
    }
    return 0;
}

size_t gear_scan_scalar(const gear_rules *rules, const uint8_t *chunk, size_t limit)
{
    size_t cut = gear_scan_range(rules, chunk, rules->min_bytes, limit);
    return cut != 0 ? cut : limit;
}

/* The length of the chunk at the start of `length` bytes, which end the stream or are max_bytes. */
static size_t chunk_length(const gear_rules *rules, gear_scan *scan, const uint8_t *chunk,
                           size_t length)
{
    if (length <= rules->min_bytes) {
        return length;
    }
    size_t bound = rules->line_bound_bytes;
    size_t limit = rules->max_bytes - bound;
    size_t raw_cut = scan(rules, chunk, length < limit ? length : limit);
    if (raw_cut == length) {
        return length;
    }
    /* From one byte before the raw cut: a cut that already follows a newline stays. */
    size_t ahead = length - raw_cut < bound ? length - raw_cut : bound;
    const uint8_t *newline = memchr(chunk + raw_cut - 1, '\n', ahead + 1);
    return newline == NULL ? raw_cut : (size_t)(newline - chunk) + 1;
}

size_t gear_find_cuts(const gear_rules *rules, gear_scan *scan, const uint8_t *data, size_t start,
                      size_t end, int final, size_t *cuts, size_t capacity)
{
    size_t count = 0;
    while (count < capacity && start < end) {
        size_t length = end - start;
        if (length >= rules->max_bytes) {
            length = rules->max_bytes;
        } else if (!final) {
            break;
        }
        start += chunk_length(rules, scan, data + start, length);
        cuts[count++] = start;
    }
    return count;
}
