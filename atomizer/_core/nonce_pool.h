/* Nonces prepared ahead of their messages: with k, r = x(kG) and 1/k known, s = z/k + r*d/k is one multiplication.
 *
 * A nonce used twice gives the secret key away, so an entry can be taken only once:
 * - two threads: the index is claimed by compare-and-swap, and the entry is wiped before its place is offered again;
 * - a signal: nothing is locked while signing, so a handler that signs simply takes the next entry;
 * - an exception: there is none between claim and wipe, and a claimed entry is never given back;
 * - a fork: the kernel hands the child zeros in place of this memory (MADV_WIPEONFORK), which is an empty pool;
 * - a core dump leaves it out (MADV_DONTDUMP), and it is kept from swap where RLIMIT_MEMLOCK allows.
 * What nothing here can see is a copy of the whole machine: a trader must not be resumed twice from one snapshot.
 */
#ifndef ATOMIZER_NONCE_POOL_H
#define ATOMIZER_NONCE_POOL_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "scalar.h"

enum { NONCE_CAPACITY = 1024, NONCE_FIRST_V = 27 };

/* All bytes zero when it is not ready. Two cache lines. */
typedef struct {
    scalar inverse;          /* 1/k */
    scalar secret_share;     /* r*d/k */
    uint8_t r[SCALAR_SIZE];
    uint8_t recovery_id;     /* parity of the point's y */
    uint8_t ready;           /* set last when put, cleared last when taken */
} __attribute__((aligned(128))) prepared_nonce;

typedef struct {
    /* Counters that only grow; entry i lies in slot i % NONCE_CAPACITY. Each on its own cache line. */
    uint64_t put __attribute__((aligned(128)));
    uint64_t taken __attribute__((aligned(128)));
    uint8_t filling; /* one thread at a time puts */
    prepared_nonce slots[NONCE_CAPACITY];
} nonce_pool;

/* An empty pool, or NULL where the kernel cannot promise to empty it on fork and to keep it out of core dumps. */
static inline nonce_pool *nonce_pool_create(void) {
    void *memory = mmap(NULL, sizeof(nonce_pool), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return NULL;
    if (madvise(memory, sizeof(nonce_pool), MADV_WIPEONFORK) || madvise(memory, sizeof(nonce_pool), MADV_DONTDUMP)) {
        munmap(memory, sizeof(nonce_pool));
        return NULL;
    }
    (void)mlock(memory, sizeof(nonce_pool)); /* refused where the limit is small; the key itself is no better off */
    return memory;
}

static inline void nonce_pool_destroy(nonce_pool *pool) {
    explicit_bzero(pool, sizeof *pool);
    munmap(pool, sizeof *pool);
}

static inline uint64_t nonce_pool_count(const nonce_pool *pool) {
    const uint64_t taken = __atomic_load_n(&pool->taken, __ATOMIC_ACQUIRE);
    return __atomic_load_n(&pool->put, __ATOMIC_ACQUIRE) - taken;
}

/* 1 when the caller alone may put until it calls nonce_pool_stop_filling. */
static inline int nonce_pool_start_filling(nonce_pool *pool) {
    return !__atomic_exchange_n(&pool->filling, 1, __ATOMIC_ACQUIRE);
}

static inline void nonce_pool_stop_filling(nonce_pool *pool) {
    __atomic_store_n(&pool->filling, 0, __ATOMIC_RELEASE);
}

/* The slot to fill next, or NULL while it still holds an entry or one that is just being taken. */
static inline prepared_nonce *nonce_pool_free_slot(nonce_pool *pool) {
    prepared_nonce *slot = &pool->slots[pool->put % NONCE_CAPACITY];
    return __atomic_load_n(&slot->ready, __ATOMIC_ACQUIRE) ? NULL : slot;
}

static inline void nonce_pool_put(nonce_pool *pool, prepared_nonce *slot) {
    __atomic_store_n(&slot->ready, 1, __ATOMIC_RELEASE);
    __atomic_store_n(&pool->put, pool->put + 1, __ATOMIC_RELEASE);
}

/* The oldest entry, now the caller's alone, or NULL when none is ready. */
static inline prepared_nonce *nonce_pool_claim(nonce_pool *pool) {
    uint64_t at = __atomic_load_n(&pool->taken, __ATOMIC_RELAXED);
    do {
        if (at == __atomic_load_n(&pool->put, __ATOMIC_ACQUIRE)) return NULL;
    } while (!__atomic_compare_exchange_n(&pool->taken, &at, at + 1, 1, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
    __builtin_prefetch(&pool->slots[(at + 1) % NONCE_CAPACITY], 1);
    return &pool->slots[at % NONCE_CAPACITY];
}

static inline void nonce_pool_wipe(prepared_nonce *slot) {
    memset(slot, 0, offsetof(prepared_nonce, ready));
    __asm__ volatile("" : : "r"(slot) : "memory"); /* the zeros are written, whatever the compiler thinks of them */
    __atomic_store_n(&slot->ready, 0, __ATOMIC_RELEASE);
}

/* Count one more of anything that several threads count. */
static inline void nonce_pool_tally(uint64_t *tally) { __atomic_fetch_add(tally, 1, __ATOMIC_RELAXED); }

/* r, s, v of a 32-byte digest from one prepared nonce. 0, and the caller signs by RFC 6979, when none is ready or when
 * the digest is 0 or not below n: no entry is spent on such a digest. */
static inline int nonce_pool_sign(nonce_pool *pool, const uint8_t *digest, uint8_t *signature) {
    scalar z, s;
    scalar_load(&z, digest);
    if (!scalar_is_valid(&z)) return 0;
    prepared_nonce *slot = nonce_pool_claim(pool);
    if (!slot) return 0;
    scalar_multiply_add(&s, &slot->inverse, &z, &slot->secret_share);
    memcpy(signature, slot->r, SCALAR_SIZE);
    const int recovery_id = slot->recovery_id;
    nonce_pool_wipe(slot);
    signature[2 * SCALAR_SIZE] = (uint8_t)(NONCE_FIRST_V + (recovery_id ^ scalar_make_low(&s)));
    scalar_store(signature + SCALAR_SIZE, &s);
    return scalar_is_valid(&s); /* s = 0 has a chance of 2^-256 */
}

/* The same work on a pool that is nobody's, with a nonce that everybody knows and no share of any secret, so that caches
 * remember the way when a signature is wanted; and the next real nonce is looked at, no more. The signature is worthless. */
static inline void nonce_pool_rehearse(
    const nonce_pool *pool, nonce_pool *stage, const uint8_t *digest, uint8_t *signature) {
    prepared_nonce *slot = nonce_pool_free_slot(stage);
    memset(slot, 1, offsetof(prepared_nonce, ready));
    nonce_pool_put(stage, slot);
    nonce_pool_sign(stage, digest, signature);
    const prepared_nonce *next = &pool->slots[__atomic_load_n(&pool->taken, __ATOMIC_RELAXED) % NONCE_CAPACITY];
    __builtin_prefetch(next, 1);
    __builtin_prefetch((const char *)next + 64, 1);
}

#endif
