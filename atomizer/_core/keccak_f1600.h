/* Keccak-f[1600] on 25 little-endian 64-bit lanes, and the 136-byte-rate sponge of Ethereum's Keccak-256.
 *
 * Plain C because the whole state must live in named registers and spill slots: the compiler keeps `lane[25]` out of
 * memory only when every index is a constant after inlining. Lane x + 5y as in FIPS 202, section 3. The only difference
 * from SHA3-256 is the first padding byte: 0x01 here, 0x06 there.
 */
#ifndef ATOMIZER_KECCAK_F1600_H
#define ATOMIZER_KECCAK_F1600_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "lanes are loaded as they lie in memory: little-endian machines only"
#endif

#if defined(__GNUC__) && !defined(__clang__)
/* The state lives half in registers, half in spill slots. What shortens other code makes live ranges longer here, until
 * more is spilled; and GCC's vectoriser gathers lanes that were just stored one by one, which stalls. Together 5 %. */
#pragma GCC push_options
#pragma GCC optimize("no-schedule-insns2", "no-gcse", "no-tree-pre", "no-forward-propagate", "rename-registers")
#pragma GCC optimize("no-tree-vectorize", "no-tree-slp-vectorize")
#endif

#define KECCAK_RATE 136 /* bytes absorbed by one permutation: (1600 - 2 * 256) / 8 */
#define KECCAK_INLINE static inline __attribute__((always_inline))

/* Round constants of iota. */
static const uint64_t keccak_iota[24] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000, 0x000000000000808b,
    0x0000000080000001, 0x8000000080008081, 0x8000000000008009, 0x000000000000008a, 0x0000000000000088,
    0x0000000080008009, 0x000000008000000a, 0x000000008000808b, 0x800000000000008b, 0x8000000000008089,
    0x8000000000008003, 0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};

KECCAK_INLINE uint64_t keccak_rotate(uint64_t lane, unsigned bits) { return lane << bits | lane >> (64 - bits); }

/* chi on one row of five lanes, which `parity` takes in as it is made. */
KECCAK_INLINE void keccak_chi(uint64_t *out, uint64_t *parity, uint64_t b0, uint64_t b1, uint64_t b2, uint64_t b3,
                              uint64_t b4) {
    parity[0] ^= out[0] = b0 ^ (~b1 & b2);
    parity[1] ^= out[1] = b1 ^ (~b2 & b3);
    parity[2] ^= out[2] = b2 ^ (~b3 & b4);
    parity[3] ^= out[3] = b3 ^ (~b4 & b0);
    parity[4] ^= out[4] = b4 ^ (~b0 & b1);
}

/* One round, from `a` to `e`. `parity` holds theta's column sums of `a`, then those of `e`: gathered lane by lane, they
 * are ready when the last lane is. pi is done by choosing which lanes meet in a row, so no lane is ever moved. */
KECCAK_INLINE void keccak_round(const uint64_t *a, uint64_t *e, uint64_t *parity, uint64_t iota) {
    const uint64_t d0 = parity[4] ^ keccak_rotate(parity[1], 1);
    const uint64_t d1 = parity[0] ^ keccak_rotate(parity[2], 1);
    const uint64_t d2 = parity[1] ^ keccak_rotate(parity[3], 1);
    const uint64_t d3 = parity[2] ^ keccak_rotate(parity[4], 1);
    const uint64_t d4 = parity[3] ^ keccak_rotate(parity[0], 1);
    uint64_t next[5] = {iota, 0, 0, 0, 0};
    keccak_chi(e, next, a[0] ^ d0, keccak_rotate(a[6] ^ d1, 44), keccak_rotate(a[12] ^ d2, 43),
               keccak_rotate(a[18] ^ d3, 21), keccak_rotate(a[24] ^ d4, 14));
    e[0] ^= iota;
    keccak_chi(e + 5, next, keccak_rotate(a[3] ^ d3, 28), keccak_rotate(a[9] ^ d4, 20), keccak_rotate(a[10] ^ d0, 3),
               keccak_rotate(a[16] ^ d1, 45), keccak_rotate(a[22] ^ d2, 61));
    keccak_chi(e + 10, next, keccak_rotate(a[1] ^ d1, 1), keccak_rotate(a[7] ^ d2, 6), keccak_rotate(a[13] ^ d3, 25),
               keccak_rotate(a[19] ^ d4, 8), keccak_rotate(a[20] ^ d0, 18));
    keccak_chi(e + 15, next, keccak_rotate(a[4] ^ d4, 27), keccak_rotate(a[5] ^ d0, 36), keccak_rotate(a[11] ^ d1, 10),
               keccak_rotate(a[17] ^ d2, 15), keccak_rotate(a[23] ^ d3, 56));
    keccak_chi(e + 20, next, keccak_rotate(a[2] ^ d2, 62), keccak_rotate(a[8] ^ d3, 55), keccak_rotate(a[14] ^ d4, 39),
               keccak_rotate(a[15] ^ d0, 41), keccak_rotate(a[21] ^ d1, 2));
    for (int x = 0; x < 5; x++) parity[x] = next[x];
}

/* 23 rounds, two a step so that the state swaps between two sets of names without a copy. The last one is the caller's,
 * who may not need all of it. */
KECCAK_INLINE void keccak_rounds(uint64_t *a, uint64_t *e, uint64_t *parity) {
    for (int x = 0; x < 5; x++) parity[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
    for (int round = 0; round < 22; round += 2) {
        keccak_round(a, e, parity, keccak_iota[round]);
        keccak_round(e, a, parity, keccak_iota[round + 1]);
    }
    keccak_round(a, e, parity, keccak_iota[22]);
}

KECCAK_INLINE uint64_t keccak_load(const uint8_t *data) {
    uint64_t lane;
    memcpy(&lane, data, 8);
    return lane;
}

/* digest = Keccak-256 of `length` bytes. Lanes go in one by one: the data was often just written word by word, and a
 * wider load would wait until those words have left the store queue. */
KECCAK_INLINE void keccak_sponge(const uint8_t *data, size_t length, uint8_t *digest) {
    uint64_t a[25] = {0}, e[25], parity[5];
    for (; length >= KECCAK_RATE; data += KECCAK_RATE, length -= KECCAK_RATE) {
        for (int lane = 0; lane < KECCAK_RATE / 8; lane++) a[lane] ^= keccak_load(data + 8 * lane);
        keccak_rounds(a, e, parity);
        keccak_round(e, a, parity, keccak_iota[23]);
    }
    uint64_t last = 0;
    size_t lane = 0;
    for (; length >= 8; data += 8, length -= 8) a[lane++] ^= keccak_load(data);
    for (size_t byte = 0; byte < length; byte++) last |= (uint64_t)data[byte] << 8 * byte;
    a[lane] ^= last | 1ull << 8 * length;
    a[KECCAK_RATE / 8 - 1] ^= 1ull << 63;
    keccak_rounds(a, e, parity);
    keccak_round(e, a, parity, keccak_iota[23]);
    for (lane = 0; lane < 4; lane++) memcpy(digest + 8 * lane, &a[lane], 8);
}

static void keccak256_plain(const uint8_t *data, size_t length, uint8_t *digest) {
    keccak_sponge(data, length, digest);
}

#if defined(__x86_64__)
/* The same code where the processor has and-not and rotate-into: a third fewer instructions in chi and rho. Tuned for
 * one that is not the oldest of its kind, which is 4 % on any of them. */
__attribute__((target("bmi,bmi2,tune=skylake"))) static void keccak256_bmi(
    const uint8_t *data, size_t length, uint8_t *digest) {
    keccak_sponge(data, length, digest);
}
#endif

typedef struct {
    const char *name;
    void (*hash)(const uint8_t *data, size_t length, uint8_t *digest);
} keccak256_instructions;

enum { KECCAK_SETS = 2 };

/* Those of this machine, slowest first; answers how many. */
static int keccak256_here(keccak256_instructions *found) {
    int count = 0;
    found[count++] = (keccak256_instructions){"plain", keccak256_plain};
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2"))
        found[count++] = (keccak256_instructions){"bmi", keccak256_bmi};
#endif
    return count;
}

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC pop_options
#endif

#endif
