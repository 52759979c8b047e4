"""Delivery prices of Deribit."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atomizer.errors import BadFrame
from atomizer.venues.deribit.delivery import parse_delivery_prices

ANSWER = (
    b'{"data":[{"date":"2026-07-07","delivery_price":62468.13},'
    b'{"date":"2026-07-06","delivery_price":61999.4}],"records_total":58}'
)


def test_days_are_expiries_at_eight():
    """A day's price is that of its expiry at 08:00 UTC, exact from the text."""
    assert parse_delivery_prices(ANSWER) == {1783411200: 62_468_130_000_000, 1783324800: 61_999_400_000_000}


@pytest.mark.parametrize(
    "row",
    [
        b'{"date":"2026-07-07","delivery_price":0}',
        b'{"date":"2026-07-07","delivery_price":-1}',
        b'{"date":"2026-07-07","delivery_price":"NaN"}',
        b'{"date":"7 July","delivery_price":1}',
        b'{"delivery_price":1}',
        b"7",
    ],
)
def test_a_day_that_is_none_is_refused(row):
    """A day or a price that cannot be meant settles nothing."""
    with pytest.raises(BadFrame):
        parse_delivery_prices(b'{"data":[%s]}' % row)


@given(st.binary(max_size=200))
def test_any_bytes_are_prices_or_refused(raw):
    """Whatever came is read as prices, or refused in words."""
    with contextlib.suppress(BadFrame):
        assert all(price > 0 for price in parse_delivery_prices(raw).values())
