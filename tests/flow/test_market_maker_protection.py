"""What pulls a market maker's quotes: a counterparty who takes too many of them, and data that is no good."""

import base64
import contextlib
import json
import re
import signal
import time
import urllib.request

import pytest
from derive_trader import OTHER_ACCOUNT, OTHER_KEY
from flow.quoting_hour import Watched
from flow.resting import Rest
from flow.running import Desk, finish, maker, wait_for

COUNTERPARTY = b"5mpk9QeD:s3cr3t_throwaway_0001"  # public throw-away key of practice Deribit's second account
IMMEDIATE = "immediate_or_cancel"
CONFIG = "market_maker: {{protection_amount: {}, protection_delta: 0.9, protection_pause: 1s}}"
TRIPPED, RESET = "protection has tripped", "protection is reset: quoting again"


class AtDerive(Watched):
    """A second account there takes by signed orders over REST."""

    flags = ("--exchange", "sim", "--size", "0.5")
    protection = 1

    def orders(self):
        return self.derive_ledger()["open_orders"]

    def take(self, resting):
        Rest(self, OTHER_ACCOUNT, OTHER_KEY).take(resting)


class AtDeribit(Desk):
    """The same there."""

    flags = ("--exchange", "sim:deribit", "--size", "1")
    protection = 2

    def orders(self):
        with urllib.request.urlopen(self.url("/practice/ledger"), timeout=30) as answer:  # noqa: S310  loopback
            return json.load(answer)["accounts"][0]["open_orders"]

    def take(self, resting):
        method = "private/sell" if resting["direction"] == "buy" else "private/buy"
        params = {name: resting[name] for name in ("instrument_name", "amount", "price")}
        frame = {"id": 1, "jsonrpc": "2.0", "method": method, "params": params | {"time_in_force": IMMEDIATE}}
        headers = {
            "Authorization": f"Basic {base64.b64encode(COUNTERPARTY).decode()}",
            "Content-Type": "application/json",
        }
        request = urllib.request.Request(self.url("/api/v2"), json.dumps(frame).encode(), headers)  # noqa: S310  loopback
        urllib.request.urlopen(request, timeout=30).close()  # noqa: S310  loopback

    def url(self, path):
        return re.sub("/api/v2$", path, self.endpoints["deribit"]["http"])


def taken(venues):
    """Every bid that rests, one after the other, until nothing is left to take."""
    for resting in venues.orders():
        if resting["direction"] == "buy":
            with contextlib.suppress(OSError, KeyError):  # refused: it is gone by now
                venues.take(resting)


@pytest.mark.parametrize("place", [AtDerive, AtDeribit])
def test_a_trip_pauses_is_told_and_is_reset(tmp_path, place):
    """Hit on every bid, the venue pulls all; the operator is told, nothing rests in the pause, then quotes are back."""
    venues = place(tmp_path)
    try:
        (tmp_path / "config.yaml").write_text(CONFIG.format(place.protection))
        running = maker(tmp_path, *place.flags, "--aggression", "0.5")
        wait_for(lambda: len(venues.orders()) == 8)
        taken(venues)
        wait_for(lambda: TRIPPED in venues.log("atomizer.log"))
        while RESET not in venues.log("atomizer.log"):
            assert not venues.orders() or RESET in venues.log("atomizer.log")
            time.sleep(0.1)
        wait_for(venues.orders)
        running.send_signal(signal.SIGINT)
        code, out, err = finish(running)
        assert code == 0, err
        assert "none of ours left at the venue, verified" in out
        assert "ties with the venue's own" in out
        assert venues.orders() == []
    finally:
        venues.close()


def test_a_gapped_or_silent_book_is_quoted_no_more_until_it_is_whole(tmp_path):
    """A change that is missing pulls both sides of that book alone, and so does silence; then they are back."""
    venues = AtDeribit(tmp_path, fault="deribit/gap=1%,deribit/freeze=0.1%:4s")
    try:
        (tmp_path / "config.yaml").write_text("risk: {max_book_age: 3s}")
        running = maker(tmp_path, *AtDeribit.flags, "--aggression", "0.5", "--log-level", "debug")
        wait_for(lambda: {"because no_book", "because stale_book"} <= causes(venues.log("quotes.log")))
        wait_for(lambda: len(venues.orders()) == 8)
        running.send_signal(signal.SIGINT)
        code, out, err = finish(running)
        assert code == 0, err
        assert "none of ours left at the venue, verified" in out
    finally:
        venues.close()


def causes(log):
    """Why orders were cancelled."""
    return set(re.findall(r"cancel .* (because \w+);", log))
