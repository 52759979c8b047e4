"""Black-76 against the Greeks that Deribit and Derive publish. Needs the captures beside the repository."""

import csv
import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from atomizer._core import black76

CAPTURES = Path(__file__).parents[3] / "shared" / "data"
pytestmark = pytest.mark.skipif(not CAPTURES.exists(), reason="captures are not part of the repository")

DAYS = 365.0
YEAR_S = DAYS * 86_400
HALF_IV_STEP = 5e-5  # Deribit prints mark_iv in percent with two decimals


def years_left(name: str, date_format: str, now_ms: float) -> float:
    expiry = datetime.strptime(name.split("-")[1], date_format).replace(hour=8, tzinfo=UTC)
    return (expiry.timestamp() - now_ms / 1000) / YEAR_S


def deribit_rows(file_name: str, prefix: str):
    with gzip.open(CAPTURES / "deribit_chain" / file_name, "rt") as table:
        for row in csv.DictReader(table):
            iv = float(row["mark_iv"] or "nan") / 100
            if iv > HALF_IV_STEP:
                yield row, iv, {name: float(row[prefix + name]) for name in ("delta", "gamma", "vega", "theta")}


def spread(figures: list[float], printed: float) -> float:
    """How far the venue's figure lies outside what its own printed volatility allows."""
    return max(min(figures) - printed, printed - max(figures), 0.0)


@pytest.mark.parametrize(
    ("file_name", "prefix"),
    [
        ("eth_20210211_full.csv.gz", "greeks."),
        ("BTC_20260114_options_raw.csv.gz", "greeks_"),
        ("BTC_20260118_options_raw.csv.gz", "greeks_"),
    ],
)
def test_deribit_greeks(file_name, prefix):
    """Deribit's mark and Greeks follow from its own mark volatility: coin price F⁻¹·Black-76, and its capped theta."""
    rows = 0
    for row, iv, venue in deribit_rows(file_name, prefix):
        name, forward = row["instrument_name"], float(row["underlying_price"])
        years = years_left(name, "%d%b%y", float(row["timestamp"]))
        option = (name.endswith("C"), forward, float(name.split("-")[2]), years)
        ours = [black76.greeks(*option, volatility) for volatility in (iv - HALF_IV_STEP, iv, iv + HALF_IV_STEP)]
        # Deribit's theta is per day, weighted down inside the last day and never more than the option is worth.
        thetas = [-min(-g.theta / DAYS * min(years * DAYS, 1.0), g.price) for g in ours]
        assert spread([g.price / forward for g in ours], float(row["mark_price"])) < 3e-4
        assert spread([g.delta for g in ours], venue["delta"]) < 1e-4
        assert spread([g.gamma for g in ours], venue["gamma"]) < 6e-6
        assert spread([g.vega / 100 for g in ours], venue["vega"]) < 1e-4 + 1e-3 * venue["vega"]
        assert spread(thetas, venue["theta"]) < 3e-4 + 0.02 * abs(venue["theta"])
        rows += 1
    assert rows > 600


def test_derive_deltas_and_marks():
    """Derive's delta is that of the undiscounted option, and its mark a discounted one, cut to whole dollars."""
    rows = 0
    with (CAPTURES / "derive" / "ticker_table_btc_20260925.csv").open() as table:
        for row in csv.DictReader(table):
            name = row["instrument_name"]
            years = years_left(name, "%Y%m%d", float(row["ticker_ts_ms"]))
            forward, strike = float(row["forward_price"]), float(name.split("-")[2])
            ours = black76.greeks(name.endswith("C"), forward, strike, years, float(row["iv"]))
            assert ours.delta == pytest.approx(float(row["delta"]), abs=2e-4)
            assert ours.price * (1 - 0.06 * years) - 3 <= float(row["mark_price"]) <= ours.price + 0.1
            rows += 1
    assert rows == 41


def test_derive_slim_ticker():
    """Derive's slim ticker prints theta per day and vega per volatility point."""
    pushes = json.loads((CAPTURES / "derive" / "derive_live_20260304.json").read_text())
    ticker = next(push["data"] for push in pushes if push["channel"].startswith("ticker_slim."))
    venue = {name: float(value) for name, value in ticker["instrument_ticker"]["option_pricing"].items()}
    years = years_left("BTC-20260305-69500-P", "%Y%m%d", ticker["timestamp"])
    ours = black76.greeks(False, venue["f"], 69500.0, years, venue["i"])
    assert ours.price == pytest.approx(venue["m"], abs=1.0)
    assert ours.delta == pytest.approx(venue["d"], abs=2e-4)
    assert ours.gamma == pytest.approx(venue["g"], rel=1e-3)
    assert ours.vega / 100 == pytest.approx(venue["v"], rel=1e-3)
    assert ours.theta / DAYS == pytest.approx(venue["t"], rel=1e-3)
