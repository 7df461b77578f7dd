/* Gear-hash chunking, free of Python. The cuts are defined by python_kernel.py and
 * docs/format/chunking.md; every implementation here makes exactly those. */

#ifndef DEDUPSTORE_GEAR_H
#define DEDUPSTORE_GEAR_H

#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define GEAR_HAVE_AVX2 1
#else
#define GEAR_HAVE_AVX2 0
#endif

#define GEAR_TABLE_ENTRIES 256
#define GEAR_TABLE_BYTES (8 * GEAR_TABLE_ENTRIES)
#define GEAR_WINDOW_BYTES 64

/* Invariants, checked by whoever fills it in:
 * GEAR_WINDOW_BYTES <= min_bytes <= target_bytes <= max_bytes - line_bound_bytes,
 * line_bound_bytes <= max_bytes. */
typedef struct {
    uint64_t table[GEAR_TABLE_ENTRIES];
    /* The low 16 bits of table[b] are low_nibble[b & 15] ^ high_nibble[b >> 4], kept as
     * [0] low and [1] high bytes, the form in which a byte shuffle looks them up. */
    uint8_t low_nibble[2][16];
    uint8_t high_nibble[2][16];
    size_t min_bytes;
    size_t target_bytes;
    size_t max_bytes;
    size_t line_bound_bytes;
    uint64_t mask_hard;
    uint64_t mask_easy;
} gear_rules;

/* Returns the first position from min_bytes to limit where the hash of the 64 bytes before it
 * allows a cut, else limit. Reads chunk[0 .. limit - 1]; limit >= min_bytes. */
typedef size_t gear_scan(const gear_rules *rules, const uint8_t *chunk, size_t limit);

gear_scan gear_scan_scalar;
#if GEAR_HAVE_AVX2
gear_scan gear_scan_avx2;
#endif

/* Fills in the tables from 2048 bytes (256 little-endian words). Returns 0, or -1 if the low 16
 * bits are not made of nibbles. */
int gear_load_table(gear_rules *rules, const uint8_t *packed);

/* Cuts data[start .. end - 1] into at most `capacity` chunks, stores the end of each and returns
 * their number. Fewer than `capacity` means: nothing is left that can be cut. */
size_t gear_find_cuts(const gear_rules *rules, gear_scan *scan, const uint8_t *data, size_t start,
                      size_t end, int final, size_t *cuts, size_t capacity);

/* The hash of the 64 bytes before `end`, as four chains so that no addition waits for all others. */
static inline uint64_t gear_window_hash(const uint64_t *table, const uint8_t *end)
{
    uint64_t part[4] = {0, 0, 0, 0};
    const uint8_t *window = end - GEAR_WINDOW_BYTES;
    for (int i = 0; i < 16; i++) {
        for (int j = 0; j < 4; j++) {
            part[j] = (part[j] << 1) + table[window[16 * j + i]];
        }
    }
    return (part[0] << 48) + (part[1] << 32) + (part[2] << 16) + part[3];
}

/* Rolls *hash, which is that of position first - 1, over the positions first .. last. Returns the
 * first position where (hash & mask) is zero, else 0. *hash is then that of last. */
static inline size_t gear_roll(const uint64_t *table, const uint8_t *chunk, size_t first,
                               size_t last, uint64_t mask, uint64_t *hash)
{
    uint64_t rolled = *hash;
    size_t position = first;
#define GEAR_STEP(offset)                                                  \
    rolled = (rolled << 1) + table[chunk[position - 1 + (offset)]];        \
    if ((rolled & mask) == 0) {                                            \
        return position + (offset);                                        \
    }
    for (; position + 7 <= last; position += 8) {
        GEAR_STEP(0) GEAR_STEP(1) GEAR_STEP(2) GEAR_STEP(3)
        GEAR_STEP(4) GEAR_STEP(5) GEAR_STEP(6) GEAR_STEP(7)
    }
    for (; position <= last; position++) {
        GEAR_STEP(0)
    }
#undef GEAR_STEP
    *hash = rolled;
    return 0;
}

/* Scans the positions first .. last, masks and all; first >= GEAR_WINDOW_BYTES. Returns the first
 * cut, else 0. */
size_t gear_scan_range(const gear_rules *rules, const uint8_t *chunk, size_t first, size_t last);

#endif
