"""What may go wrong between a practice venue and its clients, by a seeded plan. Decisions only, no sockets, no clock.

A plan is a name (`calm`, `rough`, `storm`) or faults with their chances, separated by commas:

    drop=0.5%,delay=5%:200ms,deribit/gap=1%,maintenance=0.1%:10s

Each frame, in either direction, draws for each fault that may strike it; after the colon stands how long a fault
lasts, before a slash the only venue that it strikes. The same seed gives the n-th frame in one direction of a venue's
k-th connection the same draws, whatever it carries.

    drop         the frame never arrives, whether a request, its answer or a notification
    delay        the frame comes late, and with it everything behind it
    duplicate    the frame comes twice
    reorder      the frame comes late, and what is behind it overtakes
    gap          a change of a book never arrives
    freeze       the frame's channel falls silent for a while; the others go on
    mute         the same, of a private channel: what answers say of our orders is not told there
    cut          the connection breaks without a word
    half-close   the venue's side of the connection ends; what the client still sends is heard, and never answered
    reject       a request is refused before the venue sees it
    rate-limit   a request is refused for coming too often; over HTTP with 429
    maintenance  requests are refused, connections closed and new ones turned away for a while
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Any, Final

import orjson

from atomizer.errors import UsageError

NS_PER_MS: Final = 1_000_000
_UNITS_NS: Final = {"ms": NS_PER_MS, "s": 1000 * NS_PER_MS, "m": 60_000 * NS_PER_MS}
_RULE = re.compile(r"(?:(\w+)/)?([a-z-]+)=([0-9]+(?:\.[0-9]+)?)%(?::([0-9]+)(ms|s|m))?", re.ASCII)
_CHANNEL = re.compile(r'"channel":"([^"]+)"')
_BOOKS = ("book.", "orderbook.")
_PRIVATE = re.compile(r"[0-9]+\.|0x|user\.|block_rfq\.", re.ASCII)
_SNAPSHOT = '"type":"snapshot"'
VENUES: Final = ("derive", "deribit", "rysk")


class Kind(StrEnum):
    DROP = "drop"
    DELAY = "delay"
    DUPLICATE = "duplicate"
    REORDER = "reorder"
    GAP = "gap"
    FREEZE = "freeze"
    CUT = "cut"
    HALF_CLOSE = "half-close"
    REJECT = "reject"
    RATE_LIMIT = "rate-limit"
    MAINTENANCE = "maintenance"
    MUTE = "mute"


_KINDS: Final = tuple(kind.value for kind in Kind)
_ALWAYS: Final = 100.0  # percent
_DURATIONS_NS: Final = {
    Kind.DELAY: 200 * NS_PER_MS,
    Kind.REORDER: 50 * NS_PER_MS,
    Kind.FREEZE: 3000 * NS_PER_MS,
    Kind.MAINTENANCE: 5000 * NS_PER_MS,
    Kind.MUTE: 10_000 * NS_PER_MS,
}
NAMED: Final = {
    "calm": "",
    "rough": "delay=0.2%,reorder=0.1%,duplicate=0.1%,drop=0.02%,gap=0.1%,reject=1%",
    "storm": (
        "delay=0.5%,reorder=0.2%,duplicate=0.2%,drop=0.05%,gap=0.2%,freeze=0.02%,cut=0.01%,half-close=0.005%,"
        "reject=2%,rate-limit=1%,maintenance=0.2%"
    ),
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One fault: its chance a frame, how long it lasts, and the venue that it strikes, "" for all."""

    kind: Kind
    chance: float
    duration_ns: int
    venue: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What may go wrong; `text` is how it was asked for."""

    text: str
    rules: tuple[Rule, ...]

    def of(self, venue: str) -> tuple[Rule, ...]:
        return tuple(rule for rule in self.rules if rule.venue in {"", venue})


def parse_plan(text: str) -> Plan:
    """Raises UsageError: not a plan."""
    written = NAMED.get(text, text)
    return Plan(text, tuple(_rule(part.strip()) for part in written.split(",") if part.strip()))


def _rule(text: str) -> Rule:
    match = _RULE.fullmatch(text)
    if match is None or match[2] not in _KINDS or (match[1] or VENUES[0]) not in VENUES or float(match[3]) > _ALWAYS:
        names = ", ".join([*NAMED, *_KINDS])
        raise UsageError(f"--fault {text!r}: not a plan: write a name or kind=percent%[:duration], of {names}")
    kind = Kind(match[2])
    if match[4] and kind not in _DURATIONS_NS:
        raise UsageError(f"--fault {text!r}: {kind} has no duration: leave out :{match[4]}{match[5]}")
    duration_ns = int(match[4]) * _UNITS_NS[match[5]] if match[4] else _DURATIONS_NS.get(kind, 0)
    return Rule(kind, float(match[3]) / _ALWAYS, duration_ns, match[1] or "")


@dataclass(frozen=True, slots=True)
class Manners:
    """How one venue words a refusal: JSON-RPC code and message of each kind."""

    reject: tuple[int, str]
    rate_limit: tuple[int, str]
    maintenance: tuple[int, str]

    def refusal(self, kind: Kind, request_id: Any) -> str:
        code, message = {
            Kind.REJECT: self.reject,
            Kind.RATE_LIMIT: self.rate_limit,
            Kind.MAINTENANCE: self.maintenance,
        }[kind]
        frame = {"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": message}}
        return orjson.dumps(frame).decode()


@dataclass(frozen=True, slots=True)
class Struck:
    """A fault that has struck: on which connection (0 is HTTP), at its how-manieth frame, and what it struck."""

    kind: Kind
    venue: str
    connection: int
    frame: int
    what: str


@dataclass(slots=True, eq=False)
class Weather:
    """What all connections of one venue share: the plan's rules for it, and whether it is down for maintenance."""

    venue: str
    rules: tuple[Rule, ...]
    seed: int
    manners: Manners
    tell: Callable[[Struck], None]
    down_until_ns: int = 0
    connections: int = 0
    is_calm: bool = False  # then nothing strikes

    def set_calm(self, *, is_calm: bool) -> None:
        """Suspend the plan, or let it go on."""
        self.is_calm, self.down_until_ns = is_calm, 0

    def stream(self) -> "Stream":
        """The next connection's."""
        self.connections += 1
        return Stream(self, self.connections)

    def is_down(self, now_ns: int) -> bool:
        return now_ns < self.down_until_ns


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of one frame: the copies that go out, late by `delay_ns`, and whether they hold up the rest.

    `ending` is the fault that ends the connection after them. A request that was refused as `refused` has its answer.
    """

    copies: int = 1
    delay_ns: int = 0
    holds_up: bool = False
    ending: Kind | None = None
    refused: Kind | None = None
    answer: str = ""


_ON = Outcome()
_GONE = Outcome(copies=0)
_LEAVING = (
    Kind.DROP,
    Kind.DELAY,
    Kind.DUPLICATE,
    Kind.REORDER,
    Kind.GAP,
    Kind.FREEZE,
    Kind.MUTE,
    Kind.CUT,
    Kind.HALF_CLOSE,
)
_ARRIVING = (Kind.DROP, Kind.CUT, Kind.REJECT, Kind.RATE_LIMIT, Kind.MAINTENANCE)


@dataclass(slots=True, eq=False)
class Lot:
    """The draws of one direction of one connection."""

    weather: Weather
    random: Random
    frames: int = 0

    def draw(self, fits: Callable[[Kind], bool]) -> Rule | None:
        """The first rule that strikes. All rules draw for all frames, so that one frame's fate moves no other's."""
        self.frames += 1
        if self.weather.is_calm:
            return None
        struck = [rule for rule in self.weather.rules if self.random.random() < rule.chance]
        return next((rule for rule in struck if fits(rule.kind)), None)


@dataclass(slots=True, eq=False)
class Stream:
    """One connection's frames on their way, both directions. Number 0 is a venue's HTTP."""

    weather: Weather
    number: int
    _leaving: Lot = field(init=False)
    _arriving: Lot = field(init=False)
    _frozen: dict[str, int] = field(default_factory=dict)  # channel to when it speaks again

    def __post_init__(self) -> None:
        weather = self.weather
        self._leaving, self._arriving = (
            Lot(weather, Random(f"{weather.seed} {weather.venue} {self.number} {direction}"))  # noqa: S311
            for direction in ("leaving", "arriving")
        )

    def leaving(self, text: str, now_ns: int) -> Outcome:
        """A frame from the venue."""
        channel = _channel_of(text)
        special = {
            Kind.GAP: _is_book_change(channel, text),
            Kind.FREEZE: bool(channel),
            Kind.MUTE: _PRIVATE.match(channel) is not None,
        }

        def fits(kind: Kind) -> bool:
            return kind in _LEAVING and special.get(kind, True)

        struck = self._leaving.draw(fits)
        if self.weather.is_down(now_ns):
            return Outcome(copies=0, ending=Kind.MAINTENANCE)
        if now_ns < self._frozen.get(channel, 0) and not self.weather.is_calm:
            return _GONE
        if struck is None:
            return _ON
        self._tell(struck.kind, self._leaving, channel or "answer")
        if struck.kind in {Kind.FREEZE, Kind.MUTE}:
            self._frozen[channel] = now_ns + struck.duration_ns
        return {
            Kind.DELAY: Outcome(delay_ns=struck.duration_ns, holds_up=True),
            Kind.REORDER: Outcome(delay_ns=struck.duration_ns),
            Kind.DUPLICATE: Outcome(copies=2),
            Kind.CUT: Outcome(copies=0, ending=Kind.CUT),
            Kind.HALF_CLOSE: Outcome(copies=0, ending=Kind.HALF_CLOSE),
        }.get(struck.kind, _GONE)

    def arriving(self, text: str | bytes, now_ns: int) -> Outcome:
        """A frame from the client. What has no id cannot be answered, and so is not refused."""
        request_id, method = _request_of(text)
        return self.request(request_id, method, now_ns)

    def request(self, request_id: Any, method: str, now_ns: int) -> Outcome:
        """A request, however it came."""
        struck = self._arriving.draw(lambda kind: kind in _ARRIVING)
        if self.weather.is_down(now_ns):
            return Outcome(copies=0, ending=Kind.MAINTENANCE)
        if struck is None:
            return _ON
        if struck.kind in {Kind.DROP, Kind.CUT}:
            self._tell(struck.kind, self._arriving, method)
            return Outcome(copies=0, ending=Kind.CUT if struck.kind is Kind.CUT else None)
        if request_id is None:
            return _ON
        self._tell(struck.kind, self._arriving, method)
        answer = self.weather.manners.refusal(struck.kind, request_id)
        if struck.kind is Kind.MAINTENANCE:
            self.weather.down_until_ns = now_ns + struck.duration_ns
            return Outcome(copies=0, ending=Kind.MAINTENANCE, refused=struck.kind, answer=answer)
        return Outcome(copies=0, refused=struck.kind, answer=answer)

    def _tell(self, kind: Kind, lot: Lot, what: str) -> None:
        self.weather.tell(Struck(kind, self.weather.venue, self.number, lot.frames, what))


def _channel_of(text: str) -> str:
    """Of a notification, "" for any other frame."""
    match = _CHANNEL.search(text, 0, 256)
    return match[1] if match else ""


def _is_book_change(channel: str, text: str) -> bool:
    return channel.startswith(_BOOKS) and _SNAPSHOT not in text


def _request_of(text: str | bytes) -> tuple[Any, str]:
    """Id and method of a request; None and a word where there is no such thing."""
    try:
        frame = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None, "frame"
    if not isinstance(frame, dict):
        return None, "frame"
    return frame.get("id"), str(frame.get("method", "frame"))[:80]
