"""Deposits into and withdrawals from a maker's balance at Rysk: signed, sent, and each ended for its asker.

Source: protocol sheet §3 and §5. Depositing moves what the chain's contract may take of the token: approving that is a
transaction on the chain, and no message here. The answer carries the id of the request and says no more than "OK".
"""

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec
import orjson

from atomizer.domain.trading import QuoteAnswered, QuoteOutcome
from atomizer.errors import ConfigError, OutcomeUnknown, Refused
from atomizer.venues.rysk.assets import parse_address
from atomizer.venues.rysk.profile import CHAINS, VENUE

ANSWER_WITHIN_S: Final = 30.0  # it may wait for a block
_UINT256: Final = 2**256 - 1


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """So many units (of the token's own decimals) of a token, into our balance or out of it."""

    asset: str
    chain_id: int
    amount: int
    is_deposit: bool
    nonce: int  # of the keyspace that quotes use, too

    @property
    def method(self) -> str:
        return "deposit" if self.is_deposit else "withdraw"

    def checked(self) -> "Transfer":
        """With the asset in lower case.

        Raises:
            ConfigError: no address, no known chain, or no amount: says which.
        """
        asset = parse_address(self.asset)
        if asset is None:
            raise ConfigError(f"{self.method}: {self.asset!r} is not an address: use 0x and 40 hex digits")
        if self.chain_id not in CHAINS:
            known = ", ".join(map(str, CHAINS))
            raise ConfigError(f"{self.method}: chain {self.chain_id} has no known Rysk contract: use one of {known}")
        if not 0 < self.amount <= _UINT256:
            raise ConfigError(f"{self.method}: amount {self.amount}: give units of the token, above 0")
        return msgspec.structs.replace(self, asset=asset)


def build_transfer(request_id: str, transfer: Transfer, maker: str, signature: bytes) -> bytes:
    """Frame for `/maker`; `maker` and the transfer's asset in lower case."""
    params = {
        "user": maker,
        "asset": transfer.asset,
        "chainId": transfer.chain_id,
        "amount": str(transfer.amount),
        "isDeposit": transfer.is_deposit,
        "nonce": str(transfer.nonce),
        "signature": "0x" + signature.hex(),
    }
    return orjson.dumps({"jsonrpc": "2.0", "id": request_id, "method": transfer.method, "params": params})


class Transfers:
    """What is on its way. Answers come among those to quotes and are told apart by their id."""

    def __init__(self, send_text: Callable[[bytes], None], maker: str, sign: Callable[[Transfer], bytes]) -> None:
        self._send_text = send_text
        self._maker = maker
        self._sign = sign
        self._last_id = 0
        self._open: dict[str, asyncio.Future[None]] = {}

    async def send(self, transfer: Transfer, now_s: int, *, answer_within_s: float = ANSWER_WITHIN_S) -> None:
        """Sign and send; returns when the venue has accepted it.

        Raises:
            ConfigError: it cannot be meant.
            Refused: the venue said no.
            OutcomeUnknown: no answer: ask for the balances, never send it again.
            Disconnected: nothing was sent.
        """
        checked = transfer.checked()
        self._last_id = max(now_s, self._last_id + 1)
        request_id = str(self._last_id)
        self._send_text(build_transfer(request_id, checked, self._maker, self._sign(checked)))
        answered = self._open[request_id] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(answer_within_s):
                await answered
        except TimeoutError:
            words = f"no answer within {answer_within_s:g} s: ask for the balances before anything else"
            raise OutcomeUnknown(VENUE, words, request=checked.method) from None
        finally:
            self._open.pop(request_id, None)

    def on_answer(self, answer: QuoteAnswered) -> bool:
        """Hand an answer to its asker; False when it is not to a transfer of ours."""
        answered = self._open.get(answer.rfq_id)
        if answered is None:
            return False
        if answered.done():
            return True
        if answer.outcome is QuoteOutcome.REFUSED:
            answered.set_exception(Refused(VENUE, answer.detail, request="transfer"))
        else:
            answered.set_result(None)
        return True

    def cut_off(self) -> None:
        """The connection is gone: nobody knows what became of what was on its way."""
        for answered in self._open.values():
            if not answered.done():
                words = "the connection was lost before the answer: ask for the balances before anything else"
                answered.set_exception(OutcomeUnknown(VENUE, words, request="transfer"))
