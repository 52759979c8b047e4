"""Does a venue work from here? Name, encryption, clock, public and private reads, a subscription, and how fast.

Nothing here logs in on a socket: when such a socket drops, a venue may cancel the account's orders, a running trader's
included. The login is proven by signed requests instead.
"""

import asyncio
import ssl
import time
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from atomizer._core.histogram import Histogram
from atomizer.app import one_shot, practice
from atomizer.app.public_socket import PublicSocket, Speech
from atomizer.app.steps import Steps
from atomizer.app.venues import account_at, missing_at, public_at, speech_at
from atomizer.config.settings import Settings
from atomizer.config.units import VenueName
from atomizer.errors import Disconnected

PINGS: Final = 10
PINGS_FULL: Final = 50
PING_EVERY_S: Final = 0.2  # below what any venue allows a stranger
CONNECT_WITHIN_S: Final = 10.0
CHANNELS_FULL: Final = 50
UNDERLYING: Final = "ETH"
NS_PER_MS: Final = 1e6


async def check_exchange(
    name: VenueName, settings: Settings, endpoints: practice.Endpoints | None, *, full: bool
) -> Steps:
    """Every step that does not need an earlier one is tried, whatever became of that."""
    steps = Steps()
    speech = speech_at(name, settings, endpoints)
    url = (
        speech.url if speech is not None else await one_shot.address_of(public_at(name, settings, endpoints), settings)
    )
    if not await steps.take("DNS", resolve(url)) or not await steps.take("TLS", encrypt(url)):
        return steps
    names: list[str] = []
    await steps.take("clock", _clock(name, settings, endpoints))
    await steps.take("public call", _look(name, settings, endpoints, names))
    if missing := missing_at(name, settings):
        for step in ("login", "private read"):
            steps.skip(step, f"no credentials: set {', '.join(missing)}")
    else:
        await _private(steps, name, settings, endpoints)
    if speech is not None:
        await _socket(steps, speech, names, full=full)
    else:
        steps.skip("subscription", "prices of this exchange are polled")
        await steps.take("latency", _poll(name, settings, endpoints, names, full=full))
    return steps


def percentiles(latencies: Histogram) -> str:
    p50, p99 = (latencies.percentile(each) / NS_PER_MS for each in (50, 99))
    maximum = latencies.maximum_ns / NS_PER_MS
    return f"p50 {p50:.2f} ms, p99 {p99:.2f} ms, max {maximum:.2f} ms of {latencies.count} answers"


async def resolve(url: str) -> str:
    host = urlsplit(url).hostname or ""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None)
    except OSError as error:
        raise Disconnected("DNS", f"{host}: {error.strerror or error}: check the name servers") from None
    addresses = sorted({str(each[4][0]) for each in found})
    return f"{host} is {', '.join(addresses[:3])}"


async def encrypt(url: str) -> str:
    """A handshake of its own, for what it says of the certificate."""
    parts = urlsplit(url)
    is_plain = parts.scheme in {"ws", "http"}
    port = parts.port or (80 if is_plain else 443)
    try:
        async with asyncio.timeout(CONNECT_WITHIN_S):
            context = None if is_plain else ssl.create_default_context()
            _, writer = await asyncio.open_connection(parts.hostname, port, ssl=context)
    except TimeoutError:
        raise Disconnected("TLS", f"{parts.hostname}:{port} does not answer within {CONNECT_WITHIN_S:g} s") from None
    except OSError as error:
        raise Disconnected("TLS", f"{parts.hostname}:{port}: {error}") from None
    encryption = writer.get_extra_info("ssl_object")
    writer.close()
    if encryption is None:
        return "not used: an address of this machine"
    return f"{encryption.version()}, certificate valid until {encryption.getpeercert().get('notAfter', '?')}"


async def _clock(name: VenueName, settings: Settings, endpoints: practice.Endpoints | None) -> str:
    async with one_shot.client(public_at(name, settings, endpoints), settings, []) as venue:
        offset = venue.clock_offset
    if offset is None:
        return "the venue tells no time"
    ahead = "ahead of" if offset.offset_ns > 0 else "behind"
    return f"{abs(offset.offset_ns) / NS_PER_MS:.1f} ms {ahead} ours, give or take {offset.error_ns / NS_PER_MS:.1f} ms"


async def _look(name: VenueName, settings: Settings, endpoints: practice.Endpoints | None, names: list[str]) -> str:
    async with one_shot.client(public_at(name, settings, endpoints), settings, [UNDERLYING]) as venue:
        names += venue.names
    return f"{len(names)} instruments of {UNDERLYING}"


async def _poll(
    name: VenueName, settings: Settings, endpoints: practice.Endpoints | None, names: Sequence[str], *, full: bool
) -> str:
    """How long book and mark of one instrument take."""
    latencies = Histogram()
    async with one_shot.client(public_at(name, settings, endpoints), settings, [UNDERLYING]) as venue:
        for _ in range(PINGS_FULL if full else PINGS):
            started_ns = time.perf_counter_ns()
            await venue.fetch_prices(names[:1])
            latencies.record(time.perf_counter_ns() - started_ns)
    return percentiles(latencies)


async def _private(steps: Steps, name: VenueName, settings: Settings, endpoints: practice.Endpoints | None) -> None:
    async def log_in() -> str:
        account = account_at(name, settings, endpoints)
        async with one_shot.client(account.open_client, settings, []) as venue:
            found.append((len(await venue.positions()), len(await venue.resting())))
        return f"{account.place}, {account.owner}"

    async def read() -> str:
        positions, orders = found[0]
        return f"{positions} positions, {orders} open orders"

    found: list[tuple[int, int]] = []
    if await steps.take("login", log_in()):
        await steps.take("private read", read())
    else:
        steps.skip("private read", "not logged in")


async def _socket(steps: Steps, speech: Speech, names: Sequence[str], *, full: bool) -> None:
    socket = PublicSocket(speech)

    async def open_socket() -> str:
        await socket.open()
        return speech.url

    async def listen() -> str:
        wanted = sorted(names)[:CHANNELS_FULL] if full else sorted(names)[-1:]
        took_ns = await socket.listen(wanted)
        return f"{len(wanted)} of {len(wanted)} tickers spoke within {took_ns / NS_PER_MS:.0f} ms"

    async def measure() -> str:
        latencies = Histogram()
        for _ in range(PINGS_FULL if full else PINGS):
            latencies.record(await socket.ping_ns())
            await asyncio.sleep(PING_EVERY_S)
        return percentiles(latencies)

    if not await steps.take("socket", open_socket()):
        return
    try:
        if names:
            await steps.take("subscription", listen())
        else:
            steps.skip("subscription", "nothing is listed")
        await steps.take("latency", measure())
    finally:
        await socket.close()
