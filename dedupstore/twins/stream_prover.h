/* Makes the plan of one stream, and follows it right behind. */

#ifndef DEDUPSTORE_STREAM_PROVER_H
#define DEDUPSTORE_STREAM_PROVER_H

#include "follower.h"
#include "parameter_choice.h"

typedef struct {
    text_window text; /* inflated by the caller, who appends each block's before adding the block */
    block_queue queue; /* likewise its tokens */
    stream_draft draft;
    match_rules rules;
    int all_emptied;
    int is_chosen; /* rules and all_emptied are known */
    unsigned extra_flags;
    stream_sample sample;
    uint64_t flush_at; /* where an empty block stands with no text behind it yet; 0: nowhere */
    int is_flushed;    /* the last block is empty */
    int is_final;      /* the last block was added */
    recorder recorder;
    follower follower; /* what it built is in follower.writer.out, for the caller to take */
    block_cursor followed;
    size_t followed_at; /* in draft.blocks */
    uint64_t followed_count;
} stream_prover;

enum prove_status { PROVE_OK, PROVE_TOO_MUCH_WORK, PROVE_NOT_REBUILT, PROVE_NO_MEMORY };

/* Returns 0, or -1 without memory; stream_prover_free is to be called in either case. */
int stream_prover_create(stream_prover *s);
void stream_prover_free(stream_prover *s);

/* Begins a stream; `extra_flags` is what the header of its member says of the level. */
void stream_prover_begin(stream_prover *s, unsigned extra_flags);

/* Adds a block, whose text and tokens are the last ones, and does what can be done with all so
 * far. */
enum prove_status stream_prover_add(stream_prover *s, uint8_t type, uint32_t count,
                                    const trees *header, uint32_t text_bytes, int is_final,
                                    const work_budget *budget);

/* Appends the plan to a recipe. */
enum prove_status stream_prover_append(const stream_prover *s, byte_vector *recipe);

#endif
