/* zlib's match finders (deflate_fast, deflate_slow, deflate_rle) as functions of the text alone:
 * hash chains in a window, and for each position the choice that zlib makes. */

#include "predictor.h"

#include <stdlib.h>

#include "chain_search.h"
#include "varint.h"

#define TOO_FAR 4096 /* a match of three bytes from farther away costs more than three literals */
#define FILTERED_MAX 5

/* What is known of the next position, besides a match: that nothing was looked for, or nothing
 * found. Both are less than any match. */
#define CARRY_NOTHING 0
#define CARRY_LITERAL 1

int predictor_create(predictor *p)
{
    memset(p, 0, sizeof *p);
    p->head = calloc((size_t)1 << HASH_BITS_MAX, sizeof *p->head);
    p->previous = calloc((size_t)1 << WINDOW_BITS_MAX, sizeof *p->previous);
    if (p->head == NULL || p->previous == NULL) {
        predictor_free(p);
        return -1;
    }
    return 0;
}

void predictor_free(predictor *p)
{
    free(p->head);
    free(p->previous);
    p->head = p->previous = NULL;
}

static void begin_era(predictor *p, uint64_t position)
{
    p->era_at = position;
    p->era = number_of(p, position);
    p->inserted = position;
    p->carry = CARRY_NOTHING;
    p->join_pending = 0;
}

void predictor_begin(predictor *p, const match_rules *rules)
{
    memset(p->head, 0, sizeof *p->head << rules->hash_bits);
    p->rules = *rules;
    p->hash_shift = (rules->hash_bits + HASHED_BYTES - 1u) / HASHED_BYTES;
    p->hash_mask = (1u << rules->hash_bits) - 1;
    p->window_mask = (1u << rules->window_bits) - 1;
    p->distance_max = (1u << rules->window_bits) - 262;
    p->at = 0;
    p->number_shift = 0;
    p->end = UNKNOWN_TEXT_BYTES;
    p->end_is_point = 0;
    p->easy_until = 0;
    p->gaps_read = 0;
    p->points_read = 0;
    p->last_point = 0;
    p->visited = 0;
    begin_era(p, 0);
}

static void give_up_numbers(uint16_t *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        numbers[i] = (uint16_t)(numbers[i] > NUMBERS_GIVEN_UP ? numbers[i] - NUMBERS_GIVEN_UP : 0);
    }
}

static void renumber(predictor *p)
{
    give_up_numbers(p->head, (size_t)1 << p->rules.hash_bits);
    give_up_numbers(p->previous, (size_t)1 << p->rules.window_bits);
    p->era = p->era > NUMBERS_GIVEN_UP ? p->era - NUMBERS_GIVEN_UP : 0;
    p->number_shift += NUMBERS_GIVEN_UP;
}

/* Inserting ------------------------------------------------------------------------------------ */

static inline uint32_t hash(const uint8_t *at, unsigned shift, uint32_t mask)
{
    return (((uint32_t)at[0] << (2 * shift)) ^ ((uint32_t)at[1] << shift) ^ at[2]) & mask;
}

/* 15 bits, what everybody uses: faster with the shift known. */
#define USUAL_SHIFT 5

static inline void insert_hashed(predictor *p, uint32_t hashed, uint32_t number)
{
    uint16_t *first = &p->head[hashed];
    p->previous[number & p->window_mask] = *first;
    *first = (uint16_t)number;
}

/* Inserts p->at + ahead, which has three bytes before the end of the segment, unless it was. */
static inline void insert_one(predictor *p, const uint8_t *scan, unsigned ahead)
{
    uint64_t position = p->at + ahead;
    if (p->inserted <= position) {
        p->inserted = position + 1;
        insert_hashed(p,
                      p->hash_shift == USUAL_SHIFT
                          ? hash(scan + ahead, USUAL_SHIFT, p->hash_mask)
                          : hash(scan + ahead, p->hash_shift, p->hash_mask),
                      number_of(p, position));
    }
}

static inline void insert_run(predictor *p, const uint8_t *at, uint32_t number, uint32_t count,
                              unsigned shift)
{
    uint16_t *const head = p->head;
    uint16_t *const previous = p->previous;
    const uint32_t hash_mask = p->hash_mask;
    const uint32_t window_mask = p->window_mask;
    /* Masked only where it is used: what is shifted out of the mask stays out. */
    uint64_t hashed = ((uint64_t)at[0] << shift) ^ at[1];
    const uint32_t end = number + count;
    for (at += 2; number != end; number++) {
        hashed = (hashed << shift) ^ *at++;
        uint16_t *first = &head[hashed & hash_mask];
        previous[number & window_mask] = *first;
        *first = (uint16_t)number;
    }
}

/* Inserts what is not inserted of the positions from `from` on that are before `stop` and have
 * three bytes before the end of the segment. */
static void insert(predictor *p, const text_window *text, uint64_t from, uint64_t stop)
{
    if (from < p->inserted) {
        from = p->inserted;
    }
    if (stop + HASHED_BYTES - 1 > p->end) {
        stop = p->end < HASHED_BYTES ? 0 : p->end - (HASHED_BYTES - 1);
    }
    if (from >= stop) {
        return;
    }
    p->inserted = stop;
    const uint8_t *at = text_at(text, from);
    uint32_t count = (uint32_t)(stop - from);
    if (p->hash_shift == USUAL_SHIFT) {
        insert_run(p, at, number_of(p, from), count, USUAL_SHIFT);
    } else {
        insert_run(p, at, number_of(p, from), count, p->hash_shift);
    }
}

/* Segments ------------------------------------------------------------------------------------- */

static void load_end(predictor *p, const flush_points *points)
{
    if (p->points_read == points->count) {
        p->end = points->text_bytes;
        p->end_is_point = 0;
        return;
    }
    varint_reader gaps = {points->gaps + p->gaps_read, points->gaps + points->gaps_size};
    uint64_t gap = 0;
    varint_read(&gaps, &gap);
    p->gaps_read = (size_t)(gaps.at - points->gaps);
    p->points_read++;
    p->last_point += gap;
    p->end = p->last_point;
    p->end_is_point = 1;
}

static void cross_point(predictor *p, const flush_points *points)
{
    uint64_t index = p->points_read - 1;
    if (points->emptied != NULL ? points->emptied[index / 8] >> (index % 8) & 1
                                : points->all_emptied) {
        begin_era(p, p->end);
    } else {
        p->join_pending = 1;
        p->carry = CARRY_NOTHING;
    }
    load_end(p, points);
}

/* From a position on one of these comes near: the end of the segment, that of the text that is
 * known, a number that is too large. New flush points and a new end come behind the known text. */
static uint64_t far_from_all(const predictor *p, uint64_t known)
{
    uint64_t until = p->number_shift + NUMBER_MAX + 1;
    uint64_t border = (p->end < known ? p->end : known) + 1;
    border = border > LOOKAHEAD_BYTES ? border - LOOKAHEAD_BYTES : 0;
    return border < until ? border : until;
}

int predictor_ready_slowly(predictor *p, const text_window *text, const flush_points *points)
{
    if (!p->end_is_point) {
        load_end(p, points);
    }
    if (p->end_is_point && p->at >= p->end) {
        cross_point(p, points);
    }
    uint64_t known = text_end(text);
    if (p->at + LOOKAHEAD_BYTES > known && p->end > known) {
        return 0;
    }
    if (p->join_pending) {
        p->join_pending = 0;
        if (p->rules.matcher == MATCHER_FAST || p->rules.matcher == MATCHER_LAZY) {
            insert(p, text, p->at - p->era_at < 2 ? p->era_at : p->at - 2, p->at);
        }
    }
    if (number_of(p, p->at) > NUMBER_MAX) {
        renumber(p);
    }
    p->easy_until = far_from_all(p, known);
    return 1;
}

/* Searching ------------------------------------------------------------------------------------ */

static inline token search_lazily(predictor *p, const uint8_t *scan, uint32_t number,
                                  unsigned room, unsigned best, token expected)
{
    if (best >= p->rules.lazy) {
        return 0;
    }
    token found = search_expecting(p, scan, number, room, best, expected);
    unsigned length = token_bytes(found);
    if (length <= FILTERED_MAX &&
        (p->rules.filtered || (length == LENGTH_MIN && token_distance(found) > TOO_FAR))) {
        return 0;
    }
    return found;
}

/* Predicting ----------------------------------------------------------------------------------- */

static inline token predict_fast(predictor *p, const uint8_t *scan, unsigned room,
                                 token expected)
{
    if (room < HASHED_BYTES) {
        return *scan;
    }
    insert_one(p, scan, 0);
    token found =
        search_expecting(p, scan, number_of(p, p->at), room, LENGTH_MIN - 1, expected);
    return found != 0 ? found : *scan;
}

/* The lazy matcher inserts every position, whatever the tokens are, so that many are inserted at
 * once: as far ahead as the text is known, and as overwrites no candidate of a search, which are
 * 262 bytes nearer than the window is large. */
#define INSERTED_AHEAD 256

static inline token predict_lazy(predictor *p, const text_window *text, const uint8_t *scan,
                                 unsigned room, token expected, token following)
{
    const uint32_t number = number_of(p, p->at);
    token here = p->carry;
    if (p->at + 2 > p->inserted) {
        insert(p, text, p->at, p->at + INSERTED_AHEAD);
    }
    if (here == CARRY_NOTHING && room >= HASHED_BYTES) {
        here = search_lazily(p, scan, number, room, LENGTH_MIN - 1, expected);
    }
    token next = 0;
    if (room > HASHED_BYTES) {
        unsigned length = here > CARRY_LITERAL ? token_bytes(here) : LENGTH_MIN - 1;
        next = search_lazily(p, scan + 1, number + 1, room - 1, length,
                             token_distance(expected) == 0 ? following : 0);
    }
    if (here > CARRY_LITERAL && next == 0) {
        p->next_carry = CARRY_NOTHING;
        return here;
    }
    p->next_carry = next != 0 ? next : CARRY_LITERAL;
    return *scan;
}

static token predict_run(const predictor *p, const uint8_t *scan, unsigned room)
{
    if (room < LENGTH_MIN || p->at == p->era_at) {
        return *scan;
    }
    unsigned length = shared_bytes(scan, scan - 1, room < LENGTH_MAX ? room : LENGTH_MAX);
    return length >= LENGTH_MIN ? token_match(length, 1) : *scan;
}

static inline token predict(predictor *p, const text_window *text, token expected,
                            token following)
{
    const uint8_t *scan = text_at(text, p->at);
    uint64_t left = p->end - p->at;
    unsigned room = left < LOOKAHEAD_BYTES ? (unsigned)left : LOOKAHEAD_BYTES;
    switch (p->rules.matcher) {
    case MATCHER_FAST:
        return predict_fast(p, scan, room, expected);
    case MATCHER_LAZY:
        return predict_lazy(p, text, scan, room, expected, following);
    case MATCHER_RUNS:
        return predict_run(p, scan, room);
    default:
        return *scan;
    }
}

token predictor_predict(predictor *p, const text_window *text)
{
    return predict(p, text, 0, 0);
}

token predictor_expect(predictor *p, const text_window *text, token really, token following)
{
    return predict(p, text, really, following);
}

void predictor_take(predictor *p, const text_window *text, unsigned bytes, int as_predicted)
{
    uint64_t after = p->at + bytes;
    if (p->rules.matcher == MATCHER_LAZY) {
        if (after > p->inserted) {
            insert(p, text, p->at, after);
        }
        p->carry = as_predicted ? p->next_carry : CARRY_NOTHING;
    } else if (p->rules.matcher == MATCHER_FAST && bytes <= p->rules.lazy &&
               after + HASHED_BYTES <= p->end) {
        insert(p, text, p->at, after);
    }
    p->at = after;
}
