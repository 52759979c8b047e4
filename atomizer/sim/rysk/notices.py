"""What the venue tells makers and takers of an auction: results ready for `wire.build_result`."""

import hashlib
from decimal import Decimal

from atomizer.sim.rysk.auction import MILLISECOND_NS, SECOND_NS, Auction, Bid
from atomizer.sim.rysk.wire import E18, Quote, Terms


def quote_notification(auction: Auction, *, best_e18: int, yours_e18: int) -> dict[str, object]:
    """Somebody else has the best price. Source: Rysk V12 fact sheet, section 2.3."""
    return {
        "rfqId": auction.rfq_id,
        "assetAddress": auction.terms.asset,
        "chainId": auction.terms.chain_id,
        "newBest": str(best_e18),
        "yours": str(yours_e18),
    }


def trade_notice(auction: Auction, quote: Quote, *, mark: Decimal | None, apr: float) -> dict[str, object]:
    """A fill. It names the maker's nonce and no RFQ, as the real one does. Source: section 2.3, "Trade"."""
    closed_ns = auction.closes_ns
    # Nobody here holds the taker's key and there is no chain: its signature and the hash are only well formed.
    stand_in = hashlib.sha512(auction.rfq_id.encode()).hexdigest()
    return _series(auction.terms) | {
        "maker": quote.maker,
        "taker": auction.terms.taker,
        "price": str(quote.price_e18),
        "nonce": str(closed_ns // MILLISECOND_NS),
        "quoteNonce": str(quote.nonce),
        "quoteValidUntil": quote.valid_until_s,
        "quoteSignature": quote.signature,
        "signature": f"0x{stand_in}1b",
        "validUntil": quote.valid_until_s,
        "createdAt": closed_ns // SECOND_NS,
        "apr": apr,
        "txHash": f"0x{stand_in[:64]}",
        "mark": None if mark is None else str(int(mark * E18)),
        "fees": "0",  # whether the real one charges, and what, is not known
    }


def request_answer(auction: Auction, best: Bid, *, apy: float) -> dict[str, object]:
    """The best quote for a taker's request. A practice rival has signed nothing, so its quote has no signature."""
    answer = _series(auction.terms) | {
        "rfqId": auction.rfq_id,
        "maker": best.maker,
        "price": str(best.price_e18),
        "validUntil": best.expires_ns // SECOND_NS,
        "apy": apy,
    }
    if best.quote is not None:
        answer |= {"nonce": str(best.quote.nonce), "signature": best.quote.signature}
    return answer


def _series(terms: Terms) -> dict[str, object]:
    return {
        "assetAddress": terms.asset,
        "chainId": terms.chain_id,
        "expiry": terms.expiry_s,
        "isPut": terms.is_put,
        "isTakerBuy": terms.is_taker_buy,
        "strike": str(terms.strike_e8),
        "quantity": str(terms.quantity_e18),
        "usd": terms.usd,
        "collateralAsset": terms.collateral,
    }
