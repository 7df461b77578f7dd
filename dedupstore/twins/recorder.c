#include "recorder.h"

void recorder_begin(recorder *r, const match_rules *rules)
{
    predictor_begin(&r->predictor, rules);
    memset(&r->place, 0, sizeof r->place);
    r->right = 0;
}

static int is_within(const work_budget *budget, const predictor *p)
{
    uint64_t visited = budget->visited + p->visited;
    return visited <= VISITED_MIN ||
           visited - VISITED_MIN <= VISITED_PER_BYTE * (budget->text_bytes + p->at);
}

/* Passes over what is predicted at a position of a stored block. */
static void skip_token(predictor *p, const text_window *text, uint32_t count, uint32_t *done)
{
    unsigned bytes = token_bytes(predictor_predict(p, text));
    uint32_t left = count - *done;
    int is_whole = bytes <= left;
    bytes = is_whole ? bytes : left;
    predictor_take(p, text, bytes, is_whole);
    *done += bytes;
}

/* The next token if it is in the block of the one before, where the text goes on with it; else a
 * literal. */
static token following_token(const block_queue *queue, const queue_place *place)
{
    return place->done < queue->blocks[place->block].count ? queue->tokens.items[place->token] : 0;
}

/* Recording ------------------------------------------------------------------------------------ */

static int record_correction(recorder *r, const text_window *text, token really, token predicted,
                             stream_draft *draft)
{
    correction added = {CORRECTION_LITERAL, 0, 0, 0};
    unsigned distance = token_distance(really);
    if (distance != 0) {
        added.length = token_bytes(really);
        added.distance = distance;
        if (token_distance(predicted) == distance) {
            added.kind = CORRECTION_LENGTH;
        } else {
            int hop = predictor_find_hop(&r->predictor, text, added.length, distance);
            added.kind = hop >= 0 ? CORRECTION_HOP : CORRECTION_DISTANCE;
            added.hop = hop >= 0 ? (unsigned)hop : 0;
        }
    }
    uint64_t gap = r->right;
    r->right = 0;
    return draft_add_correction(draft, gap, &added);
}

/* Sets *is_done unless what is known of the text ends within the block. */
static enum record_status record_block(recorder *r, const text_window *text,
                                       const flush_points *points, const block_queue *queue,
                                       const work_budget *budget, stream_draft *draft, int *is_done)
{
    predictor *p = &r->predictor;
    const queued_block *block = &queue->blocks[r->place.block];
    while (r->place.done < block->count) {
        if (!predictor_ready(p, text, points)) {
            return RECORD_OK;
        }
        if (block->type == BLOCK_STORED) {
            skip_token(p, text, block->count, &r->place.done);
        } else {
            token really = queue->tokens.items[r->place.token++];
            r->place.done++;
            token following = following_token(queue, &r->place);
            token predicted = predictor_expect(p, text, really, following);
            if (really == predicted) {
                r->right++;
            } else if (record_correction(r, text, really, predicted, draft) != 0) {
                return RECORD_NO_MEMORY;
            }
            predictor_take(p, text, token_bytes(really), really == predicted);
        }
        if (!is_within(budget, p)) {
            return RECORD_TOO_MUCH_WORK;
        }
    }
    *is_done = 1;
    return RECORD_OK;
}

static int add_to_draft(const block_queue *queue, size_t index, stream_draft *draft)
{
    const queued_block *block = &queue->blocks[index];
    block_plan plan = {block->type, block->count, NULL, block->header_bits};
    if (block->header_bits != 0) {
        plan.header = queue->headers.data + block->header_at;
    }
    return draft_add_block(draft, &plan);
}

enum record_status recorder_run(recorder *r, const text_window *text, const flush_points *points,
                                block_queue *queue, const work_budget *budget, stream_draft *draft)
{
    while (r->place.block < queue->count) {
        int is_done = 0;
        enum record_status status =
            record_block(r, text, points, queue, budget, draft, &is_done);
        if (status != RECORD_OK) {
            return status;
        }
        if (!is_done) {
            break;
        }
        if (add_to_draft(queue, r->place.block, draft) != 0) {
            return RECORD_NO_MEMORY;
        }
        r->place.block++;
        r->place.done = 0;
    }
    block_queue_drop(queue, &r->place);
    return RECORD_OK;
}

/* Trying --------------------------------------------------------------------------------------- */

uint64_t recorder_try(recorder *r, const match_rules *rules, const text_window *text,
                      const flush_points *points, const block_queue *queue, const queue_place *cut,
                      uint64_t corrections_max)
{
    recorder_begin(r, rules);
    predictor *p = &r->predictor;
    queue_place *place = &r->place;
    uint64_t corrections = 0;
    for (;;) {
        const queued_block *block = &queue->blocks[place->block];
        uint32_t stop = place->block < cut->block ? block->count : cut->done;
        while (place->done < stop) {
            if (!predictor_ready(p, text, points)) {
                return TRIAL_GIVEN_UP;
            }
            if (block->type == BLOCK_STORED) {
                skip_token(p, text, block->count, &place->done);
            } else {
                token really = queue->tokens.items[place->token++];
                place->done++;
                token following = following_token(queue, place);
                token predicted = predictor_expect(p, text, really, following);
                if (really != predicted && ++corrections >= corrections_max) {
                    return TRIAL_GIVEN_UP;
                }
                r->right++;
                predictor_take(p, text, token_bytes(really), really == predicted);
            }
            if (p->visited > VISITED_MIN) {
                return TRIAL_GIVEN_UP;
            }
        }
        if (place->block == cut->block) {
            return corrections;
        }
        place->block++;
        place->done = 0;
    }
}

int recorder_keep_trial(recorder *r, const block_queue *queue, stream_draft *draft)
{
    for (size_t i = 0; i < r->place.block; i++) {
        if (add_to_draft(queue, i, draft) != 0) {
            return -1;
        }
    }
    return 0;
}
