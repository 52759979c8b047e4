"""The prices at which contracts of one index expired."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from atomizer.domain.instruments import EXPIRY_HOUR_UTC
from atomizer.errors import BadFrame
from atomizer.net.rpc import Rpc
from atomizer.venues.deribit.wire import Word, nanos_nearest, read

MOST_DAYS: Final = 100  # that are asked for: what expired before was settled long ago


class _WireDay(msgspec.Struct):
    date: Word
    delivery_price: Decimal


class _WireDays(msgspec.Struct):
    data: list[_WireDay]


async def fetch_delivery_prices(rpc: Rpc, index_name: str) -> dict[int, int]:
    """The latest ones. Raises VenueError or BadFrame."""
    asked = {"index_name": index_name, "offset": 0, "count": MOST_DAYS}
    return parse_delivery_prices(await rpc.ask("public/get_delivery_prices", asked))


def parse_delivery_prices(result: Any) -> dict[int, int]:
    """Result of public/get_delivery_prices → USD in nanos by expiry in unix seconds.

    {"data":[{"date":"2026-07-07","delivery_price":62468.13},{"date":"2026-07-06","delivery_price":61999.4}],
    "records_total":58}

    Raises:
        BadFrame: a field is missing, of another type or out of range.
    """
    return {
        _expiry_s(day.date): nanos_nearest(day.delivery_price, f"delivery price of {day.date}", at_least=1)
        for day in read(result, _WireDays, "delivery prices").data
    }


def _expiry_s(date: str) -> int:
    try:
        day = datetime.strptime(date, "%Y-%m-%d")  # noqa: DTZ007  the hour and its zone come with the next line
    except ValueError:
        raise BadFrame(f"delivery prices: date {date!r:.64}") from None
    return int(day.replace(hour=EXPIRY_HOUR_UTC, tzinfo=UTC).timestamp())
