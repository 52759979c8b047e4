"""From settings to the parameters of the market maker's parts: units turned once, here."""

from typing import Final

from atomizer._core.gate import Gate, InstrumentLimits
from atomizer.config.settings import Settings
from atomizer.domain.instruments import NANOS, Instrument
from atomizer.domain.trading import TimeInForce
from atomizer.errors import ConfigError
from atomizer.strategies.market_maker import BPS, MakerParams, share_of_bps
from atomizer.strategies.market_maker_room import RoomLimits

LEAST_REFRESH_S: Final = 0.05


def check(settings: Settings) -> None:
    """What the types of the settings cannot say.

    Raises:
        ConfigError: names the key and the remedy.
    """
    maker = settings.market_maker
    if maker.bid_only and maker.ask_only:
        raise ConfigError("market_maker.bid_only and market_maker.ask_only: only one of both can be meant")
    for name in ("spread", "min_spread"):
        if getattr(maker, name) > BPS:
            raise ConfigError(f"market_maker.{name} is {getattr(maker, name)} bps, more than the price: lower it")
    if maker.refresh < LEAST_REFRESH_S:
        raise ConfigError(
            f"market_maker.refresh is {maker.refresh} s: at least {LEAST_REFRESH_S} s, events come at once"
        )
    if maker.size > settings.risk.max_order_size:
        raise ConfigError(
            f"market_maker.size is {maker.size}, above risk.max_order_size {settings.risk.max_order_size}: "
            "lower the one or raise the other"
        )
    if maker.size > maker.max_position:
        raise ConfigError(
            f"market_maker.size is {maker.size}, above market_maker.max_position {maker.max_position}: lower the size"
        )


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
    )


def build_room_limits(settings: Settings) -> RoomLimits:
    return RoomLimits(
        max_position_nanos=_max_position_nanos(settings),
        max_exposure_nanos=settings.market_maker.max_exposure.nanos,
        max_delta_nanos=settings.risk.max_delta.nanos,
    )


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
