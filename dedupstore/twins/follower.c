#include "follower.h"

#define BITS_OF_TOKEN_MAX 48
#define BYTES_OF_BLOCK_HEAD 16
#define NONE_DUE UINT64_MAX

int follower_create(follower *f)
{
    memset(f, 0, sizeof *f);
    return predictor_create(&f->predictor);
}

void follower_free(follower *f)
{
    predictor_free(&f->predictor);
    token_vector_free(&f->tokens);
    byte_vector_free(&f->writer.out);
}

void follower_begin(follower *f, const match_rules *rules)
{
    predictor_begin(&f->predictor, rules);
    memset(&f->cursor, 0, sizeof f->cursor);
    f->right = 0;
    f->due = NONE_DUE;
    f->tokens.count = 0;
    f->stored_done = 0;
    f->writer.bits = 0;
    f->writer.count = 0;
}

uint64_t follower_needs(const follower *f)
{
    uint64_t at = f->predictor.at - f->stored_done;
    return at > DISTANCE_MAX ? at - DISTANCE_MAX : 0;
}

int follower_is_complete(const follower *f, const flush_points *points,
                         const correction_list *corrections)
{
    return f->predictor.at == points->text_bytes && f->cursor.index == corrections->count;
}

static enum follow_status wrong(follower *f, const char *what)
{
    f->wrong = what;
    return FOLLOW_WRONG;
}

/* Whether a token can be predicted. */
static enum follow_status ready(follower *f, const text_window *text, const flush_points *points)
{
    predictor *p = &f->predictor;
    if (p->at >= points->text_bytes) {
        return wrong(f, "the blocks are longer than the text");
    }
    return predictor_ready(p, text, points) ? FOLLOW_DONE : FOLLOW_SHORT;
}

/* Tokens --------------------------------------------------------------------------------------- */

/* Looks at the next correction, which may be new. */
static void refresh_due(follower *f, const correction_list *corrections)
{
    if (f->due == NONE_DUE && f->cursor.index < corrections->count) {
        f->due = correction_cursor_gap(&f->cursor, corrections);
    }
}

/* Replaces a prediction by what the next correction says. */
static enum follow_status correct(follower *f, const text_window *text,
                                  const correction_list *corrections, token *said)
{
    predictor *p = &f->predictor;
    correction next;
    correction_cursor_next(&f->cursor, corrections, &next);
    const token predicted = *said;
    const uint8_t *scan = text_at(text, p->at);
    if (next.kind == CORRECTION_LITERAL) {
        *said = *scan;
        return token_distance(predicted) != 0 ? FOLLOW_DONE
                                              : wrong(f, "a correction corrects nothing");
    }
    if (next.length > p->end - p->at) {
        return wrong(f, "a match reaches over the end of its text");
    }
    unsigned distance = next.distance;
    if (next.kind == CORRECTION_LENGTH) {
        distance = token_distance(predicted);
    } else if (next.kind == CORRECTION_HOP) {
        distance = predictor_hop_distance(p, text, next.length, next.hop);
    }
    if (distance == 0 || distance > p->at) {
        return wrong(f, "a correction has no match");
    }
    if (memcmp(scan, scan - distance, next.length) != 0) {
        return wrong(f, "a match does not match");
    }
    *said = token_match(next.length, distance);
    return *said != predicted ? FOLLOW_DONE : wrong(f, "a correction corrects nothing");
}

static enum follow_status follow_tokens(follower *f, const text_window *text,
                                        const flush_points *points,
                                        const correction_list *corrections, uint32_t count)
{
    predictor *p = &f->predictor;
    if (token_vector_reserve(&f->tokens, count - f->tokens.count) != 0) {
        return FOLLOW_NO_MEMORY;
    }
    refresh_due(f, corrections);
    while (f->tokens.count < count) {
        enum follow_status status = ready(f, text, points);
        if (status != FOLLOW_DONE) {
            return status;
        }
        token said = predictor_predict(p, text);
        int as_predicted = f->right != f->due;
        if (as_predicted) {
            f->right++;
        } else {
            status = correct(f, text, corrections, &said);
            if (status != FOLLOW_DONE) {
                return status;
            }
            f->right = 0;
            f->due = NONE_DUE;
            refresh_due(f, corrections);
        }
        f->tokens.items[f->tokens.count++] = said;
        predictor_take(p, text, token_bytes(said), as_predicted);
    }
    return FOLLOW_DONE;
}

static enum follow_status follow_stored(follower *f, const text_window *text,
                                        const flush_points *points, uint32_t count)
{
    predictor *p = &f->predictor;
    while (f->stored_done < count) {
        enum follow_status status = ready(f, text, points);
        if (status != FOLLOW_DONE) {
            return status;
        }
        unsigned bytes = token_bytes(predictor_predict(p, text));
        uint32_t left = count - f->stored_done;
        int is_whole = bytes <= left;
        bytes = is_whole ? bytes : left;
        predictor_take(p, text, bytes, is_whole);
        f->stored_done += bytes;
    }
    return FOLLOW_DONE;
}

/* Blocks --------------------------------------------------------------------------------------- */

typedef struct {
    uint32_t bits[LENGTH_MAX + 1];
    uint8_t count[LENGTH_MAX + 1];
} length_codes;

/* The bits of each length that occurs, extra bits and all. */
static void make_length_codes(length_codes *made, const uint16_t *codes, const uint8_t *bits)
{
    for (unsigned length = LENGTH_MIN; length <= LENGTH_MAX; length++) {
        unsigned code = length_code[length];
        unsigned symbol = 257 + code;
        made->bits[length] = codes[symbol] | (uint32_t)(length - length_base[code]) << bits[symbol];
        made->count[length] = (uint8_t)(bits[symbol] + length_extra_bits[code]);
    }
}

static void write_tokens(follower *f, const trees *with)
{
    uint16_t literal_codes[LITERAL_SYMBOLS];
    uint16_t distance_codes[DISTANCE_SYMBOLS];
    length_codes lengths;
    trees_codes(with->literal_bits, LITERAL_SYMBOLS, literal_codes);
    trees_codes(with->distance_bits, DISTANCE_SYMBOLS, distance_codes);
    make_length_codes(&lengths, literal_codes, with->literal_bits);
    bit_writer w = f->writer;
    for (size_t i = 0; i < f->tokens.count; i++) {
        token t = f->tokens.items[i];
        unsigned distance = token_distance(t);
        if (distance == 0) {
            put_bits(&w, literal_codes[t], with->literal_bits[t]);
            continue;
        }
        unsigned code = code_of_distance(distance);
        unsigned length = token_bytes(t);
        unsigned count = lengths.count[length];
        uint64_t bits = lengths.bits[length] | (uint64_t)distance_codes[code] << count;
        count += with->distance_bits[code];
        bits |= (uint64_t)(distance - distance_base[code]) << count;
        put_bits(&w, bits, count + distance_extra_bits[code]);
    }
    put_bits(&w, literal_codes[END_OF_BLOCK], with->literal_bits[END_OF_BLOCK]);
    f->writer = w;
}

static int has_codes(const uint32_t *counts, const uint8_t *bits, unsigned symbols)
{
    for (unsigned i = 0; i < symbols; i++) {
        if (counts[i] != 0 && bits[i] == 0) {
            return 0;
        }
    }
    return 1;
}

static enum follow_status write_coded(follower *f, const block_plan *block, int is_last)
{
    trees with;
    if (block->type == BLOCK_FIXED) {
        trees_fixed(&with);
    } else {
        memset(f->literal_counts, 0, sizeof f->literal_counts);
        memset(f->distance_counts, 0, sizeof f->distance_counts);
        tokens_count(f->tokens.items, f->tokens.count, f->literal_counts, f->distance_counts);
        f->literal_counts[END_OF_BLOCK] = 1;
        if (block->header == NULL) {
            trees_from_counts(&with, f->literal_counts, f->distance_counts);
        } else if (trees_read(&with, block->header, (block->header_bits + 7) / 8, 0) != TREES_OK ||
                   !has_codes(f->literal_counts, with.literal_bits, LITERAL_SYMBOLS) ||
                   !has_codes(f->distance_counts, with.distance_bits, DISTANCE_SYMBOLS)) {
            return wrong(f, "a token has no code");
        }
    }
    size_t room = f->tokens.count * (BITS_OF_TOKEN_MAX / 8) + TREE_HEADER_BYTES_MAX +
                  BYTES_OF_BLOCK_HEAD;
    if (byte_vector_reserve(&f->writer.out, room) != 0) {
        return FOLLOW_NO_MEMORY;
    }
    put_bits(&f->writer, (uint64_t)(is_last != 0) | (uint64_t)block->type << 1, 3);
    for (uint32_t done = 0; done < with.header_bits; done += 8) {
        uint32_t left = with.header_bits - done;
        put_bits(&f->writer, with.header[done / 8], left < 8 ? left : 8);
    }
    write_tokens(f, &with);
    return FOLLOW_DONE;
}

static enum follow_status write_stored(follower *f, const text_window *text, uint32_t count,
                                       int is_last)
{
    if (byte_vector_reserve(&f->writer.out, count + BYTES_OF_BLOCK_HEAD) != 0) {
        return FOLLOW_NO_MEMORY;
    }
    put_bits(&f->writer, is_last != 0, 3);
    align_bits(&f->writer);
    put_bits(&f->writer, count | (uint64_t)(~count & 0xFFFF) << 16, 32);
    byte_vector_append(&f->writer.out, text_at(text, f->predictor.at - count), count);
    return FOLLOW_DONE;
}

enum follow_status follower_block(follower *f, const text_window *text, const flush_points *points,
                                  const correction_list *corrections, const block_plan *block,
                                  int is_last)
{
    int is_stored = block->type == BLOCK_STORED;
    enum follow_status status = is_stored
                                    ? follow_stored(f, text, points, block->count)
                                    : follow_tokens(f, text, points, corrections, block->count);
    if (status == FOLLOW_DONE) {
        status = is_stored ? write_stored(f, text, block->count, is_last)
                           : write_coded(f, block, is_last);
    }
    if (status == FOLLOW_DONE) {
        f->tokens.count = 0;
        f->stored_done = 0;
        if (is_last) {
            align_bits(&f->writer);
        }
    }
    return status;
}
