"""One socket as the venue sees it: text in its outbox, its login, its subscriptions, its heartbeat. No transport."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from atomizer.sim.deribit.auth import Session
from atomizer.sim.deribit.units import NS_PER_S


def _nobody() -> None:
    """A connection that is only polled has nobody to wake."""


@dataclass(slots=True, eq=False)
class Connection:
    """`wake` is called after each text that enters the outbox; the shell that owns the socket empties it, and closes
    the socket once `is_closing`.
    """

    number: int
    remote: str
    wake: Callable[[], None] = _nobody
    outbox: deque[str] = field(default_factory=deque)
    session: Session | None = None
    cancels_on_disconnect: bool = False
    channels: dict[str, str | None] = field(default_factory=dict)  # to the subscription's label
    heartbeat_ns: int = 0  # 0 is none
    next_beat_ns: int = 0
    heard_ns: int = 0
    asked_ns: int = 0  # when a test_request went out that is still unanswered
    is_closing: bool = False

    def send(self, text: str) -> None:
        self.outbox.append(text)
        self.wake()

    def close(self) -> None:
        self.is_closing = True
        self.wake()

    def set_heartbeat(self, interval_s: int, now_ns: int) -> None:
        self.heartbeat_ns = interval_s * NS_PER_S
        self.next_beat_ns = now_ns + self.heartbeat_ns
        self.asked_ns = 0
