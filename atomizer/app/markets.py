"""What a venue lists, with its prices: asked once, for people to look at."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from atomizer.app import one_shot, practice, reach_rysk
from atomizer.app.venues import VenueClient, public_at
from atomizer.config.settings import Settings
from atomizer.domain.instruments import Contract, Instrument
from atomizer.domain.trading import Mark
from atomizer.errors import UsageError
from atomizer.net import http
from atomizer.venues.rysk.assets import Asset, parse_assets

NEAREST = 3
_DAY = re.compile(r"\d{8}")


class Market(msgspec.Struct, frozen=True):
    """One instrument at one venue. Prices in nanos of what the instrument is priced in; None where there is none."""

    instrument: Instrument
    bid_nanos: int | None
    bid_amount_nanos: int | None
    ask_nanos: int | None
    ask_amount_nanos: int | None
    mark: Mark | None


async def fetch_markets(
    settings: Settings, endpoints: practice.Endpoints | None, underlying: str, expiry: str
) -> list[Market]:
    """Everything of an underlying, or of one of its expiries (YYYYMMDD), by expiry, strike and type.

    Raises:
        UsageError: an expiry that is not listed; names the nearest.
        ConfigError, VenueError, BadFrame: the venue lists nothing of it, or could not be asked.
    """
    async with one_shot.client(public_at(settings.exchange.name, settings, endpoints), settings, [underlying]) as venue:
        names = _chosen(venue, expiry)
        await venue.fetch_prices(names)
        return [_market(venue, name) for name in names]


async def fetch_rysk_assets(settings: Settings, endpoints: practice.Endpoints | None) -> list[Asset]:
    """Tokens on which Rysk's takers ask for quotes."""
    return parse_assets(await http.get("rysk", f"{reach_rysk.rest_url(settings, endpoints)}/api/assets"))


def day_of(contract: Contract) -> str:
    """YYYYMMDD of the expiry, empty for a perpetual."""
    return "" if contract.is_perpetual else datetime.fromtimestamp(contract.expiry_s, UTC).strftime("%Y%m%d")


def check_expiry(expiry: str, listed: Sequence[str], flag: str = "--expiry") -> None:
    """Raises UsageError unless this YYYYMMDD is among those listed; names the nearest of those."""
    if expiry in listed:
        return
    if _DAY.fullmatch(expiry) is None:
        raise UsageError(f"{flag} {expiry}: not a day: write it as YYYYMMDD")
    near = sorted(sorted(listed, key=lambda day: abs(int(day) - int(expiry)))[:NEAREST])
    raise UsageError(f"{flag} {expiry}: not listed: the nearest are {', '.join(near) or 'none'}")


def _chosen(venue: VenueClient, expiry: str) -> list[str]:
    contracts = sorted(each.contract for name in venue.names if (each := venue.instrument(name)) is not None)
    if expiry:
        check_expiry(expiry, sorted({day for each in contracts if (day := day_of(each))}))
    return [each.name for each in contracts if not expiry or day_of(each) == expiry]


def _market(venue: VenueClient, name: str) -> Market:
    instrument, book = venue.instrument(name), venue.book(name)
    assert instrument is not None  # noqa: S101  it is one of the venue's names
    bid, ask = (next(iter(book.levels(is_bid=is_bid) if book else ()), (None, None)) for is_bid in (True, False))
    return Market(instrument, bid[0], bid[1], ask[0], ask[1], venue.mark(name))
