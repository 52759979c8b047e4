"""A trader for the tests of practice Derive, and a desk that holds the venue's clock and its market's events.

Signs with eth-account's own EIP-712, so that the venue's hand-made digests meet a second opinion. The keys are the
public anvil ones: never fund them.
"""

import json
from decimal import Decimal

from eth_abi.abi import encode
from eth_account import Account as EthAccount
from eth_account.messages import encode_defunct

from atomizer.sim.derive import PRACTICE_ACCOUNT, V2, Account, SessionKey, Venue
from atomizer.sim.market import STEP_NS, MakerLadder, Market, TakerOrder

KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"  # session key of the practice account
OTHER_KEY = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"  # an owner that signs for itself
OTHER_WALLET = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
STRANGER_KEY = "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a"
OTHER_ACCOUNT = Account(OTHER_WALLET, (), 30770, Decimal(1_000_000))
POOR_ACCOUNT = Account(OTHER_WALLET, (), 30771, Decimal(100))
EXPIRED_KEY_ACCOUNT = Account(
    "0x00000000000000000000000000000000000000A1",
    (SessionKey(EthAccount.from_key(STRANGER_KEY).address, 1_700_000_000),),
    30772,
    Decimal(1),
)
ACCOUNTS = (PRACTICE_ACCOUNT, OTHER_ACCOUNT, POOR_ACCOUNT, EXPIRED_KEY_ACCOUNT)
START_NS = 1_790_000_000_000_000_000
MS = 1_000_000
SECOND = 1_000_000_000
PERP = "ETH-PERP"
ACTION_TYPES = {
    "Action": [
        {"name": "subaccountId", "type": "uint256"},
        {"name": "nonce", "type": "uint256"},
        {"name": "module", "type": "address"},
        {"name": "data", "type": "bytes"},
        {"name": "expiry", "type": "uint256"},
        {"name": "owner", "type": "address"},
        {"name": "signer", "type": "address"},
    ]
}


def login_params(wallet, key, timestamp_ms):
    signature = EthAccount.sign_message(encode_defunct(text=str(timestamp_ms)), key).signature.to_0x_hex()
    return {"wallet": wallet, "timestamp": str(timestamp_ms), "signature": signature}


def e18(text):
    return int(Decimal(text) * 10**18)


def text(value):
    """As the venue prints a number."""
    return f"{Decimal(value).normalize():f}"


def sign_order(params, record, dialect, wallet, key):
    """The order's signature over the instrument as the venue published it (`record`)."""
    words = ["address", "uint256", "int256", "int256", "uint256", "uint256", "bool"]
    data = encode(
        words,
        [
            record["base_asset_address"],
            int(record["base_asset_sub_id"]),
            e18(params["limit_price"]),
            e18(params["amount"]),
            e18(params["max_fee"]),
            params["subaccount_id"],
            params["direction"] == "buy",
        ],
    )
    return sign_typed(params, data, dialect.network, dialect.network.trade_module, wallet=wallet, key=key)


def sign_action(params, data, trader, module):
    """A trader's signature over any module's data."""
    return sign_typed(params, data, trader.dialect.network, module, wallet=trader.account.wallet, key=trader.key)


def sign_typed(params, data, network, module, *, wallet, key):
    domain = {
        "name": "Matching",
        "version": "1.0",
        "chainId": network.chain_id,
        "verifyingContract": network.matching,
    }
    message = {
        "subaccountId": params["subaccount_id"],
        "nonce": int(params["nonce"]),
        "module": module,
        "data": data,
        "expiry": params["signature_expiry_sec"],
        "owner": wallet,
        "signer": params["signer"],
    }
    signed = EthAccount.sign_typed_data(key, domain, ACTION_TYPES, message)
    return signed.signature.to_0x_hex()


class Trader:
    """One socket of one account against a desk's venue, in one dialect."""

    def __init__(self, desk, dialect, account=PRACTICE_ACCOUNT, key=KEY, *, logged_in=True):
        self.desk, self.dialect, self.account, self.key = desk, dialect, account, key
        self.signer = EthAccount.from_key(key).address
        self.subaccount_id = account.subaccount_id
        self.connection = desk.venue.connect(desk.now_ns, dialect, "test")
        self.notes = []
        self._request = 0
        if logged_in:
            self.ok("public/login", **login_params(account.wallet, key, desk.now_ns // MS))

    def send(self, method, params):
        self._request += 1
        text = json.dumps({"id": self._request, "method": method, "params": params})
        self.desk.venue.receive(self.connection, text, self.desk.now_ns)
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
        mine = [note["params"]["data"] for note in self.notes if note["params"]["channel"] == channel]
        self.notes = [note for note in self.notes if note["params"]["channel"] != channel]
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

    def own(self, method, **params):
        return self.ok(method, subaccount_id=self.subaccount_id, **params)

    def params(self, direction, amount, price, name=PERP, **changes):
        """A well signed order; `changes` go in before the signature."""
        self.desk.nonces += 1
        nonce = self.desk.now_ns + self.desk.nonces if self.dialect.nonce_is_text else self.desk.ms_nonce()
        params = {
            "instrument_name": name,
            "subaccount_id": self.subaccount_id,
            "direction": direction,
            "amount": str(amount),
            "limit_price": str(price),
            "max_fee": "1000",
            "nonce": str(nonce) if self.dialect.nonce_is_text else nonce,
            "signer": self.signer,
            "signature_expiry_sec": self.desk.now_ns // SECOND + 3600,
        } | changes
        record = self.desk.record(name, self.dialect)
        return params | {"signature": sign_order(params, record, self.dialect, self.account.wallet, self.key)}

    def order(self, direction, amount, price, name=PERP, **changes):
        return self.ok("private/order", **self.params(direction, amount, price, name, **changes))

    def order_refused(self, direction, amount, price, name=PERP, **changes):
        return self.refused("private/order", **self.params(direction, amount, price, name, **changes))

    def order_code(self, direction, amount, price, name=PERP, **changes):
        return self.order_refused(direction, amount, price, name, **changes)["code"]

    def open_orders(self):
        return self.own("private/get_open_orders")["orders"]

    def position(self, name=PERP):
        found = [row for row in self.own("private/get_positions")["positions"] if row["instrument_name"] == name]
        return found[0] if found else None


class Desk:
    """A venue whose market stands still, so that a test writes its books and its takers itself."""

    def __init__(self, *, market_seed=7, **options):
        self.market = Market(market_seed, START_NS)
        self.venue = Venue(self.market, ACCOUNTS, **options)
        self.now_ns = START_NS + SECOND
        self.nonces = 0
        self._records = {}

    def ms_nonce(self):
        return self.now_ns // MS * 1000 + self.nonces % 1000

    def trader(self, dialect=V2, *args, **options):
        return Trader(self, dialect, *args, **options)

    def other(self, dialect=V2):
        return Trader(self, dialect, OTHER_ACCOUNT, OTHER_KEY)

    def wait(self, duration_ns):
        """Time passes, with a publishing tick at its end."""
        self.now_ns += duration_ns
        self.venue.publish(self.now_ns)

    def record(self, name, dialect):
        if (name, dialect.name) not in self._records:
            asker = Trader(self, dialect, logged_in=False)
            self._records[name, dialect.name] = asker.ok("public/get_instrument", instrument_name=name)
            self.venue.disconnect(asker.connection, self.now_ns)
        return self._records[name, dialect.name]

    def mark(self, name=PERP):
        return self.market.state(name).mark

    def index(self, name=PERP):
        return self.market.state(name).index

    def at(self, ticks, name=PERP):
        """A price on the grid, so many ticks above the mark."""
        tick = self.market.listings[name].tick
        return (self.mark(name) // tick + ticks) * tick

    def option(self, underlying="ETH", option_type="C"):
        """The listed option nearest to the money, of the second expiry."""
        listed = [item for item in self.market.listings.values() if item.underlying == underlying]
        expiry = sorted({item.expiry_s for item in listed if item.kind == "option"})[1]
        spot = self.market.spot(underlying)
        chosen = [item for item in listed if item.expiry_s == expiry and item.option_type == option_type]
        return min(chosen, key=lambda item: abs(item.strike - spot)).name

    def ladder(self, bids=(), asks=(), name=PERP, maker="amber"):
        """(ticks from the mark, amount) each."""
        levels = [tuple((self.at(ticks, name), Decimal(amount)) for ticks, amount in side) for side in (bids, asks)]
        self.venue.on_market([MakerLadder(self.now_ns, maker, name, *levels)], self.now_ns)

    def take(self, *, is_buy, amount, ticks, name=PERP):
        taker = TakerOrder(self.now_ns, "zinc", name, is_buy, Decimal(amount), self.at(ticks, name))
        self.venue.on_market([taker], self.now_ns)

    def play(self, seconds):
        """The market really moves, step by step."""
        end_ns = self.now_ns + int(seconds * SECOND)
        while self.now_ns < end_ns:
            self.now_ns += STEP_NS
            self.venue.on_market(self.market.advance(self.now_ns), self.now_ns)
            self.venue.publish(self.now_ns)
