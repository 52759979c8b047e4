/* CRC-32 as zlib computes it (reflected polynomial 0xedb88320), of a short head and of what follows it.
 *
 * crc32_init() once, before anything else.
 *
 * By carry-less multiplication where the processor has it: sixteen bytes a step, and no tables. An order's record would
 * read nearly all of their eight kilobytes, which are in no cache after a pause. The method and its constants: V. Gopal
 * et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction", Intel, 2009.
 */
#ifndef ATOMIZER_CRC32_H
#define ATOMIZER_CRC32_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { CRC32_HEAD_SIZE = 12, CRC32_BLOCK = 16, CRC32_SETS = 2 };

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

static inline uint32_t crc32_feed(uint32_t state, const uint8_t *data, size_t size) {
    for (; size >= 8; size -= 8, data += 8) {
        uint64_t word;
        memcpy(&word, data, 8);
        word ^= state;
        state = 0;
        for (int at = 0; at < 8; at++) state ^= crc32_tables[7 - at][word >> 8 * at & 0xff];
    }
    for (; size; size--, data++) state = state >> 8 ^ crc32_tables[0][(state ^ *data) & 0xff];
    return state;
}

/* Eight bytes a step by eight tables. */
static uint32_t crc32_plain(const uint8_t *head, const uint8_t *data, size_t size) {
    return ~crc32_feed(crc32_feed(~0u, head, CRC32_HEAD_SIZE), data, size);
}

#if defined(__x86_64__)
/* Zeros in front of a message do not change its remainder. So the head, whose first four bytes take the initial state,
 * and the odd bytes of the data fill two blocks from their end, and whole blocks follow. */
__attribute__((target("pclmul"))) static uint32_t crc32_clmul(const uint8_t *head, const uint8_t *data, size_t size) {
    const __m128i over_block = _mm_set_epi64x(0xccaa009e, 0x1751997d0), over_half = _mm_set_epi64x(0, 0x163cd6124);
    const __m128i polynomial = _mm_set_epi64x(0x1f7011641, 0x1db710641), low = _mm_set_epi32(0, 0, 0, -1);
    const size_t odd = size % CRC32_BLOCK;
    uint8_t first[2 * CRC32_BLOCK] = {0};
    uint8_t *start = first + sizeof(first) - odd - CRC32_HEAD_SIZE;
    uint32_t begin;
    memcpy(start, head, CRC32_HEAD_SIZE);
    memcpy(&begin, start, sizeof(begin));
    begin = ~begin;
    memcpy(start, &begin, sizeof(begin));
    for (size_t at = 0; at < odd; at++) start[CRC32_HEAD_SIZE + at] = data[at];
    __m128i rest = _mm_loadu_si128((const __m128i *)first), next = _mm_loadu_si128((const __m128i *)first + 1);
    const uint8_t *end = data + size;
    for (data += odd;; data += CRC32_BLOCK) {
        rest = _mm_xor_si128(
            _mm_xor_si128(_mm_clmulepi64_si128(rest, over_block, 0x00), _mm_clmulepi64_si128(rest, over_block, 0x11)), next);
        if (data == end) break;
        next = _mm_loadu_si128((const __m128i *)data);
    }
    rest = _mm_xor_si128(_mm_clmulepi64_si128(rest, over_block, 0x10), _mm_srli_si128(rest, 8));
    rest = _mm_xor_si128(
        _mm_clmulepi64_si128(_mm_and_si128(rest, low), over_half, 0x00), _mm_srli_si128(rest, 4));
    __m128i times = _mm_and_si128(_mm_clmulepi64_si128(_mm_and_si128(rest, low), polynomial, 0x10), low);
    rest = _mm_xor_si128(_mm_clmulepi64_si128(times, polynomial, 0x00), rest);
    return ~(uint32_t)_mm_cvtsi128_si32(_mm_srli_si128(rest, 4));
}
#endif

typedef uint32_t crc32_sum(const uint8_t *head, const uint8_t *data, size_t size);

typedef struct {
    const char *name;
    crc32_sum *sum;
} crc32_instructions;

/* Those of this machine, slowest first; answers how many. */
static int crc32_here(crc32_instructions *found) {
    int count = 0;
    found[count++] = (crc32_instructions){"plain", crc32_plain};
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("pclmul")) found[count++] = (crc32_instructions){"clmul", crc32_clmul};
#endif
    return count;
}

#endif
