"""Orders that the compiled lane signs and writes: what it must know of each instrument, and the way out.

A slot is told its number at the writer and what its signatures allow; the messages go out under request ids of the
session, and their outcomes come back like any other.
"""

from collections.abc import Callable
from typing import Final

from atomizer._core import frame
from atomizer._core.nonces import Nonces
from atomizer._core.slot import Slot
from atomizer._core.socket_writer import SocketWriter
from atomizer.domain.trading import OrderPlaced, Signed, TimeInForce
from atomizer.net.rpc import Rpc
from atomizer.venues.derive.auth import Credentials, order_actions
from atomizer.venues.derive.market import MarketData
from atomizer.venues.derive.orders import OrderDesk
from atomizer.venues.derive.profile import Profile, Version

FOREVER_S: Final = 1 << 33  # what does not expire
AT_ONCE: Final = 2  # orders that one decision about a slot may write: a bid and an ask
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
        socket: SocketWriter,
        now_ns: Callable[[], int],
        nonces: Nonces,
        label_prefix: str,
        is_protected: bool,
    ) -> None:
        self._profile = profile
        self._market = market
        self._desk = desk
        self._rpc = rpc
        self.socket = socket
        self._now_ns = now_ns
        self.nonces = nonces
        self._writer = frame.DeriveOrders(
            credentials.signer,
            order_actions(profile, credentials),
            label_prefix=label_prefix,
            nonces_as_text=profile.version is Version.V3,
            is_protected=is_protected,
        )
        self.on_hold: Callable[[], None] = lambda: None  # an order that was held back is heard of as refused
        self._slots: dict[str, Slot] = {}
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
        self._slots[name] = slot
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

    def allowance(self, instrument: str = "") -> int:
        """How many orders, of this instrument or of any, the connection and the rate budgets let leave now."""
        return self._rpc.allowance("private/order", instrument) if self._desk.is_open else 0

    def pace(self, instrument: str) -> None:
        """A request about this instrument has left: its slot writes nothing before there is room for both of its sides.

        Until then the session writes what there is room for.
        """
        slot = self._slots.get(instrument)
        if slot is not None and (wait_ns := self._rpc.wait_ns("private/order", instrument, AT_ONCE)):
            until_ns = self._now_ns() + wait_ns
            slot.hold(True, until_ns)
            slot.hold(False, until_ns)

    def sent(self, order: OrderPlaced, request_id: int, unsent: str) -> None:
        """It has just left by `socket`; or not, and why. Its outcome comes as `OrderUpdate`."""
        self._desk.expect(order, request_id, unsent)
