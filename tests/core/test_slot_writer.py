"""Digests made ahead: an order that was foreseen is signed as it would have been, and no digest is used twice."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atomizer._core.appender import Appender, HeadMemory
from atomizer._core.ecdsa import Signer, recover
from atomizer._core.fixed import NANOS, parse_nanos
from atomizer._core.nonces import Nonces
from atomizer._core.outbox import Outbox
from atomizer._core.quote import QuoteParams
from atomizer._core.socket_writer import SocketWriter
from tests.core.test_lane import (
    ASSET,
    KEY,
    LEAST_S,
    LIFE_S,
    NONCE,
    NOW_NS,
    SECOND_NS,
    SUB_ID,
    TERMS,
    lane_of,
    messages_of,
    writer_of,
)
from tests.reference.book_frames import DERIVE, derive
from tests.reference.reference_lane import PARAMS

REACH = 48
AROUND = 2 * REACH + 1
GOOD_S = 60
FRESH_S = 20
BID, ASK = 200, 320  # of the first book, in halves, which are ticks


class Desk:
    """A lane with one slot that quotes at the touch, whose orders rest as soon as they are written."""

    def __init__(self, **terms):
        self.nonces = Nonces(unit_ns=1, per_unit=1, last=NONCE)  # each is one more than the last: the clock is behind
        journal = Appender(HeadMemory(bytearray(1 << 18), 0), 1)
        self.outbox = Outbox("derive", journal, self.nonces, SocketWriter(), lambda: NOW_NS)
        self.outbox.allowance = 1_000
        self.lane = lane_of(DERIVE, outbox=self.outbox, per_second=4_000)
        self.slot = self.lane.slot(DERIVE.encode())
        orders, self.actions = writer_of()
        self.slot.write_with(orders, orders.add_instrument("ETH-20250627-2600-C", ASSET, SUB_ID), **TERMS | terms)
        self.published = 0

    def quote(self, moved, now_ns=NOW_NS, bids_moved=0):
        """What is sent for a book that stands so many ticks above the first, and its bids further still, by side."""
        self.published += 1
        self.slot.set_mark((BID + ASK + 2 * moved) * NANOS // 4, now_ns)
        frame = derive(DERIVE, self.published, [(BID + moved + bids_moved, 8)], [(ASK + moved, 8)])
        assert self.lane.on_frame(frame, now_ns) >= 0
        for row in self.lane.rows[: self.lane.row_count]:
            nonce, number = int(row["nonce"]), int(row["number"])
            price, size = int(row["price_nanos"]), int(row["size_nanos"])
            self.slot.settle(bool(row["is_bid"]), price, size, nonce=nonce, label_number=number)
        sent = [json.loads(message)["params"] for message in messages_of(self.outbox)]
        self.outbox.clear()
        return {params["direction"]: params for params in sent}

    def make_ahead(self, most=1_000, now_ns=NOW_NS):
        return self.lane.make_ahead(now_ns, most)

    def is_signed(self, params):
        """Whether the signature is our key's over exactly what the message says."""
        names = ("limit_price", "amount", "max_fee")
        terms = [parse_nanos(params[name]) * NANOS for name in names]
        nonce, expiry_s = int(params["nonce"]), params["signature_expiry_sec"]
        digest = self.actions.order(ASSET, SUB_ID, *terms, params["direction"] == "buy", nonce, expiry_s)
        return recover(digest, bytes.fromhex(params["signature"][2:])) == Signer(KEY).address


def test_digests_are_made_for_the_prices_around_the_last_order():
    """So many ticks to either side of each side's last order, and its own price; no more than asked for at once."""
    desk = Desk()
    assert desk.make_ahead() == 0  # no order yet
    desk.quote(0)
    assert [desk.make_ahead(80) for _ in range(4)] == [80, 80, 2 * AROUND - 160, 0]
    assert desk.nonces.last == NONCE + 2 + 2 * AROUND
    desk.quote(3)
    assert desk.make_ahead() == 2 * 3 + 2  # the farthest on one side, and what was used


@pytest.mark.parametrize("moved", [-REACH, -1, 1, REACH])
def test_an_order_that_was_foreseen_takes_no_new_nonce(moved):
    """Its nonce and expiry are those of its digest, all else is what it says, and so the signature holds."""
    desk = Desk()
    desk.quote(0)
    desk.make_ahead()
    before = desk.nonces.last
    sent = desk.quote(moved, NOW_NS + SECOND_NS)
    assert desk.nonces.last == before
    assert [sent[side]["limit_price"] for side in ("buy", "sell")] == [f"{(at + moved) / 2:g}" for at in (BID, ASK)]
    for params in sent.values():
        assert NONCE + 2 < int(params["nonce"]) <= before
        assert params["signature_expiry_sec"] == NOW_NS // SECOND_NS + LIFE_S
        assert desk.is_signed(params)


def test_a_digest_is_used_once():
    """The market going back and forth between two prices gets a new nonce each time that nothing was made between."""
    desk = Desk()
    desk.quote(0)
    desk.make_ahead()
    nonces = [int(params["nonce"]) for moved in (1, 0, 1, 0) for params in desk.quote(moved).values()]
    assert len(set(nonces)) == 8
    assert sum(nonce <= NONCE + 2 + 2 * AROUND for nonce in nonces) == 4


@pytest.mark.parametrize(
    ("moved", "passed_s"),
    [(REACH + 1, 0), (-REACH - 1, 0), (1, GOOD_S + 1), (1, -1)],
    ids=["up", "down", "old", "back"],
)
def test_what_was_not_foreseen_is_digested_when_it_is_wanted(moved, passed_s):
    """Beyond the reach, a minute later, or when the clock was set back, an order has its own nonce and expiry."""
    desk = Desk()
    desk.quote(0)
    desk.make_ahead()
    before, now_ns = desk.nonces.last, NOW_NS + passed_s * SECOND_NS
    sent = desk.quote(moved, now_ns)
    assert {int(params["nonce"]) for params in sent.values()} == {before + 1, before + 2}
    for params in sent.values():
        assert params["signature_expiry_sec"] == now_ns // SECOND_NS + LIFE_S
        assert desk.is_signed(params)


def test_digests_are_made_anew_before_they_are_too_old():
    """Twenty seconds after they were seen to last; so an order is foreseen however long none was written."""
    desk, now_ns = Desk(), NOW_NS
    desk.quote(0)
    assert desk.make_ahead() == 2 * AROUND
    for _ in range(3):
        now_ns += FRESH_S * SECOND_NS
        assert desk.make_ahead(now_ns=now_ns) == 0
        now_ns += SECOND_NS
        assert desk.make_ahead(now_ns=now_ns) == 2 * AROUND
    before = desk.nonces.last
    desk.quote(1, now_ns + FRESH_S * SECOND_NS)
    assert desk.nonces.last == before


def test_a_side_that_rests_keeps_its_digests_while_the_other_moves():
    """Each side's grow old, and are made anew, by themselves."""
    desk, now_ns = Desk(), NOW_NS
    desk.quote(0)
    desk.make_ahead()
    for bids in range(1, 10):
        now_ns += 10 * SECOND_NS
        desk.quote(0, now_ns, bids_moved=bids)
        while desk.make_ahead(now_ns=now_ns):
            pass
    before = desk.nonces.last
    assert list(desk.quote(1, now_ns, bids_moved=8)) == ["sell"]
    assert desk.nonces.last == before


def test_another_size_was_not_foreseen():
    """A digest is of one size: an order of another has its own."""
    desk = Desk()
    desk.quote(0)
    desk.make_ahead()
    before = desk.nonces.last
    desk.slot.set_params(QuoteParams(**PARAMS | {"bid_size_nanos": 2 * NANOS}))
    sent = desk.quote(1)
    assert int(sent["buy"]["nonce"]) == before + 1
    assert int(sent["sell"]["nonce"]) < before
    assert all(map(desk.is_signed, sent.values()))


def test_a_digest_lives_as_long_as_the_venue_wants_or_is_not_used():
    """One whose expiry has come too near is made anew, and none is made that would not be good for long enough."""
    desk = Desk(order_life_s=LEAST_S + 2)
    desk.quote(0)
    desk.make_ahead()
    before = desk.nonces.last
    desk.quote(1, NOW_NS + 2 * SECOND_NS)
    assert desk.nonces.last == before
    desk.quote(2, NOW_NS + 3 * SECOND_NS)
    assert desk.nonces.last == before + 2
    ending = Desk(last_s=NOW_NS // SECOND_NS + LEAST_S)
    ending.quote(0)
    assert ending.make_ahead(now_ns=NOW_NS + SECOND_NS) == 0


def test_other_terms_forget_what_was_made():
    """A fee that must be allowed now was not signed before: every digest is made anew."""
    desk = Desk()
    desk.quote(0)
    desk.make_ahead()
    before = desk.nonces.last
    orders, _ = writer_of()
    fee = {"max_fee_nanos": 13 * NANOS}
    desk.slot.write_with(orders, orders.add_instrument("ETH-20250627-2600-C", ASSET, SUB_ID), **TERMS | fee)
    sent = desk.quote(1)
    assert desk.nonces.last == before + 2
    assert {params["max_fee"] for params in sent.values()} == {"13"}
    assert all(map(desk.is_signed, sent.values()))
    assert desk.make_ahead() == 2 * AROUND


STEPS = st.lists(
    st.tuples(
        st.integers(-60, 60), st.sampled_from([0, 1, 30, 59, 61, -2]), st.integers(0, 240), st.sampled_from([1, 2])
    ),
    max_size=25,
)


@settings(deadline=None, max_examples=60)
@given(STEPS)
def test_whatever_was_foreseen_each_order_is_whole(steps):
    """Whatever the market, the clock and the sizes do, nonces are never used twice and every signature holds."""
    desk, now_ns, nonces = Desk(), NOW_NS, []
    for moved, passed_s, most, size in steps:
        now_ns += passed_s * SECOND_NS
        desk.slot.set_params(QuoteParams(**PARAMS | {"ask_size_nanos": size * NANOS}))
        for params in desk.quote(moved, now_ns).values():
            nonces.append(int(params["nonce"]))
            assert desk.is_signed(params)
            assert LEAST_S <= params["signature_expiry_sec"] - now_ns // SECOND_NS <= LIFE_S
        assert desk.make_ahead(most, now_ns) <= most
    assert len(set(nonces)) == len(nonces)
