"""The two generations of the venue's protocol, as data: everything in which they differ that is not a shape.

Source: protocol sheet §0 to §2. Both speak to one engine; the practice venue is each generation's testnet.
"""

from dataclasses import dataclass, field

from atomizer.sim.derive.instruments import Instrument
from atomizer.sim.derive.verify import Network

V2_TESTNET = Network(
    chain_id=901,
    matching="0x3cc154e220c2197c5337b7Bd13363DD127Bc0C6E",
    trade_module="0x87F2863866D85E3192a35A73b388BD625D83f2be",
    rfq_module="0x4E4DD8Be1e461913D9A5DBC4B830e67a8694ebCa",
)
V3_TESTNET = Network(
    chain_id=11155111,
    matching="0xeB8d770ec18DB98Db922E9D83260A585b9F0DeAD",
    trade_module="0xB8D20c2B7a1Ad2EE33Bc50eF10876eD3035b5e7b",
    rfq_module="0x9371352CCef6f5b36EfDFE90942fFE622Ab77F1D",
)
# A quote counts as expired when its signature has this much life left or less (protocol sheet §2); v3 documents no
# such margin, only that a signature must outlive the RFQ's window, so one engine uses one figure.
QUOTE_MARGIN_S = 300


@dataclass(frozen=True, slots=True)
class Dialect:
    """One generation. `assets` are contract addresses by underlying and kind."""

    name: str
    websocket_path: str
    rest_prefix: str
    header_prefix: str  # of the wallet, timestamp and signature headers
    network: Network
    assets: dict[tuple[str, str], str]
    manager: str  # the standard manager's contract
    decimal_places: int
    order_life_s: int  # a signature must outlive the order's arrival by this
    quote_life_s: int  # the same for quotes and executions
    nonce_is_text: bool
    nonce_digits: tuple[int, int]  # fewest and most; the first ten are the signing time in unix seconds
    nonce_past_s: int  # how far that time may lie back, and
    nonce_future_s: int  # ahead
    is_v3: bool
    envelope: dict[str, str] = field(default_factory=dict)  # what every message carries beside its content

    def asset(self, instrument: Instrument) -> str:
        return self.assets[instrument.underlying, instrument.listing.kind]


V2 = Dialect(
    name="v2",
    websocket_path="/ws",
    rest_prefix="",
    header_prefix="X-Lyra",
    network=V2_TESTNET,
    assets={
        ("ETH", "option"): "0xBcB494059969DAaB460E0B5d4f5c2366aab79aa1",
        ("ETH", "perp"): "0x010e26422790C6Cb3872330980FAa7628FD20294",
        ("BTC", "option"): "0xAeB81cbe6b19CeEB0dBE0d230CFFE35Bb40a13a7",
        ("BTC", "perp"): "0xAFB6Bb95cd70D5367e2C39e9dbEb422B9815339D",
    },
    manager="0x28bE681F7bEa6f465cbcA1D25A2125fe7533391C",
    decimal_places=18,
    order_life_s=300,
    quote_life_s=310,
    nonce_is_text=False,
    nonce_digits=(13, 16),  # milliseconds and up to three more
    nonce_past_s=3600,
    nonce_future_s=3600,
    is_v3=False,
)
V3 = Dialect(
    name="v3",
    websocket_path="/v3/ws",
    rest_prefix="/v3",
    header_prefix="X-Derive",
    network=V3_TESTNET,
    assets={
        ("ETH", "option"): "0x4BB4C3CDc7562f08e9910A0C7D8bB7e108861eB4",
        ("ETH", "perp"): "0xAf65752C4643E25C02F693f9D4FE19cF23a095E3",
        ("BTC", "option"): "0xd0711b9eBE84b778483709CDe62BacFDBAE13623",
        ("BTC", "perp"): "0xDBa83C0C654DB1cd914FA2710bA743e925B53086",
    },
    manager="0x28c9ddF9A3B29c2E6a561c1BC520954e5A33de5D",
    decimal_places=12,
    order_life_s=10,
    quote_life_s=660,
    nonce_is_text=True,
    nonce_digits=(19, 19),  # nanoseconds
    nonce_past_s=90 * 86_400,
    nonce_future_s=3600,
    is_v3=True,
    envelope={"jsonrpc": "2.0"},
)
DIALECTS = (V2, V3)
