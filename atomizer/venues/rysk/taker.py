"""The taker's side of Rysk, on `/taker`: what is offered, and a price for one option. Nothing here trades.

Source: protocol sheet §5. To trade, a taker confirms on a chain what it was quoted: that is no message of this socket.
"""

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import orjson

from atomizer.domain.instruments import Contract, OptionType
from atomizer.domain.reasons import Reason
from atomizer.errors import BadFrame, Disconnected, OutcomeUnknown, Refused
from atomizer.net.backoff import Backoff
from atomizer.net.connection import Connection
from atomizer.net.websocket import CloseReason
from atomizer.venues.rysk import frames
from atomizer.venues.rysk.codec import PRICE_LIMIT_E18
from atomizer.venues.rysk.profile import E18_PER_NANO, NANOS_PER_E8, VENUE

FRAME_BYTES: Final = 16 * 1024 * 1024
ANSWER_WITHIN_S: Final = 10.0  # an auction lasts two seconds
_NO_ASK: Final = 9_000_000_000  # the venue shows 9223372036.854776 where there is no ask


class PriceRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a taker wants a price for: so much of one option on one token."""

    asset: str
    symbol: str
    chain_id: int
    contract: Contract
    quantity_nanos: int
    taker: str


class Priced(msgspec.Struct, frozen=True, kw_only=True):
    """The best quote of an auction: USD per unit of the underlying, rounded down to nanos."""

    maker: str
    price_nanos: int
    apy_percent: float
    valid_until_s: int


class Offered(msgspec.Struct, frozen=True, kw_only=True):
    """One series of the inventory. 0 where the venue shows no bid or no ask; volatilities in percent."""

    symbol: str
    expiry_s: int
    strike: float
    is_put: bool
    bid_usd: float
    ask_usd: float
    bid_iv: float
    ask_iv: float
    apy_percent: float


class _Row(msgspec.Struct, rename="camel"):
    expiration_timestamp: int = msgspec.field(name="expiration_timestamp")
    strike: float
    is_put: bool
    bid: float
    ask: float
    bid_iv: float = 0.0
    ask_iv: float = 0.0
    apy: float = 0.0


def build_price_request(request_id: str, request: PriceRequest) -> bytes:
    """Frame of `request`; addresses in lower case, strike in 10⁻⁸, quantity in 10⁻¹⁸."""
    params = {
        "asset": request.asset,
        "assetName": request.symbol,
        "chainId": request.chain_id,
        "expiry": request.contract.expiry_s,
        "isPut": request.contract.option_type is OptionType.PUT,
        "quantity": str(request.quantity_nanos * E18_PER_NANO),
        "strike": str(request.contract.strike_nanos // NANOS_PER_E8),
        "taker": request.taker,
    }
    return orjson.dumps({"jsonrpc": "2.0", "id": request_id, "method": "request", "params": params})


def parse_priced(result: object) -> Priced:
    """Result of `request`.

    {"rfqId":"…","maker":"0x…","price":"12500000000000000000","validUntil":1750000030,"apy":18.25,…}

    Raises:
        BadFrame: names the field and its value.
    """
    if not isinstance(result, dict):
        raise frames.bad(f"a price is {frames.shown(result)}, expected an object")
    apy = result.get("apy", 0.0)
    if isinstance(apy, bool) or not isinstance(apy, int | float):
        raise frames.bad(f"apy is {frames.shown(apy)}, expected a number")
    return Priced(
        maker=str(result.get("maker", ""))[:64],
        price_nanos=frames.amount(result, "price", PRICE_LIMIT_E18, Reason.MALFORMED) // E18_PER_NANO,
        apy_percent=float(apy),
        valid_until_s=frames.integer(result, "validUntil", 2**32 - 1) if "validUntil" in result else 0,
    )


def parse_inventory(result: object) -> list[Offered]:
    """Result of `inventory`: every series of every token; a row of strike 0 or an unreadable one is left out.

    {"WETH":{"strikes":{…},"expiries":[…],"combinations":{"2600-1751011200":{"expiry":"27JUN25",
    "expiration_timestamp":1751011200,"strike":2600,"isPut":false,"bid":12.5,"ask":9223372036.854776,"bidIv":55.1,
    "askIv":0,"apy":18.2,…}}}}

    Raises:
        BadFrame: not such an object at all.
    """
    if not isinstance(result, dict):
        raise frames.bad(f"the inventory is {frames.shown(result)}, expected an object")
    found: list[Offered] = []
    for symbol, offered in result.items():
        rows = offered.get("combinations") if isinstance(offered, dict) else None
        if not isinstance(rows, dict):
            raise frames.bad(f"the inventory of {frames.shown(symbol)} has no combinations")
        found += [row for each in rows.values() if (row := _offered(symbol, each)) is not None]
    return found


def _offered(symbol: str, row: Any) -> Offered | None:
    try:
        wire = msgspec.convert(row, _Row)
    except msgspec.ValidationError:
        return None
    if wire.strike <= 0:
        return None
    return Offered(
        symbol=symbol,
        expiry_s=wire.expiration_timestamp,
        strike=wire.strike,
        is_put=wire.is_put,
        bid_usd=max(wire.bid, 0.0),
        ask_usd=wire.ask if 0 < wire.ask < _NO_ASK else 0.0,
        bid_iv=wire.bid_iv,
        ask_iv=wire.ask_iv,
        apy_percent=wire.apy,
    )


class RyskTaker:
    """One socket on `/taker`. Ids are ours, so any number of requests may be open at once."""

    def __init__(self, base_url: str, backoff: Backoff, *, answer_within_s: float = ANSWER_WITHIN_S) -> None:
        self._answer_within_s = answer_within_s
        self._ids = itertools.count(1)
        self._open: dict[str, asyncio.Future[Any]] = {}
        self._connection = Connection(
            "rysk taker",
            f"{base_url.rstrip('/')}/taker",
            on_open=_nothing_to_say,
            on_text=self._on_text,
            on_lost=self._on_lost,
            backoff=backoff,
        )
        self.bad_frames = 0

    async def start(self) -> None:
        """Raises ConfigError or VenueError: nothing is left running."""
        await self._connection.start()

    async def stop(self) -> None:
        await self._connection.stop()

    async def inventory(self) -> list[Offered]:
        """Raises VenueError or BadFrame."""
        request_id = f"inventory-{next(self._ids)}"
        frame = orjson.dumps({"jsonrpc": "2.0", "id": request_id, "method": "inventory", "params": {}})
        return parse_inventory(await self._ask(request_id, frame, "inventory"))

    async def price(self, request: PriceRequest) -> Priced:
        """The best quote of an auction among the makers.

        Raises:
            Refused: the venue said no, or nobody quoted.
            OutcomeUnknown: no answer in time.
            Disconnected: nothing was sent, or the connection was lost before the answer.
            BadFrame: an answer that we cannot read.
        """
        request_id = f"request-{next(self._ids)}"
        return parse_priced(await self._ask(request_id, build_price_request(request_id, request), "request"))

    async def prices(self, requests: Sequence[PriceRequest]) -> list[Priced | BaseException]:
        """All at once: each its best quote, or why there is none."""
        return await asyncio.gather(*(self.price(request) for request in requests), return_exceptions=True)

    async def _ask(self, request_id: str, frame: bytes, method: str) -> Any:
        self._connection.send_text(frame)
        answered = self._open[request_id] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(self._answer_within_s):
                return await answered
        except TimeoutError:
            words = f"no answer within {self._answer_within_s:g} s"
            raise OutcomeUnknown(VENUE, words, request=method, retryable=True) from None
        finally:
            del self._open[request_id]

    def _on_text(self, text: memoryview) -> None:
        try:
            tree = frames.decode(text, FRAME_BYTES)
        except BadFrame:
            self.bad_frames += 1
            return
        answered = self._open.get(str(tree.get("id"))) if tree is not None else None
        if tree is None or answered is None or answered.done():
            return  # blank, a push, or a late answer
        error = tree.get("error")
        if error is None:
            answered.set_result(tree.get("result"))
        else:
            code, message = (error.get("code"), error.get("message")) if isinstance(error, dict) else (None, error)
            number = code if type(code) is int else None
            answered.set_exception(Refused(VENUE, frames.shown(message), code=number))

    def _on_lost(self, _reason: CloseReason) -> None:
        for answered in self._open.values():
            if not answered.done():
                words = "the connection was lost before the answer"
                answered.set_exception(Disconnected(VENUE, words, retryable=True))


async def _nothing_to_say() -> None:
    """There is no login and no subscription."""
