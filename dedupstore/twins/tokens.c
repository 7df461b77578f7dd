#include "tokens.h"

#include <stdlib.h>

const uint16_t length_base[LENGTH_CODES] = {
    3,  4,  5,  6,  7,  8,  9,  10, 11, 13,  15,  17,  19,  23,  27,
    31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
};
const uint8_t length_extra_bits[LENGTH_CODES] = {
    0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
};
const uint16_t distance_base[DISTANCE_CODES] = {
    1,   2,   3,   4,   5,   7,    9,    13,   17,   25,   33,   49,   65,    97,    129,
    193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577,
};
const uint8_t distance_extra_bits[DISTANCE_CODES] = {
    0, 0, 0, 0, 1, 1, 2, 2,  3,  3,  4,  4,  5,  5,  6,
    6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
};

uint8_t length_code[LENGTH_MAX + 1];
uint8_t distance_code_near[256];
uint8_t distance_code_far[256];

int token_vector_reserve(token_vector *vector, size_t more)
{
    if (more <= vector->capacity - vector->count) {
        return 0;
    }
    if (more > SIZE_MAX / 4 / sizeof(token) - vector->count) {
        return -1;
    }
    size_t capacity = vector->capacity + vector->capacity / 2;
    if (capacity < vector->count + more) {
        capacity = vector->count + more;
    }
    token *items = realloc(vector->items, capacity * sizeof(token));
    if (items == NULL) {
        return -1;
    }
    vector->items = items;
    vector->capacity = capacity;
    return 0;
}

void token_vector_free(token_vector *vector)
{
    free(vector->items);
    vector->items = NULL;
    vector->count = vector->capacity = 0;
}

void tokens_prepare(void)
{
    for (unsigned code = 0; code < LENGTH_CODES; code++) {
        for (unsigned i = 0; i < 1u << length_extra_bits[code]; i++) {
            unsigned length = length_base[code] + i;
            if (length <= LENGTH_MAX) {
                length_code[length] = (uint8_t)code; /* 258 comes last: it has a code of its own */
            }
        }
    }
    for (unsigned code = 0; code < DISTANCE_CODES; code++) {
        for (unsigned i = 0; i < 1u << distance_extra_bits[code]; i++) {
            unsigned less_one = distance_base[code] - 1u + i;
            if (less_one < 256) {
                distance_code_near[less_one] = (uint8_t)code;
            } else {
                distance_code_far[less_one >> 7] = (uint8_t)code;
            }
        }
    }
}

void tokens_count(const token *tokens, size_t count, uint32_t *literals, uint32_t *distances)
{
    for (size_t i = 0; i < count; i++) {
        unsigned distance = token_distance(tokens[i]);
        if (distance == 0) {
            literals[tokens[i]]++;
        } else {
            literals[257 + length_code[token_bytes(tokens[i])]]++;
            distances[code_of_distance(distance)]++;
        }
    }
}
