"""Orders that the compiled lane signs and writes: what it must know of each instrument, and the way out.

A slot is told its number at the writer and what its signatures allow; the messages go out under request ids of the
session, and their outcomes come back like any other.
"""

from collections.abc import Callable
from typing import Final

from atomizer._core import frame
from atomizer._core.outbox import Nonces
from atomizer._core.slot import Slot
from atomizer.domain.trading import OrderPlaced, Signed, TimeInForce
from atomizer.net.rpc import Rpc
from atomizer.venues.derive.auth import Credentials, order_actions
from atomizer.venues.derive.market import MarketData
from atomizer.venues.derive.orders import OrderDesk
from atomizer.venues.derive.profile import Profile, Version

FOREVER_S: Final = 1 << 33  # what does not expire
_LIVES: Final = {TimeInForce.GTC: frame.GTC, TimeInForce.POST_ONLY: frame.POST_ONLY, TimeInForce.IOC: frame.IOC}


class Pen:
    """Of one strategy's orders in one run."""

    def __init__(
        self,
        profile: Profile,
        credentials: Credentials,
        market: MarketData,
        desk: OrderDesk,
        rpc: Rpc,
        *,
        send_frames: Callable[[memoryview], None],
        nonces: Nonces,
        label_prefix: str,
        is_protected: bool,
    ) -> None:
        self._profile = profile
        self._market = market
        self._desk = desk
        self._rpc = rpc
        self.send = send_frames
        self.nonces = nonces
        self._writer = frame.OrderWriter(
            credentials.signer,
            order_actions(profile, credentials),
            label_prefix=label_prefix,
            nonces_as_text=profile.version is Version.V3,
            is_protected=is_protected,
        )
        self._numbers: dict[str, int] = {}
        self._fees_nanos: dict[str, int] = {}

    def fit(self, slot: Slot, name: str, life: TimeInForce, signed: Signed) -> None:
        """Let a slot write its orders, with the fee that the present index asks for, once that is known."""
        listing = self._market.listing(name)
        if listing is None or not signed.max_fee_nanos or self._fees_nanos.get(name) == signed.max_fee_nanos:
            return
        contract = listing.instrument.contract
        if name not in self._numbers:
            self._numbers[name] = self._writer.add_instrument(name, listing.asset, listing.sub_id)
        slot.write_with(
            self._writer,
            self._numbers[name],
            life=_LIVES[life],
            max_fee_nanos=signed.max_fee_nanos,
            order_life_s=self._profile.order_life_s,
            least_life_s=self._profile.minimum_life_s,
            last_s=contract.expiry_s if contract.is_option else FOREVER_S,
        )
        self._fees_nanos[name] = signed.max_fee_nanos

    def allowance(self) -> int:
        """How many orders the connection and the rate budget let leave now."""
        return self._rpc.allowance("private/order") if self._desk.is_open else 0

    def sent(self, order: OrderPlaced, request_id: int, unsent: str) -> None:
        """It has just left by `send`; or not, and why. Its outcome comes as `OrderUpdate`."""
        self._desk.expect(order, request_id, unsent)
