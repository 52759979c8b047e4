# black76: value, Greeks and implied volatility of a European option on a forward, undiscounted.
# USD, years, volatility as a fraction; delta per unit of forward, gamma per USD, vega per 1.00, theta per year.
# Domain: finite and above 0, and every answer finite. Anything else is BAD_INPUT with NaN in every field.

cdef enum Status:
    OK = 0
    BAD_INPUT = 1
    NO_VOLATILITY = 2       # price at or below intrinsic, or at or above its bound

cdef struct Valuation:
    double price
    double delta
    double gamma
    double vega
    double theta            # forward held still

cdef Status value_option(
    bint is_call, double forward, double strike, double years, double volatility, Valuation* out
) noexcept nogil

# `volatility` is NaN unless OK.
cdef Status implied(
    bint is_call, double price, double forward, double strike, double years, double* volatility
) noexcept nogil
