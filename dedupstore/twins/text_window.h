/* The text of a stream as far as it is known and still needed, in one piece of memory. */

#ifndef DEDUPSTORE_TEXT_WINDOW_H
#define DEDUPSTORE_TEXT_WINDOW_H

#include <stddef.h>
#include <stdint.h>

/* Bytes behind the end that may be read, and by a copy be overwritten; what is in them matters
 * not. */
#define TEXT_SLACK_BYTES 320

typedef struct {
    uint8_t *bytes;
    size_t size;
    size_t capacity; /* without the slack, which is always there and filled with something */
    uint64_t start;  /* position in the stream of bytes[0] */
} text_window;

static inline uint64_t text_end(const text_window *text)
{
    return text->start + text->size;
}

static inline const uint8_t *text_at(const text_window *text, uint64_t position)
{
    return text->bytes + (size_t)(position - text->start);
}

/* Makes room for `more` bytes. Returns 0, or -1 without memory. */
int text_reserve(text_window *text, size_t more);

/* Appends. Returns 0, or -1 without memory. */
int text_append(text_window *text, const uint8_t *data, size_t size);

/* Forgets what is before `position`, if that is worth moving the rest. */
void text_forget(text_window *text, uint64_t position);

/* Begins a new stream; `position` is where it begins in the old one, what follows is kept. */
void text_restart(text_window *text, uint64_t position);

void text_free(text_window *text);

#endif
