/* The peer in C: a book frame read as one would write it by hand, byte by byte, knowing the order of the keys.
 *
 * It finds each key, reads digits into nanos, checks that prices are in order and keeps arrays of levels. It is lenient:
 * what is between the keys it does not look at, and it knows no escape, exponent or overflow. */

#ifndef PLAIN_SCANNER_H
#define PLAIN_SCANNER_H

#include <stdint.h>
#include <string.h>

enum { PLAIN_LEVELS = 512 };

struct plain_level {
    int64_t price, size;
};

struct plain_book {
    int64_t sequence;
    int counts[2];
    struct plain_level sides[2][PLAIN_LEVELS]; /* best first */
};

static inline const char *plain_after(const char *at, const char *end, const char *key, size_t size)
{
    const char *found = memmem(at, (size_t)(end - at), key, size);
    return found ? found + size : NULL;
}

#define PLAIN_AFTER(at, end, key) plain_after(at, end, key, sizeof(key) - 1)

static inline const char *plain_whole(const char *at, int64_t *value)
{
    int64_t total = 0;
    for (; (unsigned)(*at - '0') < 10; at++)
        total = total * 10 + (*at - '0');
    *value = total;
    return at;
}

static inline const char *plain_nanos(const char *at, int64_t *nanos)
{
    int64_t total = 0, unit = 1000000000;
    for (; (unsigned)(*at - '0') < 10; at++)
        total = total * 10 + (*at - '0');
    if (*at == '.')
        for (at++; (unsigned)(*at - '0') < 10; at++, unit /= 10)
            total = total * 10 + (*at - '0');
    *nanos = total * unit;
    return at;
}

static inline int plain_in_order(const struct plain_level *levels, int count, int rising)
{
    int good = 1;
    for (int at = 1; at < count; at++)
        good &= rising ? levels[at - 1].price < levels[at].price : levels[at - 1].price > levels[at].price;
    return good;
}

/* [["340","0.4"],...] into one side; NULL when it is out of order. */
static inline const char *plain_side(const char *at, struct plain_book *book, int side)
{
    struct plain_level *levels = book->sides[side];
    int count = 0;
    while (*at++ != ']' && *at == '[') {
        at = plain_nanos(at + 2, &levels[count].price);
        at = plain_nanos(at + 3, &levels[count].size) + 2;
        count++;
    }
    book->counts[side] = count;
    return plain_in_order(levels, count, side) ? at : NULL;
}

/* Derive's whole book; 1 when it was taken. */
static inline int plain_derive(const char *at, const char *end, struct plain_book *book)
{
    int64_t time_ms, sequence;
    if (!(at = PLAIN_AFTER(at, end, "\"timestamp\":")))
        return 0;
    at = plain_whole(at, &time_ms);
    if (!(at = PLAIN_AFTER(at, end, "\"publish_id\":")))
        return 0;
    at = plain_whole(at, &sequence);
    if (sequence <= book->sequence || !(at = PLAIN_AFTER(at, end, "\"bids\":")) || !(at = plain_side(at, book, 0))
        || !(at = PLAIN_AFTER(at, end, "\"asks\":")) || !plain_side(at, book, 1))
        return 0;
    book->sequence = sequence;
    return time_ms > 0;
}

static inline void plain_set(struct plain_book *book, int side, struct plain_level level)
{
    struct plain_level *levels = book->sides[side];
    int count = book->counts[side], at = 0;
    while (at < count && (side ? levels[at].price < level.price : levels[at].price > level.price))
        at++;
    if (at < count && levels[at].price == level.price) {
        if (level.size) {
            levels[at] = level;
            return;
        }
        memmove(levels + at, levels + at + 1, (size_t)(count - at - 1) * sizeof *levels);
        book->counts[side]--;
    } else if (level.size && count < PLAIN_LEVELS) {
        memmove(levels + at + 1, levels + at, (size_t)(count - at) * sizeof *levels);
        levels[at] = level;
        book->counts[side]++;
    }
}

/* [["change",95.5,4.0],...] into one side. */
static inline const char *plain_changes(const char *at, struct plain_book *book, int side)
{
    while (*at++ != ']' && *at == '[') {
        struct plain_level level;
        at = plain_nanos(strchr(at + 2, ',') + 1, &level.price);
        at = plain_nanos(at + 1, &level.size) + 1;
        plain_set(book, side, level);
    }
    return at;
}

/* Deribit's change; 1 when it was taken. */
static inline int plain_deribit(const char *at, const char *end, struct plain_book *book)
{
    int64_t time_ms, previous, sequence;
    if (!(at = PLAIN_AFTER(at, end, "\"timestamp\":")))
        return 0;
    at = plain_whole(at, &time_ms);
    if (!(at = PLAIN_AFTER(at, end, "\"prev_change_id\":")))
        return 0;
    at = plain_whole(at, &previous);
    if (previous != book->sequence || !(at = PLAIN_AFTER(at, end, "\"change_id\":")))
        return 0;
    at = plain_whole(at, &sequence);
    if (!(at = PLAIN_AFTER(at, end, "\"bids\":")))
        return 0;
    at = plain_changes(at, book, 0);
    if (!(at = PLAIN_AFTER(at, end, "\"asks\":")))
        return 0;
    plain_changes(at, book, 1);
    book->sequence = sequence;
    return time_ms > 0;
}

#endif
