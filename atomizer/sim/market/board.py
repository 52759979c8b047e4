"""The listing board: which expiries and strikes exist, from the day and the forward."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from atomizer.sim.market.listing import Listing

NOTICE_S = 12 * 3600  # nothing is listed with less than this to live
_EXPIRY_HOUR_UTC = 8
_FRIDAY = 4
_QUARTER_MONTHS = 3
_WIDTH_SD = 3.6  # strikes span about this many standard deviations
_STRIKE_STEPS = {
    "ETH": (5, 10, 20, 25, 50, 100, 200, 500),
    "BTC": (100, 200, 500, 1000, 2000, 5000, 10_000),
}
_OPTION_RULES = {  # tick, step, minimum, maximum: protocols sheet "Increments"; ETH 0.1 as in the 2026-05 capture
    "ETH": (Decimal("0.1"), Decimal("0.01"), Decimal("0.1"), Decimal(10_000)),
    "BTC": (Decimal(1), Decimal("0.01"), Decimal("0.01"), Decimal(1000)),
}
_PERP_RULES = {
    "ETH": (Decimal("0.01"), Decimal("0.001"), Decimal("0.1"), Decimal(10_000)),
    "BTC": (Decimal("0.1"), Decimal("0.0001"), Decimal("0.01"), Decimal(1000)),
}


def expiries(start_s: int) -> tuple[int, ...]:
    """Five expiries in unix seconds: the next day, two Fridays, the end of a month, the end of a quarter."""
    first = datetime.fromtimestamp(start_s + NOTICE_S, UTC)
    day = first.replace(hour=_EXPIRY_HOUR_UTC, minute=0, second=0, microsecond=0)
    if day <= first:
        day += timedelta(days=1)
    chosen = [day]
    friday = day + timedelta(days=1)
    wanted = ["week", "week", "month", "quarter"]
    while wanted:
        friday += timedelta(days=(_FRIDAY - friday.weekday()) % 7)
        is_month_end = (friday + timedelta(days=7)).month != friday.month
        is_quarter_end = is_month_end and friday.month % _QUARTER_MONTHS == 0
        if wanted[0] == "week" or is_quarter_end or (wanted[0] == "month" and is_month_end):
            chosen.append(friday)
            wanted.pop(0)
        friday += timedelta(days=1)
    return tuple(int(expiry.timestamp()) for expiry in chosen)


def strikes(underlying: str, forward: float, total_sd: float, count: int) -> tuple[int, ...]:
    """`count` strikes round the forward on the venue's grid, spaced to cover its likely range."""
    ideal = forward * total_sd * _WIDTH_SD / (count - 1)
    spacing = min(_STRIKE_STEPS[underlying], key=lambda candidate: (abs(candidate - ideal), candidate))
    centre = round(forward / spacing) * spacing
    half = count // 2
    return tuple(centre + offset * spacing for offset in range(-half, half + 1))


def option_name(underlying: str, expiry_s: int, strike: int, option_type: str) -> str:
    return f"{underlying}-{datetime.fromtimestamp(expiry_s, UTC):%Y%m%d}-{strike}-{option_type}"


def option_listing(underlying: str, expiry_s: int, strike: int, option_type: str) -> Listing:
    name = option_name(underlying, expiry_s, strike, option_type)
    return Listing(name, "option", underlying, expiry_s, Decimal(strike), option_type, *_OPTION_RULES[underlying])


def perpetual_listing(underlying: str) -> Listing:
    return Listing(f"{underlying}-PERP", "perp", underlying, 0, Decimal(0), "", *_PERP_RULES[underlying])
