"""The prices at which options of one underlying expired."""

from typing import Any

import msgspec

from atomizer.net.rpc import Rpc
from atomizer.venues.derive.wire import Digits, Seconds, nanos_nearest, read


class _WireExpiry(msgspec.Struct):
    utc_expiry_sec: Seconds
    price: Digits | None = None


class _WirePrices(msgspec.Struct):
    expiries: list[_WireExpiry]


def parse_delivery_prices(result: Any) -> dict[int, int]:
    """Result of public/get_option_settlement_prices → USD in nanos by expiry in unix seconds, of those that have one.

    {"expiries":[{"expiry_date":"20260707","price":"2487.15","utc_expiry_sec":1783411200},
    {"expiry_date":"20261004","price":null,"utc_expiry_sec":1791100800}]}

    Raises:
        BadFrame: a field is missing, of another type or out of range.
    """
    wire = read(result, _WirePrices, "settlement prices")
    return {
        each.utc_expiry_sec: nanos_nearest(each.price, f"settlement price of {each.utc_expiry_sec}", at_least=1)
        for each in wire.expiries
        if each.price is not None
    }


async def fetch_delivery_prices(rpc: Rpc, underlying: str) -> dict[int, int]:
    """Raises VenueError or BadFrame."""
    return parse_delivery_prices(await rpc.ask("public/get_option_settlement_prices", {"currency": underlying}))
