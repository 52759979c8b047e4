"""From settings to the parameters of gate, responder and hedger: units turned once, here."""

from collections.abc import Mapping

from atomizer.config.settings import Settings
from atomizer.domain.instruments import NANOS
from atomizer.domain.ports import MarketView
from atomizer.risk.gate import Gate
from atomizer.risk.limits import Limits
from atomizer.strategies.hedger import HedgeMode, Hedger, HedgerParams
from atomizer.strategies.pricing import BookPricer, BookPricerParams, Edge, FixedPricer, Pricer
from atomizer.strategies.rfq_responder import ResponderParams, RfqResponder

BPS = 10_000


def build_gate(settings: Settings) -> Gate:
    risk = settings.risk
    return Gate(
        Limits(
            max_position_nanos=risk.max_position.nanos,
            max_delta_nanos=risk.max_delta.nanos,
            max_order_size_nanos=risk.max_order_size.nanos,
            max_premium_e18=risk.max_premium.nanos * NANOS,
            price_band_nanos=risk.price_band_bps * NANOS // BPS,
            max_orders_per_second=risk.max_orders_per_second,
            max_mark_age_ns=risk.max_mark_age.ns,
        )
    )


def build_responder(settings: Settings, market: MarketView) -> RfqResponder:
    return RfqResponder(ResponderParams(step_nanos=settings.rfq.improvement.nanos), _pricer(settings, market))


def build_hedger(settings: Settings, market: MarketView, carried: Mapping[str, int]) -> Hedger:
    hedging = settings.hedging
    return Hedger(
        HedgerParams(
            mode=HedgeMode(hedging.mode),
            ratio_nanos=hedging.ratio.nanos,
            slippage_bps=hedging.slippage_bps,
            max_attempts=hedging.max_attempts,
            max_duration_ns=hedging.give_up_after.ns,
            max_book_age_ns=settings.risk.max_book_age.ns,
            max_mark_age_ns=settings.risk.max_mark_age.ns,
        ),
        market,
        carried,
    )


def _pricer(settings: Settings, market: MarketView) -> Pricer:
    rfq = settings.rfq
    if rfq.dummy_price is not None:
        return FixedPricer(rfq.dummy_price.nanos)
    usd_nanos = rfq.min_edge_usd.nanos
    return BookPricer(
        BookPricerParams(
            target=Edge(usd_nanos, rfq.target_edge_bps, rfq.min_edge_vol_points),
            minimum=Edge(usd_nanos, rfq.min_edge_bps, rfq.min_edge_vol_points),
            max_book_age_ns=settings.risk.max_book_age.ns,
            max_mark_age_ns=settings.risk.max_mark_age.ns,
        ),
        market,
    )
