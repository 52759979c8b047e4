"""What the codec reads of `positions` and `balances`, and what becomes of the questions."""

import asyncio
import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rysk_frames import ASSETS, MAKER, NOW_NS, RFQ_IN, WETH

from atomizer.domain.instruments import OptionType
from atomizer.domain.reasons import Reason
from atomizer.domain.trading import QuoteAnswered, QuoteOutcome
from atomizer.errors import BadFrame, Disconnected, OutcomeUnknown, Refused
from atomizer.venues.rysk.account import (
    AccountAnswer,
    RyskPosition,
    build_request,
    parse_balances,
    parse_positions,
)
from atomizer.venues.rysk.asking import Asking
from atomizer.venues.rysk.codec import parse_maker_frame

OTOKEN = "0x" + "0a" * 20
ROW = {
    "assetAddress": OTOKEN,
    "balance": "1500000000000000000",
    "strike": "2600000000000000000000",
    "expiry": RFQ_IN["result"]["expiry"],
    "isPut": False,
    "underlying": WETH,
    "optionAsset": WETH,
    "premium": "18750000000000000000",
    "isOtoken": True,
}
REASONS = set(Reason)
POSITIONS = AccountAnswer("positions", [ROW])


def frame(tree):
    return parse_maker_frame(json.dumps(tree).encode(), NOW_NS, MAKER, ASSETS)


def test_a_row_is_read_to_the_last_digit():
    """The row of the sheet is an ETH call held long, its strike in 10⁻¹⁸ here, and what was paid for it."""
    (held,) = parse_positions([ROW], ASSETS)
    assert (held.otoken, held.asset, held.contract.name) == (OTOKEN, WETH, "ETH-20250627-2600-C")
    assert held.contract.strike_nanos == 2600 * 10**9
    assert (held.balance_e18, held.premium_e18) == (15 * 10**17, 1875 * 10**16)


def test_what_was_sold_is_below_zero():
    """A put that the maker wrote has a negative balance, and a negative premium since it was paid."""
    (held,) = parse_positions([ROW | {"isPut": True, "balance": "-1", "premium": "-2"}], ASSETS)
    assert held.contract.option_type is OptionType.PUT
    assert (held.balance_e18, held.premium_e18) == (-1, -2)


def test_rows_of_unmapped_tokens_are_kept_and_what_is_no_option_is_not():
    """An option on a token without a symbol is told of without a contract; rows of other tokens are no positions."""
    other = "0x" + "22" * 20
    rows = [ROW | {"underlying": other}, ROW | {"isOtoken": False, "strike": "0"}]
    assert parse_positions(rows, ASSETS) == [RyskPosition(OTOKEN, other, None, 15 * 10**17, 1875 * 10**16)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"balance": 1}, Reason.MALFORMED),
        ({"balance": "1.5"}, Reason.MALFORMED),
        ({"balance": "-0"}, Reason.MALFORMED),
        ({"balance": "1" * 79}, Reason.MALFORMED),
        ({"premium": None}, Reason.MALFORMED),
        ({"strike": "0"}, Reason.BAD_STRIKE),
        ({"strike": "-1"}, Reason.BAD_STRIKE),
        ({"strike": "1"}, Reason.BAD_STRIKE),
        ({"strike": 2600}, Reason.MALFORMED),
        ({"expiry": "1751011200"}, Reason.MALFORMED),
        ({"expiry": 0}, Reason.MALFORMED),
        ({"isPut": 0}, Reason.MALFORMED),
        ({"underlying": "WETH"}, Reason.MALFORMED),
        ({"assetAddress": None}, Reason.MALFORMED),
        ({"isOtoken": "yes"}, Reason.MALFORMED),
    ],
)
def test_a_row_that_cannot_be_meant_refuses_the_answer(changes, reason):
    """One field that is wrong refuses all of the positions, with its name: half an account is no account."""
    with pytest.raises(BadFrame, match=next(iter(changes))) as refused:
        parse_positions([ROW, ROW | changes], ASSETS)
    assert refused.value.reason is reason


@pytest.mark.parametrize("result", [None, {}, "none", [ROW, None], [[]], 7])
def test_positions_are_a_list_of_objects(result):
    """Anything but a list of objects is no answer to what we hold."""
    with pytest.raises(BadFrame, match="positions"):
        parse_positions(result, ASSETS)


def test_balances_are_units_by_token():
    """Each token's units, of its own decimals, by its address in lower case."""
    assert parse_balances({WETH.upper().replace("X", "x"): "5000000000000"}) == {WETH: 5_000_000_000_000}


@pytest.mark.parametrize(
    "result", [None, [], {"usd": "1"}, {WETH: 1}, {WETH: "x"}, {WETH: "1", "0x" + WETH[2:].upper(): "1"}]
)
def test_balances_that_cannot_be_meant_are_refused(result):
    """A name that is no address, one given twice, or units that are no number refuse the answer."""
    with pytest.raises(BadFrame):
        parse_balances(result)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=8) | st.sampled_from(["1", "-1", WETH]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(list(ROW)), JSON, max_size=4), JSON)
def test_any_account_is_read_or_refused_by_name(changes, other):
    """Whatever stands in an answer, it is read, or refused with a reason, and nothing else is ever raised."""
    for parse in (
        lambda: parse_positions([ROW | changes], ASSETS),
        lambda: parse_positions(other, ASSETS),
        lambda: parse_balances(other),
    ):
        try:
            parse()
        except BadFrame as refused:
            assert refused.reason in REASONS  # noqa: PT017  the reason is what is specified


@given(st.integers(-(10**77), 10**77), st.integers(-(10**77), 10**77), st.integers(1, 10**18), st.booleans())
def test_amounts_are_read_as_they_were_written(balance, premium, strike_nanos, is_put):
    """Every integer of every sign comes back, and every strike that nanos carry."""
    row = ROW | {"balance": str(balance), "premium": str(premium), "strike": str(strike_nanos * 10**9), "isPut": is_put}
    (held,) = parse_positions(orjson.loads(orjson.dumps([row])), ASSETS)
    assert (held.balance_e18, held.premium_e18) == (balance, premium)
    assert held.contract.strike_nanos == strike_nanos
    assert (held.contract.option_type is OptionType.PUT) is is_put


@pytest.mark.parametrize("name", ["positions", "balances"])
def test_answers_are_told_from_pushes_by_what_they_hold(name):
    """An answer on our account is one by its id, unless it says what only the answer to a quote says."""
    assert frame({"id": name, "result": [ROW]}) == AccountAnswer(name, [ROW])
    assert frame({"id": name, "result": None}) == AccountAnswer(name, None)
    refused = frame({"id": name, "error": {"code": -32600, "message": "no"}})
    assert (refused.request, refused.refusal, refused.code) == (name, "'no'", -32600)
    assert frame({"id": name, "error": "no"}).refusal == "'no'"
    ok, outbid = frame({"id": name, "result": "OK"}), frame({"id": name, "result": {"newBest": "7", "yours": "6"}})
    assert isinstance(ok, QuoteAnswered)
    assert outbid.outcome is QuoteOutcome.OUTBID
    assert isinstance(frame({"id": "other", "result": "OK"}), QuoteAnswered)


def test_questions_name_the_account():
    """A question is a request under its own name for our address."""
    asked = orjson.loads(build_request("positions", MAKER))
    assert asked == {"jsonrpc": "2.0", "id": "positions", "method": "positions", "params": {"account": MAKER}}


async def sent(frames, count):
    """Wait until so many questions have left."""
    async with asyncio.timeout(5):
        while len(frames) < count:  # noqa: ASYNC110  a list tells nobody
            await asyncio.sleep(0)


async def test_one_question_of_a_kind_is_asked_at_a_time():
    """The second asker's question leaves when the first is answered; the two kinds do not wait for each other."""
    frames = []
    asking = Asking(frames.append, MAKER)
    first, second = asyncio.create_task(asking.ask("positions")), asyncio.create_task(asking.ask("positions"))
    third = asyncio.create_task(asking.ask("balances"))
    await sent(frames, 2)
    await asyncio.sleep(0)
    assert [orjson.loads(text)["method"] for text in frames] == ["positions", "balances"]
    assert asking.on_answer(AccountAnswer("positions", ["one"]))
    await sent(frames, 3)
    assert asking.on_answer(AccountAnswer("positions", ["two"]))
    assert asking.on_answer(AccountAnswer("balances", {}))
    assert [await first, await second, await third] == [["one"], ["two"], {}]


async def test_an_unanswered_question_is_not_asked_again_before_its_answer():
    """Too late is an unknown outcome; until the late answer came, it could be taken for the next question's."""
    frames = []
    asking = Asking(frames.append, MAKER, answer_within_s=0.01)
    with pytest.raises(OutcomeUnknown, match="no answer"):
        await asking.ask("positions")
    with pytest.raises(OutcomeUnknown, match="still not answered"):
        await asking.ask("positions")
    assert len(frames) == 1
    assert asking.on_answer(POSITIONS)
    again = asyncio.create_task(asking.ask("positions"))
    await sent(frames, 2)
    assert asking.on_answer(POSITIONS)
    assert await again == [ROW]


async def test_a_refused_question_says_so():
    """The venue's no ends the question with its code and words."""
    frames = []
    asking = Asking(frames.append, MAKER)
    asked = asyncio.create_task(asking.ask("balances"))
    await sent(frames, 1)
    assert asking.on_answer(AccountAnswer("balances", None, "no such account", -32600))
    with pytest.raises(Refused, match=r"no such account \(code -32600\)"):
        await asked


async def test_a_lost_connection_ends_every_question():
    """Whoever waits is told; whoever had given up is not missed; and the next connection starts anew."""
    frames = []
    asking = Asking(frames.append, MAKER, answer_within_s=0.05)
    with pytest.raises(OutcomeUnknown):
        await asking.ask("balances")
    asked = asyncio.create_task(asking.ask("positions"))
    await sent(frames, 2)
    asking.cut_off()
    with pytest.raises(Disconnected, match="before the answer"):
        await asked
    assert not asking.on_answer(POSITIONS)
    again = asyncio.create_task(asking.ask("positions"))
    await sent(frames, 3)
    assert asking.on_answer(POSITIONS)
    assert await again == [ROW]


async def test_a_question_that_cannot_leave_is_not_waited_for():
    """Without a connection the question fails at once, and may be asked again."""

    def refuse(_text):
        raise Disconnected("rysk maker", "not connected: nothing was sent")

    asking = Asking(refuse, MAKER)
    for _ in range(2):
        with pytest.raises(Disconnected, match="nothing was sent"):
            await asking.ask("positions")


def test_an_answer_that_nobody_asked_for_is_told_apart():
    """An answer without a question is nobody's, and does no harm."""
    assert not Asking(print, MAKER).on_answer(POSITIONS)
