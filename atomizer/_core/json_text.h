/* JSON as text: runs of digits and of letters, several bytes at a time, and no further than ROOM bytes. */

#ifndef ATOMIZER_JSON_TEXT_H
#define ATOMIZER_JSON_TEXT_H

#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define ALWAYS_INLINE static inline __attribute__((always_inline))

enum {
    ROOM = 80,  /* bytes that may be read from a place on: two levels of a book are looked at together */
    BEFORE = 8, /* and before it */
    RUN_OF_WORD = 16
};

ALWAYS_INLINE unsigned lowest(uint64_t bits)
{
    return (unsigned)__builtin_ctzll(bits);
}

/* Eight characters as their values, the first lowest: a digit is 0 to 9. */
ALWAYS_INLINE uint64_t load_values(const char *text)
{
    uint64_t word;
    memcpy(&word, text, sizeof word);
    return word ^ UINT64_C(0x3030303030303030);
}

/* How many of the eight are digits before the first that is not. The addition may carry, but only behind that one. */
ALWAYS_INLINE unsigned count_digits(uint64_t values)
{
    uint64_t others = ((values + UINT64_C(0x7676767676767676)) | values) & UINT64_C(0x8080808080808080);
    return others ? lowest(others) / 8 : 8;
}

/* Eight digits to their number: neighbours become twos, those fours, those eight. */
ALWAYS_INLINE uint64_t join_digits(uint64_t values)
{
    const uint64_t mask = UINT64_C(0x000000ff000000ff);
    uint64_t twos = values * 10 + (values >> 8);
    return ((twos & mask) * (100 + (UINT64_C(1000000) << 32)) + ((twos >> 16) & mask) * (1 + (UINT64_C(10000) << 32)))
           >> 32;
}

/* Up to 15 digits; answers how many, 0 when there are none or more. */
static inline unsigned read_digits(const char *text, uint64_t *value)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    static const uint64_t POWERS[8] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000};
    uint64_t first = load_values(text), second = load_values(text + 8);
    unsigned count = count_digits(first), more = count_digits(second);
    if (count == 0 || (count == 8 && more == 8))
        return 0;
    if (count < 8) {
        *value = join_digits(first << (8 * (8 - count)));
        return count;
    }
    *value = join_digits(first) * POWERS[more] + (more ? join_digits(second << (8 * (8 - more))) : 0);
    return 8 + more;
#else
    return 0;
#endif
}

/* Bytes of visible ASCII without quotation mark and backslash from `text` on, at most RUN_OF_WORD. */
static inline unsigned run_of_word(const char *text)
{
#if defined(__x86_64__)
    __m128i all = _mm_loadu_si128((const __m128i *)text);
    __m128i odd = _mm_or_si128(_mm_cmpeq_epi8(all, _mm_set1_epi8('"')), _mm_cmpeq_epi8(all, _mm_set1_epi8('\\')));
    odd = _mm_or_si128(odd, _mm_cmplt_epi8(all, _mm_set1_epi8('!'))); /* signed: bytes above ASCII are odd too */
    odd = _mm_or_si128(odd, _mm_cmpeq_epi8(all, _mm_set1_epi8(0x7f)));
    return lowest((uint32_t)_mm_movemask_epi8(odd) | 1u << RUN_OF_WORD);
#else
    unsigned run = 0;
    while (run < RUN_OF_WORD && text[run] > ' ' && text[run] < 0x7f && text[run] != '"' && text[run] != '\\')
        run++;
    return run;
#endif
}

#endif
