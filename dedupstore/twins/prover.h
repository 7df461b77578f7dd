/* Reads a gzip file, makes its recipe, and proves it. */

#ifndef DEDUPSTORE_PROVER_H
#define DEDUPSTORE_PROVER_H

#include "file_bits.h"
#include "inflate.h"
#include "stream_prover.h"

enum prover_state {
    PROVER_AT_MEMBER,   /* before a member, or the garbage behind the last one */
    PROVER_IN_HEADER,
    PROVER_AT_BLOCK,
    PROVER_IN_TOKENS,
    PROVER_IN_STORED,
    PROVER_AT_TRAILER,
    PROVER_IN_GARBAGE,
    PROVER_DONE,
};

typedef struct {
    enum prover_state state;
    const char *refusal; /* NULL while there is none */
    uint64_t members;
    file_bits file;
    uint64_t text_bytes; /* of the members that are complete */
    uint32_t checksum;
    work_budget budget;
    stream_prover stream;
    inflate_tables tables;
    /* The block that is being inflated. */
    trees block_trees;
    uint8_t block_type;
    int block_is_final;
    uint32_t block_count; /* tokens so far, or stored bytes */
    uint32_t stored_left;
    uint64_t block_text; /* where its text begins */
    byte_vector recipe;
} prover;

/* Functions that return int: 0, or -1 without memory. A refusal is no failure. */
int prover_create(prover *p);
void prover_free(prover *p);

/* Takes the next bytes of the file. */
int prover_feed(prover *p, const uint8_t *data, size_t size);

/* The file ends here: the recipe is complete, unless it is refused. */
int prover_finish(prover *p);

#endif
