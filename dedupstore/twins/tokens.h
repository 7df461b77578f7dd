/* What deflate blocks are made of: literals, and matches (length, distance). */

#ifndef DEDUPSTORE_TOKENS_H
#define DEDUPSTORE_TOKENS_H

#include <stddef.h>
#include <stdint.h>

#define LENGTH_MIN 3
#define LENGTH_MAX 258
#define DISTANCE_MAX 32768

/* A literal is its byte; a match is distance << 9 | length. */
typedef uint32_t token;

static inline token token_match(unsigned length, unsigned distance)
{
    return distance << 9 | length;
}

static inline unsigned token_distance(token t)
{
    return t >> 9; /* 0 for a literal */
}

/* Bytes of text it stands for. */
static inline unsigned token_bytes(token t)
{
    return t >> 9 != 0 ? t & 0x1FF : 1;
}

typedef struct {
    token *items;
    size_t count;
    size_t capacity;
} token_vector;

/* Makes room for `more` tokens. Returns 0, or -1 without memory. */
int token_vector_reserve(token_vector *vector, size_t more);
void token_vector_free(token_vector *vector);

/* RFC 1951, 3.2.5: symbols of lengths (from 257) and of distances. */
#define LENGTH_CODES 29
#define DISTANCE_CODES 30
extern const uint16_t length_base[LENGTH_CODES];
extern const uint8_t length_extra_bits[LENGTH_CODES];
extern const uint16_t distance_base[DISTANCE_CODES];
extern const uint8_t distance_extra_bits[DISTANCE_CODES];

/* Filled by tokens_prepare: the index into the tables above. */
extern uint8_t length_code[LENGTH_MAX + 1];
extern uint8_t distance_code_near[256]; /* of distance - 1 */
extern uint8_t distance_code_far[256];  /* of (distance - 1) >> 7 */

/* Fills the tables; to be called once before anything else. */
void tokens_prepare(void);

static inline unsigned code_of_distance(unsigned distance)
{
    return distance <= 256 ? distance_code_near[distance - 1]
                           : distance_code_far[(distance - 1) >> 7];
}

/* Adds the symbols of the tokens to the counts. */
void tokens_count(const token *tokens, size_t count, uint32_t *literals, uint32_t *distances);

#endif
