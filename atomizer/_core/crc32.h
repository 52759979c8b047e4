/* CRC-32 as zlib computes it (reflected polynomial 0xedb88320), eight bytes a step by eight tables.
 *
 * crc32_init() once, before anything else. The check value of "123456789" is 0xcbf43926.
 */
#ifndef ATOMIZER_CRC32_H
#define ATOMIZER_CRC32_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static uint32_t crc32_tables[8][256];

static void crc32_init(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
        crc32_tables[0][byte] = crc;
    }
    for (int table = 1; table < 8; table++)
        for (int byte = 0; byte < 256; byte++) {
            const uint32_t crc = crc32_tables[table - 1][byte];
            crc32_tables[table][byte] = crc >> 8 ^ crc32_tables[0][crc & 0xff];
        }
}

/* Continues `crc`, which is 0 at the beginning. */
static inline uint32_t crc32_add(uint32_t crc, const uint8_t *data, size_t size) {
    crc = ~crc;
    for (; size >= 8; size -= 8, data += 8) {
        uint64_t word;
        memcpy(&word, data, 8);
        word ^= crc;
        crc = 0;
        for (int at = 0; at < 8; at++) crc ^= crc32_tables[7 - at][word >> 8 * at & 0xff];
    }
    for (; size; size--, data++) crc = crc >> 8 ^ crc32_tables[0][(crc ^ *data) & 0xff];
    return ~crc;
}

#endif
