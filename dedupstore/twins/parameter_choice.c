#include "parameter_choice.h"

#define SAMPLE_TOKENS_MAX 16384
#define SAMPLE_TEXT_BYTES_MAX (4u * 1024 * 1024)
#define SAMPLE_BLOCKS_MAX 4096
#define SHORT_SAMPLE_TOKENS 2048

/* With so many tokens for each correction, only zlib's own settings are tried. */
#define GOOD_ENOUGH 256

#define LEVELS 9
#define USUAL_BITS 15

/* What zlib and GNU gzip set for each level: good, lazy, nice, chain. */
static const uint16_t level_numbers[LEVELS + 1][4] = {
    {0, 0, 0, 0},      {4, 4, 8, 4},       {4, 5, 16, 8},       {4, 6, 32, 32},
    {4, 4, 16, 16},    {8, 16, 32, 32},    {8, 16, 128, 128},   {8, 32, 128, 256},
    {32, 128, 258, 1024}, {32, 258, 258, 4096},
};
#define FAST_LEVEL_MAX 3

static const uint8_t levels_by_use[LEVELS] = {6, 9, 1, 5, 7, 8, 4, 3, 2};

static const uint8_t hash_sizes[] = {15, 16, 14, 13, 12, 11, 10, 9, 8};
#define HASH_SIZES (sizeof hash_sizes)

/* Sample --------------------------------------------------------------------------------------- */

static void add_tokens(stream_sample *sample, const block_queue *queue, uint32_t count)
{
    const token *tokens = queue->tokens.items + sample->cut.token;
    uint32_t i = 0;
    for (; i < count && sample->tokens < SAMPLE_TOKENS_MAX && sample->end < SAMPLE_TEXT_BYTES_MAX;
         i++) {
        unsigned distance = token_distance(tokens[i]);
        sample->distance_max = distance > sample->distance_max ? distance : sample->distance_max;
        sample->end += token_bytes(tokens[i]);
        sample->tokens++;
    }
    sample->cut.token += i;
    sample->cut.done = i;
}

void sample_add(stream_sample *sample, const block_queue *queue, int is_final)
{
    if (sample->is_cut) {
        return;
    }
    const queued_block *block = &queue->blocks[queue->count - 1];
    sample->cut.block = queue->count - 1;
    if (block->type == BLOCK_STORED) {
        sample->cut.done = block->count;
        sample->end += block->count;
    } else {
        add_tokens(sample, queue, block->count);
    }
    sample->is_whole = is_final && sample->cut.done == block->count;
    sample->is_cut = is_final || queue->count == SAMPLE_BLOCKS_MAX ||
                     sample->tokens >= SAMPLE_TOKENS_MAX || sample->end >= SAMPLE_TEXT_BYTES_MAX;
}

int sample_empties(const stream_sample *sample, const block_queue *queue,
                   const flush_points *points)
{
    varint_reader gaps = {points->gaps, points->gaps + points->gaps_size};
    uint64_t read = 0;
    uint64_t next = 0;
    uint64_t last = 0;
    uint64_t at = 0;
    size_t index = 0;
    for (size_t i = 0; i <= sample->cut.block; i++) {
        const queued_block *block = &queue->blocks[i];
        uint32_t count = i < sample->cut.block ? block->count : sample->cut.done;
        if (block->type == BLOCK_STORED) {
            at += count;
            continue;
        }
        for (uint32_t j = 0; j < count; j++, index++) {
            while (next <= at) {
                last = next;
                uint64_t gap;
                next = read++ < points->count && varint_read(&gaps, &gap) == 0 ? next + gap
                                                                              : UINT64_MAX;
            }
            token t = queue->tokens.items[index];
            if (token_distance(t) != 0 && at - token_distance(t) < last) {
                return 0;
            }
            at += token_bytes(t);
        }
    }
    gaps.at = points->gaps;
    return points->count != 0 && varint_read(&gaps, &next) == 0 && next < sample->end;
}

/* Choice --------------------------------------------------------------------------------------- */

typedef struct {
    recorder *recorder;
    const stream_sample *sample;
    const text_window *text;
    const flush_points *points;
    const block_queue *queue;
    match_rules best;
    uint64_t corrections;
} choice;

static match_rules rules_of_level(unsigned level)
{
    const uint16_t *numbers = level_numbers[level];
    match_rules rules = {
        .matcher = level <= FAST_LEVEL_MAX ? MATCHER_FAST : MATCHER_LAZY,
        .filtered = 0,
        .window_bits = USUAL_BITS,
        .hash_bits = USUAL_BITS,
        .good = numbers[0],
        .lazy = numbers[1],
        .nice = numbers[2],
        .chain = numbers[3],
    };
    return rules;
}

/* Tries rules, unless there are some that need no correction. */
static void attempt(choice *c, const match_rules *rules)
{
    if (c->corrections == 0) {
        return;
    }
    uint64_t corrections = recorder_try(c->recorder, rules, c->text, c->points, c->queue,
                                        &c->sample->cut, c->corrections);
    if (corrections < c->corrections) {
        c->best = *rules;
        c->corrections = corrections;
    }
}

static void attempt_filtered(choice *c)
{
    match_rules filtered = c->best;
    if (filtered.matcher == MATCHER_LAZY && !filtered.filtered) {
        filtered.filtered = 1;
        attempt(c, &filtered);
    }
}

static void attempt_matcher(choice *c, enum matcher matcher)
{
    match_rules rules = rules_of_level(LEVELS);
    rules.matcher = (uint8_t)matcher;
    attempt(c, &rules);
}

/* The part of the sample up to and with its 2,048th token. */
static queue_place shorter_cut(const choice *c)
{
    queue_place cut = {0, 0, 0};
    const queue_place *whole = &c->sample->cut;
    for (;; cut.block++) {
        const queued_block *block = &c->queue->blocks[cut.block];
        cut.done = cut.block < whole->block ? block->count : whole->done;
        if (block->type != BLOCK_STORED) {
            size_t left = SHORT_SAMPLE_TOKENS - cut.token;
            cut.done = cut.done < left ? cut.done : (uint32_t)left;
            cut.token += cut.done;
        }
        if (cut.block == whole->block || cut.token == SHORT_SAMPLE_TOKENS) {
            return cut;
        }
    }
}

/* Tries on a shorter sample what windows, hashes and levels do together, as they mislead each
 * other, and then the best of that on the whole one. */
static void attempt_all_sizes(choice *c)
{
    const queue_place cut = shorter_cut(c);
    match_rules best[HASH_SIZES * LEVELS];
    size_t count = 0;
    uint64_t fewest = TRIAL_GIVEN_UP - 1;
    uint8_t window_bits = USUAL_BITS;
    while (window_bits > WINDOW_BITS_MIN &&
           c->sample->distance_max <= (1u << (window_bits - 1)) - 262) {
        window_bits--;
    }
    for (size_t i = window_bits < USUAL_BITS ? 0 : 1; i < HASH_SIZES; i++) {
        for (size_t j = 0; j < LEVELS; j++) {
            match_rules rules = rules_of_level(levels_by_use[j]);
            rules.window_bits = window_bits;
            rules.hash_bits = hash_sizes[i];
            uint64_t corrections = recorder_try(c->recorder, &rules, c->text, c->points, c->queue,
                                                &cut, fewest + 1);
            if (corrections < fewest) {
                fewest = corrections;
                count = 0;
            }
            if (corrections == fewest) {
                best[count++] = rules;
            }
        }
    }
    for (size_t i = 0; i < count; i++) {
        attempt(c, &best[i]);
    }
}

static void try_other_settings(choice *c)
{
    attempt_filtered(c);
    attempt_matcher(c, MATCHER_NONE);
    attempt_matcher(c, MATCHER_RUNS);
    if (c->corrections != 0) {
        attempt_all_sizes(c);
        attempt_filtered(c);
    }
}

match_rules choose_rules(recorder *r, const stream_sample *sample, const text_window *text,
                         const flush_points *points, const block_queue *queue,
                         unsigned extra_flags, int *is_kept)
{
    unsigned level = extra_flags == 2 ? 9 : extra_flags == 4 ? 1 : 6;
    choice c = {r, sample, text, points, queue, rules_of_level(level), TRIAL_GIVEN_UP};
    *is_kept = 0;
    if (sample->tokens == 0) {
        c.best.matcher = sample->is_whole ? MATCHER_NONE : c.best.matcher;
        return c.best;
    }
    attempt(&c, &c.best);
    for (size_t i = 0; i < LEVELS; i++) {
        match_rules other = rules_of_level(levels_by_use[i]);
        if (levels_by_use[i] != level) {
            attempt(&c, &other);
        }
    }
    if (c.corrections == TRIAL_GIVEN_UP || c.corrections * GOOD_ENOUGH > sample->tokens) {
        try_other_settings(&c);
    }
    *is_kept = c.corrections == 0;
    return c.best;
}
