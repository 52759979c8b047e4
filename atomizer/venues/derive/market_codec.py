"""Public data: instruments, books, tickers, spot and the tape. Pure.

Fields as in the protocol sheet §3.1 and §4; the samples are captures of 2025 and 2026.
"""

from typing import Any, Final, Literal, NamedTuple

import msgspec

from atomizer._core.ecdsa import parse_address
from atomizer._core.eip712 import option_sub_id
from atomizer._core.fixed import parse_nanos
from atomizer.domain.instruments import Contract, Instrument, OptionType, parse_name
from atomizer.domain.session import PublicTrade
from atomizer.domain.trading import Mark, Side
from atomizer.errors import BadFrame
from atomizer.venues.derive.profile import NANOS_PER_MS, VENUE
from atomizer.venues.derive.wire import (
    Count,
    Digits,
    Identity,
    Millis,
    Name,
    Seconds,
    Word,
    figure,
    nanos,
    nanos_nearest,
    read,
)

MOST_LEVELS: Final = 100  # the deepest book channel
LARGEST_PUBLISH_ID: Final = 2**63 - 1
EARLIEST_MS, LATEST_MS = 1_577_836_800_000, 4_102_444_800_000  # 2020 to 2100
HIGHEST_VOLATILITY: Final = 100.0  # 10 000 %: beyond is not a volatility
UNBOUNDED: Final = 1e15


class Listing(msgspec.Struct, frozen=True):
    """An instrument and the two numbers that name it in a signature."""

    instrument: Instrument
    asset: bytes
    sub_id: int


class InstrumentPage(NamedTuple):
    """One page of the listing; `skipped` are names that we do not trade or could not read, with the reason."""

    listings: list[Listing]
    skipped: dict[str, str]
    page_count: int


class BookSnapshot(NamedTuple):
    """One full replacement of a book: levels are (price, size) in nanos, best first."""

    publish_id: int
    venue_time_ns: int
    bids: list[tuple[int, int]]
    asks: list[tuple[int, int]]


class _WireOption(msgspec.Struct):
    expiry: Seconds
    strike: Digits
    option_type: Literal["C", "P"]


class _WireInstrument(msgspec.Struct):
    instrument_name: Name
    instrument_type: Literal["option", "perp", "erc20"]
    base_asset_address: Word
    base_asset_sub_id: Digits
    tick_size: Digits
    amount_step: Digits
    minimum_amount: Digits
    maximum_amount: Digits
    maker_fee_rate: Digits
    taker_fee_rate: Digits
    base_fee: Digits
    is_active: bool
    mark_price_fee_rate_cap: Digits | None = None
    option_details: _WireOption | None = None


class _WirePagination(msgspec.Struct):
    num_pages: Count


class _WireInstruments(msgspec.Struct):
    instruments: list[dict[str, Any]]
    pagination: _WirePagination


class _WirePricing(msgspec.Struct):
    delta: Digits = msgspec.field(name="d")
    gamma: Digits = msgspec.field(name="g")
    vega: Digits = msgspec.field(name="v")
    theta: Digits = msgspec.field(name="t")
    volatility: Digits = msgspec.field(name="i")
    forward: Digits = msgspec.field(name="f")


class _WireSlim(msgspec.Struct):
    time_ms: Millis = msgspec.field(name="t")
    index: Digits = msgspec.field(name="I")
    mark: Digits = msgspec.field(name="M")
    pricing: _WirePricing | None = msgspec.field(name="option_pricing")


class _WireSpot(msgspec.Struct):
    price: Digits


class _WireSpots(msgspec.Struct):
    feeds: dict[Name, _WireSpot]


class _WireTrade(msgspec.Struct):
    trade_id: Identity
    instrument_name: Name
    timestamp: Millis
    trade_price: Digits
    trade_amount: Digits
    index_price: Digits
    direction: Literal["buy", "sell"]
    quote_id: Word | None = None


class _WireTicker(msgspec.Struct):
    instrument_ticker: _WireSlim


def build_instruments(underlying: str, kind: str, page: int) -> dict[str, object]:
    """Parameters of public/get_all_instruments, 1000 a page (its most)."""
    return {"currency": underlying, "instrument_type": kind, "expired": False, "page": page, "page_size": 1000}


def parse_instruments(result: Any) -> InstrumentPage:
    """Result of public/get_all_instruments → listings of options and perpetuals.

    {"instruments":[{"instrument_type":"perp","instrument_name":"BTC-PERP","scheduled_activation":1701840228,
    "is_active":true,"tick_size":"0.1","minimum_amount":"0.01","maximum_amount":"10000","amount_step":"0.001",
    "mark_price_fee_rate_cap":"0","maker_fee_rate":"0.00005","taker_fee_rate":"0.0003","base_fee":"0.1",
    "option_details":null,"base_asset_address":"0xDBa83C0C654DB1cd914FA2710bA743e925B53086",
    "base_asset_sub_id":"0",…}],"pagination":{"count":1,"num_pages":1}}

    A record that we cannot read is skipped with its reason, so that one odd listing does not cost us all others.

    Raises:
        BadFrame: not such a result at all.
    """
    wire = read(result, _WireInstruments, "instruments")
    listings: list[Listing] = []
    skipped: dict[str, str] = {}
    for record in wire.instruments:
        try:
            listings.append(parse_instrument(record))
        except BadFrame as error:
            skipped[str(record.get("instrument_name"))[:64]] = str(error)
    return InstrumentPage(listings, skipped, wire.pagination.num_pages)


def parse_instrument(record: Any) -> Listing:
    """One instrument record, as in `parse_instruments`.

    Raises:
        BadFrame: spot, a field out of range, or a name that its details or its sub_id contradict.
    """
    wire = read(record, _WireInstrument, "instrument")
    what = wire.instrument_name
    instrument = Instrument(
        venue=VENUE,
        contract=_contract(wire),
        tick_nanos=nanos(wire.tick_size, f"{what} tick_size", at_least=1),
        lot_nanos=nanos(wire.amount_step, f"{what} amount_step", at_least=1),
        min_amount_nanos=nanos(wire.minimum_amount, f"{what} minimum_amount", at_least=1),
        max_amount_nanos=nanos(wire.maximum_amount, f"{what} maximum_amount", at_least=1),
        maker_fee_nanos=nanos(wire.maker_fee_rate, f"{what} maker_fee_rate"),
        taker_fee_nanos=nanos(wire.taker_fee_rate, f"{what} taker_fee_rate"),
        base_fee_nanos=nanos(wire.base_fee, f"{what} base_fee"),
        fee_cap_nanos=nanos(wire.mark_price_fee_rate_cap or "0", f"{what} mark_price_fee_rate_cap"),
        is_active=wire.is_active,
    )
    try:
        asset = parse_address(wire.base_asset_address)
    except ValueError as error:
        raise BadFrame(f"{what} base_asset_address: {error}") from None
    sub_id = _sub_id(instrument.contract)
    if wire.base_asset_sub_id != str(sub_id):
        raise BadFrame(f"{what} base_asset_sub_id: {wire.base_asset_sub_id}, its contract makes {sub_id}")
    return Listing(instrument, asset, sub_id)


def _contract(wire: _WireInstrument) -> Contract:
    """The contract that the name says, with the expiry that the details say: not every underlying expires at 08:00."""
    try:
        named = parse_name(wire.instrument_name)
    except (ValueError, OverflowError) as error:
        raise BadFrame(f"{wire.instrument_name}: {error}") from None
    option = wire.option_details
    if named.is_option != (wire.instrument_type == "option") or named.is_option != (option is not None):
        raise BadFrame(f"{wire.instrument_name}: listed as {wire.instrument_type}")
    if option is None:
        return named
    strike_nanos = nanos(option.strike, f"{wire.instrument_name} strike", at_least=1)
    contract = Contract(named.underlying, option.expiry, strike_nanos, OptionType(option.option_type))
    if contract.name != wire.instrument_name:
        raise BadFrame(f"{wire.instrument_name}: its details make {contract.name}")
    return contract


def _sub_id(contract: Contract) -> int:
    if contract.option_type is None:
        return 0
    try:
        return option_sub_id(contract.expiry_s, contract.strike_nanos, contract.option_type is OptionType.CALL)
    except ValueError as error:
        raise BadFrame(f"{contract.name}: {error}") from None


def book_channel(name: str) -> str:
    """Ungrouped, twenty levels a side."""
    return f"orderbook.{name}.1.20"


def ticker_channel(name: str) -> str:
    return f"ticker_slim.{name}.1000"


def spot_channel(underlying: str) -> str:
    return f"spot_feed.{underlying}"


def tape_channel(kind: str, underlying: str) -> str:
    """All trades of ``option`` or ``perp`` of an underlying."""
    return f"trades.{kind}.{underlying}"


def parse_spot(data: Any, underlying: str) -> int:
    """Data of a spot_feed channel → the index of the underlying in nanos, which is what options settle against.

    {"timestamp":1772624842966,"feeds":{"ETH":{"price":"1991.7","confidence":"0.99","price_prev_daily":"2010.2",…}}}

    Raises:
        BadFrame: a field is missing, of another type or out of range.
    """
    spot = read(data, _WireSpots, "spot feed").feeds.get(underlying)
    if spot is None:
        raise BadFrame(f"spot feed: nothing of {underlying}")
    return nanos_nearest(spot.price, f"spot feed {underlying} price", at_least=1)


def parse_tape(data: Any, now_ns: int) -> list[PublicTrade]:
    """Data of a public trades channel.

    [{"trade_id":"0445f96a-10fb-4fdc-a0f9-eed94a2f32e1","instrument_name":"ETH-USDC","timestamp":1775245899929,
    "trade_price":"2050","trade_amount":"0.1","mark_price":"2052.7251201831555","index_price":"2052.7251201831555",
    "direction":"sell","quote_id":null}]

    Raises:
        BadFrame: a field is missing, of another type or out of range.
    """
    return [_trade(wire, now_ns) for wire in read(data, list[_WireTrade], "tape")]


def _trade(wire: _WireTrade, now_ns: int) -> PublicTrade:
    what = f"trade {wire.trade_id}"
    return PublicTrade(
        now_ns=now_ns,
        venue=VENUE,
        trade_id=wire.trade_id,
        instrument=wire.instrument_name,
        side=Side.BUY if wire.direction == "buy" else Side.SELL,
        price_nanos=nanos(wire.trade_price, f"{what} trade_price"),
        amount_nanos=nanos(wire.trade_amount, f"{what} trade_amount", at_least=1),
        index_nanos=nanos_nearest(wire.index_price, f"{what} index_price"),
        is_block=wire.quote_id is not None,
        venue_time_ns=wire.timestamp * NANOS_PER_MS,
    )


def parse_book(data: Any) -> BookSnapshot:
    """Data of an orderbook channel → the whole book. This runs for every change of every book: no struct in between.

    {"timestamp":1772624842966,"instrument_name":"BTC-20260305-69500-P","publish_id":56593,
    "bids":[["340","0.4"],["320","1"],["280","0.70343"]],"asks":[["420","0.4"],["520","0.70343"]]}

    Raises:
        BadFrame: a field is missing, of another type or out of range.
    """
    try:
        publish_id, time_ms = data["publish_id"], data["timestamp"]
        bids, asks = data["bids"], data["asks"]
    except (KeyError, TypeError, IndexError):
        raise BadFrame("book: publish_id, timestamp, bids or asks is missing") from None
    if type(publish_id) is not int or not 0 <= publish_id <= LARGEST_PUBLISH_ID:
        raise BadFrame(f"book: publish_id {publish_id!r:.64}")
    if type(time_ms) is not int or not EARLIEST_MS <= time_ms < LATEST_MS:
        raise BadFrame(f"book: timestamp {time_ms!r:.64}")
    return BookSnapshot(publish_id, time_ms * NANOS_PER_MS, _levels(bids), _levels(asks))


def _levels(side: Any) -> list[tuple[int, int]]:
    if type(side) is not list or len(side) > MOST_LEVELS:
        raise BadFrame("book: a side is not a list of levels")
    levels = []
    for level in side:
        if type(level) is not list:  # text would unpack just as well, into its characters
            raise BadFrame(f"book: level {level!r:.64}")
        try:
            price, size = level
            levels.append((parse_nanos(price), parse_nanos(size)))
        except (ValueError, TypeError) as error:
            raise BadFrame(f"book: level {level!r:.64}: {error}") from None
    return levels


def parse_ticker(data: Any, name: str, is_option: bool, now_ns: int) -> Mark:
    """Data of a slim ticker channel → mark and Greeks. The instrument's name is in the channel only.

    {"timestamp":1772624842966,"instrument_ticker":{"t":1772624842966,"A":"0.4","a":"414","B":"0.4","b":"341","f":null,
    "option_pricing":{"d":"-0.24967","t":"-453.85103","g":"0.00013192","v":"10.84014","i":"0.70513","r":"0.84114",
    "f":"71067","m":"364","df":"1","bi":"0.68323","ai":"0.75013"},"I":"71078","M":"364"}}

    A perpetual's Greeks are those of its underlying: delta 1, the others 0; its forward is the index.

    Raises:
        BadFrame: a field is missing, of another type or out of range.
    """
    slim = read(data, _WireTicker, f"ticker {name}").instrument_ticker
    index_nanos = nanos_nearest(slim.index, f"ticker {name} index", at_least=1)
    pricing = slim.pricing
    if (pricing is not None) != is_option:
        raise BadFrame(f"ticker {name}: an option has pricing and nothing else does")
    volatility = theta = vega = gamma = 0.0
    delta, forward_nanos = 1.0, index_nanos
    if pricing is not None:
        volatility = figure(pricing.volatility, f"ticker {name} volatility", 0.0, HIGHEST_VOLATILITY)
        delta = figure(pricing.delta, f"ticker {name} delta", -1.0, 1.0)
        gamma = figure(pricing.gamma, f"ticker {name} gamma", 0.0, UNBOUNDED)
        vega = figure(pricing.vega, f"ticker {name} vega", 0.0, UNBOUNDED)
        theta = figure(pricing.theta, f"ticker {name} theta", -UNBOUNDED, UNBOUNDED)
        forward_nanos = nanos_nearest(pricing.forward, f"ticker {name} forward", at_least=1)
    return Mark(
        now_ns=now_ns,
        venue=VENUE,
        instrument=name,
        mark_nanos=nanos_nearest(slim.mark, f"ticker {name} mark"),
        index_nanos=index_nanos,
        forward_nanos=forward_nanos,
        iv=volatility,
        delta=delta,
        gamma=gamma,
        vega=vega,
        theta=theta,
        venue_time_ns=slim.time_ms * NANOS_PER_MS,
    )
