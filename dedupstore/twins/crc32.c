#include "crc32.h"

#include "byte_vector.h"

#define POLYNOMIAL 0xEDB88320u
#define SLICES 16

/* slice[i][b]: what byte b does to the checksum when i more bytes follow it. */
static uint32_t slice[SLICES][256];

void crc32_prepare(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ ((crc & 1) != 0 ? POLYNOMIAL : 0);
        }
        slice[0][byte] = crc;
    }
    for (int i = 1; i < SLICES; i++) {
        for (uint32_t byte = 0; byte < 256; byte++) {
            uint32_t crc = slice[i - 1][byte];
            slice[i][byte] = crc >> 8 ^ slice[0][crc & 0xFF];
        }
    }
}

static inline uint32_t four(uint32_t word, int last)
{
    return slice[last + 3][word & 0xFF] ^ slice[last + 2][word >> 8 & 0xFF] ^
           slice[last + 1][word >> 16 & 0xFF] ^ slice[last][word >> 24];
}

uint32_t crc32_update(uint32_t crc, const uint8_t *data, size_t size)
{
    crc = ~crc;
    for (; size >= SLICES; size -= SLICES, data += SLICES) {
        crc = four(crc ^ load_little32(data), 12) ^ four(load_little32(data + 4), 8) ^
              four(load_little32(data + 8), 4) ^ four(load_little32(data + 12), 0);
    }
    for (; size > 0; size--, data++) {
        crc = crc >> 8 ^ slice[0][(crc ^ *data) & 0xFF];
    }
    return ~crc;
}
