"""Our own fair values while we quote round them: smiles fitted beside the ticks, and the chain priced when spot moves.

A fit is made every second in another thread, of everything that is listed of the expiries that we quote. A mark brings
a new forward: then every option of its expiry that we quote is priced anew in one batch, and the lane looks at all of
them, those that stand worst first.
"""

import asyncio
import logging
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

import msgspec

from atomizer._core.book import NO_PRICE, Book
from atomizer.app.market_making_lane import QuoteLane
from atomizer.app.market_making_quoted import Quoted
from atomizer.desk.snapshot import SmileRow
from atomizer.domain.instruments import NANOS, Instrument, OptionType
from atomizer.domain.reasons import Reason
from atomizer.domain.session import VenueSession
from atomizer.domain.trading import Mark
from atomizer.strategies.smiles import Fitted, Option, Pricer, falls_by, fit_chain

log = logging.getLogger("atomizer.quotes")

FIT_EVERY_S: Final = 1.0
LONGEST_FIT_NS: Final = 10 * NANOS  # an older smile is none
SOON_NS: Final = 50_000_000  # within which a smaller move than this waits for the next mark
SMALL_MOVE: Final = 1e-4
YEAR_S: Final = 365 * 86_400

Expiry = tuple[str, int]  # underlying and unix seconds


class _Chain:
    """One expiry: what we quote of it, and its smile."""

    def __init__(self, quoted: list[Quoted]) -> None:
        self.quoted = quoted
        contracts = [each.instrument.contract for each in quoted]
        calls = [each.option_type is OptionType.CALL for each in contracts]
        self.pricer = Pricer(calls, [each.strike_nanos / NANOS for each in contracts])
        self.fitted: Fitted | None = None
        self.fitted_ns = 0
        self.priced_ns = 0
        self.forward_nanos = 0  # at which it was priced
        self.told = ""  # what was last said of it
        self.arbitrage = ""  # between it and the expiry before

    def reason(self, now_ns: int) -> Reason:
        """Why nothing of it may be quoted; OK when it may."""
        if self.fitted is None or now_ns - self.fitted_ns > LONGEST_FIT_NS:
            return Reason.NO_SMILE
        return self.fitted.reason


class Fairs:
    """Of all expiries that are quoted at one venue."""

    def __init__(self, lane: QuoteLane, market: VenueSession, *, max_mark_age_ns: int, most_rms: float) -> None:
        """`most_rms`: see `fit_chain`."""
        self._lane = lane
        self._market = market
        self._max_mark_age_ns = max_mark_age_ns
        self._most_rms = most_rms
        self._chains: dict[Expiry, _Chain] = {}
        self.nanos: dict[str, int] = {}  # the fair value of each instrument that has one

    def unpriced(self, now_ns: int) -> Mapping[str, Reason]:
        """Why each instrument that has no fair value has none."""
        found = {}
        for chain in self._chains_now().values():
            if (reason := chain.reason(now_ns)) is not Reason.OK:
                found.update({each.name: reason for each in chain.quoted})
        return found

    async def fit(self, now_ns: int) -> None:
        """Fit every expiry anew, and price it."""
        chains = self._chains_now()
        options = {expiry: self._options(expiry, now_ns) for expiry in chains}
        jobs = {
            expiry: (shown, forward_nanos / NANOS, _years(expiry, now_ns), self._most_rms)
            for expiry, (shown, forward_nanos) in options.items()
        }
        fitted = await asyncio.to_thread(lambda: {expiry: fit_chain(*job) for expiry, job in jobs.items()})
        for expiry, chain in chains.items():
            chain.fitted, chain.fitted_ns = fitted[expiry], now_ns
            self._tell(expiry, chain)
            chain.forward_nanos = 0  # whatever the forward, the smile is another
            if chain.fitted.reason is not Reason.OK:
                self._forget(chain, now_ns)
        self._compare()

    def on_mark(self, mark: Mark) -> None:
        """A new forward, and a new index."""
        instrument = self._market.instrument(mark.instrument)
        if instrument is None or not instrument.contract.is_option:
            return
        expiry = instrument.contract.underlying, instrument.contract.expiry_s
        chain = self._chains.get(expiry)
        if chain is None or chain.fitted is None or chain.reason(mark.now_ns) is not Reason.OK:
            return
        moved = abs(mark.forward_nanos - chain.forward_nanos)
        if mark.now_ns - chain.priced_ns < SOON_NS and moved < SMALL_MOVE * chain.forward_nanos:
            return
        chain.forward_nanos, chain.priced_ns = mark.forward_nanos, mark.now_ns
        coin_usd = mark.index_nanos / NANOS if instrument.is_inverse else 1.0
        prices = chain.pricer.price(chain.fitted, mark.forward_nanos / NANOS, _years(expiry, mark.now_ns), coin_usd)
        for quoted, fair_nanos in zip(chain.quoted, prices, strict=True):
            quoted.slot.set_fair(fair_nanos, mark.now_ns)
            self.nanos[quoted.name] = fair_nanos
        self._lane.look(mark.now_ns)

    def rows(self, now_ns: int) -> tuple[SmileRow, ...]:
        """For people, in the order of the expiries."""
        return tuple(_row(expiry, chain, now_ns) for expiry, chain in sorted(self._chains.items()))

    def _chains_now(self) -> dict[Expiry, _Chain]:
        """Of what is quoted now: a chain whose options became others begins anew."""
        found: dict[Expiry, list[Quoted]] = {}
        for quoted in self._lane:
            contract = quoted.instrument.contract
            found.setdefault((contract.underlying, contract.expiry_s), []).append(quoted)
        for expiry, together in found.items():
            known = self._chains.get(expiry)
            if known is None or len(known.quoted) != len(together):
                self._chains[expiry] = _Chain(together)
        return self._chains

    def _options(self, expiry: Expiry, now_ns: int) -> tuple[list[Option], int]:
        """All that is listed of it, and the newest forward."""
        newest: Mark | None = None
        found = []
        for name in self._market.names:
            instrument, mark = self._market.instrument(name), self._market.mark(name)
            if instrument is None or mark is None or now_ns - mark.now_ns > self._max_mark_age_ns:
                continue
            if not instrument.contract.is_option or expiry != (
                instrument.contract.underlying,
                instrument.contract.expiry_s,
            ):
                continue
            found.append(_shown(instrument, mark, self._market.book(name)))
            newest = mark if newest is None or mark.now_ns > newest.now_ns else newest
        return found, newest.forward_nanos if newest is not None else 0

    def _forget(self, chain: _Chain, now_ns: int) -> None:
        for quoted in chain.quoted:
            quoted.slot.set_fair(NO_PRICE, now_ns)
            self.nanos.pop(quoted.name, None)

    def _tell(self, expiry: Expiry, chain: _Chain) -> None:
        fitted = chain.fitted
        if fitted is None:
            return
        smile = fitted.smile
        log.debug(
            "%s: smile of %d points, %.1f %% at the money, misses by %.2f volatility points, density at least %.3f%s",
            *(name_of(expiry), smile.points, 100 * fitted.at_the_money, smile.rms_points, fitted.lowest_g),
            f"; {fitted.detail}" if fitted.detail else "",
        )
        word = fitted.reason.value
        if word != (chain.told or Reason.OK.value):
            if fitted.reason is Reason.OK:
                log.warning("%s: the smile may be used again", name_of(expiry))
            else:
                log.warning("%s: nothing is quoted of it, %s: %s", name_of(expiry), word, fitted.detail)
        chain.told = word

    def _compare(self) -> None:
        """Each expiry with the next of its underlying."""
        for earlier, later in pairwise(sorted(self._chains)):
            one, other = self._chains[earlier], self._chains[later]
            if earlier[0] != later[0] or one.fitted is None or other.fitted is None:
                continue
            strike, fall = falls_by(one.fitted, other.fitted)
            is_new = bool(fall) != bool(other.arbitrage)
            other.arbitrage = f"variance falls by {fall:.3g} from {name_of(earlier)} at {strike:.6g}" if fall else ""
            if is_new:
                what = f"calendar arbitrage: {other.arbitrage}" if fall else "calendar arbitrage is gone"
                log.warning("%s: %s", name_of(later), what)


def name_of(expiry: Expiry) -> str:
    return f"{expiry[0]}-{datetime.fromtimestamp(expiry[1], UTC):%Y%m%d}"


def _years(expiry: Expiry, now_ns: int) -> float:
    return (expiry[1] - now_ns / NANOS) / YEAR_S


def _shown(instrument: Instrument, mark: Mark, book: Book | None) -> Option:
    """In USD, whatever its venue prices in; without our own orders."""
    usd = (mark.index_nanos / NANOS if instrument.is_inverse else 1.0) / NANOS
    bid, ask = (NO_PRICE, NO_PRICE) if book is None or book.dark else (book.best_bid(), book.best_ask())
    return Option(
        is_call=instrument.contract.option_type is OptionType.CALL,
        strike=instrument.contract.strike_nanos / NANOS,
        bid=bid * usd if bid != NO_PRICE else math.nan,
        ask=ask * usd if ask != NO_PRICE else math.nan,
        mark=mark.mark_nanos * usd,
        iv=mark.iv,
        forward=mark.forward_nanos / NANOS,
    )


def _row(expiry: Expiry, chain: _Chain, now_ns: int) -> SmileRow:
    fitted, reason = chain.fitted, chain.reason(now_ns)
    detail = fitted.detail if fitted is not None else "not yet fitted"
    row = SmileRow(
        expiry=name_of(expiry),
        points=0,
        at_the_money=None,
        rms_points=None,
        lowest_g=None,
        arbitrage=chain.arbitrage,
        why="" if reason is Reason.OK else f"{reason.value}: {detail}",
    )
    if fitted is None or not math.isfinite(fitted.smile.rms_points):
        return row
    return msgspec.structs.replace(
        row,
        points=fitted.smile.points,
        at_the_money=fitted.at_the_money,
        rms_points=fitted.smile.rms_points,
        lowest_g=float(fitted.lowest_g),
    )
