"""The practice venues as another program of the same operator would ask them: what rests, what traded, what is held.

Amounts and prices in nanos, instruments by our names.
"""

import base64
import json
import urllib.parse
import urllib.request
from decimal import Decimal

from flow.resting import Rest

from atomizer.sim.derive import PRACTICE_ACCOUNT
from atomizer.venues.deribit.names import from_deribit

NANOS = 10**9
PAGE = 1000
CURRENCIES = ("BTC", "ETH", "USDC")


class Derive:
    """Practice Derive, asked over HTTP as nobody of ours would."""

    name = "derive"

    def __init__(self, desk):
        self._rest = Rest(desk)
        self._url = desk.endpoints["derive"]["http"]

    def ledger(self):
        return _get(self._url + "/practice/ledger")["accounts"][0]

    def books(self):
        return _get(self._url + "/practice/books")

    def resting(self):
        return [
            (row["instrument_name"], row["direction"] == "buy", _nanos(row["limit_price"]), _left(row), row["label"])
            for row in self.ledger()["open_orders"]
        ]

    def positions(self):
        return {row["instrument_name"]: _nanos(row["amount"]) for row in self.ledger()["positions"]}

    def trades(self):
        rows, page, pages = [], 1, 1
        while page <= pages:
            account = {"subaccount_id": PRACTICE_ACCOUNT.subaccount_id, "page": page, "page_size": PAGE}
            answer = self._rest.call("private/get_trade_history", **account)
            rows += answer["trades"]
            page, pages = page + 1, answer["pagination"]["num_pages"]
        return {row["trade_id"]: row["label"] for row in rows}


class Deribit:
    """Practice Deribit, in the same way."""

    name = "deribit"

    def __init__(self, desk):
        where = desk.endpoints["deribit"]
        self._key = where["client_id"]
        pair = base64.b64encode(f"{where['client_id']}:{where['client_secret']}".encode()).decode()
        self._headers = {"Authorization": f"Basic {pair}"}
        self._url = where["http"]
        self._practice = self._url.removesuffix("/api/v2") + "/practice"

    def ledger(self):
        accounts = _get(self._practice + "/ledger")["accounts"]
        return next(account for account in accounts if self._key in account["client_ids"])

    def books(self):
        return {from_deribit(name).name: book for name, book in _get(self._practice + "/books").items()}

    def resting(self):
        return [
            (
                from_deribit(row["instrument_name"]).name,
                row["direction"] == "buy",
                _nanos(row["price"]),
                _left(row),
                row["label"],
            )
            for row in self.ledger()["open_orders"]
        ]

    def positions(self):
        signs = {"buy": 1, "sell": -1, "zero": 0}
        return {
            from_deribit(row["instrument_name"]).name: abs(_nanos(row["size"])) * signs[row["direction"]]
            for row in self.ledger()["positions"]
        }

    def trades(self):
        rows = {}
        for currency in CURRENCIES:
            since, more = 0, True
            while more:
                asked = {"currency": currency, "start_timestamp": since, "end_timestamp": 2**42, "count": PAGE}
                query = urllib.parse.urlencode({**asked, "sorting": "asc"})
                url = f"{self._url}/private/get_user_trades_by_currency_and_time?{query}"
                found = _get(url, self._headers)["result"]
                rows |= {row["trade_id"]: row["label"] for row in found["trades"]}
                more = found["has_more"]
                since = max((row["timestamp"] for row in found["trades"]), default=0)
        return rows


def _left(row):
    return _nanos(row["amount"]) - _nanos(row["filled_amount"])


def _nanos(number):
    return int(Decimal(str(number)) * NANOS)


def _get(url, headers=None):
    request = urllib.request.Request(url, headers=headers or {})  # noqa: S310  loopback
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  loopback
        return json.load(answer)
