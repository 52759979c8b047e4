"""What a method is: what it costs, what scope it needs, and what its handler is given."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from atomizer.sim.deribit import codes
from atomizer.sim.deribit.accounts import Holder
from atomizer.sim.deribit.auth import Session, Sessions
from atomizer.sim.deribit.codes import Rejection, invalid
from atomizer.sim.deribit.connection import Connection
from atomizer.sim.deribit.engine import Engine
from atomizer.sim.deribit.instruments import Instrument
from atomizer.sim.deribit.limits import Rate, RateLimits
from atomizer.sim.deribit.units import NS_PER_MS, nanos_of


@dataclass(frozen=True, slots=True)
class Call:
    """One request on its way through a handler; `params` have the described types already.

    `connection` is None over HTTP, `caller` None before a login.
    """

    engine: Engine
    sessions: Sessions
    limits: RateLimits
    params: dict[str, Any]
    now_ns: int
    caller: Session | None
    connection: Connection | None

    @property
    def now_ms(self) -> int:
        return self.now_ns // NS_PER_MS

    @property
    def session(self) -> Session:
        if self.caller is None:
            raise Rejection(codes.UNAUTHORIZED, "unauthorized")
        return self.caller

    @property
    def holder(self) -> Holder:
        return self.session.holder

    @property
    def socket(self) -> Connection:
        if self.connection is None:
            raise Rejection(codes.MUST_BE_WEBSOCKET)
        return self.connection

    def instrument(self) -> Instrument:
        return self.instrument_named(self.params["instrument_name"])

    def instrument_named(self, name: str) -> Instrument:
        found = self.engine.instruments.get(name)
        if found is None:
            raise invalid("instrument_name", "instrument not found")
        return found

    def nanos(self, name: str) -> int:
        """A number as nanos; one that is finer or larger than that is refused."""
        value = nanos_of(self.params[name])
        if value is None:
            raise invalid(name, "must be a number of at most nine decimal places")
        return value

    def flag(self, name: str) -> bool:
        return bool(self.params.get(name, False))

    def check_in_time(self) -> None:
        """`valid_until` has not passed."""
        until_ms = self.params.get("valid_until")
        if until_ms is not None and self.now_ms > until_ms:
            raise Rejection(codes.TIMED_OUT)


Handler = Callable[[Call], Any]


@dataclass(frozen=True, slots=True)
class Method:
    """`area` and `level` are the scope that a private method needs; a public one has no area."""

    handle: Handler
    rate: Rate = Rate.NON_MATCHING
    area: str = ""
    level: str = "read"


class NoAnswer:
    """What a handler returns whose request is not answered."""
