"""What rests at a venue on our account, whoever placed it. Asks and changes nothing."""

from atomizer.app import one_shot, practice
from atomizer.app.venues import account_at
from atomizer.config.settings import Settings
from atomizer.domain.session import OpenOrder


class OpenOrders:
    """The account's open orders, asked for as often as somebody wants to see them."""

    def __init__(self, settings: Settings, endpoints: practice.Endpoints | None) -> None:
        """Raises ConfigError: credentials are missing or will not do."""
        self._settings = settings
        self._account = account_at(settings.exchange.name, settings, endpoints)
        self.owner = f"{self._account.place} {self._account.owner}"

    async def fetch(self) -> list[OpenOrder]:
        """By instrument and price.

        Raises:
            VenueError, BadFrame: the venue could not be asked.
        """
        async with one_shot.client(self._account.open_client, self._settings, []) as venue:
            resting = await venue.resting()
        return sorted(resting, key=lambda order: (order.instrument, -order.side, -order.price_nanos))
