"""Orders that the compiled lane signs and writes: what it must know of each instrument, and the way out.

A slot is told its number at the writer and the fee that its signature allows; the message goes out under a request id
of the session, and its outcome comes back like any other.
"""

from collections.abc import Callable
from typing import Final

from atomizer._core import frame
from atomizer._core.slot import Slot
from atomizer.domain.trading import OrderPlaced, TimeInForce
from atomizer.venues.derive.auth import Credentials, fee_cap_nanos, order_actions
from atomizer.venues.derive.market import MarketData
from atomizer.venues.derive.orders import OrderDesk
from atomizer.venues.derive.profile import Profile, Version

NANOS_PER_S: Final = 1_000_000_000
_LIVES: Final = {TimeInForce.GTC: frame.GTC, TimeInForce.POST_ONLY: frame.POST_ONLY, TimeInForce.IOC: frame.IOC}


class Pen:
    """Of one strategy's orders in one run."""

    def __init__(
        self,
        profile: Profile,
        credentials: Credentials,
        market: MarketData,
        desk: OrderDesk,
        *,
        label_prefix: str,
        is_protected: bool,
    ) -> None:
        self._profile = profile
        self._market = market
        self._desk = desk
        self._writer = frame.OrderWriter(
            credentials.signer,
            order_actions(profile, credentials),
            label_prefix=label_prefix,
            nonces_as_text=profile.version is Version.V3,
            is_protected=is_protected,
        )
        self._numbers: dict[str, int] = {}
        self._fees_nanos: dict[str, int] = {}

    def fit(self, slot: Slot, name: str, life: TimeInForce) -> bool:
        """Let a slot write its orders, with the fee that the present index asks for. False while that is not known."""
        listing = self._market.listing(name)
        if listing is None:
            return False
        index_nanos = self._market.index_nanos(listing.instrument.contract.underlying)
        if index_nanos is None:
            return False
        fee_nanos = fee_cap_nanos(listing.instrument, index_nanos)
        if self._fees_nanos.get(name) != fee_nanos:
            if name not in self._numbers:
                self._numbers[name] = self._writer.add_instrument(name, listing.asset, listing.sub_id)
            slot.write_with(self._writer, self._numbers[name], _LIVES[life], fee_nanos)
            self._fees_nanos[name] = fee_nanos
        return True

    def expiry_s(self, name: str, now_ns: int) -> int:
        """Until when a signature of now is good; 0 when the instrument expires before an order may live."""
        listing = self._market.listing(name)
        now_s = now_ns // NANOS_PER_S
        expiry_s = now_s + self._profile.order_life_s
        if listing is None:
            return 0
        if listing.instrument.contract.is_option:
            expiry_s = min(expiry_s, listing.instrument.contract.expiry_s)
        return expiry_s if expiry_s >= now_s + self._profile.minimum_life_s else 0

    def send(self, order: OrderPlaced, write: Callable[[int], memoryview]) -> None:
        """Send what `write` gives for a request id; the outcome comes as `OrderUpdate`. It must be in the journal."""
        self._desk.send_written(order, write)
