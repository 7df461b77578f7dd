/* What making and reading the header of a dynamic block share. */

#ifndef DEDUPSTORE_TREE_HEADER_H
#define DEDUPSTORE_TREE_HEADER_H

#include "trees.h"

#define TREE_LENGTH_SYMBOLS 19
#define TREE_LENGTH_BITS_MAX 7

/* The order in which the lengths of the code for code lengths stand. */
extern const uint8_t tree_length_order[TREE_LENGTH_SYMBOLS];

/* How code lengths are repeated: by these symbols, with extra bits, from these numbers on. */
enum { REPEAT_LENGTH = 16, REPEAT_ZERO = 17, REPEAT_ZERO_LONG = 18 };
extern const uint8_t tree_repeat_extra_bits[3];
extern const uint8_t tree_repeat_base[3];

/* Appends up to 16 bits to the header, whose other bits are 0. */
void trees_put_header(trees *t, unsigned value, unsigned count);

#endif
