"""What the venue lists: instruments with their ticks, lots and fees. Pure.

Fields as in the protocol sheet §4 and §7; the samples are captures of 2020 to 2026.
"""

from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple

import msgspec

from atomizer.domain.instruments import NANOS, USD, Contract, Instrument, TickStep
from atomizer.errors import BadFrame
from atomizer.venues.deribit.profile import VENUE
from atomizer.venues.deribit.wire import INT64_MAX, Millis, Name, Word, contract_of, currency_of, nanos, read

OPTION_FEE_CAP_NANOS: Final = NANOS // 8  # 12.5 % of the premium; protocol sheet §7, "Fees"


class Listing(NamedTuple):
    """An instrument, what its index is called, and until when it can be traded (s; perpetuals: far away)."""

    instrument: Instrument
    index_name: str
    expires_s: int


class InstrumentList(NamedTuple):
    """`skipped` are names that we do not trade or could not read, with the reason."""

    listings: list[Listing]
    skipped: dict[str, str]


class _WireStep(msgspec.Struct):
    above_price: Decimal
    tick_size: Decimal


class _WireInstrument(msgspec.Struct):
    instrument_name: Name
    kind: Word
    is_active: bool
    tick_size: Decimal
    min_trade_amount: Decimal
    contract_size: Decimal
    maker_commission: Decimal
    taker_commission: Decimal
    expiration_timestamp: Millis
    base_currency: Word
    instrument_type: Word | None = None  # "reversed" or "linear"; not said before 2023
    settlement_currency: Word | None = None
    price_index: Word | None = None
    strike: Decimal | None = None
    option_type: Literal["call", "put", "not_applicable"] | None = None
    tick_size_steps: list[_WireStep] | None = None
    state: Word | None = None


def build_instruments(currency: str, kind: str) -> dict[str, object]:
    """Parameters of public/get_instruments; `currency` is a coin for inverse contracts, USDC for linear ones."""
    return {"currency": currency, "kind": kind, "expired": False}


def parse_instruments(result: Any) -> InstrumentList:
    """Result of public/get_instruments → listings of options and futures.

    [{"price_index":"btc_usd","kind":"future","instrument_name":"BTC-PERPETUAL","maker_commission":0.0,
    "taker_commission":0.0005,"instrument_type":"reversed","expiration_timestamp":32503708800000,"is_active":true,
    "tick_size":0.5,"contract_size":10.0,"min_trade_amount":10.0,"settlement_currency":"BTC","base_currency":"BTC",
    "tick_size_steps":[],…}]

    A record that we cannot read is skipped with its reason, so that one odd listing does not cost us all others.

    Raises:
        BadFrame: not such a result at all.
    """
    listings: list[Listing] = []
    skipped: dict[str, str] = {}
    for at, record in enumerate(read(result, list[msgspec.Raw], "instruments")):
        try:
            listings.append(parse_instrument(record))
        except BadFrame as error:
            skipped[_name_of(record) or f"record {at}"] = str(error)
    return InstrumentList(listings, skipped)


def parse_instrument(record: Any) -> Listing:
    """One instrument record, as in `parse_instruments`.

    Raises:
        BadFrame: a combo, spot, a field out of range, or a name that its details contradict.
    """
    wire = read(record, _WireInstrument, "instrument")
    what = wire.instrument_name
    contract = contract_of(what, "instrument")
    currency = currency_of(contract, "instrument")
    _check_details(wire, contract, currency)
    instrument = Instrument(
        venue=VENUE,
        contract=contract,
        tick_nanos=nanos(wire.tick_size, f"{what} tick_size", at_least=1),
        lot_nanos=_lot(wire, contract, currency),
        min_amount_nanos=nanos(wire.min_trade_amount, f"{what} min_trade_amount", at_least=1),
        max_amount_nanos=INT64_MAX,  # the venue states none
        maker_fee_nanos=nanos(wire.maker_commission, f"{what} maker_commission", at_least=-NANOS),
        taker_fee_nanos=nanos(wire.taker_commission, f"{what} taker_commission", at_least=-NANOS),
        base_fee_nanos=0,
        fee_cap_nanos=OPTION_FEE_CAP_NANOS if contract.is_option else 0,
        is_active=wire.is_active and wire.state in {None, "open"},
        currency=currency,
        tick_steps=_steps(wire),
    )
    index_name = wire.price_index or f"{contract.base.lower()}_{'usd' if instrument.is_inverse else 'usdc'}"
    return Listing(instrument, index_name, wire.expiration_timestamp // 1000)


def _name_of(record: msgspec.Raw) -> str:
    try:
        name = msgspec.json.decode(record).get("instrument_name")
    except (msgspec.DecodeError, AttributeError, RecursionError):
        return ""
    return str(name)[:64] if name else ""


def _check_details(wire: _WireInstrument, contract: Contract, currency: str) -> None:
    what = wire.instrument_name
    if wire.kind != ("option" if contract.is_option else "future"):
        raise BadFrame(f"{what}: listed as {wire.kind}")
    if wire.base_currency != contract.base:
        raise BadFrame(f"{what}: base_currency {wire.base_currency}")
    expected = "USDC" if currency == USD else currency
    if wire.settlement_currency not in {None, expected}:
        raise BadFrame(f"{what}: settlement_currency {wire.settlement_currency}, its name says {expected}")
    if wire.instrument_type not in {None, "linear" if currency == USD else "reversed"}:
        raise BadFrame(f"{what}: instrument_type {wire.instrument_type}")
    if not contract.is_perpetual and wire.expiration_timestamp != contract.expiry_s * 1000:
        raise BadFrame(f"{what}: expiration_timestamp {wire.expiration_timestamp}")
    if contract.option_type is not None:
        if wire.option_type not in {"call", "put"} or wire.option_type[0].upper() != contract.option_type:
            raise BadFrame(f"{what}: option_type {wire.option_type}")
        if wire.strike is None or nanos(wire.strike, f"{what} strike", at_least=1) != contract.strike_nanos:
            raise BadFrame(f"{what}: strike {wire.strike}")


def _lot(wire: _WireInstrument, contract: Contract, currency: str) -> int:
    """Amounts are multiples of the smallest one for options, and of the contract for futures (protocol sheet §4)."""
    what = wire.instrument_name
    if contract.is_option or currency == USD:
        return nanos(wire.min_trade_amount, f"{what} min_trade_amount", at_least=1)
    return nanos(wire.contract_size, f"{what} contract_size", at_least=1)


def _steps(wire: _WireInstrument) -> tuple[TickStep, ...]:
    what = f"{wire.instrument_name} tick_size_steps"
    steps = [
        TickStep(nanos(step.above_price, what, at_least=1), nanos(step.tick_size, what, at_least=1))
        for step in wire.tick_size_steps or ()
    ]
    return tuple(sorted(steps, key=lambda step: step.above_nanos))
