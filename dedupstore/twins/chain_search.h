/* Searching a hash chain for the longest match, as zlib's longest_match does. */

#ifndef DEDUPSTORE_CHAIN_SEARCH_H
#define DEDUPSTORE_CHAIN_SEARCH_H

#include "byte_vector.h"
#include "predictor.h"

static inline uint32_t number_of(const predictor *p, uint64_t position)
{
    return (uint32_t)(position - p->number_shift);
}

static inline unsigned first_difference(uint64_t difference)
{
#if defined(__GNUC__) || defined(__clang__)
    return (unsigned)__builtin_ctzll(difference) / 8;
#else
    unsigned byte = 0;
    while ((difference & 0xFF) == 0) {
        difference >>= 8;
        byte++;
    }
    return byte;
#endif
}

/* How many bytes two places share, at most `limit`; up to 7 more are read. */
static inline unsigned shared_bytes(const uint8_t *one, const uint8_t *other, unsigned limit)
{
    for (unsigned i = 0; i < limit; i += 8) {
        uint64_t difference = load_little64(one + i) ^ load_little64(other + i);
        if (difference != 0) {
            unsigned shared = i + first_difference(difference);
            return shared < limit ? shared : limit;
        }
    }
    return limit;
}

/* The newest candidate before `number`, which was inserted; 0 if it is out of the window. */
static inline uint32_t first_candidate(const predictor *p, uint32_t number)
{
    uint32_t candidate = p->previous[number & p->window_mask];
    return candidate > p->era && number - candidate <= p->distance_max ? candidate : 0;
}

/* Candidates after the first are above this. */
static inline uint32_t candidate_limit(const predictor *p, uint32_t number)
{
    uint32_t limit = number > p->distance_max ? number - p->distance_max : 0;
    return limit > p->era ? limit : p->era;
}

/* Looks for a match longer than `best` at `scan`, the position of this number; `room` bytes are
 * left in the segment. Returns it, or 0. */
static inline token search(predictor *p, const uint8_t *scan, uint32_t number, unsigned room,
                           unsigned best)
{
    uint32_t candidate = first_candidate(p, number);
    const unsigned length_limit = room < LENGTH_MAX ? room : LENGTH_MAX;
    if (candidate == 0 || best >= length_limit) {
        return 0;
    }
    const uint16_t *const previous = p->previous;
    const uint32_t window_mask = p->window_mask;
    const uint32_t limit = candidate_limit(p, number);
    const unsigned nice = p->rules.nice < room ? p->rules.nice : room;
    const uint32_t chain = best >= p->rules.good ? p->rules.chain >> 2 : p->rules.chain;
    uint32_t left = chain;
    token found = 0;
    for (;;) {
        if (best >= LENGTH_MIN) {
            /* A longer match shares the bytes up to scan[best]: passes over those that do not share
             * the last four. Everything else can wait while the chain comes from the cache. */
            const uint8_t *const last = scan + best - 3;
            const uint32_t wanted = load_little32(last);
            while (load_little32(last - (number - candidate)) != wanted) {
                candidate = previous[candidate & window_mask];
                if (candidate <= limit || --left == 0) {
                    goto done;
                }
            }
        }
        unsigned length = shared_bytes(scan, scan - (number - candidate), length_limit);
        if (length > best) {
            best = length;
            found = token_match(length, number - candidate);
            if (length >= nice) {
                break;
            }
        }
        candidate = previous[candidate & window_mask];
        if (candidate <= limit || --left == 0) {
            break;
        }
    }
done:
    p->visited += left == 0 ? chain : chain - left + 1;
    return found;
}

/* The same, told that the text has the match `expected` there (a literal: nothing is known), which
 * most often is what is found: then candidates need only be held against its length. */
static inline token search_expecting(predictor *p, const uint8_t *scan, uint32_t number,
                                     unsigned room, unsigned best, token expected)
{
    const unsigned length = token_bytes(expected);
    const uint32_t distance = token_distance(expected);
    const unsigned length_limit = room < LENGTH_MAX ? room : LENGTH_MAX;
    uint32_t candidate = first_candidate(p, number);
    if (distance == 0 || distance >= number || candidate == 0 || length <= best ||
        length > length_limit) {
        return search(p, scan, number, room, best);
    }
    const uint16_t *const previous = p->previous;
    const uint32_t window_mask = p->window_mask;
    const uint32_t limit = candidate_limit(p, number);
    const unsigned nice = p->rules.nice < room ? p->rules.nice : room;
    const uint32_t chain = best >= p->rules.good ? p->rules.chain >> 2 : p->rules.chain;
    const uint32_t expected_at = number - distance;
    uint32_t left = chain;
    /* None of the nearer ones may be so long that it is preferred. */
    const unsigned bound = length < nice ? length : nice;
    const uint8_t *last = scan + bound - 4; /* of these four the first may be before the match */
    uint32_t wanted = load_little32(last) >> 8;
    while (candidate > expected_at) {
        const uint32_t back = number - candidate;
        if (load_little32(last - back) >> 8 == wanted &&
            shared_bytes(scan, scan - back, bound) == bound) {
            return search(p, scan, number, room, best);
        }
        candidate = previous[candidate & window_mask];
        if (candidate <= limit || --left == 0) {
            return search(p, scan, number, room, best);
        }
    }
    if (candidate != expected_at ||
        (length < length_limit && scan[length] == (scan - distance)[length])) {
        return search(p, scan, number, room, best);
    }
    if (length < nice) {
        /* None of the farther ones may be longer. */
        last = scan + length - 3;
        wanted = load_little32(last);
        for (;;) {
            candidate = previous[candidate & window_mask];
            if (candidate <= limit || --left == 0) {
                break;
            }
            const uint32_t back = number - candidate;
            if (load_little32(last - back) == wanted &&
                shared_bytes(scan, scan - back, length + 1) > length) {
                return search(p, scan, number, room, best);
            }
        }
    }
    p->visited += left == 0 ? chain : chain - left + 1;
    return expected;
}

#endif
