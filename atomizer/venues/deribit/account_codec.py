"""Our account: limits, ledger, protections and standing. Pure.

Fields as in the protocol sheet §4 and §8; the samples are captures of 2020 to 2026 or, where none exists, the sheet's.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta

from atomizer.domain.session import LedgerPosition
from atomizer.errors import BadFrame
from atomizer.venues.deribit.codec import number
from atomizer.venues.deribit.wire import (
    Count,
    Integer,
    Name,
    Word,
    contract_of,
    currency_of,
    e18,
    e18_nearest,
    nanos,
    read,
)

NOTHING: Final = Decimal(0)
Rate = Annotated[float, Meta(gt=0, le=1e6)]


class Limit(NamedTuple):
    """So many requests at once, and so many a second over time."""

    burst: int
    rate: float


class Limits(NamedTuple):
    """What the venue grants this account; None where it does not say."""

    matching: Limit | None
    other: Limit | None
    quotes: Limit | None
    cancel_all: Limit | None


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One currency's account; all e18 of that currency, of either sign."""

    currency: str
    equity_e18: int
    balance_e18: int
    margin_balance_e18: int
    available_e18: int
    initial_margin_e18: int
    maintenance_margin_e18: int
    delta_e18: int  # net of everything, in the coin
    is_portfolio_margin: bool
    is_cross_collateral: bool


class MmpConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Market maker protection of one index (and group): what within `interval_s` freezes quotes for `frozen_s`.

    A limit of 0 is none; frozen 0 lasts until it is reset. The venue's window is fixed: it opens with the first trade.
    """

    index_name: str
    interval_s: int
    frozen_s: int
    max_quote_nanos: int
    group: str = ""
    quantity_nanos: int = 0  # both sides add up
    delta_nanos: int = 0  # both sides net
    vega_nanos: int = 0
    trades: int = 0
    is_block_rfq: bool = False


class MmpTrip(NamedTuple):
    """MmpConfig has tripped: nothing of the index is taken until `frozen_until_ms`; 0 is until it is reset."""

    index_name: str
    group: str
    frozen_until_ms: int


class _WireRate(msgspec.Struct):
    burst: Count
    rate: Rate


class _WireTrading(msgspec.Struct):
    total: _WireRate | None = None


class _WireMatching(msgspec.Struct):
    trading: _WireTrading | None = None
    quotes: _WireRate | None = None
    cancel_all: _WireRate | None = None


class _WireLimits(msgspec.Struct):
    # Older answers say one number instead of a pair; what they say is less than we assume anyway.
    matching_engine: _WireMatching | Count | None = None
    non_matching_engine: _WireRate | Count | None = None


class _WireStanding(msgspec.Struct):
    currency: Word
    equity: Decimal
    balance: Decimal
    margin_balance: Decimal
    available_funds: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    delta_total: Decimal = NOTHING
    portfolio_margining_enabled: bool = False
    cross_collateral_enabled: bool = False
    limits: _WireLimits | None = None


class _WireSummaries(msgspec.Struct):
    summaries: list[_WireStanding]


class _WirePosition(msgspec.Struct):
    instrument_name: Name
    direction: Literal["buy", "sell", "zero"]
    size: Decimal
    average_price: Decimal
    mark_price: Decimal
    realized_profit_loss: Decimal
    floating_profit_loss: Decimal


class _WireMmp(msgspec.Struct):
    index_name: Name
    interval: Count
    frozen_time: Count
    max_quote_quantity: Decimal = NOTHING
    mmp_group: Word | None = None
    quantity_limit: Decimal | None = None
    delta_limit: Decimal | None = None
    vega_limit: Decimal | None = None
    trade_count_limit: Count | None = None
    block_rfq: bool | None = None


class _WireTrip(msgspec.Struct):
    index_name: Name
    frozen_until: Integer
    mmp_group: Word | None = None


class _WireDisconnect(msgspec.Struct):
    scope: Word
    enabled: bool


def parse_positions(result: Any) -> list[LedgerPosition]:
    """Result of private/get_positions, the flat ones and those we do not trade left out.

    [{"total_profit_loss":-5.8e-08,"size_currency":-0.001119512,"size":-10.0,"settlement_price":8927.7,
    "realized_profit_loss":0.0,"mark_price":8932.46,"kind":"future","instrument_name":"BTC-PERPETUAL",
    "floating_profit_loss":-5.8e-08,"direction":"sell","delta":-0.001119512,"average_price":8932.0,…}]

    Sources disagree on the sign of a short's size, so the direction carries it.
    """
    found = (_position(wire) for wire in read(result, list[_WirePosition], "positions") if wire.size)
    return [position for position in found if position is not None]


def _position(wire: _WirePosition) -> LedgerPosition | None:
    what = f"position {wire.instrument_name}"
    try:
        contract = contract_of(wire.instrument_name, what)
    except BadFrame:
        return None
    size_e18 = abs(e18(wire.size, f"{what} size"))
    return LedgerPosition(
        instrument=contract.name,
        amount_e18=-size_e18 if wire.direction == "sell" else size_e18,
        average_price_e18=e18_nearest(wire.average_price, f"{what} average_price"),
        mark_price_e18=e18_nearest(wire.mark_price, f"{what} mark_price"),
        realized_pnl_e18=e18_nearest(wire.realized_profit_loss, f"{what} realized_profit_loss"),
        unrealized_pnl_e18=e18_nearest(wire.floating_profit_loss, f"{what} floating_profit_loss"),
        total_fees_e18=None,
        currency=currency_of(contract, what),
        is_comparable=False,
    )


def parse_standings(result: Any) -> tuple[list[Standing], Limits]:
    """Result of private/get_account_summaries (extended) → one standing a currency, and our limits.

    {"summaries":[{"currency":"BTC","limits":{"limits_per_currency":false,"non_matching_engine":{"burst":1500,
    "rate":1000},"matching_engine":{"trading":{"total":{"burst":250,"rate":200}},"quotes":{"burst":500,"rate":500},
    "cancel_all":{"burst":250,"rate":200},…}},"available_funds":301.38059622,"balance":302.60065765,
    "equity":302.61869214,"initial_margin":1.24669592,"delta_total":31.602958,…}],…}
    """
    summaries = read(result, _WireSummaries, "account summaries").summaries
    limits = [_limits(wire.limits) for wire in summaries if wire.limits is not None]
    return [_standing(wire) for wire in summaries], _tightest(limits)


def parse_standing(data: Any) -> Standing:
    """Data of a user.portfolio channel: one currency's account, fields as in `parse_standings`."""
    return _standing(read(data, _WireStanding, "portfolio"))


def _standing(wire: _WireStanding) -> Standing:
    what = f"account {wire.currency}"
    return Standing(
        currency=wire.currency,
        equity_e18=e18_nearest(wire.equity, f"{what} equity"),
        balance_e18=e18_nearest(wire.balance, f"{what} balance"),
        margin_balance_e18=e18_nearest(wire.margin_balance, f"{what} margin_balance"),
        available_e18=e18_nearest(wire.available_funds, f"{what} available_funds"),
        initial_margin_e18=e18_nearest(wire.initial_margin, f"{what} initial_margin"),
        maintenance_margin_e18=e18_nearest(wire.maintenance_margin, f"{what} maintenance_margin"),
        delta_e18=e18_nearest(wire.delta_total, f"{what} delta_total"),
        is_portfolio_margin=wire.portfolio_margining_enabled,
        is_cross_collateral=wire.cross_collateral_enabled,
    )


def _limits(wire: _WireLimits) -> Limits:
    matching = wire.matching_engine if isinstance(wire.matching_engine, _WireMatching) else _WireMatching()
    other = wire.non_matching_engine if isinstance(wire.non_matching_engine, _WireRate) else None
    trading = matching.trading.total if matching.trading is not None else None
    return Limits(_limit(trading), _limit(other), _limit(matching.quotes), _limit(matching.cancel_all))


def _limit(wire: _WireRate | None) -> Limit | None:
    return Limit(wire.burst, wire.rate) if wire is not None and wire.burst else None


def _tightest(limits: Iterable[Limits]) -> Limits:
    """Currencies may have limits of their own; ours are the least of them."""

    def least(several: Iterable[Limit | None]) -> Limit | None:
        return min((limit for limit in several if limit is not None), key=lambda limit: limit.rate, default=None)

    columns = list(zip(*limits, strict=True))
    return Limits(*(least(column) for column in columns)) if columns else Limits(None, None, None, None)


def parse_cancel_on_disconnect(result: Any) -> bool:
    """Result of private/get_cancel_on_disconnect, ``{"scope":"connection","enabled":true}``."""
    return read(result, _WireDisconnect, "cancel on disconnect").enabled


def build_mmp(wanted: MmpConfig) -> dict[str, object]:
    """Parameters of private/set_mmp_config, which replaces all that was set for this index and group."""
    params: dict[str, object] = {
        "index_name": wanted.index_name,
        "interval": wanted.interval_s,
        "frozen_time": wanted.frozen_s,
        "max_quote_quantity": number(wanted.max_quote_nanos),
    }
    limits = (
        ("quantity_limit", wanted.quantity_nanos),
        ("delta_limit", wanted.delta_nanos),
        ("vega_limit", wanted.vega_nanos),
    )
    params.update((name, number(limit)) for name, limit in limits if limit)
    if wanted.trades:
        params["trade_count_limit"] = wanted.trades
    return params | build_mmp_subject(wanted.index_name, wanted.group, is_block_rfq=wanted.is_block_rfq)


def build_mmp_subject(index_name: str, group: str = "", *, is_block_rfq: bool = False) -> dict[str, object]:
    """Parameters of private/reset_mmp, get_mmp_config and get_mmp_status."""
    params: dict[str, object] = {"index_name": index_name}
    if group:
        params["mmp_group"] = group
    if is_block_rfq:
        params["block_rfq"] = True
    return params


def parse_mmp(result: Any) -> list[MmpConfig]:
    """Result of private/set_mmp_config and get_mmp_config.

    [{"index_name":"btc_usd","mmp_group":"MassQuoteBot7","interval":60,"frozen_time":0,"quantity_limit":3.0,
    "max_quote_quantity":2.5}]
    """
    return [
        MmpConfig(
            index_name=wire.index_name,
            interval_s=wire.interval,
            frozen_s=wire.frozen_time,
            max_quote_nanos=nanos(wire.max_quote_quantity, "max_quote_quantity"),
            group=wire.mmp_group or "",
            quantity_nanos=nanos(wire.quantity_limit or NOTHING, "quantity_limit"),
            delta_nanos=nanos(wire.delta_limit or NOTHING, "delta_limit"),
            vega_nanos=nanos(wire.vega_limit or NOTHING, "vega_limit"),
            trades=wire.trade_count_limit or 0,
            is_block_rfq=bool(wire.block_rfq),
        )
        for wire in read(result, list[_WireMmp], "protections")
    ]


def parse_trips(result: Any) -> list[MmpTrip]:
    """Result of private/get_mmp_status: what is frozen now."""
    return [_trip(wire) for wire in read(result, list[_WireTrip], "protection status")]


def parse_trip(data: Any) -> MmpTrip:
    """Data of a user.mmp_trigger channel, {"frozen_until":0,"index_name":"btc_usd","mmp_group":"MassQuoteBot7"}."""
    return _trip(read(data, _WireTrip, "protection"))


def _trip(wire: _WireTrip) -> MmpTrip:
    return MmpTrip(wire.index_name, wire.mmp_group or "", wire.frozen_until)
