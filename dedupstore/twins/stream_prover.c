#include "stream_prover.h"

int stream_prover_create(stream_prover *s)
{
    memset(s, 0, sizeof *s);
    return predictor_create(&s->recorder.predictor) != 0 || follower_create(&s->follower) != 0 ? -1
                                                                                              : 0;
}

void stream_prover_free(stream_prover *s)
{
    text_free(&s->text);
    block_queue_free(&s->queue);
    draft_free(&s->draft);
    predictor_free(&s->recorder.predictor);
    follower_free(&s->follower);
}

void stream_prover_begin(stream_prover *s, unsigned extra_flags)
{
    s->text.size = 0;
    s->text.start = 0;
    block_queue_clear(&s->queue);
    draft_clear(&s->draft);
    memset(&s->sample, 0, sizeof s->sample);
    memset(&s->followed, 0, sizeof s->followed);
    s->followed.is_first = 1;
    s->followed_at = 0;
    s->followed_count = 0;
    s->all_emptied = s->is_chosen = s->is_flushed = s->is_final = 0;
    s->extra_flags = extra_flags;
    s->flush_at = 0;
}

/* The segment that the text ends in is known to end there if the stream ends or was flushed. */
static flush_points known_points(const stream_prover *s)
{
    flush_points points = {
        .gaps = s->draft.point_gaps.data,
        .gaps_size = s->draft.point_gaps.size,
        .count = s->draft.point_count,
        .emptied = NULL,
        .all_emptied = s->all_emptied,
        .text_bytes = s->is_final || s->is_flushed ? text_end(&s->text) : UNKNOWN_TEXT_BYTES,
    };
    return points;
}

/* A flush is where an empty block stands, if text follows it. */
static int note_flush(stream_prover *s, uint32_t text_bytes)
{
    s->is_flushed = 0;
    if (text_bytes == 0) {
        if (!s->is_final) {
            s->flush_at = text_end(&s->text);
            s->is_flushed = 1;
        }
        return 0;
    }
    uint64_t flush_at = s->flush_at;
    s->flush_at = 0;
    return flush_at == 0 ? 0 : draft_add_point(&s->draft, flush_at);
}

static int begin_recording(stream_prover *s, flush_points *points, const work_budget *budget)
{
    int is_kept;
    s->all_emptied = points->all_emptied = sample_empties(&s->sample, &s->queue, points);
    s->rules = choose_rules(&s->recorder, &s->sample, &s->text, points, &s->queue, s->extra_flags,
                            &is_kept);
    s->is_chosen = 1;
    follower_begin(&s->follower, &s->rules);
    if (is_kept && budget->visited + s->recorder.predictor.visited <= VISITED_MIN) {
        return recorder_keep_trial(&s->recorder, &s->queue, &s->draft);
    }
    recorder_begin(&s->recorder, &s->rules);
    return 0;
}

/* Follows what is recorded, from the plan as the recipe will say it. */
static enum prove_status follow(stream_prover *s, const flush_points *points)
{
    const correction_list corrections = draft_corrections(&s->draft);
    while (s->followed_count < s->draft.block_count) {
        block_plan block;
        block_cursor cursor = s->followed;
        cursor.reader.at = s->draft.blocks.data + s->followed_at;
        cursor.reader.end = s->draft.blocks.data + s->draft.blocks.size;
        if (block_cursor_next(&cursor, &block) != 0) {
            return PROVE_NOT_REBUILT;
        }
        int is_last = s->is_final && s->queue.count == s->recorder.place.block &&
                      s->followed_count + 1 == s->draft.block_count;
        enum follow_status status =
            follower_block(&s->follower, &s->text, points, &corrections, &block, is_last);
        if (status == FOLLOW_NO_MEMORY) {
            return PROVE_NO_MEMORY;
        }
        if (status != FOLLOW_DONE) {
            return PROVE_NOT_REBUILT;
        }
        s->followed_at = (size_t)(cursor.reader.at - s->draft.blocks.data);
        s->followed = cursor;
        s->followed_count++;
    }
    if (s->is_final && (s->recorder.place.block != s->queue.count ||
                        !follower_is_complete(&s->follower, points, &corrections))) {
        return PROVE_NOT_REBUILT;
    }
    return PROVE_OK;
}

enum prove_status stream_prover_add(stream_prover *s, uint8_t type, uint32_t count,
                                    const trees *header, uint32_t text_bytes, int is_final,
                                    const work_budget *budget)
{
    s->is_final = is_final;
    if (note_flush(s, text_bytes) != 0 ||
        block_queue_add(&s->queue, type, count, header) != 0) {
        return PROVE_NO_MEMORY;
    }
    flush_points points = known_points(s);
    if (!s->is_chosen) {
        sample_add(&s->sample, &s->queue, is_final);
        int is_ready = points.text_bytes != UNKNOWN_TEXT_BYTES ||
                       s->sample.end + LOOKAHEAD_BYTES <= text_end(&s->text);
        if (!s->sample.is_cut || !is_ready) {
            return PROVE_OK;
        }
        if (begin_recording(s, &points, budget) != 0) {
            return PROVE_NO_MEMORY;
        }
    }
    switch (recorder_run(&s->recorder, &s->text, &points, &s->queue, budget, &s->draft)) {
    case RECORD_NO_MEMORY:
        return PROVE_NO_MEMORY;
    case RECORD_TOO_MUCH_WORK:
        return PROVE_TOO_MUCH_WORK;
    case RECORD_OK:
        break;
    }
    enum prove_status status = follow(s, &points);
    if (status == PROVE_OK) {
        text_forget(&s->text, follower_needs(&s->follower));
    }
    return status;
}

enum prove_status stream_prover_append(const stream_prover *s, byte_vector *recipe)
{
    size_t start = recipe->size;
    uint64_t text_bytes = text_end(&s->text);
    if (recipe_append_stream(recipe, &s->draft, &s->rules, text_bytes, s->all_emptied) != 0) {
        return PROVE_NO_MEMORY;
    }
    return recipe_says(recipe->data + start, recipe->data + recipe->size, &s->draft, &s->rules,
                       text_bytes, s->all_emptied)
               ? PROVE_OK
               : PROVE_NOT_REBUILT;
}
