"""What practice Rysk does with frames that are no requests."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rysk_maker import MAKER, NOW_NS, WIRE_EXAMPLE, Desk, call, code_of


@pytest.fixture
def desk():
    return Desk()


@pytest.mark.parametrize("field", json.loads(WIRE_EXAMPLE)["params"])
@pytest.mark.parametrize("value", [None, [], {}, 1.5, -1, "-1", "", "1e400", "NaN", "٣", "007", 2**64, 10**400])
def test_field_of_another_kind_is_an_invalid_request(desk, field, value):
    """A field that is missing, of another type, negative, not finite or out of range is refused, never a crash."""
    desk.open()
    frame = json.loads(WIRE_EXAMPLE)
    frame["params"][field] = value
    answer = desk.ask(desk.maker, json.dumps(frame))
    assert code_of(answer) == (-32003 if field == "signature" and isinstance(value, str) else -32600)


@pytest.mark.parametrize(
    ("frame", "call_id"),
    [
        ("{", None),
        ("[]", None),
        ("7", None),
        ('{"jsonrpc":"2.0","id":"a","method":"quote","params":{"price":NaN}}', None),
        ('{"jsonrpc":"2.0","id":"a","method":"quote","params":{"price":1e400}}', None),
        ("[" * 5000, None),
        ('{"jsonrpc":"2.0","id":7,"method":"quote","params":{}}', None),
        ('{"jsonrpc":"1.0","id":"a","method":"quote","params":{}}', "a"),
        ('{"jsonrpc":"2.0","id":"a","method":"quote","params":[]}', "a"),
        ('{"jsonrpc":"2.0","id":"a","params":{}}', "a"),
        ('{"jsonrpc":"2.0","id":"a","method":"cancel","params":{}}', "a"),
        ('{"jsonrpc":"2.0","id":"a","method":"request","params":{}}', "a"),
        (b"\xff\xfe", None),
    ],
)
def test_frame_that_is_no_request_is_refused_under_its_id(desk, frame, call_id):
    """Malformed frames are answered -32600 "invalid request", under the caller's id where it can be read."""
    answer = desk.ask(desk.maker, frame)
    assert (answer["id"], code_of(answer), answer["error"]["message"]) == (call_id, -32600, "invalid request")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300) | st.text(max_size=300))
def test_no_bytes_whatever_break_the_venue(desk, frame):
    """Whatever a maker or taker sends, the venue answers or stays silent and works on."""
    for connection in (desk.maker, desk.taker, desk.rfqs):
        desk.venue.receive(connection, frame, NOW_NS)
    assert desk.ask(desk.maker, call("balances", {"account": MAKER}, "b"))["id"] == "b"


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["quote", "balances", "positions", "deposit", "withdraw", "request", "inventory"]),
    st.dictionaries(st.sampled_from([*json.loads(WIRE_EXAMPLE)["params"], "account", "user", "asset"]), json_values),
)
def test_no_parameters_whatever_break_the_venue(desk, method, params):
    """Every method refuses parameters of any shape in words."""
    for connection in (desk.maker, desk.taker):
        answer = desk.ask(connection, call(method, params, "x"))
        assert answer["id"] == "x"
