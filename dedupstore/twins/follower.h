/* Rebuilds one deflate stream from its text and its plan. The rebuilder gives it the plan of a
 * recipe, the prover one that is being made: what is proved is what restores. */

#ifndef DEDUPSTORE_FOLLOWER_H
#define DEDUPSTORE_FOLLOWER_H

#include "bit_writer.h"
#include "recipe.h"

enum follow_status {
    FOLLOW_DONE,
    FOLLOW_SHORT, /* more text is needed */
    FOLLOW_WRONG, /* the plan does not fit the text */
    FOLLOW_NO_MEMORY,
};

typedef struct {
    predictor predictor;
    correction_cursor cursor;
    uint64_t right; /* tokens that were as predicted since the last correction */
    uint64_t due;   /* how many of them there are before the next one; NONE_DUE: none is known */
    /* The block that is followed. */
    token_vector tokens;
    uint32_t stored_done;
    uint64_t stored_start;
    uint32_t literal_counts[LITERAL_SYMBOLS];
    uint32_t distance_counts[DISTANCE_SYMBOLS];
    bit_writer writer;
    const char *wrong; /* what is wrong, after FOLLOW_WRONG */
} follower;

/* Returns 0, or -1 without memory. */
int follower_create(follower *f);
void follower_free(follower *f);

/* Begins a stream. */
void follower_begin(follower *f, const match_rules *rules);

/* Follows the next block, as far as the text goes, and writes its bits when it is complete: after
 * FOLLOW_SHORT it is called again with the same block and more text. */
enum follow_status follower_block(follower *f, const text_window *text, const flush_points *points,
                                  const correction_list *corrections, const block_plan *block,
                                  int is_last);

/* Whether all the text and all corrections of a finished stream were used. */
int follower_is_complete(const follower *f, const flush_points *points,
                         const correction_list *corrections);

/* Text before this position is not needed any more. */
uint64_t follower_needs(const follower *f);

#endif
