/* Runs of order-book levels in compact JSON, two levels at a time. No branch depends on what a digit is.
 *
 * Two levels are looked at through a window of 64 bytes that become bits, so that where a number ends is a question
 * about integers, and the next window does not wait for this one's numbers. Digits become values by multiplying and
 * adding neighbours. A level that is not plain (too long, another form) ends the run: the caller reads it byte by byte.
 * So does every machine that is not an x86-64. */

#ifndef ATOMIZER_BOOK_LEVELS_H
#define ATOMIZER_BOOK_LEVELS_H

#include "json_text.h"

struct text_level {
    int64_t price_nanos, size_nanos;
};

/* Where a run of levels stands. `at` is on the separator before the next level, be it the opening bracket or a comma;
 * when the side is over, on the closing bracket. */
struct run {
    const char *at;
    struct text_level *level; /* the next to be filled */
    int only_new;             /* no level so far was changed or deleted */
};

/* Reads levels for as long as they are plain, `at` is not behind `last`, and two fit before `full`. Looks from BEFORE
 * bytes before `at` to ROOM bytes behind it. */
typedef void run_reader(struct run *run, const char *last, const struct text_level *full);

#if defined(__x86_64__)
enum {
    LONGEST_WHOLE = 8,
    LONGEST_JSON_WHOLE = 7, /* with eight decimals as many digits as a double keeps */
    LONGEST_REST = 9        /* a point and eight decimals */
};

/* Which of the eight bytes before a point belong to a number, by how many digits it has there. Where it has none, one
 * byte is kept all the same: no digit, and found out as such. */
static const uint64_t WHOLE_BYTES[LONGEST_WHOLE + 1] = {
    UINT64_C(0xff00000000000000),
    UINT64_C(0xff00000000000000),
    UINT64_C(0xffff000000000000),
    UINT64_C(0xffffff0000000000),
    UINT64_C(0xffffffff00000000),
    UINT64_C(0xffffffffff000000),
    UINT64_C(0xffffffffffff0000),
    UINT64_C(0xffffffffffffff00),
    UINT64_C(0xffffffffffffffff),
};

/* Which of the eight bytes behind it do, by how far the number's end is from the point; 0: it has no point. At 1 no
 * digit follows, and again the byte that is kept is none. */
static const uint64_t PART_BYTES[LONGEST_REST + 1] = {
    UINT64_C(0x0),
    UINT64_C(0xff),
    UINT64_C(0xff),
    UINT64_C(0xffff),
    UINT64_C(0xffffff),
    UINT64_C(0xffffffff),
    UINT64_C(0xffffffffff),
    UINT64_C(0xffffffffffff),
    UINT64_C(0xffffffffffffff),
    UINT64_C(0xffffffffffffffff),
};

/* One bit for each of 64 bytes, the first byte lowest. */
struct window {
    uint64_t stops; /* where a number may end: quotation marks, or commas and brackets */
    uint64_t points;
};

/* Made once a run and held in registers: left alone, the compiler makes them anew for every level. */
struct constants {
    __m128i zero, nine, tens, hundreds, thousands, wholes, parts;
};

#define HOLD(vector) __asm__("" : "+x"(vector))

ALWAYS_INLINE struct constants hold_constants(__m128i tens)
{
    struct constants held = {
        .zero = _mm_set1_epi8('0'),
        .nine = _mm_set1_epi8(9),
        .tens = tens,
        .hundreds = _mm_set1_epi32(100 | 1 << 16),
        .thousands = _mm_set1_epi32(10000 | 1 << 16),
        .wholes = _mm_set1_epi64x(1000000000),
        .parts = _mm_set1_epi64x(10),
    };
    HOLD(held.zero);
    HOLD(held.nine);
    HOLD(held.tens);
    HOLD(held.hundreds);
    HOLD(held.thousands);
    HOLD(held.wholes);
    HOLD(held.parts);
    return held;
}

/* What differs between instruction sets. */
typedef struct window looker(const char *text, int quoted);
/* Whether both are digits; then the level that they are. */
typedef int filler(__m128i price, __m128i size, struct text_level *level, const struct constants *constants);

ALWAYS_INLINE uint64_t without_lowest(uint64_t bits)
{
    return bits & (bits - 1);
}

ALWAYS_INLINE int starts_with(const char *text, const char *wanted, unsigned size)
{
    return memcmp(text, wanted, size) == 0;
}

/* By moves that may look at memory of any type. */
ALWAYS_INLINE __m128i two_words(const void *low, const void *high)
{
    __m128 first = _mm_castsi128_ps(_mm_loadl_epi64((const __m128i *)low));
    return _mm_castps_si128(_mm_loadh_pi(first, (const __m64 *)high));
}

/* Up to eight digits before the point, with zeros before them, then up to eight behind it, with zeros behind them.
 * `point` is where the number ends when it has none; `rest` is from there to its end. */
ALWAYS_INLINE __m128i digits_around(
    const char *point, unsigned whole, unsigned rest, const struct constants *constants)
{
    __m128i text = two_words(point - 8, point + 1), kept = two_words(&WHOLE_BYTES[whole], &PART_BYTES[rest]);
    return _mm_and_si128(_mm_xor_si128(text, constants->zero), kept);
}

/* Price at [price, price_end) of `from` and size at [size, size_end): whether they are plain. */
ALWAYS_INLINE int read_numbers(
    const char *from, struct window seen, int quoted, unsigned price, unsigned price_end, unsigned size,
    unsigned size_end, struct text_level *level, filler *fill, const struct constants *constants)
{
    const unsigned longest = quoted ? LONGEST_WHOLE : LONGEST_JSON_WHOLE;
    uint64_t marks = seen.stops | seen.points;
    unsigned whole = lowest(marks >> price), size_whole = lowest(marks >> size);
    unsigned rest = price_end - price - whole, size_rest = size_end - size - size_whole;
    if (whole > longest || size_whole > longest || rest > LONGEST_REST || size_rest > LONGEST_REST)
        return 0;
    if (!quoted && ((from[price] == '0' && whole > 1) || (from[size] == '0' && size_whole > 1)))
        return 0; /* JSON has no leading zeros */
    return fill(digits_around(from + price + whole, whole, rest, constants),
                digits_around(from + size + size_whole, size_whole, size_rest, constants), level, constants);
}

/* A level `["price","size"]` behind the separator at `at`, all of it in the window of `from`. Answers where the next
 * separator is, or 0, and drops the stops that were passed. */
ALWAYS_INLINE unsigned read_quoted(
    const char *from, unsigned at, struct window *seen, struct text_level *level, filler *fill,
    const struct constants *constants)
{
    uint64_t ends = without_lowest(seen->stops); /* behind the quotation mark that opens the price */
    uint64_t size_ends = without_lowest(without_lowest(ends));
    unsigned price_end, size_end;
    if (size_ends == 0 || !starts_with(from + at + 1, "[\"", 2))
        return 0;
    price_end = lowest(ends);
    size_end = lowest(size_ends);
    if (!starts_with(from + price_end, "\",\"", 3) || from[size_end + 1] != ']'
        || !read_numbers(from, *seen, 1, at + 3, price_end, price_end + 3, size_end, level, fill, constants))
        return 0;
    seen->stops = without_lowest(size_ends);
    return size_end + 2;
}

/* The same of `["new",price,size]` and its like. The size of a `delete` is 0, and no other is. */
ALWAYS_INLINE unsigned read_action(
    const char *from, unsigned at, struct window *seen, struct text_level *level, int *only_new, filler *fill,
    const struct constants *constants)
{
    const char *action = from + at + 1;
    int is_new = starts_with(action, "[\"new\",", 7), is_delete = starts_with(action, "[\"delete", 8);
    int is_change = starts_with(action, "[\"change", 8), goes_on = starts_with(action + 8, "\",", 2);
    uint64_t ends = without_lowest(seen->stops); /* behind the action's comma */
    uint64_t size_ends = without_lowest(ends);
    unsigned price = at + (is_new ? 8 : 11), price_end, size_end;
    if (size_ends == 0 || !(is_new | ((is_delete | is_change) & goes_on)))
        return 0;
    price_end = lowest(ends);
    size_end = lowest(size_ends);
    if (from[price_end] != ',' || from[size_end] != ']'
        || !read_numbers(from, *seen, 0, price, price_end, price_end + 1, size_end, level, fill, constants)
        || (level->size_nanos == 0) != is_delete)
        return 0;
    *only_new &= is_new;
    seen->stops = without_lowest(without_lowest(size_ends)); /* the level's bracket and the separator */
    return size_end + 1;
}

ALWAYS_INLINE unsigned read_one(
    const char *from, unsigned at, int quoted, struct window *seen, struct run *run, filler *fill,
    const struct constants *constants)
{
    unsigned next = quoted ? read_quoted(from, at, seen, run->level, fill, constants)
                           : read_action(from, at, seen, run->level, &run->only_new, fill, constants);
    run->level += next != 0;
    return next;
}

ALWAYS_INLINE void read_run(
    struct run *caller, const char *last, const struct text_level *full, int quoted, looker *look, filler *fill,
    const struct constants *constants)
{
    struct run run = *caller; /* which the compiler can keep in registers */
    while (run.at <= last && full - run.level >= 2) {
        /* Two levels to a window: where the next window starts does not wait for what these levels say. */
        struct window seen = look(run.at, quoted);
        seen.stops &= ~UINT64_C(1); /* the separator */
        unsigned next = read_one(run.at, 0, quoted, &seen, &run, fill, constants);
        if (next == 0)
            break;
        if (run.at[next] == ',') {
            unsigned second = read_one(run.at, next, quoted, &seen, &run, fill, constants);
            next = second ? second : next; /* it may only reach out of the window */
        }
        run.at += next;
        if (*run.at != ',')
            break;
    }
    *caller = run;
}

ALWAYS_INLINE void store_level(__m128i eights, struct text_level *level, const struct constants *constants)
{
    __m128i wholes = _mm_mul_epu32(eights, constants->wholes);
    __m128i parts = _mm_mul_epu32(_mm_srli_epi64(eights, 32), constants->parts);
    _mm_storeu_si128((__m128i *)level, _mm_add_epi64(wholes, parts));
}

ALWAYS_INLINE __m128i beyond_nine(__m128i price, __m128i size, const struct constants *constants)
{
    return _mm_subs_epu8(_mm_max_epu8(price, size), constants->nine);
}

ALWAYS_INLINE __m128i load(const char *text)
{
    return _mm_loadu_si128((const __m128i *)text);
}

ALWAYS_INLINE uint64_t bits_of(__m128i first, __m128i second, __m128i third, __m128i fourth)
{
    return (uint64_t)_mm_movemask_epi8(first) | (uint64_t)_mm_movemask_epi8(second) << 16
           | (uint64_t)_mm_movemask_epi8(third) << 32 | (uint64_t)_mm_movemask_epi8(fourth) << 48;
}

ALWAYS_INLINE __m128i where_stop_plain(__m128i text, int quoted)
{
    if (quoted)
        return _mm_cmpeq_epi8(text, _mm_set1_epi8('"'));
    return _mm_or_si128(_mm_cmpeq_epi8(text, _mm_set1_epi8(',')), _mm_cmpeq_epi8(text, _mm_set1_epi8(']')));
}

ALWAYS_INLINE struct window look_plain(const char *text, int quoted)
{
    __m128i first = load(text), second = load(text + 16), third = load(text + 32), fourth = load(text + 48);
    __m128i point = _mm_set1_epi8('.');
    return (struct window){
        bits_of(where_stop_plain(first, quoted), where_stop_plain(second, quoted), where_stop_plain(third, quoted),
                where_stop_plain(fourth, quoted)),
        bits_of(_mm_cmpeq_epi8(first, point), _mm_cmpeq_epi8(second, point), _mm_cmpeq_epi8(third, point),
                _mm_cmpeq_epi8(fourth, point)),
    };
}

/* Sixteen digits to four numbers of four. */
ALWAYS_INLINE __m128i join_fours(__m128i digits, const struct constants *constants)
{
    __m128i tens = _mm_mullo_epi16(_mm_and_si128(digits, _mm_set1_epi16(0xff)), constants->tens);
    return _mm_madd_epi16(_mm_add_epi16(tens, _mm_srli_epi16(digits, 8)), constants->hundreds);
}

/* Two times sixteen digits to four numbers of eight. */
ALWAYS_INLINE __m128i join_eights(__m128i first, __m128i second, const struct constants *constants)
{
    __m128i fours = _mm_packs_epi32(join_fours(first, constants), join_fours(second, constants));
    return _mm_madd_epi16(fours, constants->thousands);
}

ALWAYS_INLINE int fill_plain(
    __m128i price, __m128i size, struct text_level *level, const struct constants *constants)
{
    __m128i within = _mm_cmpeq_epi8(beyond_nine(price, size, constants), _mm_setzero_si128());
    store_level(join_eights(price, size, constants), level, constants);
    return _mm_movemask_epi8(within) == 0xffff;
}

static void read_quoted_plain(struct run *run, const char *last, const struct text_level *full)
{
    const struct constants constants = hold_constants(_mm_set1_epi16(10));
    read_run(run, last, full, 1, look_plain, fill_plain, &constants);
}

static void read_actions_plain(struct run *run, const char *last, const struct text_level *full)
{
    const struct constants constants = hold_constants(_mm_set1_epi16(10));
    read_run(run, last, full, 0, look_plain, fill_plain, &constants);
}

#define WITH_AVX2 __attribute__((target("avx2,bmi,bmi2")))

WITH_AVX2 ALWAYS_INLINE __m256i where_stop_avx2(__m256i text, int quoted)
{
    if (quoted)
        return _mm256_cmpeq_epi8(text, _mm256_set1_epi8('"'));
    return _mm256_or_si256(
        _mm256_cmpeq_epi8(text, _mm256_set1_epi8(',')), _mm256_cmpeq_epi8(text, _mm256_set1_epi8(']')));
}

WITH_AVX2 ALWAYS_INLINE uint64_t bits_of_avx2(__m256i first, __m256i second)
{
    return (uint32_t)_mm256_movemask_epi8(first) | (uint64_t)(uint32_t)_mm256_movemask_epi8(second) << 32;
}

WITH_AVX2 ALWAYS_INLINE struct window look_avx2(const char *text, int quoted)
{
    __m256i first = _mm256_loadu_si256((const __m256i *)text);
    __m256i second = _mm256_loadu_si256((const __m256i *)(text + 32));
    __m256i point = _mm256_set1_epi8('.');
    return (struct window){
        bits_of_avx2(where_stop_avx2(first, quoted), where_stop_avx2(second, quoted)),
        bits_of_avx2(_mm256_cmpeq_epi8(first, point), _mm256_cmpeq_epi8(second, point)),
    };
}

WITH_AVX2 ALWAYS_INLINE __m128i join_fours_avx2(__m128i digits, const struct constants *constants)
{
    return _mm_madd_epi16(_mm_maddubs_epi16(digits, constants->tens), constants->hundreds);
}

WITH_AVX2 ALWAYS_INLINE int fill_avx2(
    __m128i price, __m128i size, struct text_level *level, const struct constants *constants)
{
    __m128i beyond = beyond_nine(price, size, constants);
    __m128i fours = _mm_packs_epi32(join_fours_avx2(price, constants), join_fours_avx2(size, constants));
    store_level(_mm_madd_epi16(fours, constants->thousands), level, constants);
    return _mm_testz_si128(beyond, beyond);
}

WITH_AVX2 static void read_quoted_avx2(struct run *run, const char *last, const struct text_level *full)
{
    const struct constants constants = hold_constants(_mm_set1_epi16(10 | 1 << 8));
    read_run(run, last, full, 1, look_avx2, fill_avx2, &constants);
}

WITH_AVX2 static void read_actions_avx2(struct run *run, const char *last, const struct text_level *full)
{
    const struct constants constants = hold_constants(_mm_set1_epi16(10 | 1 << 8));
    read_run(run, last, full, 0, look_avx2, fill_avx2, &constants);
}

#endif

/* Leaves every level to the caller. */
static void read_none(struct run *run, const char *last, const struct text_level *full)
{
}

/* All read the same; what one leaves to the caller another may not. */
struct readers {
    const char *name;
    run_reader *quoted, *actions;
};

enum { READER_SETS = 3 };

/* Those of this machine, slowest first; answers how many. */
static inline int readers_here(struct readers *found)
{
    int count = 0;
    found[count++] = (struct readers){"bytewise", read_none, read_none};
#if defined(__x86_64__)
    found[count++] = (struct readers){"plain", read_quoted_plain, read_actions_plain};
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2"))
        found[count++] = (struct readers){"avx2", read_quoted_avx2, read_actions_avx2};
#endif
    return count;
}

#endif
