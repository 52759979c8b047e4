"""Orders at practice Derive that no trader placed: by REST, signed by eth-account, to outlive whoever is killed."""

import json
import time
import urllib.request

from derive_trader import KEY, login_params, sign_order
from eth_account import Account

from atomizer.sim.derive import PRACTICE_ACCOUNT, V2


class Rest:
    """The practice account by REST, as another program of the same operator would use it."""

    def __init__(self, venues):
        self.url = venues.endpoints["derive"]["http"] + V2.rest_prefix

    def call(self, method, **params):
        signed = login_params(PRACTICE_ACCOUNT.wallet, KEY, time.time_ns() // 1_000_000)
        headers = {f"{V2.header_prefix}{name.title()}": value for name, value in signed.items()}
        request = urllib.request.Request(  # noqa: S310  loopback
            f"{self.url}/{method}", json.dumps(params).encode(), headers | {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  loopback
            return json.load(answer)["result"]

    def rest(self, label, price="100", amount="1"):
        """A bid far below the market under this label."""
        params = {
            "instrument_name": "ETH-PERP",
            "subaccount_id": PRACTICE_ACCOUNT.subaccount_id,
            "direction": "buy",
            "amount": amount,
            "limit_price": price,
            "max_fee": "1000",
            "nonce": time.time_ns() // 1_000_000 * 1000,
            "signer": Account.from_key(KEY).address,
            "signature_expiry_sec": int(time.time()) + 3600,
            "label": label,
        }
        record = self.call("public/get_instrument", instrument_name="ETH-PERP")
        signature = sign_order(params, record, V2, PRACTICE_ACCOUNT.wallet, KEY)
        return self.call("private/order", **params, signature=signature)

    def labels(self):
        """Of the orders that rest."""
        orders = self.call("private/get_open_orders", subaccount_id=PRACTICE_ACCOUNT.subaccount_id)["orders"]
        return sorted(order["label"] for order in orders)
