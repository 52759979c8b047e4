"""Which instruments to quote: what the operator named, held against what the venue lists. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from atomizer._core.fixed import format_nanos
from atomizer.config.settings import Chain
from atomizer.domain.instruments import Instrument
from atomizer.errors import UsageError

DAY_S: Final = 86_400
NEAREST: Final = 3  # how many alternatives an error names


def select(chains: Sequence[Chain], listed: Iterable[Instrument], now_s: int) -> list[Instrument]:
    """The active options that the chains name, each once, in the order of the chains.

    Raises:
        UsageError: an expiry is past or not listed, or a strike is not: names the nearest ones.
    """
    found: dict[str, Instrument] = {}
    options = [each for each in listed if each.is_active and each.contract.is_option]
    for chain in chains:
        days = _by_day(options, chain.underlying)
        for day in chain.expiry:
            if day not in days or days[day][0].contract.expiry_s <= now_s:
                raise UsageError(_no_expiry(chain.underlying, day, list(days), now_s))
            found.update((each.name, each) for each in _of_strikes(chain, day, days[day]))
    return list(found.values())


def refresh(chains: Sequence[Chain], listed: Iterable[Instrument], now_s: int) -> list[Instrument]:
    """As `select`, for a list that changed during the run: what is gone is left out."""
    options = [each for each in listed if each.is_active and each.contract.is_option]
    found: dict[str, Instrument] = {}
    for chain in chains:
        days = _by_day(options, chain.underlying)
        for day in set(chain.expiry) & days.keys():
            found.update((each.name, each) for each in _of_type(chain, days[day]) if _names(chain, each))
    return [each for each in found.values() if each.contract.expiry_s > now_s]


def near_the_money(listed: Iterable[Instrument], underlying: str, index_nanos: int, now_s: int) -> list[Instrument]:
    """Calls and puts at the two strikes round the money, of the nearest expiry more than a day out.

    Raises:
        UsageError: nothing of the kind is listed.
    """
    options = [each for each in listed if each.is_active and each.contract.is_option]
    days = [days for days in _by_day(options, underlying).values() if days[0].contract.expiry_s > now_s + DAY_S]
    if not days:
        raise UsageError(f"no {underlying} option expires more than a day out: name --expiry and --strikes")
    nearest = min(days, key=lambda each: each[0].contract.expiry_s)
    strikes = sorted({each.contract.strike_nanos for each in nearest}, key=lambda strike: abs(strike - index_nanos))
    below = [strike for strike in strikes if strike <= index_nanos][:1]
    above = [strike for strike in strikes if strike > index_nanos][:1]
    return [each for each in nearest if each.contract.strike_nanos in {*below, *above}]


def _by_day(options: Iterable[Instrument], underlying: str) -> dict[str, list[Instrument]]:
    days: dict[str, list[Instrument]] = defaultdict(list)
    for each in sorted(options, key=lambda option: option.contract):
        if each.contract.underlying == underlying:
            days[datetime.fromtimestamp(each.contract.expiry_s, UTC).strftime("%Y%m%d")].append(each)
    return days


def _of_type(chain: Chain, options: Iterable[Instrument]) -> list[Instrument]:
    return [each for each in options if chain.option_type in ("both", each.contract.option_type)]


def _names(chain: Chain, option: Instrument) -> bool:
    return not chain.strikes or option.contract.strike_nanos in {strike.nanos for strike in chain.strikes}


def _of_strikes(chain: Chain, day: str, options: Sequence[Instrument]) -> list[Instrument]:
    listed = {each.contract.strike_nanos for each in options}
    for strike in chain.strikes:
        if strike.nanos not in listed:
            nearest = sorted(listed, key=lambda each, wanted=strike.nanos: abs(each - wanted))[:NEAREST]  # type: ignore[misc]
            shown = ", ".join(format_nanos(each) for each in sorted(nearest))
            raise UsageError(f"{chain.underlying} {day} has no strike {strike}: the nearest are {shown}")
    return [each for each in _of_type(chain, options) if _names(chain, each)]


def _no_expiry(underlying: str, day: str, days: Sequence[str], now_s: int) -> str:
    if not days:
        return f"the venue lists no option of {underlying}"
    wanted = datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC)

    def away(other: str) -> timedelta:
        return abs(datetime.strptime(other, "%Y%m%d").replace(tzinfo=UTC) - wanted)

    today = datetime.fromtimestamp(now_s, UTC).strftime("%Y%m%d")
    nearest = sorted(sorted((each for each in days if each >= today), key=away)[:NEAREST])
    word = "has passed" if day < today else "is not listed"
    return f"{underlying} expiry {day} {word}: the nearest are {', '.join(nearest)}"
