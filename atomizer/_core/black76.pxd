# black76: value, Greeks and implied volatility of a European option on a forward, undiscounted.
# USD, years, volatility as a fraction; delta per unit of forward, gamma per USD, vega per 1.00, theta per year.
# Domain: every input in 1e-50..1e50, so that every answer is finite. Else BAD_INPUT, and NaN in every field.
# The formulas are in black76_kernel.h; an option has the same bits alone and in a batch, on every instruction set.

cdef enum Status:
    OK = 0
    BAD_INPUT = 1
    NO_VOLATILITY = 2       # price at or below intrinsic, or at or above its bound

cdef extern from "black76_kernel.h":
    ctypedef struct Valuation "struct valuation":
        double price
        double delta
        double gamma
        double vega
        double theta        # forward held still
    struct greeks_job:
        const unsigned char* is_call
        const double* forward
        const double* strike
        const double* years
        const double* volatility
        double* out         # five rows, as in Valuation; overlaps no input
        long count

cdef Status value_option(
    bint is_call, double forward, double strike, double years, double volatility, Valuation* out
) noexcept nogil

# Answers how many are bad: NaN in each of their five figures.
cdef Py_ssize_t value_options(const greeks_job* job) noexcept nogil

# `volatility` is NaN unless OK. `near` is a volatility to start from, such as the last one; NaN when none is known.
cdef Status implied(
    bint is_call, double price, double forward, double strike, double years, double near, double* volatility
) noexcept nogil
