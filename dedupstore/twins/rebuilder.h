/* Rebuilds a gzip file from its recipe and its text. */

#ifndef DEDUPSTORE_REBUILDER_H
#define DEDUPSTORE_REBUILDER_H

#include "follower.h"

typedef struct {
    byte_vector recipe;
    varint_reader rest; /* the sections that were not begun */
    recipe_section section;
    unsigned section_kind; /* of the section before; 0 at the start */
    int in_stream;
    block_plan block;
    int in_block;
    text_window text;
    follower follower;
    byte_vector built; /* what was built and not fetched */
    const char *wrong; /* why there is no way on; NULL while there is */
} rebuilder;

enum rebuild_status { REBUILD_OK, REBUILD_WRONG, REBUILD_NO_MEMORY };

/* After REBUILD_WRONG, `wrong` says why. Whatever it returns, rebuilder_free is to be called. */
enum rebuild_status rebuilder_create(rebuilder *r, const uint8_t *recipe, size_t size);

/* What is built at once, and the block or the verbatim bytes that go beyond it: a few bytes of a
 * recipe, and no text, may stand for many of the file. */
#define BUILT_BYTES_AT_ONCE (1024u * 1024)

/* Takes text and appends to `built` what follows from it, until that is BUILT_BYTES_AT_ONCE or
 * more: then there may be more, which comes when `built` has been emptied and it is called again,
 * with no text. */
enum rebuild_status rebuilder_feed(rebuilder *r, const uint8_t *text, size_t size);

/* Builds the last of the file, like rebuilder_feed; holds that it is complete when less than
 * BUILT_BYTES_AT_ONCE was left. */
enum rebuild_status rebuilder_finish(rebuilder *r);

void rebuilder_free(rebuilder *r);

#endif
