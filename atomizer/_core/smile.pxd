# smile: the smile of one expiry as raw SVI, w(k) = a + b(rho(k - m) + sqrt((k - m)^2 + sigma^2)), where w is the total
# variance to expiry and k = ln(strike / forward). Derivatives are by k. No smile, or a bad argument, is NaN.

cdef enum Fitted:
    OK = 0
    BAD_INPUT = 1           # a point, weight, time or parameter out of its domain, which the .pyi gives
    TOO_FEW_POINTS = 2      # fewer than five different k that weigh more than nothing

cdef enum:
    FARTHEST_K = 20             # either way

cdef struct Svi:
    double a
    double b
    double rho
    double m
    double sigma
    double years

cdef struct Curve:          # a figure at some k, with its first and second derivative
    double value
    double slope
    double curvature

cdef Curve variance_at(const Svi* svi, double k) noexcept nogil
cdef Curve volatility_at(const Svi* svi, double k) noexcept nogil
cdef double volatility_of(const Svi* svi, double strike, double forward) noexcept nogil
cdef double durrleman(const Svi* svi, double k) noexcept nogil

# `scratch` holds four times `count`. Unless OK, every figure of `svi` and `rms_points` is NaN.
cdef Fitted fit_svi(
    const double* k, const double* volatility, const double* weight, Py_ssize_t count, double years,
    double* scratch, Svi* svi, double* rms_points
) noexcept nogil

cdef class Smile:
    cdef Svi svi            # checked at construction, never written again
    cdef readonly int status
    cdef readonly Py_ssize_t points
    cdef readonly double rms_points
    cdef readonly double lowest
    cdef readonly double highest

# ValueError by the array's name.
cdef int check_length(str name, Py_ssize_t length, Py_ssize_t wanted) except -1
