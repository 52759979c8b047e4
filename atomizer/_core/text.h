/* Numbers and bytes as ASCII, written in place: what outgoing messages are made of.
 *
 * Every function writes at `at` and answers where the text ends. Decimal writers store whole words, so up to TEXT_SLACK
 * bytes beyond the end may be overwritten: they must belong to the buffer and be written later, if at all.
 */
#ifndef ATOMIZER_TEXT_H
#define ATOMIZER_TEXT_H

#include <stdint.h>
#include <string.h>

enum { TEXT_SLACK = 24 };

/* For what a message calls many times: one copy in a module. Each more is code that is in no cache after a pause. */
#define TEXT_SHARED static __attribute__((noinline))

/* A literal; its size is known to the compiler, so it is stored in a few wide moves. */
#define TEXT_PUT(at, literal) ((char *)memcpy((at), (literal), sizeof(literal) - 1) + sizeof(literal) - 1)

/* The eight decimal digits of a number below 10^8, first digit in the lowest byte, each 0..9: pairs, then single digits,
 * are split off in all lanes of the word at once by multiplying with a rounded reciprocal. */
static inline uint64_t text_digits(uint32_t value) {
    const uint64_t halves = value / 10000 | (uint64_t)(value % 10000) << 32;
    const uint64_t hundreds = (halves * 10486) >> 20 & 0x0000007f0000007f; /* / 100, for up to 9999 */
    const uint64_t pairs = hundreds | (halves - hundreds * 100) << 16;
    const uint64_t tens = (pairs * 103) >> 10 & 0x000f000f000f000f; /* / 10, for up to 99 */
    return tens | (pairs - tens * 10) << 8;
}

static inline char *text_put_eight(char *at, uint32_t value) {
    const uint64_t digits = text_digits(value) | 0x3030303030303030;
    memcpy(at, &digits, 8);
    return at + 8;
}

/* A number below 10^8 without leading zeros. */
static inline char *text_put_small(char *at, uint32_t value) {
    const uint64_t digits = text_digits(value);
    const int leading = __builtin_ctzll(digits | 1ull << 56) / 8; /* 0 keeps its last digit */
    const uint64_t shown = (digits | 0x3030303030303030) >> 8 * leading;
    memcpy(at, &shown, 8);
    return at + 8 - leading;
}

TEXT_SHARED char *text_put_u64(char *at, uint64_t value) {
    uint32_t eights[2];
    int count = 0;
    for (; value >= 100000000; value /= 100000000) eights[count++] = (uint32_t)(value % 100000000);
    at = text_put_small(at, (uint32_t)value);
    while (count) at = text_put_eight(at, eights[--count]);
    return at;
}

/* Nanos (not negative) as the shortest plain decimal: 1500000000 is 1.5. The same text as fixed.format_nanos. */
TEXT_SHARED char *text_put_nanos(char *at, uint64_t nanos) {
    const uint32_t fraction = (uint32_t)(nanos % 1000000000);
    at = text_put_u64(at, nanos / 1000000000);
    if (!fraction) return at;
    const uint64_t digits = text_digits(fraction % 100000000), shown = digits | 0x3030303030303030;
    at[0] = '.';
    at[1] = (char)('0' + fraction / 100000000);
    memcpy(at + 2, &shown, 8);
    return digits ? at + 10 - __builtin_clzll(digits) / 8 : at + 2; /* trailing zeros are the highest bytes */
}

/* Lower-case hex, two characters a byte; nothing beyond its end is written. */
static inline char *text_put_hex(char *at, const uint8_t *data, int size) {
    for (int i = 0; i < size; i++) {
        const uint8_t high = data[i] >> 4, low = data[i] & 15;
        at[2 * i] = (char)(high + '0' + (high > 9 ? 'a' - '9' - 1 : 0));
        at[2 * i + 1] = (char)(low + '0' + (low > 9 ? 'a' - '9' - 1 : 0));
    }
    return at + 2 * size;
}

#endif
