"""What a method is: who may call it, what it costs, and what its handler is given."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from atomizer.sim.derive import codes
from atomizer.sim.derive.accounts import Subaccount, Wallet
from atomizer.sim.derive.codes import Rejection
from atomizer.sim.derive.connection import Connection
from atomizer.sim.derive.dialect import Dialect
from atomizer.sim.derive.engine import Engine
from atomizer.sim.derive.instruments import Instrument
from atomizer.sim.derive.limits import Rate, RateLimits
from atomizer.sim.derive.params import Params
from atomizer.sim.derive.rfq_engine import Rfqs


@dataclass(frozen=True, slots=True)
class Call:
    """One request on its way through a handler. `connection` is None over REST, `caller` None before login."""

    engine: Engine
    rfqs: Rfqs
    limits: RateLimits
    dialect: Dialect
    params: Params
    now_ns: int
    caller: Wallet | None
    connection: Connection | None

    @property
    def wallet(self) -> Wallet:
        if self.caller is None:
            raise Rejection(codes.NO_WALLET)
        return self.caller

    def subaccount(self) -> Subaccount:
        """The caller's own subaccount that the request names."""
        if not self.params.has("subaccount_id"):
            raise Rejection(codes.SUBJECT_MISSING)
        subaccount = self.engine.subaccounts.get(self.params.integer("subaccount_id"))
        if subaccount is None:
            raise Rejection(codes.NO_SUCH_SUBACCOUNT)
        if subaccount.subaccount_id not in self.wallet.subaccounts:
            raise Rejection(codes.WALLET_MISMATCH)
        return subaccount

    def subjects(self) -> list[Subaccount]:
        """One subaccount, or with a wallet instead all of it."""
        if self.params.has("subaccount_id"):
            return [self.subaccount()]
        self.check_wallet()
        return list(self.wallet.subaccounts.values())

    def check_wallet(self) -> None:
        """The request names the caller's own wallet."""
        if not self.params.has("wallet"):
            raise Rejection(codes.SUBJECT_MISSING)
        if self.params.address("wallet").lower() != self.wallet.address.lower():
            raise Rejection(codes.WALLET_MISMATCH)

    def instrument(self) -> Instrument:
        name = self.params.text("instrument_name")
        instrument = self.engine.instruments.get(name)
        if instrument is None:
            raise Rejection(codes.NO_SUCH_INSTRUMENT, name)
        return instrument


Handler = Callable[[Call], Any]


@dataclass(frozen=True, slots=True)
class Method:
    """`dialects` are the generations that have it. A private method needs a login or the REST headers."""

    handle: Handler
    rate: Rate = Rate.NON_MATCHING
    dialects: tuple[str, ...] = ("v2", "v3")
    is_private: bool = False
