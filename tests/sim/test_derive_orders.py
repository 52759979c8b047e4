"""An order's life on practice Derive, in both generations, and every refusal on the way."""

from decimal import Decimal

import pytest
from derive_trader import (
    EXPIRED_KEY_ACCOUNT,
    KEY,
    MS,
    OTHER_KEY,
    PERP,
    POOR_ACCOUNT,
    SECOND,
    STRANGER_KEY,
    Desk,
    e18,
    login_params,
    text,
)

from atomizer.sim.derive import PRACTICE_ACCOUNT, V2, V3


@pytest.fixture(params=[V2, V3], ids=["v2", "v3"])
def dialect(request):
    return request.param


@pytest.fixture
def desk():
    """One maker at ten ticks round the mark in the perpetual and in one option."""
    desk = Desk()
    for name in (PERP, desk.option()):
        desk.ladder(bids=[(-10, 50), (-20, 50)], asks=[(10, 50), (20, 50)], name=name)
    return desk


@pytest.fixture
def trader(desk, dialect):
    return desk.trader(dialect)


def test_resting_order_is_open_until_cancelled(desk, trader):
    """A limit order away from the market rests; cancelled, it is gone and its history says so."""
    order = trader.order("buy", "1.5", desk.at(-30), label="mine")["order"]
    assert (order["order_status"], order["filled_amount"], order["label"]) == ("open", "0", "mine")
    assert trader.open_orders() == [order]
    gone = trader.own("private/cancel", instrument_name=PERP, order_id=order["order_id"])
    assert (gone["order_status"], gone["cancel_reason"]) == ("cancelled", "user_request")
    assert trader.open_orders() == []
    assert trader.own("private/get_order_history")["orders"] == [gone]
    assert trader.own("private/get_order", order_id=order["order_id"]) == gone


def test_shape_of_nonce_follows_the_generation(desk, dialect, trader):
    """v2 answers with an integer nonce, v3 with text and its algo fields."""
    order = trader.order("buy", "1", desk.at(-30))["order"]
    assert isinstance(order["nonce"], str if dialect is V3 else int)
    assert ("algo_type" in order) == (dialect is V3)


def test_marketable_order_trades_at_the_resting_price(desk, dialect, trader):
    """A crossing order trades best price first, pays the schedule's fee, and is told about it on all its channels."""
    name, index = desk.option(), desk.index(desk.option())
    number = trader.subaccount_id
    trader.ok("subscribe", channels=[f"{number}.orders", f"{number}.trades", f"{number}.balances", f"trades.{name}"])
    answer = trader.order("buy", "60", desk.at(25, name), name)
    assert answer["order"]["order_status"] == "filled"
    best, second = desk.at(10, name), desk.at(20, name)
    assert [(row["trade_price"], row["trade_amount"]) for row in answer["trades"]] == [
        (text(best), "50"),
        (text(second), "10"),
    ]
    fees = [min(Decimal("0.0003") * index, price / 8) * size for price, size in ((best, 50), (second, 10))]
    assert [row["trade_fee"] for row in answer["trades"]] == [text(fees[0] + Decimal("0.5")), text(fees[1])]
    (orders,) = trader.heard(f"{number}.orders")
    assert orders == [answer["order"]]
    assert trader.heard(f"{number}.trades") == [answer["trades"]]
    assert [len(rows) for rows in trader.heard(f"{number}.balances")] == [4]
    assert [rows[0]["direction"] for rows in trader.heard(f"trades.{name}")] == ["buy", "buy"]
    settled = "batch_status" if dialect is V3 else "tx_status"
    assert settled in answer["trades"][0]


def test_partial_fill_rests_the_remainder(desk, trader):
    """What a limit order does not find rests at its limit, still open."""
    order = trader.order("buy", "150", desk.at(25))["order"]
    assert (order["order_status"], order["filled_amount"]) == ("open", "100")
    assert [row["filled_amount"] for row in trader.open_orders()] == ["100"]
    desk.take(is_buy=False, amount="50", ticks=0)
    assert trader.open_orders() == []
    assert trader.position()["amount"] == "150"


def test_maker_fee_has_no_base(desk, trader):
    """A resting order that is hit pays the maker rate and nothing else."""
    number, index = trader.subaccount_id, desk.index()
    trader.ok("subscribe", channels=[f"{number}.trades"])
    trader.order("buy", "2", desk.at(-5))
    desk.take(is_buy=False, amount="2", ticks=-10)
    ((trade,),) = trader.heard(f"{number}.trades")
    assert (trade["liquidity_role"], trade["trade_price"]) == ("maker", text(desk.at(-5)))
    assert trade["trade_fee"] == text(Decimal("0.0001") * index * 2)


def test_perp_base_fee_is_charged_once_an_order(desk, trader):
    """A taker order pays its base fee with its first fill only, also when it fills in two levels."""
    trades = trader.order("sell", "70", desk.at(-25))["trades"]
    notional = Decimal("0.0003") * desk.index()
    assert [row["trade_fee"] for row in trades] == [text(notional * 50 + Decimal("0.1")), text(notional * 20)]


@pytest.mark.parametrize(
    ("amount", "ticks", "changes", "code"),
    [
        ("0.1005", -30, {}, 11012),
        ("0.0999", -30, {}, 11012),
        ("0.05", -30, {}, 11012),
        ("10000.001", -30, {}, 11012),
        ("0", -30, {}, 11012),
        ("-1", -30, {}, 11012),
        ("1", -30, {"limit_price": "2000.001"}, 11013),
        ("1", -30, {"limit_price": "0"}, 11013),
        ("1", -30, {"limit_price": "-5"}, 11013),
        ("1", -30, {"limit_price": "90000"}, 11013),
        ("1", -30, {"max_fee": "0"}, 11023),
        ("1", -30, {"max_fee": "0.1"}, 11023),
        ("1", -30, {"order_type": "market", "time_in_force": "post_only"}, 11010),
        ("1", 15, {"time_in_force": "post_only"}, 11008),
        ("1", 5, {"time_in_force": "ioc"}, 11009),
        ("1", 5, {"order_type": "market"}, 11009),
        ("101", 25, {"time_in_force": "fok"}, 11014),
        ("1", -30, {"reduce_only": True}, 11024),
        ("1", 15, {"reduce_only": True, "time_in_force": "ioc"}, 11025),
        ("1", -30, {"reject_timestamp": 1_790_000_000_000}, 11022),
        ("1", -30, {"trigger_type": "stoploss"}, -32602),
        ("1", -30, {"instrument_name": PERP.lower()}, 12001),
        ("1", -30, {"subaccount_id": 30770}, 14020),
        ("1", -30, {"subaccount_id": 999}, 14001),
        ("1", -30, {"signature_expiry_sec": 1_790_000_005}, 11011),
        ("1", -30, {"signature_expiry_sec": 1_790_000_000 + 121 * 86_400}, 11011),
    ],
)
def test_refusals_have_their_codes(desk, trader, amount, ticks, changes, code):  # noqa: PLR0917  its table is wide
    """Each broken rule has its own code, and a refused order leaves nothing behind."""
    changes = {"limit_price": str(desk.at(ticks))} | changes
    name = changes.pop("instrument_name", PERP)
    params = trader.params("buy", amount, changes["limit_price"], PERP, **changes) | {"instrument_name": name}
    assert trader.code("private/order", **params) == code
    assert trader.open_orders() == []
    assert trader.position() is None


def test_refusals_say_what_was_expected(desk, trader):
    """The specifics are in `data`: the step, the band, the fee, the seconds."""
    step = trader.order_refused("buy", "1.00001", desk.at(-30))
    assert step["data"] == "Amount must be a multiple of 0.001"
    far = trader.order_refused("buy", "1", "90000")
    assert far["data"].keys() == {"limit", "bandwidth"}
    fee = trader.order_refused("buy", "1", desk.at(-30), max_fee="0")
    assert fee["data"] == f"signed max_fee must be >= {text(Decimal('0.0003') * desk.index() + Decimal('0.1'))}"


def test_a_far_low_bid_is_fine(trader):
    """Only the aggressive side of the market has a far end."""
    assert trader.order("buy", "1", "100")["order"]["order_status"] == "open"


def test_expiry_rule_follows_the_generation(desk, dialect, trader):
    """v2 wants five minutes of life left in a signature, v3 ten seconds; protected makers may sign for longer."""
    life = dialect.order_life_s
    now_s = desk.now_ns // SECOND
    assert trader.order_code("buy", "1", desk.at(-30), signature_expiry_sec=now_s + life - 1) == 11011
    trader.order("buy", "1", desk.at(-30), signature_expiry_sec=now_s + life)
    trader.order("buy", "1", desk.at(-30), signature_expiry_sec=now_s + 200 * 86_400, mmp=True)


def test_gtc_order_expires_with_its_signature(desk, trader):
    """When the signature runs out the order is gone, as expired."""
    number = trader.subaccount_id
    trader.ok("subscribe", channels=[f"{number}.orders"])
    order = trader.order("buy", "1", desk.at(-30), signature_expiry_sec=desk.now_ns // SECOND + 300)["order"]
    desk.wait(299 * SECOND)
    assert len(trader.open_orders()) == 1
    desk.wait(SECOND)
    (_opened,), (expired,) = trader.heard(f"{number}.orders")
    assert (expired["order_id"], expired["order_status"]) == (order["order_id"], "expired")
    assert trader.own("private/get_open_orders")["orders"] == []
    code = trader.refused("private/cancel", subaccount_id=number, instrument_name=PERP, order_id=order["order_id"])
    assert code["code"] == 11005


def test_nonces_are_unique_and_current(desk, dialect, trader):
    """A nonce is used once, by its owner, and starts with the current UTC time."""
    params = trader.params("buy", "1", desk.at(-30))
    trader.ok("private/order", **params)
    assert trader.code("private/order", **params) == 11017

    def with_nonce(time_ns):
        nonce = str(time_ns) if dialect is V3 else time_ns // MS
        return trader.order_code("buy", "1", desk.at(-30), nonce=nonce)

    behind, ahead = (7_776_001, 3601) if dialect is V3 else (3601, 3601)
    assert with_nonce(desk.now_ns - behind * SECOND) == 11018
    assert with_nonce(desk.now_ns + ahead * SECOND) == 11018
    short = str(desk.now_ns // MS) if dialect is V3 else desk.now_ns // SECOND
    assert trader.order_code("buy", "1", desk.at(-30), nonce=short) == 11018


def test_nonce_has_the_type_of_its_generation(desk, dialect, trader):
    """Text in v2 and an integer in v3 are no nonces."""
    params = trader.params("buy", "1", desk.at(-30))
    wrong = int(params["nonce"]) if dialect is V3 else str(params["nonce"])
    assert trader.code("private/order", **(params | {"nonce": wrong})) == -32602


def test_decimals_end_where_the_generation_ends(desk, dialect, trader):
    """v2 reads eighteen places, v3 twelve; neither reads an exponent."""
    places = dialect.decimal_places
    fee = "1000." + "0" * (places - 1) + "1"
    assert trader.order("buy", "1", desk.at(-30), max_fee=fee)["order"]["max_fee"] == fee
    params = trader.params("buy", "1", desk.at(-30))
    for bad in (fee + "1", "1E+3", "NaN", "Infinity", "1e400", "", ".5", "+1", "1_000", 1000, 1000.5, None, "٣"):
        assert trader.code("private/order", **(params | {"max_fee": bad})) == -32602


@pytest.mark.parametrize(
    "mutation",
    [
        {"amount": "1.001"},
        {"limit_price": "1999.5"},
        {"max_fee": "999"},
        {"direction": "sell"},
        {"signature_expiry_sec": 1_790_003_602},
        {"signer": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"},
        {"instrument_name": "BTC-PERP"},
        {"signature": "0x" + "11" * 65},
        {"signature": "nonsense"},
    ],
)
def test_what_was_not_signed_is_refused(desk, trader, mutation):
    """Any field changed after the signature is 14014, before any other rule is looked at."""
    params = trader.params("buy", "1", desk.at(-30)) | mutation
    assert trader.code("private/order", **params) == 14014
    assert trader.open_orders() == []


def test_other_generation_cannot_use_the_signature(desk):
    """The domains differ, so a signature for v2 is worth nothing in v3."""
    first, second = desk.trader(V2), desk.trader(V3)
    params = first.params("buy", "1", desk.at(-30), nonce=desk.now_ns // MS * 1000)
    nonce = str(params["nonce"]).ljust(19, "0")
    assert second.code("private/order", **(params | {"nonce": nonce})) == 14014


def test_unregistered_and_expired_signers_are_refused(desk, dialect, trader):
    """A well signed order of a key that the wallet does not know is 14023; a login with an expired key is 14030."""
    trader.key, trader.signer = OTHER_KEY, "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
    assert trader.order_code("buy", "1", desk.at(-30)) == 14023
    guest = desk.trader(dialect, EXPIRED_KEY_ACCOUNT, STRANGER_KEY, logged_in=False)
    login = login_params(EXPIRED_KEY_ACCOUNT.wallet, STRANGER_KEY, desk.now_ns // MS)
    assert guest.code("public/login", **login) == 14030


def test_own_orders_never_cross(desk, dialect, trader):
    """An order that would meet one of the same wallet is refused, also from another of its subaccounts."""
    trader.order("sell", "1", desk.at(5))
    assert trader.order_code("buy", "1", desk.at(5)) == 11007
    other, poor = desk.other(dialect), desk.trader(dialect, POOR_ACCOUNT, OTHER_KEY)
    other.order("buy", "0.1", desk.at(2))
    assert poor.order_code("sell", "0.1", desk.at(2)) == 11007
    assert trader.order("sell", "0.1", desk.at(2))["order"]["order_status"] == "filled"


def test_post_only_may_slide(desk, trader):
    """With reject_post_only false it rests one tick from the other side and says which price was signed."""
    order = trader.order("buy", "1", desk.at(15), time_in_force="post_only", reject_post_only=False)["order"]
    assert order["limit_price"] == text(desk.at(9))
    assert order["signed_limit_price"] == text(desk.at(15))
    assert order["order_status"] == "open"


def test_ioc_cancels_its_rest(desk, trader):
    """What an immediate order does not find is cancelled, with what it found kept."""
    order = trader.order("buy", "80", desk.at(15), time_in_force="ioc")["order"]
    assert (order["order_status"], order["cancel_reason"]) == ("cancelled", "ioc_or_market_partial_fill")
    assert order["filled_amount"] == "50"
    assert order["average_price"] == text(desk.at(10))


def test_market_order_stays_inside_the_band(desk, trader):
    """An aggressive order never trades beyond the price band, whatever its limit."""
    record = trader.ok("public/get_tickers", instrument_type="perp")["tickers"][PERP]
    beyond = int((Decimal(record["maxp"]) - desk.at(0)) / Decimal("0.01")) + 5
    desk.ladder(asks=[(10, 1), (beyond, 5)])
    order = trader.order("buy", "3", desk.at(beyond + 10), order_type="market")["order"]
    assert (order["filled_amount"], order["order_status"]) == ("1", "cancelled")
    assert trader.order_code("buy", "3", desk.at(beyond + 10)) == 11008


def test_reduce_only_is_trimmed_to_the_position(desk, trader):
    """The excess of a reducing order is cut off, never turned round."""
    trader.order("buy", "2", desk.at(15))
    order = trader.order("sell", "5", desk.at(-15), time_in_force="ioc", reduce_only=True)["order"]
    assert (order["amount"], order["filled_amount"], order["order_status"]) == ("2", "2", "filled")
    assert trader.position() is None


def test_a_rich_signature_is_needed_while_it_rests():
    """A resting order whose signed fee no longer covers its maker fee leaves instead of trading."""
    desk = Desk(market_seed=3)  # whose index rises at once
    trader = desk.trader()
    number = trader.subaccount_id
    trader.ok("subscribe", channels=[f"{number}.orders"])
    fee = text(Decimal("0.0001") * desk.index())
    trader.order("buy", "1", desk.at(-5), time_in_force="post_only", max_fee=fee)
    while Decimal("0.0001") * desk.index() <= Decimal(fee):
        desk.market.advance(desk.now_ns)
        desk.now_ns += 100 * MS
    desk.ladder(asks=[(-2000, 1)], maker="birch")
    last = trader.heard(f"{number}.orders")[-1][0]
    assert last["cancel_reason"] == "signed_max_fee_too_low"


def test_replace_swaps_one_order_for_another(desk, trader):
    """The old order is cancelled, the new one is open under a new id and names the old."""
    old = trader.order("buy", "1", desk.at(-30))["order"]
    new = trader.params("buy", "2", desk.at(-29)) | {"order_id_to_cancel": old["order_id"]}
    result = trader.ok("private/replace", **new)
    assert result["cancelled_order"]["order_status"] == "cancelled"
    assert result["order"]["replaced_order_id"] == old["order_id"]
    assert trader.open_orders() == [result["order"]]
    newer = trader.params("buy", "3", desk.at(-29)) | {"nonce_to_cancel": result["order"]["nonce"]}
    assert trader.ok("private/replace", **newer)["order"]["amount"] == "3"


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        ({"amount": "1.0005"}, 14014),
        ({"signature": "0x" + "11" * 65}, 14014),
        ({"expected_filled_amount": "0.5"}, 11028),
    ],
)
def test_replace_may_be_half_done(desk, trader, spoil, code):
    """When the new order is refused the call is still a result, and the old order stays cancelled."""
    old = trader.order("buy", "1", desk.at(-30))["order"]
    new = trader.params("buy", "2", desk.at(-29)) | {"order_id_to_cancel": old["order_id"]} | spoil
    result = trader.ok("private/replace", **new)
    assert result["order"] is None
    assert result["create_order_error"]["code"] == code
    assert result["cancelled_order"]["order_status"] == "cancelled"
    assert trader.open_orders() == []


def test_replace_of_nothing_creates_nothing(desk, trader):
    """Without an order to cancel, or with two ways to name one, nothing happens."""
    new = trader.params("buy", "2", desk.at(-29))
    unknown = "00000000-0000-4000-8000-000000000000"
    assert trader.code("private/replace", **new) == -32602
    assert trader.code("private/replace", **new, order_id_to_cancel=unknown, nonce_to_cancel=new["nonce"]) == -32602
    assert trader.code("private/replace", **new, order_id_to_cancel=unknown) == 11006
    assert trader.code("private/replace", **new, nonce_to_cancel=new["nonce"]) == 11006
    assert trader.open_orders() == []


def test_cancel_by_nonce_burns_what_it_does_not_find(desk, dialect, trader):
    """An order in flight is killed by its nonce: found, it is cancelled; not yet there, it is refused on arrival."""
    extra = {} if dialect is V3 else {"wallet": PRACTICE_ACCOUNT.wallet}
    resting, late = trader.params("buy", "1", desk.at(-30)), trader.params("buy", "1", desk.at(-30))
    trader.ok("private/order", **resting)
    for params, count in ((resting, 1), (late, 0)):
        found = trader.own("private/cancel_by_nonce", instrument_name=PERP, nonce=params["nonce"], **extra)
        assert found == {"cancelled_orders": count}
    assert trader.code("private/order", **late) == 11017
    assert trader.open_orders() == []


def test_cancels_reach_what_they_name(desk, dialect, trader):
    """By label, by instrument, by both, or everything; the rest stays."""
    name = desk.option()
    low = desk.at(-40, name)
    for label, where, price in (("a", PERP, desk.at(-30)), ("b", PERP, desk.at(-31)), ("a", name, low)):
        trader.order("buy", "1", price, where, label=label)
    assert trader.own("private/cancel_by_label", label="a", instrument_name=name) == {"cancelled_orders": 1}
    assert trader.own("private/cancel_by_label", label="zzz", instrument_name=name) == {"cancelled_orders": 0}
    found = trader.own("private/cancel_by_label", label="a")
    assert found == {"cancelled_orders": -1 if dialect is V3 else 1}
    assert [order["label"] for order in trader.open_orders()] == ["b"]
    assert trader.own("private/cancel_by_instrument", instrument_name=PERP) == {"cancelled_orders": 1}
    trader.order("buy", "1", desk.at(-30))
    assert trader.own("private/cancel_all") == "ok"
    assert trader.open_orders() == []


def test_a_done_order_cannot_be_cancelled(desk, trader):
    """Cancelled, filled and unknown orders each say which they are."""
    number = trader.subaccount_id
    cancelled = trader.order("buy", "1", desk.at(-30))["order"]["order_id"]
    trader.own("private/cancel", instrument_name=PERP, order_id=cancelled)
    filled = trader.order("buy", "1", desk.at(15))["order"]["order_id"]
    unknown = "00000000-0000-4000-8000-000000000000"
    for order_id, code in ((cancelled, 11003), (filled, 11004), (unknown, 11006)):
        refusal = trader.refused("private/cancel", subaccount_id=number, instrument_name=PERP, order_id=order_id)
        assert refusal["code"] == code
    live = trader.order("buy", "1", desk.at(-30))["order"]["order_id"]
    wrong = trader.refused("private/cancel", subaccount_id=number, instrument_name="BTC-PERP", order_id=live)
    assert wrong["code"] == 11006


def test_order_debug_shows_what_to_sign(desk, dialect, trader):
    """It answers with the hashes of the signed order, executes nothing and uses no nonce."""
    params = trader.params("buy", "1", desk.at(-30))
    shown = trader.ok("private/order_debug", **params)
    inner = shown["input_data"] if dialect is V3 else shown["raw_data"]
    assert inner["data"]["recipient_id"] == trader.subaccount_id
    assert len(shown["typed_data_hash"]) == 66
    if dialect is V3:
        assert shown["recovered_signer"] == shown["expected_signer"] == trader.signer
    assert trader.open_orders() == []
    trader.ok("private/order", **params)


def test_poor_account_is_refused_new_risk(desk, dialect):
    """Without the margin a buy, a short option and a perpetual are all 11000; what reduces risk is let through."""
    poor, name = desk.trader(dialect, POOR_ACCOUNT, OTHER_KEY), desk.option()
    assert poor.order_code("buy", "50", desk.at(-40, name), name) == 11000
    assert poor.order_code("sell", "1", desk.at(40, name), name) == 11000
    assert poor.order_code("buy", "5", desk.at(-30)) == 11000
    assert poor.open_orders() == []
    poor.order("buy", "0.3", desk.at(15))
    assert poor.order_code("buy", "0.3", desk.at(15)) == 11000
    assert poor.order("sell", "0.3", desk.at(-15))["order"]["order_status"] == "filled"


def test_open_orders_use_up_the_margin(desk, dialect):
    """Resting orders count at their worst: one side at a time, not both."""
    poor = desk.trader(dialect, POOR_ACCOUNT, OTHER_KEY)
    poor.order("buy", "0.3", desk.at(-30))
    poor.order("sell", "0.3", desk.at(30))
    assert poor.order_code("buy", "0.3", desk.at(-30)) == 11000
    shown = poor.own("private/get_subaccount")
    assert e18(shown["initial_margin"]) + e18(shown["open_orders_margin"]) >= 0 > e18(shown["open_orders_margin"])


def test_orders_without_margin_are_taken_away(desk, dialect):
    """When the market has eaten the margin the open orders go, as insufficient_margin."""
    poor = desk.trader(dialect, POOR_ACCOUNT, OTHER_KEY)
    poor.ok("subscribe", channels=["30771.orders"])
    poor.order("buy", "0.2", desk.at(15))
    headroom = Decimal(poor.own("private/get_subaccount")["initial_margin"])
    amount = (headroom / (desk.mark() / 10)).quantize(Decimal("0.001")) - Decimal("0.001")
    poor.order("buy", amount, desk.at(-30))
    before = desk.mark()
    while poor.open_orders():
        desk.market.advance(desk.now_ns)
        desk.wait(SECOND)
    assert desk.mark() < before
    assert poor.heard("30771.orders")[-1][0]["cancel_reason"] == "insufficient_margin"


def test_private_calls_need_a_login(desk, dialect):
    """Before a login every private call is 14021; a wrong signature and an unknown wallet open nothing."""
    guest = desk.trader(dialect, logged_in=False)
    assert guest.code("private/get_open_orders", subaccount_id=30769) == 14021
    now_ms = desk.now_ns // MS
    foreign = login_params(PRACTICE_ACCOUNT.wallet, STRANGER_KEY, now_ms)
    assert guest.code("public/login", **foreign) == 14014
    unknown = login_params("0x000000000000000000000000000000000000dEaD", KEY, now_ms)
    assert guest.code("public/login", **unknown) == 14000
    assert guest.code("public/login", **(foreign | {"wallet": "nobody"})) == 14013
    assert guest.ok("public/login", **login_params(PRACTICE_ACCOUNT.wallet, KEY, 1)) == [30769]


def test_owner_logs_in_with_a_fresh_timestamp(desk, dialect):
    """An owner's own signature is good for minutes; a session key's, which it may hand out, is not so bound."""
    owner = desk.trader(dialect, POOR_ACCOUNT, OTHER_KEY, logged_in=False)
    now_ms = desk.now_ns // MS
    for offset_s, good in ((-301, False), (301, False), (-299, True)):
        params = login_params(POOR_ACCOUNT.wallet, OTHER_KEY, now_ms + offset_s * 1000)
        answer = owner.send("public/login", params)
        assert ("result" in answer) == good
        assert good or answer["error"]["code"] == 14014


def test_v2_wants_a_checksummed_wallet(desk):
    """In v2 an address in lower case is 14012, in v3 it is an address."""
    params = login_params(PRACTICE_ACCOUNT.wallet.lower(), KEY, desk.now_ns // MS)
    assert desk.trader(V2, logged_in=False).code("public/login", **params) == 14012
    assert desk.trader(V3, logged_in=False).ok("public/login", **params) == [30769]
