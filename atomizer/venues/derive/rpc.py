"""Requests over the socket: ids, budgets, deadlines. Every request ends for its asker, whatever happens to it."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from atomizer.errors import Disconnected
from atomizer.net.pending import Pending
from atomizer.net.rate import RateBudget
from atomizer.venues.derive.account_codec import Account
from atomizer.venues.derive.codec import Answer, build_request
from atomizer.venues.derive.codes import RATE_LIMITED, Fault

ANSWER_WITHIN_NS: Final = 5_000_000_000
WINDOW_S: Final = 5  # limits are a second's rate with a burst of five seconds' worth (protocol sheet §5, "Rate limits")
WINDOW_NS: Final = WINDOW_S * 1_000_000_000
TRADER_MATCHING_TPS: Final = 1
TRADER_OTHER_TPS: Final = 5
CANCEL_SHARE: Final = 5  # one part in five of the matching budget is kept for cancels
NO_HINT_MS: Final = 1_000
READ_ATTEMPTS: Final = 4
NANOS_PER_MS: Final = 1_000_000
NANOS_PER_S: Final = 1_000_000_000

NO_ANSWER: Final = Fault(None, f"no answer within {ANSWER_WITHIN_NS // NANOS_PER_S} s", is_unknown=True)
CONNECTION_LOST: Final = Fault(None, "the connection was lost before the answer", is_unknown=True, is_retryable=True)

OnWord = Callable[[Any, Fault | None], None]


class _Asked(NamedTuple):
    on_word: OnWord
    budget: RateBudget


class Rpc:
    """Requests of one connection after another; ids are never used twice.

    `on_word` gets (result, None) or (None, fault). After `NO_ANSWER` it may be called once more, with the late truth.
    """

    def __init__(self, send_text: Callable[[bytes], None], clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        """`clock_ns` runs deadlines and budgets, so it must not be one that people set."""
        self._send_text = send_text
        self._clock_ns = clock_ns
        self._pending: Pending[_Asked] = Pending()
        self._matching = _budget(TRADER_MATCHING_TPS, CANCEL_SHARE)
        self._other = _budget(TRADER_OTHER_TPS)
        self.unasked = 0  # answers to requests that we do not know

    def adopt_limits(self, account: Account) -> None:
        """Use the rates that the venue grants this account."""
        self._matching = _budget(account.matching_tps, CANCEL_SHARE)
        self._other = _budget(account.non_matching_tps)

    def may_send(self, *, is_cancel: bool = False) -> bool:
        """Take one request to the matching engine out of its budget, or say no. Only cancels may use the reserve."""
        return self._matching.try_take(self._clock_ns(), is_cancel=is_cancel)

    def send(self, method: str, params: dict[str, object], on_word: OnWord) -> None:
        """Send a request to the matching engine now; `may_send` has said yes.

        Raises:
            Disconnected: nothing was sent, and `on_word` will not be called.
        """
        self._send(method, params, self._matching, on_word)

    def _send(self, method: str, params: dict[str, object], budget: RateBudget, on_word: OnWord) -> None:
        request_id = self._pending.add(_Asked(on_word, budget), self._clock_ns() + ANSWER_WITHIN_NS)
        try:
            self._send_text(build_request(request_id, method, params))
        except Disconnected:
            self._pending.take(request_id)
            raise

    async def ask(self, method: str, params: dict[str, object], *, is_matching: bool = False, request: str = "") -> Any:
        """Ask and wait for the result. Only for what may be asked twice: when the venue says "slow down", we ask again.

        `request` is what errors call it, if not by its method.

        Raises:
            Refused: the venue said no, or "slow down" once too often.
            OutcomeUnknown: no answer, or an answer that says as little.
            Disconnected: nothing was sent.
        """
        budget = self._matching if is_matching else self._other
        attempts_left = READ_ATTEMPTS
        while True:
            while not budget.try_take(now_ns := self._clock_ns(), is_cancel=True):
                wait_ns = budget.free_at_ns(now_ns, is_cancel=True) - now_ns
                await asyncio.sleep(wait_ns / NANOS_PER_S)
            result, fault = await self._exchange(method, params, budget)
            if fault is None:
                return result
            attempts_left -= 1
            if fault.code != RATE_LIMITED or not attempts_left:
                raise fault.as_error(request or method)

    async def _exchange(self, method: str, params: dict[str, object], budget: RateBudget) -> tuple[Any, Fault | None]:
        ended: asyncio.Future[tuple[Any, Fault | None]] = asyncio.get_running_loop().create_future()

        def on_word(result: Any, fault: Fault | None) -> None:
            if not ended.done():  # a late answer, or an asker who gave up
                ended.set_result((result, fault))

        self._send(method, params, budget, on_word)
        return await ended

    def on_answer(self, answer: Answer) -> None:
        """An answer has come: tell its asker."""
        asked = self._pending.take(answer.request_id)
        if asked is None:
            self.unasked += 1
            return
        fault = answer.fault
        if fault is not None and fault.code == RATE_LIMITED:
            hint_ms = fault.retry_after_ms or NO_HINT_MS
            asked.budget.hold_until(self._clock_ns() + hint_ms * NANOS_PER_MS)
        asked.on_word(answer.result, fault)

    def expire(self) -> None:
        """Tell those who have waited too long."""
        for asked in self._pending.expire(self._clock_ns()):
            asked.on_word(None, NO_ANSWER)

    def cut_off(self) -> None:
        """The connection is gone: tell everybody who still waits."""
        for asked in self._pending.cut_off():
            asked.on_word(None, CONNECTION_LOST)


def _budget(tps: int, shares: int = 0) -> RateBudget:
    limit = max(tps, 1) * WINDOW_S
    return RateBudget(limit, WINDOW_NS, reserve=limit // shares if shares else 0)
