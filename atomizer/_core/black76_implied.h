/* Implied volatility of one option on a forward; x, s, h, t and R as in black76_value.h.
 *
 * With everything divided by sqrt(F K), the out-of-the-money time value b(s) and the room c(s) left under its bound are
 * both the same Gaussian factor times a sum of Mills ratios, and their slopes in s are plus and minus that factor. So
 * whichever of the two is smaller is matched in its logarithm, where it is nearly a power of s, with Householder's
 * third-order step: from a start within 25 % two steps leave 3e-8 and three leave rounding. Nothing but R and a
 * logarithm is needed. */

#ifndef ATOMIZER_BLACK76_IMPLIED_H
#define ATOMIZER_BLACK76_IMPLIED_H

#include "black76_value.h"

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

/* Arguments of R on either side of the target: what is matched is R(near) - side x R(far). */
KERNEL struct distances arguments_of(double x, double side, double total, double inverse_total)
{
    double h = x * inverse_total;
    double t = 0.5 * total;
    return (struct distances){side * (h - t), h + t};
}

KERNEL double at_least(double value, double least)
{
    return value > least ? value : least;
}

KERNEL struct stride stride_at(struct distances away, struct ratios at, double x, double side, double target,
                               double total, double inverse_total)
{
    double h = x * inverse_total;
    double t = 0.5 * total;
    double top = at.near_top * at.far_bottom - side * (at.far_top * at.near_bottom);
    double bottom = at.near_bottom * at.far_bottom;
    double excess = (log_ratio(top, bottom) - LOG_SQRT_2PI) - (0.5 * (h * h + t * t) + target);
    struct stride stride = householder(side, top / bottom, excess, h, total, inverse_total);
    stride.excess = away.near >= LEAST_FITTED ? excess : INFINITY; /* only a wild guess is there: never the answer */
    return stride;
}

/* The next step from `total`, in a loop. */
KERNEL struct stride step_from(double x, double side, double target, double total)
{
    double inverse = 1.0 / total;
    struct distances away = arguments_of(x, side, total, inverse);
    struct ratios at = ratios_at(at_least(away.near, LEAST_FITTED), away.far);
    return stride_at(away, at, x, side, target, total, inverse);
}

/* The same, for one option. */
KERNEL struct stride step_at_once(double x, double side, double target, double total)
{
    double inverse = 1.0 / total;
    struct distances away = arguments_of(x, side, total, inverse);
    struct ratios at = ratios_at_once(at_least(away.near, LEAST_FITTED), away.far);
    return stride_at(away, at, x, side, target, total, inverse);
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

enum { ROUNDS = 16 };

/* v sqrt(T) from a start; NaN when it does not settle. */
KERNEL double settle_from(const struct search *search, double total)
{
    for (int round = 0; round < ROUNDS; round++) {
        struct stride stride = total < SHORT_TOTAL && search->side > 0.0
                                   ? step_from_short(search->x, search->target, total)
                                   : step_at_once(search->x, search->side, search->target, total);
        total += stride.step;
        if (settled(stride, total))
            return total;
    }
    return NAN;
}

/* v sqrt(T) from one that may be near, or from the first guess when it is not (NaN: none is known). */
KERNEL double settle(const struct search *search, double near)
{
    double total = in_range(near) ? settle_from(search, near) : NAN;
    if (total == total)
        return total;
    return settle_from(search, search->side > 0.0 ? start_from_value(search->x, search->value)
                                                  : start_from_room(search->x, search->target));
}

#endif
