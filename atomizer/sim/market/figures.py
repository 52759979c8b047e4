"""The shipped figures: what was fitted from recorded chains, and facts of the Rysk market list.

`scripts/fit_figures` writes the files; each names its sources, its model and its errors of fit.
"""

import json
from dataclasses import dataclass
from decimal import Decimal
from importlib import resources
from typing import Any

import numpy as np

from atomizer.sim.market.black76 import Floats
from atomizer.sim.market.listing import RyskAsset

UNDERLYINGS = ("ETH", "BTC")


@dataclass(frozen=True, slots=True)
class Figures:
    """What is known of one underlying. Arrays run over the tenors at `years`; carry is continuous, a year."""

    underlying: str
    spot: float
    years: Floats
    carry: Floats
    theta: Floats
    rho: Floats
    psi: Floats
    spread: dict[str, float]
    level_size: dict[str, float]
    dynamics: dict[str, float]


def _read(name: str) -> Any:
    return json.loads(resources.files("atomizer.sim").joinpath("figures", name).read_text("utf-8"))


def load_figures(underlying: str) -> Figures:
    raw = _read(f"{underlying.lower()}.json")
    columns = {name: np.array(raw[name], np.float64) for name in ("carry", "theta", "rho", "psi")}
    return Figures(
        underlying=underlying,
        spot=float(raw["spot"]),
        years=np.array(raw["tenor_days"], np.float64) / 365,
        spread=raw["spread"],
        level_size=raw["level_size"],
        dynamics=raw["dynamics"],
        **columns,
    )


def load_rysk_assets() -> tuple[RyskAsset, ...]:
    """The Rysk market list, with the prices that it was recorded with."""
    return tuple(
        RyskAsset(
            chain_id=int(chain_id),
            address=asset["address"],
            symbol=asset["symbol"],
            underlying=asset["underlying"],
            decimals=asset["decimals"],
            min_trade_size=Decimal(asset["min_trade_size"]),
            max_trade_size=Decimal(asset["max_trade_size"]),
            price=Decimal(asset["price"]),
            underlying_address=asset["underlying_address"],
            usd=chain["usd"],
        )
        for chain_id, chain in _read("rysk.json")["chains"].items()
        for asset in chain["assets"]
    )
