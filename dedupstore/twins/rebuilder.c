#include "rebuilder.h"

static enum rebuild_status fail(rebuilder *r, const char *what)
{
    r->wrong = what;
    return REBUILD_WRONG;
}

enum rebuild_status rebuilder_create(rebuilder *r, const uint8_t *recipe, size_t size)
{
    memset(r, 0, sizeof *r);
    const char *wrong = recipe_check(recipe, size);
    if (wrong != NULL) {
        return fail(r, wrong);
    }
    if (byte_vector_append(&r->recipe, recipe, size) != 0 || follower_create(&r->follower) != 0) {
        return REBUILD_NO_MEMORY;
    }
    r->rest.at = r->recipe.data + 1;
    r->rest.end = r->recipe.data + size;
    return REBUILD_OK;
}

void rebuilder_free(rebuilder *r)
{
    byte_vector_free(&r->recipe);
    byte_vector_free(&r->built);
    text_free(&r->text);
    follower_free(&r->follower);
}

static enum rebuild_status no_memory(rebuilder *r)
{
    r->wrong = "out of memory";
    return REBUILD_NO_MEMORY;
}

static enum rebuild_status begin_section(rebuilder *r)
{
    const char *wrong = recipe_read_section(&r->rest, r->section_kind, &r->section);
    if (wrong != NULL) {
        return fail(r, wrong);
    }
    r->section_kind = r->section.kind;
    if (r->section.kind == SECTION_VERBATIM) {
        return byte_vector_append(&r->built, r->section.verbatim, r->section.verbatim_size) != 0
                   ? no_memory(r)
                   : REBUILD_OK;
    }
    follower_begin(&r->follower, &r->section.stream.rules);
    r->in_stream = 1;
    r->in_block = 0;
    return REBUILD_OK;
}

/* Sets *is_short when more text is needed. */
static enum rebuild_status go_on_with_block(rebuilder *r, int *is_short)
{
    stream_plan *plan = &r->section.stream;
    follower *f = &r->follower;
    enum follow_status status = follower_block(f, &r->text, &plan->points, &plan->corrections,
                                               &r->block, plan->blocks.left == 0);
    if (f->writer.out.size != 0) {
        if (byte_vector_append(&r->built, f->writer.out.data, f->writer.out.size) != 0) {
            return no_memory(r);
        }
        f->writer.out.size = 0;
    }
    switch (status) {
    case FOLLOW_NO_MEMORY:
        return no_memory(r);
    case FOLLOW_WRONG:
        return fail(r, f->wrong);
    case FOLLOW_SHORT:
        *is_short = 1;
        break;
    case FOLLOW_DONE:
        r->in_block = 0;
        break;
    }
    return REBUILD_OK;
}

static enum rebuild_status end_stream(rebuilder *r)
{
    const stream_plan *plan = &r->section.stream;
    if (!follower_is_complete(&r->follower, &plan->points, &plan->corrections)) {
        return fail(r, "the plan of a stream does not fit its text");
    }
    r->in_stream = 0;
    text_restart(&r->text, plan->points.text_bytes);
    return REBUILD_OK;
}

static enum rebuild_status go_on(rebuilder *r)
{
    enum rebuild_status status = REBUILD_OK;
    int is_short = 0;
    while (status == REBUILD_OK && !is_short && r->built.size < BUILT_BYTES_AT_ONCE) {
        block_cursor *blocks = &r->section.stream.blocks;
        if (!r->in_stream) {
            if (r->rest.at == r->rest.end) {
                break;
            }
            status = begin_section(r);
        } else if (r->in_block) {
            status = go_on_with_block(r, &is_short);
        } else if (blocks->left == 0) {
            status = end_stream(r);
        } else if (block_cursor_next(blocks, &r->block) != 0) {
            status = fail(r, "a block is wrong");
        } else {
            r->in_block = 1;
        }
    }
    if (status == REBUILD_OK && r->in_stream) {
        text_forget(&r->text, follower_needs(&r->follower));
    }
    return status;
}

enum rebuild_status rebuilder_feed(rebuilder *r, const uint8_t *text, size_t size)
{
    if (r->wrong != NULL) {
        return REBUILD_WRONG;
    }
    if (text_append(&r->text, text, size) != 0) {
        return no_memory(r);
    }
    enum rebuild_status status = go_on(r);
    if (status == REBUILD_OK && !r->in_stream && r->rest.at == r->rest.end && r->text.size != 0) {
        return fail(r, "the text is longer than the recipe says");
    }
    return status;
}

enum rebuild_status rebuilder_finish(rebuilder *r)
{
    enum rebuild_status status = rebuilder_feed(r, NULL, 0);
    if (status == REBUILD_OK && r->in_stream && r->built.size < BUILT_BYTES_AT_ONCE) {
        return fail(r, "the text is shorter than the recipe says");
    }
    return status;
}
