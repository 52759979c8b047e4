"""Decimal text to and from nanos, against Python's Decimal and integers."""

from decimal import ROUND_HALF_EVEN, Decimal, localcontext

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from atomizer._core import fixed

MOST = 2**63 - 1
nanos = st.integers(-MOST, MOST)
steps = st.one_of(st.integers(1, MOST), st.sampled_from([1, 10, 50_000_000, 10**9]))
digits = st.text("0123456789", min_size=1, max_size=24)
decimal_text = st.builds(
    lambda sign, whole, fraction: sign + whole + fraction,
    st.sampled_from(["", "-"]),
    digits,
    st.one_of(st.just(""), digits.map(".".__add__)),
)
almost_decimal = st.text("0123456789+-.eE_ ,nafityNIF٣½", max_size=12)


def exact_nanos(text: str) -> Decimal:
    with localcontext(prec=80):
        return Decimal(text).scaleb(9)


@given(nanos)
@example(MOST)
@example(-MOST)
def test_what_is_printed_is_read_back(value):
    """Every int64 amount but NO_PRICE survives a round trip through its text, which is the shortest plain decimal."""
    text = fixed.format_nanos(value)
    assert fixed.parse_nanos(text) == fixed.parse_nanos(text.encode()) == value
    assert Decimal(text).scaleb(9) == value
    assert "." not in text or not text.endswith(("0", "."))
    assert text == "0" or not text.startswith(("-0", "0")) or text.lstrip("-").startswith("0.")


@given(decimal_text)
def test_exact_text_is_read_exactly_or_refused(text):
    """Text becomes exactly its nanos; a figure finer than a nano or beyond int64 is refused."""
    value = exact_nanos(text)
    if value == value.to_integral_value() and abs(value) <= MOST:
        assert fixed.parse_nanos(text) == value
    else:
        with pytest.raises(ValueError, match=r"decimals|beyond"):
            fixed.parse_nanos(text)


@given(decimal_text)
@example("0.0000000005")
@example("0.0000000015")
@example("0.00000000050000000000001")
@example("9223372036.8547758075")
def test_marks_are_rounded_half_to_even(text):
    """Further decimals of a mark are rounded half to even, and a mark that then leaves int64 is refused."""
    with localcontext(prec=80):
        value = int(exact_nanos(text).to_integral_value(ROUND_HALF_EVEN))
    if abs(value) <= MOST:
        assert fixed.parse_nanos_nearest(text) == value
    else:
        with pytest.raises(ValueError, match="beyond"):
            fixed.parse_nanos_nearest(text)


@pytest.mark.parametrize(
    "text",
    ["", "-", "+1", ".", ".5", "5.", "-.5", "1..0", "1.0.0", "1e3", "1E-9", "NaN", "Infinity", "-inf", " 1", "1 "],
)
def test_only_plain_decimals_are_read(text):
    """Blank, plus, exponent, NaN or bare point is never a number."""
    assert_not_decimal(text)


@pytest.mark.parametrize("text", ["1_0", "0x1", "--1", "1-", "٣", "1,5", "1\x00", "½"])
def test_only_ascii_digits_are_read(text):
    """A separator, a foreign digit or a stray byte is never part of a number."""
    assert_not_decimal(text)


def assert_not_decimal(text):
    for parse in (fixed.parse_nanos, fixed.parse_nanos_nearest, fixed.parse_e18):
        for value in (text, text.encode()):
            with pytest.raises(ValueError, match="not a plain decimal"):
                parse(value)


@given(almost_decimal)
def test_whatever_is_read_means_the_same_to_decimal(text):
    """Text that is accepted at all is accepted with the value that Decimal gives it."""
    try:
        value = fixed.parse_nanos(text)
    except ValueError:
        return
    assert exact_nanos(text) == value


@pytest.mark.parametrize("wrong", [1, 1.5, None, bytearray(b"1"), Decimal(1)])
def test_only_text_is_read(wrong):
    """A number is not text: passing one is a programming error."""
    for parse in (fixed.parse_nanos, fixed.parse_nanos_nearest, fixed.parse_e18):
        with pytest.raises(TypeError):
            parse(wrong)


def test_no_price_is_not_an_amount():
    """The sentinel can be printed for a log but never read back, and lies on no grid."""
    with pytest.raises(ValueError, match="beyond"):
        fixed.parse_nanos(fixed.format_nanos(fixed.NO_PRICE))
    assert not fixed.is_multiple(fixed.NO_PRICE, 1)
    for to_grid in (fixed.floor_to, fixed.ceil_to):
        with pytest.raises(OverflowError):
            to_grid(fixed.NO_PRICE, 1)


@given(nanos, steps)
@example(-MOST, 10)
@example(MOST, MOST - 1)
def test_rounding_to_a_grid_is_integer_arithmetic(value, step):
    """A bid goes down and an ask goes up to a multiple of the step, also below zero; beyond int64 is an error."""
    for to_grid, expected in ((fixed.floor_to, value // step * step), (fixed.ceil_to, -(-value // step) * step)):
        if abs(expected) <= MOST:
            assert to_grid(value, step) == expected
            assert fixed.is_multiple(expected, step)
        else:
            with pytest.raises(OverflowError):
                to_grid(value, step)
    assert fixed.is_multiple(value, step) == (value % step == 0)


@pytest.mark.parametrize("step", [0, -1, -MOST])
def test_a_grid_needs_a_positive_step(step):
    """A tick or lot of zero or less is refused."""
    for function in (fixed.floor_to, fixed.ceil_to, fixed.is_multiple):
        with pytest.raises(ValueError, match="above 0"):
            function(10, step)


@given(st.integers(-(10**60), 10**60))
def test_e18_survives_a_round_trip(value):
    """Amounts of 10⁻¹⁸ of any size survive a round trip through their shortest text."""
    text = fixed.format_e18(value)
    assert fixed.parse_e18(text) == fixed.parse_e18(text.encode()) == value
    assert "." not in text or not text.endswith(("0", "."))


@given(decimal_text)
def test_e18_is_read_exactly_or_refused(text):
    """Text finer than 10⁻¹⁸ is refused, never rounded."""
    with localcontext(prec=80):
        value = Decimal(text).scaleb(18)
    if value == value.to_integral_value():
        assert fixed.parse_e18(text) == value
    else:
        with pytest.raises(ValueError, match="eighteen"):
            fixed.parse_e18(text)


def test_a_refusal_shows_the_value_but_not_a_megabyte_of_it():
    """The message names the value, cut when it is long."""
    with pytest.raises(ValueError, match=r"'1e5'"):
        fixed.parse_nanos("1e5")
    for parse in (fixed.parse_nanos, fixed.parse_e18):
        with pytest.raises(ValueError, match="…") as refusal:
            parse("9" * 1_000_000)
        assert len(str(refusal.value)) < 300
