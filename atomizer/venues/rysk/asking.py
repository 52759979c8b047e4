"""Questions over the maker socket that are answered by name: each ends for its asker, whatever happens to it."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Final

from atomizer.errors import Disconnected, OutcomeUnknown, Refused
from atomizer.venues.rysk.account import AccountAnswer, build_request
from atomizer.venues.rysk.profile import VENUE

ANSWER_WITHIN_S: Final = 5.0


class Asking:
    """One question of a kind at a time: an answer says which kind it answers, and not which asking of it."""

    def __init__(
        self, send_text: Callable[[bytes], None], maker: str, answer_within_s: float = ANSWER_WITHIN_S
    ) -> None:
        self._send_text = send_text
        self._maker = maker
        self._answer_within_s = answer_within_s
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._open: dict[str, asyncio.Future[Any]] = {}

    async def ask(self, request: str) -> Any:
        """Ask and wait for the result, as it came.

        A question that nobody answered stays open until its late answer or the end of the connection: asked again
        before that, the late answer would be taken for the new one.

        Raises:
            Disconnected: not sent, or cut off before the answer.
            Refused: the venue said no.
            OutcomeUnknown: no answer in time, or none yet to the question before.
        """
        async with self._turns[request]:
            if request in self._open:
                raise OutcomeUnknown(VENUE, "the last one is still not answered", request=request, retryable=True)
            self._send_text(build_request(request, self._maker))
            answered = self._open[request] = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(self._answer_within_s):
                    return await asyncio.shield(answered)
            except TimeoutError:
                raise OutcomeUnknown(
                    VENUE, f"no answer within {self._answer_within_s} s", request=request, retryable=True
                ) from None

    def on_answer(self, answer: AccountAnswer) -> bool:
        """Hand an answer to its asker; False when nobody had asked."""
        answered = self._open.pop(answer.request, None)
        if answered is None:
            return False
        if answer.refusal:
            _fail(answered, Refused(VENUE, answer.refusal, code=answer.code, request=answer.request))
        else:
            answered.set_result(answer.result)
        return True

    def cut_off(self) -> None:
        """The connection is gone: tell everybody who still waits."""
        for request, answered in self._open.items():
            error = Disconnected(VENUE, "the connection was lost before the answer", request=request, retryable=True)
            _fail(answered, error)
        self._open.clear()


def _fail(answered: asyncio.Future[Any], error: Exception) -> None:
    answered.set_exception(error)
    answered.exception()  # marked as seen, since whoever asked may have given up
