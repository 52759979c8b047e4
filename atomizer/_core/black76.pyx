"""Black-76: price, Greeks and implied volatility of a European option on a forward. The formulas are in C headers."""

cimport cython
from cpython.buffer cimport PyBUF_C_CONTIGUOUS, PyBUF_FORMAT, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.math cimport NAN, isfinite, sqrt
from libc.string cimport strcmp

# Included by the kernel; named so that a change in them rebuilds this module.
cdef extern from "normal.h":
    pass
cdef extern from "black76_value.h":
    pass
cdef extern from "black76_implied.h":
    pass

cdef extern from "black76_kernel.h":
    enum:
        INSTRUCTION_SETS
    struct search:
        double possible
        double side
        double target
        double value
        double x
    struct implied_job:
        const unsigned char* is_call
        const double* price
        const double* forward
        const double* strike
        const double* years
        double* out
        long count
    struct instructions:
        const char* name
        Valuation (*value)(
            double sign, double forward, double strike, double years, double volatility
        ) noexcept nogil
        double (*settle)(const search* search, double near) noexcept nogil
        void (*greeks)(const greeks_job* job) noexcept nogil
        void (*implied)(const implied_job* job) noexcept nogil
    int instructions_here(instructions* found) noexcept nogil
    bint in_range(double value) noexcept nogil
    search search_of(double sign, double price, double forward, double strike) noexcept nogil

globals()["OK"] = <int>OK
globals()["BAD_INPUT"] = <int>BAD_INPUT
globals()["NO_VOLATILITY"] = <int>NO_VOLATILITY

cdef enum:
    ROWS = 5            # price, delta, gamma, vega, theta
    MOST_ARRAYS = 6     # of one batch

cdef instructions available[INSTRUCTION_SETS]
cdef int available_count = instructions_here(available)
cdef instructions* chosen = &available[available_count - 1]

globals()["INSTRUCTION_SETS"] = tuple([available[at].name.decode() for at in range(available_count)])


cdef Status value_option(
    bint is_call, double forward, double strike, double years, double volatility, Valuation* out
) noexcept nogil:
    out[0] = chosen.value(1.0 if is_call else -1.0, forward, strike, years, volatility)
    return OK if out.price == out.price else BAD_INPUT


cdef Py_ssize_t value_options(const greeks_job* job) noexcept nogil:
    chosen.greeks(job)
    return _count_bad(job.out, job.count)


cdef Status implied(
    bint is_call, double price, double forward, double strike, double years, double near, double* volatility
) noexcept nogil:
    cdef search sought
    cdef double root_years, total
    volatility[0] = NAN
    if not (in_range(forward) and in_range(strike) and in_range(years) and isfinite(price)):
        return BAD_INPUT
    sought = search_of(1.0 if is_call else -1.0, price, forward, strike)
    if sought.possible == 0.0:
        return NO_VOLATILITY
    root_years = sqrt(years)
    total = chosen.settle(&sought, near * root_years)
    volatility[0] = total / root_years
    return OK if total == total else NO_VOLATILITY


@cython.final
@cython.freelist(16)    # made and dropped at every call
cdef class Greeks:
    cdef readonly int status
    cdef readonly double price
    cdef readonly double delta
    cdef readonly double gamma
    cdef readonly double vega
    cdef readonly double theta

    def __cinit__(self):
        self.status = BAD_INPUT
        self.price = self.delta = self.gamma = self.vega = self.theta = NAN

    def __iter__(self):
        return iter((self.status, self.price, self.delta, self.gamma, self.vega, self.theta))

    def __repr__(self):
        return (
            f"Greeks(status={self.status}, price={self.price}, delta={self.delta}, gamma={self.gamma}, "
            f"vega={self.vega}, theta={self.theta})"
        )


def greeks(bint is_call, double forward, double strike, double years, double volatility, double discount=1.0):
    cdef Greeks answer = Greeks.__new__(Greeks)
    cdef Valuation out
    if value_option(is_call, forward, strike, years, volatility, &out) == OK and in_range(discount):
        answer.status = OK
        answer.price = out.price * discount
        answer.delta = out.delta * discount
        answer.gamma = out.gamma * discount
        answer.vega = out.vega * discount
        answer.theta = out.theta * discount
    return answer


def implied_volatility(bint is_call, double price, double forward, double strike, double years):
    cdef double volatility
    implied(is_call, price, forward, strike, years, NAN, &volatility)
    return volatility


def implied_volatility_near(bint is_call, double price, double forward, double strike, double years, double near):
    cdef double volatility
    implied(is_call, price, forward, strike, years, near, &volatility)
    return volatility


cdef struct Held:
    Py_buffer views[MOST_ARRAYS]
    int count


cdef int _hold(Held* held, object array, const char* kind, Py_ssize_t items, bint writable) except -1:
    """Borrow the memory of a contiguous array of `items` of `kind`, until `_release`."""
    cdef Py_buffer* view = &held.views[held.count]
    PyObject_GetBuffer(array, view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (PyBUF_WRITABLE if writable else 0))
    held.count += 1
    if strcmp(view.format, kind) != 0 or view.len != items * view.itemsize:
        raise ValueError(
            f"argument {held.count} must be {items} items of type {kind.decode()!r}, "
            f"not {view.len // view.itemsize} of {view.format.decode()!r}"
        )
    return 0


cdef int _check_apart(const Held* held) except -1:
    """The last array is written while the others are read."""
    cdef const Py_buffer* out = &held.views[held.count - 1]
    cdef const char* first = <const char*>out.buf
    cdef const char* other
    cdef int at
    for at in range(held.count - 1):
        other = <const char*>held.views[at].buf
        if other < first + out.len and first < other + held.views[at].len:
            raise ValueError(f"argument {held.count} overlaps argument {at + 1}")
    return 0


cdef void _release(Held* held):
    while held.count:
        held.count -= 1
        PyBuffer_Release(&held.views[held.count])


cdef Py_ssize_t _count_bad(const double* figures, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t bad = 0
    cdef Py_ssize_t at
    for at in range(count):
        bad += figures[at] != figures[at]
    return bad


def greeks_batch(is_call, forward, strike, years, volatility, out):
    cdef Held held
    cdef greeks_job job
    cdef Py_ssize_t bad
    held.count = 0
    job.count = len(is_call)
    try:
        _hold(&held, is_call, b"?", job.count, False)
        for array in (forward, strike, years, volatility):
            _hold(&held, array, b"d", job.count, False)
        _hold(&held, out, b"d", ROWS * job.count, True)
        _check_apart(&held)
        job.is_call = <const unsigned char*>held.views[0].buf
        job.forward = <const double*>held.views[1].buf
        job.strike = <const double*>held.views[2].buf
        job.years = <const double*>held.views[3].buf
        job.volatility = <const double*>held.views[4].buf
        job.out = <double*>held.views[5].buf
        with nogil:
            bad = value_options(&job)
    finally:
        _release(&held)
    return bad


def implied_volatility_batch(is_call, price, forward, strike, years, out):
    cdef Held held
    cdef implied_job job
    cdef Py_ssize_t bad
    held.count = 0
    job.count = len(is_call)
    try:
        _hold(&held, is_call, b"?", job.count, False)
        for array in (price, forward, strike, years):
            _hold(&held, array, b"d", job.count, False)
        _hold(&held, out, b"d", job.count, True)
        _check_apart(&held)
        job.is_call = <const unsigned char*>held.views[0].buf
        job.price = <const double*>held.views[1].buf
        job.forward = <const double*>held.views[2].buf
        job.strike = <const double*>held.views[3].buf
        job.years = <const double*>held.views[4].buf
        job.out = <double*>held.views[5].buf
        with nogil:
            chosen.implied(&job)
            bad = _count_bad(job.out, job.count)
    finally:
        _release(&held)
    return bad


def use_instructions(str name):
    global chosen
    cdef int at
    for at in range(available_count):
        if available[at].name.decode() == name:
            chosen = &available[at]
            return
    raise ValueError(f"this machine has no {name!r} instructions")
