"""Delivery prices of Derive."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atomizer.errors import BadFrame
from atomizer.venues.derive.delivery import parse_delivery_prices

ANSWER = {
    "expiries": [
        {"expiry_date": "20260707", "price": "2487.15", "utc_expiry_sec": 1783411200},
        {"expiry_date": "20261004", "price": None, "utc_expiry_sec": 1791100800},
    ]
}


def test_an_expiry_without_a_price_is_not_there():
    """Prices come by their expiry, and what has none yet is left out."""
    assert parse_delivery_prices(ANSWER) == {1783411200: 2_487_150_000_000}


@pytest.mark.parametrize("price", ["0", "-1", "1e3", "NaN", "", 2487.15, "9" * 30])
def test_a_price_that_is_none_is_refused(price):
    """A price that is no positive decimal settles nothing."""
    with pytest.raises(BadFrame):
        parse_delivery_prices({"expiries": [{"utc_expiry_sec": 1783411200, "price": price}]})


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["expiries", "price", "utc_expiry_sec"]), inner)
        ),
    )
)
def test_any_answer_is_prices_or_refused(answer):
    """Whatever is answered is read as prices, or refused in words."""
    try:
        found = parse_delivery_prices(answer)
    except BadFrame:
        return
    assert all(0 < price < 2**63 for price in found.values())
