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

/* Logs are longer than the caches, and the processor's own prefetch stops at each page: without
 * this the scans run at some 60 % of their speed. The address may lie outside the data. */
#if defined(__GNUC__) || defined(__clang__)
#define GEAR_PREFETCH(address, ahead) \
    __builtin_prefetch((const void *)((uintptr_t)(address) + (uintptr_t)(ahead)))
#else
#define GEAR_PREFETCH(address, ahead) ((void)0)
#endif

#define GEAR_TABLE_ENTRIES 256
#define GEAR_TABLE_BYTES (8 * GEAR_TABLE_ENTRIES)
#define GEAR_WINDOW_BYTES 64
#define GEAR_LOW_MASK 0xFFC0 /* bits 6 to 15: the low 16 bits of both masks */

/* Invariants, checked by whoever fills it in:
 * GEAR_WINDOW_BYTES <= min_bytes <= target_bytes <= max_bytes - line_bound_bytes,
 * target_bytes <= late_bytes,
 * line_bound_bytes <= max_bytes. */
typedef struct {
    uint64_t table[GEAR_TABLE_ENTRIES];
    /* The low 16 bits of table[b] are low_nibble[b & 15] ^ high_nibble[b >> 4], kept as
     * [0] low and [1] high bytes, the form in which a byte shuffle looks them up. */
    uint8_t low_nibble[2][16];
    uint8_t high_nibble[2][16];
    size_t min_bytes;
    size_t target_bytes;
    size_t late_bytes; /* from here on GEAR_LOW_MASK is the mask */
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

/* Scans the positions first .. last, masks and all; first >= GEAR_WINDOW_BYTES. Returns the first
 * cut, else 0. */
size_t gear_scan_range(const gear_rules *rules, const uint8_t *chunk, size_t first, size_t last);

#endif
