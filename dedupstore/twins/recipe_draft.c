/* Writing recipes. */

#include "recipe.h"

void draft_clear(stream_draft *draft)
{
    draft->point_gaps.size = draft->blocks.size = draft->gaps.size = draft->kinds.size = 0;
    draft->lengths.size = draft->hops.size = draft->distances.size = 0;
    draft->point_count = draft->last_point = draft->block_count = draft->correction_count = 0;
    draft->last_count = 0;
}

void draft_free(stream_draft *draft)
{
    byte_vector_free(&draft->point_gaps);
    byte_vector_free(&draft->blocks);
    byte_vector_free(&draft->gaps);
    byte_vector_free(&draft->kinds);
    byte_vector_free(&draft->lengths);
    byte_vector_free(&draft->hops);
    byte_vector_free(&draft->distances);
}

int draft_add_point(stream_draft *draft, uint64_t point)
{
    uint64_t gap = point - draft->last_point;
    draft->last_point = point;
    draft->point_count++;
    return byte_vector_append_varint(&draft->point_gaps, gap);
}

int draft_add_block(stream_draft *draft, const block_plan *block)
{
    int same = draft->block_count != 0 && block->count == draft->last_count;
    uint8_t head = (uint8_t)(block->type | (block->header != NULL ? HEAD_OWN_TREES : 0) |
                             (same ? HEAD_SAME_COUNT : 0));
    draft->last_count = block->count;
    draft->block_count++;
    if (byte_vector_append_byte(&draft->blocks, head) != 0 ||
        (!same && byte_vector_append_varint(&draft->blocks, block->count) != 0)) {
        return -1;
    }
    if (block->header == NULL) {
        return 0;
    }
    return byte_vector_append_varint(&draft->blocks, block->header_bits) != 0 ||
                   byte_vector_append(&draft->blocks, block->header,
                                      (block->header_bits + 7) / 8) != 0
               ? -1
               : 0;
}

int draft_add_correction(stream_draft *draft, uint64_t gap, const correction *added)
{
    unsigned slot = (unsigned)(draft->correction_count % 4);
    if (byte_vector_append_varint(&draft->gaps, gap) != 0 ||
        (slot == 0 && byte_vector_append_byte(&draft->kinds, 0) != 0)) {
        return -1;
    }
    draft->kinds.data[draft->kinds.size - 1] |= (uint8_t)(added->kind << (2 * slot));
    draft->correction_count++;
    if (added->kind == CORRECTION_LITERAL) {
        return 0;
    }
    if (byte_vector_append_byte(&draft->lengths, (uint8_t)(added->length - LENGTH_MIN)) != 0) {
        return -1;
    }
    switch (added->kind) {
    case CORRECTION_HOP:
        return byte_vector_append_varint(&draft->hops, added->hop);
    case CORRECTION_DISTANCE:
        return byte_vector_append_varint(&draft->distances, added->distance - 1);
    default:
        return 0;
    }
}

uint64_t draft_cost(const stream_draft *draft)
{
    return (uint64_t)draft->point_gaps.size + draft->blocks.size + draft->gaps.size +
           draft->lengths.size + draft->hops.size + draft->distances.size;
}

correction_list draft_corrections(const stream_draft *draft)
{
    correction_list list = {
        .gaps = draft->gaps.data,
        .kinds = draft->kinds.data,
        .lengths = draft->lengths.data,
        .hops = draft->hops.data,
        .distances = draft->distances.data,
        .gaps_size = draft->gaps.size,
        .hops_size = draft->hops.size,
        .distances_size = draft->distances.size,
        .lengths_size = draft->lengths.size,
        .count = draft->correction_count,
    };
    return list;
}

int recipe_append_verbatim(byte_vector *recipe, const uint8_t *data, size_t size)
{
    return byte_vector_append_byte(recipe, SECTION_VERBATIM) != 0 ||
                   byte_vector_append_varint(recipe, size) != 0 ||
                   byte_vector_append(recipe, data, size) != 0
               ? -1
               : 0;
}

static int append_rules(byte_vector *recipe, const match_rules *rules)
{
    if (byte_vector_append_byte(recipe, rules->matcher) != 0 ||
        byte_vector_append_byte(recipe, rules->filtered) != 0) {
        return -1;
    }
    if (rules->matcher != MATCHER_FAST && rules->matcher != MATCHER_LAZY) {
        return 0;
    }
    return byte_vector_append_byte(recipe, rules->window_bits) != 0 ||
                   byte_vector_append_byte(recipe, rules->hash_bits) != 0 ||
                   byte_vector_append_varint(recipe, rules->good) != 0 ||
                   byte_vector_append_varint(recipe, rules->lazy) != 0 ||
                   byte_vector_append_varint(recipe, rules->nice) != 0 ||
                   byte_vector_append_varint(recipe, rules->chain) != 0
               ? -1
               : 0;
}

static int append_emptied(byte_vector *recipe, uint64_t count, int all_emptied)
{
    for (; count > 0; count -= count < 8 ? count : 8) {
        uint8_t bits = count < 8 ? (uint8_t)((1u << count) - 1) : 0xFF;
        if (byte_vector_append_byte(recipe, all_emptied ? bits : 0) != 0) {
            return -1;
        }
    }
    return 0;
}

static int append_vector(byte_vector *recipe, const byte_vector *vector)
{
    return byte_vector_append(recipe, vector->data, vector->size);
}

int recipe_append_stream(byte_vector *recipe, const stream_draft *draft, const match_rules *rules,
                         uint64_t text_bytes, int all_emptied)
{
    return byte_vector_append_byte(recipe, SECTION_DEFLATE) != 0 ||
                   append_rules(recipe, rules) != 0 ||
                   byte_vector_append_varint(recipe, text_bytes) != 0 ||
                   byte_vector_append_varint(recipe, draft->point_count) != 0 ||
                   append_vector(recipe, &draft->point_gaps) != 0 ||
                   append_emptied(recipe, draft->point_count, all_emptied) != 0 ||
                   byte_vector_append_varint(recipe, draft->block_count) != 0 ||
                   append_vector(recipe, &draft->blocks) != 0 ||
                   byte_vector_append_varint(recipe, draft->correction_count) != 0 ||
                   append_vector(recipe, &draft->gaps) != 0 ||
                   append_vector(recipe, &draft->kinds) != 0 ||
                   append_vector(recipe, &draft->lengths) != 0 ||
                   append_vector(recipe, &draft->hops) != 0 ||
                   append_vector(recipe, &draft->distances) != 0
               ? -1
               : 0;
}

static int is_vector(const uint8_t *data, size_t size, const byte_vector *vector)
{
    return size == vector->size && (size == 0 || memcmp(data, vector->data, size) == 0);
}

static int are_rules(const match_rules *one, const match_rules *other)
{
    return one->matcher == other->matcher && one->filtered == other->filtered &&
           (one->matcher == MATCHER_NONE || one->matcher == MATCHER_RUNS ||
            (one->window_bits == other->window_bits && one->hash_bits == other->hash_bits &&
             one->good == other->good && one->lazy == other->lazy && one->nice == other->nice &&
             one->chain == other->chain));
}

int recipe_says(const uint8_t *section, const uint8_t *end, const stream_draft *draft,
                const match_rules *rules, uint64_t text_bytes, int all_emptied)
{
    varint_reader r = {section, end};
    recipe_section found;
    if (recipe_read_section(&r, SECTION_VERBATIM, &found) != NULL || r.at != r.end ||
        found.kind != SECTION_DEFLATE) {
        return 0;
    }
    const stream_plan *plan = &found.stream;
    const flush_points *points = &plan->points;
    for (uint64_t i = 0; i < points->count; i++) {
        if ((points->emptied[i / 8] >> (i % 8) & 1) != (all_emptied != 0)) {
            return 0;
        }
    }
    const correction_list *list = &plan->corrections;
    return are_rules(&plan->rules, rules) && points->text_bytes == text_bytes &&
           points->count == draft->point_count && plan->blocks.left == draft->block_count &&
           list->count == draft->correction_count &&
           is_vector(points->gaps, points->gaps_size, &draft->point_gaps) &&
           is_vector(plan->blocks.reader.at, (size_t)(plan->blocks_end - plan->blocks.reader.at),
                     &draft->blocks) &&
           is_vector(list->gaps, list->gaps_size, &draft->gaps) &&
           is_vector(list->kinds, (size_t)((list->count + 3) / 4), &draft->kinds) &&
           is_vector(list->lengths, list->lengths_size, &draft->lengths) &&
           is_vector(list->hops, list->hops_size, &draft->hops) &&
           is_vector(list->distances, list->distances_size, &draft->distances);
}
