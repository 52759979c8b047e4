"""Funding in Deribit's transaction log."""

import asyncio

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atomizer.errors import BadFrame
from atomizer.venues.deribit.funding import fetch_funding, parse_funding

# An entry of the venue's own description of private/get_transaction_log, its fields that matter here.
SETTLED = {
    "type": "settlement",
    "timestamp": 1613659544153,
    "instrument_name": "BTC-PERPETUAL",
    "interest_pl": 9.93e-06,
    "price": 51807.07,
    "id": 61311,
}
OPTION = SETTLED | {"id": 61289, "type": "trade", "instrument_name": "BTC-19FEB21-49200-C", "interest_pl": 0}
DEPOSIT = {"type": "deposit", "timestamp": 1613657828414, "instrument_name": None, "interest_pl": None, "id": 61291}


def log(*entries, continuation=None):
    return msgspec.json.encode({"logs": entries, "continuation": continuation})


def test_funding_is_what_an_entry_of_a_perpetual_realized():
    """Of an inverse perpetual it is coins, worth the price that the entry names; other entries hold none."""
    (paid,), more = parse_funding(log(DEPOSIT, SETTLED, OPTION, continuation=61282), 1)
    assert (paid.payment_id, paid.instrument, paid.currency) == ("61311", "BTC-PERP", "BTC")
    assert (paid.amount_e18, paid.index_nanos, more) == (9_930_000_000_000, 51_807_070_000_000, 61282)


def test_the_index_goes_before_the_price():
    """Where an entry says what the index was, coins are worth that."""
    assert parse_funding(log(SETTLED | {"index_price": 50000}), 1)[0][0].index_nanos == 50_000 * 10**9


def test_a_linear_perpetual_pays_dollars():
    """What is quoted in USDC pays that, and needs no index."""
    (paid,), _ = parse_funding(log(SETTLED | {"instrument_name": "ETH_USDC-PERPETUAL", "price": None}), 1)
    assert (paid.instrument, paid.currency, paid.index_nanos) == ("ETH_USDC-PERP", "USD", 0)


def test_coins_of_unknown_worth_are_refused():
    """Funding in coins without any price is told, not booked at nothing."""
    with pytest.raises(BadFrame, match="without a price"):
        parse_funding(log(SETTLED | {"price": None}), 1)


def test_every_page_of_every_currency_is_read():
    """The log is followed to its end in each currency of the account, and comes oldest first."""
    pages = {
        ("BTC", None): log(SETTLED, continuation=61300),
        ("BTC", 61300): log(SETTLED | {"id": 61299, "timestamp": 1613659000000}),
        ("USDC", None): log(SETTLED | {"id": 5, "timestamp": 1613659300000, "instrument_name": "ETH_USDC-PERPETUAL"}),
    }

    class Venue:
        async def ask(self, _method, asked):
            return pages[asked["currency"], asked.get("continuation")]

    found = asyncio.run(fetch_funding(Venue(), ["BTC", "USDC"], 0, 1))
    assert [each.payment_id for each in found] == ["61299", "5", "61311"]


@given(
    st.binary(max_size=200)
    | st.dictionaries(
        st.sampled_from(["logs", "continuation"]),
        st.lists(st.dictionaries(st.sampled_from(list(SETTLED)), st.none() | st.integers() | st.floats() | st.text())),
    ).map(msgspec.json.encode)
)
def test_any_answer_is_payments_or_refused(garbage):
    """Whatever is answered is read as payments, or refused in words."""
    try:
        found, _ = parse_funding(garbage, 1)
    except BadFrame:
        return
    assert all(each.amount_e18 for each in found)
