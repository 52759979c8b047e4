"""Frames of the Rysk V12 sockets: what came in as checked values, what goes out as text. No state, no clock.

Source: Rysk V12 fact sheet, section 2. A frame that cannot be meant is a `Refusal`, which is a value: the venue
sends it back and goes on.
"""

import re
from dataclasses import dataclass

import orjson

INTERNAL_ERROR = -32003  # expired quote, mixed-case address, bad signature: the real server says no more than this
ASSET_MISMATCH = -32011  # a field that should echo the RFQ does not
INVALID_REQUEST = -32600
SERVER_ERROR = -32000  # the sheet records the text of a balance refusal and not its code; JSON-RPC's general one

E8 = 10**8
E18 = 10**18

UINT64_BITS = 64
UINT256_BITS = 256

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_UINT = re.compile(r"0|[1-9][0-9]{0,77}")  # 2**256 has 78 digits; the server compares text, so one spelling per value


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a frame was not acted on. `detail` is for the reader of the practice log; the real server is terse."""

    code: int
    message: str
    detail: str


@dataclass(frozen=True, slots=True)
class Call:
    """A JSON-RPC request: the caller's id comes back with the answer."""

    call_id: str
    method: str
    params: dict[str, object]


@dataclass(frozen=True, slots=True)
class BadCall:
    """A frame that is no request, with its id where it had one, so that the caller is not left waiting."""

    call_id: str | None
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Terms:
    """What an RFQ asks for. Strike in 1e-8 USD, quantity in 1e-18 of the underlying, addresses in lower case."""

    chain_id: int
    asset: str
    symbol: str
    underlying: str
    expiry_s: int
    is_put: bool
    is_taker_buy: bool
    strike_e8: int
    quantity_e18: int
    taker: str
    usd: str
    collateral: str


@dataclass(frozen=True, slots=True)
class Quote:
    """A maker's quote as it came. `price_e18` is USD per unit of the underlying; addresses keep the case they had."""

    asset: str
    chain_id: int
    is_put: bool
    strike_e8: int
    expiry_s: int
    maker: str
    nonce: int
    price_e18: int
    quantity_e18: int
    is_taker_buy: bool
    valid_until_s: int
    usd: str
    collateral: str
    signature: str

    def echoes(self, terms: Terms) -> bool:
        """Whether every field that the maker must copy from the RFQ is copied to the letter."""
        return (
            (self.asset, self.usd, self.collateral) == (terms.asset, terms.usd, terms.collateral)
            and (self.chain_id, self.expiry_s) == (terms.chain_id, terms.expiry_s)
            and (self.is_put, self.is_taker_buy) == (terms.is_put, terms.is_taker_buy)
            and (self.strike_e8, self.quantity_e18) == (terms.strike_e8, terms.quantity_e18)
        )


@dataclass(frozen=True, slots=True)
class Transfer:
    """A deposit to or withdrawal from MMarket; `amount` in the token's own units."""

    user: str
    asset: str
    chain_id: int
    amount: int
    is_deposit: bool
    nonce: int
    signature: str


@dataclass(frozen=True, slots=True)
class PriceRequest:
    """A taker asks for the best price of one option; nothing trades."""

    asset: str
    chain_id: int
    expiry_s: int
    is_put: bool
    quantity_e18: int
    strike_e8: int
    taker: str


class _Params:
    """Typed reading of untrusted parameters; remembers the first thing that is wrong and reads on with zeros."""

    def __init__(self, params: dict[str, object]) -> None:
        self._params = params
        self.wrong = ""

    def _fail(self, name: str, expected: str) -> None:
        if not self.wrong:
            self.wrong = f"{name} must be {expected}, got {self._params.get(name)!r:.80}"

    def text(self, name: str) -> str:
        value = self._params.get(name)
        if isinstance(value, str):
            return value
        self._fail(name, "a string")
        return ""

    def address(self, name: str) -> str:
        value = self._params.get(name)
        if isinstance(value, str) and _ADDRESS.fullmatch(value):
            return value
        self._fail(name, "an address")
        return ""

    def flag(self, name: str) -> bool:
        value = self._params.get(name)
        if isinstance(value, bool):
            return value
        self._fail(name, "true or false")
        return False

    def integer(self, name: str) -> int:
        """A JSON number that a uint64 holds."""
        value = self._params.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << UINT64_BITS:
            return value
        self._fail(name, "a uint64 number")
        return 0

    def uint(self, name: str, bits: int, *, least: int = 0) -> int:
        """An unsigned integer in decimal text."""
        value = self._params.get(name)
        if isinstance(value, str) and _UINT.fullmatch(value) and least <= (number := int(value)) < 1 << bits:
            return number
        self._fail(name, f"a uint{bits} in decimal text, at least {least}")
        return 0

    def refusal(self) -> Refusal:
        return invalid(self.wrong)


def invalid(detail: str) -> Refusal:
    """The frame or its parameters cannot be meant."""
    return Refusal(INVALID_REQUEST, "invalid request", detail)


def internal(detail: str) -> Refusal:
    """What the real server says for nearly everything it does not like."""
    return Refusal(INTERNAL_ERROR, "Internal Error", detail)


def parse_call(frame: str | bytes) -> Call | BadCall | None:
    """One frame from a client. None for a blank one.

    {"jsonrpc":"2.0","id":"balances","method":"balances","params":{"account":"0x2c75…"}}
    """
    if not frame.strip():
        return None
    try:
        message = orjson.loads(frame)
    except orjson.JSONDecodeError as error:
        return BadCall(None, invalid(f"not JSON: {error}"))
    if not isinstance(message, dict):
        return BadCall(None, invalid("not an object"))
    call_id, method, params = message.get("id"), message.get("method"), message.get("params")
    if not isinstance(call_id, str):
        return BadCall(None, invalid("id must be a string"))
    if message.get("jsonrpc") != "2.0" or not isinstance(method, str) or not isinstance(params, dict):
        return BadCall(call_id, invalid('jsonrpc must be "2.0", method a string and params an object'))
    return Call(call_id, method, params)


def parse_quote(params: dict[str, object]) -> Quote | Refusal:
    """Parameters of `quote`; the frame is in the fact sheet, section 2.2."""
    read = _Params(params)
    quote = Quote(
        asset=read.address("assetAddress"),
        chain_id=read.integer("chainId"),
        is_put=read.flag("isPut"),
        strike_e8=read.uint("strike", UINT256_BITS),
        expiry_s=read.integer("expiry"),
        maker=read.address("maker"),
        nonce=read.uint("nonce", UINT64_BITS),
        price_e18=read.uint("price", UINT256_BITS, least=1),
        quantity_e18=read.uint("quantity", UINT256_BITS),
        is_taker_buy=read.flag("isTakerBuy"),
        valid_until_s=read.integer("validUntil"),
        usd=read.address("usd"),
        collateral=read.address("collateralAsset"),
        signature=read.text("signature"),
    )
    return read.refusal() if read.wrong else quote


def parse_transfer(params: dict[str, object]) -> Transfer | Refusal:
    """Parameters of `deposit` and `withdraw`."""
    read = _Params(params)
    transfer = Transfer(
        user=read.address("user"),
        asset=read.address("asset"),
        chain_id=read.integer("chainId"),
        amount=read.uint("amount", UINT256_BITS, least=1),
        is_deposit=read.flag("isDeposit"),
        nonce=read.uint("nonce", UINT64_BITS),
        signature=read.text("signature"),
    )
    return read.refusal() if read.wrong else transfer


def parse_account(params: dict[str, object]) -> str | Refusal:
    """Parameters of `balances` and `positions`."""
    read = _Params(params)
    account = read.address("account")
    return read.refusal() if read.wrong else account


def parse_price_request(params: dict[str, object]) -> PriceRequest | Refusal:
    """Parameters of the taker's `request`."""
    read = _Params(params)
    request = PriceRequest(
        asset=read.address("asset"),
        chain_id=read.integer("chainId"),
        expiry_s=read.integer("expiry"),
        is_put=read.flag("isPut"),
        quantity_e18=read.uint("quantity", UINT256_BITS, least=1),
        strike_e8=read.uint("strike", UINT256_BITS, least=1),
        taker=read.address("taker"),
    )
    return read.refusal() if read.wrong else request


def build_result(call_id: str, result: object) -> str:
    """An answer, and also every push: this server's pushes are shaped as answers."""
    return orjson.dumps({"jsonrpc": "2.0", "id": call_id, "result": result}).decode()


def build_error(call_id: str | None, refusal: Refusal) -> str:
    """A refusal, under the caller's id where it gave one."""
    error = {"code": refusal.code, "message": refusal.message, "data": refusal.detail}
    return orjson.dumps({"jsonrpc": "2.0", "id": call_id, "error": error}).decode()


def build_rfq(rfq_id: str, terms: Terms, closes_ns: int) -> str:
    """The broadcast of an RFQ; the frame is in the fact sheet, section 2.1."""
    rfq: dict[str, object] = {
        "asset": terms.asset,
        "assetName": terms.symbol,
        "chainId": terms.chain_id,
        "expiry": terms.expiry_s,
        "isPut": terms.is_put,
        "quantity": str(terms.quantity_e18),
        "strike": str(terms.strike_e8),
        "taker": terms.taker,
        "usd": terms.usd,
        "collateralAsset": terms.collateral,
        "auctionDeadline": closes_ns // 1_000_000,
    }
    if terms.is_taker_buy:  # the real server leaves it out when false, and clients must cope
        rfq["isTakerBuy"] = True
    return build_result(rfq_id, rfq)
