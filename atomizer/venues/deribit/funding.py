"""What holding perpetuals cost or earned: what the venue realized of it, by its transaction log."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

import msgspec

from atomizer.domain.instruments import USD
from atomizer.domain.trading import FundingPaid
from atomizer.errors import BadFrame, VenueError
from atomizer.net.rpc import Rpc
from atomizer.venues.deribit.profile import VENUE
from atomizer.venues.deribit.wire import (
    Integer,
    Millis,
    Word,
    contract_of,
    currency_of,
    e18_nearest,
    nanos_nearest,
    read,
)

PAGE_SIZE: Final = 250
MOST_PAGES: Final = 400  # a hundred thousand changes of the account's money
METHOD: Final = "private/get_transaction_log"
NANOS_PER_MS: Final = 1_000_000
FUTURE_MS: Final = 60_000  # the venue's clock may be ahead of ours
PERPETUAL: Final = "-PERPETUAL"


class _WireEntry(msgspec.Struct):
    id: Integer
    timestamp: Millis
    instrument_name: Word | None = None
    interest_pl: Decimal | None = None
    index_price: Decimal | None = None
    price: Decimal | None = None


class _WireLog(msgspec.Struct):
    logs: list[_WireEntry]
    continuation: Integer | None = None


def parse_funding(result: Any, now_ns: int) -> tuple[list[FundingPaid], int | None]:
    """Result of private/get_transaction_log → what was funding in it, and where the log goes on, if it does.

    {"logs":[{"type":"settlement","timestamp":1613659544153,"instrument_name":"BTC-PERPETUAL","interest_pl":9.93e-06,
    "price":51807.07,"price_currency":"USD","id":61311,"currency":"BTC","change":0.00215706,…}],"continuation":61282}

    Funding is realized with every trade of a perpetual and with the daily settlement: `interest_pl` is what an entry
    realized of it, in the currency of the account, above 0 received. Of an inverse one that is coins, worth what the
    index was, or where the entry does not say, the price that it names.

    Raises:
        BadFrame: a field is missing, of another type or out of range.
    """
    wire = read(result, _WireLog, "transaction log")
    return [_payment(entry, now_ns) for entry in wire.logs if _is_funding(entry)], wire.continuation


def _is_funding(entry: _WireEntry) -> bool:
    return bool(entry.interest_pl) and (entry.instrument_name or "").endswith(PERPETUAL)


def _payment(entry: _WireEntry, now_ns: int) -> FundingPaid:
    what = f"transaction {entry.id}"
    contract = contract_of(entry.instrument_name or "", what)
    currency = currency_of(contract, what)
    price = entry.index_price or entry.price
    if currency != USD and not price:
        raise BadFrame(f"{what}: funding of {contract.name} in {currency} without a price of it")
    return FundingPaid(
        now_ns=now_ns,
        venue=VENUE,
        payment_id=str(entry.id),
        instrument=contract.name,
        amount_e18=e18_nearest(entry.interest_pl or Decimal(0), f"{what} interest_pl"),
        venue_time_ns=entry.timestamp * NANOS_PER_MS,
        currency=currency,
        index_nanos=0 if currency == USD or price is None else nanos_nearest(price, f"{what} price", at_least=1),
    )


async def fetch_funding(rpc: Rpc, currencies: Iterable[str], since_ms: int, now_ns: int) -> list[FundingPaid]:
    """All of it since then, oldest first. Raises VenueError or BadFrame."""
    found = [payment for currency in currencies for payment in await _fetch(rpc, currency, since_ms, now_ns)]
    return sorted(found, key=lambda payment: payment.venue_time_ns)


async def _fetch(rpc: Rpc, currency: str, since_ms: int, now_ns: int) -> list[FundingPaid]:
    asked: dict[str, object] = {
        "currency": currency,
        "start_timestamp": since_ms,
        "end_timestamp": max(since_ms, now_ns // NANOS_PER_MS + FUTURE_MS),
        "count": PAGE_SIZE,
    }
    found: list[FundingPaid] = []
    for _ in range(MOST_PAGES):
        payments, continuation = parse_funding(await rpc.ask(METHOD, asked), now_ns)
        found += payments
        if continuation is None:
            return found
        asked["continuation"] = continuation
    raise VenueError(VENUE, f"more than {MOST_PAGES} pages since {since_ms}", request=METHOD)
