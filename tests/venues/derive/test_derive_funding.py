"""Funding payments of Derive."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atomizer.errors import BadFrame, VenueError
from atomizer.venues.derive.funding import MOST_PAGES, fetch_funding, parse_funding

V2 = {"subaccount_id": 7, "instrument_name": "ETH-PERP", "funding": "-0.0125", "pnl": "0", "timestamp": 1783411200000}
V3 = V2 | {"batch_uuid": "6f1c", "batch_status": "Settled", "tx_hash": None}


def answer(*events, pages=1):
    return {"events": list(events), "pagination": {"count": len(events), "num_pages": pages}}


class Pages:
    """A venue that has told these pages."""

    def __init__(self, *pages):
        self.pages = pages

    async def ask(self, _method, params):
        return answer(*self.pages[params["page"] - 1], pages=len(self.pages))


def fetched(*pages):
    return asyncio.run(fetch_funding(Pages(*pages), {"subaccount_id": 7}, 0, 1))


def test_what_we_paid_is_below_nothing():
    """A payment has its perpetual and moment for a name, the batch as well where it is told, and the venue's sign."""
    (paid,), pages = parse_funding(answer(V2), 1)
    assert (paid.payment_id, paid.instrument, paid.amount_e18) == ("ETH-PERP.1783411200000", "ETH-PERP", -125 * 10**14)
    assert (paid.venue_time_ns, paid.currency, pages) == (1783411200 * 10**9, "USD", 1)
    assert parse_funding(answer(V3), 1)[0][0].payment_id == "ETH-PERP.1783411200000.6f1c"


def test_what_did_not_come_to_be_is_no_payment():
    """The settlements of a batch that failed are left out; those of one on its way are there."""
    states = ["Batching", "Settling", "SettlingError", "BatchingError"]
    found, _ = parse_funding(answer(*(V3 | {"batch_status": state, "batch_uuid": state} for state in states)), 1)
    assert [each.payment_id.rpartition(".")[2] for each in found] == ["Batching", "Settling"]


def test_a_payment_on_two_pages_is_one():
    """What moved to the next page while we asked is told once, oldest first; nothing paid is no payment."""
    later, nothing = V2 | {"timestamp": 1783414800000}, V2 | {"timestamp": 1783418400000, "funding": "0"}
    found = fetched([nothing, later], [later, V2])
    assert [each.venue_time_ns // 10**6 for each in found] == [1783411200000, 1783414800000]


def test_two_payments_of_one_name_are_refused():
    """Two amounts under one name could be booked neither once nor twice."""
    with pytest.raises(BadFrame, match="different amounts"):
        fetched([V2, V2 | {"funding": "0.5"}])


def test_a_history_without_end_is_given_up():
    """More pages than there can be is an error, and no half of it is booked."""
    with pytest.raises(VenueError, match="pages of funding"):
        fetched(*[[V2]] * (MOST_PAGES + 1))


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["events", "pagination", "funding", "num_pages", "timestamp", "instrument_name"]), inner
            )
        ),
    )
)
def test_any_answer_is_payments_or_refused(garbage):
    """Whatever is answered is read as payments, or refused in words."""
    try:
        found, pages = parse_funding(garbage, 1)
    except BadFrame:
        return
    assert pages >= 0
    assert all(each.venue_time_ns > 0 for each in found)
