"""Which exchanges a check is about, and the check of each."""

from atomizer.app import practice
from atomizer.app.exchange_check import check_exchange
from atomizer.app.rysk_check import check_rysk
from atomizer.app.steps import Steps
from atomizer.app.venues import VENUES
from atomizer.config.settings import Settings
from atomizer.config.units import VenueName

RYSK = "rysk"
NAMED_ONLY = frozenset({"ccxt"})  # a hundred exchanges: which one must be said


def every_exchange(settings: Settings) -> list[VenueName]:
    """All that there are by one name each; their practice twins when the exchange of the settings is practice."""
    prefix = "sim:" if settings.exchange.name.is_practice else ""
    return [VenueName.parse(prefix + venue) for venue in (*VENUES, RYSK) if venue not in NAMED_ONLY]


async def check(name: VenueName, settings: Settings, endpoints: practice.Endpoints | None, *, full: bool) -> Steps:
    """The steps of one exchange's check.

    Raises:
        ConfigError: there is no such exchange, or a setting will not do.
    """
    if name.venue == RYSK:
        return await check_rysk(settings, endpoints, full=full)
    return await check_exchange(name, settings, endpoints, full=full)
