/* The plain text of book frames: runs of levels, an integer, a word. No branch depends on what a digit is.
 *
 * A level is looked at through a window of 32 bytes whose bytes become bits: where a number ends is then a question about
 * integers. Digits become values by multiplying and adding neighbours. Whatever is not in the plain form ends a run, and
 * the caller reads it byte by byte; so does every machine that is not an x86. */

#ifndef ATOMIZER_BOOK_TEXT_H
#define ATOMIZER_BOOK_TEXT_H

#include <stdint.h>
#include <string.h>

enum {
    ROOM = 64, /* bytes that are read from a separator on, at most: an action, the window, and eight behind a point */
    RUN_OF_WORD = 16
};

struct text_level {
    int64_t price_nanos, size_nanos;
};

/* Where a run of levels stands. `at` is on the separator before the next level, be it the opening bracket or a comma; when
 * the side is over, on the closing bracket. */
struct run {
    const char *at;
    struct text_level *level; /* the next to be filled */
    int only_new;             /* no level so far was changed or deleted */
};

/* Reads levels for as long as they are plain, `at` is not behind `last`, and `level` is not `full`. */
typedef void run_reader(struct run *run, const char *last, const struct text_level *full);

#if defined(__x86_64__)
#include <immintrin.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))

enum {
    LONGEST_WHOLE = 8,
    LONGEST_JSON_WHOLE = 7, /* with eight decimals as many digits as a double keeps */
    LONGEST_REST = 9        /* a point and eight decimals */
};

/* Which of the eight bytes behind the first point count, by how far the number's end is from the point, 0 without one. At
 * 1 no decimal follows: then the byte kept is none, and is found out as every other byte that is not a digit. */
static const uint64_t KEPT[LONGEST_REST + 1] = {
    0x0,          0xff,           0xff,             0xffff,             0xffffff,
    0xffffffff,   0xffffffffff,   0xffffffffffff,   0xffffffffffffff,   0xffffffffffffffff,
};

/* One bit a byte, the first byte lowest. */
struct window {
    uint32_t digits, points, closes;
};

typedef struct window looker(const char *text);
typedef __m128i joiner(__m128i first, __m128i second);

ALWAYS_INLINE unsigned lowest(uint64_t bits)
{
    return (unsigned)__builtin_ctzll(bits);
}

ALWAYS_INLINE uint64_t load_digits(const char *text)
{
    uint64_t word;
    memcpy(&word, text, sizeof word);
    return word ^ UINT64_C(0x3030303030303030);
}

/* Up to eight digits before the point, with zeros before them, then up to eight after it, with zeros after them. `point`
 * is where the number ends when it has none. */
ALWAYS_INLINE __m128i digits_around(const char *text, unsigned point, unsigned end)
{
    uint64_t whole = load_digits(text) << ((64 - 8 * point) & 63);
    uint64_t part = load_digits(text + point + 1) & KEPT[end - point];
    return _mm_set_epi64x((int64_t)part, (int64_t)whole);
}

ALWAYS_INLINE int starts_with(const char *text, const char *wanted, unsigned size)
{
    return memcmp(text, wanted, size) == 0;
}

/* `price","size"]` when quoted, else `price,size]`: how many bytes that is, or 0. */
ALWAYS_INLINE unsigned read_level(const char *text, int quoted, struct text_level *level, looker *look, joiner *join)
{
    const unsigned longest = quoted ? LONGEST_WHOLE : LONGEST_JSON_WHOLE;
    struct window seen = look(text);
    /* The next level waits for nothing but this. */
    unsigned close = lowest(seen.closes | UINT64_C(1) << 32);
    uint64_t others = ~(uint64_t)seen.digits; /* behind the window all are */
    uint64_t ends = others & ~(uint64_t)seen.points;
    unsigned point = lowest(others), end = lowest(ends);
    unsigned start = end + (quoted ? 3 : 1);
    const char *size_text = text + start;
    unsigned size_point = lowest(others >> start), size_end = lowest(ends >> start);
    if (!starts_with(text + end, quoted ? "\",\"" : ",", quoted ? 3 : 1)
        || !starts_with(size_text + size_end, quoted ? "\"]" : "]", quoted ? 2 : 1)
        || start + size_end + quoted != close || point > longest || size_point > longest
        || end - point > LONGEST_REST || size_end - size_point > LONGEST_REST)
        return 0;
    if (!quoted && ((text[0] == '0' && point > 1) || (size_text[0] == '0' && size_point > 1)))
        return 0; /* JSON has no leading zeros */
    __m128i price = digits_around(text, point, end), size = digits_around(size_text, size_point, size_end);
    if (_mm_movemask_epi8(_mm_cmpgt_epi8(_mm_max_epu8(price, size), _mm_set1_epi8(9))))
        return 0; /* a second point, or no digit where one must be */
    __m128i eights = join(price, size);
    __m128i wholes = _mm_mul_epu32(eights, _mm_set1_epi64x(1000000000));
    __m128i parts = _mm_mul_epu32(_mm_srli_epi64(eights, 32), _mm_set1_epi64x(10));
    _mm_storeu_si128((__m128i *)level, _mm_add_epi64(wholes, parts));
    return close + 1;
}

/* Levels `["price","size"]`. */
ALWAYS_INLINE void read_quoted(
    struct run *run, const char *last, const struct text_level *full, looker *look, joiner *join)
{
    const char *at = run->at;
    struct text_level *level = run->level;
    while (at <= last && level < full && starts_with(at + 1, "[\"", 2)) {
        unsigned size = read_level(at + 3, 1, level, look, join);
        if (size == 0)
            break;
        level++;
        at += 3 + size;
        if (*at != ',')
            break;
    }
    run->at = at;
    run->level = level;
}

/* Levels `["new",price,size]`; the size of a `delete` is 0, and no other is. */
ALWAYS_INLINE void read_actions(
    struct run *run, const char *last, const struct text_level *full, looker *look, joiner *join)
{
    const char *at = run->at;
    struct text_level *level = run->level;
    int only_new = run->only_new;
    while (at <= last && level < full) {
        int is_new = starts_with(at + 1, "[\"new\",", 7);
        int is_delete = starts_with(at + 1, "[\"delete", 8);
        if (!(is_new | ((is_delete | starts_with(at + 1, "[\"change", 8)) & starts_with(at + 9, "\",", 2))))
            break;
        const char *text = at + (is_new ? 8 : 11);
        unsigned size = read_level(text, 0, level, look, join);
        if (size == 0 || (level->size_nanos == 0) != is_delete)
            break;
        only_new &= is_new;
        level++;
        at = text + size;
        if (*at != ',')
            break;
    }
    run->at = at;
    run->level = level;
    run->only_new = only_new;
}

ALWAYS_INLINE uint32_t bits_of(__m128i low, __m128i high)
{
    return (uint32_t)_mm_movemask_epi8(low) | (uint32_t)_mm_movemask_epi8(high) << 16;
}

ALWAYS_INLINE __m128i where_digit(__m128i text)
{
    __m128i value = _mm_sub_epi8(text, _mm_set1_epi8('0'));
    return _mm_cmpeq_epi8(_mm_min_epu8(value, _mm_set1_epi8(9)), value);
}

ALWAYS_INLINE struct window look_plain(const char *text)
{
    __m128i low = _mm_loadu_si128((const __m128i *)text), high = _mm_loadu_si128((const __m128i *)(text + 16));
    __m128i point = _mm_set1_epi8('.'), close = _mm_set1_epi8(']');
    return (struct window){
        bits_of(where_digit(low), where_digit(high)),
        bits_of(_mm_cmpeq_epi8(low, point), _mm_cmpeq_epi8(high, point)),
        bits_of(_mm_cmpeq_epi8(low, close), _mm_cmpeq_epi8(high, close)),
    };
}

/* Sixteen digits to four numbers of four. */
ALWAYS_INLINE __m128i join_fours(__m128i digits)
{
    __m128i tens = _mm_mullo_epi16(_mm_and_si128(digits, _mm_set1_epi16(0xff)), _mm_set1_epi16(10));
    return _mm_madd_epi16(_mm_add_epi16(tens, _mm_srli_epi16(digits, 8)), _mm_set1_epi32(100 | 1 << 16));
}

/* Two times sixteen digits to four numbers of eight. */
ALWAYS_INLINE __m128i join_plain(__m128i first, __m128i second)
{
    return _mm_madd_epi16(_mm_packs_epi32(join_fours(first), join_fours(second)), _mm_set1_epi32(10000 | 1 << 16));
}

static void read_quoted_plain(struct run *run, const char *last, const struct text_level *full)
{
    read_quoted(run, last, full, look_plain, join_plain);
}

static void read_actions_plain(struct run *run, const char *last, const struct text_level *full)
{
    read_actions(run, last, full, look_plain, join_plain);
}

#define WITH_AVX2 __attribute__((target("avx2,bmi,bmi2")))

WITH_AVX2 ALWAYS_INLINE struct window look_avx2(const char *text)
{
    __m256i all = _mm256_loadu_si256((const __m256i *)text);
    __m256i value = _mm256_sub_epi8(all, _mm256_set1_epi8('0'));
    __m256i digit = _mm256_cmpeq_epi8(_mm256_min_epu8(value, _mm256_set1_epi8(9)), value);
    return (struct window){
        (uint32_t)_mm256_movemask_epi8(digit),
        (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(all, _mm256_set1_epi8('.'))),
        (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(all, _mm256_set1_epi8(']'))),
    };
}

WITH_AVX2 ALWAYS_INLINE __m128i join_avx2(__m128i first, __m128i second)
{
    __m128i tens = _mm_set1_epi16(10 | 1 << 8), hundreds = _mm_set1_epi32(100 | 1 << 16);
    __m128i first_fours = _mm_madd_epi16(_mm_maddubs_epi16(first, tens), hundreds);
    __m128i second_fours = _mm_madd_epi16(_mm_maddubs_epi16(second, tens), hundreds);
    return _mm_madd_epi16(_mm_packs_epi32(first_fours, second_fours), _mm_set1_epi32(10000 | 1 << 16));
}

WITH_AVX2 static void read_quoted_avx2(struct run *run, const char *last, const struct text_level *full)
{
    read_quoted(run, last, full, look_avx2, join_avx2);
}

WITH_AVX2 static void read_actions_avx2(struct run *run, const char *last, const struct text_level *full)
{
    read_actions(run, last, full, look_avx2, join_avx2);
}

static run_reader *read_quoted_run = read_quoted_plain, *read_action_run = read_actions_plain;

/* Take the widest instructions that this machine has. */
static inline void choose_readers(void)
{
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2")) {
        read_quoted_run = read_quoted_avx2;
        read_action_run = read_actions_avx2;
    }
}

/* Up to 16 digits; answers how many, 0 when there are none or more. Reads ROOM bytes at most. */
static inline unsigned read_digits(const char *text, uint64_t *value)
{
    uint32_t others = ~(uint32_t)_mm_movemask_epi8(where_digit(_mm_loadu_si128((const __m128i *)text)));
    unsigned length = lowest(others); /* the upper half is set */
    if (length == 0 || (uint8_t)(text[length] - '0') <= 9)
        return 0;
    uint64_t high = 0, low;
    if (length > 8) {
        high = load_digits(text) << (8 * (16 - length));
        low = load_digits(text + length - 8);
    } else {
        low = load_digits(text) << (8 * (8 - length));
    }
    __m128i eights = join_plain(_mm_set_epi64x((int64_t)low, (int64_t)high), _mm_setzero_si128());
    *value = (uint64_t)(uint32_t)_mm_cvtsi128_si32(eights) * 100000000u
             + (uint32_t)_mm_cvtsi128_si32(_mm_srli_si128(eights, 4));
    return length;
}

/* Bytes of visible ASCII without quotation mark and backslash from `text` on, at most RUN_OF_WORD, which are read. */
static inline unsigned run_of_word(const char *text)
{
    __m128i all = _mm_loadu_si128((const __m128i *)text);
    __m128i odd = _mm_or_si128(_mm_cmpeq_epi8(all, _mm_set1_epi8('"')), _mm_cmpeq_epi8(all, _mm_set1_epi8('\\')));
    odd = _mm_or_si128(odd, _mm_cmplt_epi8(all, _mm_set1_epi8('!'))); /* signed: bytes above ASCII are odd too */
    odd = _mm_or_si128(odd, _mm_cmpeq_epi8(all, _mm_set1_epi8(0x7f)));
    return lowest((uint32_t)_mm_movemask_epi8(odd) | 1u << RUN_OF_WORD);
}

#else

static void read_none(struct run *run, const char *last, const struct text_level *full)
{
}

static run_reader *read_quoted_run = read_none, *read_action_run = read_none;

static inline void choose_readers(void)
{
}

static inline unsigned read_digits(const char *text, uint64_t *value)
{
    return 0;
}

static inline unsigned run_of_word(const char *text)
{
    unsigned run = 0;
    while (run < RUN_OF_WORD && text[run] > ' ' && text[run] < 0x7f && text[run] != '"' && text[run] != '\\')
        run++;
    return run;
}

#endif
#endif
