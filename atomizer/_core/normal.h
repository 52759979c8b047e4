/* Elementary functions of the normal distribution, in plain C that a compiler can widen to any vector length.
 *
 * There is no branch, no table and no fused multiply-add in here, and the core is built with -ffp-contract=off, so a
 * figure is the same to the last bit alone and in a batch, with SSE2, AVX2 and AVX-512. The coefficients are minimax
 * (Remez exchange at 60 digits, scripts/fit_normal); the errors beside them are those of the approximation alone. */

#ifndef ATOMIZER_NORMAL_H
#define ATOMIZER_NORMAL_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Forced, because a loop is widened only when its whole body is in it. */
#define KERNEL static inline __attribute__((always_inline))

#define LN2_HIGH 0x1.62e42fefa3800p-1 /* 42 bits: times an exponent it is exact */
#define LN2_LOW 0x1.ef35793c76730p-45
#define INVERSE_SQRT_2PI 0.39894228040143267794
#define LOG_SQRT_2PI 0.91893853320467274178

KERNEL uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

KERNEL double double_of(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* ln(p/q) of two positive normal doubles, with a small relative error also where p is next to q.
 *
 * The bits of a double read as an integer are its base-2 logarithm within 0.09. The rounded difference of the two
 * readings scales q to within 2/3..3/2 of p, where p - q is exact; what remains is the series of atanh. */
KERNEL double log_ratio(double p, double q)
{
    const uint64_t bias = 2048, half = UINT64_C(1) << 51;
    const uint64_t two52 = 0x4330000000000000u; /* or-ed onto a small integer: that integer plus 2^52, as a double */
    uint64_t biased = (bits_of(p) - bits_of(q) + ((bias << 52) + half)) >> 52;
    double octaves = double_of(biased | two52) - (0x1p52 + 2048.0);
    double scaled = double_of(bits_of(q) + (biased << 52) - (bias << 52));
    double z = (p - scaled) / (p + scaled);
    double z2 = z * z;
    double z4 = z2 * z2;
    /* (atanh(z)/z - 1)/z^2 for z^2 <= 0.04, error 5.4e-17 of the result */
    double tail = ((0.33333333333333467832 + 0.19999999999671151647 * z2)
                   + z4 * (0.1428571441683696133 + 0.1111109153631783519 * z2))
                  + (z4 * z4)
                        * ((0.090922969536899676141 + 0.076420563694303360392 * z2) + z4 * 0.075573485930684543747);
    z += z;
    return (octaves * LN2_HIGH + z) + ((z * z2) * tail + octaves * LN2_LOW);
}

/* exp(-square/2)/sqrt(2 pi) = *scale x the answer; two factors, so that a caller multiplies the early one ahead.
 * From a square of 1416 on the scale is 0. */
KERNEL double gaussian(double square, double *scale)
{
    const double magic = 0x1.8p52; /* adding it rounds to an integer and leaves that integer in the low bits */
    const double largest = 1416.0;
    double capped = square < largest ? square : largest;
    double shifted = -0.72134752044448170368 * capped + magic; /* -1/(2 ln 2) */
    double octaves = shifted - magic;
    double r = (-0.5 * capped - octaves * LN2_HIGH) - octaves * LN2_LOW;
    double r2 = r * r;
    double r4 = r2 * r2;
    /* (e^r - 1 - r)/r^2 for |r| <= ln(2)/2, error 1.3e-17 of e^r */
    double tail = ((0.50000000000000010173 + 0.16666666666666643907 * r)
                   + r2 * (0.041666666666624255 + 0.0083333333333562090932 * r))
                  + r4 * (((0.0013888888917160792928 + 0.00019841269784670452533 * r)
                           + r2 * (0.000024801521366452143935 + 2.7557355477478030612e-6 * r))
                          + r4 * (2.7620059101008135622e-7 + 2.5068186800518370989e-8 * r));
    double power = double_of((bits_of(shifted) << 52) + 0x3ff0000000000000u);
    *scale = INVERSE_SQRT_2PI * (square < largest ? power : 0.0);
    return 1.0 + (r + r2 * tail);
}

/* The Mills ratio R(a) = N(-a)/phi(a) is TOP/BOTTOM for a in -1..50, error 1.02e-16: coefficients by power of a. */
static const double TOP[] = {
    1.2533141373155001613,     1.9765791043906379575,      1.5507592042280238759,   0.77879767318191524134,
    0.27413883036231554631,    0.070248142249644029891,    0.013233587855805405299, 0.0018086207788726203545,
    0.0001718383717148433448,  0.000010280529947875516976, 2.9561061492599271582e-7, 0.0,
};
static const double BOTTOM[] = {
    1.0,                      2.3749665114017112873,     2.6322759384477431442,      1.8001212350481264873,
    0.84553181601416864887,   0.28703167274913113397,    0.072036203066516322868,    0.013404834969796643348,
    0.0018189013096910447261, 0.00017213398231586134825, 0.000010280529948007414652, 2.9561061492543627501e-7,
};

/* Eleventh degree in a, of which a2 is the square and a4 the square of that: short chains, for none waits long. */
#define POLYNOMIAL(c)                                                                                     \
    (((c(0) + c(2) * a2) + ((c(4) + c(6) * a2) + (c(8) + c(10) * a2) * a4) * a4)                          \
     + a * ((c(1) + c(3) * a2) + ((c(5) + c(7) * a2) + (c(9) + c(11) * a2) * a4) * a4))

/* R at two places as fractions, because their difference then needs one division. */
struct ratios {
    double near_top, near_bottom, far_top, far_bottom;
};

#define OF_TOP(power) TOP[power]
#define OF_BOTTOM(power) BOTTOM[power]

KERNEL double mills_top(double a, double a2, double a4)
{
    return POLYNOMIAL(OF_TOP);
}

KERNEL double mills_bottom(double a, double a2, double a4)
{
    return POLYNOMIAL(OF_BOTTOM);
}

/* For loops, which the compiler widens. */
KERNEL struct ratios ratios_at(double near, double far)
{
    double near2 = near * near, near4 = near2 * near2, far2 = far * far, far4 = far2 * far2;
    return (struct ratios){mills_top(near, near2, near4), mills_bottom(near, near2, near4),
                           mills_top(far, far2, far4), mills_bottom(far, far2, far4)};
}

typedef double quad __attribute__((vector_size(32)));

#define OF_BOTH(power) ((quad){TOP[power], BOTTOM[power], TOP[power], BOTTOM[power]})

/* For one option: the same four polynomials side by side. */
KERNEL struct ratios ratios_at_once(double near, double far)
{
    quad a = {near, near, far, far};
    quad a2 = a * a;
    quad a4 = a2 * a2;
    quad value = POLYNOMIAL(OF_BOTH);
    return (struct ratios){value[0], value[1], value[2], value[3]};
}

#endif
