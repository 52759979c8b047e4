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

cdef Status value_option(
    bint is_call, double forward, double strike, double years, double volatility, Valuation* out
) noexcept nogil

# `volatility` is NaN unless OK. `near` is a volatility to start from, such as the last one; NaN when none is known.
cdef Status implied(
    bint is_call, double price, double forward, double strike, double years, double near, double* volatility
) noexcept nogil
