/* Finds out what the writer of a stream was set to, from its first tokens. */

#ifndef DEDUPSTORE_PARAMETER_CHOICE_H
#define DEDUPSTORE_PARAMETER_CHOICE_H

#include "recorder.h"

/* The first part of a stream. */
typedef struct {
    queue_place cut; /* where it ends */
    uint64_t end;    /* position in the text behind it */
    uint64_t tokens;
    unsigned distance_max;
    int is_cut;   /* no more is taken */
    int is_whole; /* it is the whole stream */
} stream_sample;

/* Takes what still belongs to the sample of the last block of the queue, none of which was
 * dropped. */
void sample_add(stream_sample *sample, const block_queue *queue, int is_final);

/* Whether the dictionary seems to be emptied at flush points. */
int sample_empties(const stream_sample *sample, const block_queue *queue,
                   const flush_points *points);

/* Returns the rules that need the fewest corrections in a sample, of whose every token enough is
 * known. `extra_flags` is what the header of the member says of the level. *is_kept: `r` has just
 * tried these rules on all the sample and needed no correction. */
match_rules choose_rules(recorder *r, const stream_sample *sample, const text_window *text,
                         const flush_points *points, const block_queue *queue,
                         unsigned extra_flags, int *is_kept);

#endif
