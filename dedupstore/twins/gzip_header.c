#include "gzip_header.h"

#include <string.h>

#include "crc32.h"

#define FIXED_BYTES 10
enum {
    FLAG_CHECKED = 0x02,
    FLAG_EXTRA = 0x04,
    FLAG_NAME = 0x08,
    FLAG_COMMENT = 0x10,
    FLAGS_RESERVED = 0xE0,
};

int gzip_is_magic(const uint8_t *data, size_t size)
{
    return size >= GZIP_MAGIC_BYTES && data[0] == 0x1F && data[1] == 0x8B && data[2] == 8;
}

static unsigned little16(const uint8_t *at)
{
    return at[0] | (unsigned)at[1] << 8;
}

/* The length so far, or one that is too long, if the header ends behind the data. */
static size_t skip_text(const uint8_t *data, size_t size, size_t at)
{
    const uint8_t *end = at < size ? memchr(data + at, 0, size - at) : NULL;
    return end == NULL ? size + 1 : (size_t)(end - data) + 1;
}

enum header_status gzip_header_read(const uint8_t *data, size_t size, size_t *header_size,
                                    unsigned *extra_flags)
{
    /* More than this is not looked at: the header is then too long. */
    const size_t seen = size <= GZIP_HEADER_BYTES_MAX ? size : GZIP_HEADER_BYTES_MAX;
    const enum header_status short_of = size > seen ? HEADER_TOO_LONG : HEADER_SHORT;
    if (seen < FIXED_BYTES) {
        return HEADER_SHORT;
    }
    unsigned flags = data[3];
    size_t at = FIXED_BYTES;
    if ((flags & FLAGS_RESERVED) != 0) {
        return HEADER_DAMAGED;
    }
    if ((flags & FLAG_EXTRA) != 0) {
        if (seen < at + 2) {
            return short_of;
        }
        at += 2 + little16(data + at);
    }
    if ((flags & FLAG_NAME) != 0) {
        at = skip_text(data, seen, at);
    }
    if ((flags & FLAG_COMMENT) != 0) {
        at = skip_text(data, seen, at);
    }
    if ((flags & FLAG_CHECKED) != 0) {
        at += 2;
    }
    if (at > seen) {
        return short_of;
    }
    if ((flags & FLAG_CHECKED) != 0 &&
        little16(data + at - 2) != (crc32_update(0, data, at - 2) & 0xFFFF)) {
        return HEADER_DAMAGED;
    }
    *header_size = at;
    *extra_flags = data[8];
    return HEADER_OK;
}
