/* The wrapper of gzip members (RFC 1952). */

#ifndef DEDUPSTORE_GZIP_HEADER_H
#define DEDUPSTORE_GZIP_HEADER_H

#include <stddef.h>
#include <stdint.h>

#define GZIP_MAGIC_BYTES 3
#define GZIP_HEADER_BYTES_MAX 65536
#define GZIP_TRAILER_BYTES 8

enum header_status { HEADER_OK, HEADER_SHORT, HEADER_DAMAGED, HEADER_TOO_LONG };

int gzip_is_magic(const uint8_t *data, size_t size);

/* Reads a header that begins with the magic bytes. HEADER_SHORT: it ends behind the data. Sets its
 * length and the byte that says how hard the writer tried (XFL). */
enum header_status gzip_header_read(const uint8_t *data, size_t size, size_t *header_size,
                                    unsigned *extra_flags);

#endif
