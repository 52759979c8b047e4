"""What a quote's or an execution's signature will say, or why the venue would refuse it anyway. Pure."""

from collections.abc import Sequence

from atomizer._core.fixed import format_nanos, is_multiple
from atomizer.domain.instruments import NANOS
from atomizer.domain.trading import QuoteLeg, Side, Signed
from atomizer.venues.derive.auth import Credentials, RfqSigner, rfq_fee_cap_nanos
from atomizer.venues.derive.market import MarketData
from atomizer.venues.derive.market_codec import Listing
from atomizer.venues.derive.profile import NANOS_PER_MS, Profile
from atomizer.venues.derive.rfq_codec import DeriveQuote, Leg, QuoteTerms, SignedQuote

MS_PER_S = 1_000
EXPIRES_BEFORE_S = 300  # v2 takes a quote for expired when its signature has this much life left (protocol sheet §2)


class RfqTerms:
    """Checks and signs both sides of RFQ trades of one subaccount against what is listed."""

    def __init__(self, profile: Profile, credentials: Credentials, market: MarketData) -> None:
        self._profile = profile
        self._signer = RfqSigner(profile, credentials)
        self._market = market

    def quote(
        self,
        legs: Sequence[Leg],
        prices_nanos: Sequence[int],
        side: Side,
        *,
        nonce: int,
        valid_until_s: int,
        now_ns: int,
    ) -> SignedQuote | str:
        """A maker's quote, that v2 lets expire at `valid_until_s`; v3 wants a longer life, so it is to be cancelled."""
        expiry_s = max(valid_until_s + EXPIRES_BEFORE_S, self._least_expiry_s(now_ns))
        prepared = self._prepare(legs, prices_nanos)
        if isinstance(prepared, str):
            return prepared
        return self._signer.quote(
            QuoteTerms(
                side=side,
                legs=tuple(legs),
                prices_nanos=tuple(prices_nanos),
                max_fee_nanos=self._fee_cap_nanos(prepared, legs),
                nonce=nonce,
                expiry_s=expiry_s,
            ),
            prepared,
        )

    def signed(self, leg: QuoteLeg, *, valid_for_s: int, now_ns: int) -> Signed:
        """What a quote of this leg would allow: its share of the fee cap, and until when its signature is good."""
        expiry_s = max(now_ns // NANOS + valid_for_s + EXPIRES_BEFORE_S, self._least_expiry_s(now_ns))
        life_ns = expiry_s * NANOS - now_ns
        listing = self._market.listing(leg.instrument)
        if listing is None:
            return Signed(life_ns=life_ns)
        index_nanos = self._market.index_nanos(listing.instrument.contract.underlying) or 0
        cap_nanos = rfq_fee_cap_nanos([(listing.instrument, index_nanos, leg.quantity_nanos)])
        return Signed(max_fee_nanos=-(-cap_nanos * NANOS // leg.quantity_nanos), life_ns=life_ns)

    def execution(self, quote: DeriveQuote, *, nonce: int, now_ns: int) -> SignedQuote | str:
        """The taker's side of a maker's quote: the same legs and prices, from the other side."""
        prepared = self._prepare(quote.legs, quote.prices_nanos)
        if isinstance(prepared, str):
            return prepared
        return self._signer.execution(
            QuoteTerms(
                side=Side(-quote.side),
                legs=quote.legs,
                prices_nanos=quote.prices_nanos,
                max_fee_nanos=self._fee_cap_nanos(prepared, quote.legs),
                nonce=nonce,
                expiry_s=self._least_expiry_s(now_ns),
            ),
            prepared,
        )

    def _fee_cap_nanos(self, listings: Sequence[Listing], legs: Sequence[Leg]) -> int:
        return rfq_fee_cap_nanos(
            (
                listing.instrument,
                self._market.index_nanos(listing.instrument.contract.underlying) or 0,
                leg.amount_nanos,
            )
            for listing, leg in zip(listings, legs, strict=True)
        )

    def _least_expiry_s(self, now_ns: int) -> int:
        return now_ns // (NANOS_PER_MS * MS_PER_S) + self._profile.quote_life_s + 1

    def _prepare(self, legs: Sequence[Leg], prices_nanos: Sequence[int]) -> list[Listing] | str:
        """The listings that the legs name, or in words why the venue would not take them at these prices."""
        listings = []
        for leg, price_nanos in zip(legs, prices_nanos, strict=True):
            listing = self._market.listing(leg.instrument)
            if listing is None:
                return f"{leg.instrument} is not listed here"
            instrument = listing.instrument
            if price_nanos <= 0 or not is_multiple(price_nanos, instrument.tick_nanos):
                tick = format_nanos(instrument.tick_nanos)
                return f"price {format_nanos(price_nanos)} of {leg.instrument} is not on its tick of {tick}"
            if self._market.index_nanos(instrument.contract.underlying) is None:
                return f"no index price of {instrument.contract.underlying} yet: the fee cap cannot be known"
            listings.append(listing)
        return listings
