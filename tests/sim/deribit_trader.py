"""A trader for the tests of practice Deribit, and a desk that holds the venue's clock and its market's events.

The keys are public test keys: the documents' HMAC example and the vectors of RFC 8032.
"""

import json

from atomizer.sim.deribit import COUNTERPARTY_ACCOUNT, PRACTICE_ACCOUNT, Account, ApiKey, Venue
from atomizer.sim.market import STEP_NS, Market

START_NS = 1_790_000_000_000_000_000
MS = 1_000_000
SECOND = 1_000_000_000
PERP = "ETH-PERPETUAL"
POOR_ACCOUNT = Account(70_003, "poor", (ApiKey("poor", "poor-secret"),), {})
READER_ACCOUNT = Account(
    70_004, "reader", (ApiKey("reader", "reader-secret", scope="account:read trade:read"),), PRACTICE_ACCOUNT.deposits
)
ACCOUNTS = (PRACTICE_ACCOUNT, COUNTERPARTY_ACCOUNT, POOR_ACCOUNT, READER_ACCOUNT)


class Trader:
    """One socket of one account against a desk's venue."""

    def __init__(self, desk, account=PRACTICE_ACCOUNT, *, logged_in=True):
        self.desk = desk
        self.connection = desk.venue.connect(desk.now_ns, "test")
        self.notes = []
        self._request = 0
        self.key = account.keys[0]
        if logged_in:
            self.login()

    def login(self):
        self.tokens = self.ok("public/auth", **self.credentials())

    def credentials(self):
        return {
            "grant_type": "client_credentials",
            "client_id": self.key.client_id,
            "client_secret": self.key.secret,
        }

    def send(self, method, params):
        self._request += 1
        frame = {"jsonrpc": "2.0", "id": self._request, "method": method, "params": params}
        self.desk.venue.receive(self.connection, json.dumps(frame), self.desk.now_ns)
        *notes, answer = self.read()
        self.notes += notes
        assert answer["id"] == self._request
        return answer

    def read(self):
        frames = [json.loads(text) for text in self.connection.outbox]
        self.connection.outbox.clear()
        return frames

    def heard(self, channel):
        """Everything that came on a channel so far, emptied."""
        self.notes += self.read()
        mine = [note["params"]["data"] for note in self.notes if note["params"].get("channel") == channel]
        self.notes = [note for note in self.notes if note["params"].get("channel") != channel]
        return mine

    def ok(self, method, **params):
        answer = self.send(method, params)
        assert "error" not in answer, answer
        return answer["result"]

    def refused(self, method, **params):
        answer = self.send(method, params)
        assert "result" not in answer, answer
        return answer["error"]

    def code(self, method, **params):
        return self.refused(method, **params)["code"]

    def subscribe(self, *channels):
        scope = "private" if any(name.startswith(("user.", "block_rfq.")) for name in channels) else "public"
        assert self.ok(f"{scope}/subscribe", channels=list(channels)) == list(channels)

    def order(self, side, amount, price, name=PERP, **extra):
        return self.ok(f"private/{side}", instrument_name=name, amount=amount, price=price, **extra)

    def order_code(self, side, amount, price, name=PERP, **extra):
        return self.code(f"private/{side}", instrument_name=name, amount=amount, price=price, **extra)

    def open_orders(self):
        return self.ok("private/get_open_orders")

    def position(self, name=PERP):
        return self.ok("private/get_position", instrument_name=name)

    def summary(self, currency="ETH"):
        return self.ok("private/get_account_summary", currency=currency)


class Desk:
    """A venue whose market stands still until it is played; the counterparty's account makes its books."""

    def __init__(self, *, market_seed=7, accounts=ACCOUNTS, **options):
        self.market = Market(market_seed, START_NS)
        self.venue = Venue(self.market, accounts, **options)
        self.now_ns = START_NS + SECOND

    def trader(self, account=PRACTICE_ACCOUNT, **options):
        return Trader(self, account, **options)

    def other(self):
        return Trader(self, COUNTERPARTY_ACCOUNT)

    def wait(self, duration_ns):
        """Time passes, with a publishing tick at its end."""
        self.now_ns += duration_ns
        self.venue.publish(self.now_ns)

    def play(self, seconds):
        """The market really moves, step by step."""
        end_ns = self.now_ns + int(seconds * SECOND)
        while self.now_ns < end_ns:
            self.now_ns += STEP_NS
            self.venue.on_market(self.market.advance(self.now_ns), self.now_ns)
            self.venue.publish(self.now_ns)

    def instruments(self, **wanted):
        reader = Trader(self, logged_in=False)
        rows = reader.ok("public/get_instruments", currency="any")
        self.venue.disconnect(reader.connection, self.now_ns)
        return [row for row in rows if all(row.get(key) == value for key, value in wanted.items())]

    def option(self, option_type="call", currency="ETH"):
        """The listed option nearest to the money, of the second expiry."""
        rows = self.instruments(kind="option", base_currency="ETH", settlement_currency=currency)
        expiry = sorted({row["expiration_timestamp"] for row in rows})[1]
        chosen = [row for row in rows if row["expiration_timestamp"] == expiry and row["option_type"] == option_type]
        spot = float(self.market.spot("ETH"))
        return min(chosen, key=lambda row: abs(row["strike"] - spot))["instrument_name"]
