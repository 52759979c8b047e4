"""Orders at practice Derive that no trader placed: by REST, signed by eth-account, to outlive whoever is killed."""

import itertools
import json
import time
import urllib.request

from derive_trader import KEY, login_params, sign_order
from eth_account import Account

from atomizer.sim.derive import PRACTICE_ACCOUNT, V2

LAST_OF_MS = 500  # the nonces of a millisecond that a trader, who counts from 0, does not come to
RATE_LIMIT = -32000
TRIES, AGAIN_S = 20, 0.5


class Rest:
    """The practice account by REST, as another program of the same operator would use it."""

    def __init__(self, venues, account=PRACTICE_ACCOUNT, key=KEY):
        self.url = venues.endpoints["derive"]["http"] + V2.rest_prefix
        self.account, self.key = account, key
        self.numbers = itertools.cycle(range(LAST_OF_MS, 1000))

    def call(self, method, **params):
        """The result. The traders of this account may have used up its rate: then it is asked for again."""
        for _ in range(TRIES):
            answer = self.ask(method, params)
            if answer.get("error", {}).get("code") != RATE_LIMIT:
                break
            time.sleep(AGAIN_S)
        if "result" not in answer:
            raise KeyError(f"{method}: {answer['error']}")  # which waiting for something takes for not yet
        return answer["result"]

    def ask(self, method, params):
        signed = login_params(self.account.wallet, self.key, time.time_ns() // 1_000_000)
        headers = {f"{V2.header_prefix}{name.title()}": value for name, value in signed.items()}
        request = urllib.request.Request(  # noqa: S310  loopback
            f"{self.url}/{method}", json.dumps(params).encode(), headers | {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  loopback
            return json.load(answer)

    def rest(self, label, price="100", amount="1"):
        """A bid far below the market under this label."""
        return self.order("ETH-PERP", "buy", price, amount, label=label)

    def take(self, resting):
        """Trade with an order of somebody else, a row of the venue's ledger, as far as it goes."""
        direction = "sell" if resting["direction"] == "buy" else "buy"
        words = resting["instrument_name"], direction, resting["limit_price"], resting["amount"]
        return self.order(*words, label="taker", time_in_force="ioc")

    def order(self, instrument, direction, price, amount, **more):
        params = {
            "instrument_name": instrument,
            "subaccount_id": self.account.subaccount_id,
            "direction": direction,
            "amount": amount,
            "limit_price": price,
            "max_fee": "1000",
            "nonce": time.time_ns() // 1_000_000 * 1000 + next(self.numbers),
            "signer": Account.from_key(self.key).address,
            "signature_expiry_sec": int(time.time()) + 3600,
            **more,
        }
        record = self.call("public/get_instrument", instrument_name=instrument)
        signature = sign_order(params, record, V2, self.account.wallet, self.key)
        return self.call("private/order", **params, signature=signature)

    def labels(self):
        """Of the orders that rest."""
        orders = self.call("private/get_open_orders", subaccount_id=self.account.subaccount_id)["orders"]
        return sorted(order["label"] for order in orders)
