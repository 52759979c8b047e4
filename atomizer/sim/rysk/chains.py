"""The chains that Rysk V12 is deployed on. Source: Rysk V12 fact sheet, section 4; addresses in lower case."""

from dataclasses import dataclass
from types import MappingProxyType

USD_DECIMALS = 6  # USDC, USDT and USDT0 all have six


@dataclass(frozen=True, slots=True)
class Chain:
    """`contract` is the verifying contract of quotes and transfers; `usd` pays premiums and strikes."""

    contract: str
    usd: str
    usd_symbol: str


CHAINS = MappingProxyType(
    {
        1: Chain("0x7a3ddeac7a0ae6dfa9391c764499a3564f3c2aad", "0xdac17f958d2ee523a2206206994597c13d831ec7", "USDT"),
        8453: Chain("0xe33a517dfef3d582f6eb94276e8d514f835a1401", "0x833589fcd6edb6e08f4c7c32d4f71b54bda02913", "USDC"),
        999: Chain("0x8c8bcb6d2c0e31c5789253ecc8431ca6209b4e35", "0xb8ce59fc3717ada4c02eadf9682a9e934f625ebb", "USDT0"),
        84532: Chain(
            "0x0ff34dd648b68f09b199b60b91442e750fd13fdc", "0x98d56648c9b7f3cb49531f4135115b5000ab1733", "USDC"
        ),
        998: Chain("0x0122db8ed9b9b49f3fd8774d93773c2e2a564e81", "0x69e37ecb273a23b8864a5f39520bf97c6768b65c", "USDT0"),
        10143: Chain(
            "0x3b87932046bc3e1bb63c13aba1306f9d398a9cc6", "0xf817257fed379853cde0fa4f97ab987181b1e5ea", "USDC"
        ),
    }
)
