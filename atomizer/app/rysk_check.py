"""Does Rysk work from here? As `exchange_check`, with what a source of RFQs has instead of orders."""

import asyncio
import random
import time
from typing import Final

from atomizer._core.histogram import Histogram
from atomizer.app import practice, reach_rysk
from atomizer.app.exchange_check import PINGS, PINGS_FULL, encrypt, percentiles, resolve
from atomizer.app.markets import fetch_rysk_assets
from atomizer.app.reach_rysk import RyskAccess
from atomizer.app.steps import Steps
from atomizer.config.mode import Mode, mode_of
from atomizer.config.settings import Settings
from atomizer.domain.trading import Fill, QuoteAnswered
from atomizer.errors import BadFrame
from atomizer.net.backoff import Backoff
from atomizer.net.connection import Connection
from atomizer.net.websocket import CloseReason
from atomizer.venues.rysk.codec import RyskRequest
from atomizer.venues.rysk.session import RyskSession

FIRST_RFQ_WITHIN_S: Final = 15.0


async def check_rysk(settings: Settings, endpoints: practice.Endpoints | None, *, full: bool) -> Steps:
    """Every step that does not need an earlier one is tried, whatever became of that."""
    steps = Steps()
    url = reach_rysk.websocket_url(settings, endpoints)
    if not await steps.take("DNS", resolve(url)) or not await steps.take("TLS", encrypt(url)):
        return steps
    assets: list[str] = []

    async def look() -> str:
        listed = await fetch_rysk_assets(settings, endpoints)
        assets.extend(each.address for each in listed if each.is_active)
        return f"{len(listed)} assets, {len(assets)} active"

    steps.skip("clock", "the venue tells no time")
    await steps.take("public call", look())
    missing = reach_rysk.missing(settings) if mode_of(settings) is not Mode.SIM else []
    if missing:
        for step in ("login", "private read"):
            steps.skip(step, f"no credentials: set {', '.join(missing)}")
        if assets:
            await steps.take("socket", _open(f"{url.rstrip('/')}/rfqs/{assets[0]}"))
    else:
        await _maker(steps, await reach_rysk.maker_access(settings, endpoints), full=full)
    return steps


async def _open(url: str) -> str:
    connection = Connection(
        "rysk",
        url,
        on_open=_nothing,
        on_text=_unread,
        on_lost=_unheard,
        backoff=Backoff(random.Random()),  # noqa: S311
    )
    await connection.start()
    await connection.stop()
    return url


async def _maker(steps: Steps, access: RyskAccess, *, full: bool) -> None:
    """Rysk knows a maker by the address it names and by the quotes it signs: what can be asked is what it holds."""
    listener = _Listener()
    session = RyskSession(
        access.url,
        access.rfq_assets,
        assets=access.assets,
        key=access.maker,
        events=listener,
        clock_ns=time.time_ns,
        random=random.Random(),  # noqa: S311  spreads reconnects, guards nothing
    )

    async def log_in() -> str:
        await session.start()
        return f"maker {access.maker.maker}, {len(access.rfq_assets)} assets"

    async def read() -> str:
        positions, balances = await session.positions(), await session.balances()
        return f"{len(positions)} positions, {len(balances)} balances"

    async def listen() -> str:
        try:
            async with asyncio.timeout(FIRST_RFQ_WITHIN_S):
                await listener.heard.wait()
        except TimeoutError:
            return f"no taker asked within {FIRST_RFQ_WITHIN_S:g} s"
        return f"{listener.count} RFQs heard"

    async def measure() -> str:
        latencies = Histogram()
        for _ in range(PINGS_FULL if full else PINGS):
            started_ns = time.perf_counter_ns()
            await session.balances()
            latencies.record(time.perf_counter_ns() - started_ns)
        return percentiles(latencies)

    if not await steps.take("login", log_in()):
        return
    try:
        await steps.take("private read", read())
        if full:
            await steps.take("subscription", listen())
        else:
            steps.skip("subscription", "RFQs come when takers ask: --full waits for one")
        await steps.take("latency", measure())
    finally:
        await session.stop()


class _Listener:
    """Hears RFQs and answers none."""

    def __init__(self) -> None:
        self.heard = asyncio.Event()
        self.count = 0

    def on_maker_open(self) -> None: ...

    def on_rfq_frame(self, _frame: memoryview, _now_ns: int) -> bool:
        return False

    def on_settled(self, _request: RyskRequest) -> None: ...

    def on_request(self, _request: RyskRequest) -> None:
        self.count += 1
        self.heard.set()

    def on_answer(self, _answer: QuoteAnswered) -> None: ...

    def on_fill(self, _fill: Fill) -> None: ...

    def on_bad_frame(self, _error: BadFrame) -> None: ...


async def _nothing() -> None:
    """The path is what one listens to."""


def _unread(_text: memoryview) -> None:
    """Whether it opens is all that is asked."""


def _unheard(_reason: CloseReason) -> None:
    """Nobody waits for an answer."""
