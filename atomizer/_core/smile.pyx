"""Smile of one expiry: raw SVI and its quasi-explicit fit.

At fixed m and sigma the total variance is linear in a, d = rho b sigma and c = b sigma; what remains is a search in two
dimensions, from the lowest cells of a grid. Nothing is random: equal points give equal bits.
"""

cimport cython
from libc.math cimport INFINITY, NAN, exp, fabs, fmax, fmin, isfinite, log, sqrt
from libc.stdlib cimport free, malloc

globals()["OK"] = <int>OK
globals()["BAD_INPUT"] = <int>BAD_INPUT
globals()["TOO_FEW_POINTS"] = <int>TOO_FEW_POINTS

cdef enum:
    PARAMETERS = 5      # of SVI, hence the fewest points
    ACROSS = 13         # cells of the grid in m
    DEEP = 10           # and in log sigma
    STARTS = 4          # lowest cells that are descended from
    MOST_STEPS = 300    # of one descent

cdef double LEAST_VOLATILITY = 1e-6
cdef double MOST_VOLATILITY = 100.0
cdef double LEAST_YEARS = 1e-9
cdef double MOST_YEARS = 1000.0
cdef double MOST_WEIGHT = 1e50
# Bounds of the search, in spans of k: m from the middle, log sigma.
cdef double FARTHEST_M = 1.5
cdef double LEAST_LOG_SIGMA = log(1e-3)
cdef double MOST_LOG_SIGMA = log(30.0)


cdef Curve variance_at(const Svi* svi, double k) noexcept nogil:
    cdef Curve at
    cdef double x = k - svi.m
    cdef double root = sqrt(x * x + svi.sigma * svi.sigma)
    at.value = svi.a + svi.b * (svi.rho * x + root)
    at.slope = svi.b * (svi.rho + x / root)
    at.curvature = svi.b * svi.sigma * svi.sigma / (root * root * root)
    return at


cdef Curve volatility_at(const Svi* svi, double k) noexcept nogil:
    cdef Curve w = variance_at(svi, k)
    cdef Curve at
    if not (w.value > 0.0 and isfinite(w.value)):
        at.value = at.slope = at.curvature = NAN
        return at
    at.value = sqrt(w.value / svi.years)
    at.slope = at.value * w.slope / (2.0 * w.value)
    at.curvature = at.value * (w.curvature - w.slope * w.slope / (2.0 * w.value)) / (2.0 * w.value)
    return at


cdef double volatility_of(const Svi* svi, double strike, double forward) noexcept nogil:
    return volatility_at(svi, log(strike / forward)).value if strike > 0.0 and forward > 0.0 else NAN


cdef double durrleman(const Svi* svi, double k) noexcept nogil:
    """Durrleman's g: the implied density has its sign."""
    cdef Curve w = variance_at(svi, k)
    cdef double lean = 1.0 - k * w.slope / (2.0 * w.value)
    if not w.value > 0.0:
        return NAN
    return lean * lean - w.slope * w.slope / 4.0 * (1.0 / w.value + 0.25) + w.curvature / 2.0


cdef struct Points:
    const double* k
    double* total       # variance to expiry
    double* scale       # weight of a squared error of `total`: of all points, it sums to squared volatility
    double* x           # (k - m) / sigma of the line at hand
    double* root        # sqrt(x^2 + 1)
    Py_ssize_t count
    double middle
    double span

cdef struct Line:       # total = a + d x + c root
    double a
    double d
    double c
    double error

cdef struct Moments:    # weighted, about the means
    double mean_x
    double mean_root
    double mean_total
    double xx
    double xr
    double rr
    double xt
    double rt


cdef void _moments(const Points* points, bint through_zero, Moments* out) noexcept nogil:
    """Second moments of x, root and total about their means, or about 0 where `a` is held at 0."""
    cdef double mass = 0.0, x, root, total
    cdef Py_ssize_t i
    out[0] = Moments(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    if not through_zero:
        for i in range(points.count):
            mass += points.scale[i]
            out.mean_x += points.scale[i] * points.x[i]
            out.mean_root += points.scale[i] * points.root[i]
            out.mean_total += points.scale[i] * points.total[i]
        out.mean_x /= mass
        out.mean_root /= mass
        out.mean_total /= mass
    for i in range(points.count):
        x = points.x[i] - out.mean_x
        root = points.root[i] - out.mean_root
        total = points.total[i] - out.mean_total
        out.xx += points.scale[i] * x * x
        out.xr += points.scale[i] * x * root
        out.rr += points.scale[i] * root * root
        out.xt += points.scale[i] * x * total
        out.rt += points.scale[i] * root * total


cdef double _edge(const Moments* of, double d, double c, double along_d, double along_c, Line* best) noexcept nogil:
    """Hold the lowest point of one edge of the box against `best`, whose `error` lacks a constant."""
    cdef double bend = of.xx * along_d * along_d + 2.0 * of.xr * along_d * along_c + of.rr * along_c * along_c
    cdef double pull = along_d * (of.xt - of.xx * d - of.xr * c) + along_c * (of.rt - of.xr * d - of.rr * c)
    cdef double share = fmin(1.0, fmax(0.0, pull / bend)) if bend > 0.0 else 0.0
    cdef double error
    d += share * along_d
    c += share * along_c
    error = of.xx * d * d + 2.0 * of.xr * d * c + of.rr * c * c - 2.0 * (of.xt * d + of.rt * c)
    if error < best.error:
        best.d = d
        best.c = c
        best.error = error
    return share


cdef Line _line(const Points* points, double sigma, bint through_zero) noexcept nogil:
    """The best line whose wings rise, and no steeper than 2 (Lee): 0 <= c + d, c - d <= 2 sigma."""
    cdef Line line
    cdef Moments of
    cdef double determinant, miss
    cdef Py_ssize_t i
    _moments(points, through_zero, &of)
    determinant = of.xx * of.rr - of.xr * of.xr
    line.d = (of.xt * of.rr - of.rt * of.xr) / determinant
    line.c = (of.rt * of.xx - of.xt * of.xr) / determinant
    if not (determinant > 0.0 and fabs(line.d) <= line.c and line.c + fabs(line.d) <= 2.0 * sigma):
        line.d = line.c = 0.0       # convex, so the best of the box lies on one of its edges
        line.error = INFINITY
        _edge(&of, 0.0, 0.0, sigma, sigma, &line)
        _edge(&of, 0.0, 0.0, -sigma, sigma, &line)
        _edge(&of, 0.0, 2.0 * sigma, sigma, -sigma, &line)
        _edge(&of, 0.0, 2.0 * sigma, -sigma, -sigma, &line)
    line.a = of.mean_total - line.d * of.mean_x - line.c * of.mean_root
    line.error = 0.0
    for i in range(points.count):
        miss = line.a + line.d * points.x[i] + line.c * points.root[i] - points.total[i]
        line.error += points.scale[i] * miss * miss
    return line


cdef Line _best_line(const Points* points, double at_m, double at_sigma) noexcept nogil:
    """At m and log sigma in spans. Variance is above 0 at every k: a line that dips below is drawn anew from a = 0."""
    cdef double m = points.middle + at_m * points.span
    cdef double sigma = exp(at_sigma) * points.span
    cdef Line line
    cdef Py_ssize_t i
    for i in range(points.count):
        points.x[i] = (points.k[i] - m) / sigma
        points.root[i] = sqrt(points.x[i] * points.x[i] + 1.0)
    line = _line(points, sigma, False)
    if line.a + sqrt(fmax(0.0, line.c * line.c - line.d * line.d)) <= 0.0:
        line = _line(points, sigma, True)
    return line


cdef struct Vertex:
    double m
    double sigma        # its logarithm
    double error


cdef Vertex _vertex(const Points* points, double m, double sigma) noexcept nogil:
    cdef Vertex made
    made.m = fmin(FARTHEST_M, fmax(-FARTHEST_M, m))
    made.sigma = fmin(MOST_LOG_SIGMA, fmax(LEAST_LOG_SIGMA, sigma))
    made.error = _best_line(points, made.m, made.sigma).error
    return made


cdef void _sort(Vertex* v) noexcept nogil:
    if v[1].error < v[0].error:
        v[0], v[1] = v[1], v[0]
    if v[2].error < v[1].error:
        v[1], v[2] = v[2], v[1]
    if v[1].error < v[0].error:
        v[0], v[1] = v[1], v[0]


cdef Vertex _along(const Points* points, const Vertex* v, double share) noexcept nogil:
    """From the worst vertex through the middle of the others: 2 reflects it, 0.5 draws it in."""
    return _vertex(
        points,
        v[2].m + share * ((v[0].m + v[1].m) / 2.0 - v[2].m),
        v[2].sigma + share * ((v[0].sigma + v[1].sigma) / 2.0 - v[2].sigma),
    )


cdef Vertex _descend(const Points* points, Vertex start, double step) noexcept nogil:
    """Nelder and Mead's simplex, kept within the bounds of the search."""
    cdef Vertex v[3]
    cdef Vertex tried, further
    cdef int i
    v[0] = start
    v[1] = _vertex(points, start.m + (step if start.m < 0.0 else -step), start.sigma)
    v[2] = _vertex(points, start.m, start.sigma + (step if start.sigma < 0.0 else -step))
    for _ in range(MOST_STEPS):
        _sort(v)
        if fabs(v[2].m - v[0].m) + fabs(v[2].sigma - v[0].sigma) + fabs(v[1].m - v[0].m) < 1e-10:
            break
        tried = _along(points, v, 2.0)
        if tried.error < v[0].error:
            further = _along(points, v, 3.0)
            v[2] = further if further.error < tried.error else tried
        elif tried.error < v[1].error:
            v[2] = tried
        else:
            further = _along(points, v, 1.5 if tried.error < v[2].error else 0.5)
            if further.error < fmin(tried.error, v[2].error):
                v[2] = further
            else:
                for i in range(1, 3):
                    v[i] = _vertex(points, (v[0].m + v[i].m) / 2.0, (v[0].sigma + v[i].sigma) / 2.0)
    _sort(v)
    return v[0]


cdef bint _is_hollow(const Vertex* grid, int column, int row) noexcept nogil:
    """No neighbour of the cell is lower."""
    cdef int i, j
    for i in range(max(0, column - 1), min(ACROSS, column + 2)):
        for j in range(max(0, row - 1), min(DEEP, row + 2)):
            if grid[i * DEEP + j].error < grid[column * DEEP + row].error:
                return False
    return True


cdef Vertex _search(const Points* points) noexcept nogil:
    cdef Vertex grid[ACROSS * DEEP]
    cdef bint hollow[ACROSS * DEEP]
    cdef Vertex best, found
    cdef int at, lowest
    cdef double across = 2.0 / (ACROSS - 1), deep = log(1e3) / (DEEP - 1)
    for at in range(ACROSS * DEEP):     # m within one span of the middle, sigma from 1 % of it to ten
        grid[at] = _vertex(points, (at // DEEP) * across - 1.0, log(0.01) + (at % DEEP) * deep)
    for at in range(ACROSS * DEEP):
        hollow[at] = _is_hollow(grid, at // DEEP, at % DEEP)
    best.error = INFINITY
    for _ in range(STARTS):
        lowest = -1
        for at in range(ACROSS * DEEP):
            if hollow[at] and (lowest < 0 or grid[at].error < grid[lowest].error):
                lowest = at
        if lowest < 0:
            break
        hollow[lowest] = False
        found = _descend(points, grid[lowest], 0.1)
        if found.error < best.error:
            best = found
    return _descend(points, best, 0.01)     # a fresh simplex, should the first have gone flat


cdef Fitted _check(
    const double* k, const double* volatility, const double* weight, Py_ssize_t count, double years
) noexcept nogil:
    cdef double seen[PARAMETERS]
    cdef int different = 0, j
    cdef Py_ssize_t i
    if not LEAST_YEARS <= years <= MOST_YEARS:
        return BAD_INPUT
    for i in range(count):
        if not (fabs(k[i]) <= FARTHEST_K and LEAST_VOLATILITY <= volatility[i] <= MOST_VOLATILITY):
            return BAD_INPUT
        if not 0.0 <= weight[i] <= MOST_WEIGHT:
            return BAD_INPUT
        if weight[i] == 0.0 or different == PARAMETERS:
            continue
        for j in range(different):
            if fabs(seen[j] - k[i]) < 1e-9:
                break
        else:
            seen[different] = k[i]
            different += 1
    return OK if different == PARAMETERS else TOO_FEW_POINTS


cdef double _total_weight(const double* weight, Py_ssize_t count) noexcept nogil:
    cdef double mass = 0.0
    cdef Py_ssize_t i
    for i in range(count):
        mass += weight[i]
    return mass


cdef void _prepare(Points* points, const double* volatility, const double* weight, double years) noexcept nogil:
    cdef double mass = _total_weight(weight, points.count), low = INFINITY, high = -INFINITY
    cdef Py_ssize_t i
    for i in range(points.count):
        points.total[i] = volatility[i] * volatility[i] * years
        points.scale[i] = weight[i] / mass / (4.0 * points.total[i] * years)    # d volatility / d total, squared
        if weight[i] > 0.0:
            low = fmin(low, points.k[i])
            high = fmax(high, points.k[i])
    points.middle = (low + high) / 2.0
    points.span = high - low


cdef double _rms(
    const Svi* svi, const double* k, const double* volatility, const double* weight, Py_ssize_t count
) noexcept nogil:
    cdef double squares = 0.0, miss
    cdef Py_ssize_t i
    for i in range(count):
        if weight[i] > 0.0:
            miss = volatility_at(svi, k[i]).value - volatility[i]
            squares += weight[i] * miss * miss
    return sqrt(squares / _total_weight(weight, count))


cdef Fitted fit_svi(
    const double* k, const double* volatility, const double* weight, Py_ssize_t count, double years,
    double* scratch, Svi* svi, double* rms_points
) noexcept nogil:
    cdef Points points
    cdef Vertex best
    cdef Line line
    cdef Fitted status = _check(k, volatility, weight, count, years)
    svi[0] = Svi(NAN, NAN, NAN, NAN, NAN, NAN)
    rms_points[0] = NAN
    if status != OK:
        return status
    points = Points(k, scratch, scratch + count, scratch + 2 * count, scratch + 3 * count, count, 0.0, 0.0)
    _prepare(&points, volatility, weight, years)
    best = _search(&points)
    line = _best_line(&points, best.m, best.sigma)
    svi.m = points.middle + best.m * points.span
    svi.sigma = exp(best.sigma) * points.span
    svi.a = line.a
    svi.b = line.c / svi.sigma
    svi.rho = fmin(1.0, fmax(-1.0, line.d / line.c)) if line.c > 0.0 else 0.0
    svi.years = years
    rms_points[0] = 100.0 * _rms(svi, k, volatility, weight, count)
    return OK


@cython.final
cdef class Smile:
    def __cinit__(self):
        self.status = BAD_INPUT
        self.points = 0
        self.svi = Svi(NAN, NAN, NAN, NAN, NAN, NAN)
        self.rms_points = self.lowest = self.highest = NAN

    @property
    def a(self):
        return self.svi.a

    @property
    def b(self):
        return self.svi.b

    @property
    def rho(self):
        return self.svi.rho

    @property
    def m(self):
        return self.svi.m

    @property
    def sigma(self):
        return self.svi.sigma

    @property
    def years(self):
        return self.svi.years

    def __repr__(self):
        return (
            f"Smile(status={self.status}, a={self.a}, b={self.b}, rho={self.rho}, m={self.m}, sigma={self.sigma}, "
            f"years={self.years}, points={self.points}, rms_points={self.rms_points})"
        )


cdef int check_length(str name, Py_ssize_t length, Py_ssize_t wanted) except -1:
    if length != wanted:
        raise ValueError(f"{name} must have {wanted} items, not {length}")
    return 0


def fit(const double[::1] k, const double[::1] volatility, const double[::1] weight, double years):
    cdef Smile made = Smile.__new__(Smile)
    cdef Py_ssize_t count = k.shape[0], i
    cdef double* scratch
    check_length("volatility", volatility.shape[0], count)
    check_length("weight", weight.shape[0], count)
    if count < PARAMETERS:
        made.status = TOO_FEW_POINTS
        return made
    scratch = <double*>malloc(4 * count * sizeof(double))
    if scratch == NULL:
        raise MemoryError
    with nogil:
        made.status = fit_svi(
            &k[0], &volatility[0], &weight[0], count, years, scratch, &made.svi, &made.rms_points
        )
    free(scratch)
    if made.status == OK:
        for i in range(count):
            if weight[i] > 0.0:
                made.points += 1
                made.lowest = fmin(made.lowest, k[i])   # either of them passes a NaN by
                made.highest = fmax(made.highest, k[i])
    return made


def smile_of(double a, double b, double rho, double m, double sigma, double years):
    cdef Smile made = Smile.__new__(Smile)
    if not (isfinite(a) and 0.0 <= b < INFINITY and fabs(rho) <= 1.0 and fabs(m) <= FARTHEST_K):
        return made
    if not (0.0 < sigma < INFINITY and LEAST_YEARS <= years <= MOST_YEARS):
        return made
    if not a + b * sigma * sqrt(1.0 - rho * rho) > 0.0:
        return made
    made.svi = Svi(a, b, rho, m, sigma, years)
    made.status = OK
    return made


def volatility(Smile smile not None, double strike, double forward):
    return volatility_of(&smile.svi, strike, forward)


def volatility_batch(Smile smile not None, const double[::1] strike, double forward, double[:, ::1] out):
    cdef Py_ssize_t count = strike.shape[0], bad = 0, i
    cdef Curve at
    check_length("out", out.shape[0], 3)
    check_length("each row of out", out.shape[1], count)
    with nogil:
        for i in range(count):
            at = volatility_at(&smile.svi, log(strike[i] / forward) if strike[i] > 0.0 and forward > 0.0 else NAN)
            out[0, i] = at.value
            out[1, i] = at.slope
            out[2, i] = at.curvature
            bad += at.value != at.value
    return bad
