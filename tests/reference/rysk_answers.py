"""The slow path from a Rysk request to a signed quote, put together from the strict codec and the pricer."""

from atomizer.domain.instruments import parse_name
from atomizer.domain.reasons import Verdict
from atomizer.domain.trading import QuoteSent
from atomizer.errors import BadFrame
from atomizer.strategies.pricing import BookPricer, BookPricerParams, Edge
from atomizer.venues.rysk.assets import AssetMap
from atomizer.venues.rysk.codec import build_quote, parse_rfq

STRIKE_NANOS_PER_E8 = 10


class SlowPath:
    """Holds what the fused quoter holds, in the words of the upper floors."""

    def __init__(self, market, key, tokens, *, target, minimum, max_age_ns):
        edges = {"target": Edge(**target), "minimum": Edge(**minimum)}
        self._pricer = BookPricer(
            BookPricerParams(**edges, max_book_age_ns=max_age_ns, max_mark_age_ns=max_age_ns), market
        )
        self._assets = AssetMap(tokens)
        self._key = key

    def price(self, frame, now_ns):
        """(request, price), or None when the answer is a refusal."""
        try:
            request = parse_rfq(frame, now_ns, self._assets)
        except BadFrame:
            return None
        if request is None:
            return None
        price = self._pricer.price(request.rfq, now_ns)
        return None if isinstance(price, Verdict) else (request, price)

    def quote(self, request, price, nonce, valid_until_s, now_ns):
        """The signed frame."""
        rfq = request.rfq
        quote = QuoteSent(
            now_ns=now_ns,
            source=rfq.source,
            rfq_id=rfq.rfq_id,
            nonce=nonce,
            instrument=rfq.contract.name,
            side=rfq.side,
            price_nanos=price.target_nanos,
            quantity_nanos=rfq.quantity_nanos,
            valid_until_s=valid_until_s,
            fair_nanos=price.hedge_nanos,
        )
        return build_quote(request, quote, self._key.maker, self._key.sign(request, quote))


def list_series(quoter, listed, book):
    """An instrument of the hedge venue as the fused quoter wants it; its number."""
    contract = parse_name(listed.name)
    return quoter.add_series(
        contract.underlying,
        expiry_s=contract.expiry_s,
        strike_e8=contract.strike_nanos // STRIKE_NANOS_PER_E8,
        is_put=listed.name.endswith("-P"),
        book=book,
        taker_fee_nanos=listed.taker_fee_nanos,
        base_fee_nanos=listed.base_fee_nanos,
        fee_cap_nanos=listed.fee_cap_nanos,
    )
