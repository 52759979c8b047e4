"""Requests over a socket: ids, budgets, deadlines. Every request ends for its asker, whatever happens to it."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from atomizer.errors import Disconnected, OutcomeUnknown, Refused, VenueError
from atomizer.net.pending import Pending
from atomizer.net.rate import RateBudget

ANSWER_WITHIN_NS: Final = 5_000_000_000
READ_ATTEMPTS: Final = 4
FIRST_PAUSE_S: Final = 0.1  # before asking again; twice as long each time
NANOS_PER_MS: Final = 1_000_000
NANOS_PER_S: Final = 1_000_000_000


class Fault(NamedTuple):
    """Why a request did not succeed. `code` is the venue's; None when it is our own finding.

    `hold_ms` above 0 says that we asked too often, so nothing was done, and for how long to stay silent.
    """

    code: int | None
    words: str
    is_unknown: bool = False
    is_retryable: bool = False
    hold_ms: int = 0

    def as_error(self, venue: str, request: str) -> VenueError:
        """The fault as an exception: `OutcomeUnknown` or `Refused`."""
        kind = OutcomeUnknown if self.is_unknown else Refused
        return kind(venue, self.words, code=self.code, request=request, retryable=self.is_retryable)


class Answer(NamedTuple):
    """What became of our request: a result, or why there is none."""

    request_id: int
    result: Any
    fault: Fault | None


_QUESTIONS: Final = ("get_", "poll_", "subscribe", "unsubscribe")  # the first words of what changes nothing
NO_ANSWER: Final = Fault(None, f"no answer within {ANSWER_WITHIN_NS // NANOS_PER_S} s", is_unknown=True)
CONNECTION_LOST: Final = Fault(None, "the connection was lost before the answer", is_unknown=True, is_retryable=True)

OnWord = Callable[[Any, Fault | None], None]


class _Asked(NamedTuple):
    method: str
    on_word: OnWord


class Rpc:
    """Requests of one connection after another; ids are never used twice.

    `on_word` gets (result, None) or (None, fault). After `NO_ANSWER` it may be called once more, with the late truth.
    """

    def __init__(
        self,
        venue: str,
        send_text: Callable[[bytes | memoryview], None],
        build_request: Callable[[int, str, dict[str, object]], bytes],
        budget_of: Callable[[str, str], RateBudget],
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """`budget_of` a method, and of the instrument that it is about, empty for none or any.

        `clock_ns` runs deadlines and budgets, so it must not be one that people set.
        """
        self._venue = venue
        self._send_text = send_text
        self._build_request = build_request
        self._budget_of = budget_of
        self._clock_ns = clock_ns
        self._pending: Pending[_Asked] = Pending()
        self.on_fault: Callable[[str, Fault], None] = _unheard  # a venue's no to a method, after its asker
        self.unasked = 0  # answers to requests that we do not know

    def may_send(self, method: str, instrument: str = "", *, is_cancel: bool = False) -> bool:
        """Take one request out of the method's budget, or say no. Only cancels may use its reserve."""
        return self._budget_of(method, instrument).try_take(self._clock_ns(), is_cancel=is_cancel)

    def allowance(self, method: str, instrument: str = "") -> int:
        """How many requests the method's budget has room for now."""
        return self._budget_of(method, instrument).allowance(self._clock_ns())

    def wait_ns(self, method: str, instrument: str, count: int) -> int:
        """How long until there is room for so many at once; 0 when there is."""
        now_ns = self._clock_ns()
        return self._budget_of(method, instrument).free_at_ns(now_ns, count=count) - now_ns

    def send(self, method: str, params: dict[str, object], on_word: OnWord) -> None:
        """Send a request now; `may_send` has said yes.

        Raises:
            Disconnected: nothing was sent, and `on_word` will not be called.
        """
        request_id = self._pending.add(_Asked(method, on_word), self._clock_ns() + ANSWER_WITHIN_NS)
        try:
            self._send_text(self._build_request(request_id, method, params))
        except Disconnected:
            self._pending.take(request_id)
            raise

    def expect(self, request_id: int, method: str, on_word: OnWord, instrument: str = "") -> None:
        """A request has just left that was written and sent elsewhere: take it out of the budget, and wait for it."""
        now_ns = self._clock_ns()
        self._budget_of(method, instrument).take(now_ns)
        self._pending.put(request_id, _Asked(method, on_word), now_ns + ANSWER_WITHIN_NS)

    async def ask(self, method: str, params: dict[str, object], *, request: str = "", instrument: str = "") -> Any:
        """Ask and wait for the result. A no that may be a yes the next time is asked again, a few times.

        So is an answer without meaning to what changes nothing at the venue. `request` is what errors call it, if not
        by its method.

        Raises:
            Refused: the venue said no, or "not now" once too often.
            OutcomeUnknown: no answer, or an answer that says as little.
            Disconnected: nothing was sent.
        """
        budget = self._budget_of(method, instrument)
        attempts_left = READ_ATTEMPTS
        while True:
            while not budget.try_take(now_ns := self._clock_ns(), is_cancel=True):
                wait_ns = budget.free_at_ns(now_ns, is_cancel=True) - now_ns
                await asyncio.sleep(wait_ns / NANOS_PER_S)
            result, fault = await self._exchange(method, params)
            if fault is None:
                return result
            attempts_left -= 1
            if not attempts_left or not _may_ask_again(method, fault):
                raise fault.as_error(self._venue, request or method)
            if not fault.hold_ms:
                await asyncio.sleep(FIRST_PAUSE_S * 2 ** (READ_ATTEMPTS - 1 - attempts_left))

    async def _exchange(self, method: str, params: dict[str, object]) -> tuple[Any, Fault | None]:
        ended: asyncio.Future[tuple[Any, Fault | None]] = asyncio.get_running_loop().create_future()

        def on_word(result: Any, fault: Fault | None) -> None:
            if not ended.done():  # a late answer, or an asker who gave up
                ended.set_result((result, fault))

        self.send(method, params, on_word)
        return await ended

    def on_answer(self, answer: Answer) -> None:
        """An answer has come: tell its asker."""
        asked = self._pending.take(answer.request_id)
        if asked is None:
            self.unasked += 1
            return
        fault = answer.fault
        if fault is not None and fault.hold_ms:
            self._budget_of(asked.method, "").hold_until(self._clock_ns() + fault.hold_ms * NANOS_PER_MS)
        asked.on_word(answer.result, fault)
        if fault is not None:
            self.on_fault(asked.method, fault)

    def expire(self) -> None:
        """Tell those who have waited too long."""
        for asked in self._pending.expire(self._clock_ns()):
            asked.on_word(None, NO_ANSWER)

    def cut_off(self) -> None:
        """The connection is gone: tell everybody who still waits."""
        for asked in self._pending.cut_off():
            asked.on_word(None, CONNECTION_LOST)


def _may_ask_again(method: str, fault: Fault) -> bool:
    """Nothing was done, or there was nothing to do: and the venue itself says that it may be different next time."""
    verb = method.rpartition("/")[2]
    return fault.is_retryable and fault.code is not None and (not fault.is_unknown or verb.startswith(_QUESTIONS))


def _unheard(_method: str, _fault: Fault) -> None:
    """Most of what a venue refuses concerns nobody but the asker."""
