"""Rysk V12's constants: hosts, contracts and scales. Facts only; source: Rysk docs and SDKs, protocol sheet §1-§7."""

from typing import Final

import msgspec

VENUE: Final = "rysk"

E18_PER_NANO: Final = 10**9  # price and quantity are 10⁻¹⁸ on the wire and nanos with us
NANOS_PER_E8: Final = 10  # strikes are 10⁻⁸ on the wire
AUCTION_NS: Final = 2_000_000_000  # how long the server gathers quotes when an RFQ names no deadline

DOMAIN_NAME: Final = "rysk"
DOMAIN_VERSION: Final = "0.0.0"


class Hosts(msgspec.Struct, frozen=True):
    """Where one environment listens. Paths are `/rfqs/<asset>` and `/maker` on the socket, `/api/...` over HTTP."""

    websocket: str
    rest: str
    is_live: bool  # real money


HOSTS: Final = {
    "local": Hosts("ws://localhost:8000", "http://localhost:8000", is_live=False),
    "testnet": Hosts("wss://rip-testnet.rysk.finance", "https://rip-testnet.rysk.finance", is_live=False),
    "mainnet": Hosts("wss://v12.rysk.finance", "https://v12.rysk.finance", is_live=True),
}


class Chain(msgspec.Struct, frozen=True):
    """Contracts of one chain, lower case: `rysk` verifies signatures, `market` holds makers' balances, `usd` pays."""

    rysk: str
    market: str
    usd: str


CHAINS: Final = {
    1: Chain(
        rysk="0x7a3ddeac7a0ae6dfa9391c764499a3564f3c2aad",
        market="0xc01c9ef5de5862354add9501a29e8765cff01c32",
        usd="0xdac17f958d2ee523a2206206994597c13d831ec7",
    ),
    8453: Chain(
        rysk="0xe33a517dfef3d582f6eb94276e8d514f835a1401",
        market="0x3d9cb5d2fa4600bf8d75fb59fe01db765dcced15",
        usd="0x833589fcd6edb6e08f4c7c32d4f71b54bda02913",
    ),
    999: Chain(
        rysk="0x8c8bcb6d2c0e31c5789253ecc8431ca6209b4e35",
        market="0x691a5fc3a81a144e36c6c4fbca1fc82843c80d0d",
        usd="0xb8ce59fc3717ada4c02eadf9682a9e934f625ebb",
    ),
    84532: Chain(
        rysk="0x0ff34dd648b68f09b199b60b91442e750fd13fdc",
        market="0x6d23217cb228f3779f6506b44b1abaa3edf6fc58",
        usd="0x98d56648c9b7f3cb49531f4135115b5000ab1733",
    ),
    998: Chain(
        rysk="0x0122db8ed9b9b49f3fd8774d93773c2e2a564e81",
        market="0x4bb4ddf8f4588780fe0cd31593bd8f5719ebfefd",
        usd="0x69e37ecb273a23b8864a5f39520bf97c6768b65c",
    ),
    10143: Chain(
        rysk="0x3b87932046bc3e1bb63c13aba1306f9d398a9cc6",
        market="0x0d71dbdb11c35c72fa4a33beec00d5eb1fbcf1c8",
        usd="0xf817257fed379853cde0fa4f97ab987181b1e5ea",
    ),
}
"""By chain id. Contracts on a chain that is not here can still be quoted when the RFQ names its signing domain."""
