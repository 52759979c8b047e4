"""Black-76 against sixty digits, and against the tables of Haug, Hull and py_vollib."""

import csv
import itertools
import json
from math import exp, inf, isnan, nan, nextafter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from atomizer._core import black76
from tests.reference import reference_black76 as reference

TABLES = Path(__file__).parents[1] / "data" / "reference"

forwards = st.floats(1e-6, 1e9)
moneyness = st.one_of(st.floats(-8, 8), st.floats(-0.1, 0.1), st.floats(-1e-9, 1e-9), st.just(0.0))
years = st.one_of(st.floats(1e-9, 30), st.floats(1e-3, 2))
volatilities = st.one_of(st.floats(1e-6, 30), st.floats(0.05, 3))
# An option is the five arguments of `greeks`, from is_call to volatility.
options = st.builds(
    lambda is_call, forward, x, time, volatility: (is_call, forward, forward * exp(x), time, volatility),
    *(st.booleans(), forwards, moneyness, years, volatilities),
)


def close(ours: float, exact, scale: float) -> bool:
    """Within 1e-10 relative, where the figure is not so small beside its scale that doubles run out."""
    return abs(ours - exact) <= 1e-10 * abs(exact) + 1e-280 * scale


@settings(max_examples=600, deadline=None)
@given(options)
@example((True, 1.0, 1.0, 1.0, 1e-6))
@example((True, 1e9, 3e12, 30.0, 30.0))
@example((False, 100.0, 0.03, 1.0, 0.25))
@example((True, 100.0, 100.0000001, 1e-9, 1e-6))
def test_price_and_greeks_are_exact_over_the_whole_domain(option):
    """The price is within 1e-12 of the forward, and each Greek within 1e-10 relative, wherever it is not vanishing."""
    forward = option[1]
    ours = black76.greeks(*option)
    exact = reference.greeks(*option)
    assert ours.status == black76.OK
    assert abs(ours.price - exact.price) <= 1e-12 * forward
    assert close(ours.delta, exact.delta, 1.0)
    assert close(ours.gamma, exact.gamma, 1 / forward)
    assert close(ours.vega, exact.vega, forward)
    assert close(ours.theta, exact.theta, forward)


@given(options, st.floats(0.01, 1.5))
def test_discount_multiplies_everything(option, discount):
    """A discounted value is the undiscounted one times the discount, figure by figure."""
    _, *plain = black76.greeks(*option)
    _, *discounted = black76.greeks(*option, discount)
    assert discounted == [figure * discount for figure in plain]


@pytest.mark.parametrize("wrong", [0.0, -0.0, -1.0, nan, inf, -inf])
@pytest.mark.parametrize("field", range(1, 6))
def test_a_wrong_input_is_named_and_gives_no_number(field, wrong):
    """NaN, infinity, zero or less in any field is BAD_INPUT with NaN in every figure, alone and in a batch."""
    fields = [True, 100.0, 110.0, 0.5, 0.3, 1.0]
    fields[field] = wrong
    status, *figures = black76.greeks(*fields)
    assert status == black76.BAD_INPUT
    assert all(isnan(figure) for figure in figures)
    if field < 5:
        columns = [np.array([good, bad]) for good, bad in zip([True, 100.0, 110.0, 0.5, 0.3], fields, strict=False)]
        out = np.zeros((5, 2))
        assert black76.greeks_batch(*columns, out) == 1
        assert np.isnan(out[:, 1]).all()
        assert not np.isnan(out[:, 0]).any()


@pytest.mark.parametrize("corner", list(itertools.product([1e-50, 1.0, 1e50], repeat=4)))
def test_every_figure_is_finite_up_to_the_corners_of_the_domain(corner):
    """Any four inputs within 1e-50 to 1e50 give finite figures; one step outside is BAD_INPUT."""
    status, *figures = black76.greeks(True, *corner)
    assert status == black76.OK
    assert np.isfinite(figures).all()
    for at, value in enumerate(corner):
        if value != 1.0:
            outside = [*corner[:at], value * (0.99 if value < 1 else 1.01), *corner[at + 1 :]]
            assert black76.greeks(True, *outside).status == black76.BAD_INPUT


@pytest.fixture(params=black76.INSTRUCTION_SETS)
def instructions(request):
    """Each instruction set of this machine in turn, and the widest again afterwards."""
    black76.use_instructions(request.param)
    yield
    black76.use_instructions(black76.INSTRUCTION_SETS[-1])


def columns_of(batch) -> list:
    columns = [np.array(column) for column in zip(*batch, strict=True)] or [np.empty(0)] * 5
    return [columns[0].astype(bool), *columns[1:]]


@pytest.mark.usefixtures("instructions")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(options, max_size=40), st.integers(1, 9))
def test_a_batch_gives_what_its_options_give_alone(batch, repeat):
    """Each column of a batch has the very bits of the scalar answer, at any length, on every instruction set."""
    batch *= repeat
    out = np.zeros((5, len(batch)))
    assert black76.greeks_batch(*columns_of(batch), out) == 0
    alone = np.array([list(black76.greeks(*option))[1:] for option in batch]).reshape(-1, 5).T
    assert np.array_equal(out, alone)


def test_a_batch_refuses_arrays_that_do_not_fit():
    """Lengths, types and layout are checked before anything is written."""
    calls, figures, out = np.array([True, False]), np.array([1.0, 2.0]), np.zeros((5, 2))
    assert black76.greeks_batch(calls, figures, figures, figures, figures, out) == 0
    for arguments in (
        (calls, figures[:1], figures, figures, figures, out),
        (calls, figures, figures, figures, figures, np.zeros((4, 2))),
        (calls, figures, figures, figures, figures, np.zeros((5, 3))),
        (calls, figures, figures, figures, figures, np.zeros((2, 5)).T),
        (calls, np.array([1, 2]), figures, figures, figures, out),
        (calls, np.array([1.0, 0, 2.0])[::2], figures, figures, figures, out),
        (calls, out[0], figures, figures, figures, out),
    ):
        with pytest.raises(ValueError, match=r"argument|contiguous"):
            black76.greeks_batch(*arguments)
    with pytest.raises(TypeError):
        black76.greeks_batch([True], [1.0], [1.0], [1.0], [1.0], np.zeros((5, 1)))
    with pytest.raises(ValueError, match="argument 2"):
        black76.implied_volatility_batch(calls, figures[:1], figures, figures, figures, np.zeros(2))
    with pytest.raises(ValueError, match="argument 6 overlaps argument 3"):
        black76.implied_volatility_batch(calls, figures, out[0], figures, figures, out[0])


@settings(max_examples=600, deadline=None)
@given(options)
@example((True, 1000.0, 1030.21, 0.0001, 0.175))
@example((True, 1000.0, 0.335, 1.0, 0.25))
@example((False, 1e-6, 0.00298, 9.0, 4.0))
def test_implied_volatility_is_exact_wherever_the_price_determines_it(option):
    """The answer is within 1e-12 relative of the volatility whose exact price is the given one, at any moneyness."""
    is_call, forward, strike, time, _ = option
    price = black76.greeks(*option).price
    intrinsic = max(forward - strike if is_call else strike - forward, 0.0)
    bound = forward if is_call else strike
    assume(1e-290 * forward < price - intrinsic)
    assume(price < bound)
    implied = black76.implied_volatility(is_call, price, forward, strike, time)
    assert reference.volatility_error(is_call, price, forward, strike, time, volatility=implied) <= 1e-12


@settings(max_examples=60, deadline=None)
@given(options, st.one_of(st.floats(0.3, 3), st.floats(allow_nan=True)))
def test_a_volatility_nearby_is_only_a_hint(option, hint):
    """Whatever volatility is passed as near, good, wild or no number, the answer is as exact as without."""
    is_call, forward, strike, time, volatility = option
    price = black76.greeks(*option).price
    cold = black76.implied_volatility(is_call, price, forward, strike, time)
    for near in (hint * volatility, hint):
        warm = black76.implied_volatility_near(is_call, price, forward, strike, time, near)
        assert isnan(warm) == isnan(cold)
        if not isnan(cold):
            assert reference.volatility_error(is_call, price, forward, strike, time, volatility=warm) <= 1e-12


@given(options)
def test_every_instruction_set_gives_the_same_bits(option):
    """One option has the same price, Greeks and implied volatility to the last bit, whatever the machine can do."""
    answers = set()
    for name in black76.INSTRUCTION_SETS:
        black76.use_instructions(name)
        _, price, *figures = black76.greeks(*option)
        answers.add((price, *figures, repr(black76.implied_volatility(option[0], price, *option[1:4]))))
    assert len(answers) == 1


@pytest.mark.usefixtures("instructions")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(options, max_size=40), st.integers(1, 9))
def test_implied_volatilities_of_a_batch_are_those_of_its_options(batch, repeat):
    """A batch has a volatility where the scalar has one, within 1e-12 of it, on every instruction set."""
    batch *= repeat
    prices = np.array([black76.greeks(*option).price for option in batch])
    is_call, forward, strike, time, _ = columns_of(batch)
    out = np.zeros(len(batch))
    bad = black76.implied_volatility_batch(is_call, prices, forward, strike, time, out)
    alone = [
        black76.implied_volatility(*arguments) for arguments in zip(is_call, prices, forward, strike, time, strict=True)
    ]
    assert bad == np.isnan(alone).sum()
    assert np.allclose(out, alone, rtol=1e-12, atol=0, equal_nan=True)


def test_only_instructions_of_this_machine_can_be_chosen():
    """Plain code is everywhere, and a name that is not offered is refused."""
    assert black76.INSTRUCTION_SETS[0] == "plain"
    with pytest.raises(ValueError, match="mmx"):
        black76.use_instructions("mmx")


@given(st.booleans(), forwards, moneyness, years)
def test_a_price_outside_its_bounds_has_no_volatility(is_call, forward, log_moneyness, time):
    """A price at or below intrinsic, or at or above its bound, has no implied volatility."""
    strike = forward * exp(log_moneyness)
    bound = forward if is_call else strike
    intrinsic = max(forward - strike if is_call else strike - forward, 0.0)
    for price in (0.0, -1.0, nextafter(intrinsic, -inf), bound, nextafter(bound, inf), 2 * bound):
        assert isnan(black76.implied_volatility(is_call, price, forward, strike, time))


@pytest.mark.parametrize("wrong", [0.0, -1.0, nan, inf, -inf])
@pytest.mark.parametrize("field", range(1, 5))
def test_a_wrong_input_has_no_volatility(field, wrong):
    """NaN, infinity, zero or less in any field gives NaN, alone, beside a hint and in a batch."""
    fields = [True, 5.0, 100.0, 110.0, 0.5]
    fields[field] = wrong
    assert isnan(black76.implied_volatility(*fields))
    assert isnan(black76.implied_volatility_near(*fields, 0.3))
    columns = [np.array([good, bad]) for good, bad in zip([True, 5.0, 100.0, 110.0, 0.5], fields, strict=True)]
    out = np.zeros(2)
    assert black76.implied_volatility_batch(*columns, out) == 1
    assert np.isnan(out).tolist() == [False, True]


def haug_rows(quantity: str) -> list[dict[str, str]]:
    with (TABLES / "haug_european_quantlib.csv").open() as table:
        return [row for row in csv.DictReader(table) if row["quantity"] == quantity]


def on_spot(is_call, spot, strike, rate, dividend, *, time, vol) -> dict[str, float]:
    """Black-Scholes-Merton's figures from Black-76's: F = S·e^((r-q)T), discount e^(-rT)."""
    growth, discount = exp((rate - dividend) * time), exp(-rate * time)
    on_forward = black76.greeks(is_call, spot * growth, strike, time, vol, discount)
    delta, gamma = on_forward.delta * growth, on_forward.gamma * growth**2
    carried = rate * on_forward.price - (rate - dividend) * spot * delta  # what a still forward and discount leave out
    return {
        "value": on_forward.price,
        "delta": delta,
        "gamma": gamma,
        "vega": on_forward.vega,
        "theta": on_forward.theta + carried,
        "theta per day": (on_forward.theta + carried) / 365,
        "elasticity": delta * spot / on_forward.price,
    }


@pytest.mark.parametrize("quantity", ["value", "delta", "gamma", "vega", "theta", "theta per day", "elasticity"])
def test_haug(quantity):
    """Haug's printed values and Greeks are met to their last digit."""
    rows = haug_rows(quantity)
    assert rows
    for row in rows:
        numbers = [float(row[name]) for name in ("spot", "strike", "rate_r", "div_yield_q")]
        figures = on_spot(row["type"] == "Call", *numbers, time=float(row["t_years"]), vol=float(row["vol"]))
        assert figures[quantity] == pytest.approx(float(row["expected"]), abs=1.01e-4)


def test_hull():
    """Hull's examples are met, and py_vollib's further digits of them."""
    names = {"theta_per_year": ("theta", 1), "vega_per_1pct": ("vega", 100), "price": ("value", 1)}
    checked = 0
    with (TABLES / "hull_examples.csv").open() as table:
        for row in csv.DictReader(table):
            if row["quantity"] == "rho_per_1pct":
                continue
            name, per = names.get(row["quantity"], (row["quantity"], 1))
            rate = float(row["r"])
            numbers = (float(row["S_or_F"]), float(row["K"]), rate, rate if row["model"] == "black76" else 0.0)
            figures = on_spot(row["type"] == "c", *numbers, time=float(row["t"]), vol=float(row["sigma"]))
            assert figures[name] / per == pytest.approx(float(row["computed_py_vollib"]), rel=1e-9)
            checked += 1
    assert checked == 7


def test_py_vollib_table():
    """py_vollib's table over 101 spots is met to the digits that it prints, deep out and in of the money."""
    frame = json.loads((TABLES / "py_vollib_test_data.json").read_text())
    assert len(frame["data"]) == 101
    for numbers in frame["data"]:
        row = dict(zip(frame["columns"], numbers, strict=True))
        for prefix, is_call in (("C", True), ("P", False)):
            figures = on_spot(is_call, row["S"], row["K"], row["R"], 0.0, time=row["t"], vol=row["v"])
            assert figures["value"] == pytest.approx(row["bs_call" if is_call else "bs_put"], rel=1e-7, abs=1e-7)
            for letter, name in (("D", "delta"), ("G", "gamma"), ("T", "theta"), ("V", "vega")):
                assert figures[name] == pytest.approx(row[prefix + letter], rel=1e-7, abs=1e-7)


def test_scalars_of_numpy_and_whole_numbers_are_welcome():
    """Whatever is a real number in Python may be passed."""
    plain = black76.greeks(True, 100.0, 110.0, 0.5, 0.3)
    assert list(black76.greeks(np.True_, np.float64(100), 110, 0.5, np.float64(0.3))) == list(plain)
    assert repr(plain).startswith("Greeks(status=0, price=4.7456")
    assert black76.implied_volatility(True, plain.price, 100, 110, 0.5) == pytest.approx(0.3, rel=1e-13)
