"""Instruments that appear, expire or change their tick while they are quoted."""

import signal
import time
from datetime import UTC, datetime
from decimal import Decimal

from flow.quoting_hour import Watched
from flow.resting import Rest
from flow.running import finish, hurried, wait_for

from atomizer.sim.market.board import expiries

COARSE_NANOS, COARSE = 500_000_000, Decimal("0.5")


def at_the_money(venues):
    """(day, strike of each name, names) of the three calls nearest the money, of the second expiry that is listed."""
    day = datetime.fromtimestamp(expiries(int(time.time()))[1], UTC).strftime("%Y%m%d")
    rest = Rest(venues)
    listed = rest.call("public/get_instruments", currency="ETH", instrument_type="option", expired=False)
    spot = Decimal(rest.call("public/get_ticker", instrument_name="ETH-PERP")["index_price"])
    calls = [each["instrument_name"] for each in listed if f"-{day}-" in each["instrument_name"]]
    calls = sorted((name for name in calls if name.endswith("-C")), key=lambda name: abs(strike_of(name) - spot))
    return day, calls[:3]


def strike_of(name):
    return Decimal(name.split("-")[2])


def test_what_is_listed_may_change_while_it_is_quoted(tmp_path):
    """A call that appears is quoted, one that expires or is traded no more is let go, and a coarser tick is kept to."""
    venues = Watched(tmp_path)
    try:
        day, (appears, expires, coarser) = at_the_money(venues)
        venues.tell(["hide", appears, None])
        strikes = ",".join(str(strike_of(name)) for name in (appears, expires, coarser))
        flags = ("--paper", "--expiry", day, "--strikes", strikes, "--option-type", "C", "--aggression", "0.5")
        running = hurried("market-maker", tmp_path, *flags, "--size", "0.5")

        def quoted():
            return sorted(
                (each["instrument_name"], each["direction"]) for each in venues.derive_ledger()["open_orders"]
            )

        def both(*names):
            return sorted((name, side) for name in names for side in ("buy", "sell"))

        wait_for(lambda: quoted() == both(expires, coarser))
        venues.tell(["show", appears, None], ["expire", expires, None], ["tick", coarser, COARSE_NANOS])
        wait_for(lambda: quoted() == both(appears, coarser) and is_coarse(venues, coarser))
        venues.tell(["hide", appears, None])
        wait_for(lambda: quoted() == both(coarser))
        venues.tell(["show", appears, None])
        wait_for(lambda: quoted() == both(appears, coarser))
        running.send_signal(signal.SIGINT)
        code, out, err = finish(running)
        assert code == 0, err
        assert "none of ours left at the venue, verified" in out
    finally:
        venues.close()
    assert venues.report()["offences"].keys() <= {"off tick"}  # sent before the new tick was heard of


def is_coarse(venues, name):
    orders = [each for each in venues.derive_ledger()["open_orders"] if each["instrument_name"] == name]
    return all(Decimal(each["limit_price"]) % COARSE == 0 for each in orders)
