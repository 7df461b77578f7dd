/* The scan for a raw cut with AVX2, in two stages.
 *
 * Stage 1: the low 16 bits of the hash depend on the last 16 bytes and on the low 16 bits of the
 * table, which two byte shuffles look up. Sums of 2, 4, 8, 16 terms are built by doubling. A
 * position where bits 6 to 15 are zero is a candidate: one in 1024 of random data.
 * Stage 2: the whole hash of a candidate decides. */

#include "gear.h"

#if GEAR_HAVE_AVX2

#include <immintrin.h>
#include <string.h>

#define AVX2 __attribute__((target("avx2")))

/* The two 128-bit lanes work on neighbouring runs of this many bytes, so no data crosses them. */
#define LANE_BYTES 512
#define BLOCK_POSITIONS (2 * LANE_BYTES)
#define BLOCK_WORDS (BLOCK_POSITIONS / 64)
#define PREFETCH_BYTES (2 * BLOCK_POSITIONS)

/* With more candidates in a block than this, the scalar scan takes over for a while: data made to
 * pass stage 1 must not cost much more than it would without the two stages. */
#define VERIFIED_MAX 8
#define CROWDED_POSITIONS (4 * BLOCK_POSITIONS)

/* 16-bit hashes of eight positions in each lane, complete for 1, 2, 4 and 8 bytes. */
typedef struct {
    __m256i of1, of2, of4, of8;
} partial_hashes;

/* Shifts eight 16-bit words up by `words`, filling in from the eight words before them. */
#define AFTER(now, before, words) _mm256_alignr_epi8(now, before, 16 - 2 * (words))

AVX2 static inline __m256i advance(partial_hashes *last, __m256i of1)
{
    __m256i of2 = _mm256_add_epi16(of1, _mm256_slli_epi16(AFTER(of1, last->of1, 1), 1));
    __m256i of4 = _mm256_add_epi16(of2, _mm256_slli_epi16(AFTER(of2, last->of2, 2), 2));
    __m256i of8 = _mm256_add_epi16(of4, _mm256_slli_epi16(AFTER(of4, last->of4, 4), 4));
    __m256i of16 = _mm256_add_epi16(of8, _mm256_slli_epi16(last->of8, 8));
    *last = (partial_hashes){of1, of2, of4, of8};
    return of16;
}

AVX2 static inline __m256i both_lanes(const uint8_t *first, const uint8_t *second)
{
    __m128i low = _mm_loadu_si128((const __m128i *)first);
    return _mm256_inserti128_si256(_mm256_castsi128_si256(low),
                                   _mm_loadu_si128((const __m128i *)second), 1);
}

/* Sets bit i of `candidates` if the hash that ends with bytes[i] passes stage 1.
 * Reads bytes[-16 .. BLOCK_POSITIONS - 1]. */
AVX2 static void mark_candidates(const gear_rules *rules, const uint8_t *bytes,
                                 uint64_t *candidates)
{
    const __m256i low_to_low = both_lanes(rules->low_nibble[0], rules->low_nibble[0]);
    const __m256i low_to_high = both_lanes(rules->low_nibble[1], rules->low_nibble[1]);
    const __m256i high_to_low = both_lanes(rules->high_nibble[0], rules->high_nibble[0]);
    const __m256i high_to_high = both_lanes(rules->high_nibble[1], rules->high_nibble[1]);
    const __m256i nibble = _mm256_set1_epi8(15);
    const __m256i zero = _mm256_setzero_si256();
    const __m256i mask = _mm256_set1_epi16((short)GEAR_LOW_MASK);
    partial_hashes last = {zero, zero, zero, zero};
    uint16_t marks[2][LANE_BYTES / 16];

    /* The first round only brings `last` up to date. */
    for (ptrdiff_t i = -16; i < LANE_BYTES; i += 16) {
        GEAR_PREFETCH(bytes + 2 * i, PREFETCH_BYTES);
        __m256i x = both_lanes(bytes + i, bytes + LANE_BYTES + i);
        __m256i low = _mm256_and_si256(x, nibble);
        __m256i high = _mm256_and_si256(_mm256_srli_epi16(x, 4), nibble);
        __m256i low_byte = _mm256_xor_si256(_mm256_shuffle_epi8(low_to_low, low),
                                            _mm256_shuffle_epi8(high_to_low, high));
        __m256i high_byte = _mm256_xor_si256(_mm256_shuffle_epi8(low_to_high, low),
                                             _mm256_shuffle_epi8(high_to_high, high));
        __m256i hash0 = advance(&last, _mm256_unpacklo_epi8(low_byte, high_byte));
        __m256i hash1 = advance(&last, _mm256_unpackhi_epi8(low_byte, high_byte));
        __m256i pass0 = _mm256_cmpeq_epi16(_mm256_and_si256(hash0, mask), zero);
        __m256i pass1 = _mm256_cmpeq_epi16(_mm256_and_si256(hash1, mask), zero);
        uint32_t pass = (uint32_t)_mm256_movemask_epi8(_mm256_packs_epi16(pass0, pass1));
        if (i >= 0) {
            marks[0][i / 16] = (uint16_t)pass;
            marks[1][i / 16] = (uint16_t)(pass >> 16);
        }
    }
    memcpy(candidates, marks, sizeof marks);
}

/* The hash of the 64 bytes before `end`, as four chains that do not wait for each other. */
static uint64_t window_hash(const uint64_t *table, const uint8_t *end)
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

/* Stage 2 for a block whose first position is `first`. Returns the first cut, else 0; sets *crowded
 * to where it gave up for too many candidates, else to 0. */
static size_t verify_block(const gear_rules *rules, const uint8_t *chunk, size_t first,
                           const uint64_t *candidates, size_t *crowded)
{
    int left = VERIFIED_MAX;
    *crowded = 0;
    for (size_t i = 0; i < BLOCK_WORDS; i++) {
        for (uint64_t word = candidates[i]; word != 0; word &= word - 1) {
            size_t position = first + 64 * i + (size_t)__builtin_ctzll(word);
            uint64_t mask = position < rules->target_bytes ? rules->mask_hard : rules->mask_easy;
            if (left-- == 0) {
                *crowded = position;
                return 0;
            }
            if (position >= rules->late_bytes ||
                (window_hash(rules->table, chunk + position) & mask) == 0) {
                return position;
            }
        }
    }
    return 0;
}

size_t gear_scan_avx2(const gear_rules *rules, const uint8_t *chunk, size_t limit)
{
    size_t first = rules->min_bytes;
    while (limit - first >= BLOCK_POSITIONS) {
        uint64_t candidates[BLOCK_WORDS];
        size_t crowded;
        mark_candidates(rules, chunk + first - 1, candidates);
        size_t cut = verify_block(rules, chunk, first, candidates, &crowded);
        first += BLOCK_POSITIONS;
        if (cut == 0 && crowded != 0) {
            if (limit - crowded < CROWDED_POSITIONS) {
                first = crowded;
                break;
            }
            first = crowded + CROWDED_POSITIONS;
            cut = gear_scan_range(rules, chunk, crowded, first - 1);
        }
        if (cut != 0) {
            return cut;
        }
    }
    size_t cut = gear_scan_range(rules, chunk, first, limit);
    return cut != 0 ? cut : limit;
}

#else

typedef int gear_avx2_is_not_built; /* ISO C forbids an empty file */

#endif
