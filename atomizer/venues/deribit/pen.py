"""Orders that the compiled lane writes: what it must know of each instrument and of what rests, and the way out.

A replacement leaves as the cancel of what rests; what takes its place is placed by the session once the venue has said
how that ended. The messages go out under request ids of the session, and their outcomes come back like any other.
"""

import contextlib
from collections.abc import Callable
from typing import Final

from atomizer._core import frame
from atomizer._core.nonces import Nonces
from atomizer._core.slot import Slot
from atomizer._core.socket_writer import SocketWriter
from atomizer.domain.trading import OrderPlaced, Signed, TimeInForce
from atomizer.net.rpc import Rpc
from atomizer.venues.deribit.market import MarketData
from atomizer.venues.deribit.orders import OrderDesk
from atomizer.venues.deribit.profile import ORDER_VALID_MS

FOREVER_S: Final = 1 << 33  # what does not expire
REQUESTS: Final = 2  # of an order that replaces another
_LIVES: Final = {TimeInForce.GTC: frame.GTC, TimeInForce.POST_ONLY: frame.POST_ONLY, TimeInForce.IOC: frame.IOC}


class Pen:
    """Of one strategy's orders in one run."""

    def __init__(
        self,
        market: MarketData,
        desk: OrderDesk,
        rpc: Rpc,
        *,
        socket: SocketWriter,
        nonces: Nonces,
        label_prefix: str,
        is_protected: bool,
    ) -> None:
        self._market = market
        self._desk = desk
        self._rpc = rpc
        self.socket = socket
        self.nonces = nonces
        self._prefix = label_prefix
        self._writer = frame.DeribitOrders(
            label_prefix=label_prefix, valid_ms=ORDER_VALID_MS, is_protected=is_protected
        )
        self._numbers: dict[str, int] = {}
        self.on_hold: Callable[[], None] = lambda: None
        desk.names = self

    def fit(self, slot: Slot, name: str, life: TimeInForce, signed: Signed) -> None:  # noqa: ARG002  the port's signature
        """Let a slot write its orders. Nothing of them is signed."""
        listing = self._market.listing(name)
        if listing is None or name in self._numbers:
            return
        contract = listing.instrument.contract
        self._numbers[name] = self._writer.add_instrument(name, self._market.venue_name(name))
        slot.write_with(
            self._writer,
            self._numbers[name],
            life=_LIVES[life],
            max_fee_nanos=0,
            order_life_s=1,
            least_life_s=1,
            last_s=contract.expiry_s if contract.is_option else FOREVER_S,
        )

    def allowance(self, instrument: str = "") -> int:
        """How many orders, of this instrument or of any, the connection and the rate budget let leave now.

        None of any while the venue has locked something: then each is looked at by the session.
        """
        if not self._desk.is_open or (not instrument and self._market.platform.words):
            return 0
        return max(self._rpc.allowance("private/buy") - self._desk.successor_count, 0) // REQUESTS

    def sent(self, order: OrderPlaced, request_id: int, unsent: str) -> None:
        """It has just left by `socket`; or not, and why. Its outcome comes as `OrderUpdate`."""
        self._desk.expect(order, request_id, unsent)

    def name(self, client_id: str, order_id: str) -> None:
        """What the venue calls an order of ours. One that it calls something odd is replaced by the session."""
        prefix, number = client_id[: len(self._prefix)], client_id[len(self._prefix) :]
        if prefix == self._prefix and number.isdecimal():
            with contextlib.suppress(ValueError, OverflowError):
                self._writer.name_order(int(number), order_id)

    def forget(self) -> None:
        """What rested is gone with its connection."""
        self._writer.forget_orders()

    def hold(self) -> None:
        """Nothing may leave for now, or less than before."""
        self.on_hold()
