/* Black-76 in plain C: one option alone, and the same formulas over arrays for each instruction set.
 *
 * x = ln(F/K), s = v sqrt(T), h = x/s, t = s/2, so d1 = h + t and d2 = h - t; R is the Mills ratio of normal.h. Because
 * F phi(d1) = K phi(d2) =: M, the out-of-the-money time value is M (R(|h| - t) - R(|h| + t)) for calls and puts alike,
 * and the in-the-money price is the same time value on top of intrinsic. `sign` is 1 for a call and -1 for a put. */

#ifndef ATOMIZER_BLACK76_KERNEL_H
#define ATOMIZER_BLACK76_KERNEL_H

#include "normal.h"

/* Every input must lie between these; then no intermediate overflows, and no answer. */
#define LOWEST_INPUT 1e-50
#define HIGHEST_INPUT 1e50
#define FARTHEST 50.0 /* standard deviations: the density is 0 before, and R stays finite */

struct valuation {
    double price, delta, gamma, vega, theta;
};

/* What the formulas share. Worked out in a pass of its own when there are many options: three short passes over a block
 * keep more of them in flight than one long body does. */
struct shape {
    double root_years, x, inverse_width, h, t; /* inverse_width = 1/(F s) */
};

KERNEL struct shape shape_of(double forward, double strike, double years, double volatility)
{
    struct shape shape;
    double total;
    shape.root_years = sqrt(years);
    total = volatility * shape.root_years;
    shape.x = log_ratio(forward, strike);
    shape.inverse_width = 1.0 / (forward * total);
    shape.h = shape.x * (shape.inverse_width * forward);
    shape.t = 0.5 * total;
    return shape;
}

KERNEL int in_range(double value)
{
    return (value >= LOWEST_INPUT) & (value <= HIGHEST_INPUT);
}

/* phi(d1) is scale x power. NaN in every field when an input is out of range. */
KERNEL struct valuation value_at(struct shape shape, double scale, double power, double sign, double forward,
                                 double strike, double years, double volatility)
{
    double d1 = shape.h + shape.t;
    double near = fabs(shape.h) - shape.t;
    double far = fabs(shape.h) + shape.t;
    double a = fabs(near) < FARTHEST ? fabs(near) : FARTHEST;
    double b = far < FARTHEST ? far : FARTHEST;
    double a2 = a * a, a4 = a2 * a2, b2 = b * b, b4 = b2 * b2;
    double bottom_a = mills_bottom(a, a2, a4), bottom_b = mills_bottom(b, b2, b4);
    double near_part = mills_top(a, a2, a4) * bottom_b;
    double far_part = mills_top(b, b2, b4) * bottom_a;
    double over = 1.0 / (bottom_a * bottom_b);
    double density = scale * power;
    double mass = (forward * scale) * power;
    double smaller = forward < strike ? forward : strike;
    double value = near >= 0.0 ? mass * ((near_part - far_part) * over)
                               : smaller - mass * ((near_part + far_part) * over);
    double intrinsic = sign * (forward - strike);
    /* N(-|d1|): worked out directly, so that a vanishing delta keeps its digits */
    double tail = density * ((shape.x <= 0.0 ? near_part : far_part) * over);
    double above = d1 > 0.0 ? 1.0 - tail : tail;
    double below = d1 > 0.0 ? tail : 1.0 - tail;
    int good = in_range(forward) & in_range(strike) & in_range(years) & in_range(volatility);
    double taint = good ? 0.0 : NAN;
    struct valuation out;
    out.price = (value > 0.0 ? value : 0.0) + (intrinsic > 0.0 ? intrinsic : 0.0) + taint;
    out.delta = (sign > 0.0 ? above : -below) + taint;
    out.gamma = density * shape.inverse_width + taint;
    out.vega = mass * shape.root_years + taint;
    out.theta = -0.5 * mass * volatility * (volatility * (shape.inverse_width * forward)) + taint;
    return out;
}

KERNEL struct valuation value_of(double sign, double forward, double strike, double years, double volatility)
{
    struct shape shape = shape_of(forward, strike, years, volatility);
    double d1 = shape.h + shape.t;
    double scale;
    double power = gaussian(d1 * d1, &scale);
    return value_at(shape, scale, power, sign, forward, strike, years, volatility);
}

/* ---- implied volatility ----
 *
 * With everything divided by sqrt(F K), the out-of-the-money time value b(s) and the room c(s) left under its bound are
 * both the same Gaussian factor times a sum of Mills ratios, and their slopes in s are plus and minus that factor. So
 * whichever of the two is smaller is matched in its logarithm, where it is nearly a power of s, with Householder's
 * third-order step: from a start within 25 % two steps leave 3e-8 and three leave rounding. Nothing but R and a
 * logarithm is needed. */

#define SMALLEST_VALUE 1e-290 /* of sqrt(F K); a time value below it cannot be told from none */
#define SHORT_TOTAL 0.01      /* s below which R(h - t) - R(h + t) is summed as a series; the difference would cancel */
#define LEAST_FITTED -1.0     /* argument of R */
#define SETTLED 1e-4          /* of s; the step after one this small is below 1e-15 */

struct search {
    double x;      /* |ln F/K| */
    double side;   /* 1 to match the time value, -1 to match the room */
    double target; /* logarithm of the one to match, over sqrt(F K) */
    double value;  /* time value over sqrt(F K) */
    double possible;
};

KERNEL struct search search_of(double sign, double price, double forward, double strike)
{
    struct search search;
    double intrinsic = sign * (forward - strike);
    /* what the subtraction rounded away (Knuth's two-sum), so that deep in the money the time value is exact */
    double difference = forward - strike;
    double forward_part = difference + strike;
    double lost = sign * ((forward - forward_part) - (strike - (forward_part - difference)));
    double value = intrinsic > 0.0 ? (price - intrinsic) - lost : price;
    double room = (sign > 0.0 ? forward : strike) - price;
    double unit = sqrt(forward * strike);
    double larger = forward > strike ? forward : strike;
    double smaller = forward > strike ? strike : forward;
    search.x = log_ratio(larger, smaller);
    search.side = room < value ? -1.0 : 1.0;
    search.target = log_ratio(room < value ? room : value, unit);
    search.value = value / unit;
    search.possible = (value > SMALLEST_VALUE * unit) & (room > 0.0) ? 1.0 : 0.0;
    return search;
}

/* First guess from the time value. For small s it is that of the normal model, whose |d| is a function of x over the
 * value alone; the rational is fitted to it within 2.9 %. */
KERNEL double start_from_value(double x, double value)
{
    double least = 1e-8 * value; /* at the money only x/|d| matters, and it has a limit */
    double gap = x > least ? x : least;
    double m = log_ratio(1.0 + INVERSE_SQRT_2PI * gap / value, 1.0);
    double w = sqrt(m);
    return gap * (1.0 + 3.9776942 * w + 2.73001331 * m) / (m * (1.0 + 4.11894596 * w));
}

/* First guess from the room, about 2 N(-y) with y^2 = h^2 + t^2; the rational is y^2 within 1.5 %. */
KERNEL double start_from_room(double x, double target)
{
    double u = -target;
    double y2 = (u * (2.0 * u + 2.2554815) - 0.73320504) / (u + 3.29912443);
    double inner = y2 * y2 - x * x;
    return sqrt(2.0 * (y2 + sqrt(inner > 0.0 ? inner : 0.0)));
}

struct stride {
    double step, excess;
};

/* Small, and matched: far from the answer a step can be small too. */
KERNEL int settled(struct stride last, double total)
{
    return (fabs(last.step) <= SETTLED * total) & (fabs(last.excess) < 1.0);
}

/* Householder's step for ratio x Gaussian factor = target. `excess` is the logarithm of left over right, so Newton's
 * step is -+ excess x ratio, and wherever that step meets its slope 1/ratio again, `excess` is what is left. */
KERNEL struct stride householder(double side, double ratio, double excess, double h, double total, double inverse_total)
{
    double newton = -side * excess * ratio;
    double bend = h * h * inverse_total - 0.25 * total;
    double turn = -3.0 * (h * inverse_total) * (h * inverse_total) - 0.25;
    double second = newton * bend + excess;
    double third = newton * newton * (bend * bend + turn) + excess * (3.0 * newton * bend + 2.0 * excess);
    double step = newton * (1.0 + 0.5 * second) / (1.0 + second + third * 0.16666666666666666);
    double most = 1.5 * total, least = -0.6 * total;
    step = step < most ? step : most;
    return (struct stride){step > least ? step : least, excess};
}

KERNEL struct stride step_from(double x, double side, double target, double total)
{
    double inverse = 1.0 / total;
    double h = x * inverse;
    double t = 0.5 * total;
    double near = side * (h - t);
    double a = near > LEAST_FITTED ? near : LEAST_FITTED;
    double b = h + t;
    double a2, a4, b2 = b * b, b4 = b2 * b2, bottom_a, bottom_b, top, bottom, excess;
    struct stride stride;
    a2 = a * a;
    a4 = a2 * a2;
    bottom_a = mills_bottom(a, a2, a4);
    bottom_b = mills_bottom(b, b2, b4);
    top = mills_top(a, a2, a4) * bottom_b - side * (mills_top(b, b2, b4) * bottom_a);
    bottom = bottom_a * bottom_b;
    excess = (log_ratio(top, bottom) - LOG_SQRT_2PI) - (0.5 * (h * h + t * t) + target);
    stride = householder(side, top / bottom, excess, h, total, inverse);
    stride.excess = near >= LEAST_FITTED ? excess : INFINITY; /* only a wild guess is there: never the answer */
    return stride;
}

/* The same for a short total: R(h - t) - R(h + t) as its Taylor series in t, from R' = h R - 1 on. */
KERNEL struct stride step_from_short(double x, double target, double total)
{
    double inverse = 1.0 / total;
    double h = x * inverse;
    double t2 = 0.25 * total * total;
    double h2 = h * h, h4 = h2 * h2;
    double r0 = mills_top(h, h2, h4) / mills_bottom(h, h2, h4);
    double r1 = h * r0 - 1.0;
    double r2 = h * r1 + r0;
    double r3 = h * r2 + 2.0 * r1;
    double r4 = h * r3 + 3.0 * r2;
    double r5 = h * r4 + 4.0 * r3;
    double ratio = -total * (r1 + t2 * (r3 / 6.0 + t2 * (r5 / 120.0)));
    double excess = (log_ratio(ratio, 1.0) - LOG_SQRT_2PI) - (0.5 * (h2 + t2) + target);
    return householder(1.0, ratio, excess, h, total, inverse);
}

enum { ROUNDS = 16, BATCH_ROUNDS = 3 };

/* v sqrt(T) from a start; NaN when it does not settle. */
static double settle(const struct search *search, double total)
{
    for (int round = 0; round < ROUNDS; round++) {
        struct stride stride = total < SHORT_TOTAL && search->side > 0.0
                                   ? step_from_short(search->x, search->target, total)
                                   : step_from(search->x, search->side, search->target, total);
        total += stride.step;
        if (settled(stride, total))
            return total;
    }
    return NAN;
}

static double settle_cold(const struct search *search)
{
    return settle(search, search->side > 0.0 ? start_from_value(search->x, search->value)
                                             : start_from_room(search->x, search->target));
}

/* ---- many at once ---- */

enum { BLOCK = 256 }; /* options a pass: its arrays stay in the first-level cache */

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
        struct valuation one =
            value_at(shape, scale[i], power[i], sign[i], forward[i], strike[i], years[i], volatility[i]);
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
            total[i] = settle_cold(&search);
        }
        job->out[from + i] = possible[i] != 0.0 ? total[i] / sqrt(years[i]) : NAN;
    }
}

/* The same source for each instruction set; none has a fused multiply-add, so all give the same bits. */
#define FOR_INSTRUCTIONS(name, attribute)                                                            \
    attribute static void greeks_##name(const struct greeks_job *job)                               \
    {                                                                                               \
        for (long from = 0; from < job->count; from += BLOCK)                                       \
            greeks_block(job, from, job->count - from < BLOCK ? job->count - from : BLOCK);         \
    }                                                                                               \
    attribute static void implied_##name(const struct implied_job *job)                             \
    {                                                                                               \
        for (long from = 0; from < job->count; from += BLOCK)                                       \
            implied_block(job, from, job->count - from < BLOCK ? job->count - from : BLOCK);        \
    }

struct instructions {
    const char *name;
    void (*greeks)(const struct greeks_job *job);
    void (*implied)(const struct implied_job *job);
};

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
    found[count++] = (struct instructions){"plain", greeks_plain, implied_plain};
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2"))
        found[count++] = (struct instructions){"avx2", greeks_avx2, implied_avx2};
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        found[count++] = (struct instructions){"avx512", greeks_avx512, implied_avx512};
#endif
    return count;
}

#endif
