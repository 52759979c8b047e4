"""Flags and sections of the market maker: what is taken, and what is refused with the key and the remedy."""

import pytest
from click.testing import CliRunner

from atomizer.app.market_making_parts import check
from atomizer.cli.market_maker import command
from atomizer.config.load import load
from atomizer.errors import AtomizerError, ConfigError


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        (["--aggression", "-1"], 4, "market_maker.aggression (flag --aggression): must not be below 0"),
        (["--size", "0"], 4, "market_maker.size (flag --size): must be above 0"),
        (["--spread", "0"], 4, "market_maker.spread (flag --spread): must be above 0"),
        (["--min-spread", "20000"], 4, "market_maker.min_spread is 20000 bps, more than the price"),
        (["--size", "5", "--max-position", "4"], 4, "above market_maker.max_position 4: lower the size"),
        (["--size", "50"], 4, "above risk.max_order_size 25"),
        (["--refresh", "0"], 4, "market_maker.refresh is 0.0 s"),
        (["--bid-only", "--ask-only"], 4, "only one of both can be meant"),
        (["--strikes", "3000"], 2, "--strikes needs --expiry"),
        (["--expiry", "20261204"], 2, "--expiry needs --strikes"),
        (["--expiry", "soon", "--strikes", "3000"], 2, "write YYYYMMDD"),
        (["--expiry", "20261204", "--strikes", "3000", "--all-strikes"], 2, "only one of both"),
        (["--underlying", "eth"], 2, "--underlying 'eth' is no underlying: write it as in ETH or SOL_USDC"),
        (["--seed", "-1"], 2, "'--seed': -1 is not in the range x>=0"),
        (["--exchange", "rysk"], 4, "exchange.name rysk: no quotes can rest there: use derive or deribit"),
        (["--exchange", "ccxt:kraken"], 4, "exchange.name ccxt:kraken: no quotes can rest there"),
        (["--exchange", "nowhere"], 4, "exchange.name (flag --exchange): unknown exchange 'nowhere'"),
        (["--improvement", "-1"], 4, "market_maker.improvement (flag --improvement): must not be below 0"),
        (["--max-exposure", "0"], 4, "market_maker.max_exposure (flag --max-exposure): must be above 0"),
        (["--expiry", "20261204", "--strikes", "0"], 2, "must be above 0, not '0'"),
        (["--exchange", "derive"], 2, "nothing to quote: add --expiry"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_starts(tmp_path, monkeypatch, flags, code, words):
    """A wrong flag or combination ends with its exit code and one line with the key and the remedy."""
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(command, flags if "--exchange" in flags else ["--paper", *flags])
    assert done.stdout == ""
    if isinstance(done.exception, AtomizerError):
        assert (done.exception.exit_code, words in str(done.exception)) == (code, True), done.exception
    else:
        assert (done.exit_code, words in done.stderr) == (code, True), done.output
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"widest": "4"}, "market_maker.widest is 4: from 1 to 3 times the plain spread"),
        ({"taper_from": "1.5"}, "market_maker.taper_from is 1.5: a share of max_position, up to 1"),
        ({"near_expiry": "0"}, "market_maker.near_expiry is 0 s: give it a time"),
        ({"protection_delta": "5"}, "market_maker.protection_delta is 5: Deribit wants it below"),
        ({"protection_window": "1.5s"}, "market_maker.protection_window is 1.5 s: Deribit counts whole seconds"),
    ],
)
def test_what_only_the_file_can_say_is_refused_by_key(values, words):
    """A setting without a flag that cannot be meant names its key, its value and the remedy."""
    wanted = {f"market_maker.{name}": value for name, value in values.items()}
    with pytest.raises(ConfigError, match=words):
        check(load({"exchange.name": "sim:deribit", **wanted}, {}, None).settings)


CONFIG = """
market_maker:
  instruments:
    - underlying: ETH
      expiry: 20250530
      strikes: [2800, 3000, 3200]
  spread: 50                  # basis points
  min_spread: 10
  size: 0.1
  improvement: 0.05           # For aggressive mode (aggression >= 1.0)
  aggression: 0.7             # 0-0.9: conservative, 1.0+: aggressive
  max_position: 10.0
"""


def test_the_section_of_the_guide_is_read_as_it_is_printed(tmp_path):
    """The guide's `market_maker` section, its integer expiry and its lists, is what the run gets."""
    file = tmp_path / "config.yaml"
    file.write_text(CONFIG)
    maker = load({"market_maker.improvement": None}, {}, file).settings.market_maker
    (chain,) = maker.instruments
    assert (chain.underlying, chain.expiry, chain.strikes) == ("ETH", ("20250530",), (2800, 3000, 3200))
    figures = maker.spread, maker.min_spread, maker.size, maker.improvement, maker.aggression, maker.max_position
    assert [str(each) for each in figures] == ["50", "10", "0.1", "0.05", "0.7", "10.0"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("expiry: 20251345", "not a day: '20251345', write YYYYMMDD"),
        ("strikes: []", "not strikes"),
        ("strikes: [0]", "must be above 0"),
        ("option_type: X", "option_type"),
        ("strike: 3", "unknown field `strike`"),
    ],
)
def test_a_chain_that_cannot_be_meant_names_its_section(tmp_path, line, words):
    """A wrong key or value inside `instruments` is refused with the section and what is wrong."""
    chain = {"expiry": "20271231", "strikes": "[3000]"}
    key, _, value = line.partition(": ")
    rows = [f"{name}: {text}" for name, text in (chain | {key: value}).items()]
    file = tmp_path / "config.yaml"
    file.write_text("market_maker:\n  instruments:\n    - " + "\n      ".join(rows))
    with pytest.raises(ConfigError, match=f"market_maker.instruments.*{words}"):
        load({}, {}, file)
