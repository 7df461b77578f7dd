#include "text_window.h"

#include <stdlib.h>
#include <string.h>

#define CAPACITY_MIN (64 * 1024)

int text_reserve(text_window *text, size_t more)
{
    if (text->bytes != NULL && more <= text->capacity - text->size) {
        return 0;
    }
    if (more > SIZE_MAX / 4 - text->size) {
        return -1;
    }
    size_t capacity = text->capacity + text->capacity / 2;
    if (capacity < text->size + more) {
        capacity = text->size + more;
    }
    if (capacity < CAPACITY_MIN) {
        capacity = CAPACITY_MIN;
    }
    /* Zeroed by the system where it hands out fresh pages: only what is used costs anything. */
    uint8_t *bytes = calloc(capacity + TEXT_SLACK_BYTES, 1);
    if (bytes == NULL) {
        return -1;
    }
    if (text->size != 0) {
        memcpy(bytes, text->bytes, text->size);
    }
    free(text->bytes);
    text->bytes = bytes;
    text->capacity = capacity;
    return 0;
}

int text_append(text_window *text, const uint8_t *data, size_t size)
{
    if (text_reserve(text, size) != 0) {
        return -1;
    }
    if (size != 0) {
        memcpy(text->bytes + text->size, data, size);
        text->size += size;
    }
    return 0;
}

static void drop(text_window *text, size_t count)
{
    if (count != 0) {
        memmove(text->bytes, text->bytes + count, text->size - count);
        text->size -= count;
        text->start += count;
    }
}

void text_forget(text_window *text, uint64_t position)
{
    if (position <= text->start) {
        return;
    }
    size_t count = (size_t)(position - text->start);
    if (count >= text->size / 2) {
        drop(text, count);
    }
}

void text_restart(text_window *text, uint64_t position)
{
    drop(text, (size_t)(position - text->start));
    text->start = 0;
}

void text_free(text_window *text)
{
    free(text->bytes);
    text->bytes = NULL;
    text->size = text->capacity = 0;
}
