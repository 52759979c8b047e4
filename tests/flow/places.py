"""Practice venues where a market maker's quotes rest, and a counterparty who takes them."""

import base64
import json
import re
import urllib.request

from derive_trader import OTHER_ACCOUNT, OTHER_KEY
from flow.quoting_hour import Watched
from flow.resting import Rest
from flow.running import Desk

COUNTERPARTY = b"5mpk9QeD:s3cr3t_throwaway_0001"  # public throw-away key of practice Deribit's second account
IMMEDIATE = "immediate_or_cancel"
AHEAD = 50  # times ours: a tick is wide there, and others stand before us at the same price


class AtDerive(Watched):
    """A second account there takes by signed orders over REST."""

    name = "derive"
    flags = ("--exchange", "sim", "--size", "0.5")
    protection = 1

    def orders(self):
        return self.derive_ledger()["open_orders"]

    def take(self, resting):
        Rest(self, OTHER_ACCOUNT, OTHER_KEY).take(resting)


class AtDeribit(Desk):
    """The same there."""

    name = "deribit"
    flags = ("--exchange", "sim:deribit", "--size", "1")
    protection = 2

    def orders(self):
        with urllib.request.urlopen(self.url("/practice/ledger"), timeout=30) as answer:  # noqa: S310  loopback
            return json.load(answer)["accounts"][0]["open_orders"]

    def take(self, resting):
        method = "private/sell" if resting["direction"] == "buy" else "private/buy"
        params = {name: resting[name] for name in ("instrument_name", "price")}
        params["amount"] = resting["amount"] * AHEAD  # what finds nobody is cancelled
        frame = {"id": 1, "jsonrpc": "2.0", "method": method, "params": params | {"time_in_force": IMMEDIATE}}
        headers = {
            "Authorization": f"Basic {base64.b64encode(COUNTERPARTY).decode()}",
            "Content-Type": "application/json",
        }
        request = urllib.request.Request(self.url("/api/v2"), json.dumps(frame).encode(), headers)  # noqa: S310  loopback
        urllib.request.urlopen(request, timeout=30).close()  # noqa: S310  loopback

    def url(self, path):
        return re.sub("/api/v2$", path, self.endpoints["deribit"]["http"])
