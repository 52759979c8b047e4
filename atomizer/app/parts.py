"""From settings to the parameters of gate, responder and hedger: units turned once, here."""

from collections.abc import Mapping

from atomizer._core.ecdsa import parse_address
from atomizer._core.eip712 import domain_separator
from atomizer._core.rfq import RfqEdge, RfqQuoter
from atomizer.app.fused import FusedQuotes
from atomizer.app.reach_rysk import RyskAccess
from atomizer.config.mode import rfq_source_of
from atomizer.config.settings import Risk, Settings
from atomizer.domain.instruments import NANOS
from atomizer.domain.ports import MarketView
from atomizer.errors import ConfigError
from atomizer.risk.breaker import Breaker, BreakerLimits
from atomizer.risk.limits import Limits
from atomizer.strategies.hedger import HedgeMode, Hedger, HedgerParams
from atomizer.strategies.pricing import BookPricer, BookPricerParams, Edge, FixedPricer, Pricer
from atomizer.strategies.rfq_responder import ResponderParams, RfqResponder
from atomizer.venues.rysk.profile import CHAINS, DOMAIN_NAME, DOMAIN_VERSION

BPS = 10_000
TOKENS = 32  # that the compiled quoter holds; RFQs on further ones are answered the slow way


def build_limits(risk: Risk) -> Limits:
    return Limits(
        max_order_size_nanos=risk.max_order_size.nanos,
        max_order_notional_e18=risk.max_order_notional.nanos * NANOS,
        price_band_nanos=risk.price_band_bps * NANOS // BPS,
        fair_band_nanos=risk.fair_band_bps * NANOS // BPS,
        max_fee_nanos=risk.max_fee_bps * NANOS // BPS,
        max_signature_life_ns=risk.max_signature_life.ns,
        max_position_nanos=risk.max_position.nanos,
        max_exposure_nanos=risk.max_exposure.nanos,
        max_delta_nanos=risk.max_delta.nanos,
        max_gamma_nanos=risk.max_gamma.nanos,
        max_vega_nanos=risk.max_vega.nanos,
        max_premium_e18=risk.max_premium.nanos * NANOS,
        max_open_orders=risk.max_open_orders,
        max_open_notional_e18=risk.max_open_notional.nanos * NANOS,
        max_orders_per_second=risk.max_orders_per_second,
        max_book_age_ns=risk.max_book_age.ns,
        max_mark_age_ns=risk.max_mark_age.ns,
        max_daily_loss_e18=risk.max_daily_loss.nanos * NANOS,
        max_drawdown_e18=risk.max_drawdown.nanos * NANOS,
    )


def build_breaker(settings: Settings) -> Breaker:
    risk = settings.risk
    return Breaker(
        BreakerLimits(
            max_rejects=risk.max_rejects,
            max_silence_ns=risk.max_silence.ns,
            max_clock_step_ns=risk.max_clock_offset.ns,
        )
    )


def build_responder(settings: Settings, market: MarketView) -> RfqResponder:
    rfq = settings.rfq
    params = ResponderParams(step_nanos=rfq.improvement.nanos, reprice_bps=rfq.reprice_bps)
    return RfqResponder(params, _pricer(settings, market))


def build_fused(settings: Settings, access: RyskAccess) -> FusedQuotes | None:
    """The compiled quoter with the same parameters as the responder's pricer; None for a fixed price.

    Raises:
        ConfigError: an edge or an age is out of its range.
    """
    if settings.rfq.dummy_price is not None:
        return None
    params = _pricer_params(settings)
    tokens = {address.lower(): access.assets.underlying(address.lower()) for address in access.rfq_assets}
    (first, contracts), *others = CHAINS.items()

    def make_quoter() -> RfqQuoter:
        quoter = RfqQuoter(
            access.maker.signer,
            domain_separator=_separator(first, contracts.rysk),
            chain_id=first,
            target=_fused_edge(params.target),
            minimum=_fused_edge(params.minimum),
            max_book_age_ns=params.max_book_age_ns,
            max_mark_age_ns=params.max_mark_age_ns,
        )
        for chain_id, chain in others:
            quoter.add_chain(chain_id, _separator(chain_id, chain.rysk))
        for address, underlying in list(tokens.items())[:TOKENS]:
            if underlying is not None:
                quoter.add_token(parse_address(address), underlying)
        return quoter

    try:
        return FusedQuotes(make_quoter)
    except ValueError as error:
        raise ConfigError(f"RFQs cannot be priced with these edges and ages: {error}") from None


def _fused_edge(edge: Edge) -> RfqEdge:
    return RfqEdge(usd_nanos=max(edge.usd_nanos, 0), premium_bps=edge.premium_bps, vol_points=edge.vol_points)


def _separator(chain_id: int, contract: str) -> bytes:
    return domain_separator(DOMAIN_NAME, DOMAIN_VERSION, chain_id, parse_address(contract))


def build_hedger(settings: Settings, market: MarketView, carried: Mapping[str, int]) -> Hedger:
    hedging = settings.hedging
    limits_gamma = hedging.gamma and hedging.mode == "perpetual"  # the other mode leaves none
    return Hedger(
        HedgerParams(
            mode=HedgeMode(hedging.mode),
            ratio_nanos=hedging.ratio.nanos,
            slippage_bps=hedging.slippage_bps,
            max_attempts=hedging.max_attempts,
            max_duration_ns=hedging.give_up_after.ns,
            max_book_age_ns=settings.risk.max_book_age.ns,
            max_mark_age_ns=settings.risk.max_mark_age.ns,
            max_gamma_nanos=hedging.gamma_threshold.nanos if limits_gamma else None,
            gamma_ratio_nanos=hedging.gamma_ratio.nanos,
        ),
        market,
        carried,
    )


def _pricer(settings: Settings, market: MarketView) -> Pricer:
    rfq = settings.rfq
    if rfq.dummy_price is not None:
        return FixedPricer(rfq.dummy_price.nanos)
    return BookPricer(_pricer_params(settings), market)


def _pricer_params(settings: Settings) -> BookPricerParams:
    rfq = settings.rfq
    usd_nanos = rfq.min_edge_usd.nanos
    return BookPricerParams(
        target=Edge(usd_nanos, rfq.target_edge_bps, rfq.min_edge_vol_points),
        minimum=Edge(usd_nanos, rfq.min_edge_bps, rfq.min_edge_vol_points),
        max_book_age_ns=settings.risk.max_book_age.ns,
        max_mark_age_ns=settings.risk.max_mark_age.ns,
        quotes_pay=rfq_source_of(settings) != "rysk",
    )
