"""One socket as the venue sees it: text in its outbox, its login, its subscriptions. No transport in here."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from atomizer.sim.derive.accounts import Wallet
from atomizer.sim.derive.dialect import Dialect
from atomizer.sim.derive.limits import Windows


def _nobody() -> None:
    """A connection that is only polled has nobody to wake."""


@dataclass(slots=True, eq=False)
class Connection:
    """`wake` is called after each text that enters the outbox; the shell that owns the socket empties it."""

    dialect: Dialect
    remote: str
    wake: Callable[[], None] = _nobody
    outbox: deque[str] = field(default_factory=deque)
    wallet: Wallet | None = None
    cancels_on_disconnect: bool = False  # v3: the wallet's wish as it was at login
    channels: dict[str, None] = field(default_factory=dict)  # in the order of subscription
    windows: Windows = field(default_factory=Windows)  # rate limits before login

    def send(self, text: str) -> None:
        self.outbox.append(text)
        self.wake()
