/* Reading recipes. */

#include "recipe.h"

#define TREE_HEADER_BITS_MIN 17
#define MATCH_BYTES_MAX LENGTH_MAX
#define NICE_MIN LENGTH_MIN
#define FILTERED 1

static size_t bytes_left(const varint_reader *r)
{
    return (size_t)(r->end - r->at);
}

/* Takes `count` bytes. Returns NULL if there are fewer. */
static const uint8_t *take(varint_reader *r, uint64_t count)
{
    const uint8_t *taken = r->at;
    if (count > bytes_left(r)) {
        return NULL;
    }
    r->at += (size_t)count;
    return taken;
}

static int read_number(varint_reader *r, uint64_t min, uint64_t max, uint64_t *number)
{
    return varint_read(r, number) == 0 && min <= *number && *number <= max ? 0 : -1;
}

/* Bits: as many bytes as they take; the spare ones are 0. */
static const uint8_t *take_bits(varint_reader *r, uint64_t count)
{
    const uint8_t *bits = take(r, count / 8 + (count % 8 != 0));
    if (bits != NULL && count % 8 != 0 && bits[count / 8] >> (count % 8) != 0) {
        return NULL;
    }
    return bits;
}

/* Blocks --------------------------------------------------------------------------------------- */

int block_cursor_next(block_cursor *cursor, block_plan *found)
{
    const uint8_t *head = take(&cursor->reader, 1);
    if (head == NULL || *head > (HEAD_OWN_TREES | HEAD_SAME_COUNT | 3) ||
        (*head & 3) > BLOCK_DYNAMIC ||
        ((*head & HEAD_OWN_TREES) != 0 && (*head & 3) != BLOCK_DYNAMIC)) {
        return -1;
    }
    found->type = *head & 3;
    uint64_t count = cursor->previous_count;
    uint64_t count_max = found->type == BLOCK_STORED ? STORED_BYTES_MAX : BLOCK_TOKENS_MAX;
    if ((*head & HEAD_SAME_COUNT) != 0) {
        if (cursor->is_first || count > count_max) {
            return -1;
        }
    } else if (read_number(&cursor->reader, 0, count_max, &count) != 0 ||
               (!cursor->is_first && count == cursor->previous_count)) {
        return -1;
    }
    found->count = cursor->previous_count = (uint32_t)count;
    found->header = NULL;
    found->header_bits = 0;
    if ((*head & HEAD_OWN_TREES) != 0) {
        uint64_t bits;
        if (read_number(&cursor->reader, TREE_HEADER_BITS_MIN, TREE_HEADER_BITS_MAX, &bits) != 0) {
            return -1;
        }
        found->header = take_bits(&cursor->reader, bits);
        found->header_bits = (uint32_t)bits;
        if (found->header == NULL) {
            return -1;
        }
    }
    cursor->is_first = 0;
    cursor->left--;
    return 0;
}

static const char *read_blocks(varint_reader *r, stream_plan *plan)
{
    uint64_t count;
    if (read_number(r, 1, bytes_left(r), &count) != 0) {
        return "the number of blocks is wrong";
    }
    plan->blocks.reader = *r;
    plan->blocks.left = count;
    plan->blocks.previous_count = 0;
    plan->blocks.is_first = 1;
    block_cursor cursor = plan->blocks;
    while (cursor.left > 0) {
        block_plan block;
        if (block_cursor_next(&cursor, &block) != 0) {
            return "a block is wrong";
        }
        trees own;
        if (block.header != NULL &&
            (trees_read(&own, block.header, (block.header_bits + 7) / 8, 0) != TREES_OK ||
             own.header_bits != block.header_bits)) {
            return "the trees of a block are wrong";
        }
    }
    r->at = cursor.reader.at;
    plan->blocks_end = plan->blocks.reader.end = r->at;
    return NULL;
}

/* Flush points --------------------------------------------------------------------------------- */

static const char *read_points(varint_reader *r, flush_points *points)
{
    if (read_number(r, 0, bytes_left(r), &points->count) != 0) {
        return "the number of flush points is wrong";
    }
    points->gaps = r->at;
    uint64_t at = 0;
    for (uint64_t i = 0; i < points->count; i++) {
        uint64_t gap;
        if (points->text_bytes == 0 ||
            read_number(r, 1, points->text_bytes - 1 - at, &gap) != 0) {
            return "a flush point is wrong";
        }
        at += gap;
    }
    points->gaps_size = (size_t)(r->at - points->gaps);
    points->emptied = take_bits(r, points->count);
    points->all_emptied = 0;
    return points->emptied == NULL ? "the flush points are wrong" : NULL;
}

/* Corrections ---------------------------------------------------------------------------------- */

static unsigned kind_at(const uint8_t *kinds, uint64_t index)
{
    return kinds[index / 4] >> (2 * (index % 4)) & 3;
}

static const char *read_numbers(varint_reader *r, uint64_t count, uint64_t max,
                                const uint8_t **first, size_t *size)
{
    *first = r->at;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t number;
        if (read_number(r, 0, max, &number) != 0) {
            return "a correction is wrong";
        }
    }
    *size = (size_t)(r->at - *first);
    return NULL;
}

static const char *read_corrections(varint_reader *r, correction_list *list)
{
    const char *wrong = "the corrections are wrong";
    if (read_number(r, 0, bytes_left(r), &list->count) != 0) {
        return wrong;
    }
    const char *found = read_numbers(r, list->count, UINT64_MAX, &list->gaps, &list->gaps_size);
    if (found != NULL) {
        return found;
    }
    list->kinds = take_bits(r, 2 * list->count);
    if (list->kinds == NULL) {
        return wrong;
    }
    uint64_t of_kind[4] = {0};
    for (uint64_t i = 0; i < list->count; i++) {
        of_kind[kind_at(list->kinds, i)]++;
    }
    list->lengths_size = (size_t)(list->count - of_kind[CORRECTION_LITERAL]);
    list->lengths = take(r, list->lengths_size);
    if (list->lengths == NULL) {
        return wrong;
    }
    found = read_numbers(r, of_kind[CORRECTION_HOP], HOPS_VISITED_MAX - 1, &list->hops,
                         &list->hops_size);
    if (found == NULL) {
        found = read_numbers(r, of_kind[CORRECTION_DISTANCE], DISTANCE_MAX - 1, &list->distances,
                             &list->distances_size);
    }
    return found;
}

uint64_t correction_cursor_gap(correction_cursor *cursor, const correction_list *list)
{
    varint_reader r = {list->gaps + cursor->gap_at, list->gaps + list->gaps_size};
    uint64_t gap = 0;
    varint_read(&r, &gap);
    cursor->gap_at = (size_t)(r.at - list->gaps);
    return gap;
}

void correction_cursor_next(correction_cursor *cursor, const correction_list *list,
                            correction *found)
{
    uint64_t number = 0;
    found->kind = kind_at(list->kinds, cursor->index++);
    found->length = found->hop = found->distance = 0;
    if (found->kind != CORRECTION_LITERAL) {
        found->length = list->lengths[cursor->length_at++] + (unsigned)LENGTH_MIN;
    }
    if (found->kind == CORRECTION_HOP) {
        varint_reader r = {list->hops + cursor->hop_at, list->hops + list->hops_size};
        varint_read(&r, &number);
        cursor->hop_at = (size_t)(r.at - list->hops);
        found->hop = (unsigned)number;
    }
    if (found->kind == CORRECTION_DISTANCE) {
        varint_reader r = {list->distances + cursor->distance_at,
                           list->distances + list->distances_size};
        varint_read(&r, &number);
        cursor->distance_at = (size_t)(r.at - list->distances);
        found->distance = (unsigned)number + 1;
    }
}

/* Sections ------------------------------------------------------------------------------------- */

static const char *read_rules(varint_reader *r, match_rules *rules)
{
    const char *wrong = "the rules of a stream are wrong";
    const uint8_t *head = take(r, 2);
    memset(rules, 0, sizeof *rules);
    /* A window is needed for the rules that have none only by the code that they share. */
    rules->window_bits = WINDOW_BITS_MAX;
    rules->hash_bits = WINDOW_BITS_MAX;
    if (head == NULL || head[0] >= MATCHER_COUNT || head[1] > FILTERED ||
        (head[1] != 0 && head[0] != MATCHER_LAZY)) {
        return wrong;
    }
    rules->matcher = head[0];
    rules->filtered = head[1];
    if (rules->matcher != MATCHER_FAST && rules->matcher != MATCHER_LAZY) {
        return NULL;
    }
    const uint8_t *bits = take(r, 2);
    uint64_t good, lazy, nice, chain;
    if (bits == NULL || bits[0] < WINDOW_BITS_MIN || bits[0] > WINDOW_BITS_MAX ||
        bits[1] < HASH_BITS_MIN || bits[1] > HASH_BITS_MAX ||
        read_number(r, 0, MATCH_BYTES_MAX, &good) != 0 ||
        read_number(r, 0, MATCH_BYTES_MAX, &lazy) != 0 ||
        read_number(r, NICE_MIN, MATCH_BYTES_MAX, &nice) != 0 ||
        read_number(r, CHAIN_MIN, CHAIN_MAX, &chain) != 0) {
        return wrong;
    }
    rules->window_bits = bits[0];
    rules->hash_bits = bits[1];
    rules->good = (uint16_t)good;
    rules->lazy = (uint16_t)lazy;
    rules->nice = (uint16_t)nice;
    rules->chain = (uint16_t)chain;
    return NULL;
}

static const char *read_stream(varint_reader *r, stream_plan *plan)
{
    const char *wrong = read_rules(r, &plan->rules);
    if (wrong == NULL && varint_read(r, &plan->points.text_bytes) != 0) {
        wrong = "the length of a text is wrong";
    }
    if (wrong == NULL) {
        wrong = read_points(r, &plan->points);
    }
    if (wrong == NULL) {
        wrong = read_blocks(r, plan);
    }
    if (wrong == NULL) {
        wrong = read_corrections(r, &plan->corrections);
    }
    return wrong;
}

const char *recipe_read_section(varint_reader *recipe, unsigned previous, recipe_section *found)
{
    const uint8_t *kind = take(recipe, 1);
    if (kind != NULL && *kind == SECTION_VERBATIM && previous != SECTION_VERBATIM) {
        uint64_t size;
        found->kind = SECTION_VERBATIM;
        if (read_number(recipe, 1, VERBATIM_BYTES_MAX, &size) != 0) {
            return "the length of verbatim bytes is wrong";
        }
        found->verbatim = take(recipe, size);
        found->verbatim_size = (size_t)size;
        return found->verbatim == NULL ? "verbatim bytes are missing" : NULL;
    }
    if (kind != NULL && *kind == SECTION_DEFLATE) {
        found->kind = SECTION_DEFLATE;
        return read_stream(recipe, &found->stream);
    }
    return "a section is of a wrong kind";
}

const char *recipe_check(const uint8_t *recipe, size_t size)
{
    if (size > RECIPE_BYTES_MAX) {
        return "the recipe is too long";
    }
    if (size < 2 || recipe[0] != RECIPE_VERSION) {
        return "not a recipe of a known version";
    }
    varint_reader r = {recipe + 1, recipe + size};
    unsigned previous = 0;
    while (r.at != r.end) {
        recipe_section section;
        const char *wrong = recipe_read_section(&r, previous, &section);
        if (wrong != NULL) {
            return wrong;
        }
        previous = section.kind;
    }
    return NULL;
}
