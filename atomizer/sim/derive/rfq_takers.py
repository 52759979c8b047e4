"""Takers without an account here: they ask the makers for what this venue lists, and take the best quote they like.

They are the takers of the market's RFQs. Each asks for one option, or for a spread of two strikes, shows the structure
and not its side, waits, and trades once, at the best quote that beats the makers who do not quote here.
"""

from dataclasses import dataclass

from atomizer.sim.derive.engine import Engine
from atomizer.sim.derive.instruments import Instrument
from atomizer.sim.derive.orders import Status
from atomizer.sim.derive.rfq_engine import Rfqs
from atomizer.sim.derive.rfqs import Rfq, RfqLeg
from atomizer.sim.derive.units import NS_PER_MS, NS_PER_S, to_nanos
from atomizer.sim.market import RfqArrival

DECIDES_AFTER_NS = 3 * NS_PER_S
_SPREAD_SHARE = 4  # one RFQ in so many is a spread
_SLACK_PERCENT = 5  # of the second leg's mark, that a taker of a spread gives away
_PERCENT = 100
_SUBACCOUNT = 900_000  # theirs all: nobody can log in there


@dataclass(frozen=True, slots=True)
class _Waiting:
    """When the taker decides, on which side it is, and what the structure may cost it at most (below 0: it is paid)."""

    rfq: Rfq
    buys: bool
    most_cost_e18: int
    decides_ns: int


class RfqTakers:
    def __init__(self, engine: Engine, rfqs: Rfqs) -> None:
        self._engine = engine
        self._rfqs = rfqs
        self._waiting: list[_Waiting] = []

    def on_arrival(self, arrival: RfqArrival, now_ns: int) -> None:
        """Ask for a price, when what is wanted is listed here."""
        instrument = self._listed(arrival)
        if instrument is None:
            return
        amount = max(to_nanos(arrival.quantity) // instrument.lot * instrument.lot, instrument.minimum)
        legs, most_cost_e18 = [RfqLeg(instrument, is_buy=True, amount=amount)], _bound(arrival) * amount
        if int(arrival.rfq_id[-4:], 16) % _SPREAD_SHARE == 0:
            other = self._neighbour(instrument)
            if other is not None:
                legs.append(RfqLeg(other, is_buy=False, amount=amount))
                most_cost_e18 -= self._slack(other, is_taker_buy=arrival.is_taker_buy) * amount
        if not arrival.is_taker_buy:
            most_cost_e18 = -most_cost_e18
        now_ms = now_ns // NS_PER_MS
        rfq = Rfq(
            rfq_id=arrival.rfq_id,
            wallet=arrival.taker,
            subaccount_id=_SUBACCOUNT,
            legs=tuple(sorted(legs, key=lambda leg: leg.instrument.name)),
            label="",
            counterparties=None,
            most_cost_e18=None,
            least_cost_e18=None,
            created_ms=now_ms,
            updated_ms=now_ms,
        )
        self._rfqs.open(rfq, now_ns)
        self._waiting.append(_Waiting(rfq, arrival.is_taker_buy, most_cost_e18, now_ns + DECIDES_AFTER_NS))

    def decide(self, now_ns: int) -> None:
        """Those who have waited long enough trade, or take their RFQ back."""
        due = [each for each in self._waiting if each.decides_ns <= now_ns]
        self._waiting = [each for each in self._waiting if each.decides_ns > now_ns]
        for each in due:
            if each.rfq.status is not Status.OPEN:
                continue
            best = self._rfqs.best(each.rfq, taker_buys=each.buys)
            if best is not None and -best.request.cost_e18 <= each.most_cost_e18:
                self._rfqs.execute(best, None, now_ns)
            else:
                self._rfqs.end(each.rfq, Status.CANCELLED, "user_request", now_ns)

    def _listed(self, arrival: RfqArrival) -> Instrument | None:
        kind = "P" if arrival.is_put else "C"
        wanted = (arrival.underlying, arrival.expiry_s, kind, to_nanos(arrival.strike))
        return next(
            (each for each in self._engine.instruments.values() if _key(each) == wanted and each.is_active), None
        )

    def _neighbour(self, instrument: Instrument) -> Instrument | None:
        """The next higher strike of the same series."""
        *series, strike = _key(instrument)
        higher = [
            each
            for each in self._engine.instruments.values()
            if list(_key(each)[:-1]) == series and each.strike > strike and each.is_active
        ]
        return min(higher, key=lambda each: each.strike, default=None)

    def _slack(self, other: Instrument, *, is_taker_buy: bool) -> int:
        """What the second leg is worth to the taker: a buyer of the spread sells it for a little less than its mark."""
        percent = _PERCENT - _SLACK_PERCENT if is_taker_buy else _PERCENT + _SLACK_PERCENT
        return self._engine.prices(other).mark * percent // _PERCENT


def _key(instrument: Instrument) -> tuple[str, int, str, int]:
    listing = instrument.listing
    return listing.underlying, listing.expiry_s, listing.option_type or "", instrument.strike


def _bound(arrival: RfqArrival) -> int:
    """The best of what the taker would settle for and what the other makers would come to."""
    prices = [arrival.reserve, *(rival.limit for rival in arrival.rivals)]
    return to_nanos(min(prices) if arrival.is_taker_buy else max(prices))
