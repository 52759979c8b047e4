"""Rysk V12 maker frames: bytes in to values, values out to bytes. No socket, no clock, no key.

Framing, scales and field meanings: Rysk SDKs and docs, protocol sheet §2, §7, §9. Server pushes are shaped as JSON-RPC
responses (an id and a result, no method), so frames are told apart by what they hold.
"""

from typing import Any, Final

import msgspec
import orjson

from atomizer.domain.instruments import NANOS, Contract, OptionType
from atomizer.domain.reasons import Reason
from atomizer.domain.trading import Fill, QuoteAnswered, QuoteOutcome, QuoteSent, Rfq, Side
from atomizer.venues.rysk import account, frames
from atomizer.venues.rysk.account import AccountAnswer
from atomizer.venues.rysk.assets import AssetMap, parse_address
from atomizer.venues.rysk.profile import (
    AUCTION_NS,
    CHAINS,
    DOMAIN_NAME,
    DOMAIN_VERSION,
    E18_PER_NANO,
    NANOS_PER_E8,
    VENUE,
)
from atomizer.venues.rysk.schemas import Schema, schema_of_rfq

RFQ_FRAME_BYTES: Final = 16 * 1024  # a real one has about 500
MAKER_FRAME_BYTES: Final = 1024 * 1024
QUANTITY_LIMIT_E18: Final = 10**9 * 10**18  # a billion units: nothing trades in that size, and nanos still carry it
PRICE_LIMIT_E18: Final = 10**9 * 10**18
STRIKE_LIMIT_E8: Final = 10**9 * 10**8
_EXPIRY_LIMIT_S: Final = 2**32 - 1
_CHAIN_LIMIT: Final = 2**63 - 1
_TIME_LIMIT_MS: Final = 2**43  # in the year 2248


class SigningDomain(msgspec.Struct, frozen=True):
    """EIP-712 domain that a quote is signed under; `contract` lower case."""

    name: str
    version: str
    chain_id: int
    contract: str


class RyskRequest(msgspec.Struct, frozen=True):
    """An RFQ, and what a quote for it must repeat to the letter. Addresses are lower case."""

    rfq: Rfq
    asset: str
    chain_id: int
    strike: str  # 10⁻⁸ USD, as it came
    quantity: str  # 10⁻¹⁸ of a unit, as it came
    usd: str
    collateral: str
    premium_asset: str  # "" unless the RFQ names one
    domain: SigningDomain
    deadline_ns: int  # wall clock; no quote after it
    schema: Schema  # that the venue seems to speak

    def tick_nanos(self, _leg: int, _price_nanos: int) -> int:
        """Any price will do."""
        return 1


def parse_rfq(frame: bytes | memoryview, now_ns: int, assets: AssetMap) -> RyskRequest | None:
    """Frame of `/rfqs/<asset>` → request; None for a blank frame.

    {"jsonrpc":"2.0","id":"<uuid>","result":{"asset":"0x…","assetName":"WETH","chainId":84532,"expiry":1751011200,
    "isPut":false,"quantity":"1000000000000000000","strike":"260000000000","taker":"0x…","usd":"0x…",
    "collateralAsset":"0x…"}}

    Older deployments leave out `usd`, `collateralAsset` and `isTakerBuy`; then the chain's dollar, the option's own
    collateral and false stand for them.

    Raises:
        BadFrame: with the reason; names the field and its value.
    """
    tree = frames.decode(frame, RFQ_FRAME_BYTES)
    if tree is None:
        return None
    body = tree.get("result")
    if not isinstance(body, dict) or "method" in tree:
        raise frames.bad(f"not an RFQ, it holds {frames.shown(sorted(tree))}", Reason.UNKNOWN_KIND)
    rfq = _rfq(body, frames.text(tree, "id"), now_ns, assets)
    chain_id = frames.integer(body, "chainId", _CHAIN_LIMIT)
    asset = frames.address(body, "asset")
    usd = _usd(body, chain_id)
    own_collateral = usd if rfq.contract.option_type is OptionType.PUT else asset
    return RyskRequest(
        rfq=rfq,
        asset=asset,
        chain_id=chain_id,
        strike=body["strike"],
        quantity=body["quantity"],
        usd=usd,
        collateral=frames.address(body, "collateralAsset") if "collateralAsset" in body else own_collateral,
        premium_asset=frames.address(body, "premiumAsset") if "premiumAsset" in body else "",
        domain=_domain(body, chain_id),
        deadline_ns=_deadline(body, now_ns),
        schema=schema_of_rfq(body),
    )


def _rfq(body: frames.Fields, rfq_id: str, now_ns: int, assets: AssetMap) -> Rfq:
    contract = _contract(body, frames.address(body, "asset"), assets)
    if contract.expiry_s * NANOS <= now_ns:
        raise frames.bad(f"expiry {contract.expiry_s} has passed", Reason.EXPIRED)
    return Rfq(
        now_ns=now_ns,
        source=VENUE,
        rfq_id=rfq_id,
        contract=contract,
        quantity_nanos=frames.nanos(body, "quantity", QUANTITY_LIMIT_E18, Reason.BAD_QUANTITY),
        taker_buys=frames.flag(body, "isTakerBuy", default=False),
        taker=frames.address(body, "taker") if "taker" in body else "",
    )


def _contract(body: frames.Fields, asset: str, assets: AssetMap) -> Contract:
    underlying = assets.underlying(asset)
    if underlying is None:
        raise frames.bad(f"asset {asset} has no symbol in the asset mapping", Reason.UNMAPPED_ASSET)
    return Contract(
        underlying=underlying,
        expiry_s=frames.integer(body, "expiry", _EXPIRY_LIMIT_S),
        strike_nanos=frames.amount(body, "strike", STRIKE_LIMIT_E8, Reason.BAD_STRIKE) * NANOS_PER_E8,
        option_type=OptionType.PUT if frames.flag(body, "isPut") else OptionType.CALL,
    )


def _usd(body: frames.Fields, chain_id: int) -> str:
    if "usd" not in body and chain_id in CHAINS:
        return CHAINS[chain_id].usd
    return frames.address(body, "usd")


def _deadline(body: frames.Fields, now_ns: int) -> int:
    if "auctionDeadline" not in body:
        return now_ns + AUCTION_NS
    deadline_ns = frames.integer(body, "auctionDeadline", _TIME_LIMIT_MS) * 1_000_000
    if deadline_ns <= now_ns:
        raise frames.bad(f"the auction ended at {deadline_ns // 1_000_000} ms", Reason.EXPIRED)
    return deadline_ns


def _domain(body: frames.Fields, chain_id: int) -> SigningDomain:
    """The domain that the RFQ names, else the one of Rysk's contract on that chain."""
    stated = body.get("typeDataDomain")
    if stated is None:
        if frames.flag(body, "isPremium", default=False):
            raise frames.bad("a premium RFQ without typeDataDomain")
        if chain_id not in CHAINS:
            raise frames.bad(f"chainId {chain_id} has no known Rysk contract", Reason.UNKNOWN_KIND)
        return SigningDomain(DOMAIN_NAME, DOMAIN_VERSION, chain_id, CHAINS[chain_id].rysk)
    if not isinstance(stated, dict):
        raise frames.bad(f"typeDataDomain is {frames.shown(stated)}, expected an object")
    # A domain of another chain, or with a salt, would sign something that this RFQ's contract never checks.
    if stated.get("chainId") not in (chain_id, hex(chain_id), str(chain_id)):
        raise frames.bad(f"typeDataDomain.chainId is {frames.shown(stated.get('chainId'))}, the RFQ's is {chain_id}")
    if str(stated.get("salt") or "").strip("0x"):
        raise frames.bad("typeDataDomain has a salt", Reason.UNKNOWN_KIND)
    return SigningDomain(
        frames.text(stated, "name"),
        frames.text(stated, "version"),
        chain_id,
        frames.address(stated, "verifyingContract"),
    )


def build_quote(request: RyskRequest, quote: QuoteSent, maker: str, signature: bytes) -> bytes:
    """Signed quote → frame for `/maker`. `maker` lower case; `signature` r ‖ s ‖ v with v 27 or 28."""
    rfq = request.rfq
    params: dict[str, Any] = {
        "assetAddress": request.asset,
        "chainId": request.chain_id,
        "expiry": rfq.contract.expiry_s,
        "isPut": rfq.contract.option_type is OptionType.PUT,
        "isTakerBuy": rfq.taker_buys,
        "maker": maker,
        "nonce": str(quote.nonce),
        "price": str(quote.price_nanos * E18_PER_NANO),
        "quantity": request.quantity,
        "strike": request.strike,
        "signature": "0x" + signature.hex(),
        "validUntil": quote.valid_until_s,
        "usd": request.usd,
        "collateralAsset": request.collateral,
    }
    if request.premium_asset:
        params["premiumAsset"] = request.premium_asset
    return orjson.dumps({"jsonrpc": "2.0", "id": rfq.rfq_id, "method": "quote", "params": params})


def parse_maker_frame(
    frame: bytes | memoryview, now_ns: int, maker: str, assets: AssetMap
) -> QuoteAnswered | Fill | AccountAnswer | None:
    """Frame of `/maker` → the word on a quote, a fill, or an answer on our account; None for a blank frame.

    `maker` is ours, lower case.

    {"id":"<rfqId>","result":"OK"}                                                    accepted and best so far
    {"id":"<rfqId>","result":{"rfqId":"…","newBest":"<e18>","yours":"<e18>",…}}       not best
    {"id":"<rfqId>","error":{"code":-32011,"message":"asset mismatch"}}               refused
    {"id":"trade","result":{"quoteNonce":"…","price":"<e18>",…}}                      filled; see `parse_trade`
    {"id":"positions","result":[…]}                                                   see `account`

    Raises:
        BadFrame: with the reason; `unknown_kind` for frames that say nothing we act on.
    """
    tree = frames.decode(frame, MAKER_FRAME_BYTES)
    if tree is None:
        return None
    method = tree.get("method")
    if method is None and tree.get("id") == "trade" and tree.get("error") is None:
        return parse_trade(_object(tree, "result"), now_ns, maker, assets)
    if method == "rfq_confirmation":  # older builds say it this way
        return parse_trade(_object(tree, "params"), now_ns, maker, assets)
    if method == "skill_issue":  # a spelling of the outbid notice that was seen live; its body is not documented
        return _outbid(tree, tree["params"] if isinstance(tree.get("params"), dict) else {}, now_ns)
    if method is not None:
        raise frames.bad(f"method {frames.shown(method)}", Reason.UNKNOWN_KIND)
    return account.parse_answer(tree) or _answer(tree, now_ns)


def _answer(tree: frames.Fields, now_ns: int) -> QuoteAnswered:
    if tree.get("error") is not None:
        return _refused(tree, now_ns)
    result = tree.get("result")
    if result == "OK":
        rfq_id = frames.text(tree, "id")
        return QuoteAnswered(now_ns=now_ns, source=VENUE, rfq_id=rfq_id, outcome=QuoteOutcome.BEST)
    if isinstance(result, dict) and "newBest" in result:
        return _outbid(tree, result, now_ns)
    raise frames.bad(f"id {frames.shown(tree.get('id'))}, result {frames.shown(result)}", Reason.UNKNOWN_KIND)


def _object(tree: frames.Fields, name: str) -> dict[str, Any]:
    value = tree.get(name)
    if not isinstance(value, dict):
        raise frames.bad(f"{name} is {frames.shown(value)}, expected an object")
    return value


def _outbid(tree: frames.Fields, body: frames.Fields, now_ns: int) -> QuoteAnswered:
    """`best_nanos` is rounded down and 0 when the notice does not say."""
    best_e18 = frames.amount(body, "newBest", PRICE_LIMIT_E18, Reason.MALFORMED) if "newBest" in body else 0
    return QuoteAnswered(
        now_ns=now_ns,
        source=VENUE,
        rfq_id=frames.text(body if "rfqId" in body else tree, "rfqId" if "rfqId" in body else "id"),
        outcome=QuoteOutcome.OUTBID,
        best_nanos=best_e18 // E18_PER_NANO,
    )


def _refused(tree: frames.Fields, now_ns: int) -> QuoteAnswered:
    error = tree["error"]
    code, message = (error.get("code"), error.get("message")) if isinstance(error, dict) else (None, error)
    return QuoteAnswered(
        now_ns=now_ns,
        source=VENUE,
        rfq_id=frames.text(tree, "id") if tree.get("id") is not None else "",
        outcome=QuoteOutcome.REFUSED,
        detail=f"{frames.shown(message)} (code {frames.shown(code)})",
    )


def parse_trade(body: frames.Fields, now_ns: int, maker: str, assets: AssetMap) -> Fill:
    """Body of a trade notice → fill. It carries no RFQ id: our quote's nonce is what names it.

    {"maker":"0x…","taker":"0x…","assetAddress":"0x…","chainId":84532,"expiry":1751011200,"isPut":false,
    "isTakerBuy":false,"strike":"260000000000","quantity":"1000000000000000000","price":"12500000000000000000",
    "nonce":"<taker's>","quoteNonce":"1750000000123","createdAt":1750000002,"apr":18.2,"txHash":"0x…",…}

    The fee is what `fees` or `fee` states in 10⁻¹⁸ USD as text, else 0: how the venue words one is not documented, and
    a trade that we cannot read to the last field must still be booked and hedged.

    Raises:
        BadFrame: a field is missing, of another type or out of range, or the trade is another maker's.
    """
    if frames.address(body, "maker") != maker:
        raise frames.bad(f"a trade of maker {parse_address(body['maker'])}, ours is {maker}", Reason.UNKNOWN_KIND)
    nonce = str(frames.amount(body, "quoteNonce", 2**64 - 1, Reason.MALFORMED))
    return Fill(
        now_ns=now_ns,
        venue=VENUE,
        trade_id=nonce,
        client_id=nonce,
        instrument=_contract(body, frames.address(body, "assetAddress"), assets).name,
        side=Side.SELL if frames.flag(body, "isTakerBuy", default=False) else Side.BUY,
        price_nanos=frames.nanos(body, "price", PRICE_LIMIT_E18, Reason.MALFORMED),
        amount_nanos=frames.nanos(body, "quantity", QUANTITY_LIMIT_E18, Reason.BAD_QUANTITY),
        fee_e18=_fee(body),
        is_maker=True,
        venue_time_ns=_created(body.get("createdAt"), now_ns),
    )


def _fee(body: frames.Fields) -> int:
    stated = body.get("fees", body.get("fee"))
    return int(stated) if isinstance(stated, str) and frames.UINT.fullmatch(stated) else 0


def _created(value: object, now_ns: int) -> int:
    """`createdAt` was seen in seconds and in milliseconds; the arrival stands in when the notice has neither."""
    if type(value) is not int or not 0 < value <= _TIME_LIMIT_MS:
        return now_ns
    return value * (NANOS if value <= _EXPIRY_LIMIT_S else 1_000_000)
