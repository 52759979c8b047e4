"""What an order's signature will say, or why the venue would refuse the order anyway. Pure."""

from typing import Final

from atomizer._core.fixed import format_nanos, is_multiple
from atomizer.domain.instruments import Instrument
from atomizer.domain.trading import OrderPlaced, Signed
from atomizer.venues.derive.auth import Credentials, OrderSigner, fee_cap_nanos
from atomizer.venues.derive.codec import SignedTerms
from atomizer.venues.derive.market import MarketData
from atomizer.venues.derive.profile import Profile

NANOS_PER_S: Final = 1_000_000_000
_NOTHING: Final = Signed()


class Terms:
    """Checks and signs orders of one subaccount against what is listed."""

    def __init__(self, profile: Profile, credentials: Credentials, market: MarketData) -> None:
        self._profile = profile
        self._signer = OrderSigner(profile, credentials)
        self._market = market
        self._signed: dict[str, tuple[Instrument, int, Signed]] = {}  # by name, and at which index price

    def sign(self, order: OrderPlaced, now_ns: int) -> SignedTerms | str:
        """What we sign, or in words why it would be refused."""
        listing = self._market.listing(order.instrument)
        if listing is None:
            return f"{order.instrument} is not listed here"
        instrument = listing.instrument
        if words := _off_terms(order, instrument):
            return words
        index_nanos = self._market.index_nanos(instrument.contract.underlying)
        if index_nanos is None:
            return f"no index price of {instrument.contract.underlying} yet: the fee cap cannot be known"
        now_s = now_ns // NANOS_PER_S
        expiry_s = now_s + self._profile.order_life_s
        if instrument.contract.is_option:
            expiry_s = min(expiry_s, instrument.contract.expiry_s)
        if expiry_s < now_s + self._profile.minimum_life_s:
            return f"{order.instrument} expires within the {self._profile.minimum_life_s} s that an order must live"
        return self._signer.sign(order, listing, fee_cap_nanos(instrument, index_nanos), expiry_s)

    def signed(self, name: str) -> Signed:
        """What `sign` would allow; nothing of an instrument that it refuses."""
        listing = self._market.listing(name)
        index_nanos = self._market.index_nanos(listing.instrument.contract.underlying) if listing is not None else None
        if listing is None or index_nanos is None:
            return _NOTHING
        instrument, known = listing.instrument, self._signed.get(name)
        if known is not None and known[0] is instrument and known[1] == index_nanos:
            return known[2]
        signed = Signed(fee_cap_nanos(instrument, index_nanos), self._profile.order_life_s * NANOS_PER_S)
        self._signed[name] = instrument, index_nanos, signed
        return signed


def _off_terms(order: OrderPlaced, instrument: Instrument) -> str:
    """Why the venue would refuse this price or amount; empty when it would not."""
    name, price_nanos, amount_nanos = instrument.name, order.price_nanos, order.amount_nanos
    if not instrument.is_active:
        return f"{name} is not active"
    if price_nanos <= 0 or not is_multiple(price_nanos, instrument.tick_nanos):
        tick = format_nanos(instrument.tick_nanos)
        return f"price {format_nanos(price_nanos)} of {name} is not on its tick of {tick}: round it"
    if not is_multiple(amount_nanos, instrument.lot_nanos):
        lot = format_nanos(instrument.lot_nanos)
        return f"amount {format_nanos(amount_nanos)} of {name} is not on its lot of {lot}: round it"
    if not instrument.min_amount_nanos <= amount_nanos <= instrument.max_amount_nanos:
        least, most = format_nanos(instrument.min_amount_nanos), format_nanos(instrument.max_amount_nanos)
        return f"amount {format_nanos(amount_nanos)} of {name} is outside {least} to {most}: change the size"
    return ""
