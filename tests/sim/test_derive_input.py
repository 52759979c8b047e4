"""What practice Derive does with what nobody should send: always an answer or nothing, never an exception."""

import json

import pytest
from derive_trader import MS, PERP, Desk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atomizer.sim.derive import V2, V3
from atomizer.sim.derive.codes import MESSAGES, Rejection
from atomizer.sim.derive.units import e18_text, nanos_text, parse_e18

ARRAYS = st.lists(st.none() | st.booleans() | st.integers() | st.text(max_size=5), max_size=3)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    ARRAYS,
    st.dictionaries(st.text(max_size=5), ARRAYS, max_size=2),
    st.sampled_from(["NaN", "Infinity", "1e400", "-1", "0", "", "0x", "9" * 50, "٣", "\ud7ff", PERP]),
)


@pytest.fixture(scope="module", params=[V2, V3], ids=["v2", "v3"])
def trader(request):
    desk = Desk()
    desk.ladder(bids=[(-5, 10)], asks=[(5, 10)])
    return desk.trader(request.param)


def raw(trader, text):
    """What comes back for a frame; each in a second of its own, so that no rate limit hides an answer."""
    trader.desk.now_ns += 5_000 * MS
    trader.desk.venue.receive(trader.connection, text, trader.desk.now_ns)
    return [frame for frame in trader.read() if "method" not in frame]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", -32700),
        ("{", -32700),
        ("nonsense", -32700),
        ('{"id":1,"method":"public/get_time","params":{"x":NaN}}', -32700),
        ('{"id":1,"method":"public/get_time","params":{"x":Infinity}}', -32700),
        ("[" * 100_000, -32700),
        ("\x00", -32700),
        ("null", -32600),
        ("[]", -32600),
        ("7", -32600),
        ("{}", -32600),
        ('{"method":"public/get_time"}', -32600),
        ('{"id":null,"method":"public/get_time"}', -32600),
        ('{"id":true,"method":"public/get_time"}', -32600),
        ('{"id":1.5,"method":"public/get_time"}', -32600),
        ('{"id":1}', -32600),
        ('{"id":1,"method":7}', -32600),
        ('{"id":1,"method":"public/get_time","params":[]}', -32600),
        ('{"id":1,"method":"public/get_time","params":null}', -32600),
        ('{"id":1,"method":"nonsense"}', -32601),
        ('{"id":1,"method":"private/set_fee","params":{}}', -32601),
        ('{"id":1,"method":"subscribe","params":{}}', -32602),
        ('{"id":1,"method":"subscribe","params":{"channels":["a",1]}}', -32602),
    ],
)
def test_frames_that_are_no_request(trader, text, code):
    """Each is answered with its JSON-RPC code and the request's id where it has one."""
    (answer,) = raw(trader, text)
    assert answer["error"]["code"] == code
    assert answer["error"]["message"] == MESSAGES[code]
    assert answer["id"] == (1 if code != -32700 and '"id":1' in text and '"id":1.' not in text else None)


def test_binary_frames_are_requests_too(trader):
    """Bytes that hold a request are answered, bytes that are no UTF-8 are -32700."""
    (answer,) = raw(trader, b'{"id":"x","method":"public/get_time"}')
    assert answer["id"] == "x"
    (answer,) = raw(trader, b"\xff\xfe{}")
    assert answer["error"]["code"] == -32700


def test_v3_errors_always_carry_data(trader):
    """v3 has `data` and the protocol's version in every answer, v2 only what there is to say."""
    (answer,) = raw(trader, '{"id":1,"method":"private/get_account","params":{}}')
    assert ("data" in answer["error"], "jsonrpc" in answer) == ((trader.dialect is V3,) * 2)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(max_size=200) | st.binary(max_size=200))
def test_any_bytes_are_answered_once(trader, text):
    """Whatever comes, one answer goes back and it is an error, or pong."""
    trader.desk.now_ns += 5_000 * MS
    trader.desk.venue.receive(trader.connection, text, trader.desk.now_ns)
    answers = list(trader.connection.outbox)
    trader.connection.outbox.clear()
    assert len(answers) == 1
    assert answers == ["pong"] or "error" in json.loads(answers[0])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_any_parameters_are_answered(trader, data):
    """Every method, with any of its parameters spoiled or left out, answers a result or a documented code."""
    methods = sorted(trader.desk.venue._methods)
    method = data.draw(st.sampled_from(methods))
    good = trader.params("buy", "1", trader.desk.at(-30)) | {
        "wallet": trader.account.wallet,
        "currency": "ETH",
        "expired": False,
        "instrument_type": "perp",
        "order_id": "x",
        "order_id_to_cancel": "x",
        "label": "l",
        "enabled": True,
        "timestamp": "1",
        "channels": ["trades.ETH-PERP"],
        "mmp_interval": 1,
        "mmp_frozen_time": 1,
        "page": 1,
        "page_size": 10,
        "rfq_id": "r",
        "quote_id": "q",
        "legs": [{"instrument_name": PERP, "direction": "buy", "amount": "1", "price": "1"}],
    }
    spoiled = data.draw(st.dictionaries(st.sampled_from(sorted(good)), VALUES, max_size=4))
    dropped = data.draw(st.sets(st.sampled_from(sorted(good)), max_size=2))
    params = {name: value for name, value in (good | spoiled).items() if name not in dropped}
    (answer,) = raw(trader, json.dumps({"id": 1, "method": method, "params": params}))
    assert answer["id"] == 1
    assert "result" in answer or answer["error"]["code"] in MESSAGES


@given(st.integers(-(10**37), 10**37), st.integers(-(10**28), 10**28))
def test_numbers_survive_the_wire(money_e18, amount_nanos):
    """Text of an integer reads back as the same integer, at 10⁻¹⁸ and at 10⁻⁹."""
    assert parse_e18(e18_text(money_e18), 18) == money_e18
    assert parse_e18(nanos_text(amount_nanos), 18) == amount_nanos * 10**9


@given(st.text(max_size=30))
def test_only_plain_numbers_are_read(text):
    """Anything but digits with one point and one minus is refused."""
    try:
        value = parse_e18(text, 18)
    except ValueError:
        return
    assert set(text) <= set("0123456789.-")
    assert parse_e18(e18_text(value), 18) == value


@given(st.dictionaries(st.sampled_from(["instrument_name", "direction", "amount"]), VALUES | st.just("buy")))
def test_a_taker_who_asks_for_anything_is_refused_in_words(raw):
    """What no taker can mean is refused, and nothing moves."""
    desk = Desk()
    desk.ladder(bids=[(-5, 10)], asks=[(5, 10)])
    with pytest.raises(Rejection):
        desk.venue.take(raw | {"amount": "0"}, desk.now_ns)
    with pytest.raises(Rejection):
        desk.venue.take(raw | {"direction": "up", "amount": "1"}, desk.now_ns)


def test_a_taker_takes_what_an_account_shows():
    """The best order of the other side trades, at its own price."""
    desk = Desk()
    trader = desk.trader()
    trader.order("buy", 2, desk.at(0))
    desk.venue.take({"instrument_name": PERP, "direction": "sell", "amount": "1.5"}, desk.now_ns)
    assert trader.position()["amount"] == "1.5"
