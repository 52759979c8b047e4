/* Integers modulo n, the order of secp256k1 (SEC 2, section 2.4.1).
 *
 * Constant time, except where a name says `variable_time`: no branch and no address depends on a value. Limbs are
 * little-endian. Every scalar written here is below n; factors and terms may be anything below 2^256.
 */
#ifndef ATOMIZER_SCALAR_H
#define ATOMIZER_SCALAR_H

#include <stdint.h>
#include <string.h>

#define SCALAR_INLINE static inline __attribute__((always_inline))

typedef unsigned __int128 scalar_wide;
typedef struct {
    uint64_t limb[4];
} scalar;

enum { SCALAR_SIZE = 32 };

static const uint64_t scalar_order[4] = {0xbfd25e8cd0364141, 0xbaaedce6af48a03b, 0xfffffffffffffffe, 0xffffffffffffffff};
/* 2^256 - n: what a carry out of 256 bits is worth. */
static const uint64_t scalar_carry[3] = {0x402da1732fc9bebf, 0x4551231950b75fc4, 1};
static const uint64_t scalar_half[4] = {0xdfe92f46681b20a0, 0x5d576e7357a4501d, 0xffffffffffffffff, 0x7fffffffffffffff};

/* Hides a value from the compiler: a mask does not become a branch, and limbs stay in general registers (gathering them
 * into a vector register and back costs more than the arithmetic). */
SCALAR_INLINE uint64_t scalar_opaque(uint64_t value) {
    __asm__("" : "+r"(value));
    return value;
}

/* `a` where the mask is all ones, `b` where it is 0. */
SCALAR_INLINE uint64_t scalar_select(uint64_t mask, uint64_t a, uint64_t b) {
    return scalar_opaque(b ^ ((a ^ b) & mask));
}

static inline void scalar_load(scalar *out, const uint8_t *big_endian) {
    for (int i = 0; i < 4; i++) {
        uint64_t limb;
        memcpy(&limb, big_endian + 8 * (3 - i), 8);
        out->limb[i] = __builtin_bswap64(limb);
    }
}

static inline void scalar_store(uint8_t *big_endian, const scalar *value) {
    for (int i = 0; i < 4; i++) {
        const uint64_t limb = __builtin_bswap64(value->limb[i]);
        memcpy(big_endian + 8 * (3 - i), &limb, 8);
    }
}

/* out = a - b over 256 bits; all ones if a < b, else 0. */
SCALAR_INLINE uint64_t scalar_subtract(uint64_t *out, const uint64_t *a, const uint64_t *b) {
    uint64_t borrow = 0;
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        uint64_t without_borrow;
        const int first = __builtin_sub_overflow(a[i], b[i], &without_borrow);
        const int second = __builtin_sub_overflow(without_borrow, borrow, &out[i]);
        borrow = (uint64_t)(first | second);
    }
    return scalar_opaque(-borrow);
}

/* 1 when 0 < value < n, else 0. */
static inline int scalar_is_valid(const scalar *value) {
    uint64_t ignored[4];
    const uint64_t any = value->limb[0] | value->limb[1] | value->limb[2] | value->limb[3];
    return (int)(scalar_subtract(ignored, value->limb, scalar_order) & (any | -any) >> 63);
}

/* sum[0..count-1] += limbs[0..count-1] * factor; what is carried out. */
SCALAR_INLINE uint64_t scalar_accumulate(uint64_t *sum, const uint64_t *limbs, int count, uint64_t factor) {
    uint64_t carry = 0;
#pragma GCC unroll 4
    for (int i = 0; i < count; i++) {
        const scalar_wide term = (scalar_wide)limbs[i] * factor + sum[i] + carry;
        sum[i] = (uint64_t)term;
        carry = (uint64_t)(term >> 64);
    }
    return carry;
}

/* out = a * b + c mod n. */
SCALAR_INLINE void scalar_multiply_add(scalar *out, const scalar *a, const scalar *b, const scalar *c) {
    uint64_t product[8] = {c->limb[0], c->limb[1], c->limb[2], c->limb[3]};
    for (int i = 0; i < 4; i++) product[i + 4] = scalar_accumulate(product + i, b->limb, 4, a->limb[i]);
    /* 512 bits -> 386 -> 260 -> 257: each fold replaces what stands above 2^256 by what it is worth below. */
    uint64_t first[7] = {product[0], product[1], product[2], product[3]};
    for (int i = 0; i < 3; i++) first[i + 4] = scalar_accumulate(first + i, product + 4, 4, scalar_carry[i]);
    uint64_t high[4] = {first[4], first[5], first[6]};
    uint64_t second[5] = {first[0], first[1], first[2], first[3]};
    second[4] = scalar_accumulate(second, high, 4, scalar_carry[0]);
    scalar_accumulate(second + 1, high, 4, scalar_carry[1]);
    scalar_accumulate(second + 2, high, 3, scalar_carry[2]);
    high[0] = second[4], high[1] = high[2] = 0;
    uint64_t third[5] = {second[0], second[1], second[2], second[3]};
    third[4] = scalar_accumulate(third, high, 4, scalar_carry[0]);
    third[4] += scalar_accumulate(third + 1, high, 3, scalar_carry[1]);
    third[4] += scalar_accumulate(third + 2, high, 2, scalar_carry[2]);
    /* Below 2n now: subtract n where that leaves something. */
    uint64_t less[4];
    const uint64_t below = scalar_subtract(less, third, scalar_order) & scalar_opaque(third[4] - 1);
    for (int i = 0; i < 4; i++) out->limb[i] = scalar_select(below, third[i], less[i]);
}

/* 0 < value < n - value: the half of the signatures that Ethereum accepts. Negates otherwise; 1 when it did. */
SCALAR_INLINE int scalar_make_low(scalar *value) {
    uint64_t negated[4], ignored[4];
    const uint64_t high = scalar_subtract(ignored, scalar_half, value->limb);
    scalar_subtract(negated, scalar_order, value->limb);
    for (int i = 0; i < 4; i++) value->limb[i] = scalar_select(high, negated[i], value->limb[i]);
    return (int)(high & 1);
}

/* value = value / 2 mod n. */
static inline void scalar_halve(uint64_t *value) {
    const uint64_t odd = scalar_opaque(-(value[0] & 1));
    uint64_t carry = 0;
    for (int i = 0; i < 4; i++) {
        const scalar_wide sum = (scalar_wide)value[i] + (scalar_order[i] & odd) + carry;
        value[i] = (uint64_t)sum;
        carry = (uint64_t)(sum >> 64);
    }
    for (int i = 0; i < 3; i++) value[i] = value[i] >> 1 | value[i + 1] << 63;
    value[3] = value[3] >> 1 | carry << 63;
}

/* a -= b mod n. */
static inline void scalar_take_away(uint64_t *a, const uint64_t *b) {
    const uint64_t below = scalar_subtract(a, a, b);
    uint64_t carry = 0;
    for (int i = 0; i < 4; i++) {
        const scalar_wide sum = (scalar_wide)a[i] + (scalar_order[i] & below) + carry;
        a[i] = (uint64_t)sum;
        carry = (uint64_t)(sum >> 64);
    }
}

static inline int scalar_is_one(const uint64_t *value) { return value[0] == 1 && !(value[1] | value[2] | value[3]); }

/* out = 1 / value mod n, by binary Euclid. How long it takes tells about `value`: give it only what is blinded by a
 * fresh random factor. `value` must be valid. Holds u = value * x and v = value * y mod n; ends when u or v is 1. */
static inline void scalar_invert_variable_time(scalar *out, const scalar *value) {
    uint64_t u[4], v[4], x[4] = {1}, y[4] = {0}, less[4];
    memcpy(u, value->limb, sizeof u);
    memcpy(v, scalar_order, sizeof v);
    while (!scalar_is_one(u) && !scalar_is_one(v)) {
        for (; !(u[0] & 1); scalar_halve(x))
            for (int i = 0; i < 4; i++) u[i] = u[i] >> 1 | (i < 3 ? u[i + 1] << 63 : 0);
        for (; !(v[0] & 1); scalar_halve(y))
            for (int i = 0; i < 4; i++) v[i] = v[i] >> 1 | (i < 3 ? v[i + 1] << 63 : 0);
        if (scalar_subtract(less, u, v)) {
            scalar_subtract(v, v, u);
            scalar_take_away(y, x);
        } else {
            memcpy(u, less, sizeof u);
            scalar_take_away(x, y);
        }
    }
    memcpy(out->limb, scalar_is_one(u) ? x : y, sizeof out->limb);
}

#endif
