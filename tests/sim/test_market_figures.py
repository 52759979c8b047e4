"""The shipped figures against the recordings that they were fitted from; skipped where those are absent."""

import csv
import gzip
import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from math import log, sqrt
from pathlib import Path

import numpy as np
import pytest

from atomizer.sim.market.black76 import price_and_delta
from atomizer.sim.market.figures import UNDERLYINGS, load_figures, load_rysk_assets
from atomizer.sim.market.smile import slices_at, total_variance

ROOT = Path(__file__).parents[2]
RECORDED = ROOT.parent / "shared" / "data"
recorded = pytest.mark.skipif(not RECORDED.is_dir(), reason="the recordings are not shipped")
YEAR_S = 365 * 86_400


@recorded
def test_shipped_figures_are_what_the_program_fits(tmp_path):
    """`scripts/fit_figures` over the recordings writes the shipped files again."""
    command = [sys.executable, ROOT / "scripts" / "fit_figures", RECORDED, "--out", tmp_path]
    subprocess.run(command, check=True, capture_output=True)
    for name in ("eth.json", "btc.json", "rysk.json"):
        shipped = json.loads((ROOT / "atomizer" / "sim" / "figures" / name).read_text("utf-8"))
        again = json.loads((tmp_path / name).read_text("utf-8"))
        assert again.keys() == shipped.keys()
        for key, value in shipped.items():
            assert again[key] == (pytest.approx(value, rel=1e-3) if is_numbers(value) else value)


def is_numbers(value) -> bool:
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
    return all(isinstance(item, int | float) for item in items)


@recorded
@pytest.mark.parametrize("underlying", UNDERLYINGS)
def test_smiles_reproduce_the_recorded_ones(underlying):
    """Mark IVs of the recorded chain within 1.5 deviations come back to 0.6 volatility points on average."""
    figures = load_figures(underlying)
    path = RECORDED / "deribit_chain" / "btc_eth_20260129T042227Z.csv.gz"
    with gzip.open(path, "rt", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["currency"] == underlying]
    errors = []
    for row in rows:
        years, iv = float(row["time_to_maturity"]), float(row["implied_volatility"])
        k = log(float(row["strike"]) / float(row["futures_price"]))
        if years > 1 / 365 and abs(k) < 1.5 * iv * sqrt(years):
            variance = total_variance(slices_at(figures, np.array([years])), np.array([k]))
            errors.append(100 * (sqrt(float(variance[0]) / years) - iv))
    assert len(errors) > 200
    assert float(np.sqrt(np.mean(np.square(errors)))) < 0.6


@recorded
def test_black76_gives_derives_own_marks_and_deltas():
    """From Derive's published forward and IV come its deltas to five digits and, discounted, its marks."""
    with (RECORDED / "derive" / "ticker_table_btc_20260925.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        _, day, strike, kind = row["instrument_name"].split("-")
        expiry_s = datetime.strptime(day, "%Y%m%d").replace(hour=8, tzinfo=UTC).timestamp()
        years = (expiry_s - int(row["ticker_ts_ms"]) / 1000) / YEAR_S
        forward, index = float(row["forward_price"]), float(row["index_price"])
        columns = [np.array([value]) for value in (forward, float(strike), float(row["iv"]) * sqrt(years))]
        price, delta, _ = price_and_delta(*columns, np.array([kind == "C"]))
        mark = float(price[0]) * min(1.0, index / forward)
        assert float(delta[0]) == pytest.approx(float(row["delta"]), abs=2e-4)
        assert mark == pytest.approx(float(row["mark_price"]), abs=3 + 0.001 * mark)


@pytest.mark.parametrize("underlying", UNDERLYINGS)
def test_figures_say_where_they_come_from(underlying):
    """Each file names its sources, its model and its error of fit, tenor by tenor; slices are free of butterflies."""
    raw = json.loads((ROOT / "atomizer" / "sim" / "figures" / f"{underlying.lower()}.json").read_text("utf-8"))
    assert raw["sources"]
    assert "eSSVI" in raw["model"]
    assert len(raw["rms_vol_points"]) == len(raw["tenor_days"]) >= 8
    assert max(raw["rms_vol_points_near"]) < 0.5
    for theta, rho, psi in zip(raw["theta"], raw["rho"], raw["psi"], strict=True):
        assert psi * (1 + abs(rho)) <= 4
        assert psi * psi * (1 + abs(rho)) <= 4 * theta
    assert all(before < after for before, after in zip(raw["theta"], raw["theta"][1:], strict=False))


def test_rysk_assets_are_lower_case_addresses_with_room_to_trade():
    """Addresses are in the form that the venue compares; sizes leave room; only the known chains appear."""
    assets = load_rysk_assets()
    assert {asset.chain_id for asset in assets} == {84_532, 998, 10_143}
    assert {"WETH", "WBTC", "WHYPE"} <= {asset.symbol for asset in assets}
    for asset in assets:
        for address in (asset.address, asset.underlying_address, asset.usd):
            assert re.fullmatch("0x[0-9a-f]{40}", address)
        assert 0 < asset.min_trade_size < asset.max_trade_size
        assert asset.price > 0
