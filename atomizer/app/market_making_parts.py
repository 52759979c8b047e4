"""From settings to the parameters of the market maker's parts: units turned once, here."""

from collections.abc import Iterable
from typing import Final

from atomizer._core.gate import Gate, InstrumentLimits
from atomizer._core.room import RoomLimits
from atomizer.config.settings import Settings
from atomizer.domain.instruments import NANOS, Instrument
from atomizer.domain.trading import Protection, TimeInForce
from atomizer.errors import ConfigError
from atomizer.strategies.market_maker import BPS, MakerParams, share_of_bps
from atomizer.strategies.market_maker_skew import SkewParams
from atomizer.strategies.market_maker_spread import WIDEST, SpreadParams

PLACES: Final = frozenset({"derive", "deribit"})
LEAST_REFRESH_S: Final = 0.05
NS_PER_MS: Final = 1_000_000


def check(settings: Settings) -> None:
    """What the types of the settings cannot say.

    Raises:
        ConfigError: names the key and the remedy.
    """
    maker, exchange = settings.market_maker, settings.exchange.name
    if exchange.venue not in PLACES:
        raise ConfigError(f"exchange.name {exchange}: no quotes can rest there: use derive or deribit")
    if maker.bid_only and maker.ask_only:
        raise ConfigError("market_maker.bid_only and market_maker.ask_only: only one of both can be meant")
    for name in ("spread", "min_spread"):
        if getattr(maker, name) > BPS:
            raise ConfigError(f"market_maker.{name} is {getattr(maker, name)} bps, more than the price: lower it")
    if not 1 <= maker.widest <= WIDEST:
        raise ConfigError(f"market_maker.widest is {maker.widest}: from 1 to {WIDEST:g} times the plain spread")
    if maker.taper_from > 1:
        raise ConfigError(f"market_maker.taper_from is {maker.taper_from}: a share of max_position, up to 1")
    _check_times(settings)
    _check_size(settings)
    if settings.exchange.name.venue == "deribit":
        _check_deribit(settings)


def _check_deribit(settings: Settings) -> None:
    """What its own protection wants."""
    maker = settings.market_maker
    if maker.protection_window % 1:
        raise ConfigError(
            f"market_maker.protection_window is {maker.protection_window} s: Deribit counts whole seconds"
        )
    if maker.protection_delta >= maker.protection_amount:
        raise ConfigError(
            f"market_maker.protection_delta is {maker.protection_delta}: Deribit wants it below "
            f"market_maker.protection_amount {maker.protection_amount}"
        )


def _check_times(settings: Settings) -> None:
    maker = settings.market_maker
    for name in ("near_expiry", "move_window", "protection_window"):
        if getattr(maker, name) <= 0:
            raise ConfigError(f"market_maker.{name} is 0 s: give it a time, such as 60s")
    if maker.refresh < LEAST_REFRESH_S:
        raise ConfigError(
            f"market_maker.refresh is {maker.refresh} s: at least {LEAST_REFRESH_S} s, events come at once"
        )


def _check_size(settings: Settings) -> None:
    maker = settings.market_maker
    if maker.size > settings.risk.max_order_size:
        raise ConfigError(
            f"market_maker.size is {maker.size}, above risk.max_order_size {settings.risk.max_order_size}: "
            "lower the one or raise the other"
        )
    if maker.size > maker.max_position:
        raise ConfigError(
            f"market_maker.size is {maker.size}, above market_maker.max_position {maker.max_position}: lower the size"
        )


def build_protections(settings: Settings, underlyings: Iterable[str]) -> list[Protection]:
    """Frozen until we reset it: a pause is ours to end, and whoever died in one does not come back by itself."""
    maker = settings.market_maker
    return [
        Protection(
            underlying=underlying,
            window_ms=maker.protection_window.ns // NS_PER_MS,
            frozen_ms=0,
            amount_limit_nanos=maker.protection_amount.nanos,
            delta_limit_nanos=maker.protection_delta.nanos,
        )
        for underlying in underlyings
    ]


def build_params(settings: Settings) -> MakerParams:
    maker = settings.market_maker
    return MakerParams(
        aggression_nanos=maker.aggression.nanos,
        improvement_nanos=maker.improvement.nanos,
        reference_size_nanos=maker.improvement_reference_size.nanos,
        spread_share_nanos=share_of_bps(maker.spread.nanos),
        min_spread_share_nanos=share_of_bps(maker.min_spread.nanos),
        size_nanos=maker.size.nanos,
        shows_bids=not maker.ask_only,
        shows_asks=not maker.bid_only,
        is_round_fair=maker.fair == "smile",
        max_position_nanos=_max_position_nanos(settings),
        taper_from=float(maker.taper_from),
        spread=SpreadParams(
            iv=float(maker.widen_iv),
            calm_iv=float(maker.calm_iv),
            move=float(maker.widen_move),
            thin=float(maker.widen_thin),
            deep_nanos=maker.deep.nanos,
            short=float(maker.widen_short),
            near_s=float(maker.near_expiry),
            widest=float(maker.widest),
        ),
        skew=SkewParams(
            aversion=float(maker.skew_risk),
            horizon_s=float(maker.skew_horizon),
            vol_of_vol=float(maker.skew_vol_of_vol),
            most_share=maker.skew_most_bps / BPS,
        ),
    )


def build_room_limits(settings: Settings) -> RoomLimits:
    risk = settings.risk
    try:
        return RoomLimits(
            max_position_nanos=_max_position_nanos(settings),
            max_exposure_nanos=min(settings.market_maker.max_exposure.nanos, risk.max_exposure.nanos),
            max_delta_nanos=risk.max_delta.nanos,
            max_gamma_nanos=risk.max_gamma.nanos,
            max_vega_nanos=risk.max_vega.nanos,
            max_order_notional_nanos=risk.max_order_notional.nanos,
            max_open_notional_nanos=risk.max_open_notional.nanos,
            max_open_orders=risk.max_open_orders,
        )
    except OverflowError as error:
        raise ConfigError(f"risk: {error}") from None


def build_limits(settings: Settings, instrument: Instrument) -> InstrumentLimits:
    risk = settings.risk
    return InstrumentLimits(
        tick_nanos=instrument.any_tick_nanos,  # one tick a slot: at any price the venue takes it
        lot_nanos=instrument.lot_nanos,
        min_amount_nanos=instrument.min_amount_nanos,
        max_amount_nanos=instrument.max_amount_nanos,
        max_order_size_nanos=risk.max_order_size.nanos,
        max_position_nanos=_max_position_nanos(settings),
        mark_band_share_nanos=risk.price_band_bps * NANOS // BPS,
        max_book_age_ns=risk.max_book_age.ns,
        max_mark_age_ns=risk.max_mark_age.ns,
        fair_band_share_nanos=risk.fair_band_bps * NANOS // BPS if settings.market_maker.fair == "smile" else None,
    )


def build_core_gate(settings: Settings) -> Gate:
    try:
        return Gate(settings.risk.max_orders_per_second)
    except ValueError as error:
        raise ConfigError(f"risk.max_orders_per_second: {error}") from None


def keep_nanos(settings: Settings, instrument: Instrument) -> int:
    return settings.market_maker.keep_ticks * instrument.any_tick_nanos


def life_of(settings: Settings) -> TimeInForce:
    """Up to the middle of the market a quote may only rest; whoever asks to go beyond it may also take."""
    return TimeInForce.GTC if settings.market_maker.aggression >= 1 else TimeInForce.POST_ONLY


def _max_position_nanos(settings: Settings) -> int:
    return min(settings.market_maker.max_position.nanos, settings.risk.max_position.nanos)
