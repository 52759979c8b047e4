"""A session as an RFQ maker: approved, protected and listening before the first quote, and again after a loss."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from atomizer.domain.trading import Protection
from atomizer.errors import ConfigError, Refused
from atomizer.net.rpc import Rpc
from atomizer.venues.derive import protection
from atomizer.venues.derive.auth import Credentials
from atomizer.venues.derive.maker import Maker, MakerEvents
from atomizer.venues.derive.market import MarketData
from atomizer.venues.derive.opening import fetch_account
from atomizer.venues.derive.profile import NANOS_PER_MS, Profile
from atomizer.venues.derive.rfq_terms import RfqTerms


class RfqSide:
    """Of one session. There is no maker until `answer`."""

    def __init__(
        self,
        profile: Profile,
        credentials: Credentials,
        rpc: Rpc,
        market: MarketData,
        terms: RfqTerms,
        *,
        listen: Callable[[Maker], Awaitable[None]],
        now_ns: Callable[[], int],
    ) -> None:
        self._profile = profile
        self._credentials = credentials
        self._rpc = rpc
        self._market = market
        self._terms = terms
        self._listen = listen
        self._now_ns = now_ns
        self._protections: Sequence[Protection] = ()
        self._maker: Maker | None = None

    async def answer(self, events: MakerEvents, protections: Sequence[Protection]) -> Maker:
        """Be a maker from now on; what is asked already comes first.

        With protections, each is set and read back before any quote leaves, and every quote counts towards them.

        Raises:
            ConfigError: Derive has not approved this wallet as an RFQ maker.
            Refused: a protection cannot be had, or reads back otherwise.
            VenueError, BadFrame: the venue said no, or could not be understood.
        """
        if not (await fetch_account(self._rpc, self._credentials)).is_rfq_maker:
            raise ConfigError(
                f"wallet {self._credentials.wallet} is no RFQ maker at {self._profile.name}: ask Derive to approve it"
            )
        pauses_ms = [wanted.frozen_ms for wanted in protections]
        self._protections = protections
        self._maker = Maker(
            self._credentials,
            self._rpc,
            self._market,
            self._terms,
            events=events,
            now_ns=self._now_ns,
            pause_ns=max(pauses_ms) * NANOS_PER_MS if pauses_ms else None,
        )
        await self.on_open()
        return self._maker

    async def on_open(self) -> None:
        """The session is logged in and knows its market. Raises VenueError or BadFrame."""
        if self._maker is None:
            return
        for wanted in self._protections:
            await protection.protect(self._rpc, self._credentials.subaccount_id, wanted)
        await self._listen(self._maker)
        await self._maker.catch_up()

    async def withdraw(self) -> None:
        """Take back every quote of the subaccount, whoever sent it. Raises VenueError."""
        with suppress(Refused):  # by a venue that holds no quotes of an account that is no maker
            await self._rpc.ask("private/cancel_batch_quotes", {"subaccount_id": self._credentials.subaccount_id})

    def on_lost(self) -> None:
        if self._maker is not None:
            self._maker.forget()

    def tick(self, now_ns: int) -> None:
        if self._maker is not None:
            self._maker.tick(now_ns)
