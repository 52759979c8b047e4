"""Derive and what cannot be meant: refused before the wire where we can know, else in the venue's own words."""

import asyncio
import contextlib
import time
from decimal import Decimal

import pytest
from eth_account import Account as EthAccount
from flow.running import PATIENCE_S

from atomizer._core.ecdsa import Signer
from atomizer._core.fixed import floor_to
from atomizer.domain.session import Connected
from atomizer.domain.trading import OrderPlaced, OrderState, OrderUpdate, Side, TimeInForce
from atomizer.errors import ConfigError, Disconnected, Refused
from atomizer.sim.derive import PRACTICE_ACCOUNT, Account, SessionKey, Venue, serve
from atomizer.sim.market import Market
from atomizer.venues.derive.auth import Credentials
from atomizer.venues.derive.profile import V2_MAINNET, V3_MAINNET, choose_profile
from atomizer.venues.derive.session import DeriveSession

SECOND = 10**9
PATHS = {"v2": "/ws", "v3": "/v3/ws"}
PERPETUAL = "ETH-PERP"
NEVER_S = 4_102_444_800
# Public anvil test keys #0 to #4: the practice session key, an owner, an expired key, a reading one, and nobody's.
KEYS = [
    bytes.fromhex(text)
    for text in (
        "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
        "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
        "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
        "7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
        "47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a",
    )
]
PRACTICE, OWNER, EXPIRED, READING, NOBODY = KEYS
OWNER_WALLET = EthAccount.from_key(OWNER).address
POOR = Account(
    OWNER_WALLET,
    (
        SessionKey(EthAccount.from_key(EXPIRED).address, 1_700_000_000),
        SessionKey(EthAccount.from_key(READING).address, NEVER_S, scope="read_only"),
    ),
    30771,
    Decimal(10),
)


class Floor:
    """A practice venue, and sessions at it as anybody."""

    def __init__(self, version, url):
        self.version, self.url = version, url
        self.events = []
        self.sessions = []
        self.count = 0

    def session(self, key, wallet=OWNER_WALLET, subaccount=30771, *, profile=None):
        credentials = Credentials(wallet, Signer(key), subaccount)
        profile = profile or choose_profile(self.version, is_test=True, url=self.url)
        made = DeriveSession(profile, credentials, underlyings=["ETH"], emit=self.events.append, now_ns=time.time_ns)
        self.sessions.append(made)
        return made

    def order(self, session, **changes):
        now_ns = time.time_ns()
        self.count += 1
        book = session.book(PERPETUAL)
        fields = {
            "now_ns": now_ns,
            "venue": "derive",
            "client_id": f"test.bad.{self.count}",
            "nonce": session.next_nonce(now_ns),
            "instrument": PERPETUAL,
            "side": Side.BUY,
            "price_nanos": floor_to(book.best_bid() - 100 * SECOND, session.instrument(PERPETUAL).tick_nanos),
            "amount_nanos": SECOND // 10,
            "time_in_force": TimeInForce.GTC,
        }
        return OrderPlaced(**(fields | changes))

    async def outcome(self, session, order):
        """The first final word on an order."""
        session.place(order, time.time_ns())
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for event in self.events:
                    is_word = isinstance(event, OrderUpdate) and event.client_id == order.client_id
                    if is_word and event.state is not OrderState.SENT:
                        return event
                await asyncio.sleep(0.02)


async def play(market, venue):
    while True:
        now_ns = time.time_ns()
        venue.on_market(market.advance(now_ns), now_ns)
        venue.publish(now_ns)
        await asyncio.sleep(0.05)


@pytest.fixture(params=list(PATHS))
async def floor(request):
    market = Market(7, time.time_ns())
    venue = Venue(market, (PRACTICE_ACCOUNT, POOR))
    async with contextlib.AsyncExitStack() as stack:
        runner, port = await serve(venue, "127.0.0.1", 0)
        stack.push_async_callback(runner.cleanup)
        playing = asyncio.create_task(play(market, venue))
        stack.callback(playing.cancel)
        floor = Floor(request.param, f"ws://127.0.0.1:{port}{PATHS[request.param]}")
        yield floor
        for session in floor.sessions:
            await session.stop()


@pytest.mark.parametrize(
    ("key", "subaccount", "error", "words"),
    [
        (NOBODY, 30771, Refused, "code 14014"),
        (EXPIRED, 30771, Refused, "expired.*code 14030"),
        (OWNER, 30769, ConfigError, "DERIVE_SUBACCOUNT_ID 30769 is not among.*30771"),
    ],
)
async def test_credentials_that_do_not_fit_end_the_start(floor, key, subaccount, error, words):
    """A stranger's key, an expired one, another's subaccount: the start fails, with the code, or what is allowed."""
    with pytest.raises(error, match=words):
        await floor.session(key, subaccount=subaccount).start()
    assert not any(isinstance(event, Connected) for event in floor.events)


async def test_a_key_that_may_not_trade_is_refused_before_the_first_order(floor):
    """v2 says a key's scope when asked; v3, which has many, refuses the order itself, with its code and what to do."""
    session = floor.session(READING)
    if floor.version == "v2":
        with pytest.raises(ConfigError, match="scope read_only: orders need the admin scope"):
            await session.start()
        return
    await session.start()
    update = await floor.outcome(session, floor.order(session))
    assert (update.state, update.code) == (OrderState.REFUSED, 14031)
    assert "give the session key" in update.detail


async def test_an_unknown_wallet_is_refused_with_what_to_correct(floor):
    """The venue's code, and which setting it is about."""
    with pytest.raises(Refused, match=r"DERIVE_WALLET_ADDRESS.*code 14000"):
        await floor.session(OWNER, wallet="0x00000000000000000000000000000000000000A2").start()


async def test_signatures_for_another_network_are_refused(floor):
    """The main network's domain at the test network: no order is taken, and the venue's code says so."""
    mainnet = V3_MAINNET if floor.version == "v3" else V2_MAINNET
    session = floor.session(PRACTICE, PRACTICE_ACCOUNT.wallet, 30769, profile=mainnet.at(floor.url))
    await session.start()
    update = await floor.outcome(session, floor.order(session))
    assert (update.state, update.code) == (OrderState.REFUSED, 14014)


async def test_the_other_generations_dialect_is_refused(floor):
    """v2 spoken to v3, or the other way: an order ends refused or the start fails, and never in doubt."""
    other = choose_profile("v3" if floor.version == "v2" else "v2", is_test=True, url=floor.url)
    session = floor.session(PRACTICE, PRACTICE_ACCOUNT.wallet, 30769, profile=other)
    try:
        await session.start()
    except (Refused, ConfigError, Disconnected):
        return
    update = await floor.outcome(session, floor.order(session))
    assert update.state is OrderState.REFUSED


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"instrument": "ETH-20200101-100-C"}, "not listed here"),
        ({"price_nanos": 1_234_567_891}, "not on its tick"),
        ({"amount_nanos": SECOND // 10 + 7}, "not on its lot"),
        ({"amount_nanos": 10**6}, "outside"),
        ({"amount_nanos": 10**7 * SECOND}, "outside"),
    ],
)
async def test_what_we_can_know_never_leaves(floor, changes, words):
    """Unknown instrument, off the tick or lot, below the least or above the most: refused by us, without a code."""
    session = floor.session(PRACTICE, PRACTICE_ACCOUNT.wallet, 30769)
    await session.start()
    update = await floor.outcome(session, floor.order(session, **changes))
    assert (update.state, update.code) == (OrderState.REFUSED, None)
    assert words in update.detail


async def test_what_only_the_venue_knows_comes_with_its_code_and_advice(floor):
    """No money for it, a price far off, a reduction of nothing: refused by the venue, in its words and ours."""
    session = floor.session(OWNER)
    await session.start()
    tick = session.instrument(PERPETUAL).tick_nanos
    ask = session.book(PERPETUAL).best_ask()
    cases = [
        ({"amount_nanos": 10 * SECOND}, 11000, "deposit"),
        ({"price_nanos": floor_to(ask * 2, tick)}, 11013, "limit price"),
        ({"reduce_only": True, "time_in_force": TimeInForce.IOC}, 11025, "Reduce only"),
    ]
    for changes, code, words in cases:
        update = await floor.outcome(session, floor.order(session, **changes))
        assert (update.state, update.code) == (OrderState.REFUSED, code)
        assert words.lower() in update.detail.lower()
    assert await session.open_orders() == []
