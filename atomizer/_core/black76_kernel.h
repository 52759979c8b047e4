/* Black-76 for many options at once: the formulas of one, in loops, compiled for each instruction set. */

#ifndef ATOMIZER_BLACK76_KERNEL_H
#define ATOMIZER_BLACK76_KERNEL_H

#include "black76_implied.h"

enum {
    BLOCK = 256,      /* options a pass: its arrays stay in the first-level cache */
    BATCH_ROUNDS = 3, /* enough for all but a few, which are finished one by one */
};

struct greeks_job {
    const unsigned char *is_call;
    const double *forward, *strike, *years, *volatility;
    double *out; /* five rows; overlaps no input */
    long count;
};

struct implied_job {
    const unsigned char *is_call;
    const double *price, *forward, *strike, *years;
    double *out;
    long count;
};

KERNEL void signs_of(const unsigned char *is_call, long count, double *sign)
{
    for (long i = 0; i < count; i++)
        sign[i] = is_call[i] ? 1.0 : -1.0;
}

KERNEL void greeks_block(const struct greeks_job *job, long from, long count)
{
    const double *forward = job->forward + from, *strike = job->strike + from;
    const double *years = job->years + from, *volatility = job->volatility + from;
    double sign[BLOCK], root[BLOCK], x[BLOCK], inverse[BLOCK], h[BLOCK], t[BLOCK], scale[BLOCK], power[BLOCK];
    double *price = job->out + from, *delta = price + job->count, *gamma = delta + job->count;
    double *vega = gamma + job->count, *theta = vega + job->count;
    signs_of(job->is_call + from, count, sign);
    for (long i = 0; i < count; i++) {
        struct shape shape = shape_of(forward[i], strike[i], years[i], volatility[i]);
        root[i] = shape.root_years;
        x[i] = shape.x;
        inverse[i] = shape.inverse_width;
        h[i] = shape.h;
        t[i] = shape.t;
    }
    for (long i = 0; i < count; i++) {
        double early;
        power[i] = gaussian((h[i] + t[i]) * (h[i] + t[i]), &early);
        scale[i] = early;
    }
#pragma GCC ivdep /* `out` overlaps no input */
    for (long i = 0; i < count; i++) {
        struct shape shape = {root[i], x[i], inverse[i], h[i], t[i]};
        int good = all_in_range(forward[i], strike[i], years[i], volatility[i]);
        struct distances away = distances_of(shape);
        struct ratios at = ratios_at(away.near, away.far);
        struct valuation one =
            value_at(shape, at, scale[i], power[i], good, sign[i], forward[i], strike[i], volatility[i]);
        price[i] = one.price;
        delta[i] = one.delta;
        gamma[i] = one.gamma;
        vega[i] = one.vega;
        theta[i] = one.theta;
    }
}

KERNEL void implied_block(const struct implied_job *job, long from, long count)
{
    const double *price = job->price + from, *forward = job->forward + from, *strike = job->strike + from;
    const double *years = job->years + from;
    double sign[BLOCK], x[BLOCK], side[BLOCK], target[BLOCK], value[BLOCK], possible[BLOCK], total[BLOCK];
    double step[BLOCK], excess[BLOCK];
    signs_of(job->is_call + from, count, sign);
    for (long i = 0; i < count; i++) {
        struct search search = search_of(sign[i], price[i], forward[i], strike[i]);
        int good = in_range(forward[i]) & in_range(strike[i]) & in_range(years[i]);
        x[i] = search.x;
        side[i] = search.side;
        target[i] = search.target;
        value[i] = search.value;
        possible[i] = good ? search.possible : 0.0;
    }
    for (long i = 0; i < count; i++) {
        double from_value = start_from_value(x[i], value[i]);
        double from_room = start_from_room(x[i], target[i]);
        total[i] = side[i] > 0.0 ? from_value : from_room;
    }
    for (int round = 0; round < BATCH_ROUNDS; round++)
        for (long i = 0; i < count; i++) {
            struct stride stride = step_from(x[i], side[i], target[i], total[i]);
            total[i] += stride.step;
            step[i] = stride.step;
            excess[i] = stride.excess;
        }
    for (long i = 0; i < count; i++) {
        /* a NaN compares false, so it is looked at again too */
        struct stride last = {step[i], excess[i]};
        if (possible[i] != 0.0 && !(total[i] >= 2.0 * SHORT_TOTAL && settled(last, total[i]))) {
            struct search search = {x[i], side[i], target[i], value[i], possible[i]};
            total[i] = settle(&search, NAN);
        }
        job->out[from + i] = possible[i] != 0.0 ? total[i] / sqrt(years[i]) : NAN;
    }
}

/* The same source for each instruction set; none has a fused multiply-add, so all give the same bits. */
#define FOR_INSTRUCTIONS(name, attribute)                                                                             \
    attribute static struct valuation value_##name(double sign, double forward, double strike, double years,         \
                                                   double volatility)                                                 \
    {                                                                                                                 \
        return value_of(sign, forward, strike, years, volatility);                                                    \
    }                                                                                                                 \
    attribute static double settle_##name(const struct search *search, double near)                                  \
    {                                                                                                                 \
        return settle(search, near);                                                                                  \
    }                                                                                                                 \
    attribute static void greeks_##name(const struct greeks_job *job)                                                 \
    {                                                                                                                 \
        for (long from = 0; from < job->count; from += BLOCK)                                                         \
            greeks_block(job, from, job->count - from < BLOCK ? job->count - from : BLOCK);                           \
    }                                                                                                                 \
    attribute static void implied_##name(const struct implied_job *job)                                               \
    {                                                                                                                 \
        for (long from = 0; from < job->count; from += BLOCK)                                                         \
            implied_block(job, from, job->count - from < BLOCK ? job->count - from : BLOCK);                          \
    }

struct instructions {
    const char *name;
    struct valuation (*value)(double sign, double forward, double strike, double years, double volatility);
    double (*settle)(const struct search *search, double near);
    void (*greeks)(const struct greeks_job *job);
    void (*implied)(const struct implied_job *job);
};

#define INSTRUCTIONS(name) ((struct instructions){#name, value_##name, settle_##name, greeks_##name, implied_##name})

FOR_INSTRUCTIONS(plain, )
#if defined(__x86_64__)
FOR_INSTRUCTIONS(avx2, __attribute__((target("avx2"))))
FOR_INSTRUCTIONS(avx512, __attribute__((target("avx512f,avx512dq,avx512vl"))))
#endif

enum { INSTRUCTION_SETS = 3 };

/* Those of this machine, narrowest first; answers how many. */
static inline int instructions_here(struct instructions *found)
{
    int count = 0;
    found[count++] = INSTRUCTIONS(plain);
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2"))
        found[count++] = INSTRUCTIONS(avx2);
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        found[count++] = INSTRUCTIONS(avx512);
#endif
    return count;
}

#endif
