"""What becomes of requests: each ends as accepted, refused or unknown, is never sent twice, and unknown has an end."""

import asyncio
import time
from random import Random

import derive_samples as samples
import msgspec
import orjson
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from atomizer._core.ecdsa import Signer
from atomizer.domain.trading import CancelSent, Fill, OrderPlaced, OrderState, OrderUpdate, Side, TimeInForce
from atomizer.errors import Disconnected, OutcomeUnknown, Refused
from atomizer.net.echoes import WITHIN_NS, Echoes
from atomizer.net.rpc import ANSWER_WITHIN_NS, READ_ATTEMPTS, Rpc
from atomizer.venues.derive import orders as orders_module
from atomizer.venues.derive.account_codec import Account
from atomizer.venues.derive.auth import Credentials
from atomizer.venues.derive.budgets import WINDOW_NS, Budgets
from atomizer.venues.derive.codec import build_request, parse_message
from atomizer.venues.derive.market import MarketData
from atomizer.venues.derive.market_codec import parse_instrument, ticker_channel
from atomizer.venues.derive.orders import OrderDesk
from atomizer.venues.derive.profile import V2_TESTNET, V3_TESTNET

KEY = bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")  # public anvil test key #0
NOW_NS = 1_760_000_000 * 10**9  # before the sample option's expiry
PERPETUAL_TICKER = {
    "timestamp": 1760000000000,
    "instrument_ticker": {"t": 1760000000000, "I": "1991.79", "M": "1992.49", "option_pricing": None},
}
SECOND = 10**9


class Floor:
    """A desk with a wire that is a list: what left, what was told, and a hand on the clock."""

    def __init__(self, profile=V2_TESTNET, clock=None):
        self.clock_ns = 0
        self.sent = []
        self.told = []
        self.is_cut = False
        self.responder = None  # the wire's other end, when there is one
        self.budgets = Budgets()
        self.rpc = Rpc("derive", self.send_text, build_request, self.budgets.of, clock or (lambda: self.clock_ns))
        self.market = MarketData()
        self.market.replace_listings([parse_instrument(samples.PERPETUAL), parse_instrument(samples.OPTION)])
        self.market.feeds()[ticker_channel("ETH-PERP")](PERPETUAL_TICKER, NOW_NS)
        credentials = Credentials("0x8772185a1516f0d61fC1c2524926BfC69F95d698", Signer(KEY), 30769)
        self.echoes = Echoes(lambda: self.clock_ns)
        desk = profile, credentials, self.rpc, self.market, self.echoes
        self.desk = OrderDesk(*desk, emit=self.told.append, now_ns=lambda: NOW_NS + self.clock_ns)
        self.desk.is_open = True
        self.count = 0

    def send_text(self, text):
        if self.is_cut:
            raise Disconnected("derive", "not connected")
        self.sent.append(orjson.loads(text))
        if self.responder is not None:
            asyncio.get_running_loop().call_soon(self.responder, self.sent[-1])

    def place(self, **changes):
        self.count += 1
        fields = {
            "now_ns": NOW_NS,
            "venue": "derive",
            "client_id": f"test.r.{self.count}",
            "nonce": 1_760_000_000_000_000 + self.count,
            "instrument": "ETH-PERP",
            "side": Side.BUY,
            "price_nanos": 1995 * SECOND,
            "amount_nanos": SECOND // 10,
            "time_in_force": TimeInForce.GTC,
        }
        order = OrderPlaced(**(fields | changes))
        self.desk.place(order, NOW_NS)
        return order

    def replace(self, old, **changes):
        """A new order in place of the old one, a tick below unless told otherwise."""
        self.count += 1
        client_id, nonce = f"test.r.{self.count}", old.nonce + 1000
        fields = {"client_id": client_id, "nonce": nonce, "price_nanos": 1994 * SECOND, "replaces": old.client_id}
        order = msgspec.structs.replace(old, **(fields | changes))
        self.desk.replace(order, NOW_NS)
        return order

    def cancel(self, order):
        self.desk.cancel(CancelSent(now_ns=NOW_NS, venue="derive", client_id=order.client_id))

    def answer(self, request, **body):
        self.rpc.on_answer(parse_message(orjson.dumps({"id": request["id"], **body})))

    def acknowledge(self, request, **changes):
        params = request["params"]
        order = samples.ORDER | {"label": params["label"], "nonce": params["nonce"], "filled_amount": "0"} | changes
        self.answer(request, result={"order": order, "trades": []})

    def notify(self, request, **changes):
        params = request["params"]
        order = samples.ORDER | {"label": params["label"], "nonce": params["nonce"], "filled_amount": "0"} | changes
        self.desk.on_orders([order], NOW_NS)

    def refuse(self, request, code, data="because"):
        self.answer(request, error={"code": code, "message": "words", "data": data})

    def states_of(self, order):
        return [u.state for u in self.told if isinstance(u, OrderUpdate) and u.client_id == order.client_id]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"instrument": "DOGE-PERP"}, "not listed"),
        ({"price_nanos": 1995_005_000_000}, "tick"),
        ({"price_nanos": 0}, "tick"),
        ({"price_nanos": -1995 * SECOND}, "tick"),
        ({"amount_nanos": SECOND // 10 + 1}, "lot"),
        ({"amount_nanos": SECOND // 1000}, "outside"),
        ({"amount_nanos": 0}, "outside"),
        ({"amount_nanos": 10_001 * SECOND}, "outside"),
        ({"instrument": "HYPE-20251121-38_75-P"}, "no index price of HYPE"),
    ],
)
def test_what_cannot_succeed_is_refused_before_the_wire(changes, words):
    """Off tick, off lot, out of range, unlisted or without an index: refused with words, and nothing is sent."""
    floor = Floor()
    order = floor.place(**changes)
    assert (floor.sent, floor.told) == ([], [])
    floor.desk.flush()
    assert floor.states_of(order) == [OrderState.REFUSED]
    assert words in floor.told[0].detail


def test_an_option_that_expires_too_soon_is_refused():
    """The signature may not outlive the option, and the venue wants it to live a while."""
    floor = Floor()
    expiry_ns = 1763712000 * SECOND
    ticker = samples.SLIM_TICKER
    floor.market.feeds()[ticker_channel("HYPE-20251121-38_75-P")](ticker, NOW_NS)
    option = {"instrument": "HYPE-20251121-38_75-P", "price_nanos": SECOND, "amount_nanos": SECOND}
    order = OrderPlaced(
        now_ns=0, venue="derive", client_id="a.b.1", nonce=1, side=Side.BUY, time_in_force=TimeInForce.GTC, **option
    )
    floor.desk.place(order, expiry_ns - 301 * SECOND)
    assert floor.sent[0]["params"]["signature_expiry_sec"] == 1763712000
    floor.desk.place(order, expiry_ns - 299 * SECOND)
    floor.desk.flush()
    assert len(floor.sent) == 1
    assert "expires within" in floor.told[0].detail


@pytest.mark.parametrize(("words", "is_overdue"), [("an", False), ("na", False), ("n", False), ("a", True)])
def test_an_order_that_only_its_answer_told_of_shows_that_the_channel_is_dead(words, is_overdue):
    """Answer and notice come in either order; where an answer stays alone the order is named, once, in time."""
    floor = Floor()
    order = floor.place()
    for word in words:
        (floor.acknowledge if word == "a" else floor.notify)(floor.sent[0], order_status="open")
    floor.clock_ns += WITHIN_NS - 1
    assert floor.echoes.take_overdue() == ""
    floor.clock_ns += 1
    assert floor.echoes.take_overdue() == (order.client_id if is_overdue else "")
    assert floor.echoes.take_overdue() == ""


@pytest.mark.parametrize("status", ["filled", "cancelled"])
def test_an_order_that_ended_with_its_answer_owes_nothing(status):
    """Only what rests must be heard of: a venue need not tell of what has come and gone."""
    floor = Floor()
    floor.place()
    floor.acknowledge(floor.sent[0], order_status=status)
    floor.clock_ns += WITHIN_NS
    assert floor.echoes.take_overdue() == ""


def test_nothing_leaves_while_not_open():
    """Before the session is ready, and when the socket is gone, an order is refused: nothing was sent."""
    floor = Floor()
    floor.desk.is_open = False
    first = floor.place()
    floor.desk.is_open = floor.is_cut = True
    second = floor.place()
    floor.desk.flush()
    assert floor.states_of(first) == floor.states_of(second) == [OrderState.REFUSED]


def test_an_accepted_order_is_told_with_its_fills():
    """The answer gives the order's state and its immediate fills, spot trades left out."""
    floor = Floor()
    order = floor.place()
    spot = samples.TRADE | {"instrument_name": "ETH-USDC", "trade_id": "spot"}
    floor.answer(
        floor.sent[0],
        result={
            "order": samples.ORDER | {"label": order.client_id, "order_status": "filled", "filled_amount": "0.1"},
            "trades": [samples.TRADE],
        },
    )
    floor.desk.on_trades([samples.TRADE, spot], NOW_NS)
    update, *fills = floor.told
    assert (update.state, update.filled_nanos) == (OrderState.FILLED, SECOND // 10)
    assert [type(fill) for fill in fills] == [Fill, Fill]
    assert {fill.trade_id for fill in fills} == {samples.TRADE["trade_id"]}


@pytest.mark.parametrize(
    ("code", "state"),
    [
        (-32603, OrderState.UNKNOWN),
        (9000, OrderState.UNKNOWN),
        (-32000, OrderState.REFUSED),
        (-32602, OrderState.REFUSED),
        (9001, OrderState.REFUSED),
        (11000, OrderState.REFUSED),
        (11008, OrderState.REFUSED),
        (14014, OrderState.REFUSED),
        (11999, OrderState.REFUSED),
        (99999, OrderState.UNKNOWN),
    ],
)
def test_an_error_is_a_refusal_or_leaves_the_outcome_unknown(code, state):
    """-32603 and 9000 say nothing about the order; every other code is a definite no, with its code and words."""
    floor = Floor()
    order = floor.place()
    floor.refuse(floor.sent[0], code)
    [update] = floor.told
    assert (update.client_id, update.state, update.code) == (order.client_id, state, code)
    assert "because" in update.detail


def test_an_unreadable_answer_leaves_the_outcome_unknown():
    """An answer that does not decode is not taken for a refusal."""
    floor = Floor()
    order = floor.place()
    floor.answer(floor.sent[0], result={"order": {"order_id": 1}})
    assert floor.states_of(order) == [OrderState.UNKNOWN]


def test_no_answer_is_unknown_once_and_a_late_answer_is_still_the_truth():
    """After the deadline the outcome is unknown; an answer that comes later is told; nothing is sent again."""
    floor = Floor()
    order = floor.place()
    floor.clock_ns = ANSWER_WITHIN_NS
    floor.rpc.expire()
    floor.rpc.expire()
    assert floor.states_of(order) == [OrderState.UNKNOWN]
    floor.acknowledge(floor.sent[0])
    assert floor.states_of(order) == [OrderState.UNKNOWN, OrderState.OPEN]
    assert len(floor.sent) == 1


def test_a_lost_connection_leaves_what_was_in_flight_unknown():
    """Every unanswered order becomes unknown when the connection goes, and an answered one stays what it was."""
    floor = Floor()
    first, second = floor.place(), floor.place()
    floor.acknowledge(floor.sent[0])
    floor.desk.forget()
    floor.rpc.cut_off()
    assert floor.states_of(first) == [OrderState.OPEN]
    assert floor.states_of(second) == [OrderState.UNKNOWN]


# --- cancels


def test_an_acknowledged_order_is_cancelled_by_the_venues_id():
    """The cancel names instrument and order id; its answer ends the order."""
    floor = Floor()
    order = floor.place()
    floor.acknowledge(floor.sent[0])
    floor.cancel(order)
    request = floor.sent[1]
    assert request["method"] == "private/cancel"
    assert request["params"] == {
        "subaccount_id": 30769,
        "instrument_name": "ETH-PERP",
        "order_id": samples.ORDER["order_id"],
    }
    cancelled = {"label": order.client_id, "order_status": "cancelled", "cancel_reason": "user_request"}
    floor.answer(request, result=samples.ORDER | cancelled)
    assert floor.states_of(order) == [OrderState.OPEN, OrderState.CANCELLED]
    assert floor.told[-1].filled_nanos == 40_000_000


@pytest.mark.parametrize("profile", [V2_TESTNET, V3_TESTNET], ids=lambda p: p.name)
def test_an_order_in_flight_is_cancelled_by_burning_its_nonce(profile):
    """Without an order id the nonce is burned, as an integer in both versions, with the wallet in v2."""
    floor = Floor(profile)
    order = floor.place()
    floor.cancel(order)
    request = floor.sent[1]
    assert request["method"] == "private/cancel_by_nonce"
    assert request["params"]["nonce"] == order.nonce
    assert ("wallet" in request["params"]) == (profile is V2_TESTNET)
    floor.answer(request, result={"cancelled_orders": 0})
    floor.refuse(floor.sent[0], 11017)
    assert floor.states_of(order) == [OrderState.REFUSED]


@pytest.mark.parametrize(("cancelled", "states"), [(0, [OrderState.UNKNOWN]), (1, []), (-1, [])])
def test_an_order_that_we_know_nothing_of_is_cancelled_by_its_label(cancelled, states):
    """A label without an order is told; else the orders channel tells what the venue did (-1: v3 does not say)."""
    floor = Floor()
    floor.desk.cancel(CancelSent(now_ns=0, venue="derive", client_id="a.b.9"))
    [request] = floor.sent
    assert (request["method"], request["params"]) == (
        "private/cancel_by_label",
        {"subaccount_id": 30769, "label": "a.b.9"},
    )
    floor.answer(request, result={"cancelled_orders": cancelled})
    assert [(update.client_id, update.state) for update in floor.told] == [("a.b.9", state) for state in states]


@pytest.mark.parametrize("code", [11003, 11004, 11006, -32603])
def test_a_cancel_that_failed_says_so(code):
    """A cancel that found nothing, or whose outcome is unknown, is told with its code; the order's end comes apart."""
    floor = Floor()
    order = floor.place()
    floor.acknowledge(floor.sent[0])
    floor.cancel(order)
    floor.refuse(floor.sent[1], code)
    assert floor.states_of(order) == [OrderState.OPEN, OrderState.UNKNOWN]
    assert floor.told[-1].code == code


# --- replacements


def resting(floor, **changes):
    """An order that rests, partly filled."""
    order = floor.place()
    floor.acknowledge(floor.sent[-1], **changes)
    return order


@pytest.mark.parametrize("profile", [V2_TESTNET, V3_TESTNET], ids=lambda p: p.name)
def test_a_replacement_names_the_old_order_and_what_it_had_filled(profile):
    """By the venue's id when it is known, else by its nonce as each version writes one; all else is a new order's."""
    floor = Floor(profile)
    old = resting(floor, filled_amount="0.04")
    new = floor.replace(old)
    request = floor.sent[1]
    assert request["method"] == "private/replace"
    params = request["params"]
    assert params["order_id_to_cancel"] == samples.ORDER["order_id"]
    assert params["expected_filled_amount"] == "0.04"
    again = floor.replace(new)
    params = floor.sent[2]["params"]
    assert params["nonce_to_cancel"] == (str(new.nonce) if profile is V3_TESTNET else new.nonce)
    assert params["expected_filled_amount"] == "0"
    assert "order_id_to_cancel" not in params
    shared = {"nonce_to_cancel", "expected_filled_amount"}
    assert params.keys() - shared == floor.sent[0]["params"].keys()
    assert params["label"] == again.client_id


def ended_by_replacement(old, status="cancelled", filled="0"):
    return samples.ORDER | {
        "label": old.client_id,
        "order_id": "the-old-one",
        "order_status": status,
        "filled_amount": filled,
    }


def test_a_replacement_that_was_done_ends_the_old_order_and_opens_the_new():
    """Both orders are told; the new one's fills, too."""
    floor = Floor()
    old = resting(floor)
    new = floor.replace(old)
    created = samples.ORDER | {"label": new.client_id, "filled_amount": "0.04"}
    trade = samples.TRADE | {"label": new.client_id}
    result = {"cancelled_order": ended_by_replacement(old), "order": created, "trades": [trade]}
    floor.answer(floor.sent[1], result=result)
    assert floor.states_of(old) == [OrderState.OPEN, OrderState.CANCELLED]
    assert floor.states_of(new) == [OrderState.OPEN]
    assert [fill.client_id for fill in floor.told if isinstance(fill, Fill)] == [new.client_id]
    floor.cancel(new)
    assert floor.sent[2]["params"]["order_id"] == samples.ORDER["order_id"]


@pytest.mark.parametrize("code", [11008, 11028, 11000, -32603])
def test_a_replacement_that_only_cancelled_is_told_as_that(code):
    """Cancelled but not created: the old order ends with what it filled, the new one has its own word."""
    floor = Floor()
    old = resting(floor)
    new = floor.replace(old)
    fault = {"code": code, "message": "words", "data": None}
    gone = ended_by_replacement(old, filled="0.04")
    floor.answer(
        floor.sent[1], result={"cancelled_order": gone, "order": None, "trades": None, "create_order_error": fault}
    )
    assert floor.states_of(old) == [OrderState.OPEN, OrderState.CANCELLED]
    state = OrderState.UNKNOWN if code == -32603 else OrderState.REFUSED
    assert floor.states_of(new) == [state]
    assert floor.told[-1].code == code
    assert floor.told[-2].filled_nanos == 40_000_000
    assert len(floor.sent) == 2


def test_a_replacement_of_an_order_that_filled_meanwhile_creates_nothing():
    """The venue finds nothing to cancel, so nothing is created; how the old order ended comes through its channel."""
    floor = Floor()
    old = resting(floor)
    new = floor.replace(old)
    floor.refuse(floor.sent[1], 11004)
    assert floor.states_of(new) == [OrderState.REFUSED]
    assert floor.states_of(old) == [OrderState.OPEN, OrderState.UNKNOWN]
    assert len(floor.sent) == 2


@pytest.mark.parametrize("code", [14014, 11012, -32000])
def test_a_replacement_that_was_refused_whole_still_cancels_the_old_order(code):
    """Asked to go, the old order goes, by a plain cancel: at once, or after the venue's hint."""
    floor = Floor()
    old = resting(floor)
    new = floor.replace(old)
    floor.refuse(floor.sent[1], code)
    floor.clock_ns = WINDOW_NS
    floor.desk.flush()
    assert floor.states_of(new) == [OrderState.REFUSED]
    assert floor.sent[2]["method"] == "private/cancel"
    floor.answer(floor.sent[2], result=samples.ORDER | {"label": old.client_id, "order_status": "cancelled"})
    assert floor.states_of(old)[-1] is OrderState.CANCELLED


@pytest.mark.parametrize("how", ["silence", "loss", "nonsense"])
def test_a_replacement_that_nobody_answered_leaves_both_unknown(how):
    """Neither is sent again; both are to be asked for."""
    floor = Floor()
    old = resting(floor)
    new = floor.replace(old)
    if how == "silence":
        floor.clock_ns = ANSWER_WITHIN_NS
        floor.rpc.expire()
    elif how == "loss":
        floor.rpc.cut_off()
    else:
        floor.answer(floor.sent[1], result={"cancelled_order": ended_by_replacement(old), "order": None})
    floor.desk.flush()
    assert floor.states_of(new) == [OrderState.UNKNOWN]
    assert floor.states_of(old) == [OrderState.OPEN, OrderState.UNKNOWN]
    assert len(floor.sent) == 2


def test_a_replacement_that_cannot_be_is_a_cancel():
    """Off tick, or beyond the budget: the new order is refused before the wire and the old one is cancelled."""
    floor = Floor()
    old = resting(floor)
    new = floor.replace(old, price_nanos=1995_005_000_000)
    floor.desk.flush()
    assert floor.states_of(new) == [OrderState.REFUSED]
    assert [request["method"] for request in floor.sent[1:]] == ["private/cancel"]
    floor.place()
    last = floor.place()
    new = floor.replace(last)
    floor.desk.flush()
    assert floor.states_of(new) == [OrderState.REFUSED]
    methods = [request["method"] for request in floor.sent[2:]]
    assert methods == ["private/order", "private/order", "private/cancel_by_nonce"]


def test_nothing_takes_the_place_of_an_order_that_is_not_there():
    """What ended may have ended filled, and the new order would come on top: it is refused."""
    floor = Floor()
    old = resting(floor)
    floor.desk.on_orders([samples.ORDER | {"label": old.client_id, "order_status": "filled"}], NOW_NS)
    new = floor.replace(old)
    floor.desk.flush()
    assert floor.states_of(new) == [OrderState.REFUSED]
    assert [request["method"] for request in floor.sent[1:]] == ["private/cancel_by_label"]


# --- budgets


def test_the_last_requests_of_the_budget_are_for_cancels():
    """A trader's five requests in five seconds: four orders leave, the fifth is refused, a cancel still leaves."""
    floor = Floor()
    placed = [floor.place() for _ in range(5)]
    floor.desk.flush()
    assert len(floor.sent) == 4
    assert floor.states_of(placed[4]) == [OrderState.REFUSED]
    floor.cancel(placed[0])
    assert len(floor.sent) == 5


def test_a_cancel_beyond_the_budget_waits_and_is_not_lost():
    """With even the reserve used up, cancels leave as soon as the window allows, in order."""
    floor = Floor()
    placed = [floor.place() for _ in range(4)]
    for request in list(floor.sent):
        floor.acknowledge(request, order_id=request["params"]["label"])
    for order in placed[:3]:
        floor.cancel(order)
    floor.desk.flush()
    assert len(floor.sent) == 5
    floor.clock_ns = WINDOW_NS
    floor.desk.flush()
    assert [request["params"]["order_id"] for request in floor.sent[4:]] == [o.client_id for o in placed[:3]]


def test_one_instruments_budget_holds_back_no_other(account):
    """Orders and cancels of each are counted by itself, within the account's; what waits leaves as its own allows."""
    floor = Floor()
    floor.budgets.adopt(account)
    bitcoin = samples.PERPETUAL | {"instrument_name": "BTC-PERP", "base_currency": "BTC"}
    floor.market.replace_listings([parse_instrument(samples.PERPETUAL), parse_instrument(bitcoin)])
    floor.market.feeds()[ticker_channel("ETH-PERP")](PERPETUAL_TICKER, NOW_NS)
    floor.market.feeds()[ticker_channel("BTC-PERP")](PERPETUAL_TICKER, NOW_NS)
    perpetuals = [floor.place() for _ in range(4)]
    assert len(floor.sent) == 4
    late = floor.place()
    floor.desk.flush()
    assert (len(floor.sent), floor.told[-1].client_id, floor.told[-1].state) == (4, late.client_id, OrderState.REFUSED)
    other = floor.place(instrument="BTC-PERP")
    for request in floor.sent[:5]:
        floor.acknowledge(request, instrument_name=request["params"]["instrument_name"])
    for order in (*perpetuals[:3], other):
        floor.cancel(order)
    cancelled = [request["params"]["instrument_name"] for request in floor.sent[5:]]
    assert cancelled == ["ETH-PERP", "BTC-PERP"]
    floor.clock_ns = WINDOW_NS
    floor.desk.flush()
    assert [request["params"]["instrument_name"] for request in floor.sent[7:]] == ["ETH-PERP"] * 2


@pytest.fixture
def account():
    return Account(
        cancel_on_disconnect=True,
        is_rfq_maker=False,
        matching_tps=100,
        non_matching_tps=100,
        option_tps=1,
        perpetual_tps=1,
        subaccount_ids=(30769,),
    )


def test_a_connection_made_again_has_what_was_left(account):
    """The venue counts by wallet: what it grants anew as before was used up before; other rates begin anew."""
    budgets = Budgets()
    budgets.adopt(account)
    while budgets.of("private/order", "ETH-PERP").try_take(SECOND):
        pass
    budgets.adopt(account)
    assert not budgets.of("private/order", "ETH-PERP").try_take(SECOND)
    budgets.adopt(msgspec.structs.replace(account, perpetual_tps=2))
    assert budgets.of("private/order", "ETH-PERP").try_take(SECOND)


def test_a_cancel_told_to_slow_down_leaves_again_after_the_hint():
    """A rate-limited cancel is a definite no, so it is sent again when the venue's hint has passed."""
    floor = Floor()
    order = floor.place()
    floor.acknowledge(floor.sent[0])
    floor.cancel(order)
    floor.refuse(floor.sent[1], -32000, "Retry after 700 ms")
    floor.clock_ns = 699 * 10**6
    floor.desk.flush()
    assert len(floor.sent) == 2
    floor.clock_ns = 700 * 10**6
    floor.desk.flush()
    assert floor.sent[2]["method"] == "private/cancel"


def test_a_waiting_cancel_of_an_order_that_ended_is_not_sent():
    """What has ended meanwhile needs no cancel."""
    floor = Floor()
    order = floor.place()
    floor.acknowledge(floor.sent[0])
    floor.cancel(order)
    floor.refuse(floor.sent[1], -32000)
    floor.desk.on_orders([samples.ORDER | {"label": order.client_id, "order_status": "filled"}], NOW_NS)
    floor.clock_ns = WINDOW_NS
    floor.desk.flush()
    assert len(floor.sent) == 2


class EveryOrderIsHeardOf(RuleBasedStateMachine):
    """Under any mix of answers, silence, refusals and losses each order leaves at most once and is always heard of."""

    def __init__(self):
        super().__init__()
        self.floor = Floor()
        self.placed = []
        self.unanswered = []

    @rule()
    def place(self):
        before = len(self.floor.sent)
        self.placed.append(self.floor.place())
        self.unanswered += self.floor.sent[before:]

    @rule(pick=st.integers(0, 99), code=st.sampled_from([0, 11000, -32603, -32000]))
    def answer(self, pick, code):
        if self.unanswered:
            request = self.unanswered.pop(pick % len(self.unanswered))
            if code:
                self.floor.refuse(request, code)
            else:
                self.floor.acknowledge(request)

    @rule(step_ns=st.integers(1, WINDOW_NS))
    def let_time_pass(self, step_ns):
        self.floor.clock_ns += step_ns
        self.floor.rpc.expire()
        self.floor.desk.flush()

    @rule()
    def lose_the_connection(self):
        self.unanswered.clear()
        self.floor.desk.forget()
        self.floor.rpc.cut_off()
        self.floor.desk.is_open = True

    @invariant()
    def nothing_is_sent_twice(self):
        labels = [request["params"]["label"] for request in self.floor.sent]
        assert len(labels) == len(set(labels))

    def teardown(self):
        self.floor.clock_ns += ANSWER_WITHIN_NS
        self.floor.rpc.expire()
        self.floor.desk.flush()
        sent = {request["params"]["label"] for request in self.floor.sent}
        for order in self.placed:
            states = self.floor.states_of(order)
            assert states
            assert order.client_id in sent or states == [OrderState.REFUSED]


EveryOrderIsHeardOf.TestCase.settings = settings(max_examples=50, stateful_step_count=25, deadline=None)
test_every_order_is_heard_of = EveryOrderIsHeardOf.TestCase


# --- resolving the unknown


class Venue:
    """Answers a desk's questions: how many its nonce cancelled, and what history knows after how many looks."""

    def __init__(self, floor, *, cancelled, history=(), looks=0):
        self.floor = floor
        self.cancelled = cancelled
        self.history = list(history)
        self.looks = looks
        floor.responder = self.answer

    def answer(self, request):
        if request["method"] == "private/cancel_by_nonce":
            if isinstance(self.cancelled, int):
                self.floor.answer(request, result={"cancelled_orders": self.cancelled})
            else:
                self.floor.answer(request, error=self.cancelled)
        elif request["method"] == "private/get_order_history":
            self.looks -= 1
            found = self.history if self.looks < 0 else []
            self.floor.answer(request, result={"orders": found, "pagination": {"num_pages": 1}})


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(orders_module, "FIRST_PAUSE_S", 0.0)


def ended(order, status, filled):
    return samples.ORDER | {
        "label": order.client_id,
        "nonce": order.nonce,
        "order_status": status,
        "filled_amount": filled,
    }


@pytest.mark.parametrize("looks", [0, 2])
async def test_an_unknown_order_that_filled_is_found_in_history(looks):
    """The nonce is burned first; then history says what had become of it, even if it lags."""
    floor = Floor()
    order = floor.place()
    Venue(floor, cancelled=0, history=[ended(order, "filled", "0.1")], looks=looks)
    await floor.desk.resolve(order)
    assert [request["method"] for request in floor.sent[1:3]] == [
        "private/cancel_by_nonce",
        "private/get_order_history",
    ]
    assert floor.states_of(order) == [OrderState.FILLED]
    assert floor.told[-1].filled_nanos == SECOND // 10


async def test_an_unknown_order_that_rested_is_cancelled_with_what_it_filled():
    """An order that its nonce cancelled ends cancelled, with its partial fill."""
    floor = Floor()
    order = floor.place()
    Venue(floor, cancelled=1, history=[ended(order, "cancelled", "0.04")])
    await floor.desk.resolve(order)
    assert (floor.states_of(order), floor.told[-1].filled_nanos) == ([OrderState.CANCELLED], 40_000_000)


@pytest.mark.parametrize(
    ("cancelled", "state"),
    [
        (0, OrderState.REFUSED),
        (1, OrderState.CANCELLED),
        ({"code": 11006, "message": "Does not exist"}, OrderState.REFUSED),
        ({"code": 12001, "message": "Instrument not found"}, OrderState.REFUSED),
    ],
)
async def test_an_order_that_history_never_shows_ends_by_its_nonce(cancelled, state):
    """Nothing was cancelled and history stays empty: it never arrived and never will."""
    floor = Floor()
    order = floor.place()
    Venue(floor, cancelled=cancelled)
    await floor.desk.resolve(order)
    assert floor.states_of(order) == [state]


@pytest.mark.parametrize(("code", "kind"), [(-32603, OutcomeUnknown), (14020, Refused)])
async def test_an_outcome_stays_unknown_when_the_venue_cannot_be_asked(code, kind):
    """When even the burning fails, the error is raised and nothing is concluded."""
    floor = Floor()
    order = floor.place()
    Venue(floor, cancelled={"code": code, "message": "words"})
    with pytest.raises(kind):
        await floor.desk.resolve(order)
    assert floor.told == []


async def test_fills_are_read_page_by_page_each_once_oldest_first():
    """History comes latest first and may shift while it is read; the result is sorted and without doubles."""
    floor = Floor()
    stamps = Random(3).sample(range(1_770_000_000_000, 1_780_000_000_000), 7)  # noqa: S311  test data
    trades = [samples.TRADE | {"trade_id": f"t{stamp}", "timestamp": stamp} for stamp in sorted(stamps, reverse=True)]
    pages = {1: trades[:3], 2: trades[2:5], 3: trades[5:]}

    def answer(request):
        result = {"trades": pages[request["params"]["page"]], "pagination": {"num_pages": 3}}
        floor.answer(request, result=result)

    floor.responder = answer
    fills = await floor.desk.fills_since(1_770_000_000_000)
    assert [fill.venue_time_ns // 10**6 for fill in fills] == sorted(stamps)
    assert {request["params"]["from_timestamp"] for request in floor.sent} == {1_770_000_000_000}


@pytest.mark.parametrize("refusals", [READ_ATTEMPTS - 1, READ_ATTEMPTS])
async def test_a_slow_down_to_a_question_is_waited_out_and_in_the_end_raised(refusals):
    """A read that is rate-limited is asked again after the hint, and given up as a retryable refusal."""
    floor = Floor(clock=time.monotonic_ns)

    def answer(request):
        if len(floor.sent) <= refusals:
            floor.refuse(request, -32000, "Retry after 1 ms")
        else:
            floor.answer(request, result={"orders": []})

    floor.responder = answer
    if refusals < READ_ATTEMPTS:
        assert await floor.desk.open_orders() == []
    else:
        with pytest.raises(Refused) as caught:
            await floor.desk.open_orders()
        assert caught.value.retryable
    assert len(floor.sent) == READ_ATTEMPTS
