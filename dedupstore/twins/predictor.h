/* Predicts the tokens that zlib's match finders make of a text. */

#ifndef DEDUPSTORE_PREDICTOR_H
#define DEDUPSTORE_PREDICTOR_H

#include "text_window.h"
#include "tokens.h"

enum matcher { MATCHER_NONE, MATCHER_FAST, MATCHER_LAZY, MATCHER_RUNS, MATCHER_COUNT };

#define WINDOW_BITS_MIN 9
#define WINDOW_BITS_MAX 15
#define HASH_BITS_MIN 8
#define HASH_BITS_MAX 16
#define CHAIN_MIN 4
#define CHAIN_MAX 4096

/* Text that a prediction and what follows it look at. */
#define LOOKAHEAD_BYTES 262
#define HOPS_VISITED_MAX 4096

#define HASHED_BYTES 3

typedef struct {
    uint8_t matcher;
    uint8_t filtered; /* matches up to 5 bytes are not worth it */
    uint8_t window_bits;
    uint8_t hash_bits;
    uint16_t good;  /* from this length on a quarter of the chain is enough */
    uint16_t lazy;  /* lazy: below this length a better match is looked for; fast: up to this
                       length all positions of a match are remembered */
    uint16_t nice;  /* this length ends a search */
    uint16_t chain; /* candidates looked at */
} match_rules;

/* Where writers flushed: matches never reach over such a point. */
typedef struct {
    const uint8_t *gaps; /* varints: distance to the point before */
    size_t gaps_size;
    uint64_t count;
    const uint8_t *emptied; /* bit i: the dictionary was emptied at point i */
    int all_emptied;        /* said of all where there are no bits */
    uint64_t text_bytes;    /* of the stream; UINT64_MAX while it is not known */
} flush_points;

#define UNKNOWN_TEXT_BYTES UINT64_MAX

/* Positions are kept as 16-bit numbers, as the tables must fit the caches; before they would not
 * fit any more, the older half of them is given up. All of those are out of every window then: */
#define NUMBERS_GIVEN_UP ((uint32_t)1 << WINDOW_BITS_MAX)
#define NUMBER_MAX (NUMBERS_GIVEN_UP + ((uint32_t)1 << WINDOW_BITS_MAX) - LOOKAHEAD_BYTES)

/* An era ends where the dictionary is emptied: what is not above `era` is not there, so that the
 * tables need not be cleared. */
typedef struct {
    match_rules rules;
    unsigned hash_shift;
    uint32_t hash_mask;
    uint32_t window_mask;
    uint32_t distance_max;
    uint64_t at;       /* position of the next token in the stream */
    uint64_t number_shift; /* number of a position = position - this */
    uint64_t inserted; /* positions before this are in the tables, or never will be */
    uint32_t era;      /* number of the first position of the era */
    uint64_t era_at;
    /* The segment: up to the next flush point, the end of the text, or UNKNOWN_TEXT_BYTES. */
    uint64_t end;
    int end_is_point;
    uint64_t easy_until; /* before this there are none of these things to think of */
    int join_pending; /* the segment before kept its dictionary; its last two are to be inserted */
    size_t gaps_read;
    uint64_t points_read;
    uint64_t last_point;
    token carry; /* what was found at `at` while the token before it was predicted */
    token next_carry;
    uint64_t visited; /* candidates, since the stream began */
    uint16_t *head;     /* by hash: the newest position */
    uint16_t *previous; /* by position in the window: the one before it of the same hash */
} predictor;

/* Returns 0, or -1 without memory. */
int predictor_create(predictor *p);
void predictor_free(predictor *p);

/* Begins a stream. */
void predictor_begin(predictor *p, const match_rules *rules);

/* Whether enough is known to predict a token at p->at, which is before the end of the text; crosses
 * the flush point that may be there. To be called before each prediction. */
int predictor_ready_slowly(predictor *p, const text_window *text, const flush_points *points);

static inline int predictor_ready(predictor *p, const text_window *text,
                                  const flush_points *points)
{
    return p->at < p->easy_until || predictor_ready_slowly(p, text, points);
}

/* Returns the token that is to be expected at p->at. */
token predictor_predict(predictor *p, const text_window *text);

/* Returns the same, faster if it is `really`; `following` is the token after that, or any literal
 * if it is not known. Both are tokens that the text has. */
token predictor_expect(predictor *p, const text_window *text, token really, token following);

/* Moves on over the token that is really there, of `bytes` bytes (fewer if it was cut);
 * `as_predicted` keeps what was found out about the next one. */
void predictor_take(predictor *p, const text_window *text, unsigned bytes, int as_predicted);

/* Returns the distance of the hop-th candidate for p->at that shares `length` bytes or more with
 * the text there (all of it known), or 0 if there is none. To be called after predictor_predict. */
unsigned predictor_hop_distance(predictor *p, const text_window *text, unsigned length,
                                unsigned hop);

/* The inverse: returns the hop of the candidate at this distance, or -1 if it is none. */
int predictor_find_hop(predictor *p, const text_window *text, unsigned length, unsigned distance);

#endif
