"""Derive's error codes: what each says about the request, whether asking again can help, and what a person should do.

Source: protocol sheet §5, "Error codes" and "Ambiguous outcomes".
"""

import re
from typing import Annotated, Any, Final, NamedTuple

import msgspec
import orjson
from msgspec import Meta

from atomizer.net.rpc import Fault

LONGEST_WORDS: Final = 300  # of a venue's error that we carry along
RATE_LIMITED: Final = -32000
NO_HINT_MS: Final = 1_000  # to stay silent when the venue does not say for how long
LONGEST_HOLD_MS: Final = 60_000  # whatever it says: cancels wait, too
CHANNELS: Final = 13000
NO_SUCH_CURRENCY: Final = frozenset({12001, 12002})  # also said of a currency without instruments of a kind
# The order has ended, was never there, or its instrument is gone: nothing can come of it any more.
NOTHING_TO_CANCEL: Final = frozenset({11003, 11004, 11005, 11006, 11016, 11021, 12001})
MMP_FROZEN: Final = 11015
KEY_EXPIRED: Final = 14030
# An order that may only rest would have traded at once, or the one that it was to replace has ended.
OVERTAKEN: Final = frozenset({11003, 11004, 11005, 11006, 11008})

_RETRY_HINT: Final = re.compile(r"(\d{1,9}) ?ms")
_DEFINITE: Final = range(11_000, 17_000)  # whatever the venue says in these numbers, it has not done


class _Known(NamedTuple):
    """A familiar code. Unless it says otherwise, nothing came of the request and asking again cannot help."""

    word: str
    advice: str = ""
    is_unknown: bool = False
    is_retryable: bool = False


_CLOCK: Final = "check this machine's clock"
_RULES: Final = "restart to load the venue's present ticks, lots and limits"
_WALLET: Final = "correct DERIVE_WALLET_ADDRESS"
_SUBACCOUNT: Final = "correct DERIVE_SUBACCOUNT_ID"
_KEY: Final = "register the key as a session key of the wallet"
_LEGS: Final = "the quote must repeat the RFQ's legs"

ERRORS: Final = {
    -32700: _Known("parse error"),
    -32600: _Known("invalid request"),
    -32601: _Known("method not found"),
    -32602: _Known("invalid parameters"),
    -32603: _Known("internal error", is_unknown=True, is_retryable=True),
    RATE_LIMITED: _Known("rate limit", "send less, or ask Derive for a market maker's limits", is_retryable=True),
    -32100: _Known("too many connections", "close other connections of this machine", is_retryable=True),
    9000: _Known("confirmation timed out", is_unknown=True, is_retryable=True),
    9001: _Known("matching engine timed out, nothing was done", is_retryable=True),
    11000: _Known("insufficient funds", "deposit, or lower size"),
    11002: _Known("queue rejected it", is_retryable=True),
    11003: _Known("already cancelled"),
    11004: _Known("already filled"),
    11005: _Known("already expired"),
    11006: _Known("no such order"),
    11007: _Known("self-crossing", "another order of this wallet stands in the way: cancel it first"),
    11008: _Known("post-only would trade", "the price would have traded at once"),
    11009: _Known("nothing to trade with"),
    11010: _Known("post-only is for limit orders"),
    11011: _Known("signature expiry", _CLOCK),
    11012: _Known("amount", _RULES),
    11013: _Known("limit price", _RULES),
    11014: _Known("fill-or-kill not filled"),
    MMP_FROZEN: _Known("market maker protection", "market maker protection has tripped: wait or reset it"),
    11016: _Known("already consumed"),
    11017: _Known("nonce used before"),
    11018: _Known("nonce date", _CLOCK),
    11019: _Known("too many open orders", "cancel orders that are not needed"),
    11021: _Known("instrument not live"),
    11022: _Known("reject timestamp passed", _CLOCK),
    11023: _Known("max fee too low", "the fee schedule has changed: restart to load it"),
    11024: _Known("reduce-only needs an immediate order"),
    11025: _Known("reduce-only would add"),
    11027: _Known("under liquidation", "deposit, or reduce positions"),
    11028: _Known("filled otherwise than expected"),
    11029: _Known("open interest cap"),
    11050: _Known("trigger order"),
    11051: _Known("trigger order"),
    11052: _Known("trigger order"),
    11053: _Known("trigger order"),
    11054: _Known("trigger order"),
    11055: _Known("trigger order"),
    11100: _Known("legs repeat", _LEGS),
    11101: _Known("no such RFQ", "the RFQ has ended, or is not for this account"),
    11102: _Known("no such quote"),
    11103: _Known("legs differ", _LEGS),
    11104: _Known("not open", "the quote or its RFQ has ended: ask anew"),
    11105: _Known("quote of another RFQ"),
    11106: _Known("counterparty"),
    11107: _Known("total cost out of band", "the price is too far from the venue's marks"),
    12000: _Known("no such asset"),
    12001: _Known("no such instrument"),
    12002: _Known("no such currency"),
    CHANNELS: _Known("channels"),
    14000: _Known("no such account", f"{_WALLET}: v2 wants the Derive wallet, not the key that owns it"),
    14001: _Known("no such subaccount", _SUBACCOUNT),
    14002: _Known("account or subaccount", _SUBACCOUNT),
    14009: _Known("session key expires too soon", "register one that lives longer"),
    14010: _Known("key or address", _KEY),
    14011: _Known("key or address", _KEY),
    14012: _Known("address not checksummed", _WALLET),
    14013: _Known("not an address", _WALLET),
    14014: _Known("bad signature", f"{_KEY}, or correct DERIVE_PRIVATE_KEY and DERIVE_WALLET_ADDRESS"),
    14020: _Known("wallet of another subaccount", f"{_WALLET} and DERIVE_SUBACCOUNT_ID"),
    14021: _Known("no wallet", "log in first"),
    14022: _Known("private channel", "log in first"),
    14023: _Known("signer unknown", _KEY),
    14024: _Known("authorization", _KEY),
    14025: _Known("no wallet or subaccount named"),
    14026: _Known("authorization", _KEY),
    14027: _Known("not an RFQ maker", "ask Derive to approve this wallet as RFQ maker"),
    14028: _Known("legs of several currencies"),
    14029: _Known("address not allowed", "allow this machine's address in the session key's settings"),
    KEY_EXPIRED: _Known("session key expired", "register a new session key: this one has expired"),
    14031: _Known("scope too low", "give the session key the admin scope (v2) or trade and account scopes (v3)"),
    16000: _Known("place not served", "Derive does not serve this place"),
    16001: _Known("wallet not served", "Derive does not serve this wallet"),
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

    An unfamiliar code is a definite no where the venue's numbers are; elsewhere it leaves the outcome unknown.
    """
    known = ERRORS.get(code) or _Known("unfamiliar", is_unknown=code not in _DEFINITE)
    words = ": ".join(part for part in (message or known.word, data, known.advice) if part)
    hint = _RETRY_HINT.search(data)
    hold_ms = min(int(hint[1]), LONGEST_HOLD_MS) if hint else NO_HINT_MS
    return Fault(
        code,
        words,
        is_unknown=known.is_unknown,
        is_retryable=known.is_retryable,
        hold_ms=hold_ms if code == RATE_LIMITED else 0,
    )
