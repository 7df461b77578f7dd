/* Blocks that were inflated and are not recorded yet, in order. */

#ifndef DEDUPSTORE_BLOCK_QUEUE_H
#define DEDUPSTORE_BLOCK_QUEUE_H

#include "recipe.h"

typedef struct {
    uint8_t type;
    uint32_t count;     /* tokens, or stored bytes */
    uint32_t header_bits; /* own trees, else 0 */
    size_t header_at;   /* in `headers` */
} queued_block;

typedef struct {
    queued_block *blocks;
    size_t count;
    size_t capacity;
    token_vector tokens; /* of all of them */
    byte_vector headers;
} block_queue;

/* A place in a queue: so much of this block is done. */
typedef struct {
    size_t block;
    uint32_t done; /* tokens, or stored bytes */
    size_t token;  /* index of the next token in the queue's tokens */
} queue_place;

/* Adds a block whose tokens are the last ones of the queue; `header` are the trees in the file,
 * of a dynamic block. Returns 0, or -1 without memory. */
int block_queue_add(block_queue *queue, uint8_t type, uint32_t count, const trees *header);

/* Drops what is before the place, which is moved. */
void block_queue_drop(block_queue *queue, queue_place *place);

void block_queue_clear(block_queue *queue);
void block_queue_free(block_queue *queue);

#endif
