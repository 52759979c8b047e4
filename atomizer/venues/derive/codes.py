"""Derive's error codes: what each says about the request, whether asking again can help, and what a person should do.

Source: protocol sheet §5, "Error codes" and "Ambiguous outcomes".
"""

import re
from typing import Annotated, Any, Final

import msgspec
import orjson
from msgspec import Meta

from atomizer.net.rpc import Fault

LONGEST_WORDS: Final = 300  # of a venue's error that we carry along
RATE_LIMITED: Final = -32000
NO_HINT_MS: Final = 1_000  # to stay silent when the venue does not say for how long
CHANNELS: Final = 13000
NO_SUCH_CURRENCY: Final = frozenset({12001, 12002})  # also said of a currency without instruments of a kind
# The order has ended, was never there, or its instrument is gone: nothing can come of it any more.
NOTHING_TO_CANCEL: Final = frozenset({11003, 11004, 11005, 11006, 11016, 11021, 12001})
MMP_FROZEN: Final = 11015
WOULD_TAKE: Final = frozenset({11008})  # to an order that may only rest, and would have traded at once

_RETRY_HINT: Final = re.compile(r"(\d{1,9}) ?ms")
_UNKNOWN_OUTCOME: Final = frozenset({-32603, 9000})
_RETRYABLE: Final = frozenset({RATE_LIMITED, -32100, 9001, 11002})
_ADVICE: Final = {
    RATE_LIMITED: "send less, or ask Derive for a market maker's limits",
    -32100: "close other connections of this machine",
    11000: "deposit, or lower size",
    11007: "another order of this wallet stands in the way: cancel it first",
    11011: "check this machine's clock",
    MMP_FROZEN: "market maker protection has tripped: wait or reset it",
    11018: "check this machine's clock",
    11023: "the fee schedule has changed: restart to load it",
    11101: "the RFQ has ended, or is not for this account",
    11104: "the quote or its RFQ has ended: ask anew",
    14000: "correct DERIVE_WALLET_ADDRESS: v2 wants the Derive wallet, not the key that owns it",
    14001: "correct DERIVE_SUBACCOUNT_ID",
    14002: "correct DERIVE_SUBACCOUNT_ID",
    14012: "correct DERIVE_WALLET_ADDRESS",
    14013: "correct DERIVE_WALLET_ADDRESS",
    14014: "register the key as a session key of the wallet, or correct DERIVE_PRIVATE_KEY and DERIVE_WALLET_ADDRESS",
    14020: "correct DERIVE_WALLET_ADDRESS and DERIVE_SUBACCOUNT_ID",
    14023: "register the key as a session key of the wallet",
    14027: "ask Derive to approve this wallet as RFQ maker",
    14029: "allow this machine's address in the session key's settings",
    14030: "register a new session key: this one has expired",
    14031: "give the session key the admin scope (v2) or trade and account scopes (v3)",
    16000: "Derive does not serve this place",
    16001: "Derive does not serve this wallet",
}


class WireError(msgspec.Struct):
    """An error as it came; `data` is text, an object or nothing."""

    code: Annotated[int, Meta(ge=-(2**31), le=2**31)]
    message: str = ""
    data: Any = None


def fault_of(wire: WireError) -> Fault:
    data = wire.data if isinstance(wire.data, str) else orjson.dumps(wire.data).decode() if wire.data else ""
    return classify(wire.code, wire.message[:LONGEST_WORDS], data[:LONGEST_WORDS])


def classify(code: int, message: str, data: str) -> Fault:
    """An error answer → what it means for the request that it answers.

    Everything but -32603 and 9000 is a definite no. An unfamiliar code is one too, since 11xxx to 14xxx all are.
    """
    words = ": ".join(part for part in (message, data, _ADVICE.get(code, "")) if part)
    hint = _RETRY_HINT.search(data)
    return Fault(
        code,
        words,
        is_unknown=code in _UNKNOWN_OUTCOME,
        is_retryable=code in _RETRYABLE or code in _UNKNOWN_OUTCOME,
        hold_ms=(int(hint[1]) if hint else NO_HINT_MS) if code == RATE_LIMITED else 0,
    )
