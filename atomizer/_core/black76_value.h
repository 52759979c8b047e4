/* Price and Greeks of one option on a forward.
 *
 * x = ln(F/K), s = v sqrt(T), h = x/s, t = s/2, so d1 = h + t and d2 = h - t; R is the Mills ratio of normal.h. Because
 * F phi(d1) = K phi(d2) =: M, the out-of-the-money time value is M (R(|h| - t) - R(|h| + t)) for calls and puts alike,
 * and the in-the-money price is the same time value on top of intrinsic. `sign` is 1 for a call and -1 for a put. */

#ifndef ATOMIZER_BLACK76_VALUE_H
#define ATOMIZER_BLACK76_VALUE_H

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

KERNEL double at_most(double value, double most)
{
    return value < most ? value : most;
}

/* Distances of d1 and d2 from 0, the smaller first, as far as they matter. */
struct distances {
    double near, far;
};

KERNEL struct distances distances_of(struct shape shape)
{
    return (struct distances){at_most(fabs(fabs(shape.h) - shape.t), FARTHEST),
                              at_most(fabs(shape.h) + shape.t, FARTHEST)};
}

/* phi(d1) is scale x power. NaN in every field unless good. */
KERNEL struct valuation value_at(struct shape shape, struct ratios at, double scale, double power, int good,
                                 double sign, double forward, double strike, double volatility)
{
    double d1 = shape.h + shape.t;
    double near_part = at.near_top * at.far_bottom;
    double far_part = at.far_top * at.near_bottom;
    double over = 1.0 / (at.near_bottom * at.far_bottom);
    double density = scale * power;
    double mass = (forward * scale) * power;
    double smaller = forward < strike ? forward : strike;
    double value = fabs(shape.h) >= shape.t ? mass * ((near_part - far_part) * over)
                                            : smaller - mass * ((near_part + far_part) * over);
    double intrinsic = sign * (forward - strike);
    /* N(-|d1|): worked out directly, so that a vanishing delta keeps its digits */
    double tail = density * ((shape.x <= 0.0 ? near_part : far_part) * over);
    double above = d1 > 0.0 ? 1.0 - tail : tail;
    double below = d1 > 0.0 ? tail : 1.0 - tail;
    double taint = good ? 0.0 : NAN;
    struct valuation out;
    out.price = (value > 0.0 ? value : 0.0) + (intrinsic > 0.0 ? intrinsic : 0.0) + taint;
    out.delta = (sign > 0.0 ? above : -below) + taint;
    out.gamma = density * shape.inverse_width + taint;
    out.vega = mass * shape.root_years + taint;
    out.theta = -0.5 * mass * volatility * (volatility * (shape.inverse_width * forward)) + taint;
    return out;
}

KERNEL int all_in_range(double forward, double strike, double years, double volatility)
{
    return in_range(forward) & in_range(strike) & in_range(years) & in_range(volatility);
}

KERNEL struct valuation value_of(double sign, double forward, double strike, double years, double volatility)
{
    struct shape shape = shape_of(forward, strike, years, volatility);
    struct distances away = distances_of(shape);
    double d1 = shape.h + shape.t;
    double scale;
    double power = gaussian(d1 * d1, &scale);
    int good = all_in_range(forward, strike, years, volatility);
    struct ratios at = ratios_at_once(away.near, away.far);
    return value_at(shape, at, scale, power, good, sign, forward, strike, volatility);
}

#endif
