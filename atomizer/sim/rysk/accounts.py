"""The venue's own ledger: MMarket balances, oToken positions, spent nonces. No sockets, no clock.

Money is kept exact in 1e-18 USD for each maker and strike asset (a chain has one); token units appear only where the
wire has them. A premium that 1e-18 USD cannot carry is rounded against the maker. Expiry is not settled yet: a position
stays after its expiry as it was.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from atomizer.sim.rysk.chains import CHAINS, USD_DECIMALS
from atomizer.sim.rysk.wire import E8, E18, Terms

# The address of the public test key 0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318.
PRACTICE_MAKER: Final = "0x2c7536e3605d9c16a7a3d7b1898e529396a65c23"
OPENING_USD: Final = 5_000_000  # on every chain
TOKEN_E18: Final = 10 ** (18 - USD_DECIMALS)  # one token unit in 1e-18 USD


@dataclass(slots=True)
class Position:
    """What a maker holds of one oToken: `quantity_e18` negative when sold, `premium_e18` the net USD paid for it."""

    otoken: str
    terms: Terms
    quantity_e18: int = 0
    premium_e18: int = 0


def otoken_address(terms: Terms) -> str:
    """A stable address for an option series; the real one is a contract's, which practice has none of."""
    series = (terms.chain_id, terms.asset, terms.usd, terms.collateral, terms.strike_e8, terms.expiry_s, terms.is_put)
    return "0x" + hashlib.sha256(repr(series).encode()).hexdigest()[:40]


def premium_e18(terms: Terms, price_e18: int) -> int:
    """USD that changes hands, 1e-18: positive when the maker pays (the taker sells), rounded against the maker."""
    if terms.is_taker_buy:
        return -(price_e18 * terms.quantity_e18 // E18)
    return -(-price_e18 * terms.quantity_e18 // E18)


class Accounts:
    """Balances, positions and nonces of every maker by its address in lower case."""

    def __init__(self, opening_usd: Mapping[str, int]) -> None:
        self._balances: defaultdict[tuple[str, str], int] = defaultdict(int)
        for maker, usd in opening_usd.items():
            for chain in CHAINS.values():
                self._balances[maker, chain.usd] = usd * E18
        self._positions: dict[tuple[str, str], Position] = {}
        self._nonces: set[tuple[str, int]] = set()

    def spend_nonce(self, maker: str, nonce: int) -> bool:
        """True the first time. One keyspace for quotes and transfers, for ever."""
        if (maker, nonce) in self._nonces:
            return False
        self._nonces.add((maker, nonce))
        return True

    def covers(self, maker: str, terms: Terms, price_e18: int) -> bool:
        """Whether the balance pays the premium. What other open quotes may cost is not reserved, as at the venue."""
        return premium_e18(terms, price_e18) <= self._balances[maker, terms.usd]

    def settle(self, maker: str, terms: Terms, price_e18: int) -> None:
        """Book a trade: premium one way, oTokens the other. The caller has asked `covers`."""
        paid_e18 = premium_e18(terms, price_e18)
        self._balances[maker, terms.usd] -= paid_e18
        otoken = otoken_address(terms)
        position = self._positions.setdefault((maker, otoken), Position(otoken, terms))
        position.quantity_e18 += -terms.quantity_e18 if terms.is_taker_buy else terms.quantity_e18
        position.premium_e18 += paid_e18

    def deposit(self, user: str, usd: str, units: int) -> None:
        self._balances[user, usd] += units * TOKEN_E18

    def withdraw(self, user: str, usd: str, units: int) -> bool:
        """False when the balance does not hold as much."""
        if units * TOKEN_E18 > self._balances[user, usd]:
            return False
        self._balances[user, usd] -= units * TOKEN_E18
        return True

    def balances(self, account: str) -> dict[str, str]:
        """Token units by strike asset, rounded down, as `balances` answers."""
        return {chain.usd: str(self._balances.get((account, chain.usd), 0) // TOKEN_E18) for chain in CHAINS.values()}

    def positions(self, account: str) -> list[dict[str, object]]:
        """Rows as `positions` answers: strike in 1e-18 here, not 1e-8; premium negative when the maker sold."""
        return [
            {
                "assetAddress": position.otoken,
                "balance": str(position.quantity_e18),
                "strike": str(position.terms.strike_e8 * (E18 // E8)),
                "expiry": position.terms.expiry_s,
                "isPut": position.terms.is_put,
                "underlying": position.terms.asset,
                "optionAsset": position.terms.asset,
                "premium": str(position.premium_e18),
                "isOtoken": True,
            }
            for (maker, _), position in self._positions.items()
            if maker == account
        ]

    def ledger(self) -> dict[str, dict[str, object]]:
        """Every maker's exact balances (1e-18 USD by strike asset) and positions, for /practice/ledger."""
        makers = {maker for maker, _ in self._balances} | {maker for maker, _ in self._positions}
        return {
            maker: {
                "balances_e18": {usd: str(held) for (owner, usd), held in self._balances.items() if owner == maker},
                "positions": self.positions(maker),
            }
            for maker in sorted(makers)
        }
