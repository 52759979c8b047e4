"""Logins, tokens, heartbeats, disconnects and rate limits of practice Deribit."""

import base64
import hashlib
import hmac
import json
from pathlib import Path

import pytest
from deribit_trader import COUNTERPARTY_ACCOUNT, MS, PERP, PRACTICE_ACCOUNT, SECOND, START_NS, Desk
from nacl.signing import SigningKey

from atomizer.sim.deribit import Bucket, RateLimits
from atomizer.sim.deribit.auth import HttpRequest
from atomizer.sim.deribit.venue import RestRequest

SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")  # RFC 8032, test 1
VECTORS = Path(__file__).resolve().parents[3] / "shared" / "vectors" / "deribit.json"


@pytest.fixture
def desk():
    return Desk()


@pytest.fixture
def stranger(desk):
    return desk.trader(logged_in=False)


def signed(desk, client_id, sign, **changes):
    params = {"timestamp": desk.now_ns // MS, "nonce": "abcd1234", "data": "hello"} | changes
    message = f"{params['timestamp']}\n{params['nonce']}\n{params['data']}".encode()
    return {"grant_type": "client_signature", "client_id": client_id, "signature": sign(message), **params}


def hmac_of(secret):
    return lambda message: hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def raw_signature(message):
    return SigningKey(SEED).sign(message).signature


ENCODINGS = {
    "url-safe": lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("="),
    "url-safe padded": lambda raw: base64.urlsafe_b64encode(raw).decode(),
    "standard": lambda raw: base64.b64encode(raw).decode(),
    "hexadecimal": bytes.hex,
}


def test_every_grant_logs_the_socket_in(desk):
    """Secret, HMAC and Ed25519 in each encoding give tokens of the key's scope, and the socket is logged in."""
    grants = [
        {"grant_type": "client_credentials", "client_id": "AMANDA", "client_secret": "AMANDASECRECT"},
        signed(desk, "AMANDA", hmac_of("AMANDASECRECT")),
        *(
            signed(desk, "EdKey001", lambda message, encode=encode: encode(raw_signature(message)))
            for encode in ENCODINGS.values()
        ),
    ]
    for params in grants:
        trader = desk.trader(logged_in=False)
        assert trader.code("private/get_open_orders") == 13009
        result = trader.ok("public/auth", **params, state="mine")
        assert (result["expires_in"], result["token_type"], result["state"]) == (900, "bearer", "mine")
        assert "trade:read_write" in result["scope"]
        assert trader.ok("private/get_open_orders") == []


def test_official_hmac_vector():
    """The signature of the venue's own documentation is accepted at its own time."""
    desk = Desk()
    desk.now_ns = 1_576_074_319_000 * MS
    params = {
        "grant_type": "client_signature",
        "client_id": "AMANDA",
        "timestamp": 1_576_074_319_000,
        "nonce": "1iqt2wls",
        "data": "",
        "signature": "56590594f97921b09b18f166befe0d1319b198bbcdad7ca73382de2f88fe9aa1",
    }
    assert desk.trader(logged_in=False).ok("public/auth", **params)["access_token"]


@pytest.mark.skipif(not VECTORS.exists(), reason="the vectors are not part of the repository")
def test_vectors():
    """Every signing vector of the accounts that exist here is accepted, and refused with one character changed."""
    vectors = json.loads(VECTORS.read_text())
    known = {key.client_id for account in (PRACTICE_ACCOUNT, COUNTERPARTY_ACCOUNT) for key in account.keys}
    checked = 0
    for vector in vectors["hmac_client_signature"] + vectors["ed25519_client_signature"]:
        params = vector["request"]["params"]
        if params["client_id"] not in known:
            continue
        desk = Desk()
        desk.now_ns = params["timestamp"] * MS
        stranger = desk.trader(logged_in=False)
        stranger.ok("public/auth", **params)
        assert stranger.code("public/auth", **{**params, "nonce": params["nonce"] + "x"}) == 13004
        checked += 1
    assert checked >= 5


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"client_secret": "wrong"}, 13004),
        ({"client_id": "nobody"}, 13004),
        ({"client_id": "EdKey001"}, 13004),
        ({"client_secret": 7}, -32602),
        ({"grant_type": "password"}, -32602),
        ({"grant_type": "refresh_token"}, -32602),
        ({"grant_type": "client_signature"}, -32602),
        ({"scope": "trade:everything"}, -32602),
    ],
)
def test_wrong_credentials(stranger, changes, code):
    """Credentials that open nothing are refused, and the socket stays logged out."""
    params = {"grant_type": "client_credentials", "client_id": "AMANDA", "client_secret": "AMANDASECRECT"}
    assert stranger.code("public/auth", **(params | changes)) == code
    assert stranger.code("private/get_open_orders") == 13009


def test_stale_signature_is_refused(desk, stranger):
    """A signature of more than a minute ago is no login."""
    old = signed(desk, "AMANDA", hmac_of("AMANDASECRECT"), timestamp=desk.now_ns // MS - 61_000)
    assert stranger.code("public/auth", **old) == 13004


def test_refresh_ends_the_old_tokens(desk):
    """A refresh token works once; with it the access token that came along ends at once."""
    trader = desk.trader()
    old = trader.tokens
    new = trader.ok("public/auth", grant_type="refresh_token", refresh_token=old["refresh_token"])
    assert trader.code("private/get_open_orders", access_token=old["access_token"]) == 13009
    assert trader.ok("private/get_open_orders", access_token=new["access_token"]) == []
    assert trader.code("public/auth", grant_type="refresh_token", refresh_token=old["refresh_token"]) == 13004


@pytest.mark.parametrize(("has_expired", "code"), [(False, 13004), (True, 13009)])
def test_a_key_that_is_gone_opens_nothing(desk, stranger, has_expired, code):
    """Its tokens end at once, and a login is answered by what became of it; other keys are as ever."""
    trader, other = desk.trader(), desk.other()
    assert desk.venue.revoke("AMANDA", has_expired=has_expired)
    error = trader.refused("private/get_open_orders")
    assert (error["code"], error["data"]["reason"]) == (13009, "invalid_token")
    assert trader.code("private/get_open_orders", access_token=trader.tokens["access_token"]) == 13009
    assert trader.code("public/auth", grant_type="refresh_token", refresh_token=trader.tokens["refresh_token"]) == 13004
    assert stranger.code("public/auth", **trader.credentials()) == code
    assert trader.ok("public/test")
    assert other.ok("private/get_open_orders") == []
    assert not desk.venue.revoke("nobody", has_expired=False)


def test_tokens_expire(desk):
    """After its lifetime a login is none, and a refresh makes it one again."""
    trader = desk.trader()
    desk.now_ns += 901 * SECOND
    assert trader.code("private/get_open_orders") == 13009
    trader.ok("public/auth", grant_type="refresh_token", refresh_token=trader.tokens["refresh_token"])
    assert trader.ok("private/get_open_orders") == []


def test_scope_is_what_was_asked_for_within_the_key(desk, stranger):
    """A narrower scope is granted and held to; a named session may be forked."""
    params = {"grant_type": "client_credentials", "client_id": "AMANDA", "client_secret": "AMANDASECRECT"}
    tokens = stranger.ok("public/auth", **params, scope="session:test trade:read expires:60")
    assert tokens["expires_in"] == 60
    assert {"session:test", "trade:read", "account:read_write"} <= set(tokens["scope"].split())
    assert stranger.order_code("buy", 1000, 2900) == 13403
    forked = stranger.ok("public/fork_token", refresh_token=tokens["refresh_token"], session_name="other")
    assert "session:other" in forked["scope"].split()
    assert desk.trader(logged_in=False).ok("private/get_positions", access_token=forked["access_token"]) == []


def heartbeats(trader):
    return [frame["params"]["type"] for frame in trader.read() if frame["method"] == "heartbeat"]


def test_heartbeat(desk):
    """Heartbeats come at their interval; a silent client is asked, and closed when it does not answer."""
    trader = desk.trader()
    assert trader.code("public/set_heartbeat", interval=9) == -32602
    trader.ok("public/set_heartbeat", interval=10)
    desk.wait(5 * SECOND)
    assert heartbeats(trader) == []
    desk.wait(5 * SECOND)
    assert heartbeats(trader) == ["heartbeat", "test_request"]
    trader.ok("public/test")
    desk.wait(10 * SECOND)
    assert heartbeats(trader) == ["heartbeat", "test_request"]
    assert not trader.connection.is_closing
    desk.wait(11 * SECOND)
    assert trader.connection.is_closing


def test_silent_socket_is_closed_after_ten_minutes(desk):
    """Without a heartbeat, inactivity ends a connection."""
    trader = desk.trader()
    desk.wait(599 * SECOND)
    assert not trader.connection.is_closing
    desk.wait(2 * SECOND)
    assert trader.connection.is_closing


def test_cancel_on_disconnect_is_for_the_orders_of_that_connection(desk):
    """Only orders that came from the lost connection go, and only if it was asked for."""
    first, second, watcher = desk.trader(), desk.trader(), desk.trader()
    watcher.subscribe("user.orders.any.any.raw")
    first.ok("private/enable_cancel_on_disconnect")
    assert first.ok("private/get_cancel_on_disconnect") == {"scope": "connection", "enabled": True}
    first.order("buy", 1000, 2900, label="first")
    second.order("buy", 1000, 2900, label="second")
    watcher.heard("user.orders.any.any.raw")
    for trader in (first, second):
        desk.venue.disconnect(trader.connection, desk.now_ns)
    (gone,) = watcher.heard("user.orders.any.any.raw")
    assert (gone["label"], gone["cancel_reason"]) == ("first", "cancel_on_disconnect")
    assert [row["label"] for row in watcher.open_orders()] == ["second"]


def test_account_wide_cancel_on_disconnect_is_for_new_connections(desk):
    """With scope account every connection that logs in later has it."""
    watcher = desk.trader()
    watcher.ok("private/enable_cancel_on_disconnect", scope="account")
    trader = desk.trader()
    trader.order("buy", 1000, 2900)
    desk.venue.disconnect(trader.connection, desk.now_ns)
    assert watcher.open_orders() == []


def test_logout_closes_without_an_answer_and_leaves_the_orders(desk):
    """A polite logout does not count as a disconnect: orders stay."""
    watcher, trader = desk.trader(), desk.trader()
    trader.ok("private/enable_cancel_on_disconnect")
    trader.order("buy", 1000, 2900)
    trader.desk.venue.receive(trader.connection, '{"jsonrpc":"2.0","id":9,"method":"private/logout"}', desk.now_ns)
    assert trader.read() == []
    assert trader.connection.is_closing
    desk.venue.disconnect(trader.connection, desk.now_ns)
    assert len(watcher.open_orders()) == 1


def test_credits_run_out_and_end_the_session():
    """A burst is served; then 10028, and the socket is closed. Credits come back with time."""
    desk = Desk(limits=RateLimits(matching=Bucket(1000, 3000, 1000)))
    trader = desk.trader()
    for _ in range(3):
        trader.order("buy", 1000, 2900)
    assert trader.order_code("buy", 1000, 2900) == 10028
    assert trader.connection.is_closing
    again = desk.trader()
    desk.now_ns += SECOND
    again.order("buy", 1000, 2900)
    assert again.order_code("buy", 1000, 2900) == 10028


def test_strangers_share_the_credits_of_their_address():
    """Who is not logged in draws on the address's bucket, whatever the socket."""
    desk = Desk(limits=RateLimits(non_matching=Bucket(500, 1000, 1)))
    first, second = (desk.trader(logged_in=False) for _ in range(2))
    first.ok("public/get_time")
    second.ok("public/get_time")
    assert first.code("public/get_time") == 10028


def test_connections_of_one_address_are_limited():
    """One too many is turned away until another goes."""
    desk = Desk(limits=RateLimits(connections=1))
    trader = desk.trader()
    assert desk.venue.connect(desk.now_ns, "test") is None
    desk.venue.disconnect(trader.connection, desk.now_ns)
    assert desk.venue.connect(desk.now_ns, "test") is not None


# HTTP


def get(desk, method, query=None, authorization="", uri=""):
    return rest(desk, method, query or {}, HttpRequest("GET", uri, b"", authorization))


def post(desk, body):
    return rest(desk, "", {}, HttpRequest("POST", "", json.dumps(body).encode(), ""))


def rest(desk, method, query, http):
    status, text = desk.venue.rest(RestRequest(method, query, http, "test"), desk.now_ns)
    return status, json.loads(text)


def test_http_takes_every_header(desk):
    """Bearer, Basic and the signed header open private methods; nothing and nonsense do not."""
    token = desk.trader().tokens["access_token"]
    basic = base64.b64encode(b"AMANDA:AMANDASECRECT").decode()
    uri, ts = "/api/v2/private/get_positions?currency=ETH", desk.now_ns // MS
    signature = hmac_of("AMANDASECRECT")(f"{ts}\nn1\nGET\n{uri}\n\n".encode())
    headers = [f"Bearer {token}", f"Basic {basic}", f"deri-hmac-sha256 id=AMANDA,ts={ts},sig={signature},nonce=n1"]
    for header in headers:
        status, answer = get(desk, "private/get_positions", {"currency": "ETH"}, header, uri)
        assert (status, answer["result"]) == (200, [])
        assert "id" not in answer
    wrong = ["", "Bearer x", "Basic !", "deri-hmac-sha256 id=AMANDA", headers[2].replace("n1", "n2"), "Digest x"]
    for header in wrong:
        status, answer = get(desk, "private/get_positions", {"currency": "ETH"}, header, uri)
        assert (status, answer["error"]["code"] in {13004, 13009}) == (400, True), header


def test_http_parameters_are_typed_by_the_specification(desk):
    """Query text becomes the described types; what cannot be one is refused by name."""
    status, answer = get(desk, "public/get_order_book", {"instrument_name": PERP, "depth": "1"})
    assert (status, answer["result"]["instrument_name"]) == (200, PERP)
    for query, param in (({"depth": "1"}, "instrument_name"), ({"instrument_name": PERP, "depth": "7"}, "depth")):
        status, answer = get(desk, "public/get_order_book", query)
        assert (status, answer["error"]["data"]["param"]) == (400, param)
    assert get(desk, "public/nothing")[1]["error"]["code"] == -32601
    assert (
        get(desk, "private/withdraw", authorization=f"Basic {base64.b64encode(b'AMANDA:AMANDASECRECT').decode()}")[1][
            "error"
        ]["code"]
        == 10033
    )


def test_http_post_is_a_request_as_on_a_socket(desk):
    """A JSON-RPC body carries method, id and parameters; socket methods are refused there."""
    body = {"jsonrpc": "2.0", "id": 5, "method": "public/ticker", "params": {"instrument_name": PERP}}
    status, answer = post(desk, body)
    assert (status, answer["id"], answer["result"]["instrument_name"]) == (200, 5, PERP)
    status, answer = post(desk, {"id": 6, "method": "public/subscribe", "params": {"channels": []}})
    assert (status, answer["error"]["code"]) == (400, 10030)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", -32700),
        ("{", -32700),
        ("[]", -32600),
        ("7", -32600),
        ('{"id":1}', -32600),
        ('{"id":1,"method":7}', -32600),
        ('{"id":1,"method":"public/test","params":[]}', -32602),
        ('{"id":1,"method":"public/test","params":[1]}', -32600),
        ('{"jsonrpc":"1.0","id":1,"method":"public/test"}', -32600),
        ('{"id":1,"method":"public/nothing"}', -32601),
    ],
)
def test_frames_that_are_no_requests(desk, text, code):
    """Every frame is answered, whatever it is."""
    trader = desk.trader(logged_in=False)
    desk.venue.receive(trader.connection, text, START_NS)
    (answer,) = trader.read()
    assert answer.get("error", {"code": -32602})["code"] == code
