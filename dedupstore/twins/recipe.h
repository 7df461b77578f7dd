/* Recipes: docs/format/twins.md. Reading holds them against every rule that needs no text. */

#ifndef DEDUPSTORE_RECIPE_H
#define DEDUPSTORE_RECIPE_H

#include "byte_vector.h"
#include "predictor.h"
#include "trees.h"
#include "varint.h"

#define RECIPE_VERSION 1
#define RECIPE_VERSION_BYTES 1
#define RECIPE_BYTES_MAX (32u * 1024 * 1024)
#define VERBATIM_BYTES_MAX (1024u * 1024 + 64u * 1024)
#define BLOCK_TOKENS_MAX (1024u * 1024)
#define STORED_BYTES_MAX 65535u

/* Bits of a block's head, above its type. */
#define HEAD_OWN_TREES 4
#define HEAD_SAME_COUNT 8

enum section_kind { SECTION_VERBATIM = 1, SECTION_DEFLATE = 2 };
enum block_type { BLOCK_STORED, BLOCK_FIXED, BLOCK_DYNAMIC };

/* What a correction says instead of the prediction. */
enum correction_kind {
    CORRECTION_LITERAL,
    CORRECTION_LENGTH,   /* the distance is as predicted */
    CORRECTION_HOP,      /* length and number of the candidate */
    CORRECTION_DISTANCE, /* length and distance */
};

typedef struct {
    uint8_t type;
    uint32_t count; /* tokens without the end of the block, or stored bytes */
    const uint8_t *header; /* own trees, else NULL */
    uint32_t header_bits;
} block_plan;

typedef struct {
    varint_reader reader;
    uint64_t left;
    uint32_t previous_count;
    int is_first;
} block_cursor;

typedef struct {
    const uint8_t *gaps;
    const uint8_t *kinds;
    const uint8_t *lengths;
    const uint8_t *hops;
    const uint8_t *distances;
    size_t gaps_size;
    size_t hops_size;
    size_t distances_size;
    size_t lengths_size;
    uint64_t count;
} correction_list;

typedef struct {
    uint64_t index; /* of the next correction */
    size_t gap_at;
    size_t length_at;
    size_t hop_at;
    size_t distance_at;
} correction_cursor;

typedef struct {
    unsigned kind;
    unsigned length;
    unsigned hop;
    unsigned distance;
} correction;

typedef struct {
    match_rules rules;
    flush_points points;
    block_cursor blocks;
    const uint8_t *blocks_end;
    correction_list corrections;
} stream_plan;

typedef struct {
    enum section_kind kind;
    const uint8_t *verbatim;
    size_t verbatim_size;
    stream_plan stream;
} recipe_section;

/* Reads the next section and moves on. `previous` is the kind of the one before, 0 at the start.
 * Returns NULL, or what is wrong. */
const char *recipe_read_section(varint_reader *recipe, unsigned previous, recipe_section *found);

/* Holds all of a recipe against the rules. Returns NULL, or what is wrong. */
const char *recipe_check(const uint8_t *recipe, size_t size);

/* Reads the next block, of those that there are. Returns 0, or -1 if it breaks a rule. */
int block_cursor_next(block_cursor *cursor, block_plan *found);

/* Reads how many tokens come before the next correction, of those that there are. */
uint64_t correction_cursor_gap(correction_cursor *cursor, const correction_list *list);

/* Reads the correction whose gap was read last. */
void correction_cursor_next(correction_cursor *cursor, const correction_list *list,
                            correction *found);

/* The plan of a stream while it is made. */
typedef struct {
    byte_vector point_gaps;
    uint64_t point_count;
    uint64_t last_point;
    byte_vector blocks;
    uint64_t block_count;
    uint32_t last_count;
    byte_vector gaps;
    byte_vector kinds;
    byte_vector lengths;
    byte_vector hops;
    byte_vector distances;
    uint64_t correction_count;
} stream_draft;

void draft_clear(stream_draft *draft);
void draft_free(stream_draft *draft);

/* These return 0, or -1 without memory. */
int draft_add_point(stream_draft *draft, uint64_t point);
int draft_add_block(stream_draft *draft, const block_plan *block);
int draft_add_correction(stream_draft *draft, uint64_t gap, const correction *added);

/* What is drafted counts as so many bytes of recipe. */
uint64_t draft_cost(const stream_draft *draft);

/* The corrections of a draft, as far as it goes; good until the next one is added. */
correction_list draft_corrections(const stream_draft *draft);

int recipe_append_verbatim(byte_vector *recipe, const uint8_t *data, size_t size);
int recipe_append_stream(byte_vector *recipe, const stream_draft *draft, const match_rules *rules,
                         uint64_t text_bytes, int all_emptied);

/* Whether the section that begins at `section` says what the draft says. */
int recipe_says(const uint8_t *section, const uint8_t *end, const stream_draft *draft,
                const match_rules *rules, uint64_t text_bytes, int all_emptied);

#endif
