/* Records what the predictions of a stream's tokens do not say. */

#ifndef DEDUPSTORE_RECORDER_H
#define DEDUPSTORE_RECORDER_H

#include "block_queue.h"

/* Candidates that may be compared for a file: 2**26, and 64 for each byte of its text. */
#define VISITED_MIN ((uint64_t)1 << 26)
#define VISITED_PER_BYTE 64

typedef struct {
    uint64_t visited;    /* for the streams before this one */
    uint64_t text_bytes; /* of the streams before this one */
} work_budget;

typedef struct {
    predictor predictor;
    queue_place place;
    uint64_t right; /* tokens that were as predicted since the last correction */
} recorder;

enum record_status { RECORD_OK, RECORD_TOO_MUCH_WORK, RECORD_NO_MEMORY };

/* Records the queued blocks as far as their tokens can be predicted, and drops them. */
enum record_status recorder_run(recorder *r, const text_window *text, const flush_points *points,
                                block_queue *queue, const work_budget *budget, stream_draft *draft);

/* Counts the corrections that the queue up to `cut`, of which everything can be predicted, needs
 * with these rules; gives up at `corrections_max`, or when it is too much work. */
#define TRIAL_GIVEN_UP UINT64_MAX
uint64_t recorder_try(recorder *r, const match_rules *rules, const text_window *text,
                      const flush_points *points, const block_queue *queue, const queue_place *cut,
                      uint64_t corrections_max);

/* Begins a stream. */
void recorder_begin(recorder *r, const match_rules *rules);

/* Goes on from where a trial ended that found every token right. Returns 0, or -1 without
 * memory. */
int recorder_keep_trial(recorder *r, const block_queue *queue, stream_draft *draft);

#endif
