#include "prover.h"

#include "crc32.h"
#include "gzip_header.h"

#define SMALL_FILE_BYTES 65536
#define RECIPE_SHARE 5 /* a recipe of more than a fifth of its file is too large */
#define GARBAGE_BYTES_MAX (1024u * 1024)
#define BLOCK_TEXT_BYTES_MAX (32u * 1024 * 1024)
#define BOMB_TEXT_BYTES_MIN (16u * 1024 * 1024)
#define BOMB_RATIO 250
#define TOKENS_BETWEEN_CHECKS 4096u
#define TOKENS_AT_ONCE 512u /* a divisor of it; small, as room is made for their longest text */
#define BLOCK_HEAD_BITS 3

enum step { STEP_ON, STEP_WAIT, STEP_REFUSED, STEP_NO_MEMORY };

int prover_create(prover *p)
{
    memset(p, 0, sizeof *p);
    return stream_prover_create(&p->stream) != 0 ||
                   byte_vector_append_byte(&p->recipe, RECIPE_VERSION) != 0
               ? -1
               : 0;
}

void prover_free(prover *p)
{
    stream_prover_free(&p->stream);
    byte_vector_free(&p->file.bytes);
    byte_vector_free(&p->recipe);
}

/* Nothing more is done with this file: gives its memory back. */
static int end(prover *p, int failed)
{
    if (failed) {
        p->refusal = "out of memory";
    }
    if (p->refusal != NULL) {
        prover_free(p);
    }
    return failed ? -1 : 0;
}

static enum step refuse(prover *p, const char *why)
{
    p->refusal = why;
    return STEP_REFUSED;
}

static enum step wait_for_more(prover *p, int last)
{
    return last ? refuse(p, "truncated") : STEP_WAIT;
}

/* Members -------------------------------------------------------------------------------------- */

/* What was read and not rebuilt goes to the recipe as it is. */
static enum step append_verbatim(prover *p)
{
    size_t end = (size_t)(p->file.bit_at / 8);
    const uint8_t *data = p->file.bytes.data + p->file.rebuilt;
    size_t size = end - p->file.rebuilt;
    if (size != 0 && recipe_append_verbatim(&p->recipe, data, size) != 0) {
        return STEP_NO_MEMORY;
    }
    p->file.rebuilt = end;
    return STEP_ON;
}

static enum step at_member(prover *p, int last)
{
    size_t at = (size_t)(p->file.bit_at / 8);
    size_t left = p->file.bytes.size - at;
    if (left < GZIP_MAGIC_BYTES && !last) {
        return STEP_WAIT;
    }
    if (gzip_is_magic(p->file.bytes.data + at, left)) {
        p->state = PROVER_IN_HEADER;
        return STEP_ON;
    }
    p->state = PROVER_IN_GARBAGE;
    return p->members == 0 ? refuse(p, "not gzip") : STEP_ON;
}

static enum step in_header(prover *p, int last)
{
    size_t at = (size_t)(p->file.bit_at / 8);
    size_t size;
    unsigned extra_flags;
    switch (gzip_header_read(p->file.bytes.data + at, p->file.bytes.size - at, &size,
                             &extra_flags)) {
    case HEADER_SHORT:
        return wait_for_more(p, last);
    case HEADER_DAMAGED:
        return refuse(p, "damaged");
    case HEADER_TOO_LONG:
        return refuse(p, "header too long");
    case HEADER_OK:
        break;
    }
    p->file.bit_at += (uint64_t)size * 8;
    p->state = PROVER_AT_BLOCK;
    p->members++;
    p->checksum = 0;
    stream_prover_begin(&p->stream, extra_flags);
    return append_verbatim(p);
}

static enum step at_trailer(prover *p, int last)
{
    size_t at = (size_t)(p->file.bit_at / 8);
    if (p->file.bytes.size - at < GZIP_TRAILER_BYTES) {
        return wait_for_more(p, last);
    }
    uint64_t text_bytes = text_end(&p->stream.text);
    if (load_little32(p->file.bytes.data + at) != p->checksum ||
        load_little32(p->file.bytes.data + at + 4) != (uint32_t)text_bytes) {
        return refuse(p, "damaged");
    }
    if (p->file.rebuilt != at) {
        return refuse(p, "not rebuilt"); /* else the wrong bytes would be verbatim ones */
    }
    p->file.bit_at += GZIP_TRAILER_BYTES * 8;
    p->text_bytes += text_bytes;
    p->state = PROVER_AT_MEMBER;
    switch (stream_prover_append(&p->stream, &p->recipe)) {
    case PROVE_OK:
        return STEP_ON;
    case PROVE_NO_MEMORY:
        return STEP_NO_MEMORY;
    default:
        return refuse(p, "not rebuilt");
    }
}

static enum step in_garbage(prover *p, int last)
{
    size_t left = p->file.bytes.size - (size_t)(p->file.bit_at / 8);
    if (left > GARBAGE_BYTES_MAX) {
        return refuse(p, "garbage too long");
    }
    if (!last) {
        return STEP_WAIT;
    }
    p->file.bit_at += (uint64_t)left * 8;
    p->state = PROVER_DONE;
    return append_verbatim(p);
}

/* Blocks --------------------------------------------------------------------------------------- */

static enum step at_block(prover *p, int last)
{
    uint64_t start = p->file.bit_at;
    if (file_bits_left(&p->file) < BLOCK_HEAD_BITS) {
        return wait_for_more(p, last);
    }
    uint32_t head = file_take_bits(&p->file, BLOCK_HEAD_BITS);
    p->block_is_final = head & 1;
    p->block_type = (uint8_t)(head >> 1);
    p->block_count = 0;
    p->block_text = text_end(&p->stream.text);
    switch (p->block_type) {
    case BLOCK_STORED:
        if (file_bits_left(&p->file) >= 7 && !file_skip_to_byte(&p->file)) {
            return refuse(p, "unusual bits");
        }
        p->file.bit_at = (p->file.bit_at + 7) / 8 * 8;
        if (file_bits_left(&p->file) < 32) {
            p->file.bit_at = start;
            return wait_for_more(p, last);
        }
        p->stored_left = p->block_count = file_take_bits(&p->file, 16);
        p->state = PROVER_IN_STORED;
        return (file_take_bits(&p->file, 16) ^ p->block_count) == 0xFFFF ? STEP_ON
                                                                         : refuse(p, "damaged");
    case BLOCK_FIXED:
        trees_fixed(&p->block_trees);
        break;
    case BLOCK_DYNAMIC:
        switch (trees_read(&p->block_trees, p->file.bytes.data, p->file.bytes.size,
                           p->file.bit_at)) {
        case TREES_SHORT:
            p->file.bit_at = start;
            return wait_for_more(p, last);
        case TREES_WRONG:
            return refuse(p, "damaged");
        case TREES_OK:
            break;
        }
        p->file.bit_at += p->block_trees.header_bits;
        break;
    default:
        return refuse(p, "damaged");
    }
    inflate_prepare(&p->tables, &p->block_trees);
    p->state = PROVER_IN_TOKENS;
    return STEP_ON;
}

static enum step check_size(prover *p)
{
    uint64_t end = text_end(&p->stream.text);
    if ((p->block_type != BLOCK_STORED && p->block_count > BLOCK_TOKENS_MAX) ||
        end - p->block_text > BLOCK_TEXT_BYTES_MAX) {
        return refuse(p, "block too large");
    }
    uint64_t text_bytes = p->text_bytes + end;
    if (text_bytes > BOMB_TEXT_BYTES_MIN &&
        text_bytes > BOMB_RATIO * file_consumed_bytes(&p->file)) {
        return refuse(p, "bomb");
    }
    return STEP_ON;
}

/* Holds what was rebuilt against the file. */
static enum step compare(prover *p)
{
    byte_vector *built = &p->stream.follower.writer.out;
    if (built->size > p->file.bytes.size - p->file.rebuilt ||
        (built->size != 0 &&
         memcmp(built->data, p->file.bytes.data + p->file.rebuilt, built->size) != 0)) {
        return refuse(p, "not rebuilt");
    }
    p->file.rebuilt += built->size;
    built->size = 0;
    return STEP_ON;
}

static enum step end_block(prover *p)
{
    stream_prover *s = &p->stream;
    uint32_t text_bytes = (uint32_t)(text_end(&s->text) - p->block_text);
    if (p->block_is_final && !file_skip_to_byte(&p->file)) {
        return refuse(p, "unusual bits");
    }
    enum step step = check_size(p);
    if (step != STEP_ON) {
        return step;
    }
    if (text_bytes != 0) {
        p->checksum = crc32_update(p->checksum, text_at(&s->text, p->block_text), text_bytes);
    }
    switch (stream_prover_add(s, p->block_type, p->block_count, &p->block_trees, text_bytes,
                              p->block_is_final, &p->budget)) {
    case PROVE_NO_MEMORY:
        return STEP_NO_MEMORY;
    case PROVE_TOO_MUCH_WORK:
        return refuse(p, "too much work");
    case PROVE_NOT_REBUILT:
        return refuse(p, "not rebuilt");
    case PROVE_OK:
        break;
    }
    step = compare(p);
    if (step != STEP_ON) {
        return step;
    }
    uint64_t consumed = file_consumed_bytes(&p->file);
    uint64_t cost = p->recipe.size - RECIPE_VERSION_BYTES + draft_cost(&s->draft);
    if (cost > RECIPE_BYTES_MAX ||
        (consumed > SMALL_FILE_BYTES && cost * RECIPE_SHARE > consumed)) {
        return refuse(p, "recipe too large");
    }
    p->state = PROVER_AT_BLOCK;
    if (p->block_is_final) {
        p->budget.visited += s->recorder.predictor.visited;
        p->budget.text_bytes += text_end(&s->text);
        p->state = PROVER_AT_TRAILER;
    }
    return STEP_ON;
}

static enum step in_stored(prover *p, int last)
{
    size_t at = (size_t)(p->file.bit_at / 8);
    size_t left = p->file.bytes.size - at;
    size_t size = left < p->stored_left ? left : p->stored_left;
    if (text_append(&p->stream.text, p->file.bytes.data + at, size) != 0) {
        return STEP_NO_MEMORY;
    }
    p->file.bit_at += (uint64_t)size * 8;
    p->stored_left -= (uint32_t)size;
    return p->stored_left == 0 ? end_block(p) : wait_for_more(p, last);
}

static enum step in_tokens(prover *p, int last)
{
    text_window *text = &p->stream.text;
    token_vector *tokens = &p->stream.queue.tokens;
    /* The first token that is too many is refused as such, whatever follows it. */
    size_t limit = p->block_count == BLOCK_TOKENS_MAX
                       ? 1
                       : TOKENS_AT_ONCE - p->block_count % TOKENS_AT_ONCE;
    if (text_reserve(text, limit * LENGTH_MAX) != 0 || token_vector_reserve(tokens, limit) != 0) {
        return STEP_NO_MEMORY;
    }
    size_t before = tokens->count;
    enum inflate_status status =
        inflate_tokens(&p->tables, p->file.bytes.data, p->file.bytes.size, last, &p->file.bit_at,
                       text, tokens, limit);
    p->block_count += (uint32_t)(tokens->count - before);
    switch (status) {
    case INFLATE_LIMIT:
        return p->block_count % TOKENS_BETWEEN_CHECKS == 0 || p->block_count > BLOCK_TOKENS_MAX
                   ? check_size(p)
                   : STEP_ON;
    case INFLATE_BLOCK_END:
        return end_block(p);
    case INFLATE_SHORT:
        return wait_for_more(p, last);
    case INFLATE_UNUSUAL:
        return refuse(p, "unusual bits");
    default:
        return refuse(p, "damaged");
    }
}

/* Driving -------------------------------------------------------------------------------------- */

static enum step go_one_step(prover *p, int last)
{
    switch (p->state) {
    case PROVER_AT_MEMBER:
        return at_member(p, last);
    case PROVER_IN_HEADER:
        return in_header(p, last);
    case PROVER_AT_BLOCK:
        return at_block(p, last);
    case PROVER_IN_TOKENS:
        return in_tokens(p, last);
    case PROVER_IN_STORED:
        return in_stored(p, last);
    case PROVER_AT_TRAILER:
        return at_trailer(p, last);
    case PROVER_IN_GARBAGE:
        return in_garbage(p, last);
    default:
        return STEP_WAIT;
    }
}

static int go_on(prover *p, int last)
{
    enum step step;
    do {
        step = go_one_step(p, last);
    } while (step == STEP_ON);
    file_forget(&p->file);
    return step == STEP_NO_MEMORY ? -1 : 0;
}

int prover_feed(prover *p, const uint8_t *data, size_t size)
{
    if (p->refusal != NULL || p->state == PROVER_DONE) {
        return 0;
    }
    return end(p, byte_vector_append(&p->file.bytes, data, size) != 0 || go_on(p, 0) != 0);
}

int prover_finish(prover *p)
{
    if (p->refusal != NULL || p->state == PROVER_DONE) {
        return 0;
    }
    if (go_on(p, 1) != 0) {
        return end(p, 1);
    }
    if (p->refusal != NULL) {
        return end(p, 0);
    }
    uint64_t file_bytes = p->file.start + p->file.bytes.size;
    if (p->recipe.size > RECIPE_BYTES_MAX ||
        (file_bytes > SMALL_FILE_BYTES && (uint64_t)p->recipe.size * RECIPE_SHARE > file_bytes)) {
        refuse(p, "recipe too large");
    } else if (p->file.rebuilt != p->file.bytes.size ||
               recipe_check(p->recipe.data, p->recipe.size) != NULL) {
        refuse(p, "not rebuilt");
    }
    return end(p, 0);
}
