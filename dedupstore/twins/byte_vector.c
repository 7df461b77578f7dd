#include "byte_vector.h"

int byte_vector_reserve(byte_vector *vector, size_t more)
{
    if (more <= vector->capacity - vector->size) {
        return 0;
    }
    if (more > SIZE_MAX / 2 - vector->size) {
        return -1;
    }
    size_t needed = vector->size + more;
    size_t capacity = vector->capacity + vector->capacity / 2;
    if (capacity < needed) {
        capacity = needed;
    }
    if (capacity < 64) {
        capacity = 64;
    }
    uint8_t *data = realloc(vector->data, capacity);
    if (data == NULL) {
        return -1;
    }
    vector->data = data;
    vector->capacity = capacity;
    return 0;
}

int byte_vector_append(byte_vector *vector, const uint8_t *data, size_t size)
{
    if (byte_vector_reserve(vector, size) != 0) {
        return -1;
    }
    if (size != 0) {
        memcpy(vector->data + vector->size, data, size);
        vector->size += size;
    }
    return 0;
}

int byte_vector_append_byte(byte_vector *vector, uint8_t byte)
{
    return byte_vector_append(vector, &byte, 1);
}

int byte_vector_append_varint(byte_vector *vector, uint64_t value)
{
    uint8_t encoded[10];
    size_t size = 0;
    for (; value > 0x7F; value >>= 7) {
        encoded[size++] = (uint8_t)(value | 0x80);
    }
    encoded[size++] = (uint8_t)value;
    return byte_vector_append(vector, encoded, size);
}

void byte_vector_drop(byte_vector *vector, size_t count)
{
    if (count != 0) {
        memmove(vector->data, vector->data + count, vector->size - count);
        vector->size -= count;
    }
}

void byte_vector_free(byte_vector *vector)
{
    free(vector->data);
    vector->data = NULL;
    vector->size = vector->capacity = 0;
}
