"""Calls of ccxt, with its errors turned into ours: where anything that it raises comes in."""

from collections.abc import Callable
from typing import Any

from atomizer.errors import VenueError
from atomizer.net.rpc import Fault
from atomizer.venues.ccxt.codec import fault_of


class Asking:
    """One exchange."""

    def __init__(self, venue: str, exchange: Any) -> None:
        self._venue = venue
        self.exchange = exchange

    async def ask(self, what: str, call: Callable[..., Any], *arguments: Any) -> Any:
        """Call and answer. `what` is what errors call it.

        Raises:
            Refused: the exchange said no.
            OutcomeUnknown: no answer, or one that says as little.
        """
        answer, fault = await self.attempt(call, *arguments)
        if fault is not None:
            raise fault.as_error(self._venue, what)
        return answer

    async def attempt(self, call: Callable[..., Any], *arguments: Any) -> tuple[Any, Fault | None]:
        """(answer, None), or (None, why there is none)."""
        try:
            return await call(*arguments), None
        except VenueError:
            raise
        except Exception as error:  # noqa: BLE001  ccxt raises its own tree, and whatever its parsing runs into
            return None, fault_of(error)
