#include "block_queue.h"

static int add_header(block_queue *queue, queued_block *block, const trees *header)
{
    uint32_t literals[LITERAL_SYMBOLS] = {0};
    uint32_t distances[DISTANCE_SYMBOLS] = {0};
    trees usual;
    tokens_count(queue->tokens.items + queue->tokens.count - block->count, block->count, literals,
                 distances);
    literals[END_OF_BLOCK] = 1;
    trees_from_counts(&usual, literals, distances);
    size_t size = (header->header_bits + 7) / 8;
    if (usual.header_bits == header->header_bits &&
        memcmp(usual.header, header->header, size) == 0) {
        return 0;
    }
    block->header_bits = header->header_bits;
    block->header_at = queue->headers.size;
    return byte_vector_append(&queue->headers, header->header, size);
}

int block_queue_add(block_queue *queue, uint8_t type, uint32_t count, const trees *header)
{
    if (queue->count == queue->capacity) {
        size_t capacity = queue->capacity + queue->capacity / 2 + 16;
        if (capacity > SIZE_MAX / 2 / sizeof(queued_block)) {
            return -1;
        }
        queued_block *blocks = realloc(queue->blocks, capacity * sizeof(queued_block));
        if (blocks == NULL) {
            return -1;
        }
        queue->blocks = blocks;
        queue->capacity = capacity;
    }
    queued_block *block = &queue->blocks[queue->count++];
    memset(block, 0, sizeof *block);
    block->type = type;
    block->count = count;
    return type == BLOCK_DYNAMIC ? add_header(queue, block, header) : 0;
}

void block_queue_drop(block_queue *queue, queue_place *place)
{
    /* Moved only when more goes than stays, so that each entry moves a bounded number of times. */
    if (place->block >= queue->count - place->block) {
        queue->count -= place->block;
        memmove(queue->blocks, queue->blocks + place->block, queue->count * sizeof(queued_block));
        place->block = 0;
        if (queue->count == 0) {
            queue->headers.size = 0;
        }
    }
    if (place->token >= queue->tokens.count - place->token && place->token != 0) {
        queue->tokens.count -= place->token;
        memmove(queue->tokens.items, queue->tokens.items + place->token,
                queue->tokens.count * sizeof(token));
        place->token = 0;
    }
}

void block_queue_clear(block_queue *queue)
{
    queue->count = queue->tokens.count = queue->headers.size = 0;
}

void block_queue_free(block_queue *queue)
{
    free(queue->blocks);
    queue->blocks = NULL;
    queue->count = queue->capacity = 0;
    token_vector_free(&queue->tokens);
    byte_vector_free(&queue->headers);
}
