/* The checksum of gzip members (RFC 1952, 8). */

#ifndef DEDUPSTORE_CRC32_H
#define DEDUPSTORE_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* Fills the tables; to be called once before anything else. */
void crc32_prepare(void);

/* Returns the checksum of what `crc` stands for (0: nothing) and the data behind it. */
uint32_t crc32_update(uint32_t crc, const uint8_t *data, size_t size);

#endif
