"""One auction: quotes come in, rivals compete, the best price at the close wins. No sockets, no money, no clock.

The taker of an RFQ with `is_taker_buy` false sells, so the highest price is best; otherwise the lowest. Of equal
prices the earlier is best. A quote cannot be withdrawn: each stands until its own `valid_until_s`.
Source: Rysk V12 fact sheet, sections 2.3 and 9.10.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from atomizer.sim.rysk.wire import Quote, Terms

AUCTION_NS = 2_000_000_000
SECOND_NS = 1_000_000_000
MILLISECOND_NS = 1_000_000

IMPROVEMENT_BPS = 20  # how far a practice rival goes beyond the price that outbid it
BPS = 10_000


@dataclass(frozen=True, slots=True)
class RivalPlan:
    """What a simulated maker does: quotes `price_e18` after `delay_ns`, improves `reaction_ns` after it is outbid, and
    goes no further than `limit_e18`.
    """

    maker: str
    delay_ns: int
    price_e18: int
    limit_e18: int
    reaction_ns: int


@dataclass(frozen=True, slots=True)
class Bid:
    """One standing price. `quote` is what a real maker signed, None for a simulated rival."""

    maker: str
    price_e18: int
    expires_ns: int
    quote: Quote | None


class _Rival:
    """A plan being carried out. `due_ns` is when it acts next, None while it rests."""

    __slots__ = ("due_ns", "has_quoted", "plan")

    def __init__(self, plan: RivalPlan, opened_ns: int) -> None:
        self.plan = plan
        self.due_ns: int | None = opened_ns + plan.delay_ns
        self.has_quoted = False


class Auction:
    """Quotes for one RFQ from `opened_ns` until `closes_ns`.

    Call `advance` before anything else at a new time, so that rivals act in their turn.
    """

    def __init__(
        self, rfq_id: str, terms: Terms, opened_ns: int, *, rivals: Sequence[RivalPlan], reserve_e18: int | None
    ) -> None:
        self.rfq_id = rfq_id
        self.terms = terms
        self.opened_ns = opened_ns
        self.closes_ns = opened_ns + AUCTION_NS
        self.reserve_e18 = reserve_e18
        self._rivals = [_Rival(plan, opened_ns) for plan in rivals]
        self._bids: list[Bid] = []  # in order of arrival
        self._heard: set[str] = set()

    def is_better(self, price_e18: int, than_e18: int) -> bool:
        """Whether the taker likes `price_e18` strictly more."""
        return price_e18 < than_e18 if self.terms.is_taker_buy else price_e18 > than_e18

    def meets_reserve(self, price_e18: int) -> bool:
        """Whether the taker trades at this price. Without a reserve the taker only asks."""
        return self.reserve_e18 is not None and not self.is_better(self.reserve_e18, price_e18)

    def ranked(self, now_ns: int) -> list[Bid]:
        """Every bid that is valid now, best first."""
        sign = 1 if self.terms.is_taker_buy else -1
        valid = [bid for bid in self._bids if bid.expires_ns > now_ns]
        return sorted(valid, key=lambda bid: sign * bid.price_e18)  # stable: the earlier of equals stays first

    def best(self, now_ns: int) -> Bid | None:
        """The bid that would win if the auction closed now."""
        return next(iter(self.ranked(now_ns)), None)

    def best_of_makers(self, now_ns: int) -> dict[str, int]:
        """The best valid price of each maker that has a signed quote standing."""
        prices: dict[str, int] = {}
        for bid in self.ranked(now_ns):
            if bid.quote is not None:
                prices.setdefault(bid.maker, bid.price_e18)
        return prices

    def is_first_from(self, maker: str) -> bool:
        """True once for each maker."""
        if maker in self._heard:
            return False
        self._heard.add(maker)
        return True

    def submit(self, quote: Quote, now_ns: int) -> bool:
        """Take a verified quote; True when it is now the best."""
        bid = Bid(quote.maker, quote.price_e18, quote.valid_until_s * SECOND_NS, quote)
        return self._take(bid, now_ns)

    def advance(self, now_ns: int) -> bool:
        """Let every rival act that is due by now, in order of time; True when the best price changed hands."""
        changed = False
        while (rival := self._next_rival()) is not None and rival.due_ns is not None and rival.due_ns <= now_ns:
            changed |= self._act(rival, rival.due_ns)
        return changed

    def next_wake_ns(self) -> int:
        """When something happens by itself: a rival's turn, or the close."""
        rival = self._next_rival()
        return self.closes_ns if rival is None or rival.due_ns is None else rival.due_ns

    def _next_rival(self) -> _Rival | None:
        waiting = [rival for rival in self._rivals if rival.due_ns is not None and rival.due_ns < self.closes_ns]
        return min(waiting, key=lambda rival: rival.due_ns or 0, default=None)

    def _act(self, rival: _Rival, now_ns: int) -> bool:
        rival.due_ns = None
        best = self.best(now_ns)
        price_e18: int | None = rival.plan.price_e18
        if rival.has_quoted and best is not None:
            price_e18 = None if best.maker == rival.plan.maker else self._improvement(rival.plan, best.price_e18)
        rival.has_quoted = True
        if price_e18 is None:
            return False
        return self._take(Bid(rival.plan.maker, price_e18, self.closes_ns + 1, None), now_ns)

    def _improvement(self, plan: RivalPlan, best_e18: int) -> int | None:
        """A small step beyond the best, no further than the limit; None when the limit does not reach so far."""
        step = max(1, best_e18 * IMPROVEMENT_BPS // BPS)
        price_e18 = best_e18 - step if self.terms.is_taker_buy else best_e18 + step
        if self.is_better(price_e18, plan.limit_e18):
            price_e18 = plan.limit_e18
        return price_e18 if self.is_better(price_e18, best_e18) else None

    def _take(self, bid: Bid, now_ns: int) -> bool:
        self._bids.append(bid)
        is_best = self.best(now_ns) is bid
        # Whoever has spoken and is not best thinks about an answer, unless it is thinking already.
        for rival in self._rivals:
            if rival.has_quoted and rival.due_ns is None and not (is_best and rival.plan.maker == bid.maker):
                rival.due_ns = now_ns + rival.plan.reaction_ns
        return is_best
